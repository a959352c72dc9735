//! Batches are taken one by one: out of segments first, then out of the log what these do not hold.

use super::Broken;
use crate::dialect::BatchFacts;
use crate::topic::Partition;
use crate::topic::append::seq;
use crate::topic::batches::{Batches, Next};
use crate::topic::index::STEP;
use crate::topic::segments::{Segment, SegmentId, name};
use crate::topic::tail::Times;
use bytes::Bytes;
use narumq_log::disk::read_exact_at;
use narumq_log::{FileUse, Log, ReadRequest, Walk};
use narumq_model::{Lsn, Seq, SeqRange, Time};
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::Arc;

/// A batch of the log: its bytes, the file it lies in, when it arrived.
type Stored = (Bytes, Arc<FileUse>, Time);

/// A partition that is being brought up.
pub(super) struct Comeback<'a> {
    pub(super) partition: &'a Partition,
    pub(super) log: &'a Log,
    pub(super) now: Time,
    /// What the State says of producers covers batches below this offset.
    pub(super) known: u64,
}

impl Comeback<'_> {
    /// Takes, batch by batch, what was written to segments behind what the State says of them.
    pub(super) fn walk_segments(&mut self, files: &BTreeSet<u64>) -> Result<(), Broken> {
        let (last, end, start) = {
            let state = self.partition.lock();
            (state.segments.list.back().map(|last| (last.id(), last.bytes)), state.end, state.start)
        };
        let later = files.range(last.map_or(end, |((base, _), _)| base + 1)..).map(|base| ((*base, 0), 0));
        for ((base, generation), from) in last.into_iter().chain(later) {
            if files.range(base + 1..).next().is_some_and(|next| *next <= start) {
                // It lies below the first offset.
                continue;
            }
            if last.is_none_or(|((of, _), _)| of != base) {
                let mut state = self.partition.lock();
                if base > state.end && base <= start {
                    state.jump(base);
                }
                if base != state.end {
                    // What does not continue what is there was never told to anyone.
                    break;
                }
                state.segments.list.push_back(Segment {
                    base,
                    generation,
                    bytes: 0,
                    times: Times::NONE,
                    begun: self.now,
                });
            }
            self.walk_segment((base, generation), from)?;
        }
        Ok(())
    }

    fn walk_segment(&mut self, of: SegmentId, from: u64) -> Result<(), Broken> {
        let file = self.log.disk().open_cached(&name(self.partition.id, of), false)?;
        let (mut at, len) = (from, file.len()?);
        let dialect = self.partition.dialect.as_ref();
        let mut batches = Batches::new(dialect, file.clone(), from..len, 0..u64::MAX);
        while let Next::Batch(batch, facts) = batches.next()? {
            if !self.take(batch, &facts, None) {
                break;
            }
            at += batch.len() as u64;
        }
        // It may have been written and not synced.
        let cached = self.partition.lock().cached.is_some();
        if cached && at < len {
            // What lies behind must not look like a batch to a later start.
            file.truncate(at)?;
        }
        file.sync()?;
        let block = at / 4096 * 4096;
        let last_block = read_exact_at(file.as_ref(), (at - block) as usize, block)?;
        let mut state = self.partition.lock();
        (state.copied, state.planned) = (state.end, state.end);
        state.segments.safe = (of.0, at, state.end);
        state.segments.readable = (of.0, at);
        state.segments.next_entry = (at / STEP).max(1);
        state.segments.last_block = last_block;
        if let Some(segment) = state.segments.list.back_mut() {
            segment.bytes = at;
        }
        Ok(())
    }

    /// Takes a batch if it is whole and continues the partition. With `held` it comes from the log.
    fn take(&mut self, batch: &[u8], facts: &BatchFacts, held: Option<(&Arc<FileUse>, Time)>) -> bool {
        let BatchFacts { base, count, epoch, max_time, producer, .. } = *facts;
        let mut state = self.partition.lock();
        let since = state.epochs.iter().rev().find(|(_, first)| *first <= base).map(|(since, _)| *since);
        let earlier = since.is_some_and(|since| epoch < since);
        if base != state.end || earlier || !self.partition.dialect.is_whole(batch) {
            return false;
        }
        if base < self.known && since.is_some_and(|since| epoch > since) {
            // The State knows of batches that were lost, and of which the offsets were given again.
            state.cut(base);
            self.known = base;
        }
        let arrived = held.map_or(self.now, |(_, arrived)| arrived);
        let times = Times { latest: max_time, arrived };
        if let Some((file, _)) = held {
            state.tail.push((base, times), batch, |_| {}, |_| Lsn(0));
            state.held.add(base, file.number(), || Some(file.clone()));
        } else if let Some(segment) = state.segments.list.back_mut() {
            segment.times = segment.times.max(times);
        }
        if state.epochs.last().is_none_or(|(last, _)| *last < epoch) {
            state.epochs.push((epoch, base));
        }
        if let Some(run) = producer.filter(|_| base >= self.known) {
            state.producers.note(run, count, (base, max_time), Lsn(0), arrived);
        }
        state.end = base + u64::from(count);
        true
    }

    /// Takes from the log what segments do not hold.
    pub(super) fn read_log(
        &mut self,
        entries: BTreeMap<Seq, Arc<FileUse>>,
        runs: Vec<(Arc<FileUse>, Seq, Seq)>,
    ) -> Result<(), Broken> {
        let (from, start) = {
            let state = self.partition.lock();
            (state.end, state.start)
        };
        let mut wanted: BTreeMap<u64, (Arc<FileUse>, Vec<SeqRange>)> = BTreeMap::new();
        let single = entries.into_iter().map(|(seq, file)| (file, seq, seq));
        for (file, first, last) in single.chain(runs).filter(|(.., last)| *last >= seq(from)) {
            let range = SeqRange { first: first.max(seq(from)), last };
            wanted.entry(file.number()).or_insert_with(|| (file, Vec::new())).1.push(range);
        }
        let mut found: BTreeMap<Seq, Stored> = BTreeMap::new();
        for (file, mut ranges) in wanted.into_values() {
            ranges.sort_unstable();
            self.read_file(&file, ranges, &mut found)?;
        }
        for (Seq(number), (bytes, file, arrived)) in found {
            let base = number - 1;
            {
                let mut state = self.partition.lock();
                if base > state.end && base <= start {
                    // What came before has been trimmed away, and its files may have gone.
                    state.jump(base);
                }
                if base < state.end {
                    continue;
                }
            }
            let facts = self.partition.dialect.batch(&bytes).filter(|facts| facts.len == bytes.len());
            if !facts.is_some_and(|facts| self.take(&bytes, &facts, Some((&file, arrived)))) {
                return Err(Broken::Lost(self.partition.lock().end));
            }
        }
        Ok(())
    }

    fn read_file(
        &self,
        file: &Arc<FileUse>,
        mut wanted: Vec<SeqRange>,
        found: &mut BTreeMap<Seq, Stored>,
    ) -> Result<(), Broken> {
        let mut walk = Walk::default();
        while !wanted.is_empty() {
            let object = self.partition.id;
            let request =
                ReadRequest { object, file: file.number(), wanted: wanted.clone(), bytes_max: 64 << 20, walk };
            let read = self.log.read_now(&request);
            if let Some(error) = read.error {
                return Err(Broken::Io(io::Error::other(error)));
            }
            let bodies = read.messages.into_iter().filter_map(|m| Some((m.seq, (m.body?, file.clone(), m.time))));
            found.extend(bodies);
            let Some(through) = read.through else { break };
            walk = read.walk;
            wanted.retain(|range| range.last > through);
        }
        Ok(())
    }
}
