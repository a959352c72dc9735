//! A partition comes back: its State, what its segments hold behind that, and what the log holds that they do not.

use super::Partition;
use super::append::seq;
use super::segments::{Segment, name, parse};
use super::snapshot::Snapshot;
use crate::core::Core;
use crate::dialect::BatchFacts;
use bytes::Bytes;
use narumq_log::disk::read_exact_at;
use narumq_log::{FileUse, Head, Log, ReadRequest, Run, Walk, varint};
use narumq_model::{Lsn, ObjectId, Seq, SeqRange, Time};
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::Arc;

/// Bytes of a segment that are looked through at once, unless one batch is larger.
const WINDOW: usize = 4 << 20;

/// What the log told of a partition.
#[derive(Debug, Default)]
pub(crate) struct Restoring {
    snapshot: Snapshot,
    covered: Lsn,
    start: u64,
    /// Batches that an entry told, by sequence: the file each lies in.
    entries: BTreeMap<Seq, Arc<FileUse>>,
    /// Where batches of files lie whose entries are not told.
    runs: Vec<(Arc<FileUse>, Seq, Seq)>,
}

/// Why a partition does not come back.
#[derive(Debug)]
pub(crate) enum Broken {
    /// A file cannot be read.
    Io(io::Error),
    /// Batches that had been promised are in no file that can be read: from this offset on.
    Lost(u64),
}

impl From<io::Error> for Broken {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl Restoring {
    /// A State. False if it cannot be read.
    pub(crate) fn state(&mut self, lsn: Lsn, head: &Head<'_>) -> bool {
        let Some(snapshot) = Snapshot::decode(head.entry.data) else { return false };
        self.start = self.start.max(snapshot.start);
        self.snapshot = snapshot;
        self.covered = lsn;
        true
    }

    /// Batches lie in this file.
    pub(crate) fn run(&mut self, file: &Arc<FileUse>, run: &Run) {
        self.runs.push((file.clone(), run.first, run.last));
    }

    /// A batch was appended.
    pub(crate) fn batch(&mut self, file: &Arc<FileUse>, seq: Seq) {
        self.entries.insert(seq, file.clone());
    }

    /// What lies below an offset has gone. False if the entry cannot be read.
    pub(crate) fn trimmed(&mut self, data: &[u8]) -> bool {
        let start = varint::get(data, &mut 0);
        self.start = self.start.max(start.unwrap_or(0));
        start.is_some()
    }

    /// Brings the partition up. `files`: first offsets of the segment files that are there.
    pub(crate) fn finish(
        self,
        partition: &Partition,
        core: &Core,
        files: &BTreeSet<u64>,
        now: Time,
    ) -> Result<(), Broken> {
        let Self { mut snapshot, start, entries, runs, .. } = self;
        let begins: Vec<u64> = snapshot.segments.iter().skip(1).map(|s| s.base).chain([snapshot.safe]).collect();
        let mut behind = begins.into_iter();
        // What retention has dropped since the State was written may be gone.
        snapshot.segments.retain(|segment| behind.next() > Some(start) || files.contains(&segment.base));
        if let Some(lost) = snapshot.segments.iter().find(|segment| !files.contains(&segment.base)) {
            return Err(Broken::Lost(lost.base));
        }
        let mut comeback = Comeback { partition, log: &core.log, now, known: snapshot.end };
        {
            let mut state = partition.lock();
            state.start = start;
            let first = files.first().copied().unwrap_or(0);
            state.end = if snapshot.segments.is_empty() { first } else { snapshot.safe };
            state.epochs = snapshot.epochs;
            state.producers = snapshot.producers;
            state.segments.list = snapshot.segments.into();
            state.copied = state.end;
        }
        comeback.walk_segments(files)?;
        comeback.read_log(entries, runs)?;
        let mut state = partition.lock();
        if state.end < snapshot.end {
            return Err(Broken::Lost(state.end));
        }
        state.end = state.end.max(state.start);
        state.count_memory(core);
        Ok(())
    }
}

/// A partition that is being brought up.
struct Comeback<'a> {
    partition: &'a Partition,
    log: &'a Log,
    now: Time,
    /// What the State says of producers covers batches below this offset.
    known: u64,
}

