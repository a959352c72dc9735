//! What is in memory of segments: pieces, where batches begin, indexes; and what the reader thread was asked for.

use super::Partition;
use super::batches::HEADER_MAX;
use super::index::{Entry, Index};
use crate::core::Core;
use crate::dialect::{BatchFacts, Dialect};
use bytes::Bytes;
use narumq_log::PieceRead;
use narumq_model::{Durability, SessionId};
use std::collections::{BTreeMap, VecDeque};
use std::ops::Range;

/// Bytes brought in at once, unless one batch is larger.
pub(super) const PIECE: u64 = 1 << 20;
/// Pieces kept.
pub(super) const PIECES: usize = 3;
/// Places of batches remembered.
const KNOWN: usize = 1024;
/// Indexes kept.
pub(super) const INDEXES: usize = 4;
/// Marks a read of an index: no segment begins so far behind.
pub(super) const INDEX: u64 = 1 << 63;

/// A piece of a segment. It begins with a batch.
#[derive(Debug)]
pub(super) struct Piece {
    pub(super) segment: u64,
    pub(super) at: u64,
    pub(super) bytes: Bytes,
}

/// What was asked for.
#[derive(Debug)]
pub(super) struct Asked {
    /// The number of the read.
    read: u64,
    /// The segment, marked if its index is meant.
    pub(super) segment: u64,
    pub(super) at: u64,
    pub(super) waiting: Vec<SessionId>,
}

/// What is known of a partition's segments beside what its State says.
#[derive(Debug, Default)]
pub(super) struct Cold {
    pub(super) pieces: VecDeque<Piece>,
    pub(super) asked: Vec<Asked>,
    /// Where batches begin: first offset → segment and place in it.
    pub(super) known: BTreeMap<u64, (u64, u64)>,
    /// Indexes of segments, the one that was used last at the end.
    pub(super) indexes: VecDeque<(u64, Index)>,
    /// What could not be read last.
    pub(super) failed: Option<(u64, u64)>,
    /// Reads so far.
    reads: u64,
}

/// What a look into the segments gave.
pub(super) enum Looked {
    /// Batches.
    Found(Bytes),
    /// They are being read: the session is told.
    Reading,
    /// What lies there is no batch.
    Broken,
}

/// A place in a segment, and the entry of the index that says so, if that has not been checked.
pub(super) type Place = (u64, Option<Entry>);

/// Where a walk through a segment came to.
pub(super) enum Walked {
    /// A batch that is wanted: its place, and what memory holds from there on, at least the whole batch.
    Found(u64, Bytes, BatchFacts),
    /// The end of what memory holds: from this place on so many bytes are needed. Whether it is certain that a batch begins there.
    Missing(u64, u64, bool),
    /// The end of the segment.
    End,
    /// What is no batch.
    Broken,
}

/// Where a walk through a piece came to.
enum Step {
    /// The batch that is wanted begins here, and is there in whole.
    Found(usize, BatchFacts),
    /// It does not lie in these bytes: so many are whole batches before it, and so many are needed behind them; the offset
    /// behind the batches, if there are any.
    Behind(usize, usize, Option<u64>),
    /// The index was wrong.
    Misled,
    /// Behind so many bytes of whole batches comes what is none; the offset behind them, if there are any.
    Broken(usize, Option<u64>),
}

impl Cold {
    /// The bytes from `at` on, if at least `need` of them are there.
    pub(super) fn piece(&self, segment: u64, at: u64, need: u64) -> Option<Bytes> {
        let there = |p: &&Piece| p.segment == segment && p.at <= at && at + need <= p.at + p.bytes.len() as u64;
        self.pieces.iter().find(there).map(|piece| piece.bytes.slice((at - piece.at) as usize..))
    }

    /// Forgets what lies in segments that begin below this offset: they are gone.
    pub(super) fn forget_below(&mut self, base: u64) {
        self.pieces.retain(|piece| piece.segment >= base);
        self.known.retain(|_, (segment, _)| *segment >= base);
        self.indexes.retain(|(segment, _)| *segment >= base);
    }

