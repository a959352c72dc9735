//! A queue: a message log and one work cursor. This file holds the state and the order of steps; each step has its own.
//!
//! publish: admit → log → lane (once visible) → dispatch → overflow → expiry → chill.   settle: lease → gone | back | dead → dispatch.

pub(crate) mod admit;
mod arrivals;
pub(crate) mod consumers;
mod delayed;
mod dispatch;
mod doomed;
mod expiry;
mod held;
mod lane;
mod leases;
mod moved;
mod overflow;
mod places;
mod read;
mod ready;
mod remove;
pub(crate) mod restore;
pub(crate) mod scratch;
pub(crate) mod settle;
mod snapshot;
mod sparse;

use crate::core::{Core, lock};
use crate::event::{Event, Mailboxes};
use crate::parts::Parts;
use crate::turn::Turn;
use arrivals::Arrivals;
use consumers::Consumers;
use delayed::Delayed;
use doomed::Doomed;
use lane::Lane;
use leases::Leases;
use narumq_log::Walk;
use narumq_model::{DeathReason, Lsn, Message, Name, ObjectId, QueueDefinition, Seq, SeqRange, SessionId, Time};
use overflow::Excess;
use places::Places;
use read::ReadOf;
use remove::Gone;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

/// Counts of a queue.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct QueueCounts {
    /// Messages that wait.
    pub ready: u64,
    /// Messages handed over and not yet settled.
    pub unsettled: u64,
    /// Consumers.
    pub consumers: u32,
    /// Messages that are not visible yet.
    pub delayed: u64,
    /// Body bytes of the messages that wait.
    pub ready_bytes: u64,
    /// Messages whose bytes turned out damaged on the disk: kept, not handed over.
    pub damaged: u64,
    /// About when the oldest of those came that wait or are handed over; a little too early, `None` if there is none.
    pub oldest: Option<Time>,
}

/// A queue. Its definition never changes; its state is behind its lock.
#[derive(Debug)]
pub(crate) struct Queue {
    pub(crate) definition: QueueDefinition,
    pub(crate) vhost: Name,
    /// The connection it belongs to, if exclusive.
    pub(crate) owner: Option<SessionId>,
    /// Whether durable messages are journaled here.
    pub(crate) journaled: bool,
    /// Who holds it buries the queue's dead. Taken before all other locks, and one at a time.
    pub(crate) spade: Mutex<()>,
    state: Mutex<QueueState>,
}

/// A message on its way out of a queue to where the dead go.
#[derive(Debug)]
pub(crate) struct Dead {
    /// Its place in the queue; `None` if it never got one.
    pub(crate) seq: Option<Seq>,
    /// `None` if it must be read, or cannot be.
    pub(crate) message: Option<Message>,
    pub(crate) reason: DeathReason,
}

/// What a queue's lock guards.
#[derive(Debug)]
pub(crate) struct QueueState {
    pub(crate) deleted: bool,
    pub(crate) next_seq: Seq,
    /// By priority; one lane where the queue has none.
    lanes: Vec<Lane>,
    ready: u64,
    ready_bytes: u64,
    leases: Leases,
    /// Messages that are not visible yet.
    delayed: Delayed,
    pub(crate) consumers: Consumers,
    /// The consumer that is served alone.
    active: Option<(SessionId, u32)>,
    places: Places,
    /// Messages on their way to where the dead go: still in the log under this queue.
    leaving: BTreeMap<Seq, Leaving>,
    /// They and those that were refused, in the order in which they died.
    doomed: Doomed,
    /// Messages whose bytes are damaged on the disk: kept, not handed over.
    damaged: Vec<(u8, Seq)>,
    /// What is known of cold messages beside what the log says of them.
    marks: BTreeMap<Seq, Mark>,
    /// Messages below were recovered after an unclean end: any of them may have been delivered.
    suspect_below: Seq,
    /// What is too much and not yet dropped.
    excess: Excess,
    /// Some message may die of age.
    timed: bool,
    /// When its messages came.
    arrivals: Arrivals,
    /// The deadline this queue is armed for.
    armed: Time,
    pub(crate) last_used: Time,
    /// It has had a consumer: only then can its last one go.
    pub(crate) had_consumer: bool,
    /// The read under way, or the last one.
    reading: Option<Reading>,
    /// Reads under way whose answer nobody wants any more; answers come in the order of the reads.
    stale: u32,
    /// Sessions whose `get` waits for that read.
    waiting: Vec<SessionId>,
    /// Memory of the lanes at the end of the last step.
    in_lanes: usize,
    /// Memory of messages as last counted into the broker's window.
    counted: usize,
    /// Deliveries of the running step, posted together.
    events: Vec<(SessionId, Event)>,
    /// What is gone for good and the log has not been told of.
    gone: Gone,
    /// The parts of its newest State.
    parts: Parts,
    /// The last entry of the log that says what has gone.
    told_at: Lsn,
}

