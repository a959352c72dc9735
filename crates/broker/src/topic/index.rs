//! The index beside a segment: where in it batches begin, so that nobody walks a large one from its start.
//!
//! ```text
//! 000000000000002a-00000000000003e8.index     beside the segment of the same name
//! [u64 offset | u64 position | i64 latest record time before | u32 epoch | u32 sum] …     32 bytes each, little endian
//! entry n, from 0:  the first batch that begins at or behind (n + 1) · 64 KiB; what several places have in common is repeated
//! ```
//! It is a hint: an entry of which the sum is wrong is passed over, and one that is used must agree with the batch that is found
//! there. What is missing is walked and noted. Losing the file costs time and nothing else.

use super::partition::PartitionState;
use super::segments::{SegmentId, index_name};
use crate::dialect::BatchFacts;
use crate::parts::hash;
use bytes::Bytes;
use narumq_log::{CopyWrite, WriteWay};
use narumq_model::ObjectId;

/// Bytes of a segment between entries.
pub(super) const STEP: u64 = 64 << 10;
/// Bytes of an entry.
pub(super) const ENTRY: usize = 32;
/// Bytes of entries that are written together.
const WRITTEN_MIN: usize = 8 * ENTRY;

/// Where a batch begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    /// Its first offset.
    pub(super) offset: u64,
    /// Where in the segment.
    pub(super) position: u64,
    /// The latest time of a record before it in the segment, in milliseconds since the Unix epoch.
    pub(super) latest: i64,
    /// The epoch it was written in.
    pub(super) epoch: u32,
}

/// The index of one segment, as far as it is known.
#[derive(Debug, Default)]
pub(super) struct Index {
    entries: Vec<Entry>,
    /// Up to where batches have been walked one after the other since the last entry, with the latest time before it.
    walked: Option<(u64, i64)>,
    /// Something was noted that the file does not hold.
    pub(super) grown: bool,
}

fn sum(entry: &[u8], of: (ObjectId, SegmentId)) -> u32 {
    let mut bytes = [0; ENTRY - 4 + 24];
    bytes[..ENTRY - 4].copy_from_slice(&entry[..ENTRY - 4]);
    bytes[ENTRY - 4..][..8].copy_from_slice(&of.0.0.to_le_bytes());
    bytes[ENTRY + 4..][..8].copy_from_slice(&of.1.0.to_le_bytes());
    bytes[ENTRY + 12..].copy_from_slice(&of.1.1.to_le_bytes());
    hash(&bytes) as u32
}

impl Entry {
    fn encode(&self, of: (ObjectId, SegmentId)) -> [u8; ENTRY] {
        let mut out = [0; ENTRY];
        out[..8].copy_from_slice(&self.offset.to_le_bytes());
        out[8..16].copy_from_slice(&self.position.to_le_bytes());
        out[16..24].copy_from_slice(&self.latest.to_le_bytes());
        out[24..28].copy_from_slice(&self.epoch.to_le_bytes());
        let sum = sum(&out, of);
        out[28..].copy_from_slice(&sum.to_le_bytes());
        out
    }

    fn decode(bytes: &[u8; ENTRY], of: (ObjectId, SegmentId)) -> Option<Self> {
        let [offset, position, latest, last] = [0, 8, 16, 24].map(|at| {
            let mut word = [0; 8];
            word.copy_from_slice(&bytes[at..at + 8]);
            u64::from_le_bytes(word)
        });
        let entry = Self { offset, position, latest: latest as i64, epoch: last as u32 };
        ((last >> 32) as u32 == sum(bytes, of)).then_some(entry)
    }

    /// Whether this is the batch that the entry means.
    pub(super) fn means(&self, facts: &BatchFacts) -> bool {
        (self.offset, self.epoch) == (facts.base, facts.epoch)
    }
}

