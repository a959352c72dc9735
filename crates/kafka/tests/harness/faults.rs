//! A stage over a disk that fails, and what clients send to it and are told.

use super::{Answer, BEGIN, Stage};
use narumq_broker::Settings as BrokerSettings;
use narumq_kafka::Settings;
use narumq_kafka::codec::Records as Carried;
use narumq_kafka::codec::messages::fetch::{FetchPartition, FetchRequest, FetchResponse, FetchTopic, PartitionData};
use narumq_kafka::codec::messages::metadata::{MetadataRequest, MetadataRequestTopic, MetadataResponse};
use narumq_kafka::codec::messages::offsets::{
    DeleteRecordsPartition, DeleteRecordsRequest, DeleteRecordsResponse, DeleteRecordsTopic, ListOffsetsPartition,
    ListOffsetsRequest, ListOffsetsResponse, ListOffsetsTopic, OffsetForLeaderEpochRequest,
    OffsetForLeaderEpochResponse, OffsetForLeaderPartition, OffsetForLeaderTopic,
};
use narumq_kafka::codec::messages::produce::{
    InitProducerIdRequest, InitProducerIdResponse, PartitionProduceData, ProduceRequest, ProduceResponse,
    TopicProduceData,
};
use narumq_kafka::records::{BatchBuilder, Batches, Codec, NewRecord, Producer};
use narumq_log::disk::faulty::{FaultyDisk, Plan};
use smallvec::smallvec;
use std::sync::Arc;

pub const PRODUCE: i16 = 9;
pub const FETCH: i16 = 12;
pub const INIT: i16 = 4;
pub const DELETE_RECORDS: i16 = 2;

/// A broker over a disk that fails as it is told to.
pub fn stage() -> (FaultyDisk, Stage) {
    let disk = FaultyDisk::new(Plan::default());
    let stage = Stage::over(Arc::new(disk.clone()), Settings::default(), BrokerSettings::default());
    assert_eq!(stage.now, BEGIN);
    (disk, stage)
}

/// Syncs of a disk that are held back, until this goes.
pub struct Held(FaultyDisk);

/// Holds the syncs of a disk back.
pub fn hold(disk: &FaultyDisk) -> Held {
    disk.hold_syncs(true);
    Held(disk.clone())
}

impl Drop for Held {
    fn drop(&mut self) {
        self.0.hold_syncs(false);
    }
}

/// The process is killed; all that it wrote is there, synced or not.
pub fn kill(disk: &mut FaultyDisk, stage: &mut Stage) {
    let left = disk.after_kill(Plan::default());
    disk.cut_power();
    *disk = left;
    stage.reborn(Arc::new(disk.clone())).expect("the broker comes up");
}

/// The power goes; of what was not synced there is what the seed says.
pub fn cut_power(disk: &mut FaultyDisk, stage: &mut Stage, seed: u64) {
    disk.cut_power();
    *disk = disk.after_power_cut(seed, Plan::default());
    stage.reborn(Arc::new(disk.clone())).expect("the broker comes up");
}

/// A batch of `count` records with this sequence of a producer, at the stage's beginning.
pub fn sequenced(id: i64, epoch: i16, base_sequence: i32, count: i32) -> Vec<u8> {
    let mut builder = BatchBuilder::new(Codec::None, 1 << 20).producer(Producer { id, epoch, base_sequence });
    for n in 0..count {
        let text = format!("{id}-{epoch}-{}", base_sequence + n);
        let (key, value) = (None, Some(text.as_bytes()));
        assert!(builder.push(&NewRecord { timestamp: BEGIN.0 as i64, key, value, headers: &[] }));
    }
    builder.finish().unwrap()
}

/// Sends a batch to partition 0.
pub fn send_batch(stage: &mut Stage, peer: usize, topic: &str, batch: &[u8]) {
    let data = PartitionProduceData { index: 0, records: Some(batch) };
    let topic = TopicProduceData { name: topic, partition_data: smallvec![data], ..Default::default() };
    let request = ProduceRequest { acks: -1, timeout_ms: 1000, topic_data: smallvec![topic], ..Default::default() };
    stage.send(peer, PRODUCE, &request);
}

/// Code and offset in the answer to a batch.
pub fn taken(answer: &Answer) -> (i16, i64) {
    let response: ProduceResponse<'_> = answer.read();
    let told = &response.responses[0].partition_responses[0];
    (told.error_code, told.base_offset)
}

/// What a client has been told of its batch, if anything.
pub fn heard_taken(stage: &mut Stage, peer: usize) -> Option<(i16, i64)> {
    stage.heard(peer, PRODUCE).map(|answer| taken(&answer))
}

/// Sends a batch to partition 0 and waits.
pub fn append(stage: &mut Stage, topic: &str, batch: &[u8]) -> (i16, i64) {
    send_batch(stage, 0, topic, batch);
    taken(&stage.answer(0, PRODUCE))
}

/// Asks for a producer's id and waits.
pub fn new_producer(stage: &mut Stage) -> i64 {
    let answer = stage.call(INIT, &InitProducerIdRequest::default());
    let response: InitProducerIdResponse = answer.read();
    assert_eq!(response.error_code, 0);
    response.producer_id
}

