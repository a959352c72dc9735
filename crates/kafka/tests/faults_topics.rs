//! Topics come, grow and go while the power goes: whole, or not at all.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod harness;

use harness::Stage;
use harness::admin::{create, fine, topic};
use harness::faults::{append, fetch_now, partitions, sequenced, stage};
use narumq_kafka::codec::Message;
use narumq_kafka::codec::messages::topics::{
    CreatableTopic, CreatePartitionsRequest, CreatePartitionsResponse, CreatePartitionsTopic, CreateTopicsRequest,
    CreateTopicsResponse, DeleteTopicState, DeleteTopicsRequest, DeleteTopicsResponse,
};
use narumq_log::disk::faulty::{FaultyDisk, Plan};
use std::sync::Arc;

/// Enough partitions that what is logged of them fills several blocks.
const MANY: usize = 3_000;

/// Asks, and tells whether it was answered, without an error, before the log ended.
fn answered<'r, M: Message<'r>>(
    stage: &mut Stage,
    version: i16,
    request: &M,
    code: fn(&harness::Answer) -> i16,
) -> bool {
    stage.send(0, version, request);
    let answer = stage.answer_or_end(0, version);
    answer.map(|answer| assert_eq!(code(&answer), 0)).is_some()
}

fn create_many(stage: &mut Stage, name: &str) -> bool {
    let topics = vec![CreatableTopic { num_partitions: MANY as i32, ..topic(name, &[]) }];
    let request = CreateTopicsRequest { topics, timeout_ms: 1000, validate_only: false };
    answered(stage, 7, &request, |answer| answer.read::<CreateTopicsResponse<'_>>().topics[0].error_code)
}

fn add_many(stage: &mut Stage, name: &str) -> bool {
    let topics = vec![CreatePartitionsTopic { name, count: MANY as i32, assignments: None }];
    let request = CreatePartitionsRequest { topics, timeout_ms: 1000, validate_only: false };
    answered(stage, 3, &request, |answer| answer.read::<CreatePartitionsResponse<'_>>().results[0].error_code)
}

fn delete(stage: &mut Stage, name: &str) -> bool {
    let topics = vec![DeleteTopicState { name: Some(name), ..Default::default() }];
    let request = DeleteTopicsRequest { topics, timeout_ms: 1000, ..Default::default() };
    answered(stage, 6, &request, |answer| answer.read::<DeleteTopicsResponse<'_>>().responses[0].error_code)
}

/// A change of topics while the power goes in one operation of the disk after the other; each time it is told whether the
/// change was answered, and how many partitions the topic `t` has then.
fn cut_at_each(prepare: impl Fn(&mut Stage), change: impl Fn(&mut Stage) -> bool, check: impl Fn(bool, Option<usize>)) {
    let (disk, mut stage) = stage();
    assert_eq!(create(&mut stage, "kept", &[]), fine());
    assert_eq!(append(&mut stage, "kept", &sequenced(1, 0, 0, 3)), (0, 0));
    prepare(&mut stage);
    let before = disk.after_kill(Plan::default());
    let (mut cut, mut refused) = (0, 0);
    for at in 1..40 {
        let disk = before.after_kill(Plan { power_cut_at: Some(at), ..Plan::default() });
        if stage.reborn(Arc::new(disk.clone())).is_err() {
            refused += 1;
            continue;
        }
        let told = change(&mut stage);
        cut += u32::from(disk.is_off());
        assert!(told || disk.is_off());
        disk.cut_power();
        let disk: FaultyDisk = disk.after_power_cut(at, Plan::default());
        stage.reborn(Arc::new(disk.clone())).expect("the broker comes up");
        let found = partitions(&mut stage, "t");
        check(told, found);
        assert_eq!(fetch_now(&mut stage, "kept", 0), (0, 3, vec![(0, 3)]));
        if found.is_some() {
            assert_eq!(append(&mut stage, "t", &sequenced(2, 0, 0, 1)).0, 0, "it takes batches");
        }
    }
    // How many operations a change takes depends on what else waits for the disk.
    assert!(cut > 0, "the power went in {refused} starts and {cut} times behind one");
}

#[test]
fn a_topic_of_many_partitions_comes_whole_or_not_at_all() {
    let check =
        |told: bool, found: Option<usize>| assert!(found == Some(MANY) || !told && found.is_none(), "{told} {found:?}");
    cut_at_each(|_| {}, |stage| create_many(stage, "t"), check);
}

#[test]
fn partitions_are_added_all_or_none() {
    let prepare = |stage: &mut Stage| assert_eq!(create(stage, "t", &[]), fine());
    let check = |told: bool, found: Option<usize>| {
        assert!(found == Some(MANY) || !told && found == Some(1), "{told} {found:?}")
    };
    cut_at_each(prepare, |stage| add_many(stage, "t"), check);
}

#[test]
fn a_topic_goes_whole_or_not_at_all() {
    let prepare = |stage: &mut Stage| assert!(create_many(stage, "t"));
    let check =
        |told: bool, found: Option<usize>| assert!(found.is_none() || !told && found == Some(MANY), "{told} {found:?}");
    cut_at_each(prepare, |stage| delete(stage, "t"), check);
}
