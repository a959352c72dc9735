//! What was let go comes back: one read at a time a queue, ahead of its consumers, outside its lock.

use super::lane::{Front, NextCold, Ready};
use super::scratch::{self, Block};
use super::{Queue, QueueState, Reading};
use crate::core::Core;
use crate::envelope;
use crate::event::Event;
use crate::turn::Turn;
use bytes::Bytes;
use narumq_log::{ReadDone, ReadRequest, ScratchRead, Walk};
use narumq_model::{Lsn, MessageBuilder, Seq, SeqRange};
use std::sync::Arc;

/// Body bytes brought in by one read.
const READ: u64 = 512 << 10;
/// A read begins when no more than this is left in memory before the cold messages.
const NEAR: usize = 512 << 10;
/// Messages that one read may ask for: they take time and room beside their bodies.
const MESSAGES: u64 = 4096;
/// Stretches that one read may ask for.
const RANGES: usize = 256;

/// What a read is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ReadOf {
    /// For the messages that come next in this lane.
    Lane(usize),
    /// For messages that are rejected, so that they can be buried.
    Doomed,
}

impl QueueState {
    /// Whether a read is under way.
    pub(super) fn is_reading(&self) -> bool {
        self.reading.as_ref().is_some_and(|r| !r.done)
    }

    /// Begins a read if a lane's memory runs low and the disk holds what comes next.
    pub(super) fn read_ahead(&mut self, queue: &Queue, core: &Core) {
        if !self.is_reading()
            && let Some(lane) = self.top()
            && self.lanes[lane].next_cold(NEAR).is_some()
        {
            self.read_for(lane, queue, core);
        }
    }

    /// Begins a read for this lane, unless one is under way or it is the turn of what must be read to be buried.
    pub(super) fn read_for(&mut self, lane: usize, queue: &Queue, core: &Core) {
        match &self.reading {
            Some(reading) if !reading.done => return,
            Some(Reading { of: ReadOf::Lane(_), .. }) if self.doomed.must_read() => {
                return self.read_doomed(queue, core);
            }
            _ => {}
        }
        let cold = match self.lanes[lane].next_cold(usize::MAX) {
            Some(NextCold::Log(cold)) => cold,
            Some(NextCold::Scratch(block)) => {
                let Block { file, offset, len, .. } = block.clone();
                let of = ReadOf::Lane(lane);
                let no_walk = Reading { of, file: 0, wanted: Vec::new(), walk: Walk::default(), done: false };
                self.reading = Some(no_walk);
                return core.log.read_scratch(ScratchRead { object: queue.id(), file, offset, len });
            }
            None => return,
        };
        let Some(first) = cold.front().map(|r| r.first) else { return };
        let (file, last) = self.places.find(first).unwrap_or((0, first));
        let wanted: Vec<SeqRange> = cold
            .iter()
            .take(RANGES)
            .take_while(|r| r.first <= last)
            .map(|r| SeqRange { first: r.first, last: r.last.min(last) })
            .scan(MESSAGES, |left, r| {
                let span = r.span().min(*left);
                *left -= span;
                (span > 0).then(|| SeqRange { first: r.first, last: Seq(r.first.0 + span - 1) })
            })
            .collect();
        self.ask(ReadOf::Lane(lane), file, wanted, queue, core);
    }

    /// Asks the log for messages of one file; no read is under way.
    pub(super) fn ask(&mut self, of: ReadOf, file: u64, wanted: Vec<SeqRange>, queue: &Queue, core: &Core) {
        let Some(first) = wanted.first().map(|range| range.first) else { return };
        // A walk goes on only forward: what was put back lies behind it.
        let walk = match &self.reading {
            Some(last) if last.of == of && last.file == file && last.walk.is_before(first) => last.walk,
            _ => Walk::default(),
        };
        let request = ReadRequest { object: queue.id(), file, wanted: wanted.clone(), bytes_max: READ, walk };
        self.reading = Some(Reading { of, file, wanted, walk, done: false });
        core.log.read(request);
    }

