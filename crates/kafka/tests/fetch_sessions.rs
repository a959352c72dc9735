//! Fetch sessions: partitions are named once and followed until they are forgotten; answers tell what is news.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod harness;

use harness::Stage;
use harness::admin::{create, create_all, fine, topic};
use harness::faults::{PRODUCE, delete_records, taken};
use harness::records::batch;
use narumq_broker::PartitionHandle;
use narumq_kafka::codec::Records;
use narumq_kafka::codec::messages::fetch::{FetchPartition, FetchRequest, FetchResponse, FetchTopic, ForgottenTopic};
use narumq_kafka::codec::messages::produce::{PartitionProduceData, ProduceRequest, TopicProduceData};
use narumq_kafka::codec::messages::topics::{
    CreatableTopic, DeleteTopicState, DeleteTopicsRequest, DeleteTopicsResponse,
};
use narumq_kafka::records::Codec;
use smallvec::smallvec;

const VERSION: i16 = 12;
const WAIT: i32 = 20_000;
/// Partitions of the large topic.
const MANY: i32 = 300;
const UNKNOWN: i16 = 3;
const NO_SESSION: i16 = 70;

/// Topic, partition, code, high watermark, first offset, bytes of records.
type Told = (String, i32, i16, i64, i64, usize);

/// A client with a session, or about to begin one.
struct Client {
    peer: usize,
    session: i32,
    epoch: i32,
    max: i32,
}

impl Client {
    fn new(stage: &mut Stage) -> Self {
        Self { peer: stage.connect(), session: 0, epoch: 0, max: 1 << 20 }
    }

    /// Asks for partitions from offsets on, for as long as this.
    fn send(&mut self, stage: &mut Stage, named: &[(&str, i32, i64)], forgotten: &[(&str, i32)], max_wait_ms: i32) {
        let topics = named.iter().map(|(topic, partition, fetch_offset)| {
            let (partition, fetch_offset) = (*partition, *fetch_offset);
            let (partition_max_bytes, current_leader_epoch) = (self.max, -1);
            let asked = FetchPartition {
                partition,
                fetch_offset,
                partition_max_bytes,
                current_leader_epoch,
                ..Default::default()
            };
            FetchTopic { topic, partitions: smallvec![asked], ..Default::default() }
        });
        let forgotten = forgotten.iter().map(|(topic, partition)| ForgottenTopic {
            topic,
            partitions: vec![*partition],
            ..Default::default()
        });
        let (min_bytes, max_bytes) = (1, 1 << 20);
        let request = FetchRequest {
            max_wait_ms,
            min_bytes,
            max_bytes,
            session_id: self.session,
            session_epoch: self.epoch,
            topics: topics.collect(),
            forgotten_topics_data: forgotten.collect(),
            ..Default::default()
        };
        stage.send(self.peer, VERSION, &request);
    }

    /// The answer, if there is one: its code and what it tells.
    fn heard(&mut self, stage: &mut Stage) -> Option<(i16, Vec<Told>)> {
        stage.sync();
        let answer = stage.heard(self.peer, VERSION)?;
        let response: FetchResponse<'_> = answer.read();
        if response.error_code == 0 {
            self.session = response.session_id;
            self.epoch += 1;
        }
        let mut told = Vec::new();
        for topic in &response.responses {
            told.extend(topic.partitions.iter().map(|one| {
                let Records::Here(bytes) = one.records else { panic!("what was decoded is here") };
                let (high, start) = (one.high_watermark, one.log_start_offset);
                (topic.topic.to_owned(), one.partition_index, one.error_code, high, start, bytes.len())
            }));
        }
        Some((response.error_code, told))
    }

    /// An answer at once.
    fn poll(&mut self, stage: &mut Stage, named: &[(&str, i32, i64)]) -> Vec<Told> {
        self.send(stage, named, &[], 0);
        let (code, told) = self.heard(stage).expect("an answer at once");
        assert_eq!(code, 0);
        told
    }
}

fn one(topic: &str, partition: i32, high: i64, bytes: usize) -> Told {
    (topic.to_owned(), partition, 0, high, 0, bytes)
}

fn record() -> Vec<u8> {
    batch(Codec::None, 5, &[("k", "value")])
}

/// Appends a batch, and waits.
fn append(stage: &mut Stage, topic: &str, index: i32, batch: &[u8]) {
    let data = PartitionProduceData { index, records: Some(batch) };
    let topic = TopicProduceData { name: topic, partition_data: smallvec![data], ..Default::default() };
    let request = ProduceRequest { acks: -1, timeout_ms: 1000, topic_data: smallvec![topic], ..Default::default() };
    assert_eq!(taken(&stage.call(PRODUCE, &request)).0, 0);
}

