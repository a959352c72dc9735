//! A partition's State: what recovery needs instead of the entries before it.
//!
//! ```text
//! root:     u8 kind and version = 0x12 | varint start | varint end | varint count, (varint epoch, varint first offset) each |
//!           varint count, segments | varint offset behind them | varint offset behind what is compacted | producers
//! segment:  varint base | varint generation | varint bytes | varint latest record time (zigzag) | varint begun | varint last arrival
//! ```
//! Of the segments only what is synced stands in it: what was written to them behind that is found there again.

use super::Partition;
use super::partition::PartitionState;
use super::producers::Producers;
use super::segments::Segment;
use super::tail::Times;
use crate::codec::Reader;
use crate::core::Core;
use crate::parts::state_of;
use narumq_log::varint;
use narumq_model::{Lsn, Time};

/// What a State of a partition begins with: the low half is the version.
pub(crate) const STATE: u8 = 0x12;

/// A State, decoded.
#[derive(Debug, Default)]
pub(crate) struct Snapshot {
    pub(crate) start: u64,
    pub(crate) end: u64,
    pub(crate) epochs: Vec<(u32, u64)>,
    pub(crate) segments: Vec<Segment>,
    /// The offset behind what the segments hold.
    pub(crate) safe: u64,
    /// The offset behind what is compacted.
    pub(crate) cleaned: u64,
    pub(crate) producers: Producers,
}

pub(super) fn zigzag(n: i64) -> u64 {
    ((n << 1) ^ (n >> 63)) as u64
}

pub(super) fn unzigzag(n: u64) -> i64 {
    (n >> 1) as i64 ^ -((n & 1) as i64)
}

impl Snapshot {
    /// Reads a root; `None` if it is none of this version.
    pub(crate) fn decode(data: &[u8]) -> Option<Self> {
        let mut reader = Reader::new(data);
        if reader.u8()? != STATE {
            return None;
        }
        Some(Self {
            start: reader.number()?,
            end: reader.number()?,
            epochs: reader.list(|r| Some((u32::try_from(r.number()?).ok()?, r.number()?)))?,
            segments: reader.list(|r| {
                let (base, generation) = (r.number()?, r.number()?);
                let (bytes, latest) = (r.number()?, unzigzag(r.number()?));
                let (begun, arrived) = (Time(r.number()?), Time(r.number()?));
                Some(Segment { base, generation, bytes, times: Times { latest, arrived }, begun })
            })?,
            safe: reader.number()?,
            cleaned: reader.number()?,
            producers: Producers::decode(&mut reader)?,
        })
    }
}

impl PartitionState {
    /// Writes a root behind what `out` holds.
    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        out.push(STATE);
        varint::put(out, self.start);
        varint::put(out, self.end);
        varint::put(out, self.epochs.len() as u64);
        for (epoch, first) in &self.epochs {
            varint::put(out, (*epoch).into());
            varint::put(out, *first);
        }
        let (safe, safe_bytes, safe_offset) = self.segments.safe;
        let synced: Vec<&Segment> =
            self.segments.list.iter().filter(|s| s.base <= safe && (s.base < safe || safe_bytes > 0)).collect();
        varint::put(out, synced.len() as u64);
        for segment in synced {
            let bytes = if segment.base == safe { safe_bytes } else { segment.bytes };
            let Times { latest, arrived } = segment.times;
            let numbers = [segment.base, segment.generation, bytes, zigzag(latest), segment.begun.0, arrived.0];
            numbers.iter().for_each(|n| varint::put(out, *n));
        }
        varint::put(out, safe_offset);
        varint::put(out, self.compaction.cleaned);
        self.producers.encode(out);
    }

    /// Appends the partition's State to the log, parts from before `from` anew; the partition's lock is held.
    pub(crate) fn checkpoint(&mut self, partition: &Partition, core: &Core, now: Time, from: Lsn) {
        self.producers.forget(now);
        let mut root = Vec::new();
        self.encode(&mut root);
        self.parts.write(&core.log, &state_of(partition.id, now), from, &root, &[]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_comes_back_with_what_is_synced() {
        let mut state = PartitionState { start: 5, end: 900, epochs: vec![(1, 0), (4, 70)], ..Default::default() };
        let segment = |base, bytes| Segment {
            base,
            generation: base / 50,
            bytes,
            times: Times { latest: -1, arrived: Time(11) },
            begun: Time(9),
        };
        state.compaction.cleaned = 33;
        state.segments.list.extend([segment(0, 100), segment(50, 4_000), segment(90, 7)]);
        state.segments.safe = (50, 3_000, 80);
        let mut data = Vec::new();
        state.encode(&mut data);
        let back = Snapshot::decode(&data).expect("it was written");
        assert_eq!((back.start, back.end, back.epochs, back.safe), (5, 900, vec![(1, 0), (4, 70)], 80));
        assert_eq!((back.segments, back.cleaned), (vec![segment(0, 100), segment(50, 3_000)], 33));
        for cut in 0..data.len() {
            assert!(Snapshot::decode(&data[..cut]).is_none());
        }
        assert_eq!([0, -1, i64::MIN, i64::MAX].map(|n| unzigzag(zigzag(n))), [0, -1, i64::MIN, i64::MAX]);
    }
}
