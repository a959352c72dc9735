//! Nanoseconds per message decoded and encoded: `cargo run --release -p narumq-kafka --example codec_speed`.
#![allow(clippy::disallowed_methods, reason = "a measurement reads the clock")]

use std::hint::black_box;
use std::time::Instant;

use narumq_kafka::codec::messages::fetch::{FetchPartition, FetchRequest, FetchTopic};
use narumq_kafka::codec::messages::fetch::{FetchResponse, FetchableTopicResponse, PartitionData};
use narumq_kafka::codec::messages::metadata::{MetadataResponse, MetadataResponsePartition, MetadataResponseTopic};
use narumq_kafka::codec::messages::produce::{PartitionProduceData, ProduceRequest, TopicProduceData};
use narumq_kafka::codec::messages::produce::{PartitionProduceResponse, ProduceResponse, TopicProduceResponse};
use narumq_kafka::codec::{
    Caller, FRAME_MAX, Message, One, Reader, Records, RequestHeader, Uuid, encode_request, encode_response, split_frame,
};

/// The best of many rounds, in nanoseconds per call.
fn measure(name: &str, mut call: impl FnMut()) {
    const CALLS: u32 = 200_000;
    let best = (0..25)
        .map(|_| {
            let begin = Instant::now();
            for _ in 0..CALLS {
                call();
            }
            begin.elapsed().as_nanos() as f64 / f64::from(CALLS)
        })
        .fold(f64::INFINITY, f64::min);
    println!("{name:<58} {best:7.1} ns");
}

const TOPIC_ID: Uuid = Uuid([7; 16]);

fn produce_frame(version: i16, partitions: i32, batch: &[u8]) -> Vec<u8> {
    let partition_data =
        (0..partitions).map(|index| PartitionProduceData { index, records: Some(batch) }).collect::<One<_>>();
    let topic = TopicProduceData { name: "orders.created", topic_id: TOPIC_ID, partition_data };
    let request =
        ProduceRequest { acks: -1, timeout_ms: 30_000, topic_data: One::from_elem(topic, 1), ..Default::default() };
    let mut frame = Vec::new();
    encode_request(Caller { correlation_id: 7, client_id: Some("producer-1") }, version, &request, &mut frame);
    frame
}

/// Splits the frame and decodes header and body.
fn decode<'a, M: Message<'a>>(frame: &'a [u8]) -> (RequestHeader<'a>, M) {
    let frame = split_frame(frame, FRAME_MAX).expect("a good size").expect("a whole frame");
    let mut reader = Reader::new(frame.content);
    let header = RequestHeader::read(&mut reader).expect("a header");
    let form = M::API.form(header.api_version).expect("a version that is built");
    let body = M::read(&mut reader, form).expect("a body");
    (header, body)
}

/// What a broker answers to a produce request.
fn produce_response<'a>(request: &ProduceRequest<'a>) -> ProduceResponse<'a> {
    let partition = |data: &PartitionProduceData<'a>| PartitionProduceResponse {
        index: data.index,
        base_offset: 123_456_789,
        log_start_offset: 0,
        ..Default::default()
    };
    let topic = |data: &TopicProduceData<'a>| TopicProduceResponse {
        name: data.name,
        topic_id: data.topic_id,
        partition_responses: data.partition_data.iter().map(partition).collect(),
    };
    ProduceResponse { responses: request.topic_data.iter().map(topic).collect(), ..Default::default() }
}

fn measure_produce(version: i16, partitions: i32) {
    let frame = produce_frame(version, partitions, &[0x5A; 1024]);
    let (_, request) = decode::<ProduceRequest<'_>>(&frame);
    let response = produce_response(&request);
    let (mut out, mut cuts) = (Vec::with_capacity(4096), Vec::new());
    let what = format!("v{version}, {partitions} partitions");
    measure(&format!("produce request decoded, {what}"), || {
        black_box(decode::<ProduceRequest<'_>>(black_box(&frame)));
    });
    measure(&format!("produce response encoded, {what}"), || {
        out.clear();
        encode_response(7, version, black_box(&response), &mut out, &mut cuts);
        black_box(&out);
    });
    measure(&format!("both, with the response made between, {what}"), || {
        let (header, request) = decode::<ProduceRequest<'_>>(black_box(&frame));
        out.clear();
        encode_response(header.correlation_id, version, &produce_response(&request), &mut out, &mut cuts);
        black_box(&out);
    });
}

fn measure_fetch(version: i16) {
    let partitions =
        One::from_elem(FetchPartition { fetch_offset: 99, partition_max_bytes: 1 << 20, ..Default::default() }, 1);
    let topic = FetchTopic { topic: "orders.created", topic_id: TOPIC_ID, partitions };
    let request =
        FetchRequest { max_wait_ms: 500, min_bytes: 1, topics: One::from_elem(topic, 1), ..Default::default() };
    let mut frame = Vec::new();
    encode_request(Caller { correlation_id: 7, client_id: Some("consumer-1") }, version, &request, &mut frame);
    measure(&format!("fetch request decoded, v{version}, 1 partition"), || {
        black_box(decode::<FetchRequest<'_>>(black_box(&frame)));
    });
    let records = Records::Elsewhere { length: 1 << 20, index: 0 };
    let partitions = One::from_elem(PartitionData { high_watermark: 5, records, ..Default::default() }, 1);
    let topic = FetchableTopicResponse { topic: "orders.created", topic_id: TOPIC_ID, partitions };
    let response = FetchResponse { responses: One::from_elem(topic, 1), ..Default::default() };
    let (mut out, mut cuts) = (Vec::with_capacity(4096), Vec::with_capacity(8));
    measure(&format!("fetch response encoded, v{version}, 1 MiB elsewhere"), || {
        out.clear();
        cuts.clear();
        encode_response(7, version, black_box(&response), &mut out, &mut cuts);
        black_box((&out, &cuts));
    });
}

fn main() {
    for (version, partitions) in [(7, 1), (9, 1), (13, 1), (9, 16)] {
        measure_produce(version, partitions);
    }
    measure_fetch(11);
    measure_fetch(16);
    let partition = |partition_index| MetadataResponsePartition {
        partition_index,
        replica_nodes: vec![1],
        isr_nodes: vec![1],
        ..Default::default()
    };
    let topic = MetadataResponseTopic {
        name: Some("orders.created"),
        partitions: (0..100).map(partition).collect(),
        ..Default::default()
    };
    let response = MetadataResponse { topics: vec![topic], ..Default::default() };
    let mut out = Vec::with_capacity(16_384);
    measure("metadata response encoded, v12, 100 partitions", || {
        out.clear();
        encode_response(7, 12, black_box(&response), &mut out, &mut Vec::new());
        black_box(&out);
    });
}
