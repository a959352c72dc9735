//! How queues and operations are drawn.

use super::ops::{Consume, End, Op, Publish, SESSIONS, SLOTS, Settle, Setup, Slot, Target};
use narumq_broker::Outcome;
use narumq_model::{Overflow, QueuePolicy};
use proptest::collection::vec;
use proptest::option::{of, weighted};
use proptest::prelude::*;

/// How large messages are, and whether the broker is restarted.
#[derive(Clone, Copy, Debug)]
pub struct Scale {
    pub len: usize,
    pub restarts: bool,
}

fn policy() -> impl Strategy<Value = QueuePolicy> {
    let times = (weighted(0.3, 0..40u64), weighted(0.15, 20..150u64), weighted(0.15, 1..30u64));
    let overflow = prop_oneof![Just(Overflow::DropHead), Just(Overflow::Reject), Just(Overflow::RejectDeadLetter)];
    let limits = (weighted(0.3, 0..6u64), weighted(0.2, 0..150u64), overflow);
    let exchange = prop_oneof![Just(""), Just("dlx"), Just("dlx"), Just("missing")];
    let key = prop_oneof![(0..SLOTS).prop_map(|n| format!("q{n}")), Just("nowhere".to_owned())];
    let grave = weighted(0.7, (exchange, of(key)));
    let counts = (weighted(0.25, 0..3u32), weighted(0.25, 1..4u32));
    (times, limits, grave, weighted(0.4, 1..5u8), counts, prop::bool::weighted(0.15)).prop_map(
        |((ttl, expires, delay), (length, bytes, overflow), grave, max_priority, (failures, hand_overs), single)| {
            QueuePolicy {
                message_ttl_ms: ttl,
                expires_ms: expires,
                delay_ms: delay,
                max_length: length,
                max_length_bytes: bytes,
                overflow,
                dead_letter_exchange: grave.as_ref().map(|(exchange, _)| (*exchange).into()),
                dead_letter_key: grave.and_then(|(_, key)| key).map(String::into),
                max_priority,
                delivery_limit: failures,
                hand_over_limit: hand_overs,
                single_active_consumer: single,
                ..QueuePolicy::default()
            }
        },
    )
}

fn slot() -> impl Strategy<Value = Slot> {
    (prop::bool::weighted(0.7), prop::bool::weighted(0.1), prop::bool::weighted(0.15), policy())
        .prop_map(|(durable, exclusive, auto_delete, policy)| Slot { durable, exclusive, auto_delete, policy })
}

/// Leaves only what has one outcome where heads are read from the disk, by another thread and a few at a time: there
/// what is too much may go before or after what is too old, and the dead of two queues, or of age, go in any order; what
/// becomes visible may stand before a head that is too old when that has been read.
fn steady(mut setup: Setup, len: u64) -> Setup {
    for (number, slot) in setup.slots.iter_mut().enumerate() {
        let policy = &mut slot.policy;
        if number > 0 || setup.timed {
            policy.dead_letter_exchange = None;
            policy.dead_letter_key = None;
        }
        if !setup.timed {
            policy.message_ttl_ms = None;
        } else {
            policy.delay_ms = None;
        }
        if setup.timed && policy.overflow == Overflow::DropHead {
            policy.max_length = None;
            policy.max_length_bytes = None;
        }
        if !setup.orderly {
            policy.hand_over_limit = None;
        }
        // Messages are larger here, and so is what is too much.
        policy.max_length = policy.max_length.map(|max| max * 8);
        policy.max_length_bytes = policy.max_length_bytes.map(|max| max * len / 16);
    }
    setup
}

pub fn setup(scale: Scale) -> impl Strategy<Value = Setup> {
    let bound = vec((any::<bool>(), any::<bool>()), SLOTS);
    let bytes = prop_oneof![3 => Just(1i64 << 40), 1 => 100..600i64];
    (vec(slot(), SLOTS), bound, bytes, 1..6i64, any::<(bool, bool)>()).prop_map(
        move |(slots, bound, bytes, shared, (orderly, timed))| {
            let timed = timed || !scale.restarts;
            let setup = Setup { slots, bound, bytes, shared, orderly, timed, restarts: scale.restarts };
            if scale.restarts { steady(setup, scale.len as u64) } else { setup }
        },
    )
}

