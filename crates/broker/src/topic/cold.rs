//! Reading behind what is in memory: pieces of segments, brought in by the reader thread, ahead of who reads them.

use super::Partition;
use super::index::{Entry, Index, STEP};
use super::partition::PartitionState;
use super::segments::{index_name, name};
use crate::core::Core;
use crate::dialect::{BatchFacts, Dialect};
use crate::event::Event;
use crate::turn::Turn;
use bytes::Bytes;
use narumq_log::PieceRead;
use narumq_model::SessionId;
use std::collections::{BTreeMap, VecDeque};

/// Bytes brought in at once, unless one batch is larger.
pub(super) const PIECE: u64 = 1 << 20;
/// Pieces kept.
const PIECES: usize = 3;
/// Places of batches remembered.
const KNOWN: usize = 1024;
/// Indexes kept.
const INDEXES: usize = 4;
/// Marks a read of an index: no segment begins so far behind.
const INDEX: u64 = 1 << 63;
/// What is no batch's header in so many bytes is none.
const HEADER_MAX: usize = 4096;

/// A piece of a segment. It begins with a batch.
#[derive(Debug)]
struct Piece {
    segment: u64,
    at: u64,
    bytes: Bytes,
}

/// What was asked for.
#[derive(Debug)]
struct Asked {
    segment: u64,
    at: u64,
    waiting: Vec<SessionId>,
}

/// What is known of a partition's segments beside what its State says.
#[derive(Debug, Default)]
pub(super) struct Cold {
    pieces: VecDeque<Piece>,
    asked: Vec<Asked>,
    /// Where batches begin: first offset → segment and place in it.
    known: BTreeMap<u64, (u64, u64)>,
    /// Indexes of segments, the one that was used last at the end.
    pub(super) indexes: VecDeque<(u64, Index)>,
    /// What could not be read last.
    failed: Option<(u64, u64)>,
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

pub(super) enum Walked {
    /// The batch that is wanted begins here, and is there in whole.
    Found(usize, BatchFacts),
    /// It does not lie in these bytes: so many are whole batches before it, and so many are needed behind them; the offset
    /// behind the batches, if there are any.
    Behind(usize, usize, Option<u64>),
    /// The index was wrong.
    Misled,
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

    fn remember(&mut self, offset: u64, segment: u64, at: u64) {
        if self.known.len() >= KNOWN {
            self.known.pop_first();
        }
        self.known.insert(offset, (segment, at));
    }

    pub(super) fn index(&mut self, segment: u64) -> Option<&mut Index> {
        self.indexes.iter_mut().find(|(of, _)| *of == segment).map(|(_, index)| index)
    }

    /// From where to look for a batch by offset in the first `len` bytes of a segment.
    fn begin(&mut self, segment: u64, offset: u64, len: u64) -> Place {
        let known = self.known.range(..=offset).next_back().map(|(_, place)| *place);
        let known = known.filter(|(of, _)| *of == segment).map_or(0, |(_, at)| at);
        let entry = self.index(segment).and_then(|index| index.by_offset(offset, len));
        entry.filter(|entry| entry.position > known).map_or((known, None), |entry| (entry.position, Some(entry)))
    }

    /// Walks the batches at `at` until one is `wanted`, and notes by what it comes.
    pub(super) fn walk(
        &mut self,
        dialect: &dyn Dialect,
        (segment, at): (u64, u64),
        bytes: &[u8],
        claimed: &mut Option<Entry>,
        wanted: impl Fn(&BatchFacts) -> bool,
    ) -> Walked {
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
                return Walked::Misled;
            }
            let Some(facts) = facts else { return Walked::Behind(from, rest + 1, next) };
            *claimed = None;
            if facts.len > rest {
                return Walked::Behind(from, facts.len, next);
            }
            if wanted(&facts) {
                return Walked::Found(from, facts);
            }
            if let Some(index) = self.index(segment) {
                index.note(at + from as u64, &facts);
            }
            from += facts.len;
            next = Some(facts.base + u64::from(facts.count));
        }
    }

    /// An entry of an index was wrong. False if none was believed.
    pub(super) fn misled(&mut self, segment: u64, claimed: &mut Option<Entry>) -> bool {
        let Some(entry) = claimed.take() else { return false };
        if let Some(index) = self.index(segment) {
            index.forget(&entry);
        }
        true
    }
}

