//! What is durable goes from memory into segments, by the copier's thread.

use super::Partition;
use super::partition::PartitionState;
use super::segments::{Segment, name, roll_ms};
use super::tail::{BatchAt, Times};
use crate::core::{Core, lock};
use bytes::Bytes;
use narumq_log::{Copy, CopyWrite, WriteWay};
use narumq_model::{ObjectId, Time, TopicPolicy};
use std::sync::atomic::Ordering;

/// Bytes of a file that are written together.
pub(super) const BLOCK: u64 = 4096;
/// Bytes copied at once.
const COPY_MAX: u64 = 16 << 20;

impl PartitionState {
    /// Bytes that are in no segment yet.
    pub(super) fn uncopied(&mut self) -> u64 {
        if self.copied >= self.end { 0 } else { self.tail.end() - self.tail.pos_of(self.copied) }
    }

    /// Bytes that are in no segment and on the way to none.
    pub(super) fn unplanned(&self) -> u64 {
        if self.planned >= self.end { 0 } else { self.tail.end() - self.tail.pos(self.tail.find(self.planned)) }
    }

    /// The place of the first batch that is in no segment.
    pub(super) fn uncopied_from(&self) -> usize {
        if self.copied >= self.end { self.tail.count() } else { self.tail.find(self.copied) }
    }
}

impl Partition {
    /// What is to be copied now: durable batches, cut where segments end.
    pub(crate) fn copy(&self, core: &Core) -> Option<Copy> {
        let policy = self.policy();
        let mut state = self.lock();
        if state.cached.is_some() {
            return self.copy_cached(&mut state);
        }
        let from = state.uncopied_from();
        let seen = core.promises.durable(core.log.durable());
        let durable = state.tail.undurable(seen);
        if durable < state.tail.count() {
            // What is not durable yet is copied when it is, whether more is appended or not.
            lock(&core.uncopied).push(self.id);
            if core.promises.durable(core.log.durable()) > seen {
                core.log.copy(self.id);
            }
        }
        let to = state.tail.fits(from, durable.max(from), COPY_MAX, true);
        let hints = std::mem::take(&mut state.hints);
        if state.deleted || from == to && hints.is_empty() {
            state.copying = false;
            return None;
        }
        let mut copy = Copy { writes: hints, ..Copy::default() };
        let mut at = from;
        while at < to {
            let (create, offset) = state.next_segment(self.id, at, &policy);
            let end = state.fits_segment((at, to), offset, &policy);
            let index = state.index_write(self.id, offset, at, end);
            copy.writes.push(state.write(self.id, (create, offset), at, end));
            copy.writes.extend(index);
            at = end;
        }
        copy.through = state.tail.batch(to).map_or(state.end, |batch| batch.base);
        state.planned = copy.through;
        Some(copy)
    }

    /// What was copied can be read, and perhaps does not need the log any more.
    pub(crate) fn copied(&self, core: &Core, through: u64, synced: bool) {
        let mut state = self.lock();
        if state.deleted {
            return;
        }
        if synced {
            state.segments.synced(through);
            let cached = state.cached.is_some();
            if cached {
                state.tell_state(self, core, core.time());
            }
            // Without entries of its own nothing else has the log look how much room is left.
            let emptied = state.held.remove_below(through) || cached;
            drop(state);
            if emptied {
                core.log.look();
            }
            return;
        }
        state.copying = false;
        if state.cached.is_some() {
            return;
        }
        state.copied = state.copied.max(through);
        state.planned = state.planned.max(through);
        state.segments.written(through);
        state.let_go(core);
        core.tails_shrunk();
        if state.uncopied() >= core.topics.copy_bytes {
            state.copying = true;
            drop(state);
            core.log.copy(self.id);
        }
    }
}

