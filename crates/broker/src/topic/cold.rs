//! Reading behind what is in memory: pieces of segments, brought in by the reader thread, ahead of who reads them.

use super::Partition;
use super::partition::PartitionState;
use super::segments::{Segment, name};
use crate::core::Core;
use crate::event::Event;
use crate::turn::Turn;
use bytes::Bytes;
use narumq_log::PieceRead;
use narumq_model::SessionId;
use std::collections::{BTreeMap, VecDeque};

/// Bytes brought in at once, unless one batch is larger.
const PIECE: u64 = 1 << 20;
/// Pieces kept.
const PIECES: usize = 3;
/// Places of batches remembered.
const KNOWN: usize = 1024;

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

impl Cold {
    /// The bytes from `at` on, if at least `need` of them are there.
    fn piece(&self, segment: u64, at: u64, need: u64) -> Option<Bytes> {
        let there = |p: &&Piece| p.segment == segment && p.at <= at && at + need <= p.at + p.bytes.len() as u64;
        self.pieces.iter().find(there).map(|piece| piece.bytes.slice((at - piece.at) as usize..))
    }

    fn remember(&mut self, offset: u64, segment: u64, at: u64) {
        if self.known.len() >= KNOWN {
            self.known.pop_first();
        }
        self.known.insert(offset, (segment, at));
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
        let Some(Segment { base: segment, bytes: len, .. }) = self.segments.holding(offset).cloned() else {
            return Looked::Broken;
        };
        let known = self.cold.known.range(..=offset).next_back().map(|(_, place)| *place);
        let mut at = known.filter(|(of, _)| *of == segment).map_or(0, |(_, at)| at);
        let mut need = 1;
        while let Some(bytes) = self.cold.piece(segment, at, need) {
            match walk(partition, &bytes, offset) {
                Walked::Found(begin) => {
                    let (end, next) = self.gather(partition, &bytes[begin..], max, whole);
                    let behind = at + (begin + end) as u64;
                    self.cold.remember(next.unwrap_or(offset), segment, behind);
                    if ((bytes.len() - begin - end) as u64) < PIECE / 2 && behind < len {
                        self.ask(partition, core, (segment, behind, PIECE), None);
                    }
                    return Looked::Found(bytes.slice(begin..begin + end));
                }
                Walked::Behind(walked, wanted) => {
                    at += walked as u64;
                    need = wanted as u64;
                }
            }
            if at + need > len {
                return Looked::Broken;
            }
        }
        if self.cold.failed.take() == Some((segment, at)) {
            return Looked::Broken;
        }
        self.ask(partition, core, (segment, at, need.max(PIECE)), Some(session));
        Looked::Reading
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
        let Some(bytes) = self.segments.list.iter().find(|s| s.base == segment).map(|s| s.bytes) else { return };
        let len = len.min(bytes.saturating_sub(at));
        match self.cold.asked.iter_mut().find(|asked| (asked.segment, asked.at) == (segment, at)) {
            Some(asked) => asked.waiting.extend(session),
            None => {
                self.cold.asked.push(Asked { segment, at, waiting: session.into_iter().collect() });
                core.log.read_piece(PieceRead {
                    object: partition.id,
                    tag: segment,
                    name: name(partition.id, segment),
                    offset: at,
                    len: len as usize,
                });
            }
        }
    }

    /// A piece has been read, or why it cannot be.
    pub(super) fn came(
        &mut self,
        partition: &Partition,
        core: &Core,
        turn: &mut Turn,
        (segment, at): (u64, u64),
        bytes: Result<Bytes, String>,
    ) {
        let Some(which) = self.cold.asked.iter().position(|a| (a.segment, a.at) == (segment, at)) else { return };
        let asked = self.cold.asked.swap_remove(which);
        if let Ok(bytes) = bytes {
            self.cold.pieces.retain(|p| (p.segment, p.at) != (segment, at));
            if self.cold.pieces.len() == PIECES {
                self.cold.pieces.pop_front();
            }
            self.cold.pieces.push_back(Piece { segment, at, bytes });
        } else {
            // Whoever waits is told once; who asks again has it tried again.
            self.cold.failed = Some((segment, at));
        }
        for session in asked.waiting {
            core.mailboxes.post(session, Event::Ready { queue: partition.id }, turn);
        }
    }
}

enum Walked {
    /// The batch that holds the offset begins here, and is there in whole.
    Found(usize),
    /// It does not lie in these bytes: so many are whole batches before it, and so many are needed behind them.
    Behind(usize, usize),
}

/// Looks for the batch that holds `offset`: the first that does not end before it.
fn walk(partition: &Partition, bytes: &[u8], offset: u64) -> Walked {
    let mut at = 0;
    loop {
        match partition.dialect.batch(&bytes[at..]) {
            None => return Walked::Behind(at, bytes.len() - at + 1),
            Some(facts) if facts.len > bytes.len() - at => return Walked::Behind(at, facts.len),
            Some(facts) if facts.base + u64::from(facts.count) > offset => return Walked::Found(at),
            Some(facts) => at += facts.len,
        }
    }
}