impl PartitionState {
    /// Batches from the one that holds `offset` on, which lies in a segment: up to `max` bytes, at least one if `whole`.
    pub(super) fn look(
        &mut self,
        partition: &Partition,
        core: &Core,
        (offset, max, whole): (u64, u64, bool),
        session: SessionId,
    ) -> Looked {
        let Some(of) = self.segments.holding(offset) else { return Looked::Broken };
        let (segment, len) = (of.base, self.segments.readable(of));
        let exact = self.cold.known.get(&offset).is_some_and(|(of, _)| *of == segment);
        if !exact && len > 2 * STEP && !self.load_index(partition, core, segment, session) {
            return Looked::Reading;
        }
        let (mut at, mut claimed) = self.cold.begin(segment, offset, len);
        let mut need = 1;
        while let Some(bytes) = self.cold.piece(segment, at, need) {
            let wanted = |facts: &BatchFacts| facts.base + u64::from(facts.count) > offset;
            match self.cold.walk(partition.dialect.as_ref(), (segment, at), &bytes, &mut claimed, wanted) {
                Walked::Found(begin, _) => {
                    let (end, next) = self.gather(partition, &bytes[begin..], max, whole);
                    let behind = at + (begin + end) as u64;
                    self.cold.remember(next.unwrap_or(offset), segment, behind);
                    if ((bytes.len() - begin - end) as u64) < PIECE / 2 && behind < len {
                        self.ask(partition, core, (segment, behind, PIECE), None);
                    }
                    self.note_rebuilt(partition, core, segment);
                    return Looked::Found(bytes.slice(begin..begin + end));
                }
                Walked::Behind(walked, wanted, next) => {
                    at += walked as u64;
                    need = wanted as u64;
                    if let Some(next) = next {
                        // Whoever asks again goes on here, whatever is kept of the pieces before.
                        self.cold.remember(next, segment, at);
                    }
                }
                Walked::Misled => {
                    (at, claimed) = self.cold.begin(segment, offset, len);
                    need = 1;
                }
            }
            if at + need > len {
                if !self.cold.misled(segment, &mut claimed) {
                    return Looked::Broken;
                }
                (at, claimed) = self.cold.begin(segment, offset, len);
                need = 1;
            }
        }
        match self.read_on(partition, core, (segment, at, need), session) {
            true => Looked::Reading,
            false => Looked::Broken,
        }
    }

    /// Has a piece read, which the session waits for. False if that has just failed.
    pub(super) fn read_on(
        &mut self,
        partition: &Partition,
        core: &Core,
        (segment, at, need): (u64, u64, u64),
        session: SessionId,
    ) -> bool {
        if self.cold.failed.take() == Some((segment, at)) {
            return false;
        }
        self.ask(partition, core, (segment, at, need.max(PIECE)), Some(session));
        true
    }

    /// How many bytes of whole batches go into one answer, and the offset behind them.
    fn gather(&self, partition: &Partition, bytes: &[u8], max: u64, whole: bool) -> (usize, Option<u64>) {
        let (mut end, mut next) = (0, None);
        while let Some(facts) = partition.dialect.batch(&bytes[end..])
            && facts.len <= bytes.len() - end
            && facts.base < self.copied
            && ((end + facts.len) as u64 <= max || whole && end == 0)
        {
            end += facts.len;
            next = Some(facts.base + u64::from(facts.count));
        }
        (end, next)
    }

