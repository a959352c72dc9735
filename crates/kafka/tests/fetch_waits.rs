//! Fetches that wait for more.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod harness;

use harness::Stage;
use harness::admin::{create, fine};
use harness::records::{batch, produce};
use narumq_kafka::codec::Records;
use narumq_kafka::codec::messages::fetch::{FetchPartition, FetchRequest, FetchResponse, FetchTopic};
use narumq_kafka::records::Codec;
use smallvec::smallvec;

const VERSION: i16 = 12;
const WAIT: i32 = 20_000;

/// A second client fetches from two topics' beginnings and waits until there are so many bytes.
fn wait(stage: &mut Stage, min_bytes: i32) -> usize {
    let peer = stage.connect();
    let partition = || FetchPartition { partition_max_bytes: 1 << 20, current_leader_epoch: -1, ..Default::default() };
    let topic = |topic| FetchTopic { topic, partitions: smallvec![partition()], ..Default::default() };
    let (max_wait_ms, max_bytes) = (WAIT, 1 << 20);
    let topics = smallvec![topic("one"), topic("two")];
    let request = FetchRequest { max_wait_ms, min_bytes, max_bytes, session_epoch: -1, topics, ..Default::default() };
    stage.send(peer, VERSION, &request);
    peer
}

/// Bytes by topic in the answer, if there is one.
fn heard(stage: &mut Stage, peer: usize) -> Option<Vec<usize>> {
    let answer = stage.heard(peer, VERSION)?;
    let response: FetchResponse<'_> = answer.read();
    let length = |records: &Records<'_>| match records {
        Records::Here(bytes) => bytes.len(),
        Records::Null | Records::Elsewhere { .. } => 0,
    };
    Some(response.responses.iter().map(|topic| length(&topic.partitions[0].records)).collect())
}

#[test]
fn what_is_not_enough_does_not_end_the_watch() {
    let mut stage = Stage::new();
    for topic in ["one", "two"] {
        assert_eq!(create(&mut stage, topic, &[]), fine());
    }
    let bytes = batch(Codec::None, 5, &[("k", "value")]);
    let peer = wait(&mut stage, 3 * bytes.len() as i32);
    for (topic, enough) in [("two", None), ("one", None), ("one", Some(vec![2 * bytes.len(), bytes.len()]))] {
        assert_eq!(produce(&mut stage, topic, &bytes).code, 0);
        stage.sync();
        assert_eq!(heard(&mut stage, peer), enough);
    }
    assert!(stage.now < harness::BEGIN.plus(WAIT as u64));
}

#[test]
fn what_there_is_at_the_end_of_the_wait_is_given() {
    let mut stage = Stage::new();
    for topic in ["one", "two"] {
        assert_eq!(create(&mut stage, topic, &[]), fine());
    }
    let bytes = batch(Codec::None, 5, &[("k", "value")]);
    let peer = wait(&mut stage, 3 * bytes.len() as i32);
    assert_eq!(produce(&mut stage, "two", &bytes).code, 0);
    stage.sync();
    stage.pass(WAIT as u64 - 1);
    assert_eq!(heard(&mut stage, peer), None);
    stage.pass(1);
    assert_eq!(heard(&mut stage, peer), Some(vec![0, bytes.len()]));
}