    /// Forgets what lies in segments that begin between these offsets: others take their place. Returns who waits for a read
    /// of them; when it comes, nobody knows it any more.
    pub(super) fn forget_between(&mut self, range: Range<u64>) -> Vec<SessionId> {
        self.pieces.retain(|piece| !range.contains(&piece.segment));
        self.known.retain(|_, (segment, _)| !range.contains(segment));
        self.indexes.retain(|(segment, _)| !range.contains(segment));
        self.failed = None;
        let gone = self.asked.extract_if(.., |asked| range.contains(&(asked.segment & !INDEX)));
        gone.flat_map(|asked| asked.waiting).collect()
    }

    /// Takes what was asked for with this read.
    pub(super) fn take_asked(&mut self, read: u64) -> Option<Asked> {
        let at = self.asked.iter().position(|asked| asked.read == read)?;
        Some(self.asked.swap_remove(at))
    }

    /// Forgets what can be read again.
    pub(super) fn forget_read(&mut self) {
        self.pieces.clear();
        self.indexes.clear();
    }

    /// Memory of what was read, in bytes.
    pub(super) fn len(&self) -> u64 {
        let pieces = self.pieces.iter().map(|piece| piece.bytes.len() as u64);
        pieces.chain(self.indexes.iter().map(|(_, index)| index.len())).sum()
    }

    pub(super) fn remember(&mut self, offset: u64, segment: u64, at: u64) {
        if self.known.len() >= KNOWN {
            self.known.pop_first();
        }
        self.known.insert(offset, (segment, at));
    }

    pub(super) fn index(&mut self, segment: u64) -> Option<&mut Index> {
        self.indexes.iter_mut().find(|(of, _)| *of == segment).map(|(_, index)| index)
    }

    /// From where to look for a batch by offset in the first `len` bytes of a segment.
    pub(super) fn begin(&mut self, segment: u64, offset: u64, len: u64) -> Place {
        let known = self.known.range(..=offset).next_back().map(|(_, place)| *place);
        let known = known.filter(|(of, _)| *of == segment).map_or(0, |(_, at)| at);
        let entry = self.index(segment).and_then(|index| index.by_offset(offset, len));
        entry.filter(|entry| entry.position > known).map_or((known, None), |entry| (entry.position, Some(entry)))
    }

    /// From where to look for a record at or behind offset `from` of `time` or later in the first `len` bytes of a segment.
    pub(super) fn begin_by_time(&mut self, segment: u64, (time, from): (i64, u64), len: u64) -> Place {
        let Some(index) = self.index(segment) else { return (0, None) };
        let entries = index.by_time(time, len).into_iter().chain(index.by_offset(from, len));
        let entry = entries.max_by_key(|entry| entry.position);
        (entry.map_or(0, |entry| entry.position), entry)
    }

    /// Walks the first `len` bytes of a segment, which ends before offset `behind`, from where `begin` says on, until a batch is
    /// `wanted`. If it was an entry of the index that said so, and it was wrong, the entry is forgotten, and `begin` asked again.
    pub(super) fn walk(
        &mut self,
        dialect: &dyn Dialect,
        (segment, len, behind): (u64, u64, u64),
        begin: impl Fn(&mut Self) -> Place,
        wanted: impl Fn(&BatchFacts) -> bool,
    ) -> Walked {
        let (mut at, mut claimed) = begin(self);
        let mut need = 1;
        while at < len {
            if at + need > len {
                if !self.misled(segment, &mut claimed) {
                    return Walked::Broken;
                }
                (at, claimed) = begin(self);
                need = 1;
            }
            let Some(bytes) = self.piece(segment, at, need) else {
                return Walked::Missing(at, need, claimed.is_none());
            };
            match self.walk_piece(dialect, (segment, at, behind), &bytes, &mut claimed, &wanted) {
                Step::Found(from, facts) => return Walked::Found(at + from as u64, bytes.slice(from..), facts),
                Step::Behind(walked, wanted, next) => {
                    at += walked as u64;
                    need = wanted as u64;
                    if let Some(next) = next {
                        // Whoever asks again goes on here, whatever is kept of the pieces before.
                        self.remember(next, segment, at);
                    }
                }
                Step::Misled => {
                    (at, claimed) = begin(self);
                    need = 1;
                }
                Step::Broken(walked, next) => {
                    if let Some(next) = next {
                        self.remember(next, segment, at + walked as u64);
                    }
                    return Walked::Broken;
                }
            }
        }
        Walked::End
    }