/// Asks for partition 0 from an offset on, for so long, as of a leader's epoch.
pub fn send_fetch(stage: &mut Stage, peer: usize, topic: &str, offset: i64, max_wait_ms: i32, epoch: i32) {
    let partition = FetchPartition {
        fetch_offset: offset,
        partition_max_bytes: 1 << 24,
        current_leader_epoch: epoch,
        ..Default::default()
    };
    let topics = smallvec![FetchTopic { topic, partitions: smallvec![partition], ..Default::default() }];
    let (min_bytes, max_bytes, session_epoch) = (1, 1 << 24, -1);
    let request = FetchRequest { max_wait_ms, min_bytes, max_bytes, session_epoch, topics, ..Default::default() };
    stage.send(peer, FETCH, &request);
}

/// What was fetched: code, high watermark, first offset and count of each batch.
pub type Fetched = (i16, i64, Vec<(i64, i32)>);

pub fn fetched(answer: &Answer) -> Fetched {
    let response: FetchResponse<'_> = answer.read();
    let told: &PartitionData<'_> = &response.responses[0].partitions[0];
    let batches = match told.records {
        Carried::Here(bytes) => Batches::new(bytes).map(|batch| batch.unwrap().0).collect(),
        Carried::Null | Carried::Elsewhere { .. } => Vec::new(),
    };
    let batches = batches.iter().map(|header: &narumq_kafka::records::BatchHeader| (header.base_offset, header.count));
    (told.error_code, told.high_watermark, batches.collect())
}

/// Fetches from what readers see now.
pub fn fetch_now(stage: &mut Stage, topic: &str, offset: i64) -> Fetched {
    fetch_as_of(stage, topic, offset, -1)
}

/// The same, as of a leader's epoch.
pub fn fetch_as_of(stage: &mut Stage, topic: &str, offset: i64, epoch: i32) -> Fetched {
    loop {
        let peer = stage.connect();
        send_fetch(stage, peer, topic, offset, 0, epoch);
        let fetched = fetched(&stage.heard(peer, FETCH).expect("an answer at once"));
        if fetched.0 != 0 || !fetched.2.is_empty() || offset >= fetched.1 {
            return fetched;
        }
        // It is being read from the disk.
        stage.rest();
    }
}

/// The offset of a time of partition 0, as of now.
pub fn offset_of(stage: &mut Stage, topic: &str, timestamp: i64) -> (i16, i64) {
    let partition = ListOffsetsPartition { timestamp, current_leader_epoch: -1, ..Default::default() };
    let topics = vec![ListOffsetsTopic { name: topic, partitions: vec![partition] }];
    let peer = stage.connect();
    stage.send(peer, 7, &ListOffsetsRequest { topics, replica_id: -1, ..Default::default() });
    let answer = stage.heard(peer, 7).expect("an answer at once");
    let response: ListOffsetsResponse<'_> = answer.read();
    let told = &response.topics[0].partitions[0];
    (told.error_code, told.offset)
}

/// Where an epoch of partition 0 ended: epoch and offset.
pub fn epoch_end(stage: &mut Stage, topic: &str, leader_epoch: i32) -> (i32, i64) {
    let partition = OffsetForLeaderPartition { leader_epoch, current_leader_epoch: -1, ..Default::default() };
    let topics = vec![OffsetForLeaderTopic { topic, partitions: vec![partition] }];
    let answer = stage.call(4, &OffsetForLeaderEpochRequest { topics, ..Default::default() });
    let response: OffsetForLeaderEpochResponse<'_> = answer.read();
    let told = &response.topics[0].partitions[0];
    assert_eq!(told.error_code, 0);
    (told.leader_epoch, told.end_offset)
}

/// Drops what lies below an offset of partition 0: code and first offset.
pub fn delete_records(stage: &mut Stage, topic: &str, offset: i64) -> (i16, i64) {
    send_delete(stage, 0, topic, offset);
    deleted(&stage.answer(0, DELETE_RECORDS))
}

/// Asks for that.
pub fn send_delete(stage: &mut Stage, peer: usize, topic: &str, offset: i64) {
    let partitions = vec![DeleteRecordsPartition { partition_index: 0, offset }];
    let topics = vec![DeleteRecordsTopic { name: topic, partitions }];
    stage.send(peer, DELETE_RECORDS, &DeleteRecordsRequest { topics, timeout_ms: 1000 });
}

/// Code and first offset in the answer.
pub fn deleted(answer: &Answer) -> (i16, i64) {
    let response: DeleteRecordsResponse<'_> = answer.read();
    let told = &response.topics[0].partitions[0];
    (told.error_code, told.low_watermark)
}

/// How many partitions a topic has; `None` if it is not there.
pub fn partitions(stage: &mut Stage, topic: &str) -> Option<usize> {
    let topics = Some(vec![MetadataRequestTopic { name: Some(topic), ..Default::default() }]);
    let answer = stage.call(9, &MetadataRequest { topics, allow_auto_topic_creation: false, ..Default::default() });
    let response: MetadataResponse<'_> = answer.read();
    let told = &response.topics[0];
    (told.error_code == 0).then_some(told.partitions.len())
}
