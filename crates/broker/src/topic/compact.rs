//! Compaction: of records with the same key only the last one stays, below the segment that is being written.
//!
//! ```text
//!   segments  [ clean ......... | dirty ................ | too young, or being written ]
//!                               ^ from                   ^ until
//!   now and then: is a partition dirty enough?  →  the cleaner's thread, one partition after the other:
//!   keys of the dirty part → every segment below, batch by batch, into a new file beside → synced → one entry of the log
//! ```
//! A new file has a name of its own. Whether it, or what it was made of, is part of the partition is said by the partition's
//! State, so that the entry which tells the State is what replaces one by the other, whatever happens at any instant.

mod cleaning;
mod group;
mod keys;
mod output;
mod replace;

pub(crate) use cleaning::clean;

use super::Partition;
use super::partition::PartitionState;
use super::segments::roll_ms;
use crate::Broker;
use crate::core::Core;
use crate::turn::Turn;
use narumq_model::{ObjectId, Time, TopicPolicy};
use std::cmp::Reverse;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// What the deadline of all partitions that are compacted is called by: no object has this id.
pub(crate) const DIRTY_PARTITIONS: ObjectId = ObjectId(u64::MAX);

/// What compaction knows of a partition.
#[derive(Debug, Default)]
pub(super) struct Compaction {
    /// Below this offset each key has one record, those left out that no longer count.
    pub(super) cleaned: u64,
    /// It is being compacted, or waits for its turn.
    busy: bool,
    /// Files made for it since the process began.
    files: u32,
    /// Why the last compaction failed has been told.
    failed: bool,
}

/// What compactions of all partitions did since the process began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Compactions {
    /// Compactions that wait or are under way.
    pub pending: u64,
    /// Compactions that came to their end.
    pub done: u64,
    /// Compactions that failed: what they were to compact stayed as it was.
    pub failed: u64,
    /// Bytes of the segments that were looked through for what stays.
    pub bytes_read: u64,
    /// Bytes that took the place of others.
    pub bytes_written: u64,
    /// Bytes whose place they took.
    pub bytes_replaced: u64,
    /// Batches that could not be read and stayed as they were, each time they were come by.
    pub broken: u64,
}

/// The same, while it is counted.
#[derive(Debug, Default)]
pub(crate) struct CompactionTotals {
    /// A look for dirty partitions is armed.
    armed: AtomicBool,
    pending: AtomicU64,
    done: AtomicU64,
    failed: AtomicU64,
    bytes_read: AtomicU64,
    bytes_written: AtomicU64,
    bytes_replaced: AtomicU64,
    broken: AtomicU64,
}

/// What a compaction would do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Dirt {
    /// The first offset that is not compacted.
    from: u64,
    /// Behind the last segment that may be.
    until: u64,
    dirty: u64,
    clean: u64,
    /// Something has waited for too long.
    overdue: bool,
}

impl Dirt {
    fn per_mille(&self) -> u64 {
        self.dirty.saturating_mul(1_000) / (self.dirty + self.clean).max(1)
    }

    fn is_due(&self, policy: &TopicPolicy) -> bool {
        let share = u128::from(self.dirty + self.clean) * u128::from(policy.dirty_per_mille);
        self.overdue || u128::from(self.dirty) * 1_000 > share
    }
}

impl Core {
    /// It is looked for dirty partitions after a while.
    pub(crate) fn compact_later(&self) {
        if !self.compactions.armed.swap(true, Ordering::AcqRel) {
            self.arm(self.time().plus(self.topics.compact_ms), DIRTY_PARTITIONS);
        }
    }
}

