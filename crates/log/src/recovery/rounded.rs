//! What the files up to the last round tell: of each object the newest State, then where its messages lie.

use super::Recovery;
use crate::chunk::{BLOCK, ChunkHeader};
use crate::entry::head::Head;
use crate::files::{LogFile, name};
use crate::index::{FileIndex, StateAt};
use crate::opening::{OpenError, Recover};
use crate::states::{Placed, States};
use narumq_model::{Lsn, ObjectId};
use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;
use std::sync::atomic::Ordering;

/// How many chunks of States are kept while they are read: a round writes those of many objects into one.
const CHUNKS_KEPT: usize = 8;

/// A State entry and the file it lies in.
type Found<'a> = (StateAt, &'a LogFile, &'a FileIndex);

/// Tells newest States and runs of these files; returns where the States lie.
pub(super) fn tell<'a>(
    recovery: &Recovery<'_>,
    covered: impl Iterator<Item = (&'a u64, &'a LogFile)> + Clone,
    footers: &'a BTreeMap<u64, FileIndex>,
    to: &mut dyn Recover,
) -> Result<States, OpenError> {
    let mut all: BTreeMap<ObjectId, Vec<Found<'a>>> = BTreeMap::new();
    for (number, file) in covered.clone() {
        let index = footers.get(number).ok_or_else(|| OpenError::Damaged {
            file: name(*number),
            offset: 0,
            what: "its footer is unreadable".into(),
        })?;
        file.used.sealed.store(true, Ordering::Release);
        file.used.round_done.store(1, Ordering::Release);
        file.used.measured(index.copies(), index.chunks.last().map_or(0, |c| u64::from(c.block) * BLOCK as u64));
        index.states.iter().for_each(|at| all.entry(at.object).or_default().push((*at, file, index)));
    }
    let mut states = States::default();
    let mut chunks = Chunks { recovery, kept: VecDeque::new() };
    for (object, mut of) in all {
        of.sort_unstable_by_key(|(at, ..)| at.lsn);
        let root = of.iter().rfind(|(at, ..)| at.part == 0);
        let listed = root.map_or(Ok(Vec::new()), |root| chunks.with(root, |_, head| head.parts.clone()))?;
        let since = root.map_or(Lsn(0), |(at, ..)| at.lsn);
        // A listed part may be missing where a later root, behind these files, has replaced this one: whoever is told decides.
        let holds = |at: &StateAt| at.part != 0 && at.lsn < since && listed.contains(&(at.part, at.lsn));
        // The root of later parts lies behind these files.
        let later = of.iter().filter(|(at, ..)| at.lsn > since);
        let parts = of.iter().filter(|(at, ..)| holds(at));
        for found in parts.chain(root).chain(later) {
            let (StateAt { part, lsn, .. }, file, _) = *found;
            chunks.with(found, |lsn, head| to.state(lsn, head))?;
            file.used.states.fetch_add(1, Ordering::AcqRel);
            states.take(object, Placed { part, lsn, file: file.used.clone() }, &listed);
        }
    }
    for (number, file) in covered {
        footers[number].objects().filter(|(_, r)| r.count > 0).for_each(|(o, r)| to.run(o, &file.used, r));
    }
    Ok(states)
}

/// A chunk's file, offset, header and heads.
type Chunk = (u64, u64, ChunkHeader, Vec<u8>);

/// Chunks that were read last.
struct Chunks<'a> {
    recovery: &'a Recovery<'a>,
    kept: VecDeque<Rc<Chunk>>,
}

impl Chunks<'_> {
    /// Reads a State entry.
    fn with<T>(&mut self, found: &Found<'_>, read: impl FnOnce(Lsn, &Head<'_>) -> T) -> Result<T, OpenError> {
        let (at, file, index) = found;
        let offset = index.chunks.get(at.chunk as usize).map_or(0, |c| u64::from(c.block)) * BLOCK as u64;
        let damaged = || OpenError::Damaged {
            file: name(file.used.number()),
            offset,
            what: format!("the State of object {} is unreadable", at.object),
        };
        let chunk = self.chunk(file, offset)?.ok_or_else(damaged)?;
        let (_, _, header, heads) = chunk.as_ref();
        let head = Head::read(heads, &mut (at.head as usize), header.base_time).ok_or_else(damaged)?;
        Ok(read(at.lsn, &head))
    }

    fn chunk(&mut self, file: &LogFile, offset: u64) -> Result<Option<Rc<Chunk>>, OpenError> {
        let number = file.used.number();
        if let Some(kept) = self.kept.iter().find(|c| (c.0, c.1) == (number, offset)) {
            return Ok(Some(kept.clone()));
        }
        let Some((header, heads)) = self.recovery.chunk_at(file.file.as_ref(), offset)? else { return Ok(None) };
        let chunk = Rc::new((number, offset, header, heads));
        self.kept.truncate(CHUNKS_KEPT - 1);
        self.kept.push_front(chunk.clone());
        Ok(Some(chunk))
    }
}
