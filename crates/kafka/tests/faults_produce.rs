//! Producers and consumers over a disk that fails: what is answered, when, and what is there afterwards.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod harness;

use harness::Stage;
use harness::admin::{create, fine};
use harness::faults::{
    DELETE_RECORDS, FETCH, INIT, PRODUCE, append, cut_power, delete_records, deleted, epoch_end, fetch_as_of,
    fetch_now, fetched, heard_taken, hold, kill, new_producer, offset_of, send_batch, send_delete, send_fetch,
    sequenced, stage, taken,
};
use harness::records::produce;
use narumq_kafka::codec::messages::produce::{InitProducerIdRequest, InitProducerIdResponse};
use narumq_log::disk::faulty::{FaultyDisk, Plan};
use std::collections::BTreeSet;
use std::sync::Arc;

const OFFSET_OUT_OF_RANGE: i16 = 1;
const OUT_OF_ORDER_SEQUENCE_NUMBER: i16 = 45;
const INVALID_PRODUCER_EPOCH: i16 = 47;
const FENCED_LEADER_EPOCH: i16 = 74;
const UNKNOWN_LEADER_EPOCH: i16 = 75;
const DAY: u64 = 24 * 3600 * 1000;

/// A stage with a topic `t`.
fn with_topic(settings: &[(&str, &str)]) -> (FaultyDisk, Stage) {
    let (disk, mut stage) = stage();
    assert_eq!(create(&mut stage, "t", settings), fine());
    (disk, stage)
}

#[test]
fn a_duplicate_is_answered_with_the_originals_offset_when_the_original_is_durable() {
    let (disk, mut stage) = with_topic(&[]);
    let id = new_producer(&mut stage);
    assert_eq!(append(&mut stage, "t", &sequenced(id, 0, 0, 3)), (0, 0));
    let again = stage.connect();
    let batch = sequenced(id, 0, 3, 2);
    let held = hold(&disk);
    send_batch(&mut stage, 0, "t", &batch);
    send_batch(&mut stage, again, "t", &batch);
    send_batch(&mut stage, again, "t", &batch);
    assert_eq!((heard_taken(&mut stage, 0), heard_taken(&mut stage, again)), (None, None), "it is not durable");
    assert_eq!(fetch_now(&mut stage, "t", 0), (0, 3, vec![(0, 3)]), "nor seen");
    drop(held);
    stage.sync();
    for peer in [0, again, again] {
        assert_eq!(heard_taken(&mut stage, peer), Some((0, 3)));
    }
    assert_eq!(fetch_now(&mut stage, "t", 0), (0, 5, vec![(0, 3), (3, 2)]), "it was taken once");
    // What comes behind the original is not waited for.
    let held = hold(&disk);
    send_batch(&mut stage, 0, "t", &sequenced(id, 0, 5, 1));
    send_batch(&mut stage, again, "t", &batch);
    assert_eq!((heard_taken(&mut stage, 0), heard_taken(&mut stage, again)), (None, Some((0, 3))));
    drop(held);
    assert_eq!(taken(&stage.answer(0, PRODUCE)), (0, 5));
}

#[test]
fn a_batch_that_is_sent_again_over_a_crash_is_there_once() {
    for seed in 0..30 {
        let (mut disk, mut stage) = with_topic(&[]);
        let id = new_producer(&mut stage);
        assert_eq!(append(&mut stage, "t", &sequenced(id, 0, 0, 3)), (0, 0));
        let _held = hold(&disk);
        send_batch(&mut stage, 0, "t", &sequenced(id, 0, 3, 2));
        send_batch(&mut stage, 0, "t", &sequenced(id, 0, 5, 4));
        if seed % 3 == 0 {
            kill(&mut disk, &mut stage)
        } else {
            cut_power(&mut disk, &mut stage, seed)
        }
        for _ in 0..2 {
            assert_eq!(append(&mut stage, "t", &sequenced(id, 0, 3, 2)), (0, 3));
            assert_eq!(append(&mut stage, "t", &sequenced(id, 0, 5, 4)), (0, 5));
            assert_eq!(fetch_now(&mut stage, "t", 0), (0, 9, vec![(0, 3), (3, 2), (5, 4)]), "seed {seed}");
            kill(&mut disk, &mut stage);
        }
    }
}

/// Offset and time that a batch is told.
fn append_timed(stage: &mut Stage, batch: &[u8]) -> (i64, i64) {
    let told = produce(stage, "t", batch);
    assert_eq!(told.code, 0);
    (told.offset, told.time)
}

/// Ids that are answered until the log ends, at most `most`.
fn ids(stage: &mut Stage, most: usize) -> Vec<i64> {
    let mut ids = Vec::new();
    while ids.len() < most {
        stage.send(0, INIT, &InitProducerIdRequest::default());
        let Some(answer) = stage.answer_or_end(0, INIT) else { break };
        let response: InitProducerIdResponse = answer.read();
        assert_eq!(response.error_code, 0);
        ids.push(response.producer_id);
    }
    ids
}