    /// Walks the batches at `at` until one is `wanted`, and notes by what it comes.
    fn walk_piece(
        &mut self,
        dialect: &dyn Dialect,
        (segment, at, behind): (u64, u64, u64),
        bytes: &[u8],
        claimed: &mut Option<Entry>,
        wanted: &impl Fn(&BatchFacts) -> bool,
    ) -> Step {
        let (mut from, mut next) = (0, None);
        loop {
            let rest = bytes.len() - from;
            let facts = dialect.batch(&bytes[from..]);
            let wrong = match (&claimed, &facts) {
                (Some(entry), Some(facts)) => !entry.means(facts),
                (Some(_), None) => rest >= HEADER_MAX,
                (None, _) => false,
            };
            if wrong {
                self.misled(segment, claimed);
                return Step::Misled;
            }
            let Some(facts) = facts else {
                return if rest < HEADER_MAX { Step::Behind(from, rest + 1, next) } else { Step::Broken(from, next) };
            };
            *claimed = None;
            let fits = facts.base.checked_add(facts.count.into()).is_some_and(|end| end <= behind);
            if facts.len == 0 || facts.base < next.unwrap_or(segment) || !fits {
                return Step::Broken(from, next);
            }
            if facts.len > rest {
                return Step::Behind(from, facts.len, next);
            }
            if wanted(&facts) {
                return Step::Found(from, facts);
            }
            if let Some(index) = self.index(segment) {
                index.note(at + from as u64, &facts);
            }
            from += facts.len;
            next = Some(facts.base + u64::from(facts.count));
        }
    }

    /// An entry of an index was wrong. False if none was believed.
    fn misled(&mut self, segment: u64, claimed: &mut Option<Entry>) -> bool {
        let Some(entry) = claimed.take() else { return false };
        if let Some(index) = self.index(segment) {
            index.forget(&entry);
        }
        true
    }

    /// How far a segment has been walked on the way to `offset`.
    pub(super) fn walked_to(&self, segment: u64, offset: u64) -> u64 {
        self.known.range(..=offset).next_back().filter(|(_, (of, _))| *of == segment).map_or(segment, |(next, _)| *next)
    }

    /// Asks the reader thread for a piece, unless that has been done.
    pub(super) fn ask(
        &mut self,
        partition: &Partition,
        core: &Core,
        (tag, at, len): (u64, u64, usize),
        name: impl FnOnce() -> String,
        session: Option<SessionId>,
    ) {
        match self.asked.iter_mut().find(|asked| (asked.segment, asked.at) == (tag, at)) {
            Some(asked) => asked.waiting.extend(session.filter(|session| !asked.waiting.contains(session))),
            None => {
                // Each read has a number of its own: a segment of the same first offset may take this one's place meanwhile.
                self.reads += 1;
                let read = self.reads;
                self.asked.push(Asked { read, segment: tag, at, waiting: session.into_iter().collect() });
                let cached = partition.durability == Durability::Os;
                core.log.read_piece(PieceRead {
                    object: partition.id,
                    tag: read,
                    name: name(),
                    offset: at,
                    len,
                    cached,
                });
            }
        }
    }
}
