//! Hand-overs end: accepted, returned, failed or rejected; and single messages are asked for.

use super::lane::{Front, Ready};
use super::leases::Lease;
use super::{Queue, QueueState};
use crate::core::Core;
use crate::event::Delivery;
use crate::turn::Turn;
use narumq_log::{Entry, Kind, varint};
use narumq_model::{DeathReason, Lsn, Message, Seq, SessionId};
use std::sync::Arc;

/// How a delivery ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Done: the message is gone.
    Accept,
    /// Back to its original place, not counted as a failure.
    Return,
    /// Back to its original place, counted as a failure: against the delivery limit.
    Fail,
    /// Dead: to where the dead go, for `rejected`, or just gone.
    Reject,
}

/// What `get` found.
#[derive(Debug)]
pub enum Got {
    /// A message, and how many are ready behind it.
    Message {
        /// The message; its consumer key means nothing.
        delivery: Delivery,
        /// Messages still ready.
        remaining: u64,
    },
    /// Nothing is ready.
    Empty,
    /// It is being read: the session is told `Ready` and asks again.
    Pending,
}

impl QueueState {
    /// Ends hand-overs of `session`; the consumer `key`, if any, gets its prefetch back. Returns the LSN of what was logged.
    pub(crate) fn settle(
        &mut self,
        queue: &Arc<Queue>,
        core: &Core,
        turn: &mut Turn,
        (session, key): (SessionId, Option<u32>),
        seqs: &[Seq],
        outcome: Outcome,
    ) -> Lsn {
        self.settle_quietly(queue, core, turn, (session, key), seqs, outcome);
        let lsn = self.log_gone(queue, core, turn);
        self.settle_in(queue, core, turn);
        lsn
    }

    /// The same without logging removals and without handing over: the caller does both.
    pub(crate) fn settle_quietly(
        &mut self,
        queue: &Arc<Queue>,
        core: &Core,
        turn: &mut Turn,
        (session, key): (SessionId, Option<u32>),
        seqs: &[Seq],
        outcome: Outcome,
    ) {
        let mut settled = 0;
        for seq in seqs {
            if let Some((lease, kept)) = self.leases.remove(*seq, session) {
                settled += 1;
                self.end_lease((*seq, lease, kept), outcome, queue, core, turn);
            }
        }
        if let Some(consumer) = key.and_then(|key| self.consumers.find_mut(session, key)) {
            consumer.unsettled = consumer.unsettled.saturating_sub(settled);
        }
    }

    /// Everything still leased to a session that is gone comes back: hand-overs that it never saw.
    pub(crate) fn take_back(&mut self, queue: &Arc<Queue>, core: &Core, turn: &mut Turn, session: SessionId) {
        let seqs = self.leases.of(session);
        self.settle(queue, core, turn, (session, None), &seqs, Outcome::Return);
    }

    fn end_lease(
        &mut self,
        (seq, mut lease, kept): (Seq, Lease, Option<Ready>),
        outcome: Outcome,
        queue: &Arc<Queue>,
        core: &Core,
        turn: &mut Turn,
    ) {
        match outcome {
            Outcome::Accept => {
                turn.counts.acknowledged += 1;
                self.gone_at(seq, lease.journaled, lease.payload_len());
            }
            Outcome::Reject => self.die_leased((seq, lease, kept), DeathReason::Rejected, queue, core, turn),
            Outcome::Return | Outcome::Fail => {
                let policy = &queue.definition.policy;
                if outcome == Outcome::Fail {
                    lease.failures = lease.failures.saturating_add(1);
                    if policy.delivery_limit.is_some_and(|limit| u32::from(lease.failures) > limit) {
                        return self.die_leased((seq, lease, kept), DeathReason::DeliveryLimit, queue, core, turn);
                    }
                }
                let counts =
                    policy.hand_over_limit.is_some() || outcome == Outcome::Fail && policy.delivery_limit.is_some();
                if counts && lease.journaled {
                    log_count(queue, core, turn, seq, lease.hand_overs, lease.failures);
                }
                self.come_back(seq, lease, kept);
            }
        }
    }

    /// Puts a message that was handed over back to its place: cold if it is no longer in memory.
    fn come_back(&mut self, seq: Seq, lease: Lease, kept: Option<Ready>) {
        match kept {
            Some(mut ready) => {
                ready.message.redelivered = true;
                ready.message.failures = lease.failures;
                self.put_back(ready);
            }
            None => {
                self.marks.insert(seq, lease.mark());
                self.ready += 1;
                self.ready_bytes += lease.payload_len();
                let lane = self.lane_at(lease.priority);
                self.lanes[lane].put_back_cold(seq);
            }
        }
    }

    /// Notes that a message is handed over to `session` and is to be settled; returns it as it is handed over.
    #[inline]
    pub(super) fn lease(&mut self, mut ready: Ready, session: SessionId) -> Message {
        let message = ready.message.clone();
        ready.message.hand_overs = ready.message.hand_overs.saturating_add(1);
        self.leases.insert(session, ready);
        message
    }

    /// Takes one message for `session`, leased unless it `takes`.
    pub(crate) fn get(
        &mut self,
        queue: &Arc<Queue>,
        core: &Core,
        turn: &mut Turn,
        session: SessionId,
        takes: bool,
    ) -> Got {
        self.last_used = turn.now;
        self.appear(turn.now);
        self.expire(queue, core, turn);
        self.kill_heads(queue, turn);
        let got = match self.top() {
            None => {
                turn.counts.get_empty += 1;
                Got::Empty
            }
            Some(lane) if matches!(self.lanes[lane].front(), Front::Cold) => {
                self.waiting.push(session);
                self.read_for(lane, queue, core);
                Got::Pending
            }
            Some(lane) => match self.pop(lane) {
                None => Got::Empty,
                Some(ready) => {
                    let seq = ready.seq;
                    turn.counts.redelivered += u64::from(ready.message.redelivered);
                    let message = if takes {
                        turn.counts.get_auto += 1;
                        self.gone(&ready);
                        ready.message
                    } else {
                        turn.counts.get_manual += 1;
                        self.lease(ready, session)
                    };
                    let delivery = Delivery { consumer: u32::MAX, seq, message };
                    Got::Message { delivery, remaining: self.ready }
                }
            },
        };
        self.read_ahead(queue, core);
        self.finish(queue, core, turn);
        got
    }
}

/// Counts that a delivery limit needs outlive a restart. Returns the entry's LSN.
pub(super) fn log_count(queue: &Queue, core: &Core, turn: &mut Turn, seq: Seq, hand_overs: u16, failures: u16) -> Lsn {
    let mut data = Vec::with_capacity(16);
    [seq.0, hand_overs.into(), failures.into()].iter().for_each(|n| varint::put(&mut data, *n));
    core.log.append(&Entry::new(Kind::Count, queue.id(), turn.now).with_data(&data)).lsn
}
