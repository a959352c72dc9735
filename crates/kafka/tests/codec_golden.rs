//! Messages that another implementation has encoded: they decode to what it meant and encode to the same bytes.
//!
//! The files are made by `e2e/tools/kafka_golden.py`.
#![allow(clippy::unwrap_used, reason = "a message that cannot be read fails the test")]

mod codec_support;

use std::collections::BTreeSet;

use codec_support::{Golden, Kind, golden};
use narumq_kafka::codec::{
    ApiKey, Caller, FRAME_MAX, Reader, Request, RequestHeader, Response, read_response_header, split_frame,
};

/// Decodes the message and returns it as text, after it was encoded again to the same bytes.
fn decoded_and_encoded(golden: &Golden) -> String {
    let Golden { api, version, bytes, .. } = golden;
    let frame = split_frame(bytes, FRAME_MAX).unwrap().unwrap();
    assert!(frame.rest.is_empty());
    let mut reader = Reader::new(frame.content);
    let (mut out, mut cuts) = (Vec::new(), Vec::new());
    let text = match golden.kind {
        Kind::Request => {
            let header = RequestHeader::read(&mut reader).unwrap();
            assert_eq!(header.api(), Ok(*api));
            assert_eq!(header.api_version, *version);
            assert!(matches!(header.client_id, None | Some("golden")));
            let request = Request::read(*api, *version, &mut reader).unwrap();
            let RequestHeader { correlation_id, client_id, .. } = header;
            request.encode_frame(Caller { correlation_id, client_id }, *version, &mut out);
            format!("{request:?}")
        }
        Kind::Response => {
            let correlation_id = read_response_header(*api, *version, &mut reader).unwrap();
            assert_eq!(correlation_id / 1000, i32::from(*version));
            let response = Response::read(*api, *version, &mut reader).unwrap();
            response.encode_frame(correlation_id, *version, &mut out, &mut cuts);
            format!("{response:?}")
        }
    };
    assert_eq!(reader.rest(), [], "bytes are left of {golden:?}");
    assert_eq!(out, *bytes, "{golden:?} as {text}");
    assert!(cuts.is_empty());
    text
}

/// The text without the names of types: `Produce(ProduceRequest { acks: 1 })` becomes `{ acks: 1 }`.
fn without_type_names(text: &str) -> String {
    let (_, body) = text.split_once('(').unwrap();
    let body = body.strip_suffix(')').unwrap();
    let mut plain = String::new();
    for part in body.split_inclusive(" {") {
        let name = part.strip_suffix(" {").map_or(0, |before| {
            before.len() - before.trim_end_matches(|letter: char| letter.is_ascii_alphanumeric()).len()
        });
        match name {
            0 => plain.push_str(part),
            _ => {
                plain.push_str(&part[..part.len() - " {".len() - name]);
                plain.push('{');
            }
        }
    }
    plain
}

#[test]
fn messages_of_another_implementation_decode_and_encode_to_the_same_bytes() {
    for golden in golden() {
        decoded_and_encoded(&golden);
    }
}

#[test]
fn fields_have_the_values_and_the_defaults_that_the_other_implementation_means() {
    let mut checked = BTreeSet::new();
    for golden in golden() {
        let Some(value) = &golden.value else { continue };
        assert_eq!(without_type_names(&decoded_and_encoded(&golden)), *value, "{golden:?}");
        checked.insert((golden.api.key(), golden.kind == Kind::Request));
    }
    assert_eq!(checked.len(), 2 * ApiKey::ALL.len());
}

#[test]
fn every_version_of_every_api_is_among_them() {
    let there = golden().iter().map(|golden| (golden.api.key(), golden.version, golden.kind)).collect::<BTreeSet<_>>();
    let built = ApiKey::ALL.iter().flat_map(|api| {
        let versions = api.built();
        (versions.min..=versions.max)
            .flat_map(|version| [(api.key(), version, Kind::Request), (api.key(), version, Kind::Response)])
    });
    assert_eq!(there, built.collect());
}
