//! The dead that are to be buried, in the order in which they died.
//!
//! ```text
//! front ─► [seq 7, expired, message] [seq 3, rejected, to be read] [refused, message] ◄─ back
//! ```
//! Whoever holds the queue's spade takes them from the front and buries them; so they arrive in the order in which
//! they died, whatever thread did it. Rejected messages that are no longer in memory must be read first; those that
//! died behind them wait, too. Until a message is buried it lies in the log under this queue: what settles it waits
//! for that (see `promises.rs`).

use super::lane::{Ready, extend};
use super::leases::Lease;
use super::read::ReadOf;
use super::settle::log_count;
use super::{Dead, Leaving, Queue, QueueState};
use crate::core::Core;
use crate::turn::Turn;
use narumq_model::{DeathReason, Lsn, Message, Seq, SeqRange};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

/// Messages asked for at once.
const ASKED_MAX: usize = 4096;

/// So many of the dead are waited for together at most.
const WAITED_MAX: u64 = 256;

/// Answers that speak for the dead up to `number` wait until these are buried.
#[derive(Debug)]
struct Wait {
    first: u64,
    number: u64,
    promise: Lsn,
}

/// The dead in the order in which they died. They are numbered so, from 1 on.
#[derive(Debug, Default)]
pub(super) struct Doomed {
    /// Those without a message were to be read.
    order: VecDeque<Dead>,
    unread: BTreeSet<Seq>,
    /// What has been read, until its turn comes.
    read: BTreeMap<Seq, Message>,
    /// Memory of the messages in it, in bytes.
    memory: usize,
    /// The number of the last one that died, and of the last one that is buried.
    died: u64,
    buried: u64,
    /// The last entry of the log that buried one.
    buried_at: Lsn,
    waits: VecDeque<Wait>,
}

impl Doomed {
    /// Whether some must be read before they can be buried.
    pub(super) fn must_read(&self) -> bool {
        !self.unread.is_empty()
    }

    /// Memory of the messages in it, in bytes.
    pub(super) fn memory(&self) -> usize {
        self.memory
    }

    fn push(&mut self, dead: Dead) {
        self.memory += dead.message.as_ref().map_or(0, Message::memory);
        if dead.message.is_none() {
            self.unread.extend(dead.seq);
        }
        self.died += 1;
        self.order.push_back(dead);
    }

    /// A message has been read.
    fn came(&mut self, seq: Seq, message: Message) {
        if self.unread.remove(&seq) {
            self.memory += message.memory();
            self.read.insert(seq, message);
        }
    }

    /// Whether the next one has a number up to this one and can be buried.
    fn is_due(&self, number: u64) -> bool {
        let next = self.died + 1 - self.order.len() as u64;
        next <= number && self.order.front().is_some_and(|dead| dead.seq.is_none_or(|seq| !self.unread.contains(&seq)))
    }

    /// Takes the next one, up to this number; without a message it could not be read and stays where it lies.
    fn pop(&mut self, number: u64) -> Option<Dead> {
        let mut dead = self.is_due(number).then(|| self.order.pop_front()).flatten()?;
        if dead.message.is_none() {
            dead.message = dead.seq.and_then(|seq| self.read.remove(&seq));
        }
        self.memory -= dead.message.as_ref().map_or(0, Message::memory);
        Some(dead)
    }

    /// What is to be read first: the one that the others wait for, unless it waits for its burial only.
    fn first_unread(&self) -> Option<Seq> {
        let front = self.order.front().and_then(|dead| dead.seq).filter(|seq| self.unread.contains(seq));
        front.or_else(|| self.unread.first().copied())
    }

    /// What is to be read, between `first` and `last`.
    fn unread(&self, first: Seq, last: Seq) -> VecDeque<SeqRange> {
        let mut ranges = VecDeque::new();
        self.unread.range(first..=last).take(ASKED_MAX).for_each(|seq| extend(&mut ranges, SeqRange::one(*seq)));
        ranges
    }

    /// An answer that waits for entry `promise` speaks for the last one that died.
    fn wait(&mut self, promise: Lsn, core: &Core) {
        match self.waits.back_mut() {
            Some(wait) if wait.first + WAITED_MAX > self.died => wait.number = self.died,
            _ => {
                self.waits.push_back(Wait { first: self.died, number: self.died, promise });
                core.promises.hold(promise);
            }
        }
    }
}

impl QueueState {
    /// A message dies: it is buried when its turn comes, before the broker's call returns if all before it can be.
    pub(super) fn doom(&mut self, dead: Dead, queue: &Arc<Queue>, turn: &mut Turn) {
        self.doomed.push(dead);
        turn.bury(queue, self.doomed.died);
    }

    /// A message that was handed over dies; `kept` is there if it is in memory.
    pub(super) fn die_leased(
        &mut self,
        (seq, lease, kept): (Seq, Lease, Option<Ready>),
        reason: DeathReason,
        queue: &Arc<Queue>,
        core: &Core,
        turn: &mut Turn,
    ) {
        if !queue.buries() {
            return self.gone_at(seq, lease.journaled, lease.payload_len());
        }
        let Lease { priority, journaled, hand_overs, failures, .. } = lease;
        let leaving = Leaving { priority, lsn: Lsn(journaled.into()), bytes: lease.payload_len() };
        self.leaving.insert(seq, leaving);
        self.doom(Dead { seq: Some(seq), message: kept.map(|ready| ready.message), reason }, queue, turn);
        if journaled && self.doomed.must_read() {
            // It is buried after the call that settles it: the answer waits for an entry that is held back until then.
            let promise = log_count(queue, core, turn, seq, hand_overs, failures);
            self.doomed.wait(promise, core);
            self.told_at = self.told_at.max(promise);
            turn.moved = turn.moved.max(promise);
        }
    }

    /// Takes the next of the dead that can be buried, up to this number; the queue's spade is held.
    pub(crate) fn next_dead(&mut self, number: u64) -> Option<Dead> {
        self.doomed.pop(number)
    }

    /// One of the dead is buried, by entry `lsn` of the log if by any.
    pub(crate) fn buried(&mut self, lsn: Lsn, core: &Core, turn: &mut Turn) {
        let doomed = &mut self.doomed;
        doomed.buried += 1;
        doomed.buried_at = doomed.buried_at.max(lsn);
        while let Some(wait) = doomed.waits.pop_front_if(|wait| wait.number <= doomed.buried) {
            core.promises.keep(wait.promise, doomed.buried_at);
            turn.kept(doomed.buried_at);
        }
    }

    /// The last entry of the log that buried one of this queue's dead.
    pub(crate) fn buried_at(&self) -> Lsn {
        self.doomed.buried_at
    }

    /// Nothing is buried any more: the queue has been deleted by entry `lsn` of the log.
    pub(super) fn forget_doomed(&mut self, lsn: Lsn, core: &Core, turn: &mut Turn) {
        for wait in std::mem::take(&mut self.doomed).waits {
            core.promises.keep(wait.promise, lsn);
            turn.kept(lsn);
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
                    self.doomed.unread.remove(&seq);
                    let priority = self.leaving.remove(&seq).map_or(0, |leaving| leaving.priority);
                    self.damaged.push((priority, seq));
                }
            }
        }
        turn.bury(queue, u64::MAX);
    }
}