impl Comeback<'_> {
    /// Takes, batch by batch, what was written to segments behind what the State says of them.
    fn walk_segments(&mut self, files: &BTreeSet<u64>) -> Result<(), Broken> {
        let last = self.partition.lock().segments.list.back().map(|segment| (segment.base, segment.bytes));
        let later = files.range(last.map_or(0, |(base, _)| base + 1)..).map(|base| (*base, 0));
        for (base, from) in last.into_iter().chain(later) {
            {
                let mut state = self.partition.lock();
                if from == 0 && base != state.end {
                    // What does not continue what is there was never told to anyone.
                    break;
                }
                if from == 0 && last.is_none_or(|(of, _)| of != base) {
                    state.segments.list.push_back(Segment { base, bytes: 0, max_time: i64::MIN, begun: self.now });
                }
            }
            self.walk_segment(base, from)?;
        }
        Ok(())
    }

    fn walk_segment(&mut self, base: u64, from: u64) -> Result<(), Broken> {
        let file = self.log.disk().open_bulk(&name(self.partition.id, base), false)?;
        let (mut at, len) = (from, file.len()?);
        let mut window = WINDOW;
        while at < len {
            let bytes = read_exact_at(file.as_ref(), window.min((len - at) as usize), at)?;
            let taken = self.take(&bytes, None);
            at += taken as u64;
            let next = self.partition.dialect.batch(&bytes[taken..]).map_or(0, |facts| facts.len);
            if taken == 0 && (next <= bytes.len() || next as u64 > len - at) {
                break;
            }
            window = WINDOW.max(next);
        }
        // It may have been written and not synced.
        file.sync()?;
        let block = at / 4096 * 4096;
        let last_block = read_exact_at(file.as_ref(), (at - block) as usize, block)?;
        let mut state = self.partition.lock();
        state.copied = state.end;
        state.segments.safe = (base, at, state.end);
        state.segments.last_block = last_block;
        if let Some(segment) = state.segments.list.back_mut() {
            segment.bytes = at;
        }
        Ok(())
    }

    /// Takes whole batches that continue the partition; returns their bytes. With `held` they come from the log.
    fn take(&mut self, bytes: &[u8], held: Option<&Arc<FileUse>>) -> usize {
        let dialect = &self.partition.dialect;
        let mut state = self.partition.lock();
        let mut at = 0;
        while let Some(BatchFacts { len, base, count, epoch, max_time, producer }) = dialect.batch(&bytes[at..]) {
            if len > bytes.len() - at || base != state.end || !dialect.is_whole(&bytes[at..at + len]) {
                break;
            }
            if let Some(file) = held {
                state.tail.push(base, &bytes[at..at + len], |_| Lsn(0));
                state.held.add(base, file.number(), || Some(file.clone()));
                state.segments.note_time(base, max_time);
            } else if let Some(segment) = state.segments.list.back_mut() {
                segment.max_time = segment.max_time.max(max_time);
            }
            if state.epochs.last().is_none_or(|(last, _)| *last < epoch) {
                state.epochs.push((epoch, base));
            }
            if let Some(run) = producer.filter(|_| base >= self.known) {
                state.producers.note(run, count, base, Lsn(0), self.now);
            }
            state.end = base + u64::from(count);
            at += len;
        }
        at
    }

    /// Takes from the log what segments do not hold.
    fn read_log(
        &mut self,
        entries: BTreeMap<Seq, Arc<FileUse>>,
        runs: Vec<(Arc<FileUse>, Seq, Seq)>,
    ) -> Result<(), Broken> {
        let from = self.partition.lock().end;
        let mut wanted: BTreeMap<u64, (Arc<FileUse>, Vec<SeqRange>)> = BTreeMap::new();
        let single = entries.into_iter().map(|(seq, file)| (file, seq, seq));
        for (file, first, last) in single.chain(runs).filter(|(.., last)| *last >= seq(from)) {
            let range = SeqRange { first: first.max(seq(from)), last };
            wanted.entry(file.number()).or_insert_with(|| (file, Vec::new())).1.push(range);
        }
        let mut found: BTreeMap<Seq, (Bytes, Arc<FileUse>)> = BTreeMap::new();
        for (file, mut ranges) in wanted.into_values() {
            ranges.sort_unstable();
            self.read_file(&file, ranges, &mut found)?;
        }
        for (Seq(number), (bytes, file)) in found {
            let (base, mut state) = (number - 1, self.partition.lock());
            if base > state.end && state.end <= state.start && state.segments.list.is_empty() {
                // What came before has been trimmed away, and its files may have gone.
                let count = state.tail.count();
                state.tail.forget(count);
                state.held.remove_below(base);
                (state.end, state.copied) = (base, base);
            }
            drop(state);
            if self.take(&bytes, Some(&file)) != bytes.len() {
                return Err(Broken::Lost(self.partition.lock().end));
            }
        }
        Ok(())
    }

    fn read_file(
        &self,
        file: &Arc<FileUse>,
        mut wanted: Vec<SeqRange>,
        found: &mut BTreeMap<Seq, (Bytes, Arc<FileUse>)>,
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
            let bodies = read.messages.into_iter().filter_map(|m| Some((m.seq, (m.body?, file.clone()))));
            found.extend(bodies);
            let Some(through) = read.through else { break };
            walk = read.walk;
            wanted.retain(|range| range.last > through);
        }
        Ok(())
    }
}

/// The segment files that are there, by partition.
pub(crate) fn segment_files(log: &Log) -> io::Result<BTreeMap<ObjectId, BTreeSet<u64>>> {
    let mut files: BTreeMap<ObjectId, BTreeSet<u64>> = BTreeMap::new();
    for (partition, base) in log.disk().list()?.iter().filter_map(|name| parse(name)) {
        files.entry(partition).or_default().insert(base);
    }
    Ok(files)
}
