//! Messages that are handed over and not settled: what they keep in memory, and how they come back.

mod harness;

use harness::*;
use narumq_broker::{Delivery, Outcome, QueueHandle};
use narumq_log::disk::memory::MemoryDisk;
use narumq_model::{ExchangeKind, QueuePolicy, Seq, SessionId, Time};
use std::collections::BTreeMap;
use std::sync::Arc;

const ME: SessionId = SessionId { worker: 0, index: 1, generation: 1 };

fn rig() -> Rig {
    Rig::open(Arc::<MemoryDisk>::default(), small(), Time(1_000))
}

/// Publishes numbers `ids` of 1 KiB, durable, and waits for the last one.
fn fill(rig: &mut Rig, queue: &str, ids: std::ops::Range<u64>) {
    let lsn = ids.map(|id| rig.publish(queue, id, 1_024, true)).max().expect("some");
    rig.durable(lsn);
}

/// Waits until `count` deliveries have come.
fn receive(rig: &mut Rig, count: usize) -> Vec<Delivery> {
    let mut all = Vec::new();
    rig.wait("deliveries", |rig| {
        all.extend(rig.deliveries());
        all.len() >= count
    });
    assert_eq!(all.len(), count);
    all
}

fn seqs(deliveries: &[Delivery]) -> Vec<Seq> {
    deliveries.iter().map(|d| d.seq).collect()
}

fn ids(deliveries: &[Delivery], redelivered: bool) -> Vec<u64> {
    assert!(deliveries.iter().all(|d| d.message.redelivered == redelivered));
    deliveries.iter().map(|d| id_of(&d.message)).collect()
}

/// A queue whose 12,000 messages of 1 KiB are all handed over to consumer 1.
fn all_handed_over(rig: &mut Rig, policy: QueuePolicy) -> (QueueHandle, Vec<Delivery>) {
    let queue = rig.durable_queue("q", policy);
    fill(rig, "q", 0..6_000);
    rig.consume(&queue, ME, 1, |_| {});
    let deliveries = receive(rig, 6_000);
    assert_eq!(ids(&deliveries, false), (0..6_000).collect::<Vec<_>>());
    assert_eq!(rig.counts(&queue).unsettled, 6_000);
    let held = rig.broker.window_bytes();
    assert!((1..3 << 20).contains(&held), "{held} bytes");
    (queue, deliveries)
}

#[test]
fn all_that_is_handed_over_is_bounded_and_comes_back_in_order() {
    let mut rig = rig();
    let (queue, deliveries) = all_handed_over(&mut rig, QueuePolicy::default());
    rig.turn(|rig, turn| rig.broker.cancel(&queue, ME, 1, turn));
    rig.settle(&queue, ME, None, &seqs(&deliveries), Outcome::Return);
    let counts = rig.counts(&queue);
    assert_eq!((counts.ready, counts.unsettled, counts.ready_bytes), (6_000, 0, 6_000 << 10));
    assert!(rig.broker.window_bytes() < 3 << 20);
    rig.consume(&queue, ME, 2, |_| {});
    let again = receive(&mut rig, 6_000);
    assert_eq!(ids(&again, true), (0..6_000).collect::<Vec<_>>());
    rig.settle(&queue, ME, Some(2), &seqs(&again), Outcome::Accept);
    assert_eq!((rig.counts(&queue).ready, rig.broker.window_bytes(), rig.counts(&queue).damaged), (0, 0, 0));
    rig.close();
}

#[test]
fn what_is_handed_over_and_in_no_log_stays_in_memory_and_counts() {
    let mut rig = rig();
    let queue = rig.durable_queue("q", QueuePolicy::default());
    rig.consume(&queue, ME, 1, |_| {});
    for id in 0..4_000 {
        rig.publish("q", id, 1_024, false);
    }
    let deliveries = receive(&mut rig, 4_000);
    assert!(rig.broker.window_bytes() > 4_000 << 10);
    rig.settle(&queue, ME, Some(1), &seqs(&deliveries[..10]), Outcome::Return);
    assert_eq!(ids(&receive(&mut rig, 10), true), (0..10).collect::<Vec<_>>());
    rig.settle(&queue, ME, Some(1), &seqs(&deliveries), Outcome::Accept);
    assert_eq!(rig.broker.window_bytes(), 0);
    rig.close();
}