fn delete(stage: &mut Stage, name: &str) {
    let topics = vec![DeleteTopicState { name: Some(name), ..Default::default() }];
    let answer = stage.call(6, &DeleteTopicsRequest { topics, timeout_ms: 1000, ..Default::default() });
    assert_eq!(answer.read::<DeleteTopicsResponse<'_>>().responses[0].error_code, 0);
}

/// A topic of many partitions and one of one.
fn stage() -> Stage {
    let mut stage = Stage::new();
    let many = CreatableTopic { num_partitions: MANY, ..topic("many", &[]) };
    assert_eq!(create_all(&mut stage, vec![many], false), [fine()]);
    assert_eq!(create(&mut stage, "one", &[]), fine());
    stage
}

fn partition(stage: &Stage, topic: &str, number: u32) -> PartitionHandle {
    let vhost = stage.broker.default_vhost().unwrap();
    stage.broker.topic(&vhost, topic).unwrap().partition(number).unwrap()
}

/// How often the partitions of the large topic are watched in all.
fn watchers(stage: &Stage) -> usize {
    (0..MANY as u32).map(|number| stage.broker.watchers(&partition(stage, "many", number))).sum()
}

fn all() -> Vec<(&'static str, i32, i64)> {
    (0..MANY).map(|number| ("many", number, 0)).collect()
}

#[test]
fn of_many_partitions_the_one_with_a_record_is_told() {
    let mut stage = stage();
    let mut client = Client::new(&mut stage);
    assert_eq!(client.poll(&mut stage, &all()).len(), MANY as usize, "the first answer tells all");
    let mut offsets = [0; MANY as usize];
    for number in [7, MANY - 1, 7, 0] {
        let offset = &mut offsets[number as usize];
        client.send(&mut stage, &[], &[], WAIT);
        assert_eq!(client.heard(&mut stage), None);
        assert_eq!(watchers(&stage), MANY as usize);
        append(&mut stage, "many", number, &record());
        let told = vec![one("many", number, *offset + 1, record().len())];
        assert_eq!(client.heard(&mut stage), Some((0, told)));
        *offset += 1;
        assert_eq!(watchers(&stage), MANY as usize, "they stay between polls");
        assert_eq!(client.poll(&mut stage, &[("many", number, *offset)]), []);
    }
    stage.vanish(client.peer);
    assert_eq!(watchers(&stage), 0);
}

#[test]
fn what_comes_between_two_polls_is_told_at_once() {
    let mut stage = stage();
    let mut client = Client::new(&mut stage);
    client.poll(&mut stage, &all());
    for wait in [WAIT, 0] {
        append(&mut stage, "many", 3, &record());
        append(&mut stage, "many", 5, &record());
        client.send(&mut stage, &[], &[], wait);
        let (_, mut told) = client.heard(&mut stage).expect("an answer at once");
        told.sort();
        let (high, bytes) = if wait == WAIT { (1, record().len()) } else { (2, record().len()) };
        assert_eq!(told, [one("many", 3, high, bytes), one("many", 5, high, bytes)]);
        client.send(&mut stage, &[("many", 3, high), ("many", 5, high)], &[], WAIT);
        assert_eq!(client.heard(&mut stage), None, "there is nothing more");
        stage.pass(WAIT as u64);
        assert_eq!(client.heard(&mut stage), Some((0, vec![])));
    }
}

#[test]
fn partitions_are_added_and_forgotten() {
    let mut stage = stage();
    let mut client = Client::new(&mut stage);
    client.poll(&mut stage, &[("many", 1, 0)]);
    client.send(&mut stage, &[("one", 0, 0), ("many", 2, 0)], &[("many", 1)], WAIT);
    assert_eq!(client.heard(&mut stage), None);
    assert_eq!((watchers(&stage), stage.broker.watchers(&partition(&stage, "one", 0))), (1, 1));
    append(&mut stage, "many", 1, &record());
    assert_eq!(client.heard(&mut stage), None, "it is forgotten");
    append(&mut stage, "one", 0, &record());
    let told = vec![one("one", 0, 1, record().len()), one("many", 2, 0, 0)];
    assert_eq!(client.heard(&mut stage), Some((0, told)), "what is new is told in any case");
    client.send(&mut stage, &[("many", 1, 0)], &[("one", 0)], WAIT);
    assert_eq!(client.heard(&mut stage), Some((0, vec![one("many", 1, 1, record().len())])));
}

#[test]
fn a_topic_that_is_deleted_ends_the_wait_and_another_one_of_its_name_is_found() {
    let mut stage = stage();
    let mut client = Client::new(&mut stage);
    client.poll(&mut stage, &[("many", 1, 0), ("one", 0, 0)]);
    client.send(&mut stage, &[], &[], WAIT);
    assert_eq!(client.heard(&mut stage), None);
    delete(&mut stage, "one");
    for _ in 0..2 {
        let (_, told) = client.heard(&mut stage).expect("an answer at once");
        assert_eq!(told.iter().map(|one| (&*one.0, one.2)).collect::<Vec<_>>(), [("one", UNKNOWN)]);
        client.send(&mut stage, &[], &[], WAIT);
    }
    client.heard(&mut stage).expect("an answer at once");
    assert_eq!(create(&mut stage, "one", &[]), fine());
    client.send(&mut stage, &[], &[], WAIT);
    assert_eq!(client.heard(&mut stage), None);
    append(&mut stage, "one", 0, &record());
    assert_eq!(client.heard(&mut stage), Some((0, vec![one("one", 0, 1, record().len())])));
}

#[test]
fn what_an_answer_has_no_room_for_is_in_the_next_ones() {
    let mut stage = stage();
    let mut client = Client::new(&mut stage);
    client.max = record().len() as i32;
    client.poll(&mut stage, &[("many", 1, 0), ("many", 2, 0)]);
    (0..3).for_each(|_| append(&mut stage, "many", 1, &record()));
    let told = |bytes| vec![one("many", 1, 3, bytes)];
    client.send(&mut stage, &[], &[], WAIT);
    assert_eq!(client.heard(&mut stage), Some((0, told(record().len()))));
    client.send(&mut stage, &[], &[], WAIT);
    assert_eq!(client.heard(&mut stage), Some((0, told(record().len()))), "the client has not gone on");
    for offset in 1..3 {
        client.send(&mut stage, &[("many", 1, offset)], &[], WAIT);
        assert_eq!(client.heard(&mut stage), Some((0, told(record().len()))));
    }
    client.send(&mut stage, &[("many", 1, 3)], &[], WAIT);
    assert_eq!(client.heard(&mut stage), None);
}

#[test]
fn the_first_offset_is_news_but_nothing_to_end_a_wait() {
    let mut stage = stage();
    let mut client = Client::new(&mut stage);
    append(&mut stage, "one", 0, &record());
    client.poll(&mut stage, &[("one", 0, 1), ("many", 1, 0)]);
    client.send(&mut stage, &[], &[], WAIT);
    assert_eq!(delete_records(&mut stage, "one", 1), (0, 1));
    assert_eq!(client.heard(&mut stage), None);
    stage.pass(WAIT as u64);
    assert_eq!(client.heard(&mut stage), Some((0, vec![("one".to_owned(), 0, 0, 1, 1, 0)])));
    client.send(&mut stage, &[], &[], WAIT);
    stage.pass(WAIT as u64);
    assert_eq!(client.heard(&mut stage), Some((0, vec![])));
}

#[test]
fn the_end_of_a_session_ends_what_it_follows() {
    let mut stage = stage();
    let mut client = Client::new(&mut stage);
    client.poll(&mut stage, &all());
    assert_eq!(watchers(&stage), MANY as usize);
    // Another session takes its place.
    (client.session, client.epoch) = (0, 0);
    client.poll(&mut stage, &[("many", 1, 0), ("many", 2, 0)]);
    assert_eq!(watchers(&stage), 2);
    // A request of no session waits besides it.
    let session = std::mem::replace(&mut client.session, 0);
    let epoch = std::mem::replace(&mut client.epoch, -1);
    client.send(&mut stage, &[("many", 2, 0), ("many", 3, 0)], &[], WAIT);
    assert_eq!(client.heard(&mut stage), None);
    assert_eq!(watchers(&stage), 3);
    append(&mut stage, "many", 2, &record());
    let told = vec![one("many", 2, 1, record().len()), one("many", 3, 0, 0)];
    assert_eq!(client.heard(&mut stage), Some((0, told)));
    assert_eq!(watchers(&stage), 2, "that of the session stays");
    (client.session, client.epoch) = (session, epoch);
    client.send(&mut stage, &[], &[], WAIT);
    assert_eq!(client.heard(&mut stage), Some((0, vec![one("many", 2, 1, record().len())])));
    // A last request ends it.
    client.epoch = -1;
    assert_eq!(client.poll(&mut stage, &[("many", 1, 0)]), [one("many", 1, 0, 0)]);
    assert_eq!(watchers(&stage), 0);
    (client.session, client.epoch) = (session, 3);
    client.send(&mut stage, &[], &[], WAIT);
    assert_eq!(client.heard(&mut stage), Some((NO_SESSION, vec![])));
}
