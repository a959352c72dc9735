//! A queue's State: what recovery needs instead of the heads before it.
//!
//! ```text
//! root:     u8 version = 3 | varint next seq | u8 timed | varint ready bytes | varint suspect below | arrivals | content
//! part:     content; its number is the lowest sequence that it is about, and it goes up to the next part's
//! ```
//! Only journaled messages stand in it: ready, leased, leaving or damaged alike. A large State keeps the content in parts,
//! see [`parts`](crate::parts); they keep their bounds as long as they are neither too large nor too small.

pub(super) mod content;

use super::arrivals::Arrivals;
use super::lane::{Lane, Ready, extend};
use super::{Mark, Queue, QueueState};
use crate::codec::Reader;
use crate::core::Core;
use crate::parts::{INLINE_MAX, state_of};
use content::{Content, divide};
use narumq_log::varint;
use narumq_model::{Lsn, Message, Seq, SeqRange, Time};
use std::collections::{BTreeMap, VecDeque};

const VERSION: u8 = 3;

/// A State, decoded.
#[derive(Debug, Default)]
pub(crate) struct Snapshot {
    pub(crate) next_seq: u64,
    pub(crate) timed: bool,
    pub(crate) ready_bytes: u64,
    pub(crate) suspect_below: u64,
    pub(crate) arrivals: Arrivals,
    pub(crate) content: Content,
}

impl Snapshot {
    /// The root with this content.
    fn root(&self, content: &Content) -> Vec<u8> {
        let mut out = vec![VERSION];
        varint::put(&mut out, self.next_seq);
        out.push(u8::from(self.timed));
        varint::put(&mut out, self.ready_bytes);
        varint::put(&mut out, self.suspect_below);
        self.arrivals.encode(&mut out);
        content.encode(&mut out);
        out
    }

    /// The root, and the parts if it is large. `bounds`: the numbers of the parts of the State before.
    fn encode(&self, bounds: impl Iterator<Item = u64>) -> (Vec<u8>, Vec<(u64, Vec<u8>)>) {
        let root = self.root(&self.content);
        if root.len() <= INLINE_MAX {
            return (root, Vec::new());
        }
        let mut bounds: Vec<u64> = bounds.collect();
        if bounds.is_empty() {
            bounds.push(1);
        }
        let mut parts = Vec::new();
        for (at, number) in bounds.iter().enumerate() {
            let first = if at == 0 { 0 } else { *number };
            let end = bounds.get(at + 1).copied().unwrap_or(u64::MAX);
            divide(*number, self.content.between(first, end), &mut parts);
        }
        (self.root(&Content::default()), parts.into_iter().map(|(number, _, data)| (number, data)).collect())
    }

    /// Reads a root; `None` if it is none of this version.
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
            arrivals: Arrivals::read(&mut reader)?,
            content: Content::read(&mut reader)?,
        })
    }
}

impl QueueState {
    /// Appends the queue's State to the log, parts from before `from` anew; the queue's lock is held, and the log knows all
    /// that has gone.
    pub(crate) fn checkpoint(&mut self, queue: &Queue, core: &Core, now: Time, from: Lsn) {
        self.write(&self.snapshot(), queue, core, now, from);
    }

    /// Appends the State at the end of an epoch if it holds what the entries before do not tell: who may have been
    /// delivered.
    pub(crate) fn checkpoint_marks(&mut self, queue: &Queue, core: &Core, now: Time) {
        if !queue.journaled {
            return;
        }
        let state = self.snapshot();
        let suspect = |lane: &Vec<SeqRange>| lane.first().is_some_and(|r| r.first < self.suspect_below);
        if !state.content.marks.is_empty() || state.content.lanes.iter().any(suspect) {
            self.write(&state, queue, core, now, Lsn(0));
        }
    }

    fn write(&mut self, state: &Snapshot, queue: &Queue, core: &Core, now: Time, from: Lsn) {
        debug_assert!(self.gone.is_empty());
        let (root, parts) = state.encode(self.parts.numbers());
        self.parts.write(&core.log, &state_of(queue.id(), now), from, &root, &parts);
    }

