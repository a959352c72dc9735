//! The first offset moves: what lies below it is gone, and whole segments below it with it.
//!
//! ```text
//! data of the entry:   varint first offset | the partition's State as of then
//! ```
//! The State goes along because what is known of producers may follow from batches that go: nothing else tells it any more.

use super::Partition;
use super::partition::PartitionState;
use super::segments::names;
use crate::core::Core;
use crate::turn::Turn;
use crate::{Broker, PartitionHandle};
use narumq_log::{Entry, Kind, varint};
use narumq_model::{Lsn, Time};

/// Why the first offset does not move.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TrimError {
    /// The topic has been deleted.
    Deleted,
    /// The offset lies behind what readers see.
    OutOfRange {
        /// Behind the last record that readers see.
        high: u64,
    },
}

impl Broker {
    /// Drops the records below `offset`. Returns the first offset, which may be a later one, and what the answer waits for.
    pub fn trim(&self, partition: &PartitionHandle, offset: u64, turn: &mut Turn) -> Result<(u64, Lsn), TrimError> {
        let partition = &partition.0;
        let mut state = partition.lock();
        if state.deleted {
            return Err(TrimError::Deleted);
        }
        let (_, high) = state.seen(self.durable());
        if offset > high {
            return Err(TrimError::OutOfRange { high });
        }
        let moves = offset > state.start;
        let emptied = moves && state.trim(partition, &self.core, offset, turn.now);
        if moves {
            state.tell_followers(partition.id, &self.core, turn);
        }
        let trimmed = (state.start, state.trimmed);
        drop(state);
        if emptied {
            self.core.log.look();
        }
        Ok(trimmed)
    }
}

impl PartitionState {
    /// Moves the first offset, which readers see. True if a file of the log may be dead by that: it is to look.
    pub(super) fn trim(&mut self, partition: &Partition, core: &Core, offset: u64, now: Time) -> bool {
        self.start = offset;
        // From the batch that holds the offset on.
        let place = if offset >= self.end { self.tail.count() } else { self.tail.find(offset) };
        let kept = self.tail.batch(place).map_or(self.end, |batch| batch.base);
        self.copied = self.copied.max(kept);
        self.planned = self.planned.max(kept);
        let names = self.drop_segments(partition, core, self.planned);
        self.tail.forget(place);
        self.count_memory(core);
        self.trimmed = self.tell_state(partition, core, now);
        core.log.remove_files(self.trimmed, names);
        self.held.remove_below(kept)
    }

    /// Tells the log the first offset and the State.
    pub(super) fn tell_state(&mut self, partition: &Partition, core: &Core, now: Time) -> Lsn {
        let mut data = Vec::new();
        varint::put(&mut data, self.start);
        self.encode(&mut data);
        core.log.append(&Entry::new(Kind::Trim, partition.id, now).with_data(&data)).lsn
    }

    /// Forgets the segments that lie below the first offset; returns the names of their files. One in which nothing lies yet
    /// stays if the batch at `next` is to be its first.
    pub(super) fn drop_segments(&mut self, partition: &Partition, core: &Core, next: u64) -> Vec<String> {
        let mut gone = Vec::new();
        while let Some(segment) = self.segments.list.front() {
            let end = self.segments.list.get(1).map_or(self.planned, |next| next.base);
            if end > self.start || segment.base >= next {
                break;
            }
            if let Some(cached) = &mut self.cached {
                cached.file.take_if(|(base, _)| *base == segment.base);
            }
            gone.extend(names(partition.id, segment.id()));
            self.segments.list.pop_front();
        }
        if self.segments.list.is_empty() {
            self.segments.last_block.clear();
        }
        self.cold.forget_below(self.segments.list.front().map_or(u64::MAX, |segment| segment.base));
        partition.count_reads(self, core);
        gone
    }
}
