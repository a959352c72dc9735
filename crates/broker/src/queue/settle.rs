//! Hand-overs end: accepted, returned, failed or rejected; and single messages are asked for.

use super::lane::{Front, Ready};
use super::leases::Lease;
use super::{Queue, QueueState};
use crate::core::Core;
use crate::event::Delivery;
use crate::turn::Turn;
use narumq_log::{Entry, Kind, varint};
use narumq_model::{DeathReason, Lsn, Seq, SessionId, Time};
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
            if let Some(lease) = self.leases.remove(*seq, session) {
                settled += 1;
                self.end_lease(*seq, lease, outcome, queue, core, turn);
            }
        }
        if let Some(consumer) = key.and_then(|key| self.consumers.find_mut(session, key)) {
            consumer.unsettled = consumer.unsettled.saturating_sub(settled);
        }
    }

    /// Everything still leased to a session that is gone comes back: hand-overs that it never saw.
    pub(crate) fn take_back(&mut self, queue: &Arc<Queue>, core: &Core, turn: &mut Turn, session: SessionId) {
        let seqs: Vec<Seq> = self.leases.iter().filter(|(_, l)| l.session == session).map(|(seq, _)| seq).collect();
        self.settle(queue, core, turn, (session, None), &seqs, Outcome::Return);
    }

    fn end_lease(
        &mut self,
        seq: Seq,
        lease: Lease,
        outcome: Outcome,
        queue: &Arc<Queue>,
        core: &Core,
        turn: &mut Turn,
    ) {
        let Lease { lsn, mut message, .. } = lease;
        match outcome {
            Outcome::Accept => {
                turn.counts.acknowledged += 1;
                self.gone_at(seq, lsn, message.payload_len() as u64);
            }
            Outcome::Reject => self.die(Ready { seq, lsn, message }, DeathReason::Rejected, queue, turn),
            Outcome::Return | Outcome::Fail => {
                message.redelivered = true;
                if outcome == Outcome::Fail {
                    message.failures = message.failures.saturating_add(1);
                    let limit = queue.definition.policy.delivery_limit;
                    if limit.is_some_and(|limit| u32::from(message.failures) > limit) {
                        return self.die(Ready { seq, lsn, message }, DeathReason::DeliveryLimit, queue, turn);
                    }
                }
                let policy = &queue.definition.policy;
                let counts =
                    policy.hand_over_limit.is_some() || outcome == Outcome::Fail && policy.delivery_limit.is_some();
                if counts && lsn != Lsn(0) {
                    log_count(queue, core, turn, seq, message.hand_overs, message.failures);
                }
                self.put_back(Ready { seq, lsn, message });
            }
        }
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
                    let Ready { seq, lsn, mut message } = ready;
                    let delivery = Delivery { consumer: u32::MAX, seq, message: message.clone() };
                    turn.counts.redelivered += u64::from(message.redelivered);
                    message.hand_overs = message.hand_overs.saturating_add(1);
                    if takes {
                        turn.counts.get_auto += 1;
                        self.gone_at(seq, lsn, message.payload_len() as u64);
                    } else {
                        turn.counts.get_manual += 1;
                        self.leases.insert(seq, Lease { session, until: Time::NEVER, lsn, message });
                    }
                    Got::Message { delivery, remaining: self.ready }
                }
            },
        };
        self.read_ahead(queue, core);
        self.finish(queue, core, turn);
        got
    }
}

/// Counts that a delivery limit needs outlive a restart.
fn log_count(queue: &Queue, core: &Core, turn: &mut Turn, seq: Seq, hand_overs: u16, failures: u16) {
    let mut data = Vec::with_capacity(16);
    [seq.0, hand_overs.into(), failures.into()].iter().for_each(|n| varint::put(&mut data, *n));
    core.log.append(&Entry::new(Kind::Count, queue.id(), turn.now).with_data(&data));
}