    /// Which journaled messages are still there, ascending.
    pub(crate) fn journaled(&self) -> Vec<SeqRange> {
        let mut live: Vec<SeqRange> = self.journaled_lanes().into_iter().flatten().collect();
        live.sort_unstable();
        live
    }

    /// Ready messages at the head, as far as they are in memory.
    pub(crate) fn peek(&self, most: usize) -> Vec<(Seq, Message)> {
        let lanes = self.lanes.iter().rev().flat_map(|lane| lane.in_memory());
        lanes.take(most).map(|r| (r.seq, r.message.clone())).collect()
    }

    fn snapshot(&self) -> Snapshot {
        let marks = self.all_marks().into_iter().map(|(s, m)| (s, m.redelivered, m.failures, m.hand_overs)).collect();
        let delayed = self.delayed.journaled().map(|(_, at)| at).collect();
        Snapshot {
            next_seq: self.next_seq.0,
            timed: self.timed,
            ready_bytes: (self.ready_bytes + self.leased_bytes()).saturating_sub(self.transient_bytes()),
            suspect_below: self.suspect_below.0,
            arrivals: self.arrivals.clone(),
            content: Content { lanes: self.journaled_lanes(), marks, delayed },
        }
    }

    /// What is to be known of journaled messages beside what the log says of them.
    fn all_marks(&self) -> BTreeMap<Seq, Mark> {
        let mut marks: BTreeMap<Seq, Mark> = self.marks.clone();
        for lane in &self.lanes {
            let mut note = |ready: &Ready| {
                if ready.lsn != Lsn(0) {
                    marks.extend(Mark::of(&ready.message).map(|mark| (ready.seq, mark)));
                }
            };
            lane.visit(&mut note, &mut |_| {});
        }
        marks.extend(self.leases.iter().filter(|(_, l)| l.journaled).map(|(seq, lease)| (seq, lease.mark())));
        marks
    }

    /// By priority, which journaled messages are still there, ascending.
    fn journaled_lanes(&self) -> Vec<Vec<SeqRange>> {
        let mut lanes = Vec::with_capacity(self.lanes.len());
        for (priority, lane) in self.lanes.iter().enumerate() {
            let (mut ranges, mut cold) = (Vec::new(), Vec::new());
            let mut note = |ready: &Ready| {
                if ready.lsn != Lsn(0) {
                    ranges.push(SeqRange::one(ready.seq));
                }
            };
            lane.visit(&mut note, &mut |range| cold.push(range));
            ranges.append(&mut cold);
            let here = |of: u8| self.lane_at(of) == priority;
            let leased = self.leases.iter().filter(|(_, l)| l.journaled && here(l.priority)).map(|(seq, _)| seq);
            let delayed = self.delayed.journaled().filter(|(p, _)| here(*p)).map(|(_, (seq, ..))| seq);
            let leaving = self.leaving.iter().filter(|(_, l)| l.lsn != Lsn(0) && here(l.priority)).map(|(seq, _)| *seq);
            let damaged = self.damaged.iter().filter(|(p, _)| here(*p)).map(|(_, seq)| *seq);
            ranges.extend(leased.chain(delayed).chain(leaving).chain(damaged).map(SeqRange::one));
            ranges.sort_unstable();
            let mut joined = VecDeque::new();
            ranges.into_iter().for_each(|range| extend(&mut joined, range));
            lanes.push(joined.into());
        }
        lanes
    }

