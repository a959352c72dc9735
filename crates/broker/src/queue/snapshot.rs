//! A queue's State: what recovery needs instead of the heads before it.
//!
//! ```text
//! u8 version = 1 | varint next seq | u8 timed | varint ready bytes | varint suspect below
//! varint lanes, then per lane: varint ranges, then per range (ascending): varint gap, varint span − 1
//! varint marks, then per mark: varint seq, u8 redelivered, varint failures, varint hand-overs
//! ```
//! Only journaled messages stand in it: ready, leased, leaving or damaged alike.

use super::lane::{Lane, extend};
use super::{Mark, Queue, QueueState};
use crate::codec::Reader;
use crate::core::Core;
use narumq_log::{Entry, Kind, varint};
use narumq_model::{Lsn, Message, Seq, SeqRange, Time};
use std::collections::{BTreeMap, VecDeque};

const VERSION: u8 = 1;

/// A State, decoded.
#[derive(Debug, Default)]
pub(crate) struct Snapshot {
    pub(crate) next_seq: u64,
    pub(crate) timed: bool,
    pub(crate) ready_bytes: u64,
    pub(crate) suspect_below: u64,
    pub(crate) lanes: Vec<Vec<SeqRange>>,
    pub(crate) marks: Vec<(Seq, bool, u16, u16)>,
}

impl Snapshot {
    fn encode(&self) -> Vec<u8> {
        let mut out = vec![VERSION];
        varint::put(&mut out, self.next_seq);
        out.push(u8::from(self.timed));
        varint::put(&mut out, self.ready_bytes);
        varint::put(&mut out, self.suspect_below);
        varint::put(&mut out, self.lanes.len() as u64);
        for lane in &self.lanes {
            varint::put(&mut out, lane.len() as u64);
            let mut behind = 0;
            for range in lane {
                varint::put(&mut out, range.first.0 - behind);
                varint::put(&mut out, range.last.0 - range.first.0);
                behind = range.last.0;
            }
        }
        varint::put(&mut out, self.marks.len() as u64);
        for (seq, redelivered, failures, hand_overs) in &self.marks {
            varint::put(&mut out, seq.0);
            out.push(u8::from(*redelivered));
            varint::put(&mut out, (*failures).into());
            varint::put(&mut out, (*hand_overs).into());
        }
        out
    }

    /// Reads a State; `None` if it is none of this version.
    pub(crate) fn decode(data: &[u8]) -> Option<Self> {
        let mut reader = Reader::new(data);
        if reader.u8()? != VERSION {
            return None;
        }
        Some(Self {
            next_seq: reader.number()?,
            timed: reader.bool()?,
            ready_bytes: reader.number()?,
            suspect_below: reader.number()?,
            lanes: reader.list(|r| {
                let mut behind = 0u64;
                r.list(|r| {
                    let first = behind.checked_add(r.number()?)?;
                    behind = first.checked_add(r.number()?)?;
                    Some(SeqRange { first: Seq(first), last: Seq(behind) })
                })
            })?,
            marks: reader.list(|r| {
                Some((Seq(r.number()?), r.bool()?, u16::try_from(r.number()?).ok()?, u16::try_from(r.number()?).ok()?))
            })?,
        })
    }
}

impl QueueState {
    /// Appends the queue's State to the log; the queue's lock is held, and the log knows all that has gone.
    pub(crate) fn checkpoint(&self, queue: &Queue, core: &Core, now: Time) {
        debug_assert!(self.gone.is_empty());
        let data = self.snapshot().encode();
        core.log.append(&Entry::new(Kind::State, queue.id(), now).with_data(&data));
    }

    /// Appends the State at the end of an epoch if it holds what the entries before do not tell: who may have been
    /// delivered.
    pub(crate) fn checkpoint_marks(&self, queue: &Queue, core: &Core, now: Time) {
        if !queue.journaled {
            return;
        }
        let state = self.snapshot();
        let suspect = |lane: &Vec<SeqRange>| lane.first().is_some_and(|r| r.first < self.suspect_below);
        if !state.marks.is_empty() || state.lanes.iter().any(suspect) {
            core.log.append(&Entry::new(Kind::State, queue.id(), now).with_data(&state.encode()));
        }
    }

    /// Which journaled messages are still there, ascending.
    pub(crate) fn journaled(&self) -> Vec<SeqRange> {
        let mut live: Vec<SeqRange> = self.snapshot().lanes.into_iter().flatten().collect();
        live.sort_unstable();
        live
    }

