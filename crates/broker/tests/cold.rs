//! Messages that a queue has let go of and reads again: order, marks, bounds of memory.

mod harness;

use harness::*;
use narumq_broker::Outcome;
use narumq_log::disk::memory::MemoryDisk;
use narumq_model::{QueuePolicy, Time};
use std::sync::Arc;

fn rig() -> Rig {
    Rig::open(Arc::<MemoryDisk>::default(), small(), Time(1_000))
}

/// Publishes numbers `ids` of `len` bytes, durable, and waits for the last one.
fn fill(rig: &mut Rig, queue: &str, ids: std::ops::Range<u64>, len: usize) {
    let mut lsn = Default::default();
    for id in ids {
        lsn = rig.publish(queue, id, len, true);
    }
    rig.durable(lsn);
}

#[test]
fn what_comes_back_into_a_cold_stretch_takes_its_original_place() {
    let mut rig = rig();
    let (queue, me) = (rig.durable_queue("q", QueuePolicy::default()), session(1));
    fill(&mut rig, "q", 0..900, 1_024);
    let taken: Vec<_> = (0..500).filter_map(|_| rig.get(&queue, me, false)).map(|(d, _)| d.seq).collect();
    assert_eq!(taken.len(), 500);
    // All but one come back, then so many come behind them that most get cold, then the last one comes.
    let (late, early) = taken.split_last().expect("some");
    rig.settle(&queue, me, None, early, Outcome::Return);
    fill(&mut rig, "q", 900..4_000, 1_024);
    assert!(rig.broker.window_bytes() < 2 << 20);
    rig.settle(&queue, me, None, &[*late], Outcome::Return);
    let order: Vec<(u64, bool)> = std::iter::from_fn(|| rig.get(&queue, me, true))
        .map(|(d, _)| (id_of(&d.message), d.message.redelivered))
        .collect();
    let expected: Vec<(u64, bool)> = (0..4_000).map(|id| (id, id < 500)).collect();
    let wrong = order.iter().zip(&expected).find(|(a, b)| a != b);
    assert!(order == expected, "{} messages, {wrong:?}", order.len());
    rig.close();
}

#[test]
fn transient_messages_do_not_keep_durable_ones_in_memory() {
    let mut rig = rig();
    let (queue, me) = (rig.durable_queue("q", QueuePolicy::default()), session(1));
    let mut lsn = Default::default();
    for id in 0..20_000 {
        lsn = rig.publish("q", id, 1_024, id % 50 != 0).max(lsn);
        if id % 500 == 0 {
            rig.durable(lsn);
        }
    }
    rig.durable(lsn);
    rig.publish("q", 20_000, 8, true);
    let window = rig.broker.window_bytes();
    assert!(window < 4 << 20, "{window} bytes");
    let order: Vec<u64> = std::iter::from_fn(|| rig.get(&queue, me, true)).map(|(d, _)| id_of(&d.message)).collect();
    assert!(order.iter().copied().eq(0..=20_000), "{} messages", order.len());
    rig.close();
}

#[test]
fn a_broker_over_its_memory_for_transient_messages_loses_none_of_them() {
    let mut rig = rig();
    let (queue, me) = (rig.durable_queue("q", QueuePolicy::default()), session(1));
    // Durable and transient ones in turn, 48 MiB of the transient ones.
    let mut lsn = Default::default();
    for id in 0..1_600 {
        lsn = rig.publish("q", id, 60 << 10, id / 20 % 2 == 0).max(lsn);
        if id % 20 == 0 {
            rig.durable(lsn);
        }
    }
    rig.durable(lsn);
    rig.publish("q", 1_600, 8, true);
    let window = rig.broker.window_bytes();
    assert!(window < 36 << 20, "{window} bytes");
    assert_eq!(rig.counts(&queue).ready, 1_601);
    let order: Vec<u64> = std::iter::from_fn(|| rig.get(&queue, me, true)).map(|(d, _)| id_of(&d.message)).collect();
    assert!(order.iter().copied().eq(0..=1_600), "{} messages", order.len());
    rig.close();
}
