//! Messages leave for good: what the log is told, and what is counted.

use super::lane::Ready;
use super::{Dead, Leaving, Queue, QueueState};
use crate::core::Core;
use crate::turn::Turn;
use narumq_log::{Entry, Kind, varint};
use narumq_model::{DeathReason, Lsn, Overflow, Seq, SeqRange};
use std::sync::Arc;

impl QueueState {
    /// A message that was popped is gone for good.
    #[inline]
    pub(super) fn gone(&mut self, ready: &Ready) {
        self.gone_at(ready.seq, ready.lsn, ready.message.payload_len() as u64);
    }

    #[inline]
    pub(super) fn gone_at(&mut self, seq: Seq, lsn: Lsn, bytes: u64) {
        if lsn != Lsn(0) {
            self.gone.seqs.push(seq);
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
        turn.dead.push(Dead { queue: queue.clone(), seq: Some(seq), message, reason });
    }

    /// Tells the log what has gone in this step; returns the entry's LSN.
    pub(super) fn log_gone(&mut self, queue: &Queue, core: &Core, turn: &mut Turn) -> Lsn {
        if self.gone.seqs.is_empty() {
            return Lsn(0);
        }
        let mut data = std::mem::take(&mut turn.scratch);
        data.clear();
        self.gone.seqs.sort_unstable();
        encode_removed(&mut data, self.gone.bytes, &self.gone.seqs);
        let lsn = core.log.append(&Entry::new(Kind::Remove, queue.id(), turn.now).with_data(&data)).lsn;
        turn.scratch = data;
        self.gone_is_logged(core);
        lsn
    }

    /// The log has been told what has gone: only now is it unwanted in its files, which may be written over once the
    /// entries so far are durable.
    pub(crate) fn gone_is_logged(&mut self, core: &Core) {
        let mut emptied = false;
        for seq in self.gone.seqs.drain(..) {
            emptied |= self.places.remove(seq);
        }
        self.gone.bytes = 0;
        if emptied {
            core.log.look();
        }
    }

    /// What has gone in this step as the data of a `Remove`, for a group of entries. Once that is appended,
    /// [`gone_is_logged`](Self::gone_is_logged) must follow.
    pub(crate) fn gone_as_entry(&mut self) -> Option<Vec<u8>> {
        if self.gone.seqs.is_empty() {
            return None;
        }
        self.gone.seqs.sort_unstable();
        let mut data = Vec::new();
        encode_removed(&mut data, self.gone.bytes, &self.gone.seqs);
        Some(data)
    }

    /// A dead message goes where the dead go. False if it is not on its way any more: a deletion came before.
    pub(crate) fn leave(&mut self, seq: Seq) -> bool {
        let Some(Leaving { lsn, bytes, .. }) = self.leaving.remove(&seq) else { return false };
        self.gone_at(seq, lsn, bytes);
        true
    }

    /// Drops from the head, highest priority first, what is over the limits.
    pub(super) fn overflow(&mut self, queue: &Arc<Queue>, core: &Core, turn: &mut Turn) {
        let policy = &queue.definition.policy;
        if policy.overflow != Overflow::DropHead {
            return;
        }
        let over = |state: &Self| {
            policy.max_length.is_some_and(|max| state.ready > max)
                || policy.max_length_bytes.is_some_and(|max| state.ready_bytes > max)
        };
        while over(self) {
            let Some(lane) = self.top() else { return };
            match self.pop(lane) {
                Some(ready) => self.die(ready, DeathReason::MaxLength, queue, turn),
                None => return self.read_for(lane, queue, core),
            }
        }
    }

    /// Drops every ready message; returns how many there were and the LSN that makes it durable.
    pub(crate) fn purge(&mut self, queue: &Queue, core: &Core, turn: &mut Turn) -> (u64, Lsn) {
        let count = self.ready;
        let journaled = queue.journaled;
        let mut seqs: Vec<Seq> = Vec::new();
        self.gone.bytes += self.ready_bytes.saturating_sub(self.transient_bytes());
        let lanes: Vec<_> = self.lanes.iter_mut().map(std::mem::take).collect();
        for lane in &lanes {
            let mut cold: Vec<Seq> = Vec::new();
            lane.visit(&mut |ready| seqs.extend((ready.lsn != Lsn(0)).then_some(ready.seq)), &mut |range| {
                cold.extend((range.first.0..=range.last.0).map(Seq))
            });
            seqs.append(&mut cold);
        }
        debug_assert!(journaled || seqs.is_empty());
        seqs.into_iter().for_each(|seq| self.gone_at(seq, Lsn(1), 0));
        self.ready = 0;
        self.ready_bytes = 0;
        self.marks.clear();
        self.forget_read();
        self.tell_waiting(queue);
        let lsn = self.log_gone(queue, core, turn);
        self.finish(queue, core, turn);
        (count, lsn)
    }

    /// The queue is deleted: nothing is kept. Its consumers are told by the caller.
    pub(crate) fn clear(&mut self, queue: &Queue, core: &Core, turn: &mut Turn) {
        self.deleted = true;
        // Whoever waits for a message asks again and learns it.
        self.tell_waiting(queue);
        self.post(&core.mailboxes, turn);
        self.lanes.iter_mut().for_each(|lane| *lane = Default::default());
        (self.ready, self.ready_bytes) = (0, 0);
        self.leases = Default::default();
        self.leaving.clear();
        self.damaged.clear();
        self.count_memory(core);
        if self.places.clear() {
            core.log.look();
        }
    }
}

/// The data of a `Remove`: body bytes, then ranges as (gap, span − 1).
pub(crate) fn encode_removed(out: &mut Vec<u8>, bytes: u64, sorted: &[Seq]) {
    varint::put(out, bytes);
    let mut behind = 0;
    let mut at = 0;
    while at < sorted.len() {
        let run = sorted[at..].windows(2).take_while(|w| w[1] == w[0].next()).count();
        varint::put(out, sorted[at].0 - behind);
        varint::put(out, run as u64);
        behind = sorted[at].0 + run as u64 + 1;
        at += run + 1;
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
        let seqs: Vec<Seq> = [5, 6, 7, 9, 1 << 41, (1 << 41) + 1].map(Seq).to_vec();
        let mut data = Vec::new();
        encode_removed(&mut data, 77, &seqs);
        let (bytes, ranges) = decode_removed(&data).expect("ranges");
        assert_eq!(bytes, 77);
        let back: Vec<u64> = ranges.iter().flat_map(|r| r.first.0..=r.last.0).collect();
        assert_eq!(back, seqs.iter().map(|s| s.0).collect::<Vec<_>>());
        let mut contiguous = Vec::new();
        encode_removed(&mut contiguous, 0, &(1..=100).map(Seq).collect::<Vec<_>>());
        assert_eq!(contiguous.len(), 3);
    }
}
