//! The segment files of a partition: batches back to back, in files named by partition and first offset.
//!
//! ```text
//! 000000000000002a-00000000000003e8.segment     partition 42, from offset 1000 on
//! [batch][batch][batch]…[zeros up to a multiple of 4 KiB]
//! 000000000000002a-00000000000003e8.index       where in it batches begin: see `index.rs`
//! 000000000000002a-00000000000003e8-0000000300000001.segment
//!                                               what compaction made of segments from offset 1000 on: 3 is the epoch of the
//!                                               broker that did, 1 counts what it made; no name is given twice
//! ```

use super::tail::Times;
use narumq_model::{ObjectId, Time, TopicPolicy};
use std::cmp::Ordering;
use std::collections::VecDeque;

/// One segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Segment {
    /// Its first offset.
    pub(crate) base: u64,
    /// 0 as batches came; else what tells it from other files that compaction made of the same offsets.
    pub(crate) generation: u64,
    /// Bytes of its batches.
    pub(crate) bytes: u64,
    /// The times of what lies in it.
    pub(crate) times: Times,
    /// When it was begun.
    pub(crate) begun: Time,
}

/// The segments of a partition, ascending.
#[derive(Debug, Default)]
pub(crate) struct Segments {
    pub(crate) list: VecDeque<Segment>,
    /// What the last one's last, unfinished block holds.
    pub(crate) last_block: Vec<u8>,
    /// The next place of the last one that its index tells, in steps.
    pub(crate) next_entry: u64,
    /// Entries before that one which its index's file lacks.
    pub(crate) unwritten: Vec<u8>,
    /// Up to where all is written: segment, bytes of it. What lies behind is being written, and must not be read.
    pub(crate) readable: (u64, u64),
    /// Where the end was after each copy that is not synced yet: offset, segment, bytes of it.
    unsynced: VecDeque<(u64, u64, u64)>,
    /// Up to where all is synced: segment, bytes of it, the offset behind them.
    pub(crate) safe: (u64, u64, u64),
}

/// What tells the segments of a partition from one another: first offset and generation.
pub(crate) type SegmentId = (u64, u64);

fn stem(partition: ObjectId, (base, generation): SegmentId) -> String {
    match generation {
        0 => format!("{:016x}-{base:016x}", partition.0),
        _ => format!("{:016x}-{base:016x}-{generation:016x}", partition.0),
    }
}

/// The name of a segment's file.
pub(crate) fn name(partition: ObjectId, of: SegmentId) -> String {
    stem(partition, of) + ".segment"
}

/// The name of the index beside it.
pub(crate) fn index_name(partition: ObjectId, of: SegmentId) -> String {
    stem(partition, of) + ".index"
}

/// The names of both.
pub(crate) fn names(partition: ObjectId, of: SegmentId) -> [String; 2] {
    [name(partition, of), index_name(partition, of)]
}

/// Partition and segment of a segment's file.
pub(crate) fn parse(name: &str) -> Option<(ObjectId, SegmentId)> {
    parse_stem(name.strip_suffix(".segment")?)
}

/// Partition and segment of an index.
pub(crate) fn parse_index(name: &str) -> Option<(ObjectId, SegmentId)> {
    parse_stem(name.strip_suffix(".index")?)
}

fn parse_stem(stem: &str) -> Option<(ObjectId, SegmentId)> {
    let (partition, rest) = stem.split_once('-')?;
    let number = |digits: &str| u64::from_str_radix(digits, 16).ok().filter(|n| digits == format!("{n:016x}"));
    let of = match rest.split_once('-') {
        None => (number(rest)?, 0),
        Some((base, generation)) => (number(base)?, number(generation).filter(|n| *n > 0)?),
    };
    Some((ObjectId(number(partition)?), of))
}

/// After which time a segment takes no more batches, in milliseconds.
pub(crate) fn roll_ms(policy: &TopicPolicy) -> u64 {
    // What lies in the last segment is never compacted: it must not stay there for longer.
    let most = policy.compaction_lag_max_ms.filter(|_| policy.compacts).unwrap_or(u64::MAX);
    policy.segment_ms.min(most)
}

impl Segment {
    /// What tells it from others of its partition.
    pub(crate) fn id(&self) -> SegmentId {
        (self.base, self.generation)
    }
}

impl Segments {
    /// Bytes of all.
    pub(crate) fn bytes(&self) -> u64 {
        self.list.iter().map(|segment| segment.bytes).sum()
    }

    /// The segment that begins with this offset.
    pub(crate) fn beginning(&self, base: u64) -> Option<&Segment> {
        self.list.binary_search_by_key(&base, |segment| segment.base).ok().and_then(|at| self.list.get(at))
    }

    /// The segment that holds an offset below the first uncopied one.
    pub(crate) fn holding(&self, offset: u64) -> Option<&Segment> {
        self.list.get(self.list.partition_point(|segment| segment.base <= offset).checked_sub(1)?)
    }

    /// The offset behind a segment; behind the last one lies `end`.
    pub(crate) fn behind(&self, base: u64, end: u64) -> u64 {
        self.list.get(self.list.partition_point(|segment| segment.base <= base)).map_or(end, |next| next.base)
    }

    /// Whether all that has been written is synced.
    pub(crate) fn is_synced(&self) -> bool {
        self.unsynced.is_empty()
    }

    /// A copy up to this offset has been written.
    pub(crate) fn written(&mut self, through: u64) {
        if let Some(last) = self.list.back() {
            self.readable = (last.base, last.bytes);
            self.unsynced.push_back((through, last.base, last.bytes));
        }
    }

    /// Bytes of a segment that can be read.
    pub(crate) fn readable(&self, segment: &Segment) -> u64 {
        match segment.base.cmp(&self.readable.0) {
            Ordering::Less => segment.bytes,
            Ordering::Equal => self.readable.1,
            Ordering::Greater => 0,
        }
    }

    /// All up to this offset is synced.
    pub(crate) fn synced(&mut self, through: u64) {
        while let Some((offset, base, bytes)) = self.unsynced.pop_front_if(|(offset, ..)| *offset <= through) {
            self.safe = (base, bytes, offset);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_back_and_others_are_not_ours() {
        assert_eq!(parse(&name(ObjectId(42), (1_000, 0))), Some((ObjectId(42), (1_000, 0))));
        assert_eq!(parse(&name(ObjectId(42), (1_000, 3))), Some((ObjectId(42), (1_000, 3))));
        assert_eq!(parse_index(&index_name(ObjectId(42), (7, 3))), Some((ObjectId(42), (7, 3))));
        let zero = "000000000000002a-00000000000003e8-0000000000000000.segment";
        for other in ["2a-3e8.segment", "0000000000000001.log", "x.segment", "", zero] {
            assert_eq!(parse(other), None);
        }
    }
}
