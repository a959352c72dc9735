//! What the log is told of removals, and what a queue keeps in memory of messages that are handed over.

mod harness;

use harness::*;
use narumq_broker::Outcome;
use narumq_log::disk::faulty::{FaultyDisk, Plan};
use narumq_log::disk::memory::MemoryDisk;
use narumq_model::{Lsn, QueuePolicy, Time};
use std::sync::Arc;

fn rig() -> Rig {
    Rig::open(Arc::<MemoryDisk>::default(), small(), Time(1_000))
}

/// Publishes durable messages with these numbers, all in one turn; the LSNs of the first and the last.
fn publish_in_one_turn(rig: &mut Rig, queue: &str, ids: std::ops::Range<u64>) -> (Lsn, Lsn) {
    let route = rig.route("", queue);
    let messages: Vec<_> = ids.map(|id| rig.message(id, 100, ("", queue), true)).collect();
    let lsns: Vec<Lsn> =
        rig.turn(|rig, turn| messages.into_iter().map(|m| rig.broker.publish(&route, m, turn).lsn).collect::<Vec<_>>());
    (lsns[0], lsns[lsns.len() - 1])
}

#[test]
fn what_goes_in_one_turn_is_one_entry() {
    let mut rig = rig();
    let queue = rig.durable_queue("q", QueuePolicy::default());
    rig.consume(&queue, session(1), 1, |spec| spec.takes = true);
    let (first, last) = publish_in_one_turn(&mut rig, "q", 0..50);
    assert_eq!(last.0 - first.0, 49, "no removal between them");
    assert_eq!(rig.deliveries().len(), 50);
    assert_eq!(rig.publish("q", 50, 100, true).0 - last.0, 2, "one removal behind them");
    // The same where a limit drops from the head.
    let policy = QueuePolicy { max_length: Some(10), ..QueuePolicy::default() };
    let limited = rig.durable_queue("limited", policy);
    let (first, last) = publish_in_one_turn(&mut rig, "limited", 0..50);
    assert_eq!((last.0 - first.0, rig.counts(&limited).ready), (49, 10));
    rig.close();
}

#[test]
fn a_crash_before_the_log_is_told_brings_messages_back_and_none_is_lost() {
    let disk = FaultyDisk::new(Plan::default());
    let mut rig = Rig::open(Arc::new(disk.clone()), small(), Time(1_000));
    let queue = rig.durable_queue("q", QueuePolicy::default());
    rig.consume(&queue, session(1), 1, |spec| spec.takes = true);
    let route = rig.route("", "q");
    let messages: Vec<_> = (0..20).map(|id| rig.message(id, 100, ("", "q"), true)).collect();
    let mut turn = narumq_broker::Turn::new(rig.now, Some(0));
    let lsn = messages.into_iter().map(|m| rig.broker.publish(&route, m, &mut turn).lsn).max().expect("some");
    // The turn never ends, but what was published becomes durable by another one.
    rig.durable(lsn);
    assert_eq!(rig.deliveries().len(), 20);
    disk.cut_power();
    drop(rig);
    let mut rig = Rig::open(Arc::new(disk.after_power_cut(3, Plan::default())), small(), Time(2_000));
    let queue = rig.queue("q").expect("the queue");
    let back: Vec<_> = std::iter::from_fn(|| rig.get(&queue, session(1), true))
        .map(|(d, _)| (id_of(&d.message), d.message.redelivered))
        .collect();
    assert!(back.into_iter().eq((0..20).map(|id| (id, true))));
    rig.close();
}

#[test]
fn states_written_within_a_turn_count_what_has_gone_once() {
    let disk = Arc::<MemoryDisk>::default();
    let mut rig = Rig::open(disk.clone(), small(), Time(1_000));
    let queue = rig.durable_queue("q", QueuePolicy::default());
    for round in 0..20 {
        // Each turn fills several files, and each file that is full asks the queue for its State.
        rig.consume(&queue, session(1), 1, |spec| spec.takes = true);
        let (_, last) = publish_in_one_turn(&mut rig, "q", 0..2_000);
        rig.durable(last);
        rig.turn(|rig, turn| rig.broker.cancel(&queue, session(1), 1, turn));
        publish_in_one_turn(&mut rig, "q", round..round + 1);
        assert!(rig.get(&queue, session(1), false).is_some(), "this one stays");
    }
    rig.close();
    let mut rig = Rig::open(disk, small(), Time(2_000));
    let queue = rig.queue("q").expect("the queue");
    assert_eq!((rig.counts(&queue).ready, rig.counts(&queue).ready_bytes), (20, 2_000));
    let ids: Vec<u64> =
        std::iter::from_fn(|| rig.get(&queue, session(1), true)).map(|(d, _)| id_of(&d.message)).collect();
    assert!(ids.into_iter().eq(0..20));
    rig.close();
}

#[test]
fn a_purge_leaves_what_is_handed_over_where_it_lies() {
    let disk = Arc::<MemoryDisk>::default();
    let mut rig = Rig::open(disk.clone(), small(), Time(1_000));
    let queue = rig.durable_queue("q", QueuePolicy::default());
    let me = session(1);
    let mut held = Vec::new();
    for part in 0..8 {
        let (_, last) = publish_in_one_turn(&mut rig, "q", part * 1_000..(part + 1) * 1_000);
        rig.durable(last);
        // One of every thousand is handed over, at the head; the others are purged, cold or not.
        held.extend(rig.get(&queue, me, false).map(|(d, _)| (d.seq, id_of(&d.message))));
        let (count, lsn) = rig.turn(|rig, turn| rig.broker.purge(&queue, turn));
        assert_eq!(count, 999);
        rig.durable(lsn);
    }
    assert_eq!((rig.counts(&queue).ready, rig.counts(&queue).unsettled), (0, 8));
    let seqs: Vec<_> = held.iter().map(|(seq, _)| *seq).collect();
    rig.settle(&queue, me, None, &seqs[..4], Outcome::Accept);
    rig.close();
    let mut rig = Rig::open(disk, small(), Time(2_000));
    let queue = rig.queue("q").expect("the queue");
    assert_eq!(rig.counts(&queue).ready_bytes, 400);
    let ids: Vec<u64> = std::iter::from_fn(|| rig.get(&queue, me, true)).map(|(d, _)| id_of(&d.message)).collect();
    assert!(ids.into_iter().eq(held[4..].iter().map(|(_, id)| *id)));
    rig.close();
}
