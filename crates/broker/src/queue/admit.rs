//! A message comes in: limits, times, its sequence, its entry in the log, its place in a lane.

use super::lane::Ready;
use super::{Dead, Mark, Queue, QueueState};
use crate::core::Core;
use crate::envelope;
use crate::turn::Turn;
use narumq_log::{Entry, Kind};
use narumq_model::limits::TRANSIENT_MEMORY_BYTES;
use narumq_model::{DeathReason, Lsn, Message, ObjectId, Overflow, QueuePolicy, Seq, Time};
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// Memory of messages that a queue keeps, ready and handed over apart, before it lets go of what can be read again.
const WINDOW: usize = 1 << 20;
/// The same once all queues together hold more than [`WINDOWS_MAX`].
const WINDOW_TIGHT: usize = 128 << 10;
/// What stays in memory at the head of a queue.
const HEAD: usize = 64 << 10;
const WINDOWS_MAX: u64 = 12 << 20;
/// What one step lets go of at most, about; the rest waits for the next one.
const STEP: usize = 1 << 20;

/// What a queue may keep in memory that can be read again, in bytes.
#[inline]
fn most_in_memory(core: &Core) -> usize {
    if core.window.load(Ordering::Relaxed) > WINDOWS_MAX { WINDOW_TIGHT } else { WINDOW }
}

impl QueueState {
    /// Whether one more message of `bytes` body bytes fits, where the queue refuses what does not.
    pub(crate) fn admits(&self, policy: &QueuePolicy, bytes: usize) -> bool {
        self.admits_after(policy, bytes, (0, 0))
    }

    /// The same, with (messages, bytes) on their way in before it.
    pub(crate) fn admits_after(&self, policy: &QueuePolicy, bytes: usize, coming: (u64, u64)) -> bool {
        policy.overflow == Overflow::DropHead
            || (policy.max_length.is_none_or(|max| self.ready + coming.0 < max)
                && policy.max_length_bytes.is_none_or(|max| self.ready_bytes + coming.1 + bytes as u64 <= max))
    }

    /// Takes a message that has been logged (or need not be) into its lane, or puts it aside until it is visible.
    #[inline]
    pub(crate) fn push(&mut self, seq: Seq, lsn: Lsn, message: Message) {
        self.timed |= message.expires_at != Time::NEVER;
        if message.visible_at != Time(0) {
            return self.delayed.insert(Ready { seq, lsn, message });
        }
        self.ready += 1;
        self.ready_bytes += message.payload_len() as u64;
        let lane = self.lane_of(&message);
        self.lanes[lane].push(Ready { seq, lsn, message });
    }

    /// What follows a push: hand over, drop what is too much or too old, let go of memory.
    pub(crate) fn settle_in(&mut self, queue: &Arc<Queue>, core: &Core, turn: &mut Turn) {
        self.arrivals.note(self.next_seq, turn.now);
        if self.arrivals.is_full() {
            self.arrivals.tidy(self.oldest().unwrap_or(self.next_seq));
        }
        if !self.delayed.is_empty() {
            self.appear(turn.now);
        }
        self.dispatch(queue, core, turn);
        self.overflow(queue, core, turn);
        if self.timed {
            self.expire(queue, core, turn);
        }
        self.finish(queue, core, turn);
        if self.ready > 64 && self.in_lanes > most_in_memory(core) {
            self.let_go(queue, core, turn);
        }
    }

    /// Lets go of memory, as much as one step may. If more could go, the queue is looked at again as soon as others had it.
    fn let_go(&mut self, queue: &Queue, core: &Core, turn: &mut Turn) {
        let (written, mut left) = (core.log.written(), STEP);
        let marks = &mut self.marks;
        for lane in &mut self.lanes {
            left = left.saturating_sub(lane.chill(HEAD, written, left, &mut |ready| {
                marks.extend(Mark::of(&ready.message).map(|mark| (ready.seq, mark)));
            }));
        }
        self.count_memory(core);
        if core.window.load(Ordering::Relaxed) > TRANSIENT_MEMORY_BYTES && self.in_lanes > WINDOW_TIGHT {
            for lane in self.lanes.iter_mut().filter(|lane| lane.memory() > 0) {
                let before = lane.memory();
                if left == 0 || !lane.spill(left, &mut |run| core.scratch.write(core, run)) {
                    break;
                }
                left = left.saturating_sub(before - lane.memory());
            }
            self.count_memory(core);
        }
        if left == 0 && turn.now < self.armed {
            self.armed = turn.now;
            if core.arm(turn.now, queue.id()) {
                turn.mark(0);
            }
        }
    }

