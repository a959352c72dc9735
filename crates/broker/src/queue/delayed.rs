//! Messages that are not visible yet: they wait outside of the lanes and come to their original place when it is time.
//!
//! ```text
//! due      (visible_at, seq), the first one arms the queue
//! waiting  seq → what it costs and where it goes; with its message while that is in memory
//! ```
//! They are not ready: nothing hands them over, no limit counts them, their time to live ends them when they appear. A
//! message that can be read again is let go when too many are kept: it appears cold.

use super::held::HeldMemory;
use super::lane::Ready;
use super::{Queue, QueueState};
use narumq_model::{Lsn, Seq, Time};
use std::collections::{BTreeMap, BTreeSet};

/// One of them.
#[derive(Debug)]
struct Waiting {
    visible_at: Time,
    payload: u64,
    priority: u8,
    journaled: bool,
    kept: Option<Ready>,
}

/// What a State says of one: its sequence, when it becomes visible, its payload bytes.
pub(super) type DelayedAt = (Seq, Time, u64);

#[derive(Debug, Default)]
pub(super) struct Delayed {
    due: BTreeSet<(Time, Seq)>,
    waiting: BTreeMap<Seq, Waiting>,
    memory: HeldMemory,
}

impl Delayed {
    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.due.is_empty()
    }

    pub(super) fn len(&self) -> u64 {
        self.due.len() as u64
    }

    /// Memory of the messages kept, in bytes.
    pub(super) fn memory(&self) -> usize {
        self.memory.bytes()
    }

    /// When the first one becomes visible.
    pub(super) fn next(&self) -> Option<Time> {
        self.due.first().map(|(at, _)| *at)
    }

    pub(super) fn insert(&mut self, ready: Ready) {
        let message = &ready.message;
        self.memory.add(message);
        let (visible_at, seq, payload) = (message.visible_at, ready.seq, message.payload_len() as u64);
        let (priority, journaled) = (message.priority, ready.lsn != Lsn(0));
        self.due.insert((visible_at, seq));
        self.waiting.insert(seq, Waiting { visible_at, payload, priority, journaled, kept: Some(ready) });
    }

    /// One that the log tells at the start.
    pub(super) fn restore(&mut self, (seq, visible_at, payload): DelayedAt, priority: u8) {
        self.due.insert((visible_at, seq));
        self.waiting.insert(seq, Waiting { visible_at, payload, priority, journaled: true, kept: None });
    }

    fn take_due(&mut self, now: Time) -> Option<(Seq, Waiting)> {
        self.next().filter(|at| *at <= now)?;
        let (_, seq) = self.due.pop_first()?;
        let waiting = self.waiting.remove(&seq)?;
        if let Some(ready) = &waiting.kept {
            self.memory.remove(&ready.message);
        }
        Some((seq, waiting))
    }

    /// Lets go of messages that can be read again if more than `most` bytes are kept.
    pub(super) fn let_go(&mut self, most: usize, written: Lsn) {
        if !self.memory.is_worth_a_look(most) {
            return;
        }
        for waiting in self.waiting.values_mut() {
            if let Some(ready) = waiting.kept.take_if(|ready| ready.lsn != Lsn(0) && ready.lsn <= written) {
                self.memory.remove(&ready.message);
            }
        }
        self.memory.looked_at();
    }

    /// Those that lie in the log, ascending, with their priority.
    pub(super) fn journaled(&self) -> impl Iterator<Item = (u8, DelayedAt)> {
        let journaled = self.waiting.iter().filter(|(_, waiting)| waiting.journaled);
        journaled.map(|(seq, waiting)| (waiting.priority, (*seq, waiting.visible_at, waiting.payload)))
    }
}

impl QueueState {
    /// What has become visible goes to its place.
    pub(super) fn appear(&mut self, now: Time) {
        while let Some((seq, Waiting { payload, priority, kept, .. })) = self.delayed.take_due(now) {
            match kept {
                Some(mut ready) => {
                    ready.message.visible_at = Time(0);
                    self.put_back(ready);
                }
                None => {
                    self.ready += 1;
                    self.ready_bytes += payload;
                    let lane = self.lane_at(priority);
                    self.lanes[lane].put_back_cold(seq);
                }
            }
        }
    }

    /// How many messages are not visible yet.
    pub(crate) fn delayed(&self) -> u64 {
        self.delayed.len()
    }
}

impl Queue {
    /// When a message that comes in now becomes visible; `Time(0)` = at once.
    #[inline]
    pub(super) fn visible_at(&self, asked: Time, now: Time) -> Time {
        let at = match self.definition.policy.delay_ms {
            Some(delay) if asked == Time(0) => now.plus(delay),
            _ => asked,
        };
        if at > now { at } else { Time(0) }
    }
}