impl Index {
    /// Reads what the file holds of partition and segment `of`.
    pub(super) fn read(bytes: &[u8], of: (ObjectId, SegmentId)) -> Self {
        let mut entries: Vec<Entry> = Vec::new();
        let (whole, _) = bytes.as_chunks::<ENTRY>();
        for entry in whole.iter().filter_map(|bytes| Entry::decode(bytes, of)) {
            let ascends = |last: &Entry| {
                last.position < entry.position && last.offset < entry.offset && last.latest <= entry.latest
            };
            if entries.last().is_none_or(ascends) {
                entries.push(entry);
            }
        }
        Self { entries, walked: None, grown: false }
    }

    /// The last entry at or before `offset`, and before `limit` in the segment.
    pub(super) fn by_offset(&self, offset: u64, limit: u64) -> Option<Entry> {
        let count = self.entries.partition_point(|entry| entry.offset <= offset && entry.position < limit);
        self.entries.get(count.checked_sub(1)?).copied()
    }

    /// The last entry before which all records are earlier than `time`, and before `limit` in the segment.
    pub(super) fn by_time(&self, time: i64, limit: u64) -> Option<Entry> {
        let count = self.entries.partition_point(|entry| entry.latest < time && entry.position < limit);
        self.entries.get(count.checked_sub(1)?).copied()
    }

    /// The segment has grown: this goes into its file, too.
    fn push(&mut self, entry: Entry) {
        if self.entries.last().is_none_or(|last| last.position < entry.position && last.offset < entry.offset) {
            self.entries.push(entry);
            self.walked = None;
        }
    }

    /// The first offset behind this one that it knows a batch by, in the first `len` bytes of the segment.
    pub(super) fn behind(&self, offset: u64, len: u64) -> Option<u64> {
        let next = self.entries.get(self.entries.partition_point(|entry| entry.offset <= offset))?;
        (next.position < len).then_some(next.offset)
    }

    /// The entry was wrong.
    pub(super) fn forget(&mut self, wrong: &Entry) {
        self.entries.retain(|entry| entry != wrong);
        self.walked = None;
    }

    /// A batch at `position` has been walked by.
    pub(super) fn note(&mut self, position: u64, facts: &BatchFacts) {
        let (walked, latest) = self
            .walked
            .unwrap_or_else(|| self.entries.last().map_or((0, i64::MIN), |last| (last.position, last.latest)));
        if position != walked {
            return;
        }
        if position >= self.entries.last().map_or(0, |last| last.position / STEP * STEP) + STEP {
            self.entries.push(Entry { offset: facts.base, position, latest, epoch: facts.epoch });
            self.grown = true;
        }
        self.walked = Some((position + facts.len as u64, latest.max(facts.max_time)));
    }

    /// The whole file.
    pub(super) fn write(&self, of: (ObjectId, SegmentId)) -> Vec<u8> {
        let mut out = Vec::new();
        for entry in &self.entries {
            while out.len() < (entry.position / STEP) as usize * ENTRY {
                out.extend(entry.encode(of));
            }
        }
        out
    }

    /// Memory that it takes, in bytes.
    pub(super) fn len(&self) -> u64 {
        (self.entries.len() * size_of::<Entry>()) as u64
    }

    /// The write of the whole file, once something is in it that the file does not hold and all of the segment is known.
    pub(super) fn rewritten(&mut self, of: (ObjectId, SegmentId), bytes: u64) -> Option<CopyWrite> {
        if !self.grown || self.walked.is_none_or(|(position, _)| position < bytes) {
            return None;
        }
        self.grown = false;
        Some(hint(of, 0, self.write(of), true))
    }
}

fn hint(of: (ObjectId, SegmentId), offset: u64, bytes: Vec<u8>, create: bool) -> CopyWrite {
    let pieces = vec![Bytes::from(bytes)];
    CopyWrite { name: index_name(of.0, of.1), way: WriteWay::Hint, create, offset, before: Vec::new(), pieces }
}

