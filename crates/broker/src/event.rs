//! What a session may be told, and the mailboxes that carry it to the session's worker.

use crate::group::{GroupRefusal, Joined, Synced};
use crate::turn::Turn;
use narumq_model::{Lsn, Message, ObjectId, Seq, SessionId};
use std::sync::{Mutex, OnceLock, PoisonError};

/// One message handed to one consumer, to be settled by (queue, seq) unless the consumer takes without settling.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// The key that the session gave its consumer.
    pub consumer: u32,
    /// The message's number in its queue.
    pub seq: Seq,
    /// The message.
    pub message: Message,
}

/// Which resources are short, so that publishers must wait.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pressure {
    /// Memory is short.
    pub memory: bool,
    /// Disk space is short.
    pub disk: bool,
}

impl Pressure {
    /// Whether publishers must wait.
    pub fn blocks(self) -> bool {
        self.memory || self.disk
    }
}

/// What a group answers to a request that it may have let wait.
#[derive(Clone, Debug)]
pub enum GroupAnswer {
    /// To a join.
    Joined(Result<Joined, GroupRefusal>),
    /// To a sync.
    Synced(Result<Synced, GroupRefusal>),
}

/// All that a session may be told from outside its own calls.
#[derive(Clone, Debug)]
pub enum Event {
    /// A message for one of its consumers.
    Deliver(Delivery),
    /// One of its consumers is gone because its queue is.
    Cancelled {
        /// The key that the session gave the consumer.
        consumer: u32,
    },
    /// A queue that a `get` found unready has something in memory now, or has become empty; a partition that is watched has
    /// more, or what was asked of it has been read: ask again.
    Ready {
        /// The queue or partition.
        queue: ObjectId,
    },
    /// The answer of a group to a request of this session.
    Group {
        /// The number that the session gave its request.
        request: u64,
        /// What it is told.
        answer: Box<GroupAnswer>,
        /// The entry that a positive answer waits for.
        after: Lsn,
    },
    /// Everything up to here is durable; once per connection and sync, and only where something waits.
    Durable(Lsn),
    /// Resources have become short or enough again.
    Pressure(Pressure),
    /// An operator or the broker ends this connection, for this reason.
    Kick(String),
    /// The broker stops: say goodbye.
    Stop,
}

/// Wakes the thread of a worker that sleeps.
pub trait Wake: Send + Sync {
    /// Makes the worker look into its mailbox soon. Cheap, callable from any thread.
    fn wake(&self, worker: u16);
}

impl<F: Fn(u16) + Send + Sync> Wake for F {
    fn wake(&self, worker: u16) {
        self(worker);
    }
}

/// What waits for the sessions of one worker.
type Mail = Vec<(SessionId, Event)>;

/// One mailbox a worker: events for its sessions, in the order in which they were posted under the queues' locks.
pub struct Mailboxes {
    boxes: Box<[Mutex<Mail>]>,
    wake: OnceLock<Box<dyn Wake>>,
}

impl std::fmt::Debug for Mailboxes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Mailboxes({})", self.boxes.len())
    }
}

impl Mailboxes {
    /// Mailboxes for `workers` workers, 1 to 64.
    pub fn new(workers: u16) -> Self {
        assert!((1..=64).contains(&workers), "1 to 64 workers");
        Self { boxes: (0..workers).map(|_| Mutex::default()).collect(), wake: OnceLock::new() }
    }

    /// How many workers there are.
    pub fn workers(&self) -> u16 {
        self.boxes.len() as u16
    }

    /// Names who wakes the workers; once, before the first turn of another thread.
    pub fn set_wake(&self, wake: Box<dyn Wake>) {
        let _ = self.wake.set(wake);
    }

    /// Posts an event and notes in the turn that its worker is to be woken.
    pub fn post(&self, to: SessionId, event: Event, turn: &mut Turn) {
        let worker = &self.boxes[to.worker as usize];
        worker.lock().unwrap_or_else(PoisonError::into_inner).push((to, event));
        turn.mark(to.worker);
    }

    /// Posts events in order, leaving the list empty: one lock where all go to the same worker.
    pub(crate) fn post_batch(&self, events: &mut Vec<(SessionId, Event)>, turn: &mut Turn) {
        let first = events.first().map_or(0, |(to, _)| to.worker);
        if events.iter().all(|(to, _)| to.worker == first) {
            let worker = &self.boxes[first as usize];
            worker.lock().unwrap_or_else(PoisonError::into_inner).append(events);
            turn.mark(first);
        } else {
            events.drain(..).for_each(|(to, event)| self.post(to, event, turn));
        }
    }

    /// Takes what waits for a worker by swapping it against the empty `into`.
    pub fn take(&self, worker: u16, into: &mut Vec<(SessionId, Event)>) {
        debug_assert!(into.is_empty());
        std::mem::swap(into, &mut *self.boxes[worker as usize].lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// Wakes the marked workers of a turn, except the one that runs it: that one looks by itself.
    pub(crate) fn wake_marked(&self, turn: &mut Turn) {
        let marked = turn.take_marked();
        if let (true, Some(wake)) = (marked != 0, self.wake.get()) {
            (0..self.workers()).filter(|w| marked & (1 << w) != 0).for_each(|w| wake.wake(w));
        }
    }

    /// Wakes every worker, so that each looks at the durable LSN.
    pub fn wake_all(&self) {
        if let Some(wake) = self.wake.get() {
            (0..self.workers()).for_each(|w| wake.wake(w));
        }
    }
}
