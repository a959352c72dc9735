//! Retention: whole segments go, the oldest first, when they are too old or the partition is too large.
//!
//! All partitions are looked at together, now and then: one deadline of the broker's, nothing an append or a partition pays
//! for. What is not copied yet counts to the last segment, as long as that takes more: it goes with it.

use super::Partition;
use super::partition::PartitionState;
use super::tail::Times;
use crate::Broker;
use crate::core::Core;
use crate::turn::Turn;
use narumq_model::{ObjectId, Time, TopicPolicy};
use std::sync::atomic::Ordering;

/// What the deadline of all partitions is called by: no object has this id.
pub(crate) const ALL_PARTITIONS: ObjectId = ObjectId(0);

/// What goes as a whole.
#[derive(Clone, Copy, Debug)]
struct Whole {
    /// The offset behind it.
    end: u64,
    bytes: u64,
    times: Times,
}

impl Core {
    /// All partitions are looked at after a while, if there are any.
    pub(crate) fn look_later(&self) {
        if self.has_partitions() && !self.looks.swap(true, Ordering::AcqRel) {
            self.arm(self.time().plus(self.topics.check_ms), ALL_PARTITIONS);
        }
    }
}

impl Broker {
    /// Drops what is too old or too much in all partitions, and forgets producers that write no more.
    pub(crate) fn look_at_partitions(&self, turn: &mut Turn) {
        self.core.note_time(turn.now);
        self.core.looks.store(false, Ordering::Release);
        let mut emptied = false;
        for partition in self.core.all_partitions() {
            emptied |= partition.retain(&self.core, turn);
        }
        if emptied {
            self.core.log.look();
        }
        self.core.look_later();
    }
}

impl Partition {
    /// Drops what is not to be kept. True if a file of the log may be dead by that.
    fn retain(&self, core: &Core, turn: &mut Turn) -> bool {
        let policy = self.policy();
        let mut state = self.lock();
        if state.deleted {
            return false;
        }
        state.producers.forget(turn.now);
        if state.is_unsynced() && !std::mem::replace(&mut state.copying, true) {
            core.log.copy(self.id);
        }
        if !policy.deletes {
            return false;
        }
        let (_, high) = state.seen(core.promises.durable(core.log.durable()));
        let start = state.first_kept(&policy, turn.now, high);
        if start <= state.start {
            return false;
        }
        let emptied = state.trim(self, core, start, turn.now);
        state.tell_followers(self.id, core, turn);
        emptied
    }
}

impl PartitionState {
    /// Where the partition begins when what is too old, or too much, has gone.
    fn first_kept(&self, policy: &TopicPolicy, now: Time, high: u64) -> u64 {
        let mut bytes = self.segments.bytes() + self.unplanned();
        let mut start = self.start;
        for whole in self.wholes(policy, now) {
            let old = policy.retention_ms.is_some_and(|ms| whole.times.age(policy, now) > ms);
            let much = policy.retention_bytes.is_some_and(|most| bytes - whole.bytes >= most);
            if whole.end > high || !(old || much) {
                break;
            }
            bytes -= whole.bytes;
            start = whole.end;
        }
        start
    }

    /// What goes as a whole: segments, and what is in none yet.
    fn wholes(&self, policy: &TopicPolicy, now: Time) -> Vec<Whole> {
        let ends = self.segments.list.iter().skip(1).map(|next| next.base).chain([self.planned]);
        let whole = |(segment, end): (&super::segments::Segment, u64)| Whole {
            end,
            bytes: segment.bytes,
            times: segment.times,
        };
        let mut wholes: Vec<Whole> = self.segments.list.iter().zip(ends).map(whole).collect();
        if self.planned < self.end {
            let times = self.tail.times(self.tail.find(self.planned), self.tail.count());
            let rest = Whole { end: self.end, bytes: self.unplanned(), times };
            let rolled =
                self.segments.list.back().is_none_or(|last| {
                    last.bytes >= policy.segment_bytes || now.since(last.begun) >= policy.segment_ms
                });
            match wholes.last_mut().filter(|_| !rolled) {
                None => wholes.push(rest),
                Some(last) => {
                    last.end = rest.end;
                    last.bytes += rest.bytes;
                    last.times = last.times.max(rest.times);
                }
            }
        }
        wholes
    }
}
