//! A partition comes back: its State, what its segments hold behind that, and what the log holds that they do not.

mod comeback;

use super::Partition;
use super::append::seq;
use super::partition::PartitionState;
use super::segments::{SegmentId, names, parse, parse_index};
use super::snapshot::Snapshot;
use crate::core::Core;
use comeback::Comeback;
use narumq_log::{FileUse, Head, Log, Run, varint};
use narumq_model::{ObjectId, Seq, Time};
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::Arc;

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

    /// Brings the partition up. `files`: the segment files that are there; the names of those that nobody wants
    /// any more are returned.
    pub(crate) fn finish(
        self,
        partition: &Partition,
        core: &Core,
        files: &BTreeSet<SegmentId>,
        now: Time,
    ) -> Result<Vec<String>, Broken> {
        let Self { mut snapshot, start, entries, runs } = self;
        snapshot.drop_below(start, files);
        if let Some(lost) = snapshot.segments.iter().find(|segment| !files.contains(&segment.id())) {
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
            state.compaction.cleaned = snapshot.cleaned;
            (state.copied, state.planned) = (state.end, state.end);
        }
        // What compaction made is there if the State says so, and only then.
        let plain = files.iter().filter(|(_, generation)| *generation == 0).map(|(base, _)| *base).collect();
        comeback.walk_segments(&plain)?;
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
        let gone = files.iter().filter(|of| state.segments.list.iter().all(|segment| segment.id() != **of));
        let gone: Vec<String> = gone.flat_map(|of| names(partition.id, *of)).collect();
        if state.cached.is_some() {
            let end = state.end;
            state.cut(end);
        }
        Ok(gone)
    }
}

/// Removes files, those that are there.
pub(crate) fn remove_now(log: &Log, names: &[String]) -> io::Result<()> {
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
    fn drop_below(&mut self, start: u64, files: &BTreeSet<SegmentId>) {
        let ends: Vec<u64> = self.segments.iter().skip(1).map(|s| s.base).chain([self.safe]).collect();
        let last = ends.len().saturating_sub(1);
        let mut ends = ends.into_iter().enumerate();
        self.segments.retain(|segment| {
            let (at, end) = ends.next().unwrap_or_default();
            end > start || at == last && files.contains(&segment.id())
        });
    }
}

impl PartitionState {
    /// What lay behind this offset has been lost, as may be where only the page cache is promised.
    fn cut(&mut self, end: u64) {
        self.producers.cut(end);
        self.epochs.retain(|(_, first)| *first < end);
    }

    /// All that is there lies below the first offset: the partition goes on at `base`.
    fn jump(&mut self, base: u64) {
        self.segments.list.clear();
        self.segments.last_block.clear();
        let count = self.tail.count();
        self.tail.forget(count);
        self.held.remove_below(u64::MAX);
        (self.end, self.copied, self.planned) = (base, base, base);
        self.segments.safe = (0, 0, base);
    }
}

/// The segments that are there, by partition.
pub(crate) type SegmentFiles = BTreeMap<ObjectId, BTreeSet<SegmentId>>;

/// The segment files that are there, and names of indexes without a segment.
pub(crate) fn segment_files(log: &Log) -> io::Result<(SegmentFiles, Vec<String>)> {
    let mut files = SegmentFiles::new();
    let names = log.disk().list()?;
    for (partition, of) in names.iter().filter_map(|name| parse(name)) {
        files.entry(partition).or_default().insert(of);
    }
    let there = |(partition, of)| files.get(&partition).is_some_and(|there| there.contains(&of));
    let alone = names.iter().filter(|name| parse_index(name).is_some_and(|of| !there(of))).cloned().collect();
    Ok((files, alone))
}