#[test]
fn no_id_of_a_producer_is_given_twice_whenever_the_power_goes() {
    let (mut disk, mut stage) = stage();
    let mut given = BTreeSet::new();
    let (mut refused, mut cut) = (0, 0);
    for round in 0..60u64 {
        disk.cut_power();
        let plan = Plan { power_cut_at: Some(1 + round), ..Plan::default() };
        disk = disk.after_power_cut(round, plan);
        if stage.reborn(Arc::new(disk.clone())).is_err() {
            refused += 1;
            continue;
        }
        // A block has 1,000 of them.
        for id in ids(&mut stage, 1_200) {
            assert!(given.insert(id), "{id} was given before, round {round}");
        }
        cut += u32::from(disk.is_off());
    }
    assert!(refused > 0 && cut > 0, "the power went in {refused} starts and {cut} times behind one");
    assert!(given.len() > 10_000);
}

#[test]
fn what_is_known_of_producers_outlives_their_records_for_a_day() {
    let (mut disk, mut stage) = with_topic(&[]);
    let id = new_producer(&mut stage);
    assert_eq!(append(&mut stage, "t", &sequenced(id, 0, 0, 3)), (0, 0));
    assert_eq!(append(&mut stage, "t", &sequenced(id, 0, 3, 2)), (0, 3));
    assert_eq!(delete_records(&mut stage, "t", -1), (0, 5));
    for _ in 0..3 {
        assert_eq!(fetch_now(&mut stage, "t", 5), (0, 5, vec![]));
        assert_eq!(append(&mut stage, "t", &sequenced(id, 0, 3, 2)), (0, 3), "it is gone, and known");
        assert_eq!(append(&mut stage, "t", &sequenced(id, 0, 6, 1)).0, OUT_OF_ORDER_SEQUENCE_NUMBER);
        stage.pass(DAY / 4);
        kill(&mut disk, &mut stage);
    }
    stage.pass(DAY / 4 - 10 * 60 * 1000);
    assert_eq!(append(&mut stage, "t", &sequenced(id, 0, 3, 2)), (0, 3), "a day has not passed");
    stage.pass(20 * 60 * 1000);
    assert_eq!(append(&mut stage, "t", &sequenced(id, 0, 3, 2)), (0, 5), "it has been forgotten");
}

#[test]
fn a_duplicate_is_answered_with_the_time_at_which_the_original_came() {
    let (mut disk, mut stage) = with_topic(&[("message.timestamp.type", "LogAppendTime")]);
    let came = stage.now.0 as i64;
    let batch = sequenced(1, 0, 0, 3);
    assert_eq!((append_timed(&mut stage, &batch), append_timed(&mut stage, &batch)), ((0, came), (0, came)));
    stage.pass(5_000);
    for _ in 0..2 {
        assert_eq!(append_timed(&mut stage, &batch), (0, came));
        assert_eq!(delete_records(&mut stage, "t", 3), (0, 3), "it is known without its records");
        kill(&mut disk, &mut stage);
    }
    let now = stage.now.0 as i64;
    assert_eq!(append_timed(&mut stage, &sequenced(1, 0, 3, 1)), (3, now));
}

#[test]
fn what_is_known_of_producers_outlives_retention() {
    let (mut disk, mut stage) = with_topic(&[("retention.ms", "3600000"), ("segment.ms", "60000")]);
    let id = new_producer(&mut stage);
    assert_eq!(append(&mut stage, "t", &sequenced(id, 0, 0, 3)), (0, 0));
    stage.pass(DAY / 2);
    assert_eq!(offset_of(&mut stage, "t", -2), (0, 3), "the records have gone");
    kill(&mut disk, &mut stage);
    assert_eq!(append(&mut stage, "t", &sequenced(id, 0, 0, 3)), (0, 0));
    assert_eq!(append(&mut stage, "t", &sequenced(id, 0, 3, 1)), (0, 3));
}

#[test]
fn a_producer_of_an_earlier_epoch_is_fenced_over_a_crash_too() {
    let (mut disk, mut stage) = with_topic(&[]);
    let id = new_producer(&mut stage);
    assert_eq!(append(&mut stage, "t", &sequenced(id, 4, 0, 1)), (0, 0));
    assert_eq!(append(&mut stage, "t", &sequenced(id, 5, 7, 1)).0, OUT_OF_ORDER_SEQUENCE_NUMBER);
    assert_eq!(append(&mut stage, "t", &sequenced(id, 5, 0, 1)), (0, 1));
    for _ in 0..2 {
        assert_eq!(append(&mut stage, "t", &sequenced(id, 4, 1, 1)).0, INVALID_PRODUCER_EPOCH);
        kill(&mut disk, &mut stage);
    }
    assert_eq!(append(&mut stage, "t", &sequenced(id, 5, 1, 1)), (0, 2));
}