    /// Ready messages at the head, as far as they are in memory.
    pub(crate) fn peek(&self, most: usize) -> Vec<(Seq, Message)> {
        let lanes = self.lanes.iter().rev().flat_map(|lane| lane.in_memory());
        lanes.take(most).map(|r| (r.seq, r.message.clone())).collect()
    }

    fn snapshot(&self) -> Snapshot {
        let mut marks: BTreeMap<Seq, Mark> = self.marks.clone();
        let mut lanes = Vec::with_capacity(self.lanes.len());
        for (priority, lane) in self.lanes.iter().enumerate() {
            let (mut ranges, mut cold) = (Vec::new(), Vec::new());
            lane.visit(
                &mut |ready| {
                    if ready.lsn != Lsn(0) {
                        ranges.push(SeqRange::one(ready.seq));
                        marks.extend(Mark::of(&ready.message).map(|mark| (ready.seq, mark)));
                    }
                },
                &mut |range| cold.push(range),
            );
            ranges.append(&mut cold);
            let leased = self.leases.iter().filter(|(_, l)| l.journaled && self.lane_at(l.priority) == priority);
            for (seq, lease) in leased {
                ranges.push(SeqRange::one(seq));
                marks.insert(seq, lease.mark());
            }
            let leaving = self.leaving.iter().filter(|(_, l)| self.lane_at(l.priority) == priority && l.lsn != Lsn(0));
            ranges.extend(leaving.map(|(seq, _)| SeqRange::one(*seq)));
            let damaged = self.damaged.iter().filter(|(p, _)| usize::from(*p) == priority);
            ranges.extend(damaged.map(|(_, seq)| SeqRange::one(*seq)));
            ranges.sort_unstable();
            let mut joined = VecDeque::new();
            ranges.into_iter().for_each(|range| extend(&mut joined, range));
            lanes.push(joined.into());
        }
        Snapshot {
            next_seq: self.next_seq.0,
            timed: self.timed,
            ready_bytes: (self.ready_bytes + self.leased_bytes()).saturating_sub(self.transient_bytes()),
            suspect_below: self.suspect_below.0,
            lanes,
            marks: marks.into_iter().map(|(s, m)| (s, m.redelivered, m.failures, m.hand_overs)).collect(),
        }
    }

    /// Body bytes of journaled messages that are not ready yet still in the log.
    fn leased_bytes(&self) -> u64 {
        let leased = self.leases.iter().filter(|(_, l)| l.journaled).map(|(_, l)| l.payload_len());
        let leaving = self.leaving.values().filter(|l| l.lsn != Lsn(0)).map(|l| l.bytes);
        leased.chain(leaving).sum()
    }

    /// Body bytes of ready messages that are in no log.
    pub(super) fn transient_bytes(&self) -> u64 {
        self.lanes.iter().map(Lane::transient_bytes).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::super::Leaving;
    use super::*;
    use narumq_model::{Durability, Headers, ObjectId, QueueDefinition, QueuePolicy};

    #[test]
    fn a_state_comes_back_and_broken_ones_are_refused() {
        let range = |first, last| SeqRange { first: Seq(first), last: Seq(last) };
        let state = Snapshot {
            next_seq: 1 << 41,
            timed: true,
            ready_bytes: 12_345,
            suspect_below: 7,
            lanes: vec![vec![range(1, 5), range(9, 9)], vec![], vec![range(6, 8)]],
            marks: vec![(Seq(9), true, 2, 3)],
        };
        let bytes = state.encode();
        let back = Snapshot::decode(&bytes).expect("a State");
        assert_eq!((back.next_seq, back.timed, back.ready_bytes), (1 << 41, true, 12_345));
        assert_eq!((back.lanes, back.marks), (state.lanes, state.marks));
        for cut in 0..bytes.len() {
            assert!(Snapshot::decode(&bytes[..cut]).is_none(), "cut at {cut}");
        }
    }

    #[test]
    fn a_message_on_its_way_out_stands_in_it_whatever_its_priority() {
        let definition = QueueDefinition {
            id: ObjectId(7),
            name: "q".into(),
            durable: true,
            exclusive: false,
            auto_delete: false,
            durability: Durability::Fsync,
            policy: QueuePolicy::default(),
            arguments: Headers::default(),
        };
        let queue = Queue::new(definition, "/".into(), None, Seq(1), Time(1));
        let mut state = queue.lock();
        state.leaving.insert(Seq(5), Leaving { priority: 2, lsn: Lsn(9), bytes: 1 });
        assert_eq!(state.snapshot().lanes, [vec![SeqRange::one(Seq(5))]]);
    }
}