impl PartitionState {
    /// Up to which place batches go into the last segment, which holds `offset` bytes: at least one.
    pub(super) fn fits_segment(&self, (from, to): (usize, usize), offset: u64, policy: &TopicPolicy) -> usize {
        let fit = self.tail.fits(from, to, policy.segment_bytes.saturating_sub(offset), true);
        let (begun, roll_ms) = (self.segments.list.back().map_or(Time(0), |last| last.begun), roll_ms(policy));
        let late = |batch: &BatchAt| batch.times.arrived.since(begun) >= roll_ms;
        match self.tail.batch(fit - 1) {
            // Batches arrive one after the other: if the last one is not too late, none is.
            Some(last) if late(last) => {
                let place = self.tail.batches(from).take(fit - from).position(late);
                place.map_or(fit, |at| from + at.max(1))
            }
            _ => fit,
        }
    }

    fn len_of(&self, at: usize) -> u64 {
        self.tail.pos(at + 1) - self.tail.pos(at)
    }

    /// Where the batch at place `at` goes: into a new segment, or behind what the last one holds.
    pub(super) fn next_segment(&mut self, id: ObjectId, at: usize, policy: &TopicPolicy) -> (bool, u64) {
        let len = self.len_of(at);
        let (base, arrived) =
            self.tail.batch(at).map_or((self.end, Time(0)), |batch| (batch.base, batch.times.arrived));
        if let Some(last) = self.segments.list.back()
            && (last.bytes == 0
                || last.bytes + len <= policy.segment_bytes && arrived.since(last.begun) < roll_ms(policy))
        {
            return (false, last.bytes);
        }
        let rest = self.index_rest(id);
        self.hints.extend(rest);
        self.segments.unwritten.clear();
        self.segments.list.push_back(Segment { base, generation: 0, bytes: 0, times: Times::NONE, begun: arrived });
        self.segments.last_block.clear();
        self.segments.next_entry = 1;
        (true, 0)
    }

    fn write(&mut self, id: ObjectId, (create, offset): (bool, u64), from: usize, to: usize) -> CopyWrite {
        let mut pieces: Vec<Bytes> = Vec::new();
        let (begin, end) = (self.tail.pos(from), self.tail.pos(to));
        self.tail.shift = offset.wrapping_sub(begin);
        self.tail.bytes(begin, end, &mut pieces);
        let before = std::mem::take(&mut self.segments.last_block);
        let rest = (offset + end - begin) % BLOCK;
        self.segments.last_block = last_bytes(&before, &pieces, rest as usize);
        let times = self.tail.times(from, to);
        let of = self.segments.list.back_mut().map_or((0, 0), |segment| {
            segment.bytes = offset + end - begin;
            segment.times = segment.times.max(times);
            segment.id()
        });
        CopyWrite { name: name(id, of), way: WriteWay::Bulk, create, offset, before, pieces }
    }

    /// Lets go of half of the copied batches, the older ones, while all that is in memory is too much: who reads at the end
    /// finds the newest there.
    pub(super) fn let_go(&mut self, core: &Core) {
        if core.tails.load(Ordering::Relaxed) <= core.topics.tail_bytes {
            return;
        }
        let copied = self.uncopied_from();
        let end = self.tail.pos(copied);
        let at = self.tail.fits(0, copied, (end - self.tail.begin()).div_ceil(2), false);
        if at > 0 {
            self.tail.forget(at);
            self.count_memory(core);
        }
    }
}

/// The last `len` bytes of what these make together.
fn last_bytes(before: &[u8], pieces: &[Bytes], len: usize) -> Vec<u8> {
    let mut out = Vec::with_capacity(len);
    let mut left = len;
    let mut parts: Vec<&[u8]> = Vec::new();
    for part in pieces.iter().rev().map(|piece| &piece[..]).chain([before]) {
        let taken = left.min(part.len());
        parts.push(&part[part.len() - taken..]);
        left -= taken;
        if left == 0 {
            break;
        }
    }
    parts.iter().rev().for_each(|part| out.extend_from_slice(part));
    out
}
