//! Bytes that no client means: they are refused, nothing panics, and memory stays in proportion to what was sent.

mod codec_support;

use codec_support::{Golden, Kind, golden};
use narumq_kafka::codec::messages::{groups, metadata, produce};
use narumq_kafka::codec::{
    ARRAY_MEMORY_MAX, ApiKey, DecodeError, Message, Reader, Request, RequestHeader, Response, STRING_MAX,
    read_response_header,
};

/// The most memory that arrays may take for each byte of a request, whatever stands in it.
const MEMORY_PER_BYTE: usize = 48;

/// Decodes header and body, and tells how much memory the arrays took, also when they were refused.
fn decode(golden: &Golden, content: &[u8]) -> (Result<(), DecodeError>, usize) {
    let mut reader = Reader::new(content);
    let result = match golden.kind {
        Kind::Request => RequestHeader::read(&mut reader)
            .and_then(|header| Ok((header.api()?, header.api_version)))
            .and_then(|(api, version)| Request::read(api, version, &mut reader).map(drop)),
        Kind::Response => read_response_header(golden.api, golden.version, &mut reader)
            .and_then(|_| Response::read(golden.api, golden.version, &mut reader).map(drop)),
    };
    (result, reader.array_memory())
}

#[test]
fn a_message_that_is_cut_short_is_refused_at_every_length() {
    for golden in golden() {
        let content = &golden.bytes[4..];
        for length in 0..content.len() {
            let (result, _) = decode(&golden, &content[..length]);
            assert!(result.is_err(), "{length} of {} bytes of {golden:?}", content.len());
        }
    }
}

#[test]
fn no_changed_byte_makes_a_decoder_panic_or_take_memory_out_of_proportion() {
    let mut most = 0;
    for golden in golden() {
        let mut content = golden.bytes[4..].to_vec();
        for position in 0..content.len() {
            let right = content[position];
            for wrong in [0x00, 0x01, 0x7F, 0x80, 0xFE, 0xFF, right.wrapping_add(1), right ^ 0x10] {
                content[position] = wrong;
                let (_, memory) = decode(&golden, &content);
                if golden.kind == Kind::Request {
                    most = most.max(memory / content.len());
                }
            }
            content[position] = right;
        }
    }
    assert!((10..=MEMORY_PER_BYTE).contains(&most), "{most} bytes of memory for a byte of a request");
}

#[test]
fn pairs_of_changed_bytes_do_not_make_a_decoder_panic() {
    // Lengths of two bytes, and a length together with what it is the length of.
    for golden in golden().iter().filter(|golden| golden.version == golden.api.built().max) {
        let mut content = golden.bytes[4..].to_vec();
        for position in 1..content.len() {
            let right = [content[position - 1], content[position]];
            for wrong in [[0xFF, 0xFF], [0x7F, 0xFF], [0x80, 0x00], [0xFF, 0x0F], [0x00, 0x00], [0x80, 0x80]] {
                content[position - 1..=position].copy_from_slice(&wrong);
                decode(golden, &content).0.ok();
            }
            content[position - 1..=position].copy_from_slice(&right);
        }
    }
}

#[test]
fn an_array_that_the_bytes_cannot_hold_is_refused_before_it_is_allocated() {
    // Twelve bytes that ask for 2^31 - 1 elements, in the classic and in the compact form.
    let classic = [0x7F, 0xFF, 0xFF, 0xFF, 0, 0, 0, 0, 0, 0, 0, 0];
    let compact = [0xFF, 0xFF, 0xFF, 0xFF, 0x07, 0, 0, 0, 0, 0, 0, 0];
    for (api, version, bytes) in [
        (ApiKey::Metadata, 8, classic),
        (ApiKey::Metadata, 12, compact),
        (ApiKey::DescribeGroups, 4, classic),
        (ApiKey::ListGroups, 5, compact),
        (ApiKey::CreateTopics, 4, classic),
        (ApiKey::CreateTopics, 7, compact),
        (ApiKey::DescribeConfigs, 4, compact),
        (ApiKey::DescribeTopicPartitions, 0, compact),
    ] {
        let mut reader = Reader::new(&bytes);
        assert_eq!(Request::read(api, version, &mut reader), Err(DecodeError::TooMany), "{api:?} v{version}");
        assert_eq!(reader.array_memory(), 0);
    }
}

