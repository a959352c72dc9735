//! A queue as the log tells it at the start: State, runs, then the entries behind it.

use super::remove::decode_removed;
use super::snapshot::{Content, Snapshot};
use super::{Mark, Queue};
use crate::parts::{FoundParts, Parts};
use narumq_log::{Entry, FileUse, Head};
use narumq_model::{Epoch, Lsn, Seq, SeqRange, Time};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Sequences as disjoint ranges: first → last.
#[derive(Debug, Default)]
pub(crate) struct Ranges(BTreeMap<u64, u64>);

impl Ranges {
    pub(crate) fn insert(&mut self, first: u64, last: u64) {
        let (mut first, mut last) = (first, last);
        if let Some((&f, &l)) = self.0.range(..=first).next_back()
            && l.saturating_add(1) >= first
        {
            if l >= last {
                return;
            }
            first = f;
        }
        while let Some((&f, &l)) = self.0.range(first..=last.saturating_add(1)).next() {
            last = last.max(l);
            self.0.remove(&f);
        }
        self.0.insert(first, last);
    }

    pub(crate) fn remove(&mut self, first: u64, last: u64) {
        if let Some((&f, &l)) = self.0.range(..first).next_back()
            && l >= first
        {
            self.0.insert(f, first - 1);
            if l > last {
                self.0.insert(last + 1, l);
                return;
            }
        }
        while let Some((&f, &l)) = self.0.range(first..=last).next() {
            self.0.remove(&f);
            if l > last {
                self.0.insert(last + 1, l);
                return;
            }
        }
    }

    fn iter(&self) -> impl Iterator<Item = SeqRange> {
        self.0.iter().map(|(f, l)| SeqRange { first: Seq(*f), last: Seq(*l) })
    }

    /// How many sequences between `first` and `last` are in it.
    fn count(&self, first: u64, last: u64) -> u64 {
        let before =
            self.0.range(..first).next_back().map_or(0, |(_, &l)| if l >= first { l.min(last) - first + 1 } else { 0 });
        before + self.0.range(first..=last).map(|(&f, &l)| l.min(last) - f + 1).sum::<u64>()
    }

    fn last(&self) -> u64 {
        self.0.last_key_value().map_or(0, |(_, l)| *l)
    }
}

/// Which file holds which sequences: first → (last, file). A later file wins where two claim the same.
#[derive(Debug, Default)]
struct Claims(BTreeMap<u64, (u64, Arc<FileUse>)>);

impl Claims {
    fn claim(&mut self, file: &Arc<FileUse>, first: u64, last: u64) {
        if let Some(mut end) = self.0.last_entry()
            && end.get().0 + 1 == first
            && end.get().1.number() == file.number()
        {
            end.get_mut().0 = last;
            return;
        }
        if let Some((&f, (l, _))) = self.0.range(..first).next_back()
            && *l >= first
        {
            let (l, old) = (*l, self.0[&f].1.clone());
            self.0.insert(f, (first - 1, old.clone()));
            if l > last {
                self.0.insert(last + 1, (l, old));
            }
        }
        while let Some((&f, (l, _))) = self.0.range(first..=last).next() {
            let l = *l;
            let old = self.0.remove(&f);
            if let Some((_, old)) = old.filter(|_| l > last) {
                self.0.insert(last + 1, (l, old));
            }
        }
        self.0.insert(first, (last, file.clone()));
    }

    /// The parts of `range` that no file claims.
    fn gaps(&self, range: SeqRange) -> Vec<SeqRange> {
        let (mut gaps, mut from) = (Vec::new(), range.first.0);
        let start = self.0.range(..=from).next_back().map_or(from, |(first, _)| *first);
        for (first, (last, _)) in self.0.range(start..=range.last.0) {
            if *first > from {
                gaps.push(SeqRange { first: Seq(from), last: Seq(first - 1) });
            }
            from = from.max(last + 1);
        }
        if from <= range.last.0 {
            gaps.push(SeqRange { first: Seq(from), last: range.last });
        }
        gaps
    }
}

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
            if entry.visible_at != Time(0) {
                self.delayed.insert(seq, (entry.visible_at, bytes));
            }
            let lane = self.lane(entry.priority.into());
            // A message that was copied into a later file comes twice.
            let known = lane.count(seq.0, seq.0) > 0;
            lane.insert(seq.0, seq.0);
            self.bytes += if known { 0 } else { bytes };
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
        state.ready_bytes = self.bytes;
        // Priorities above the queue's highest count as that.
        let above = self.lanes.split_off(self.lanes.len().min(state.lanes.len()));
        let highest = state.lanes.len() - 1;
        above.iter().flat_map(Ranges::iter).for_each(|r| self.lane(highest).insert(r.first.0, r.last.0));
        for (first, (last, file)) in &self.claims.0 {
            let live = self.lanes.iter().map(|lane| lane.count(*first, *last)).sum();
            state.places.restore(file, Seq(*first), Seq(*last), live);
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

#[cfg(test)]
mod tests {
    use super::{Claims, Ranges};
    use narumq_log::FileUse;
    use narumq_model::{Seq, SeqRange};
    use std::collections::{BTreeMap, BTreeSet};
    use std::sync::Arc;

    #[test]
    fn the_later_file_wins() {
        let files: Vec<Arc<FileUse>> = (0..6).map(|n| Arc::new(FileUse::new(n, n, 1 << 20))).collect();
        let (mut claims, mut model) = (Claims::default(), BTreeMap::new());
        let mut random = 88_172_645_463_325_252u64;
        for _ in 0..5_000 {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            let first = random % 200;
            let last = first + random / 1000 % 20;
            let file = &files[(random >> 40) as usize % files.len()];
            claims.claim(file, first, last);
            model.extend((first..=last).map(|seq| (seq, file.number())));
            let flat: BTreeMap<u64, u64> =
                claims.0.iter().flat_map(|(f, (l, file))| (*f..=*l).map(|seq| (seq, file.number()))).collect();
            assert_eq!(flat, model);
            let gaps = claims.gaps(SeqRange { first: Seq(10), last: Seq(150) });
            let missing = (10..=150).filter(|seq| !model.contains_key(seq));
            assert!(gaps.iter().flat_map(|r| r.first.0..=r.last.0).eq(missing));
        }
    }

    #[test]
    fn ranges_behave_like_a_set() {
        let mut ranges = Ranges::default();
        let mut model = BTreeSet::new();
        let mut random = 88_172_645_463_325_252u64;
        for _ in 0..20_000 {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            let first = random % 200;
            let last = first + random / 1000 % 20;
            if random >> 60 < 9 {
                ranges.insert(first, last);
                model.extend(first..=last);
            } else {
                ranges.remove(first, last);
                model.retain(|n| !(first..=last).contains(n));
            }
            assert_eq!(ranges.count(0, 300), model.len() as u64);
            assert_eq!(ranges.count(50, 120), model.range(50..=120).count() as u64);
        }
        let flat: Vec<u64> = ranges.iter().flat_map(|r| r.first.0..=r.last.0).collect();
        assert_eq!(flat, model.into_iter().collect::<Vec<_>>());
    }
}
