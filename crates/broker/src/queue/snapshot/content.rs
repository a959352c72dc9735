//! The content of a queue's State, and how a large one is divided into parts.
//!
//! ```text
//! content:  varint lanes, then per lane: varint ranges, then per range (ascending): varint gap, varint span − 1
//!           varint marks, then per mark: varint seq − previous, u8 redelivered, varint failures, varint hand-overs
//!           varint delayed, then per message not visible yet: varint seq − previous, varint visible at, varint payload bytes
//! ```

use super::super::delayed::DelayedAt;
use crate::codec::Reader;
use crate::parts::PART_MAX;
use narumq_log::varint;
use narumq_model::{Seq, SeqRange, Time};

/// Neighbours that are smaller than this together become one part.
const PART_MIN: usize = PART_MAX / 4;

/// A message's marks: sequence, redelivered, failures, hand-overs.
type Marked = (Seq, bool, u16, u16);

/// Which messages are there and what is known of them beside what the log says.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Content {
    pub(crate) lanes: Vec<Vec<SeqRange>>,
    pub(crate) marks: Vec<Marked>,
    /// Of the messages in `lanes` those that are not visible yet.
    pub(crate) delayed: Vec<DelayedAt>,
}

impl Content {
    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        varint::put(out, self.lanes.len() as u64);
        for lane in &self.lanes {
            varint::put(out, lane.len() as u64);
            let mut behind = 0;
            for range in lane {
                varint::put(out, range.first.0 - behind);
                varint::put(out, range.last.0 - range.first.0);
                behind = range.last.0;
            }
        }
        varint::put(out, self.marks.len() as u64);
        let mut behind = 0;
        for (seq, redelivered, failures, hand_overs) in &self.marks {
            varint::put(out, seq.0 - behind);
            out.push(u8::from(*redelivered));
            varint::put(out, (*failures).into());
            varint::put(out, (*hand_overs).into());
            behind = seq.0;
        }
        varint::put(out, self.delayed.len() as u64);
        let mut behind = 0;
        for (seq, visible_at, payload) in &self.delayed {
            [seq.0 - behind, visible_at.0, *payload].iter().for_each(|n| varint::put(out, *n));
            behind = seq.0;
        }
    }

    pub(super) fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let lanes = reader.list(|r| {
            let mut behind = 0u64;
            r.list(|r| {
                let first = behind.checked_add(r.number()?)?;
                behind = first.checked_add(r.number()?)?;
                Some(SeqRange { first: Seq(first), last: Seq(behind) })
            })
        })?;
        let mut behind = 0u64;
        let marks = reader.list(|r| {
            behind = behind.checked_add(r.number()?)?;
            Some((Seq(behind), r.bool()?, u16::try_from(r.number()?).ok()?, u16::try_from(r.number()?).ok()?))
        })?;
        let mut behind = 0u64;
        let delayed = reader.list(|r| {
            behind = behind.checked_add(r.number()?)?;
            Some((Seq(behind), Time(r.number()?), r.number()?))
        })?;
        Some(Self { lanes, marks, delayed })
    }

    /// Reads a part; `None` if it is none.
    pub(crate) fn decode(data: &[u8]) -> Option<Self> {
        Self::read(&mut Reader::new(data))
    }

    /// What it says of sequences from `first` on and below `end`.
    pub(super) fn between(&self, first: u64, end: u64) -> Self {
        let within = |lane: &Vec<SeqRange>| {
            let from = lane.partition_point(|r| r.last.0 < first);
            let to = lane.partition_point(|r| r.first.0 < end);
            let cut = |r: &SeqRange| SeqRange { first: Seq(r.first.0.max(first)), last: Seq(r.last.0.min(end - 1)) };
            lane[from..to.max(from)].iter().map(cut).collect()
        };
        Self {
            lanes: self.lanes.iter().map(within).collect(),
            marks: part(&self.marks, first, end, |m| m.0.0).to_vec(),
            delayed: part(&self.delayed, first, end, |d| d.0.0).to_vec(),
        }
    }

    /// Half of its items lie below; `None` if it cannot be divided.
    fn middle(&self) -> Option<u64> {
        let ranges = self.lanes.iter().flatten().map(|r| r.first.0);
        let annotated = self.marks.iter().map(|m| m.0.0).chain(self.delayed.iter().map(|d| d.0.0));
        let mut items: Vec<u64> = ranges.chain(annotated).collect();
        let least = *items.iter().min()?;
        let at = items.len() / 2;
        let middle = *items.select_nth_unstable(at).1;
        if middle > least { Some(middle) } else { items.into_iter().filter(|seq| *seq > least).min() }
    }

    fn is_empty(&self) -> bool {
        self.marks.is_empty() && self.delayed.is_empty() && self.lanes.iter().all(Vec::is_empty)
    }

    /// Takes in what lies above it.
    pub(super) fn join(&mut self, above: Self) {
        for (lane, mut more) in self.lanes.iter_mut().zip(above.lanes) {
            if let (Some(last), Some(first)) = (lane.last_mut(), more.first())
                && last.last.0 + 1 == first.first.0
            {
                last.last = more.remove(0).last;
            }
            lane.append(&mut more);
        }
        self.marks.extend(above.marks);
        self.delayed.extend(above.delayed);
    }
}

/// What of `all`, which is ascending, is about sequences from `first` on and below `end`.
fn part<T>(all: &[T], first: u64, end: u64, seq: impl Fn(&T) -> u64) -> &[T] {
    let from = all.partition_point(|item| seq(item) < first);
    let to = all.partition_point(|item| seq(item) < end);
    &all[from..to]
}

/// A part that is being made: its number, what it says, the same encoded.
pub(super) type Part = (u64, Content, Vec<u8>);

/// Adds what `content` says as parts, the first of them with this number.
pub(super) fn divide(number: u64, content: Content, parts: &mut Vec<Part>) {
    if content.is_empty() {
        return;
    }
    let mut data = Vec::new();
    content.encode(&mut data);
    if let Some((_, below, encoded)) = parts.last_mut()
        && encoded.len() + data.len() < PART_MIN
    {
        below.join(content);
        encoded.clear();
        below.encode(encoded);
        return;
    }
    match content.middle().filter(|_| data.len() > PART_MAX) {
        Some(middle) => {
            divide(number, content.between(0, middle), parts);
            divide(middle, content.between(middle, u64::MAX), parts);
        }
        None => parts.push((number, content, data)),
    }
}
