//! What is there after a restart: messages in order, what is known of them, sequences that are never given twice.

mod harness;

use harness::*;
use narumq_broker::{Outcome, QueueSpec};
use narumq_log::disk::faulty::{FaultyDisk, Plan};
use narumq_log::disk::memory::MemoryDisk;
use narumq_model::{QueuePolicy, Seq, Time};
use std::sync::Arc;

fn drain(rig: &mut Rig, queue: &str) -> Vec<(u64, bool)> {
    let handle = rig.queue(queue).expect("the queue is there");
    std::iter::from_fn(|| rig.get(&handle, session(9), true))
        .map(|(d, _)| (id_of(&d.message), d.message.redelivered))
        .collect()
}

/// Publishes durable messages with these numbers to `q`.
fn publish(rig: &mut Rig, ids: std::ops::Range<u64>) {
    for id in ids {
        rig.publish("q", id, 100, true);
    }
}

/// Closes in order and opens again.
fn reopen(rig: Rig, disk: &Arc<MemoryDisk>) -> Rig {
    let now = rig.now;
    rig.close();
    Rig::open(disk.clone(), small(), now)
}

#[test]
fn messages_with_a_time_to_live_can_be_read_after_a_restart() {
    let disk = Arc::<MemoryDisk>::default();
    let mut rig = Rig::open(disk.clone(), small(), Time(1_000));
    let policy = QueuePolicy { message_ttl_ms: Some(5_000), ..QueuePolicy::default() };
    rig.durable_queue("q", policy);
    publish(&mut rig, 0..10);
    let mut rig = reopen(rig, &disk);
    let queue = rig.queue("q").expect("the queue is there");
    assert_eq!(rig.counts(&queue).ready, 10);
    assert_eq!(rig.get(&queue, session(1), true).map(|(d, _)| id_of(&d.message)), Some(0));
    rig.wait("a deadline", |rig| rig.broker.next_deadline() == Some(Time(6_000)));
    rig.advance(5_000);
    assert_eq!(rig.counts(&queue).ready, 0);
    rig.close();
}

#[test]
fn after_a_clean_stop_redelivered_is_exact() {
    let disk = Arc::<MemoryDisk>::default();
    let mut rig = Rig::open(disk.clone(), small(), Time(1_000));
    let queue = rig.durable_queue("q", QueuePolicy::default());
    publish(&mut rig, 0..6);
    let taken: Vec<Seq> = (0..4).filter_map(|_| rig.get(&queue, session(1), false)).map(|(d, _)| d.seq).collect();
    rig.settle(&queue, session(1), None, &taken[1..3], Outcome::Return);
    let expected = [(0, true), (1, true), (2, true), (3, true), (4, false), (5, false)];
    let mut rig = reopen(rig, &disk);
    rig.publish("q", 6, 100, true);
    // What is known outlives further clean stops, whether the queue was used or not.
    let rig = reopen(rig, &disk);
    let mut rig = reopen(rig, &disk);
    assert_eq!(drain(&mut rig, "q"), [&expected[..], &[(6, false)]].concat());
    rig.close();
}

#[test]
fn after_any_other_end_everything_recovered_is_redelivered() {
    let disk = FaultyDisk::new(Plan::default());
    let mut rig = Rig::open(Arc::new(disk.clone()), small(), Time(1_000));
    rig.durable_queue("q", QueuePolicy::default());
    publish(&mut rig, 0..4);
    rig.publish("q", 4, 100, false);
    rig.fence();
    disk.cut_power();
    drop(rig);
    let disk = Arc::new(disk.after_power_cut(7, Plan::default()));
    let mut rig = Rig::open(disk.clone(), small(), Time(2_000));
    rig.publish("q", 5, 100, true);
    rig.close();
    // A clean stop after it makes nothing certain that was not.
    Rig::open(disk.clone(), small(), Time(3_000)).close();
    let mut rig = Rig::open(disk, small(), Time(3_000));
    assert_eq!(drain(&mut rig, "q"), [(0, true), (1, true), (2, true), (3, true), (5, false)]);
    rig.close();
}

#[test]
fn a_broker_that_is_dropped_leaves_what_was_appended() {
    let disk = Arc::<MemoryDisk>::default();
    let mut rig = Rig::open(disk.clone(), small(), Time(1_000));
    rig.durable_queue("q", QueuePolicy::default());
    rig.publish("q", 1, 100, true);
    drop(rig);
    let mut rig = Rig::open(disk, small(), Time(1_000));
    assert_eq!(drain(&mut rig, "q"), [(1, true)], "what was appended is there, yet the end was not clean");
}

#[test]
fn bytes_are_counted_as_before() {
    let disk = Arc::<MemoryDisk>::default();
    let mut rig = Rig::open(disk.clone(), small(), Time(1_000));
    rig.durable_queue("q", QueuePolicy::default());
    let publish = |rig: &mut Rig| {
        for id in 0..30 {
            rig.publish("q", id, 50 + id as usize, id % 3 != 0);
        }
    };
    publish(&mut rig);
    let journaled: u64 = (0..30).filter(|id| id % 3 != 0).map(|id| 50 + id).sum();
    let mut rig = reopen(rig, &disk);
    let queue_again = rig.queue("q").expect("the queue is there");
    assert_eq!(rig.counts(&queue_again).ready_bytes, journaled);
    publish(&mut rig);
    // Everything is purged, cold or not.
    let taken = rig.get(&queue_again, session(1), false).map(|(d, _)| d.message.payload().len() as u64);
    let (count, _) = rig.turn(|rig, turn| rig.broker.purge(&queue_again, turn));
    assert_eq!(count, 49);
    publish(&mut rig);
    let rig = reopen(rig, &disk);
    let bytes = rig.counts(&rig.queue("q").expect("the queue is there")).ready_bytes;
    assert_eq!(Some(bytes - journaled), taken);
    rig.close();
}

#[test]
fn what_does_not_outlive_a_restart_is_gone() {
    let disk = Arc::<MemoryDisk>::default();
    let mut rig = Rig::open(disk.clone(), small(), Time(1_000));
    let spec = |name: &str| QueueSpec { name: Some(name.into()), ..QueueSpec::default() };
    rig.declare(session(1), spec("transient"));
    rig.declare(session(1), QueueSpec { durable: true, exclusive: true, ..spec("exclusive") });
    rig.declare(session(1), QueueSpec { durable: true, auto_delete: true, ..spec("auto-delete") });
    rig.publish("exclusive", 1, 10, true);
    rig.publish("auto-delete", 1, 10, true);
    let mut rig = reopen(rig, &disk);
    let names: Vec<String> = rig.broker.queues(&rig.vhost).iter().map(|q| q.name().to_string()).collect();
    assert_eq!(names, ["auto-delete"]);
    rig.advance(1_000_000);
    assert_eq!(drain(&mut rig, "auto-delete"), [(1, false)]);
    rig.close();
}