#[test]
fn what_is_handed_over_outlives_a_restart() {
    let disk = Arc::<MemoryDisk>::default();
    let mut rig = Rig::open(disk.clone(), small(), Time(1_000));
    let (queue, deliveries) = all_handed_over(&mut rig, QueuePolicy::default());
    rig.settle(&queue, ME, Some(1), &seqs(&deliveries[..3_000]), Outcome::Accept);
    rig.close();
    let mut rig = Rig::open(disk, small(), Time(2_000));
    let queue = rig.queue("q").expect("the queue");
    assert_eq!((rig.counts(&queue).ready, rig.counts(&queue).ready_bytes), (3_000, 3_000 << 10));
    rig.consume(&queue, ME, 1, |_| {});
    assert_eq!(ids(&receive(&mut rig, 3_000), true), (3_000..6_000).collect::<Vec<_>>());
    rig.close();
}

#[test]
fn the_rejected_are_read_and_buried_in_order() {
    let mut rig = rig();
    rig.turn(|rig, turn| rig.broker.declare_exchange(&rig.vhost, exchange("grave", ExchangeKind::Fanout), turn));
    let dead = rig.durable_queue("dead", QueuePolicy::default());
    let bind = binding("grave", "dead", "");
    rig.turn(|rig, turn| rig.broker.bind(&rig.vhost, bind, ME, turn).map(drop)).expect("a binding");
    let (queue, deliveries) = all_handed_over(&mut rig, buries("grave"));
    // Some wait in the queue meanwhile, for one that asks for them one by one.
    rig.turn(|rig, turn| rig.broker.cancel(&queue, ME, 1, turn));
    rig.settle(&queue, ME, None, &seqs(&deliveries[..100]), Outcome::Return);
    rig.settle(&queue, ME, None, &seqs(&deliveries[100..]), Outcome::Reject);
    for id in 0..50 {
        assert_eq!(rig.get(&queue, ME, true).map(|(d, _)| id_of(&d.message)), Some(id));
    }
    rig.wait("burials", |rig| rig.counts(&dead).ready == 5_900);
    for id in 50..100 {
        assert_eq!(rig.get(&queue, ME, true).map(|(d, _)| id_of(&d.message)), Some(id));
    }
    rig.consume(&dead, ME, 2, |_| {});
    let buried = receive(&mut rig, 5_900);
    assert_eq!(ids(&buried, false), (100..6_000).collect::<Vec<_>>());
    let told = |d: &Delivery| d.message.envelope().is_some_and(|e| e.deaths.len() == 1 && e.deaths[0].count == 1);
    assert!(buried.iter().all(told));
    assert_eq!((rig.counts(&queue).ready, rig.counts(&queue).unsettled), (0, 0));
    rig.close();
}

#[test]
fn a_deletion_wins_over_what_waits_to_be_buried() {
    let gate = Gate::new(Arc::<MemoryDisk>::default());
    let mut rig = Rig::open(gate.disk(), small(), Time(1_000));
    let (_, deliveries) = all_handed_over(&mut rig, buries("grave"));
    let queue = rig.queue("q").expect("the queue");
    gate.close();
    rig.settle(&queue, ME, Some(1), &seqs(&deliveries), Outcome::Reject);
    rig.turn(|rig, turn| rig.broker.delete_queue(&rig.vhost, "q", (false, false), ME, turn).map(drop)).expect("gone");
    gate.open();
    rig.fence();
    assert_eq!(rig.broker.window_bytes(), 0);
    rig.close();
}

