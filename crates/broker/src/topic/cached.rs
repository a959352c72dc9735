//! Partitions that promise the page cache: what a turn appended goes straight into the segment when the turn ends.
//!
//! The log is told no batch. The copier syncs the segments now and then, and behind that the State says how far they are on the
//! disk for sure; a start walks what lies behind, cuts at the first batch that is not whole, and goes on in a later epoch.

use super::Partition;
use super::partition::PartitionState;
use super::segments::name;
use crate::core::{Core, lock};
use crate::turn::Turn;
use bytes::Bytes;
use narumq_log::Copy;
use narumq_log::disk::File;
use smallvec::SmallVec;
use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Mutex};

/// Bytes of one partition that are not synced at which they are.
const UNSYNCED_MAX: u64 = 256 << 20;
/// Segments kept open for writing, of all partitions.
const OPEN_MAX: usize = 256;

/// What a partition needs that promises the page cache.
#[derive(Default)]
pub(super) struct Cached {
    /// It is to be written when the turn ends.
    waits: bool,
    unsynced: u64,
    /// The segment that is being written.
    pub(super) file: Option<(u64, Arc<dyn File>)>,
}

/// Partitions whose segments are open, the one that was opened first at the front.
#[derive(Default)]
pub(crate) struct OpenSegments(Mutex<VecDeque<Arc<Partition>>>);

impl Partition {
    /// What was appended is to be written when the turn ends, if it is a partition for which that is so.
    pub(super) fn write_later(self: &Arc<Self>, state: &mut PartitionState, turn: &mut Turn) -> bool {
        let Some(cached) = &mut state.cached else { return false };
        if !std::mem::replace(&mut cached.waits, true) {
            turn.unwritten.push(self.clone());
        }
        true
    }

    /// Writes what was appended in this turn. A failure ends the log.
    pub(crate) fn write(self: &Arc<Self>, core: &Core, turn: &mut Turn) {
        let mut state = self.lock();
        let was_open = state.cached.as_ref().is_some_and(|cached| cached.file.is_some());
        let written = state.write_cached(self, core);
        state.tell_watchers(self.id, core, turn);
        let ask = matches!(written, Ok(true)) && !std::mem::replace(&mut state.copying, true);
        let opened = !was_open && state.cached.as_ref().is_some_and(|cached| cached.file.is_some());
        drop(state);
        if let Err(error) = written {
            core.log.fail(format!("segment of partition {}: {error}", self.id));
        }
        if ask {
            core.log.copy(self.id);
        }
        if opened {
            core.open_segments.opened(self);
        }
        core.shrink_tails();
    }

    /// What is to be synced now: all that is written.
    pub(super) fn copy_cached(&self, state: &mut PartitionState) -> Option<Copy> {
        let writes = std::mem::take(&mut state.hints);
        let through = state.copied;
        let unsynced = state.cached.as_mut().map_or(0, |cached| std::mem::take(&mut cached.unsynced));
        if state.deleted || through <= state.segments.safe.2 && writes.is_empty() {
            state.copying = false;
            return None;
        }
        let from = state.segments.safe.0;
        let names = state.segments.list.iter().filter(|segment| segment.base >= from);
        let sync = names.map(|segment| name(self.id, segment.id())).collect();
        state.segments.written(through);
        Some(Copy { writes, sync, unsynced, through })
    }
}

impl PartitionState {
    /// Whether something is written that is not synced.
    pub(super) fn is_unsynced(&self) -> bool {
        self.cached.as_ref().is_some_and(|cached| cached.unsynced > 0)
    }

    /// Writes all that is not written; true if it is time to sync it.
    fn write_cached(&mut self, partition: &Partition, core: &Core) -> io::Result<bool> {
        let policy = partition.policy();
        let Some(cached) = &mut self.cached else { return Ok(false) };
        cached.waits = false;
        let mut due = false;
        let to = self.tail.count();
        let mut at = self.uncopied_from();
        while at < to && !self.deleted {
            let (create, offset) = self.next_segment(partition.id, at, &policy);
            let end = self.fits_segment((at, to), offset, &policy);
            due |= create && offset == 0 && self.segments.list.len() > 1;
            let index = self.index_write(partition.id, offset, at, end);
            self.hints.extend(index);
            self.write_stretch(partition, core, (create, offset), (at, end))?;
            at = end;
        }
        (self.copied, self.planned) = (self.end, self.end);
        due |= self.cached.as_ref().is_some_and(|cached| cached.unsynced >= UNSYNCED_MAX);
        self.let_go(core);
        Ok(due)
    }

    /// Writes the batches between two places behind `offset` of the last segment.
    fn write_stretch(
        &mut self,
        partition: &Partition,
        core: &Core,
        (create, offset): (bool, u64),
        (from, to): (usize, usize),
    ) -> io::Result<()> {
        let (begin, end) = (self.tail.pos(from), self.tail.pos(to));
        let times = self.tail.times(from, to);
        let mut pieces: SmallVec<[Bytes; 2]> = SmallVec::new();
        self.tail.bytes(begin, end, &mut pieces);
        let (Some(segment), Some(cached)) = (self.segments.list.back_mut(), &mut self.cached) else { return Ok(()) };
        let file = match &cached.file {
            Some((base, file)) if *base == segment.base => file.clone(),
            _ => {
                let file = core.log.disk().open_cached(&name(partition.id, segment.id()), create)?;
                cached.file.insert((segment.base, file)).1.clone()
            }
        };
        let mut at = offset;
        for piece in pieces {
            file.write_at(&piece, at)?;
            at += piece.len() as u64;
        }
        cached.unsynced += at - offset;
        segment.bytes = at;
        segment.times = segment.times.max(times);
        self.segments.readable = (segment.base, at);
        Ok(())
    }
}

impl OpenSegments {
    /// A partition has opened a segment: one that did so long ago closes its own.
    fn opened(&self, partition: &Arc<Partition>) {
        let mut open = lock(&self.0);
        open.push_back(partition.clone());
        let oldest = if open.len() > OPEN_MAX { open.pop_front() } else { None };
        drop(open);
        if let Some(cached) = oldest.and_then(|oldest| oldest.lock().cached.as_mut().map(|cached| cached.file.take())) {
            drop(cached);
        }
    }
}
