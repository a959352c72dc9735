//! A new segment takes the place of those it was made of: for readers at once, for good with one entry of the log.

use super::cleaning::{Cleaning, Stopped};
use crate::event::Event;
use crate::topic::partition::PartitionState;
use crate::topic::segments::{Segment, SegmentId, names};
use crate::turn::Turn;
use std::ops::Range;

/// Whether a segment took its place.
pub(super) enum Replaced {
    /// It did.
    Done,
    /// Some of what it was made of has gone meanwhile.
    Gone,
    /// Nobody wants it any more.
    Unwanted,
}

impl Cleaning {
    /// What tells the next new file of the partition from all others that ever were.
    pub(super) fn next_generation(&self) -> Result<u64, Stopped> {
        let epoch = self.broker.upgrade().ok_or(Stopped::Ending)?.core.log.epoch();
        let files = &mut self.partition.lock().compaction.files;
        *files = files.wrapping_add(1);
        Ok(epoch.0 << 32 | u64::from(*files))
    }

    /// Puts a segment, which is durable, in the place of those it was made of.
    pub(super) fn replace(&self, group: &[(Segment, u64)], made: &Segment) -> Replaced {
        let (Some(broker), Some((first, _)), Some((_, end))) = (self.broker.upgrade(), group.first(), group.last())
        else {
            return Replaced::Unwanted;
        };
        let (core, partition) = (&broker.core, &self.partition);
        let mut turn = Turn::new(core.time(), None);
        let mut state = partition.lock();
        if state.deleted || !partition.policy().compacts {
            return Replaced::Unwanted;
        }
        let ids: Vec<SegmentId> = group.iter().map(|(segment, _)| segment.id()).collect();
        let Some(places) = state.places(&ids) else { return Replaced::Gone };
        state.segments.list.drain(places.clone());
        state.segments.list.insert(places.start, made.clone());
        let names = ids.iter().flat_map(|of| names(partition.id, *of)).collect::<Vec<_>>();
        state.hints.retain(|write| !names.contains(&write.name));
        // What waits for a read of the old ones asks again, and what memory holds of them is not there any more.
        for session in state.cold.forget_between(first.base..*end) {
            core.mailboxes.post(session, Event::Ready { queue: partition.id }, &mut turn);
        }
        state.searches.clear();
        state.forget_tail_below(*end);
        state.count_memory(core);
        partition.count_reads(&state, core);
        let lsn = state.tell_state(partition, core, turn.now);
        core.log.remove_files(lsn, names);
        drop(state);
        broker.end_turn(&mut turn);
        Replaced::Done
    }

    /// Nobody wants what was made.
    pub(super) fn discard(&self, made: &Segment) {
        for name in names(self.partition.id, made.id()) {
            // What stays is removed by the next start.
            drop(self.disk.remove(&name));
        }
    }
}

impl PartitionState {
    /// Where these neighbours lie among the segments, if they are all there.
    fn places(&self, ids: &[SegmentId]) -> Option<Range<usize>> {
        let list = &self.segments.list;
        let at = list.iter().position(|segment| Some(&segment.id()) == ids.first())?;
        let there = list.range(at..).map(Segment::id).take(ids.len()).eq(ids.iter().copied());
        there.then_some(at..at + ids.len())
    }

    /// Forgets the batches in memory below `end`, where a batch begins: their segments hold less.
    fn forget_tail_below(&mut self, end: u64) {
        let place = self.tail.find(end);
        if self.tail.batch(place).is_some_and(|batch| batch.base <= end) {
            self.tail.forget(place);
        }
    }
}