#[test]
fn what_comes_back_while_a_read_is_under_way_takes_its_place() {
    let gate = Gate::new(Arc::<MemoryDisk>::default());
    let mut rig = Rig::open(gate.disk(), small(), Time(1_000));
    let (queue, deliveries) = all_handed_over(&mut rig, QueuePolicy::default());
    let seqs = seqs(&deliveries);
    rig.turn(|rig, turn| rig.broker.cancel(&queue, ME, 1, turn));
    let odd: Vec<Seq> = seqs[..2_000].iter().copied().skip(1).step_by(2).collect();
    let even: Vec<Seq> = seqs[..2_000].iter().copied().step_by(2).collect();
    gate.close();
    rig.settle(&queue, ME, None, &odd, Outcome::Return);
    // A read begins for the odd ones, then the even ones come.
    rig.consume(&queue, ME, 2, |_| {});
    rig.settle(&queue, ME, None, &even, Outcome::Return);
    rig.turn(|rig, turn| rig.broker.cancel(&queue, ME, 2, turn));
    gate.open();
    let back: Vec<u64> = std::iter::from_fn(|| rig.get(&queue, ME, true)).map(|(d, _)| id_of(&d.message)).collect();
    assert!(back.into_iter().eq(0..2_000));
    assert_eq!((rig.counts(&queue).damaged, rig.counts(&queue).unsettled), (0, 4_000));
    rig.close();
}

/// What a queue should do, in the simplest way.
#[derive(Default)]
struct Naive {
    ready: BTreeMap<Seq, (u64, bool)>,
    leased: BTreeMap<Seq, u64>,
}

#[test]
fn any_settling_of_a_mixed_backlog_is_as_in_the_simplest_queue() {
    let mut state = 0x9E37_79B9_7F4A_7C15u64;
    let mut random = move |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state % below as u64) as usize
    };
    let mut rig = rig();
    let queue = rig.durable_queue("q", QueuePolicy::default());
    let mut naive = Naive::default();
    let (mut next, mut seq_of) = (0, None);
    for step in 0..700 {
        match random(30) {
            // A burst comes in; here and there one that is not journaled.
            0..=5 => {
                let lsns: Vec<_> = (0..60).map(|n| rig.publish("q", next + n, 4_096, random(40) != 0)).collect();
                next += 60;
                rig.durable(lsns.into_iter().max().unwrap_or_default());
            }
            6..=27 => {
                for _ in 0..random(30) {
                    let Some((delivery, _)) = rig.get(&queue, ME, false) else { break };
                    // The first sequence is known from the first message.
                    let id = id_of(&delivery.message);
                    let base = *seq_of.get_or_insert(delivery.seq.0 - id);
                    let expected = naive.ready.remove(&delivery.seq).unwrap_or((delivery.seq.0 - base, false));
                    assert_eq!((id, delivery.message.redelivered), expected, "step {step}");
                    assert!(naive.ready.keys().next().is_none_or(|first| *first > delivery.seq), "step {step}");
                    naive.leased.insert(delivery.seq, id);
                }
            }
            outcome => {
                let all: Vec<Seq> = naive.leased.keys().copied().collect();
                let some: Vec<Seq> = all.into_iter().filter(|_| random(3) == 0).collect();
                let outcome = if outcome == 28 { Outcome::Return } else { Outcome::Accept };
                rig.settle(&queue, ME, None, &some, outcome);
                for seq in some {
                    let id = naive.leased.remove(&seq).expect("leased");
                    if outcome == Outcome::Return {
                        naive.ready.insert(seq, (id, true));
                    }
                }
            }
        }
        assert_eq!(rig.counts(&queue).unsettled, naive.leased.len() as u64);
    }
    assert_eq!(rig.counts(&queue).damaged, 0);
    assert!(naive.leased.len() > 260, "more than are kept in memory");
    rig.close();
}
