//! Consumers come and go, deliveries are settled, single messages are asked for.

use crate::declare::queues::no_queue;
use crate::error::{ConsumeError, ExclusiveUse, QueueError, QueueLocked, SingleActiveConsumer};
use crate::queue::QueueCounts;
use crate::queue::consumers::ConsumerSpec;
use crate::queue::settle::{Got, Outcome};
use crate::turn::Turn;
use crate::{Broker, QueueHandle};
use narumq_model::{Lsn, Message, Seq, SessionId};

impl Broker {
    /// What a queue holds.
    pub fn counts(&self, queue: &QueueHandle) -> QueueCounts {
        queue.0.counts()
    }

    /// The consumers of a queue, and whether each is served now.
    pub fn consumers(&self, queue: &QueueHandle) -> Vec<(ConsumerSpec, bool)> {
        let state = queue.0.lock();
        let single = queue.0.definition.policy.single_active_consumer;
        state.consumers.iter().map(|c| (c.spec.clone(), !single || state.is_active(&c.spec))).collect()
    }

    /// Starts a consumer; deliveries may be posted before this returns.
    pub fn consume(&self, queue: &QueueHandle, spec: ConsumerSpec, turn: &mut Turn) -> Result<(), ConsumeError> {
        let queue = &queue.0;
        let names = || (queue.definition.name.clone(), queue.vhost.clone());
        if queue.owner.is_some_and(|owner| owner != spec.session) {
            let (queue, vhost) = names();
            return Err(QueueLocked { queue, vhost }.into());
        }
        {
            let mut state = queue.lock();
            if state.deleted {
                let (queue, vhost) = names();
                return Err(crate::NoSuchQueue { queue, vhost }.into());
            }
            let taken = state.consumers.iter().any(|c| c.spec.exclusive);
            if taken || (spec.exclusive && !state.consumers.is_empty()) {
                let (queue, vhost) = names();
                return Err(ExclusiveUse { queue, vhost }.into());
            }
            state.last_used = turn.now;
            state.add_consumer(spec);
            state.settle_in(queue, &self.core, turn);
        }
        self.after(turn);
        Ok(())
    }

    /// Ends a consumer. Nothing is posted for it after this returns, but something may still lie in the mailbox: the session
    /// gives back what it gets for keys that it does not know. Unsettled deliveries stay.
    pub fn cancel(&self, queue: &QueueHandle, session: SessionId, key: u32, turn: &mut Turn) {
        let queue = &queue.0;
        {
            let mut state = queue.lock();
            if !state.remove_consumer(session, key) {
                return;
            }
            state.last_used = turn.now;
            if queue.definition.auto_delete && state.consumers.is_empty() {
                turn.unused.push(queue.clone());
            }
            state.settle_in(queue, &self.core, turn);
        }
        self.after(turn);
    }

    /// Consumers that were skipped for want of shared credit are looked at again.
    pub fn resume(&self, queue: &QueueHandle, turn: &mut Turn) {
        {
            let mut state = queue.0.lock();
            if !state.deleted {
                state.settle_in(&queue.0, &self.core, turn);
            }
        }
        self.after(turn);
    }

    /// Settles deliveries of one queue; `consumer` is the key whose prefetch they count against. What is not leased to the
    /// session is passed over. Returns the LSN of what was logged.
    pub fn settle(
        &self,
        queue: &QueueHandle,
        (session, consumer): (SessionId, Option<u32>),
        seqs: &[Seq],
        outcome: Outcome,
        turn: &mut Turn,
    ) -> Lsn {
        let lsn = queue.0.lock().settle(&queue.0, &self.core, turn, (session, consumer), seqs, outcome);
        self.after(turn);
        lsn.max(std::mem::take(&mut turn.moved))
    }

    /// A session is gone: what it was handed and has not settled comes back, also what still lies in its mailbox.
    pub fn take_back(&self, queue: &QueueHandle, session: SessionId, turn: &mut Turn) {
        queue.0.lock().take_back(&queue.0, &self.core, turn, session);
        self.after(turn);
    }

    /// Takes one message.
    pub fn get(
        &self,
        queue: &QueueHandle,
        session: SessionId,
        takes: bool,
        turn: &mut Turn,
    ) -> Result<Got, QueueError> {
        let queue = &queue.0;
        let vhost = self.vhost(&queue.vhost);
        if queue.definition.policy.single_active_consumer {
            let (queue, vhost) = (queue.definition.name.clone(), queue.vhost.clone());
            return Err(SingleActiveConsumer { queue, vhost }.into());
        }
        let got = {
            let mut state = queue.lock();
            if state.deleted {
                return Err(vhost
                    .map_or_else(
                        || crate::NoSuchQueue { queue: queue.definition.name.clone(), vhost: queue.vhost.clone() },
                        |vhost| no_queue(&vhost, &queue.definition.name),
                    )
                    .into());
            }
            state.get(queue, &self.core, turn, session, takes)
        };
        self.after(turn);
        Ok(got)
    }

    /// Drops every ready message: how many, and the LSN that makes it durable, with all that left the queue before.
    pub fn purge(&self, queue: &QueueHandle, turn: &mut Turn) -> (u64, Lsn) {
        queue.0.lock().purge(&queue.0, &self.core, turn)
    }

    /// Ready messages at the head of a queue, not consumed and not marked: at most `most`, as far as they are in memory.
    pub fn peek(&self, queue: &QueueHandle, most: usize) -> Vec<(Seq, Message)> {
        queue.0.lock().peek(most)
    }
}