impl Broker {
    /// Has partitions compacted that are dirty enough, the dirtiest first.
    pub(crate) fn look_for_dirt(&self, turn: &mut Turn) {
        let core = &self.core;
        core.note_time(turn.now);
        core.compactions.armed.store(false, Ordering::Release);
        let (mut compacted, mut due) = (false, Vec::new());
        for partition in core.all_partitions() {
            let policy = partition.policy();
            if policy.compacts {
                compacted = true;
                due.extend(partition.dirt(core, &policy, turn.now).map(|dirt| (dirt, partition.id)));
            }
        }
        due.sort_by_key(|(dirt, id)| (Reverse((dirt.overdue, dirt.per_mille())), *id));
        for (_, id) in due {
            core.compactions.pending.fetch_add(1, Ordering::AcqRel);
            core.log.clean(id);
        }
        if compacted {
            core.compact_later();
        }
    }

    /// What compactions did since the process began.
    pub fn compactions(&self) -> Compactions {
        self.core.compactions.read()
    }
}

impl CompactionTotals {
    fn read(&self) -> Compactions {
        let of = |n: &AtomicU64| n.load(Ordering::Relaxed);
        Compactions {
            pending: self.pending.load(Ordering::Acquire),
            done: of(&self.done),
            failed: of(&self.failed),
            bytes_read: of(&self.bytes_read),
            bytes_written: of(&self.bytes_written),
            bytes_replaced: of(&self.bytes_replaced),
            broken: of(&self.broken),
        }
    }

    fn add(&self, more: &Compactions) {
        let add = |to: &AtomicU64, n: u64| {
            to.fetch_add(n, Ordering::Relaxed);
        };
        add(&self.bytes_read, more.bytes_read);
        add(&self.bytes_written, more.bytes_written);
        add(&self.bytes_replaced, more.bytes_replaced);
        add(&self.broken, more.broken);
        add(&self.failed, more.failed);
        add(&self.done, more.done);
    }
}

impl Partition {
    /// What is to be compacted now, if that is worth it and not under way. It is under way then.
    fn dirt(&self, core: &Core, policy: &TopicPolicy, now: Time) -> Option<Dirt> {
        let mut state = self.lock();
        if state.deleted {
            return None;
        }
        if state.would_roll(policy) && !std::mem::replace(&mut state.copying, true) {
            // What waits in memory would end the segment that is being written.
            core.log.copy(self.id);
        }
        if state.compaction.busy {
            return None;
        }
        let dirt = state.dirt(policy, now).filter(|dirt| dirt.is_due(policy));
        state.compaction.busy = dirt.is_some();
        dirt
    }
}

impl PartitionState {
    /// Whether a segment begins with what is in none yet.
    fn would_roll(&self, policy: &TopicPolicy) -> bool {
        let (Some(first), Some(last)) = (self.tail.batch(self.tail.find(self.planned)), self.tail.last()) else {
            return false;
        };
        if self.planned >= self.end {
            return false;
        }
        let (bytes, begun) =
            self.segments.list.back().map_or((0, first.times.arrived), |last| (last.bytes, last.begun));
        bytes + self.unplanned() > policy.segment_bytes || last.times.arrived.since(begun) >= roll_ms(policy)
    }

    /// What is not compacted, among the segments that may be: written to no more, synced, old enough.
    fn dirt(&self, policy: &TopicPolicy, now: Time) -> Option<Dirt> {
        let mut dirt =
            Dirt { from: self.compaction.cleaned.max(self.start), until: 0, dirty: 0, clean: 0, overdue: false };
        let list = &self.segments.list;
        for (segment, next) in list.iter().zip(list.iter().skip(1)) {
            let young = segment.times.age(policy, now) < policy.compaction_lag_ms;
            if segment.base >= self.segments.safe.0 || young {
                break;
            }
            dirt.until = next.base;
            if next.base <= dirt.from {
                dirt.clean += segment.bytes;
            } else {
                dirt.dirty += segment.bytes;
                dirt.overdue |= policy.compaction_lag_max_ms.is_some_and(|ms| now.since(segment.begun) > ms);
            }
        }
        (dirt.dirty > 0).then_some(dirt)
    }
}
