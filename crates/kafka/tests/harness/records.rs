//! Batches go in and come out, through requests.

use super::Stage;
use narumq_kafka::codec::Records as Carried;
use narumq_kafka::codec::messages::fetch::{FetchPartition, FetchRequest, FetchResponse, FetchTopic};
use narumq_kafka::codec::messages::produce::{
    PartitionProduceData, PartitionProduceResponse, ProduceRequest, ProduceResponse, TopicProduceData,
};
use narumq_kafka::records::{BatchBuilder, Codec, NewRecord};
use smallvec::smallvec;

/// A batch of these keys and values, all of one time.
pub fn batch(codec: Codec, time: i64, records: &[(&str, &str)]) -> Vec<u8> {
    let mut builder = BatchBuilder::new(codec, 1 << 24);
    for (key, value) in records {
        let key = (!key.is_empty()).then_some(key.as_bytes());
        assert!(builder.push(&NewRecord { timestamp: time, key, value: Some(value.as_bytes()), headers: &[] }));
    }
    builder.finish().unwrap()
}

/// What became of a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Produced {
    pub code: i16,
    pub text: Option<String>,
    pub offset: i64,
    pub time: i64,
}

/// Produces a batch into partition 0.
pub fn produce(stage: &mut Stage, topic: &str, batch: &[u8]) -> Produced {
    let data = PartitionProduceData { index: 0, records: Some(batch) };
    let topic = TopicProduceData { name: topic, partition_data: smallvec![data], ..Default::default() };
    let request = ProduceRequest { acks: -1, timeout_ms: 1000, topic_data: smallvec![topic], ..Default::default() };
    let answer = stage.call(9, &request);
    let response: ProduceResponse<'_> = answer.read();
    let told: &PartitionProduceResponse<'_> = &response.responses[0].partition_responses[0];
    let text = told.error_message.map(str::to_owned);
    Produced { code: told.error_code, text, offset: told.base_offset, time: told.log_append_time_ms }
}

/// What partition 0 has from an offset on.
pub fn fetch(stage: &mut Stage, topic: &str, offset: i64) -> Vec<u8> {
    let partition = FetchPartition { fetch_offset: offset, partition_max_bytes: 1 << 24, ..Default::default() };
    let topic = FetchTopic { topic, partitions: smallvec![partition], ..Default::default() };
    let request = FetchRequest { max_bytes: 1 << 24, topics: smallvec![topic], ..Default::default() };
    let answer = stage.call(11, &request);
    let response: FetchResponse<'_> = answer.read();
    let told = &response.responses[0].partitions[0];
    assert_eq!(told.error_code, 0);
    match told.records {
        Carried::Here(bytes) => bytes.to_vec(),
        Carried::Null | Carried::Elsewhere { .. } => unreachable!("what was decoded is here"),
    }
}