impl PartitionState {
    /// What goes into the index of the last segment when the batches between two places of the tail go into it at `offset`, once
    /// that is worth a write.
    pub(super) fn index_write(&mut self, id: ObjectId, offset: u64, from: usize, to: usize) -> Option<CopyWrite> {
        let segment = self.segments.list.back()?;
        let of = (id, segment.id());
        let mut index = self.cold.indexes.iter_mut().find(|(base, _)| *base == segment.base);
        let (mut next, mut latest) = (self.segments.next_entry, segment.times.latest);
        let begin = self.tail.pos(from);
        for batch in self.tail.batches(from).take(to - from) {
            let position = offset + batch.pos - begin;
            if position >= next * STEP {
                let entry = Entry { offset: batch.base, position, latest, epoch: epoch_of(&self.epochs, batch.base) };
                if let Some((_, index)) = &mut index {
                    index.push(entry);
                }
                while next * STEP <= position {
                    self.segments.unwritten.extend(entry.encode(of));
                    next += 1;
                }
            }
            latest = latest.max(batch.times.latest);
        }
        self.segments.next_entry = next;
        if self.segments.unwritten.len() < WRITTEN_MIN { None } else { self.index_rest(id) }
    }

    /// What the file of the last segment's index lacks.
    pub(super) fn index_rest(&mut self, id: ObjectId) -> Option<CopyWrite> {
        let of = (id, self.segments.list.back()?.id());
        let bytes = std::mem::take(&mut self.segments.unwritten);
        let offset = (self.segments.next_entry - 1) * ENTRY as u64 - bytes.len() as u64;
        (!bytes.is_empty()).then(|| hint(of, offset, bytes, offset == 0))
    }
}

/// The epoch in which the batch with this offset was written.
fn epoch_of(epochs: &[(u32, u64)], offset: u64) -> u32 {
    let later = epochs.partition_point(|(_, first)| *first <= offset);
    later.checked_sub(1).and_then(|at| epochs.get(at)).map_or(0, |(epoch, _)| *epoch)
}

#[cfg(test)]
mod tests {
    use super::*;

    const OF: (ObjectId, SegmentId) = (ObjectId(7), (1_000, 0));

    fn facts(n: u64, len: usize) -> BatchFacts {
        BatchFacts { len, base: 1_000 + n * 10, count: 10, epoch: 3, max_time: n as i64, producer: None }
    }

    fn walked() -> Index {
        let mut index = Index::default();
        let mut position = 0;
        for n in 0..100 {
            let batch = facts(n, if n == 50 { 300_000 } else { 10_000 });
            index.note(position, &batch);
            position += batch.len as u64;
        }
        index
    }

    #[test]
    fn what_is_walked_is_noted_once_a_step() {
        let index = walked();
        let first = Entry { offset: 1_070, position: 70_000, latest: 6, epoch: 3 };
        assert_eq!(index.entries[0], first);
        assert_eq!(index.by_offset(1_069, u64::MAX), None);
        assert_eq!(index.by_offset(1_139, u64::MAX), Some(first));
        assert_eq!(index.by_offset(u64::MAX, 70_001), Some(first));
        assert_eq!(index.by_time(7, u64::MAX), Some(first));
        assert_eq!(index.by_time(6, u64::MAX), None, "the record of time 6 lies before it");
        let behind = index.by_offset(1_519, u64::MAX).expect("an entry");
        assert_eq!((behind.offset, behind.position), (1_510, 800_000));
    }

    #[test]
    fn what_is_written_is_read_back_and_what_is_damaged_passed_over() {
        let index = walked();
        let file = index.write(OF);
        assert_eq!(Index::read(&file, OF).entries, index.entries);
        assert!(Index::read(&file, (ObjectId(8), (1_000, 0))).entries.is_empty(), "another partition's");
        assert!(Index::read(&file, (ObjectId(7), (1_000, 1))).entries.is_empty(), "another generation's");
        for at in (0..file.len()).step_by(5) {
            let mut damaged = file.clone();
            damaged[at] ^= 4;
            let read = Index::read(&damaged, OF).entries;
            assert!(read.iter().all(|entry| index.entries.contains(entry)));
            assert!(read.len() + 1 >= index.entries.len());
        }
        for cut in 0..file.len() {
            Index::read(&file[..cut], OF);
        }
    }
}
