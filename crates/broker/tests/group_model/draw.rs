//! What is asked, drawn at random. Members are named by their place: most questions come from somebody who is there.

use proptest::prelude::*;

#[derive(Clone, Debug)]
pub struct Setup {
    pub members_max: usize,
    pub pending_max: usize,
    pub delay: u32,
    pub new_member_timeout: u32,
    pub retention: u64,
}

/// Who asks.
#[derive(Clone, Copy, Debug)]
pub enum Who {
    /// The member at this place, counted around.
    Member(usize),
    /// The id at this place of all that were ever given out.
    Ever(usize),
    /// Somebody without an id.
    Stranger,
}

#[derive(Clone, Copy, Debug)]
pub struct Join {
    pub who: Who,
    /// A static member, by the number of its instance; `None`: as the member is, or dynamic.
    pub instance: Option<u8>,
    pub required: bool,
    pub skip: bool,
    /// Which protocols are offered: a number of the table.
    pub offer: usize,
    pub version: u8,
    pub other_type: bool,
    pub session: u32,
    pub rebalance: u32,
    pub topics: Option<u8>,
}

#[derive(Clone, Debug)]
pub enum Op {
    Join(Join),
    /// All members join again as they are.
    JoinAll,
    Sync {
        who: Who,
        late: i32,
        parts: u8,
    },
    /// All members sync, the leader last or first.
    SyncAll {
        leader_first: bool,
    },
    Heartbeat {
        who: Who,
        late: i32,
        with_instance: bool,
    },
    /// All members beat.
    Beat,
    Leave(Vec<(Who, Option<u8>)>),
    Commit {
        who: Who,
        late: i32,
        partition: u32,
        expires: Option<u64>,
    },
    DeleteOffsets {
        topic: u8,
    },
    ExpireOffsets,
    Delete,
    Pass(u64),
    Restart,
}

fn who() -> impl Strategy<Value = Who> {
    prop_oneof![
        8 => (0..6usize).prop_map(Who::Member),
        2 => (0..40usize).prop_map(Who::Ever),
        2 => Just(Who::Stranger),
    ]
}

fn join() -> impl Strategy<Value = Join> {
    let who = prop_oneof![3 => who(), 4 => Just(Who::Stranger)];
    let timeouts = (prop_oneof![8 => 6_000..30_000u32, 1 => 0..6_000u32], 1_000..90_000u32);
    let kind = (prop::option::weighted(0.3, 0..3u8), any::<bool>(), any::<bool>());
    let offer = (0..5usize, prop_oneof![9 => Just(0u8), 1 => Just(1u8)], prop::bool::weighted(0.05));
    let topics = prop::option::weighted(0.8, 0..3u8);
    (who, kind, offer, timeouts, topics).prop_map(|(who, (instance, required, skip), offer, timeouts, topics)| Join {
        who,
        instance,
        required,
        skip,
        offer: offer.0,
        version: offer.1,
        other_type: offer.2,
        session: timeouts.0,
        rebalance: timeouts.1,
        topics,
    })
}

fn late() -> impl Strategy<Value = i32> {
    prop_oneof![9 => Just(0), 1 => -1..=1i32]
}

pub fn op() -> impl Strategy<Value = Op> {
    let leavers = prop::collection::vec((who(), prop::option::weighted(0.3, 0..3u8)), 1..3);
    let expires = prop::option::weighted(0.2, 1..100_000u64);
    prop_oneof![
        8 => join().prop_map(Op::Join),
        4 => Just(Op::JoinAll),
        3 => (who(), late(), any::<u8>()).prop_map(|(who, late, parts)| Op::Sync { who, late, parts }),
        4 => any::<bool>().prop_map(|leader_first| Op::SyncAll { leader_first }),
        3 => (who(), late(), any::<bool>())
            .prop_map(|(who, late, with_instance)| Op::Heartbeat { who, late, with_instance }),
        4 => Just(Op::Beat),
        2 => leavers.prop_map(Op::Leave),
        3 => (who(), late(), 0..4u32, expires)
            .prop_map(|(who, late, partition, expires)| Op::Commit { who, late, partition, expires }),
        1 => (0..3u8).prop_map(|topic| Op::DeleteOffsets { topic }),
        1 => Just(Op::ExpireOffsets),
        1 => Just(Op::Delete),
        8 => prop_oneof![4 => 1..5_000u64, 2 => 5_000..30_000u64, 1 => 30_000..400_000u64].prop_map(Op::Pass),
        1 => Just(Op::Restart),
    ]
}

pub fn setup() -> impl Strategy<Value = Setup> {
    let delay = prop_oneof![3 => Just(0u32), 1 => 1_000..10_000u32];
    (2..7usize, 1..4usize, delay, 20_000..300_000u32, 50_000..500_000u64).prop_map(
        |(members_max, pending_max, delay, new_member_timeout, retention)| Setup {
            members_max,
            pending_max,
            delay,
            new_member_timeout,
            retention,
        },
    )
}