    /// Lets go of messages that are handed over or not visible yet and can be read again, if they are too many.
    #[inline]
    pub(super) fn let_go_held(&mut self, core: &Core) {
        if self.leases.memory() > WINDOW_TIGHT {
            self.leases.let_go(most_in_memory(core), core.log.written());
        }
        if self.delayed.memory() > WINDOW_TIGHT {
            self.delayed.let_go(most_in_memory(core), core.log.written());
        }
    }

    pub(crate) fn take_seq(&mut self) -> Seq {
        let seq = self.next_seq;
        self.next_seq = seq.next();
        seq
    }

    /// Notes that `seq` lies in file `number` of the log.
    #[inline]
    pub(crate) fn lies_in(&mut self, core: &Core, seq: Seq, number: u64) {
        self.places.add(seq, number, || core.log.file_use(number));
    }
}

impl Queue {
    /// What the queue makes of a message before it takes it: its time to live here, when it becomes visible. Its
    /// priority stays what it was, for where it may go from here; above the queue's highest it counts as that.
    #[inline]
    pub(crate) fn prepare(&self, message: &mut Message, now: Time) {
        let policy = &self.definition.policy;
        if let Some(ttl) = policy.message_ttl_ms {
            message.expires_at = message.expires_at.min(now.plus(ttl));
        }
        message.visible_at = self.visible_at(message.visible_at, now);
        message.redelivered = false;
    }

    /// Whether this message goes into the log here.
    #[inline]
    pub(crate) fn journals(&self, message: &Message) -> bool {
        self.journaled && message.durable
    }

    /// A message the queue refuses: it dies of the limit if the queue says so.
    pub(crate) fn refuse(self: &Arc<Self>, state: &mut QueueState, message: Message, turn: &mut Turn) {
        if self.definition.policy.overflow == Overflow::RejectDeadLetter && self.buries() {
            state.doom(Dead { seq: None, message: Some(message), reason: DeathReason::MaxLength }, self, turn);
        }
    }

    /// Publishes to this queue alone. Returns the LSN to wait for and whether the message was refused.
    pub(crate) fn publish(self: &Arc<Self>, mut message: Message, core: &Core, turn: &mut Turn) -> (Lsn, bool) {
        let mut state = self.lock();
        if state.deleted {
            return (Lsn(0), false);
        }
        if !state.admits(&self.definition.policy, message.payload_len()) {
            self.refuse(&mut state, message, turn);
            return (Lsn(0), true);
        }
        self.prepare(&mut message, turn.now);
        let seq = state.take_seq();
        let mut lsn = Lsn(0);
        if self.journals(&message) {
            let mut data = std::mem::take(&mut turn.scratch);
            let appended = core.log.append(&enqueue(self.id(), seq, &[], &message, turn.now, &mut data));
            turn.scratch = data;
            lsn = appended.lsn;
            state.lies_in(core, seq, appended.file);
        }
        state.push(seq, lsn, message);
        state.settle_in(self, core, turn);
        (lsn, false)
    }
}

/// The entry of a message that goes to `object` and to `more`.
pub(crate) fn enqueue<'a>(
    object: ObjectId,
    seq: Seq,
    more: &'a [(ObjectId, Seq)],
    message: &'a Message,
    now: Time,
    data: &'a mut Vec<u8>,
) -> Entry<'a> {
    data.clear();
    envelope::put(data, message);
    let mut entry = Entry::new(Kind::Enqueue, object, now).with_data(data);
    entry.seq = seq;
    entry.more = more;
    entry.priority = message.priority;
    entry.expires_at = message.expires_at;
    entry.visible_at = message.visible_at;
    entry.format = message.format;
    entry.props_len = message.props_len();
    entry.body = message.body();
    entry
}
