//! A partition comes back: its State, what its segments hold behind that, and what the log holds that they do not.

use super::Partition;
use super::append::seq;
use super::index::STEP;
use super::partition::PartitionState;
use super::segments::{Segment, name, names, parse, parse_index};
use super::snapshot::Snapshot;
use super::tail::Times;
use crate::core::Core;
use crate::dialect::BatchFacts;
use bytes::Bytes;
use narumq_log::disk::read_exact_at;
use narumq_log::{FileUse, Head, Log, ReadRequest, Run, Walk, varint};
use narumq_model::{Lsn, ObjectId, Seq, SeqRange, Time};
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::Arc;

/// A batch of the log: its bytes, the file it lies in, when it arrived.
type Stored = (Bytes, Arc<FileUse>, Time);

/// Bytes of a segment that are looked through at once, unless one batch is larger.
const WINDOW: usize = 4 << 20;

/// What the log told of a partition.
#[derive(Debug, Default)]
pub(crate) struct Restoring {
    snapshot: Snapshot,
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
    pub(crate) fn state(&mut self, head: &Head<'_>) -> bool {
        let Some(snapshot) = Snapshot::decode(head.entry.data) else { return false };
        self.start = self.start.max(snapshot.start);
        self.snapshot = snapshot;
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
        let mut at = 0;
        let Some(start) = varint::get(data, &mut at) else { return false };
        self.start = self.start.max(start);
        let snapshot = Snapshot::decode(&data[at..]);
        let read = snapshot.is_some();
        self.snapshot = snapshot.unwrap_or_default();
        read
    }

    /// Brings the partition up. `files`: first offsets of the segment files that are there; the names of those that nobody wants
    /// any more are returned.
    pub(crate) fn finish(
        self,
        partition: &Partition,
        core: &Core,
        files: &BTreeSet<u64>,
        now: Time,
    ) -> Result<Vec<String>, Broken> {
        let Self { mut snapshot, start, entries, runs } = self;
        snapshot.drop_below(start, files);
        if let Some(lost) = snapshot.segments.iter().find(|segment| !files.contains(&segment.base)) {
            return Err(Broken::Lost(lost.base));
        }
        let last = entries.keys().copied().chain(runs.iter().map(|(.., last)| *last)).max();
        let mut comeback = Comeback { partition, log: &core.log, now, known: snapshot.end };
        {
            let mut state = partition.lock();
            state.start = start;
            state.end = snapshot.safe;
            state.epochs = snapshot.epochs;
            state.producers = snapshot.producers;
            state.segments.list = snapshot.segments.into();
            state.segments.safe.2 = snapshot.safe;
            (state.copied, state.planned) = (state.end, state.end);
        }
        comeback.walk_segments(files)?;
        comeback.read_log(entries, runs)?;
        let mut state = partition.lock();
        if state.end < start {
            state.jump(start);
        }
        let known = if state.cached.is_some() { 0 } else { snapshot.end };
        if state.end < known || last.is_some_and(|last| last >= seq(state.end)) {
            return Err(Broken::Lost(state.end));
        }
        let next = state.planned;
        state.drop_segments(partition, core, next);
        state.count_memory(core);
        let gone = files.iter().filter(|base| state.segments.list.iter().all(|segment| segment.base != **base));
        let gone: Vec<String> = gone.flat_map(|base| names(partition.id, *base)).collect();
        if state.cached.is_some() {
            state.cut();
            // A segment of the same name may be made at any time.
            remove_now(&core.log, &gone)?;
            return Ok(Vec::new());
        }
        Ok(gone)
    }
}

