//! Rejected messages that are no longer in memory: they must be read before they can go where the dead go.
//!
//! Until then they still lie in the log under this queue. Those that were rejected behind them wait, too: the dead keep
//! their order.

use super::lane::{Ready, extend};
use super::leases::Lease;
use super::read::ReadOf;
use super::{Dead, Leaving, Queue, QueueState};
use crate::core::Core;
use crate::turn::Turn;
use narumq_model::{DeathReason, Lsn, Message, Seq, SeqRange};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

/// Messages asked for at once.
const ASKED_MAX: usize = 4096;

/// Rejected messages by sequence, those without a message to be read.
#[derive(Debug, Default)]
pub(super) struct Doomed {
    waiting: BTreeMap<Seq, (DeathReason, Option<Message>)>,
    memory: usize,
}

impl Doomed {
    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Memory of the messages in it, in bytes.
    pub(super) fn memory(&self) -> usize {
        self.memory
    }

    fn insert(&mut self, seq: Seq, reason: DeathReason, message: Option<Message>) {
        self.memory += message.as_ref().map_or(0, Message::memory);
        self.waiting.insert(seq, (reason, message));
    }

    /// A message has been read.
    fn came(&mut self, seq: Seq, message: Message) {
        if let Some((_, slot @ None)) = self.waiting.get_mut(&seq) {
            self.memory += message.memory();
            *slot = Some(message);
        }
    }

    /// The next one, if it is in memory.
    fn pop(&mut self) -> Option<(Seq, DeathReason, Message)> {
        let first = self.waiting.first_entry()?;
        first.get().1.as_ref()?;
        let (seq, (reason, message)) = first.remove_entry();
        let message = message?;
        self.memory -= message.memory();
        Some((seq, reason, message))
    }

    fn first_unread(&self) -> Option<Seq> {
        self.waiting.iter().find(|(_, (_, message))| message.is_none()).map(|(seq, _)| *seq)
    }

    /// What is to be read, between `first` and `last`.
    fn unread(&self, first: Seq, last: Seq) -> VecDeque<SeqRange> {
        let mut ranges = VecDeque::new();
        let unread = self.waiting.range(first..=last).filter(|(_, (_, message))| message.is_none());
        unread.take(ASKED_MAX).for_each(|(seq, _)| extend(&mut ranges, SeqRange::one(*seq)));
        ranges
    }
}

impl QueueState {
    /// A message that was handed over dies; `kept` is there if it is in memory.
    pub(super) fn die_leased(
        &mut self,
        (seq, lease, kept): (Seq, Lease, Option<Ready>),
        reason: DeathReason,
        queue: &Arc<Queue>,
        turn: &mut Turn,
    ) {
        if !queue.buries() {
            return self.gone_at(seq, lease.journaled, lease.payload_len());
        }
        match kept {
            Some(ready) if self.doomed.is_empty() => self.die(ready, reason, queue, turn),
            kept => {
                let Lease { priority, journaled, .. } = lease;
                let leaving = Leaving { priority, lsn: Lsn(journaled.into()), bytes: lease.payload_len() };
                self.leaving.insert(seq, leaving);
                self.doomed.insert(seq, reason, kept.map(|ready| ready.message));
            }
        }
    }

    /// Begins to read the next messages that must be, unless a read is under way.
    pub(super) fn read_doomed(&mut self, queue: &Queue, core: &Core) {
        let Some(first) = self.doomed.first_unread().filter(|_| !self.is_reading()) else { return };
        let (file, last) = self.places.find(first).unwrap_or((0, first));
        let wanted = self.doomed.unread(first, last).into();
        self.ask(ReadOf::Doomed, file, wanted, queue, core);
    }

    /// Messages were read, and those that are `missing` cannot be: they stay where they lie.
    pub(super) fn doomed_came(
        &mut self,
        read: Vec<Ready>,
        wanted: &[SeqRange],
        through: Seq,
        queue: &Arc<Queue>,
        turn: &mut Turn,
    ) {
        read.into_iter().for_each(|ready| self.doomed.came(ready.seq, ready.message));
        for range in wanted.iter().filter(|range| range.first <= through) {
            for range in self.doomed.unread(range.first, range.last.min(through)) {
                for seq in (range.first.0..=range.last.0).map(Seq) {
                    self.doomed.waiting.remove(&seq);
                    let priority = self.leaving.remove(&seq).map_or(0, |leaving| leaving.priority);
                    self.damaged.push((priority, seq));
                }
            }
        }
        while let Some((seq, reason, message)) = self.doomed.pop() {
            turn.dead.push(Dead { queue: queue.clone(), seq: Some(seq), message, reason });
        }
    }
}