#[test]
fn readers_see_nothing_that_is_not_durable() {
    let (disk, mut stage) = with_topic(&[]);
    assert_eq!(append(&mut stage, "t", &sequenced(1, 0, 0, 2)), (0, 0));
    let held = hold(&disk);
    send_batch(&mut stage, 0, "t", &sequenced(1, 0, 2, 3));
    let poll = stage.connect();
    send_fetch(&mut stage, poll, "t", 2, 20_000, -1);
    assert!(stage.heard(poll, FETCH).is_none());
    assert_eq!(fetch_now(&mut stage, "t", 0), (0, 2, vec![(0, 2)]));
    assert_eq!(fetch_now(&mut stage, "t", 2), (0, 2, vec![]));
    assert_eq!(fetch_now(&mut stage, "t", 5), (0, 2, vec![]), "it is there, though nobody may see it yet");
    assert_eq!(fetch_now(&mut stage, "t", 6).0, OFFSET_OUT_OF_RANGE);
    assert_eq!(offset_of(&mut stage, "t", -1), (0, 2));
    let other = stage.connect();
    send_delete(&mut stage, other, "t", 3);
    assert_eq!(stage.heard(other, DELETE_RECORDS).map(|answer| deleted(&answer).0), Some(OFFSET_OUT_OF_RANGE));
    assert!(stage.heard(poll, FETCH).is_none());
    drop(held);
    assert_eq!(fetched(&stage.answer(poll, FETCH)), (0, 5, vec![(2, 3)]));
    assert_eq!(heard_taken(&mut stage, 0), Some((0, 2)));
    assert_eq!(offset_of(&mut stage, "t", -1), (0, 5));
}

#[test]
fn what_was_answered_is_there_after_the_power_went_and_what_was_read_too() {
    for seed in 0..20 {
        let (mut disk, mut stage) = with_topic(&[]);
        let epoch = stage.broker.leader_epoch() as i32;
        assert_eq!(append(&mut stage, "t", &sequenced(1, 0, 0, 2)), (0, 0));
        let _held = hold(&disk);
        send_batch(&mut stage, 0, "t", &sequenced(1, 0, 2, 3));
        cut_power(&mut disk, &mut stage, seed);
        let (code, end, batches) = fetch_now(&mut stage, "t", 0);
        assert!(code == 0 && (end, batches.len()) == (2, 1) || (end, batches.len()) == (5, 2), "{end}: {batches:?}");
        assert!(stage.broker.leader_epoch() as i32 > epoch);
        assert_eq!(epoch_end(&mut stage, "t", epoch), (epoch, end));
    }
}

#[test]
fn where_the_page_cache_is_promised_a_lost_end_is_told_by_epochs() {
    let mut lost = 0;
    for seed in 0..20 {
        let (mut disk, mut stage) = with_topic(&[("durability", "os")]);
        let old = stage.broker.leader_epoch() as i32;
        let batches: Vec<(i64, i32)> = (0..40).map(|n| (n * 2, 2)).collect();
        for (base, count) in &batches {
            assert_eq!(append(&mut stage, "t", &sequenced(1, 0, *base as i32, *count)), (0, *base));
        }
        assert_eq!(fetch_now(&mut stage, "t", 0), (0, 80, batches.clone()));
        cut_power(&mut disk, &mut stage, seed);
        let new = stage.broker.leader_epoch() as i32;
        let (code, end, left) = fetch_now(&mut stage, "t", 0);
        assert!(code == 0 && new > old && batches.starts_with(&left), "{left:?}");
        assert_eq!(end, left.len() as i64 * 2);
        assert_eq!(fetch_as_of(&mut stage, "t", 0, old).0, FENCED_LEADER_EPOCH);
        assert_eq!(fetch_as_of(&mut stage, "t", 0, new + 1).0, UNKNOWN_LEADER_EPOCH);
        // A consumer that had read all: it is told where its epoch ended.
        let told = epoch_end(&mut stage, "t", old).1;
        assert_eq!(told, if end == 0 { -1 } else { end });
        if end < 80 {
            lost += 1;
            let beyond = fetch_as_of(&mut stage, "t", 80, new);
            assert_eq!((beyond.0, beyond.1), (OFFSET_OUT_OF_RANGE, end));
        }
        // What is lost is not known of its producer, and its offsets are given again.
        assert_eq!(append(&mut stage, "t", &sequenced(1, 0, end as i32, 2)), (0, end));
        assert_eq!(epoch_end(&mut stage, "t", new), (new, end + 2));
        kill(&mut disk, &mut stage);
        assert_eq!(fetch_now(&mut stage, "t", 0).1, end + 2, "killing the process loses nothing");
    }
    assert!(lost > 3, "{lost} ends were lost");
}
