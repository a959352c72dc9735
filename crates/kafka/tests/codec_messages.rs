//! What the table alone does not show: records that are sent beside the message, tagged fields, headers, limits.

use narumq_kafka::codec::messages::cluster::ApiVersionsResponse;
use narumq_kafka::codec::messages::fetch::{FetchResponse, FetchableTopicResponse, PartitionData};
use narumq_kafka::codec::messages::groups::{HeartbeatRequest, HeartbeatResponse, JoinGroupResponse};
use narumq_kafka::codec::messages::metadata::{MetadataRequest, MetadataRequestTopic};
use narumq_kafka::codec::messages::produce::{PartitionProduceData, ProduceRequest, ProduceResponse, TopicProduceData};
use narumq_kafka::codec::{
    ApiKey, Caller, Cut, DecodeError, ErrorCode, FRAME_MAX, Message, One, Reader, Records, RequestHeader, STRING_MAX,
    Versions, encode_request, encode_response, split_frame,
};

fn encoded<'a>(message: &impl Message<'a>, version: i16) -> Vec<u8> {
    let (mut out, mut cuts) = (Vec::new(), Vec::new());
    message.encode(version, &mut out, &mut cuts);
    assert!(cuts.is_empty());
    out
}

fn fetch_response(records: [Records<'_>; 3]) -> FetchResponse<'_> {
    let partition = |(index, records)| PartitionData { partition_index: index, records, ..Default::default() };
    let partitions = (0..).zip(records).map(partition).collect::<One<_>>();
    let topic = FetchableTopicResponse { topic: "orders", partitions, ..Default::default() };
    FetchResponse { responses: [topic].into_iter().collect(), ..Default::default() }
}

#[test]
fn records_elsewhere_leave_cuts_where_records_here_would_stand() {
    let (first, third) = (vec![0xAA; 300], vec![0xBB; 7]);
    let here = [Records::Here(&first), Records::Null, Records::Here(&third)];
    let copied = fetch_response(here);
    let beside = fetch_response([
        Records::Elsewhere { length: 300, index: 8 },
        Records::Null,
        Records::Elsewhere { length: 7, index: 9 },
    ]);
    for version in [4, 11, 12, 18] {
        let (mut whole, mut none) = (b"before".to_vec(), Vec::new());
        encode_response(7, version, &copied, &mut whole, &mut none);
        assert!(none.is_empty());

        let old = Cut { position: 1, length: 1_000_000, index: 3 };
        let (mut pieces, mut cuts) = (b"before".to_vec(), vec![old]);
        encode_response(7, version, &beside, &mut pieces, &mut cuts);
        assert_eq!(cuts[0], old);
        assert_eq!(cuts[1..].iter().map(|cut| (cut.length, cut.index)).collect::<Vec<_>>(), [(300, 8), (7, 9)]);
        let mut sent = pieces[..cuts[1].position].to_vec();
        sent.extend(&first);
        sent.extend(&pieces[cuts[1].position..cuts[2].position]);
        sent.extend(&third);
        sent.extend(&pieces[cuts[2].position..]);
        assert_eq!(sent, whole, "version {version}");

        let frame = split_frame(&whole[6..], FRAME_MAX).unwrap().unwrap();
        let header = if version >= 12 { 5 } else { 4 };
        let decoded = FetchResponse::decode(&frame.content[header..], version).unwrap();
        let records = decoded.responses[0].partitions.iter().map(|partition| partition.records);
        assert_eq!(records.collect::<Vec<_>>(), here);
    }
}

#[test]
fn records_of_a_request_are_the_very_bytes_that_came() {
    let batch = [0x5A; 90];
    let partition_data = One::from_elem(PartitionProduceData { index: 3, records: Some(&batch) }, 1);
    let topic_data = One::from_elem(TopicProduceData { name: "orders", partition_data, ..Default::default() }, 1);
    let request = ProduceRequest { acks: -1, timeout_ms: 30_000, topic_data, ..Default::default() };
    let bytes = encoded(&request, 9);
    let decoded = ProduceRequest::decode(&bytes, 9).unwrap();
    let records = decoded.topic_data[0].partition_data[0].records.unwrap();
    assert_eq!(records, batch);
    assert!(bytes.as_ptr_range().contains(&records.as_ptr()));
    assert!(!decoded.topic_data.spilled() && !decoded.topic_data[0].partition_data.spilled());
}

#[test]
fn unknown_tagged_fields_are_skipped() {
    let heartbeat = HeartbeatRequest { group_id: "g", generation_id: 1, member_id: "m", ..Default::default() };
    let mut bytes = encoded(&heartbeat, 4);
    assert_eq!(bytes.pop(), Some(0));
    bytes.extend([2, 0, 3, 1, 2, 3, 0x85, 0x01, 0]); // two fields: tag 0 with three bytes, tag 133 with none
    assert_eq!(HeartbeatRequest::decode(&bytes, 4), Ok(heartbeat));
    let count = bytes.len() - 9;
    bytes[count] = 3; // one more than there are
    assert_eq!(HeartbeatRequest::decode(&bytes, 4), Err(DecodeError::Truncated));
}

#[test]
fn a_known_tagged_field_has_the_size_it_says() {
    let response = ApiVersionsResponse { finalized_features_epoch: 5, ..Default::default() };
    let right = encoded(&response, 3);
    assert_eq!(right[right.len() - 11..], [1, 1, 8, 0, 0, 0, 0, 0, 0, 0, 5]);
    assert_eq!(ApiVersionsResponse::decode(&right, 3), Ok(response));
    let mut longer = right.clone();
    let size = right.len() - 9;
    longer[size] = 9;
    longer.push(0);
    assert_eq!(ApiVersionsResponse::decode(&longer, 3), Err(DecodeError::BadLength));
    let mut shorter = right;
    shorter[size] = 7;
    assert_eq!(ApiVersionsResponse::decode(&shorter, 3), Err(DecodeError::Truncated));
}

#[test]
fn what_follows_a_message_is_ignored() {
    let mut bytes =
        encoded(&HeartbeatResponse { error_code: ErrorCode::RebalanceInProgress.code(), ..Default::default() }, 0);
    assert_eq!(bytes, [0, 27]);
    bytes.push(9);
    assert_eq!(HeartbeatResponse::decode(&bytes, 0).map(|response| response.error_code), Ok(27));
}

#[test]
fn a_null_that_the_version_does_not_have_is_written_as_empty() {
    // All topics are an empty array in version 0 and a null after that.
    let all = MetadataRequest { topics: None, ..Default::default() };
    assert_eq!(encoded(&all, 0), [0, 0, 0, 0]);
    assert_eq!(encoded(&all, 1), [0xFF; 4]);
    let failed = JoinGroupResponse { protocol_name: None, ..Default::default() };
    let bytes = encoded(&failed, 6);
    assert_eq!(JoinGroupResponse::decode(&bytes, 6).map(|response| response.protocol_name), Ok(Some("")));
    let by_id = MetadataRequestTopic { name: None, ..Default::default() };
    let request = MetadataRequest { topics: Some(vec![by_id]), ..Default::default() };
    assert_eq!(MetadataRequest::decode(&encoded(&request, 12), 12), Ok(request));
}

#[test]
fn a_string_too_long_for_the_protocol_is_cut_after_a_whole_character() {
    let long = "ö".repeat(STRING_MAX);
    for version in [3, 4] {
        let request = HeartbeatRequest { group_id: &long, ..Default::default() };
        let bytes = encoded(&request, version);
        let decoded = HeartbeatRequest::decode(&bytes, version).unwrap();
        assert_eq!(decoded.group_id.len(), STRING_MAX - 1);
    }
}

#[test]
fn a_request_header_has_tagged_fields_in_flexible_versions_only() {
    let caller = Caller { correlation_id: 0x0102_0304, client_id: Some("me") };
    let heartbeat = HeartbeatRequest::default();
    let mut out = Vec::new();
    encode_request(caller, 3, &heartbeat, &mut out);
    assert_eq!(out[4..20], [0, 12, 0, 3, 1, 2, 3, 4, 0, 2, b'm', b'e', 0, 0, 0, 0]);
    out.clear();
    encode_request(caller, 4, &heartbeat, &mut out);
    assert_eq!(out[4..22], [0, 12, 0, 4, 1, 2, 3, 4, 0, 2, b'm', b'e', 0, 1, 0, 0, 0, 0]);
}

#[test]
fn the_header_of_an_unknown_version_of_api_versions_can_be_read() {
    let bytes = [0, 18, 0, 99, 0, 0, 0, 7, 0xFF, 0xFF, 0, b'?'];
    let mut reader = Reader::new(&bytes);
    let header = RequestHeader::read(&mut reader).unwrap();
    assert_eq!(header, RequestHeader { api_key: 18, api_version: 99, correlation_id: 7, client_id: None });
    assert_eq!(header.api(), Err(DecodeError::Version(99)));
    assert_eq!(reader.rest(), b"?");
}

#[test]
fn the_response_to_api_versions_has_no_tagged_fields_in_its_header() {
    for (version, length) in [(0, 10), (2, 14), (3, 12), (4, 12)] {
        let mut out = Vec::new();
        encode_response(7, version, &ApiVersionsResponse::default(), &mut out, &mut Vec::new());
        assert_eq!(out[..8], [0, 0, 0, length, 0, 0, 0, 7]);
    }
}

#[test]
fn produce_is_advertised_from_0_and_built_from_3() {
    assert_eq!(ApiKey::Produce.advertised(), Versions { min: 0, max: 13 });
    assert_eq!(ApiKey::Produce.built(), Versions { min: 3, max: 13 });
    let others = ApiKey::ALL.iter().filter(|api| **api != ApiKey::Produce);
    others.for_each(|api| assert!(api.advertised().min >= api.built().min, "{api:?}"));
    assert_eq!(encoded(&ProduceResponse::default(), 3), [0; 8]);
}

#[test]
fn error_codes_are_found_by_their_numbers() {
    for code in -1..=133 {
        let found = ErrorCode::from_code(code).unwrap();
        assert_eq!((found.code(), ErrorCode::from_code(134)), (code, None));
    }
    assert_eq!(ErrorCode::from_code(79).map(ErrorCode::name), Some("MEMBER_ID_REQUIRED"));
    assert_eq!(ErrorCode::default(), ErrorCode::None);
}