/// Removes files, those that are there.
fn remove_now(log: &Log, names: &[String]) -> io::Result<()> {
    for name in names {
        match log.disk().remove(name) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    if names.is_empty() { Ok(()) } else { log.disk().sync_names() }
}

impl Snapshot {
    /// Leaves out segments that lie below `start`. Of the last one it is not known how far it goes, if its file is there.
    fn drop_below(&mut self, start: u64, files: &BTreeSet<u64>) {
        let ends: Vec<u64> = self.segments.iter().skip(1).map(|s| s.base).chain([self.safe]).collect();
        let last = ends.len().saturating_sub(1);
        let mut ends = ends.into_iter().enumerate();
        self.segments.retain(|segment| {
            let (at, end) = ends.next().unwrap_or_default();
            end > start || at == last && files.contains(&segment.base)
        });
    }
}

impl PartitionState {
    /// What lay behind the end has been lost, as may be where only the page cache is promised.
    fn cut(&mut self) {
        let end = self.end;
        self.producers.cut(end);
        self.epochs.retain(|(_, first)| *first < end);
        if let Some(cached) = &mut self.cached {
            cached.written = end;
        }
    }

    /// All that is there lies below the first offset: the partition goes on at `base`.
    fn jump(&mut self, base: u64) {
        self.segments.list.clear();
        self.segments.last_block.clear();
        let count = self.tail.count();
        self.tail.forget(count);
        self.held.remove_below(u64::MAX);
        (self.end, self.copied, self.planned) = (base, base, base);
        if let Some(cached) = &mut self.cached {
            cached.written = base;
        }
        self.segments.safe = (0, 0, base);
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
        let (last, end, start) = {
            let state = self.partition.lock();
            (state.segments.list.back().map(|segment| (segment.base, segment.bytes)), state.end, state.start)
        };
        let later = files.range(last.map_or(end, |(base, _)| base + 1)..).map(|base| (*base, 0));
        for (base, from) in last.into_iter().chain(later) {
            if files.range(base + 1..).next().is_some_and(|next| *next <= start) {
                // It lies below the first offset.
                continue;
            }
            if last.is_none_or(|(of, _)| of != base) {
                let mut state = self.partition.lock();
                if base > state.end && base <= start {
                    state.jump(base);
                }
                if base != state.end {
                    // What does not continue what is there was never told to anyone.
                    break;
                }
                state.segments.list.push_back(Segment { base, bytes: 0, times: Times::NONE, begun: self.now });
            }
            self.walk_segment(base, from)?;
        }
        Ok(())
    }

    fn walk_segment(&mut self, base: u64, from: u64) -> Result<(), Broken> {
        let file = self.log.disk().open_cached(&name(self.partition.id, base), false)?;
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
        state.segments.safe = (base, at, state.end);
        state.segments.readable = (base, at);
        state.segments.next_entry = (at / STEP).max(1);
        state.segments.last_block = last_block;
        if let Some(segment) = state.segments.list.back_mut() {
            segment.bytes = at;
        }
        Ok(())
    }

    /// Takes whole batches that continue the partition; returns their bytes. With `held` they come from the log.
    fn take(&mut self, bytes: &[u8], held: Option<(&Arc<FileUse>, Time)>) -> usize {
        let dialect = &self.partition.dialect;
        let mut state = self.partition.lock();
        let mut at = 0;
        while let Some(BatchFacts { len, base, count, epoch, max_time, producer }) = dialect.batch(&bytes[at..]) {
            let since = state.epochs.iter().rev().find(|(_, first)| *first <= base);
            let earlier = since.is_some_and(|(since, _)| epoch < *since);
            if len > bytes.len() - at || base != state.end || earlier || !dialect.is_whole(&bytes[at..at + len]) {
                break;
            }
            let arrived = held.map_or(self.now, |(_, arrived)| arrived);
            let times = Times { latest: max_time, arrived };
            if let Some((file, _)) = held {
                state.tail.push((base, times), &bytes[at..at + len], |_| Lsn(0));
                state.held.add(base, file.number(), || Some(file.clone()));
            } else if let Some(segment) = state.segments.list.back_mut() {
                segment.times = segment.times.max(times);
            }
            if state.epochs.last().is_none_or(|(last, _)| *last < epoch) {
                state.epochs.push((epoch, base));
            }
            if let Some(run) = producer.filter(|_| base >= self.known) {
                state.producers.note(run, count, base, Lsn(0), arrived);
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
            if self.take(&bytes, Some((&file, arrived))) != bytes.len() {
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

/// First offsets of the segments that are there, by partition.
pub(crate) type SegmentFiles = BTreeMap<ObjectId, BTreeSet<u64>>;

/// The segment files that are there, and names of indexes without a segment.
pub(crate) fn segment_files(log: &Log) -> io::Result<(SegmentFiles, Vec<String>)> {
    let mut files = SegmentFiles::new();
    let names = log.disk().list()?;
    for (partition, base) in names.iter().filter_map(|name| parse(name)) {
        files.entry(partition).or_default().insert(base);
    }
    let there = |(partition, base)| files.get(&partition).is_some_and(|bases| bases.contains(&base));
    let alone = names.iter().filter(|name| parse_index(name).is_some_and(|of| !there(of))).cloned().collect();
    Ok((files, alone))
}
