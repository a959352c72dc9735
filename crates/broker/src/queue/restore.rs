//! A queue as the log tells it at the start: State, runs, then the entries behind it.

mod claims;
mod ranges;

use super::arrivals::Arrivals;
use super::remove::decode_removed;
use super::snapshot::Snapshot;
use super::snapshot::content::Content;
use super::{Mark, Queue};
use crate::parts::{FoundParts, Parts};
use claims::Claims;
use narumq_log::{Entry, FileUse, Head};
use narumq_model::{Epoch, Lsn, Seq, SeqRange, Time};
use ranges::Ranges;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Forgets what is known of these sequences.
fn remove_range<T>(known: &mut BTreeMap<Seq, T>, range: SeqRange) {
    let gone: Vec<Seq> = known.range(range.first..=range.last).map(|(seq, _)| *seq).collect();
    for seq in gone {
        known.remove(&seq);
    }
}

/// A queue while the log is read.
#[derive(Debug, Default)]
pub(crate) struct Restoring {
    covered: Lsn,
    next_seq: u64,
    timed: bool,
    bytes: u64,
    suspect_below: u64,
    arrivals: Arrivals,
    lanes: Vec<Ranges>,
    marks: BTreeMap<Seq, Mark>,
    /// When messages that are not visible yet become so, and their payload bytes.
    delayed: BTreeMap<Seq, (Time, u64)>,
    claims: Claims,
    found: FoundParts,
    parts: Parts,
}

impl Restoring {
    /// A part of the queue's State, or its root as of `lsn`. False if it cannot be read.
    pub(crate) fn state(&mut self, lsn: Lsn, head: &Head<'_>) -> bool {
        if head.entry.part != 0 {
            self.found.take(head.entry.part, lsn, head.entry.data);
            return true;
        }
        let Some(state) = Snapshot::decode(head.entry.data) else { return false };
        let (parts, data) = self.found.listed(lsn, &head.parts);
        let Some(contents) = data.into_iter().map(Content::decode).collect::<Option<Vec<_>>>() else { return false };
        self.parts = parts;
        self.covered = lsn;
        self.next_seq = self.next_seq.max(state.next_seq);
        self.timed = state.timed;
        self.bytes = state.ready_bytes;
        self.suspect_below = state.suspect_below;
        self.arrivals = state.arrivals;
        self.lanes.clear();
        self.marks.clear();
        self.delayed.clear();
        for content in contents.into_iter().chain([state.content]) {
            for (priority, ranges) in content.lanes.iter().enumerate() {
                ranges.iter().for_each(|r| self.lane(priority).insert(r.first.0, r.last.0));
            }
            let mark = |(seq, redelivered, failures, hand_overs)| (seq, Mark { redelivered, failures, hand_overs });
            self.marks.extend(content.marks.into_iter().map(mark));
            self.delayed.extend(content.delayed.into_iter().map(|(seq, at, bytes)| (seq, (at, bytes))));
        }
        true
    }

    /// The newest State, if a part of it was not found.
    pub(crate) fn incomplete(&self) -> Option<Lsn> {
        self.found.missing()
    }

    fn lane(&mut self, priority: usize) -> &mut Ranges {
        if self.lanes.len() <= priority {
            self.lanes.resize_with(priority + 1, Ranges::default);
        }
        &mut self.lanes[priority]
    }

    /// Messages between `first` and `last` lie in `file`.
    pub(crate) fn lies_in(&mut self, file: &Arc<FileUse>, first: Seq, last: Seq) {
        self.claims.claim(file, first.0, last.0);
    }

    /// A message was put into the queue.
    pub(crate) fn enqueued(&mut self, lsn: Lsn, seq: Seq, entry: &Entry<'_>, bytes: u64) {
        if lsn > self.covered {
            self.next_seq = self.next_seq.max(seq.0 + 1);
            self.timed |= entry.expires_at != Time::NEVER;
            self.arrivals.note(Seq(seq.0 + 1), entry.time);
            if self.arrivals.is_full() {
                self.arrivals.tidy(Seq(0));
            }
            if entry.visible_at != Time(0) {
                self.delayed.insert(seq, (entry.visible_at, bytes));
            }
            self.lane(entry.priority.into()).insert(seq.0, seq.0);
            self.bytes += bytes;
        }
    }

    /// Messages left the queue. False if the entry cannot be read.
    pub(crate) fn removed(&mut self, lsn: Lsn, data: &[u8]) -> bool {
        if lsn <= self.covered {
            return true;
        }
        let Some((bytes, ranges)) = decode_removed(data) else { return false };
        self.bytes = self.bytes.saturating_sub(bytes);
        for range in ranges {
            self.lanes.iter_mut().for_each(|lane| lane.remove(range.first.0, range.last.0));
            remove_range(&mut self.delayed, range);
            remove_range(&mut self.marks, range);
        }
        true
    }

    /// Counts of a message changed.
    pub(crate) fn counted(&mut self, lsn: Lsn, seq: Seq, hand_overs: u16, failures: u16) {
        if lsn > self.covered {
            self.marks.insert(seq, Mark { redelivered: true, failures, hand_overs });
        }
    }

    /// Messages that should be there and lie in no file: the first range of them, and how many there are.
    pub(crate) fn lost(&self) -> Option<(SeqRange, u64)> {
        let (mut first, mut count) = (None, 0);
        for range in self.lanes.iter().flat_map(Ranges::iter) {
            for gap in self.claims.gaps(range) {
                count += gap.last.0 - gap.first.0 + 1;
                first.get_or_insert(gap);
            }
        }
        first.map(|gap| (gap, count))
    }

    /// Puts what was found into the queue. `clean` tells whether the log had been closed in order.
    pub(crate) fn finish(mut self, queue: &Queue, clean: bool, epoch: Epoch) {
        let mut state = queue.lock();
        let last = self.lanes.iter().map(Ranges::last).max().unwrap_or(0);
        let first_of_epoch = epoch.0 << 40;
        state.suspect_below = if clean { Seq(self.suspect_below) } else { Seq(self.next_seq.max(last + 1)) };
        state.next_seq = Seq(self.next_seq.max(last + 1).max(first_of_epoch));
        state.timed = self.timed;
        state.arrivals = std::mem::take(&mut self.arrivals);
        state.ready_bytes = self.bytes;
        // Priorities above the queue's highest count as that.
        let above = self.lanes.split_off(self.lanes.len().min(state.lanes.len()));
        let highest = state.lanes.len() - 1;
        above.iter().flat_map(Ranges::iter).for_each(|r| self.lane(highest).insert(r.first.0, r.last.0));
        for (range, file) in self.claims.iter() {
            let live = self.lanes.iter().map(|lane| lane.count(range.first.0, range.last.0)).sum();
            state.places.restore(file, range.first, range.last, live);
        }
        // What is not visible yet waits outside of the lanes.
        for (seq, (at, bytes)) in self.delayed {
            if let Some(priority) = self.lanes.iter().position(|lane| lane.count(seq.0, seq.0) > 0) {
                self.lanes[priority].remove(seq.0, seq.0);
                state.ready_bytes = state.ready_bytes.saturating_sub(bytes);
                state.delayed.restore((seq, at, bytes), priority as u8);
            }
        }
        for (priority, lane) in self.lanes.iter().enumerate() {
            lane.iter().for_each(|range| state.lanes[priority].push_cold(range));
        }
        state.ready = state.lanes.iter().map(super::Lane::len).sum();
        state.marks = self.marks;
        state.parts = self.parts;
    }
}