    /// A read has ended: its messages take their places, and whoever waited goes on.
    pub(crate) fn read_done(&mut self, queue: &Arc<Queue>, core: &Core, turn: &mut Turn, done: ReadDone) {
        if self.is_stale() {
            return;
        }
        // The thread may have waited for the queue since its turn began.
        turn.now = turn.now.max(core.time());
        let Some(reading) = self.reading.as_mut().filter(|r| !r.done && r.file == done.file) else { return };
        reading.done = true;
        reading.walk = done.walk;
        let (of, wanted) = (reading.of, std::mem::take(&mut reading.wanted));
        let lies_elsewhere =
            |r: &SeqRange| self.places.find(r.first).is_some_and(|(file, last)| file != done.file || last < r.last);
        if wanted.iter().any(lies_elsewhere) {
            // What was wanted has moved to another file meanwhile: it is read there.
            return self.resume_waiting(queue, core, turn);
        }
        let through = match (&done.error, done.through) {
            (None, through) => through.unwrap_or(Seq(0)),
            (Some(_), _) => wanted.last().map_or(Seq(0), |r| r.last),
        };
        let read = self.restored(&done);
        match of {
            ReadOf::Doomed => self.doomed_came(read, &wanted, through, queue, turn),
            ReadOf::Lane(lane) => {
                let marks = &mut self.marks;
                let mut came = |seq| {
                    marks.remove(&seq);
                };
                let missing = self.lanes[lane].warm(read, &wanted, through, &mut came);
                self.ready -= missing.len() as u64;
                self.damaged.extend(missing.iter().map(|seq| (lane as u8, *seq)));
            }
        }
        self.resume_waiting(queue, core, turn);
    }

    /// Messages as the log keeps them, with what is known of them beside that.
    fn restored(&self, done: &ReadDone) -> Vec<Ready> {
        let mut builder = MessageBuilder::default();
        let mut read = Vec::with_capacity(done.messages.len());
        for stored in &done.messages {
            if let Some(mut message) = envelope::restore(stored, &mut builder) {
                let mark = self.marks.get(&stored.seq).copied().unwrap_or_default();
                message.redelivered |= mark.redelivered || stored.seq < self.suspect_below;
                message.failures = message.failures.max(mark.failures);
                message.hand_overs = message.hand_overs.max(mark.hand_overs);
                read.push(Ready { seq: stored.seq, lsn: Lsn(1), message });
            }
        }
        read
    }

    /// A block of a scratch file has been read; what cannot be read is lost, as transient messages may be.
    pub(crate) fn scratch_done(
        &mut self,
        queue: &Arc<Queue>,
        core: &Core,
        turn: &mut Turn,
        offset: u64,
        bytes: Result<Bytes, String>,
    ) {
        if self.is_stale() {
            return;
        }
        turn.now = turn.now.max(core.time());
        let Some(reading) = self.reading.as_mut().filter(|r| !r.done) else { return };
        let ReadOf::Lane(lane) = reading.of else { return };
        reading.done = true;
        let before = self.lanes[lane].len();
        self.lanes[lane].unspill(offset, bytes.map(|b| scratch::decode(&b)).unwrap_or_default());
        self.ready -= before - self.lanes[lane].len();
        self.resume_waiting(queue, core, turn);
    }

    /// Nobody wants the answer of the read under way any more.
    pub(super) fn forget_read(&mut self) {
        if self.reading.take().is_some_and(|r| !r.done) {
            self.stale += 1;
        }
    }

    fn is_stale(&mut self) -> bool {
        let stale = self.stale > 0;
        self.stale = self.stale.saturating_sub(1);
        stale
    }

    fn resume_waiting(&mut self, queue: &Arc<Queue>, core: &Core, turn: &mut Turn) {
        match (self.top(), &self.reading) {
            // They wait for a message that is still to be read.
            (Some(lane), Some(Reading { of: ReadOf::Doomed, .. }))
                if !self.waiting.is_empty() && matches!(self.lanes[lane].front(), Front::Cold) =>
            {
                self.read_for(lane, queue, core);
            }
            _ => self.tell_waiting(queue),
        }
        self.settle_in(queue, core, turn);
    }

    /// Whoever waits for a message is to ask again.
    pub(super) fn tell_waiting(&mut self, queue: &Queue) {
        let waiting = self.waiting.drain(..);
        self.events.extend(waiting.map(|session| (session, Event::Ready { queue: queue.id() })));
    }
}
