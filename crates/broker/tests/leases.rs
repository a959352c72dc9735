//! What the model says of leases by key and of leases that end by themselves: rules that queues will keep.
//!
//! Queues get them with the first door that asks for them.

mod model;

use model::{Allowance, Message, NEVER, Queue, Story, World};
use narumq_broker::Outcome;
use narumq_model::QueuePolicy;

/// A world with one queue `q` of this policy.
fn world(policy: QueuePolicy) -> World {
    let mut world = World { now: 1_000, ..World::default() };
    world.allowances.insert(1, Allowance { bytes: 1 << 40, shared: 1 << 40 });
    world.declare(1, Queue { name: "q".into(), policy, ..Queue::default() });
    world
}

fn publish(world: &mut World, id: u64, key: Option<u64>) {
    let story = Story { keys: vec!["q".into()], ..Story::default() };
    let message = Message {
        id,
        place: 0,
        len: 1,
        durable: true,
        priority: 0,
        expires_at: NEVER,
        visible_at: 0,
        key,
        until: NEVER,
        redelivered: false,
        failures: 0,
        hand_overs: 0,
        story,
    };
    world.publish("", "q", &message);
}

/// What a `get` finds: message and place.
fn get(world: &mut World) -> Option<(u64, u64)> {
    world.get("q", 1, false).map(|(handed, _)| (handed.id, handed.place))
}

#[test]
fn one_message_of_a_key_is_handed_over_at_a_time() {
    let mut world = world(QueuePolicy { lease_by_key: true, ..QueuePolicy::default() });
    [(1, Some(7)), (2, Some(7)), (3, Some(8)), (4, None), (5, Some(8))]
        .into_iter()
        .for_each(|(id, key)| publish(&mut world, id, key));
    assert_eq!(get(&mut world), Some((1, 1)));
    assert_eq!(get(&mut world), Some((3, 3)), "what has a free key goes ahead");
    assert_eq!(get(&mut world), Some((4, 4)), "what has no key waits for none");
    assert_eq!(get(&mut world), None);
    world.settle(1, &(1, None, vec![1], Outcome::Accept));
    assert_eq!(get(&mut world), Some((2, 2)));
    world.settle(1, &(1, None, vec![3], Outcome::Return));
    assert_eq!(get(&mut world), Some((3, 3)), "what comes back goes before the others of its key");
    world.settle(1, &(1, None, vec![3], Outcome::Reject));
    assert_eq!(get(&mut world), Some((5, 5)));
}

#[test]
fn a_lease_ends_by_itself_and_frees_its_key() {
    let policy =
        QueuePolicy { lease_by_key: true, lease_ms: Some(30), hand_over_limit: Some(2), ..QueuePolicy::default() };
    let mut world = world(policy);
    publish(&mut world, 1, Some(7));
    publish(&mut world, 2, Some(7));
    for _ in 0..2 {
        assert_eq!(get(&mut world), Some((1, 1)));
        world.advance(29);
        assert_eq!(get(&mut world), None, "the lease goes on and holds the key");
        world.advance(1);
    }
    assert_eq!(get(&mut world), Some((2, 2)), "the first has been handed over often enough");
    world.settle(1, &(1, None, vec![2], Outcome::Accept));
    world.advance(1_000);
    assert_eq!(get(&mut world), None, "what is settled does not come back");
    assert_eq!(world.died.values().sum::<u64>(), 1);
}

#[test]
fn what_was_settled_late_is_no_longer_held() {
    let mut world = world(QueuePolicy { lease_ms: Some(30), ..QueuePolicy::default() });
    publish(&mut world, 1, None);
    assert_eq!(get(&mut world), Some((1, 1)));
    world.advance(30);
    world.settle(1, &(1, None, vec![1], Outcome::Accept));
    assert_eq!(get(&mut world), Some((1, 1)));
}