#[test]
fn an_array_that_the_bytes_can_hold_but_the_memory_cannot_is_refused() {
    // A topic without a name takes two bytes here and forty in memory.
    let count = ARRAY_MEMORY_MAX / size_of::<metadata::MetadataRequestTopic<'_>>() + 1;
    let mut bytes = Vec::new();
    let mut rest = count + 1;
    while rest >= 0x80 {
        bytes.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    bytes.push(rest as u8);
    bytes.resize(bytes.len() + 2 * count + 4, 0);
    let decoded = metadata::MetadataRequest::decode(&bytes, 9);
    assert_eq!(decoded, Err(DecodeError::TooMany));
}

#[test]
fn a_length_below_minus_one_is_refused() {
    // Acks and timeout are right; the transactional id is -2 bytes long.
    let bytes = [0xFF, 0xFE, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0];
    assert_eq!(produce::ProduceRequest::decode(&bytes, 7), Err(DecodeError::BadLength));
}

#[test]
fn a_null_where_the_version_has_none_is_refused() {
    // Heartbeat: group id null. Metadata v0: null topics, which version 1 has. Metadata v9: null name, which 10 has.
    assert_eq!(groups::HeartbeatRequest::decode(&[0xFF, 0xFF], 0), Err(DecodeError::Null));
    assert_eq!(groups::HeartbeatRequest::decode(&[0, 0, 0, 0, 0, 0, 0], 4), Err(DecodeError::Null));
    assert_eq!(metadata::MetadataRequest::decode(&[0xFF; 4], 0), Err(DecodeError::Null));
    assert_eq!(metadata::MetadataRequest::decode(&[0xFF; 4], 1).map(|request| request.topics), Ok(None));
    assert_eq!(metadata::MetadataRequest::decode(&[2, 0, 0, 0, 0, 0, 0], 9), Err(DecodeError::Null));
}

#[test]
fn a_string_that_is_not_utf8_is_refused() {
    assert_eq!(groups::HeartbeatRequest::decode(&[0, 2, 0xC3, 0x28], 0), Err(DecodeError::NotUtf8));
}

#[test]
fn a_string_longer_than_the_protocol_has_is_refused_in_the_compact_form_too() {
    let mut bytes = vec![0x81, 0x80, 0x02]; // 32,768 + 1
    bytes.resize(40_000, b'a');
    assert_eq!(groups::HeartbeatRequest::decode(&bytes, 4), Err(DecodeError::BadLength));
    bytes[0] = 0x80; // 32,767 + 1: the string is right, and what follows is not the rest of a heartbeat
    let mut reader = Reader::new(&bytes);
    assert!(Request::read(ApiKey::Heartbeat, 4, &mut reader).is_err());
    assert!(reader.rest().len() < bytes.len() - STRING_MAX);
}

#[test]
fn a_number_of_more_than_five_bytes_or_32_bits_is_refused() {
    let six = [0x80, 0x80, 0x80, 0x80, 0x80, 0x01];
    let wide = [0xFF, 0xFF, 0xFF, 0xFF, 0x1F, 0];
    for bytes in [six, wide] {
        assert_eq!(groups::HeartbeatRequest::decode(&bytes, 4), Err(DecodeError::BadLength));
    }
}

#[test]
fn versions_and_apis_that_are_not_built_are_told_from_each_other() {
    let header = |api_key, api_version| RequestHeader { api_key, api_version, correlation_id: 1, client_id: None };
    assert_eq!(header(18, 5).api(), Err(DecodeError::Version(5)));
    assert_eq!(header(0, 2).api(), Err(DecodeError::Version(2)));
    assert_eq!(header(0, -1).api(), Err(DecodeError::Version(-1)));
    assert_eq!(header(4, 0).api(), Err(DecodeError::Api(4)));
    assert_eq!(header(-1, 0).api(), Err(DecodeError::Api(-1)));
    assert_eq!(produce::ProduceRequest::decode(&[], 14), Err(DecodeError::Version(14)));
}