    fn ask(
        &mut self,
        partition: &Partition,
        core: &Core,
        (segment, at, len): (u64, u64, u64),
        session: Option<SessionId>,
    ) {
        let there = |p: &Piece| p.segment == segment && p.at == at && p.bytes.len() as u64 >= len;
        if session.is_none() && self.cold.pieces.iter().any(there) {
            return;
        }
        let Some(of) = self.segments.list.iter().find(|s| s.base == segment) else { return };
        let len = len.min(self.segments.readable(of).saturating_sub(at));
        let name = || name(partition.id, segment);
        self.cold.ask(partition, core, (segment, at, len as usize), name, session);
    }

    /// Whether the index of a segment is in memory. If not it is read, and the session is told.
    pub(super) fn load_index(&mut self, partition: &Partition, core: &Core, segment: u64, session: SessionId) -> bool {
        if let Some(at) = self.cold.indexes.iter().position(|(of, _)| *of == segment) {
            if let Some(used) = self.cold.indexes.remove(at) {
                self.cold.indexes.push_back(used);
            }
            return true;
        }
        let name = || index_name(partition.id, segment);
        self.cold.ask(partition, core, (segment | INDEX, 0, PieceRead::ALL), name, Some(session));
        false
    }

    /// An index that was missing, or wrong, has been noted while its segment was walked: it is written again.
    pub(super) fn note_rebuilt(&mut self, partition: &Partition, core: &Core, segment: u64) {
        let closed = self.segments.list.iter().take(self.segments.list.len().saturating_sub(1));
        let Some(bytes) = closed.clone().find(|of| of.base == segment).map(|of| of.bytes) else { return };
        let write = self.cold.index(segment).and_then(|index| index.rewritten((partition.id, segment), bytes));
        if let Some(write) = write {
            self.hints.push(write);
            if !std::mem::replace(&mut self.copying, true) {
                core.log.copy(partition.id);
            }
        }
    }

    /// A piece has been read, or why it cannot be.
    pub(super) fn came(
        &mut self,
        partition: &Partition,
        core: &Core,
        turn: &mut Turn,
        (tag, at): (u64, u64),
        bytes: Result<Bytes, String>,
    ) {
        let Some(which) = self.cold.asked.iter().position(|a| (a.segment, a.at) == (tag, at)) else { return };
        let asked = self.cold.asked.swap_remove(which);
        let segment = tag & !INDEX;
        let there = self.segments.list.iter().any(|known| known.base == segment);
        if !there {
            // It has been dropped meanwhile: whoever waits finds that out.
        } else if tag != segment {
            // Without one the segment is walked.
            let index = bytes.map_or_else(|_| Index::default(), |bytes| Index::read(&bytes, (partition.id, segment)));
            if self.cold.indexes.len() == INDEXES {
                self.cold.indexes.pop_front();
            }
            self.cold.indexes.push_back((segment, index));
        } else if let Ok(bytes) = bytes {
            self.cold.pieces.retain(|p| (p.segment, p.at) != (segment, at));
            if self.cold.pieces.len() == PIECES {
                self.cold.pieces.pop_front();
            }
            self.cold.pieces.push_back(Piece { segment, at, bytes });
        } else if !asked.waiting.is_empty() {
            // Whoever waits is told once; who asks again has it tried again.
            self.cold.failed = Some((segment, at));
        }
        for session in asked.waiting {
            core.mailboxes.post(session, Event::Ready { queue: partition.id }, turn);
        }
    }
}

impl Cold {
    /// Asks the reader thread for a piece, unless that has been done.
    fn ask(
        &mut self,
        partition: &Partition,
        core: &Core,
        (tag, at, len): (u64, u64, usize),
        name: impl FnOnce() -> String,
        session: Option<SessionId>,
    ) {
        match self.asked.iter_mut().find(|asked| (asked.segment, asked.at) == (tag, at)) {
            Some(asked) => asked.waiting.extend(session),
            None => {
                self.asked.push(Asked { segment: tag, at, waiting: session.into_iter().collect() });
                core.log.read_piece(PieceRead { object: partition.id, tag, name: name(), offset: at, len });
            }
        }
    }
}
