//! What was let go comes back: one read at a time a queue, ahead of its consumers, outside its lock.

use super::lane::{Front, Ready};
use super::{Mark, Queue, QueueState, Reading};
use crate::core::Core;
use crate::envelope;
use crate::event::Event;
use crate::turn::Turn;
use narumq_log::{ReadDone, ReadRequest, Walk};
use narumq_model::{Lsn, MessageBuilder, Seq, SeqRange};
use std::sync::Arc;

/// Body bytes brought in by one read.
const READ: u64 = 512 << 10;
/// A read begins when no more than this is left in memory before the cold messages.
const NEAR: usize = 512 << 10;
/// Stretches that one read may ask for.
const RANGES: usize = 256;

impl QueueState {
    /// Begins a read if a lane's memory runs low and the disk holds what comes next.
    pub(super) fn read_ahead(&mut self, queue: &Queue, core: &Core) {
        if self.reading.as_ref().is_some_and(|r| !r.done) {
            return;
        }
        if let Some(lane) = self.top()
            && self.lanes[lane].next_cold(NEAR).is_some()
        {
            self.read_for(lane, queue, core);
        }
    }

    /// Begins a read for this lane, unless one is under way.
    pub(super) fn read_for(&mut self, lane: usize, queue: &Queue, core: &Core) {
        let before = match &self.reading {
            Some(reading) if !reading.done => return,
            Some(reading) if reading.lane == lane => Some((reading.file, reading.walk)),
            _ => None,
        };
        let Some(cold) = self.lanes[lane].next_cold(usize::MAX) else { return };
        let Some(first) = cold.front().map(|r| r.first) else { return };
        let (file, last) = self.places.find(first).unwrap_or((0, first));
        let wanted: Vec<SeqRange> = cold
            .iter()
            .take(RANGES)
            .take_while(|r| r.first <= last)
            .map(|r| SeqRange { first: r.first, last: r.last.min(last) })
            .collect();
        // A walk goes on only forward: what was put back lies behind it.
        let walk = match before {
            Some((same, walk)) if same == file && walk.is_before(first) => walk,
            _ => Walk::default(),
        };
        let request = ReadRequest { object: queue.id(), file, wanted: wanted.clone(), bytes_max: READ, walk };
        self.reading = Some(Reading { lane, file, wanted, walk, done: false });
        core.log.read(request);
    }

    /// A read has ended: its messages take their places, and whoever waited goes on.
    pub(crate) fn read_done(&mut self, queue: &Arc<Queue>, core: &Core, turn: &mut Turn, done: ReadDone) {
        let Some(reading) = self.reading.as_mut().filter(|r| !r.done && r.file == done.file) else { return };
        reading.done = true;
        reading.walk = done.walk;
        let lane = reading.lane;
        let through = match (&done.error, done.through) {
            (None, Some(through)) => through,
            _ => reading.wanted.last().map_or(Seq(0), |r| r.last),
        };
        let mut builder = MessageBuilder::default();
        let mut read = Vec::with_capacity(done.messages.len());
        for stored in &done.messages {
            if let Some(mut message) = envelope::restore(stored, &mut builder) {
                let mark = self.marks.remove(&stored.seq).unwrap_or_else(|| self.mark_of(stored.seq));
                message.redelivered |= mark.redelivered;
                message.failures = message.failures.max(mark.failures);
                message.hand_overs = message.hand_overs.max(mark.hand_overs);
                read.push(Ready { seq: stored.seq, lsn: Lsn(1), message });
            }
        }
        let missing = self.lanes[lane].warm(read, through);
        self.ready -= missing.len() as u64;
        let priority = lane as u8;
        self.damaged.extend(missing.iter().map(|seq| (priority, *seq)));
        for session in std::mem::take(&mut self.waiting) {
            self.events.push((session, Event::Ready { queue: queue.id() }));
        }
        self.settle_in(queue, core, turn);
        if matches!(self.lanes[lane].front(), Front::Cold) && !self.waiting.is_empty() {
            self.read_for(lane, queue, core);
        }
    }

    /// What is assumed of a cold message that nothing is noted of.
    fn mark_of(&self, seq: Seq) -> Mark {
        Mark { redelivered: seq < self.suspect_below, ..Mark::default() }
    }

    /// How many messages turned out damaged on the disk.
    pub(crate) fn damaged(&self) -> usize {
        self.damaged.len()
    }
}
