//! Messages leave for good: what the log is told, and what is counted.
//!
//! Nobody waits for the log to learn of a message that was taken, died of age or was dropped, so what goes in one turn
//! is told together when the turn ends. A crash before that brings such messages back. A State says that they are gone,
//! so the log is told before it is asked for one.

use super::lane::Ready;
use super::{Dead, Leaving, Queue, QueueState};
use crate::core::Core;
use crate::turn::Turn;
use narumq_log::{Entry, Kind, varint};
use narumq_model::{DeathReason, Lsn, Seq, SeqRange};
use std::cell::RefCell;
use std::sync::Arc;

/// What is gone and the log has not been told of.
#[derive(Debug, Default)]
pub(super) struct Gone {
    ranges: Vec<SeqRange>,
    /// Body bytes of the messages in them.
    bytes: u64,
    /// A turn has the queue on its list of those that owe the log something.
    listed: bool,
}

impl Gone {
    pub(super) fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }

    #[inline]
    fn add(&mut self, range: SeqRange) {
        match self.ranges.last_mut() {
            Some(last) if last.last.next() == range.first => last.last = range.last,
            _ => self.ranges.push(range),
        }
    }

    /// Writes the data of a `Remove`.
    fn encode(&mut self, out: &mut Vec<u8>) {
        self.ranges.sort_unstable();
        encode_removed(out, self.bytes, &self.ranges);
    }
}

impl QueueState {
    /// A message that was popped is gone for good.
    #[inline]
    pub(super) fn gone(&mut self, ready: &Ready) {
        self.gone_at(ready.seq, ready.lsn != Lsn(0), ready.message.payload_len() as u64);
    }

    #[inline]
    pub(super) fn gone_at(&mut self, seq: Seq, journaled: bool, bytes: u64) {
        if journaled {
            self.gone.add(SeqRange::one(seq));
            self.gone.bytes += bytes;
        }
    }

    /// A popped message dies: to where the dead go, or just gone.
    pub(super) fn die(&mut self, ready: Ready, reason: DeathReason, queue: &Arc<Queue>, turn: &mut Turn) {
        if !queue.buries() {
            return self.gone(&ready);
        }
        let Ready { seq, lsn, message } = ready;
        self.leaving.insert(seq, Leaving { priority: message.priority, lsn, bytes: message.payload_len() as u64 });
        self.doom(Dead { seq: Some(seq), message: Some(message), reason }, queue, turn);
    }

    /// What has gone is told to the log when the turn ends, if it is not told before.
    #[inline]
    pub(super) fn owe_gone(&mut self, queue: &Arc<Queue>, turn: &mut Turn) {
        if !self.gone.is_empty() && !self.gone.listed {
            self.gone.listed = true;
            turn.untold.push(queue.clone());
        }
    }

    /// A turn that has the queue on its list ends.
    pub(crate) fn end_turn(&mut self, queue: &Queue, core: &Core, turn: &mut Turn) {
        self.gone.listed = false;
        self.log_gone(queue, core, turn);
    }

    /// Tells the log what has gone so far; returns the entry's LSN.
    pub(crate) fn log_gone(&mut self, queue: &Queue, core: &Core, turn: &mut Turn) -> Lsn {
        if self.gone.is_empty() {
            return Lsn(0);
        }
        let mut data = std::mem::take(&mut turn.scratch);
        data.clear();
        self.gone.encode(&mut data);
        let lsn = core.log.append(&Entry::new(Kind::Remove, queue.id(), turn.now).with_data(&data)).lsn;
        turn.scratch = data;
        self.gone_is_logged(lsn, core);
        lsn
    }

    /// The log has been told what has gone, by entry `lsn`: only now is it unwanted in its files, which may be
    /// written over once the entries so far are durable.
    pub(crate) fn gone_is_logged(&mut self, lsn: Lsn, core: &Core) {
        self.told_at = self.told_at.max(lsn);
        let mut emptied = false;
        for range in self.gone.ranges.drain(..) {
            emptied |= self.places.remove(range);
        }
        self.gone.bytes = 0;
        if emptied {
            core.log.look();
        }
    }

    /// What has gone so far as the data of a `Remove`, for a group of entries. Once that is appended,
    /// [`gone_is_logged`](Self::gone_is_logged) must follow.
    pub(crate) fn gone_as_entry(&mut self) -> Option<Vec<u8>> {
        let mut data = Vec::new();
        (!self.gone.is_empty()).then(|| {
            self.gone.encode(&mut data);
            data
        })
    }