#[derive(Clone, Copy, Debug, Default)]
struct Mark {
    redelivered: bool,
    failures: u16,
    hand_overs: u16,
}

impl Mark {
    /// What is to be known of a message beside what the log says of it, if anything.
    fn of(message: &Message) -> Option<Self> {
        let Message { redelivered, failures, hand_overs, .. } = *message;
        (redelivered || failures != 0 || hand_overs != 0).then_some(Self { redelivered, failures, hand_overs })
    }
}

#[derive(Clone, Copy, Debug)]
struct Leaving {
    priority: u8,
    lsn: Lsn,
    bytes: u64,
}

#[derive(Debug)]
struct Reading {
    of: ReadOf,
    file: u64,
    wanted: Vec<SeqRange>,
    /// Where the next read of the same kind and file goes on.
    walk: Walk,
    done: bool,
}

impl Queue {
    pub(crate) fn new(
        definition: QueueDefinition,
        vhost: Name,
        owner: Option<SessionId>,
        first: Seq,
        now: Time,
    ) -> Self {
        let journaled = definition.outlives_restart();
        let lanes = 1 + usize::from(definition.policy.max_priority.unwrap_or(0));
        let state = QueueState {
            deleted: false,
            next_seq: first,
            lanes: (0..lanes).map(|_| Lane::default()).collect(),
            ready: 0,
            ready_bytes: 0,
            leases: Leases::default(),
            delayed: Delayed::default(),
            consumers: Consumers::default(),
            active: None,
            places: Places::default(),
            leaving: BTreeMap::new(),
            doomed: Doomed::default(),
            damaged: Vec::new(),
            marks: BTreeMap::new(),
            suspect_below: Seq(0),
            excess: Excess::default(),
            timed: false,
            arrivals: Arrivals::default(),
            armed: Time::NEVER,
            last_used: now,
            had_consumer: false,
            reading: None,
            stale: 0,
            waiting: Vec::new(),
            in_lanes: 0,
            counted: 0,
            events: Vec::new(),
            gone: Gone::default(),
            parts: Parts::default(),
            told_at: Lsn(0),
        };
        Self { definition, vhost, owner, journaled, spade: Mutex::new(()), state: Mutex::new(state) }
    }

    pub(crate) fn id(&self) -> ObjectId {
        self.definition.id
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, QueueState> {
        lock(&self.state)
    }

    pub(crate) fn counts(&self) -> QueueCounts {
        let state = self.lock();
        QueueCounts {
            oldest: state.oldest().and_then(|seq| state.arrivals.of(seq)),
            ready: state.ready,
            unsettled: state.leases.len() as u64,
            consumers: state.consumers.len() as u32,
            delayed: state.delayed.len(),
            ready_bytes: state.ready_bytes,
            damaged: state.damaged.len() as u64,
        }
    }

    /// Whether dead messages have somewhere to go.
    fn buries(&self) -> bool {
        self.definition.policy.dead_letter_exchange.is_some()
    }
}

impl QueueState {
    /// What every step ends with: removals noted, deliveries posted, deadlines armed, memory counted.
    fn finish(&mut self, queue: &Arc<Queue>, core: &Core, turn: &mut Turn) {
        self.owe_gone(queue, turn);
        self.post(&core.mailboxes, turn);
        self.arm(queue, core, turn);
        if self.doomed.must_read() {
            self.read_doomed(queue, core);
        }
        self.let_go_held(core);
        self.count_memory(core);
    }

    /// The first of the messages that wait or are handed over.
    fn oldest(&self) -> Option<Seq> {
        self.lanes.iter().filter_map(Lane::first).chain(self.leases.first()).min()
    }

    fn post(&mut self, mailboxes: &Mailboxes, turn: &mut Turn) {
        if !self.events.is_empty() {
            mailboxes.post_batch(&mut self.events, turn);
        }
    }

    pub(crate) fn count_memory(&mut self, core: &Core) {
        use std::sync::atomic::Ordering::Relaxed;
        self.in_lanes = self.lanes.iter().map(Lane::memory).sum();
        let now = self.in_lanes + self.leases.memory() + self.delayed.memory() + self.doomed.memory();
        if now.abs_diff(self.counted) > 16 << 10 || (now == 0 && self.counted > 0) {
            core.window.fetch_add((now as u64).wrapping_sub(self.counted as u64), Relaxed);
            self.counted = now;
        }
    }
}