fn publish(scale: Scale) -> impl Strategy<Value = Publish> {
    let to = prop_oneof![4 => (0..SLOTS).prop_map(Target::Queue), 1 => Just(Target::Fan)];
    let times = (weighted(0.25, 0..30u64), weighted(0.15, 0..30u64));
    (to, prop::bool::weighted(0.6), 0..7u8, times, 8..scale.len)
        .prop_map(|(to, durable, priority, (ttl, delay), len)| Publish { to, durable, priority, ttl, delay, len })
}

fn settle() -> impl Strategy<Value = Settle> {
    let how = prop_oneof![
        3 => Just(Outcome::Accept),
        2 => Just(Outcome::Return),
        2 => Just(Outcome::Fail),
        3 => Just(Outcome::Reject)
    ];
    (any::<prop::sample::Index>(), 1..4usize, how).prop_map(|(which, count, how)| Settle {
        which: which.index(1 << 20),
        count,
        how,
    })
}

fn consume() -> impl Strategy<Value = Consume> {
    let rare = || prop::bool::weighted(0.1);
    ((0..SLOTS, 1..=SESSIONS), (0..4u32, prop::bool::weighted(0.2), rare()), (0..3i32, prop::bool::weighted(0.3)))
        .prop_map(|((slot, session), (prefetch, takes, exclusive), (priority, shared))| Consume {
            slot,
            session,
            prefetch,
            takes,
            exclusive,
            priority,
            shared,
        })
}

/// What happens with queues themselves, connections and time.
fn frame() -> impl Strategy<Value = Op> {
    let slot = || 0..SLOTS;
    let who = || 1..=SESSIONS;
    prop_oneof![
        8 => (slot(), who()).prop_map(|(slot, session)| Op::Declare(slot, session)),
        2 => slot().prop_map(Op::Delete),
        1 => (slot(), any::<bool>(), any::<bool>()).prop_map(|(slot, unused, empty)| Op::DeleteIf(slot, unused, empty)),
        2 => (any::<bool>(), slot()).prop_map(|(dlx, slot)| Op::Bind(dlx, slot)),
        1 => (any::<bool>(), slot()).prop_map(|(dlx, slot)| Op::Unbind(dlx, slot)),
        2 => slot().prop_map(Op::Purge),
        10 => (0..40u64).prop_map(Op::Advance),
        1 => who().prop_map(Op::Disconnect),
        1 => who().prop_map(Op::Vanish),
        4 => who().prop_map(Op::Grant),
    ]
}

/// What happens with messages.
fn traffic(scale: Scale) -> impl Strategy<Value = Op> {
    let slot = || 0..SLOTS;
    let who = || 1..=SESSIONS;
    let index = || any::<prop::sample::Index>().prop_map(|n| n.index(1 << 20));
    prop_oneof![
        20 => publish(scale).prop_map(Op::Publish),
        6 => (publish(scale), 2..9usize).prop_map(|(publish, count)| Op::Burst(publish, count)),
        8 => consume().prop_map(Op::Consume),
        3 => index().prop_map(Op::Cancel),
        16 => settle().prop_map(Op::Settle),
        1 => index().prop_map(Op::Meddle),
        6 => (slot(), who(), any::<bool>()).prop_map(|(slot, session, takes)| Op::Get(slot, session, takes)),
        2 => (slot(), 1..6usize).prop_map(|(slot, most)| Op::Peek(slot, most)),
        3 => (who(), vec(settle(), 0..3), vec(publish(scale), 0..4))
            .prop_map(|(session, settles, publishes)| Op::Transact(session, settles, publishes)),
    ]
}

/// The broker is filled beyond its memory, or stops.
fn upheaval() -> impl Strategy<Value = Op> {
    prop_oneof![
        1 => (0..SLOTS, 66..90usize).prop_map(|(slot, count)| Op::Flood(slot, count)),
        2 => Just(Op::Restart(End::Clean)),
        1 => Just(Op::Restart(End::Killed)),
        1 => Just(Op::Restart(End::PowerCut)),
    ]
}

pub fn op(scale: Scale) -> BoxedStrategy<Op> {
    if scale.restarts {
        prop_oneof![20 => traffic(scale), 5 => frame(), 1 => upheaval()].boxed()
    } else {
        prop_oneof![4 => traffic(scale), 1 => frame()].boxed()
    }
}
