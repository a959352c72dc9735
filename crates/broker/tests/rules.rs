//! Single rules of queues that the model test does not single out.

mod harness;

use harness::*;
use narumq_broker::{Event, Got, Outcome, TxPublish};
use narumq_log::disk::memory::MemoryDisk;
use narumq_model::{ExchangeKind, Overflow, QueuePolicy, Time};
use std::sync::Arc;

fn rig() -> Rig {
    Rig::open(Arc::<MemoryDisk>::default(), small(), Time(1_000))
}

#[test]
fn a_message_keeps_its_priority_through_a_queue_that_knows_none() {
    let mut rig = rig();
    let plain = rig.durable_queue("plain", buries("dead"));
    let sorted = rig.durable_queue("sorted", QueuePolicy { max_priority: Some(5), ..QueuePolicy::default() });
    rig.turn(|rig, turn| {
        rig.broker.declare_exchange(&rig.vhost, exchange("dead", ExchangeKind::Fanout), turn);
        rig.broker.bind(&rig.vhost, binding("dead", "sorted", ""), session(0), turn).expect("a binding");
    });
    for (id, priority) in [(1, 0), (2, 4), (3, 200)] {
        let mut message = rig.message(id, 10, ("", "plain"), true);
        message.priority = priority;
        rig.publish_message("plain", message);
    }
    for id in 1..=3 {
        let (delivery, _) = rig.get(&plain, session(1), false).expect("a message");
        assert_eq!(id_of(&delivery.message), id);
        rig.settle(&plain, session(1), None, &[delivery.seq], Outcome::Reject);
    }
    let order: Vec<u64> =
        std::iter::from_fn(|| rig.get(&sorted, session(1), true)).map(|(d, _)| id_of(&d.message)).collect();
    assert_eq!(order, [3, 2, 1]);
    rig.close();
}

#[test]
fn a_transaction_finds_the_room_that_its_own_messages_leave() {
    let mut rig = rig();
    let policy = QueuePolicy { max_length_bytes: Some(100), overflow: Overflow::RejectDeadLetter, ..buries("") };
    let queue = rig.durable_queue("q", QueuePolicy { dead_letter_key: Some("dead".into()), ..policy });
    let dead = rig.durable_queue("dead", QueuePolicy::default());
    let route = rig.route("", "q");
    let publishes = (0..5).map(|id| TxPublish { route: route.clone(), message: rig.message(id, 40, ("", "q"), true) });
    let publishes: Vec<TxPublish> = publishes.collect();
    let published = rig.turn(|rig, turn| rig.broker.transact(vec![], publishes, session(1), turn));
    assert!(published.refused);
    assert_eq!((rig.counts(&queue).ready, rig.counts(&queue).ready_bytes), (2, 80));
    assert_eq!(rig.counts(&dead).ready, 3);
    rig.close();
}

#[test]
fn a_limit_of_hand_overs_holds_for_single_messages_too() {
    let mut rig = rig();
    let queue = rig.durable_queue("q", QueuePolicy { hand_over_limit: Some(2), ..buries("") });
    rig.publish("q", 1, 10, true);
    for round in 0..2 {
        let (delivery, _) = rig.get(&queue, session(1), false).expect("a message");
        assert_eq!(delivery.message.hand_overs, round);
        rig.settle(&queue, session(1), None, &[delivery.seq], Outcome::Return);
    }
    assert!(rig.get(&queue, session(1), false).is_none());
    assert_eq!(rig.counts(&queue).ready, 0);
    rig.close();
}

#[test]
fn who_waits_for_a_message_of_a_queue_learns_that_it_is_deleted() {
    let gate = Gate::new(Arc::<MemoryDisk>::default());
    let mut rig = Rig::open(gate.disk(), small(), Time(1_000));
    rig.durable_queue("q", QueuePolicy::default());
    rig.publish("q", 1, 10, true);
    rig.close();
    let mut rig = Rig::open(gate.disk(), small(), Time(1_000));
    let queue = rig.queue("q").expect("a queue");
    gate.close();
    let got = rig.turn(|rig, turn| rig.broker.get(&queue, session(1), false, turn)).expect("the queue is there");
    assert!(matches!(got, Got::Pending));
    let deleted = rig.turn(|rig, turn| rig.broker.delete_queue(&rig.vhost, "q", (false, false), session(1), turn));
    assert_eq!(deleted.expect("deleted").0, 1);
    assert!(rig.events.iter().any(|(to, e)| *to == session(1) && matches!(e, Event::Ready { .. })));
    assert!(rig.turn(|rig, turn| rig.broker.get(&queue, session(1), false, turn)).is_err());
    gate.open();
    rig.close();
}

#[test]
fn what_comes_back_while_its_neighbours_are_read_does_not_hide_what_is_known_of_them() {
    let gate = Gate::new(Arc::<MemoryDisk>::default());
    let mut rig = Rig::open(gate.disk(), small(), Time(1_000));
    let (queue, me) = (rig.durable_queue("q", QueuePolicy::default()), session(1));
    let fill = |rig: &mut Rig, ids: std::ops::Range<u64>| {
        let lsn = ids.map(|id| rig.publish("q", id, 1_024, true)).last().expect("some");
        rig.durable(lsn);
    };
    fill(&mut rig, 0..900);
    let taken: Vec<_> = (0..500).filter_map(|_| rig.get(&queue, me, false)).map(|(d, _)| d.seq).collect();
    let (late, early): (Vec<_>, Vec<_>) = taken.iter().partition(|seq| seq.0 % 100 == 30);
    rig.settle(&queue, me, None, &early, Outcome::Return);
    fill(&mut rig, 900..2_000);
    // A read begins; before it ends, messages come back into the middle of what it reads.
    gate.close();
    while let Ok(Got::Message { .. }) = rig.turn(|rig, turn| rig.broker.get(&queue, session(2), false, turn)) {}
    rig.settle(&queue, me, None, &late, Outcome::Return);
    gate.open();
    let rest: Vec<(u64, bool)> = std::iter::from_fn(|| rig.get(&queue, session(3), true))
        .map(|(d, _)| (id_of(&d.message), d.message.redelivered))
        .collect();
    assert!(rest.iter().all(|(id, redelivered)| *redelivered == (*id < 500)), "{rest:?}");
    assert!(rest.is_sorted() && rest.len() > 1_000, "{} messages", rest.len());
    rig.close();
}
