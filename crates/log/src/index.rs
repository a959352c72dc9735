//! The index of one file: where each object's messages lie. In memory for the open file, a footer for sealed ones.
//! A run keeps its positions encoded, as the footer has them (drawn there).
//!
//! An object that was changed but got no message in this file stands there with count 0. In a file of the log an object
//! has one run. In a survivor file it has one for each file that its messages were copied from: between the first and the
//! last of a run nothing else is wanted of that file, so a run speaks for the whole span.

pub(crate) mod footer;

use crate::entry::head::Head;
use crate::entry::{Entry, Kind};
use crate::varint;
use foldhash::fast::RandomState;
use narumq_model::{Lsn, ObjectId, Seq};
use std::collections::HashMap;

/// One object's messages in one file.
#[derive(Clone, Debug, Default)]
pub struct Run {
    /// How many messages.
    pub count: u64,
    /// The lowest sequence.
    pub first: Seq,
    /// The highest sequence.
    pub last: Seq,
    positions: Vec<u8>,
    chunk: u32,
    head: u32,
    /// Which run of its source a copied message comes from; 0 in a file of the log.
    origin: u64,
}

/// Where one head lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// The message.
    pub seq: Seq,
    /// Place of the chunk in [`FileIndex::chunks`].
    pub chunk: u32,
    /// Offset of the head from the chunk's first head.
    pub head: u32,
}

/// Where a walk over an object's messages in a file stands; opaque, starts as `default`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Walk {
    at: usize,
    chunk: u32,
    head: u32,
    seq: u64,
    /// First sequence of the run it goes over, 0 before any.
    run: u64,
}

impl Walk {
    /// Whether `seq` is still to come on this walk.
    pub fn is_before(&self, seq: Seq) -> bool {
        self.seq < seq.0
    }

    /// This walk if it is one over `run`, else a new one.
    pub(crate) fn over(self, run: &Run) -> Self {
        if self.run == run.first.0 { self } else { Self { run: run.first.0, ..Self::default() } }
    }
}

/// One chunk of the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChunkAt {
    /// Offset in the file in blocks of 4 KiB.
    pub block: u32,
    /// Where its bodies start, from the chunk's start.
    pub bodies_off: u32,
}

/// The index of one file.
#[derive(Clone, Debug, Default)]
pub struct FileIndex {
    /// Its data chunks in order.
    pub chunks: Vec<ChunkAt>,
    /// State entries, in order.
    pub states: Vec<StateAt>,
    /// Rounds that ended: LSN of the entry and the number of the file it closed.
    pub rounds: Vec<(Lsn, u64)>,
    objects: HashMap<ObjectId, Run, RandomState>,
    /// Runs that are complete, of objects that have a later one: in survivor files only.
    earlier: HashMap<ObjectId, Vec<Run>, RandomState>,
    bytes: usize,
}

/// Where one State entry lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StateAt {
    /// Whose.
    pub object: ObjectId,
    /// Which part, 0 = the root.
    pub part: u64,
    /// The entry's LSN: everything of the object before a root is in it and the parts that it lists.
    pub lsn: Lsn,
    /// Place of the chunk in [`FileIndex::chunks`].
    pub chunk: u32,
    /// Offset of the head from the chunk's first head.
    pub head: u32,
}

impl FileIndex {
    /// Notes that something happened to an object without a message.
    pub fn touch(&mut self, object: ObjectId) {
        self.objects.entry(object).or_default();
    }

    /// Notes a message whose head lies `head` bytes behind the first head of chunk number `chunk`.
    pub fn push(&mut self, object: ObjectId, seq: Seq, chunk: u32, head: u32) {
        let run = self.objects.entry(object).or_default();
        let before = run.positions.len();
        if run.count == 0 {
            run.first = seq;
        }
        varint::put(&mut run.positions, u64::from(chunk - run.chunk));
        varint::put(&mut run.positions, u64::from(if chunk == run.chunk { head.wrapping_sub(run.head) } else { head }));
        varint::put(&mut run.positions, seq.0.wrapping_sub(run.last.0));
        (run.chunk, run.head, run.last) = (chunk, head, seq);
        run.count += 1;
        self.bytes += run.positions.len() - before;
    }

    /// Notes a copied message: a run goes on only while its messages come from the same run of their source, ascending.
    pub(crate) fn push_copy(&mut self, object: ObjectId, seq: Seq, chunk: u32, head: u32, origin: u64) {
        let run = self.objects.entry(object).or_default();
        if run.count > 0 && (run.origin != origin || run.last >= seq) {
            let complete = std::mem::take(run);
            self.earlier.entry(object).or_default().push(complete);
        }
        self.push(object, seq, chunk, head);
        if let Some(run) = self.objects.get_mut(&object) {
            run.origin = origin;
        }
    }

    /// Ends all runs: what is copied next does not stand in one span with what was copied before.
    pub(crate) fn end_runs(&mut self) {
        self.objects.values_mut().for_each(|run| run.origin = u64::MAX);
    }

    /// An object's runs, ascending and disjoint; empty if nothing happened to it in this file.
    pub fn runs_of(&self, object: ObjectId) -> Vec<&Run> {
        let mut runs: Vec<&Run> = self.earlier.get(&object).into_iter().flatten().collect();
        runs.extend(self.objects.get(&object));
        runs.sort_unstable_by_key(|run| run.first);
        runs
    }

    /// Every object that something happened to, once for each of its runs.
    pub fn objects(&self) -> impl Iterator<Item = (ObjectId, &Run)> {
        let earlier = self.earlier.iter().flat_map(|(id, runs)| runs.iter().map(|run| (*id, run)));
        self.objects.iter().map(|(id, run)| (*id, run)).chain(earlier)
    }

    /// Message copies in the file, wanted or not.
    pub fn copies(&self) -> u64 {
        self.objects().map(|(_, run)| run.count).sum()
    }

    /// Notes an entry: where its head lies, and what it means to recovery.
    pub fn note(&mut self, head: &Head<'_>, lsn: Lsn, chunk: u32, head_at: u32) {
        match head.entry.kind {
            kind if head.entry.seq.0 != 0 && kind.has_message_body() => {
                head.targets().for_each(|(object, seq)| self.push(object, seq, chunk, head_at));
            }
            _ => self.note_plain(&head.entry, lsn, chunk, head_at),
        }
    }

    /// As [`note`](Self::note), for an entry without a message.
    pub fn note_plain(&mut self, entry: &Entry<'_>, lsn: Lsn, chunk: u32, head: u32) {
        let (object, part) = (entry.object, entry.part);
        match entry.kind {
            Kind::State => self.states.push(StateAt { object, part, lsn, chunk, head }),
            Kind::RoundDone => self.rounds.extend(varint::get(entry.data, &mut 0).map(|file| (lsn, file))),
            Kind::EpochStart | Kind::EpochEnd => {}
            _ => self.touch(object),
        }
    }
}

impl Run {
    /// The next position of a walk, or `None` at the end.
    pub fn next(&self, walk: &mut Walk) -> Option<Position> {
        let mut at = walk.at;
        let chunk_step = varint::get(&self.positions, &mut at)? as u32;
        let head = varint::get(&self.positions, &mut at)? as u32;
        let step = varint::get(&self.positions, &mut at)?;
        walk.head = if chunk_step == 0 { walk.head.wrapping_add(head) } else { head };
        walk.chunk = walk.chunk.wrapping_add(chunk_step);
        walk.seq = walk.seq.wrapping_add(step);
        walk.at = at;
        Some(Position { seq: Seq(walk.seq), chunk: walk.chunk, head: walk.head })
    }
}
