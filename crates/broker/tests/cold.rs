//! Messages that a queue has let go of and reads again: order, marks, bounds of memory.

mod harness;

use harness::*;
use narumq_broker::Outcome;
use narumq_log::disk::memory::MemoryDisk;
use narumq_model::{DeathReason, QueuePolicy, Time};
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

/// Three messages in a queue for two that buries in `dead`, the first with a time to live: what the first died of. The third
/// comes at `full`; what lies on the disk is read at `read`.
fn death_of_the_first(ttl: u64, (full, read): (u64, u64), restart: bool, policy: QueuePolicy) -> (u64, DeathReason) {
    let gate = Gate::new(Arc::<MemoryDisk>::default());
    let mut rig = Rig::open(gate.disk(), small(), Time(1_000));
    rig.durable_queue("dead", QueuePolicy::default());
    rig.durable_queue("q", QueuePolicy { dead_letter_key: Some("dead".into()), ..policy });
    for id in 1..=2 {
        let mut message = rig.message(id, 100, ("", "q"), true);
        message.expires_at = if id == 1 { rig.now.plus(ttl) } else { Time::NEVER };
        rig.publish_message("q", message);
    }
    if restart {
        rig.close();
        gate.close_to_others();
        rig = Rig::open(gate.disk(), small(), Time(1_000));
    }
    rig.advance(full);
    rig.publish("q", 3, 100, true);
    rig.advance(read - full);
    gate.open();
    let dead = rig.queue("dead").expect("the queue");
    rig.wait("a death", |rig| rig.counts(&dead).ready == 1);
    let (delivery, _) = rig.get(&dead, session(1), true).expect("a message");
    let reason = delivery.message.envelope().expect("it died").deaths[0].reason;
    let id = id_of(&delivery.message);
    rig.close();
    (id, reason)
}

#[test]
fn what_expired_before_it_was_too_much_has_died_of_age_whenever_it_is_read() {
    for restart in [false, true] {
        let count = || QueuePolicy { max_length: Some(2), ..buries("") };
        let bytes = || QueuePolicy { max_length_bytes: Some(200), ..buries("") };
        for policy in [count, bytes] {
            let first = |ttl, times| death_of_the_first(ttl, times, restart, policy());
            assert_eq!(first(10, (18, 25)), (1, DeathReason::Expired), "restart {restart}");
            assert_eq!(first(20, (18, 25)), (1, DeathReason::MaxLength), "restart {restart}");
            assert_eq!(first(18, (18, 18)), (1, DeathReason::Expired), "restart {restart}");
            assert_eq!(first(90, (18, 25)), (1, DeathReason::MaxLength), "restart {restart}");
        }
    }
}

#[test]
fn a_step_lets_go_of_a_mebibyte_at_most_and_the_rest_follows() {
    for durable in [true, false] {
        let mut rig = rig();
        let queue = rig.durable_queue("q", QueuePolicy::default());
        // Nothing is written before the last one has come, or nothing is spilled: there is no reason yet.
        let disk_holds_back = 30_000;
        let route = rig.route("", "q");
        let messages: Vec<_> = (0..disk_holds_back).map(|id| rig.message(id, 1_024, ("", "q"), durable)).collect();
        let lsn = rig.turn(|rig, turn| messages.into_iter().map(|m| rig.broker.publish(&route, m, turn).lsn).max());
        rig.durable(lsn.expect("some"));
        let mut window = rig.broker.window_bytes();
        let full = window;
        let mut steps = 0;
        for id in 0..200 {
            rig.publish("q", disk_holds_back + id, 64 << 10, durable);
            let now = rig.broker.window_bytes();
            assert!(window < now + (5 << 18), "{window} bytes, then {now}");
            steps += u64::from(now < window);
            window = now;
        }
        assert!(durable || steps > 0, "{full} bytes, {window} at the end");
        // What was not yet written stays until the next step.
        rig.fence();
        rig.publish("q", disk_holds_back + 200, 1_024, durable);
        let most = if durable { 2 } else { 33 };
        rig.wait("memory to be let go", |rig| {
            rig.advance(0);
            rig.broker.window_bytes() <= most << 20
        });
        let order: Vec<u64> =
            std::iter::from_fn(|| rig.get(&queue, session(1), true)).map(|(d, _)| id_of(&d.message)).collect();
        assert!(order.into_iter().eq(0..=disk_holds_back + 200));
        rig.close();
    }
}
