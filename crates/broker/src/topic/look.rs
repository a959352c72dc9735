//! Reading behind what is in memory: pieces of segments, brought in by the reader thread, ahead of who reads them.

use super::Partition;
use super::cold::{Cold, INDEX, INDEXES, Looked, PIECE, PIECES, Piece, Walked};
use super::index::{Index, STEP};
use super::partition::PartitionState;
use super::segments::{index_name, name};
use crate::core::Core;
use crate::dialect::BatchFacts;
use crate::event::Event;
use crate::turn::Turn;
use bytes::Bytes;
use narumq_log::PieceRead;
use narumq_model::SessionId;

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
        let wanted = |facts: &BatchFacts| facts.base + u64::from(facts.count) > offset;
        let begin = |cold: &mut Cold| cold.begin(segment, offset, len);
        let behind = self.segments.behind(segment, self.end);
        match self.cold.walk(partition.dialect.as_ref(), (segment, len, behind), begin, wanted) {
            Walked::Found(at, bytes, _) => {
                let (end, next) = self.gather(partition, &bytes, max, whole);
                let behind = at + end as u64;
                self.cold.remember(next.unwrap_or(offset), segment, behind);
                if ((bytes.len() - end) as u64) < PIECE / 2 && behind < len {
                    self.ask(partition, core, (segment, behind, PIECE), None);
                }
                self.note_rebuilt(partition, core, segment);
                Looked::Found(bytes.slice(..end))
            }
            Walked::Missing(at, need, _) => match self.read_on(partition, core, (segment, at, need), session) {
                true => Looked::Reading,
                false => Looked::Broken,
            },
            Walked::End | Walked::Broken => Looked::Broken,
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
        let Some(of) = self.segments.beginning(segment) else { return };
        let len = len.min(self.segments.readable(of).saturating_sub(at));
        let of = of.id();
        let name = || name(partition.id, of);
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
        let generation = self.segments.beginning(segment).map_or(0, |of| of.generation);
        let name = || index_name(partition.id, (segment, generation));
        self.cold.ask(partition, core, (segment | INDEX, 0, PieceRead::ALL), name, Some(session));
        false
    }

    /// An index that was missing, or wrong, has been noted while its segment was walked: it is written again.
    pub(super) fn note_rebuilt(&mut self, partition: &Partition, core: &Core, segment: u64) {
        let closed = self.segments.list.iter().take(self.segments.list.len().saturating_sub(1));
        let Some((of, bytes)) = closed.clone().find(|of| of.base == segment).map(|of| (of.id(), of.bytes)) else {
            return;
        };
        let write = self.cold.index(segment).and_then(|index| index.rewritten((partition.id, of), bytes));
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
        (read, at): (u64, u64),
        bytes: Result<Bytes, String>,
    ) {
        let Some(asked) = self.cold.take_asked(read) else { return };
        let segment = asked.segment & !INDEX;
        let there = self.segments.beginning(segment).map(|known| known.id());
        if there.is_none() {
            // It has been dropped meanwhile: whoever waits finds that out.
        } else if let Some(of) = there.filter(|_| asked.segment != segment) {
            // Without one the segment is walked.
            let index = bytes.map_or_else(|_| Index::default(), |bytes| Index::read(&bytes, (partition.id, of)));
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