    /// A dead message goes where the dead go. False if it is not on its way any more: a deletion came before.
    pub(crate) fn leave(&mut self, seq: Seq) -> bool {
        let Some(Leaving { lsn, bytes, .. }) = self.leaving.remove(&seq) else { return false };
        self.gone_at(seq, lsn != Lsn(0), bytes);
        true
    }

    /// Drops every message that is ready or not visible yet; returns how many there were and the LSN that makes it
    /// durable, and all that went before it: the answer says that the queue is empty. What is cold goes by the range,
    /// whatever it spans.
    pub(crate) fn purge(&mut self, queue: &Arc<Queue>, core: &Core, turn: &mut Turn) -> (u64, Lsn) {
        let count = self.ready + self.delayed.len();
        self.gone.bytes += self.ready_bytes.saturating_sub(self.transient_bytes());
        for (_, (seq, _, payload)) in std::mem::take(&mut self.delayed).journaled() {
            self.gone_at(seq, true, payload);
        }
        let gone = RefCell::new(&mut self.gone);
        for lane in self.lanes.iter_mut().map(std::mem::take) {
            lane.visit(
                &mut |ready| {
                    if ready.lsn != Lsn(0) {
                        gone.borrow_mut().add(SeqRange::one(ready.seq));
                    }
                },
                &mut |range| gone.borrow_mut().add(range),
            );
        }
        debug_assert!(queue.journaled || self.gone.is_empty());
        self.ready = 0;
        self.ready_bytes = 0;
        self.marks.clear();
        self.forget_read();
        self.tell_waiting(queue);
        self.log_gone(queue, core, turn);
        self.finish(queue, core, turn);
        (count, self.told_at)
    }

    /// The queue is deleted, by entry `lsn` of the log if it was journaled: nothing is kept. Its consumers are told by the
    /// caller.
    pub(crate) fn clear(&mut self, queue: &Queue, lsn: Lsn, core: &Core, turn: &mut Turn) {
        self.deleted = true;
        // Whoever waits for a message asks again and learns it.
        self.tell_waiting(queue);
        self.post(&core.mailboxes, turn);
        self.lanes.iter_mut().for_each(|lane| *lane = Default::default());
        (self.ready, self.ready_bytes) = (0, 0);
        self.leases = Default::default();
        self.delayed = Default::default();
        self.leaving.clear();
        self.forget_doomed(lsn, core, turn);
        self.damaged.clear();
        self.gone = Gone::default();
        self.count_memory(core);
        if self.places.clear() {
            core.log.look();
        }
    }
}

/// The data of a `Remove`: body bytes, then ranges as (gap, span − 1). Ranges that continue each other become one.
pub(crate) fn encode_removed(out: &mut Vec<u8>, bytes: u64, sorted: &[SeqRange]) {
    varint::put(out, bytes);
    let mut behind = 0;
    for run in sorted.chunk_by(|a, b| a.last.next() == b.first) {
        let (first, last) = (run[0].first.0, run[run.len() - 1].last.0);
        varint::put(out, first - behind);
        varint::put(out, last - first);
        behind = last + 1;
    }
}

/// Reads what [`encode_removed`] wrote.
pub(crate) fn decode_removed(data: &[u8]) -> Option<(u64, Vec<SeqRange>)> {
    let mut at = 0;
    let bytes = varint::get(data, &mut at)?;
    let (mut ranges, mut behind) = (Vec::new(), 0u64);
    while at < data.len() {
        let first = behind.checked_add(varint::get(data, &mut at)?)?;
        let last = first.checked_add(varint::get(data, &mut at)?)?;
        ranges.push(SeqRange { first: Seq(first), last: Seq(last) });
        behind = last.checked_add(1)?;
    }
    Some((bytes, ranges))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn removed_ranges_come_back() {
        let range = |first, last| SeqRange { first: Seq(first), last: Seq(last) };
        let ranges = [range(5, 6), range(7, 7), range(9, 9), range(1 << 41, (1 << 41) + 1)];
        let mut data = Vec::new();
        encode_removed(&mut data, 77, &ranges);
        let (bytes, back) = decode_removed(&data).expect("ranges");
        assert_eq!(bytes, 77);
        assert_eq!(back, [range(5, 7), range(9, 9), range(1 << 41, (1 << 41) + 1)]);
        let mut contiguous = Vec::new();
        encode_removed(&mut contiguous, 0, &(1..=100).map(|n| range(n, n)).collect::<Vec<_>>());
        assert_eq!(contiguous.len(), 3);
    }
}