    /// Body bytes of journaled messages that are not ready yet still in the log.
    fn leased_bytes(&self) -> u64 {
        let leased = self.leases.iter().filter(|(_, l)| l.journaled).map(|(_, l)| l.payload_len());
        let leaving = self.leaving.values().filter(|l| l.lsn != Lsn(0)).map(|l| l.bytes);
        let delayed = self.delayed.journaled().map(|(_, (.., payload))| payload);
        leased.chain(leaving).chain(delayed).sum()
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
    use crate::parts::PART_MAX;
    use narumq_model::{Durability, Headers, ObjectId, QueueDefinition, QueuePolicy};

    fn range(first: u64, last: u64) -> SeqRange {
        SeqRange { first: Seq(first), last: Seq(last) }
    }

    #[test]
    fn a_state_comes_back_and_broken_ones_are_refused() {
        let content = Content {
            lanes: vec![vec![range(1, 5), range(9, 9)], vec![], vec![range(6, 8)]],
            marks: vec![(Seq(9), true, 2, 3), (Seq(700), false, 0, 1)],
            delayed: vec![(Seq(2), Time(99), 1_000), (Seq(7), Time(5), 0)],
        };
        let state = Snapshot {
            next_seq: 1 << 41,
            timed: true,
            ready_bytes: 12_345,
            suspect_below: 7,
            arrivals: Arrivals::default(),
            content: content.clone(),
        };
        let (bytes, parts) = state.encode([].into_iter());
        assert_eq!(parts, []);
        let back = Snapshot::decode(&bytes).expect("a State");
        assert_eq!((back.next_seq, back.timed, back.ready_bytes), (1 << 41, true, 12_345));
        assert_eq!((back.suspect_below, back.content), (7, content));
        for cut in 0..bytes.len() {
            assert!(Snapshot::decode(&bytes[..cut]).is_none(), "cut at {cut}");
        }
    }

    /// What parts say together.
    fn joined(parts: &[(u64, Vec<u8>)]) -> Content {
        let mut all = Content { lanes: vec![Vec::new(); 2], ..Content::default() };
        parts.iter().for_each(|(_, data)| all.join(Content::decode(data).expect("a part")));
        all
    }

    #[test]
    fn a_large_state_is_cut_into_parts_and_a_change_moves_no_other() {
        let mut state = Snapshot::default();
        let every_second = (0..100_000).map(|n| range(10 + 2 * n, 10 + 2 * n)).collect();
        let marks = (0..40_000).map(|n| (Seq(7 + 5 * n), n % 2 == 0, n as u16, 9)).collect();
        let delayed = (0..30_000).map(|n| (Seq(10 + 6 * n), Time(1_700_000_000_000 + n), n)).collect();
        state.content = Content { lanes: vec![every_second, vec![range(3, 180_000)]], marks, delayed };
        let (root, parts) = state.encode([].into_iter());
        assert!(root.len() < 32 && parts.len() > 5, "{} parts", parts.len());
        assert!(parts.iter().all(|(_, data)| data.len() <= PART_MAX));
        assert!(parts.is_sorted_by_key(|(number, _)| *number));
        assert_eq!(joined(&parts), state.content);
        // Some messages in the middle go: their part changes and no other, as the bounds stay.
        let numbers = |parts: &[(u64, Vec<u8>)]| parts.iter().map(|(n, _)| *n).collect::<Vec<_>>();
        let middle = parts[parts.len() / 2].0 + 50;
        state.content.lanes[0].retain(|r| !(middle..middle + 40).contains(&r.first.0));
        let (_, changed) = state.encode(numbers(&parts).into_iter());
        assert_eq!(parts.iter().zip(&changed).filter(|(a, b)| a != b).count(), 1);
        assert_eq!((numbers(&changed), joined(&changed)), (numbers(&parts), state.content.clone()));
        // Most go: what is left stands in fewer parts, and in the root in the end.
        state.content = state.content.between(150_000, u64::MAX);
        let (_, fewer) = state.encode(numbers(&parts).into_iter());
        assert!(fewer.len() < parts.len() / 2 && joined(&fewer) == state.content, "{} parts", fewer.len());
        state.content = state.content.between(209_000, u64::MAX);
        let (root, none) = state.encode(numbers(&fewer).into_iter());
        assert_eq!((none.len(), Snapshot::decode(&root).expect("a State").content), (0, state.content));
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
        // It could not be read to be buried.
        state.damaged.push((2, Seq(7)));
        assert_eq!(state.journaled_lanes(), [vec![SeqRange::one(Seq(5)), SeqRange::one(Seq(7))]]);
    }
}
