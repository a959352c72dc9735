//! The newest batches of a partition, in memory: bytes back to back, as they lie in segments.
//!
//! ```text
//!  runs (frozen)            open (being filled)
//! [pos 0 ......][pos 900 ..][pos 1300 ....       ]     batches: (base 0, pos 0) (base 3, pos 210) …
//! ```
//! `pos` counts the bytes of the partition since the process began. What a reader asks for is frozen up to there, without
//! a copy: the room behind it is filled on.

mod block;

use bytes::{Bytes, BytesMut};
use narumq_model::{Lsn, Time, TopicPolicy};
use std::collections::VecDeque;

/// A batch in memory.
#[derive(Clone, Copy, Debug)]
pub(super) struct BatchAt {
    /// Its first offset.
    pub(super) base: u64,
    /// Where it begins.
    pub(super) pos: u64,
    /// Its entry in the log; `Lsn(0)` if it was read from the disk.
    pub(super) lsn: Lsn,
    /// Its times.
    pub(super) times: Times,
}

/// When records were written and when they came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Times {
    /// Latest time of a record, in milliseconds since the Unix epoch.
    pub(crate) latest: i64,
    /// When the last one arrived.
    pub(crate) arrived: Time,
}

impl Times {
    /// Before all times.
    pub(crate) const NONE: Self = Self { latest: i64::MIN, arrived: Time(0) };

    /// How long ago the last record was written, in milliseconds. Where records say no time, that of their arrival counts.
    pub(crate) fn age(self, policy: &TopicPolicy, now: Time) -> u64 {
        let written = u64::try_from(self.latest).ok().filter(|_| !policy.age_from_arrival);
        now.since(written.map_or(self.arrived, Time))
    }

    /// The times of both together.
    pub(crate) fn max(self, other: Self) -> Self {
        Self { latest: self.latest.max(other.latest), arrived: self.arrived.max(other.arrived) }
    }
}

#[derive(Debug)]
struct Run {
    pos: u64,
    bytes: Bytes,
}

/// Batches from this size on can be kept at once.
const SHARED_MIN: usize = 32 << 10;

/// How the bytes of a batch lie that was appended.
pub(super) enum Lies<'a> {
    /// Among others that will come.
    Here(&'a [u8]),
    /// So that they can be kept.
    Shared(Bytes),
}

/// The newest batches.
#[derive(Debug, Default)]
pub(super) struct Tail {
    runs: VecDeque<Run>,
    open: BytesMut,
    open_pos: u64,
    batches: VecDeque<BatchAt>,
    /// Where in its segment a byte lies, less where it stands here, as far as it is known; wraps around.
    pub(super) shift: u64,
    /// The last answer of [`pos_of`](Self::pos_of).
    asked: Option<(u64, u64)>,
}

impl Tail {
    /// Bytes in memory.
    pub(super) fn len(&self) -> u64 {
        self.end() - self.begin()
    }

    /// Where the first byte in memory stands.
    pub(super) fn begin(&self) -> u64 {
        self.runs.front().map_or(self.open_pos, |run| run.pos)
    }

    /// Behind the last byte.
    pub(super) fn end(&self) -> u64 {
        self.open_pos + self.open.len() as u64
    }

    /// The first offset in memory, if there is any.
    pub(super) fn first(&self) -> Option<u64> {
        self.batches.front().map(|batch| batch.base)
    }

    /// Appends a batch. `place` sees the bytes where they lie and may change them, `enter` where they stay; it returns the batch's
    /// entry in the log.
    pub(super) fn push(
        &mut self,
        (base, times): (u64, Times),
        batch: &[u8],
        place: impl FnOnce(&mut [u8]),
        enter: impl FnOnce(Lies<'_>) -> Lsn,
    ) -> Lsn {
        if self.open.capacity() - self.open.len() < batch.len() {
            self.freeze(self.end());
            let len = block::usual(self.len()).max(batch.len());
            self.open = block::new(len, self.end().wrapping_add(self.shift));
        }
        let (pos, at) = (self.end(), self.open.len());
        self.open.extend_from_slice(batch);
        place(&mut self.open[at..]);
        let lsn = if batch.len() < SHARED_MIN {
            enter(Lies::Here(&self.open[at..]))
        } else {
            enter(Lies::Shared(self.share(self.open.len()).slice(at..)))
        };
        self.batches.push_back(BatchAt { base, pos, lsn, times });
        lsn
    }

    /// Makes everything before `pos` sharable.
    fn freeze(&mut self, pos: u64) {
        let len = pos.saturating_sub(self.open_pos).min(self.open.len() as u64);
        if len > 0 {
            self.share(len as usize);
        }
    }

    /// Makes the next `len` bytes sharable.
    fn share(&mut self, len: usize) -> Bytes {
        let bytes = self.open.split_to(len).freeze();
        self.runs.push_back(Run { pos: self.open_pos, bytes: bytes.clone() });
        self.open_pos += len as u64;
        bytes
    }

    /// The place of the batch that holds `offset` among [`batches`](Self::batch), or behind the last.
    pub(super) fn find(&self, offset: u64) -> usize {
        self.batches.partition_point(|batch| batch.base <= offset).saturating_sub(1)
    }

    /// The first batch that is not durable at `durable`, by place.
    pub(super) fn undurable(&self, durable: Lsn) -> usize {
        match self.batches.back() {
            Some(last) if last.lsn <= durable => self.batches.len(),
            _ => self.batches.partition_point(|batch| batch.lsn <= durable),
        }
    }

    /// A batch by place.
    pub(super) fn batch(&self, at: usize) -> Option<&BatchAt> {
        self.batches.get(at)
    }

    /// The newest batch.
    pub(super) fn last(&self) -> Option<&BatchAt> {
        self.batches.back()
    }

    /// The batches from place `from` on.
    pub(super) fn batches(&self, from: usize) -> impl Iterator<Item = &BatchAt> {
        self.batches.range(from.min(self.batches.len())..)
    }

    /// The times of the batches between two places together.
    pub(super) fn times(&self, from: usize, to: usize) -> Times {
        self.batches(from).take(to.saturating_sub(from)).fold(Times::NONE, |times, batch| times.max(batch.times))
    }

    /// How many batches are in memory.
    pub(super) fn count(&self) -> usize {
        self.batches.len()
    }

    /// Where the batch at place `at` begins, or the end of the last one.
    pub(super) fn pos(&self, at: usize) -> u64 {
        self.batches.get(at).map_or(self.end(), |batch| batch.pos)
    }

    /// Where the batch that holds `offset` begins. The last answer is kept: what is appended asks for the same again and again.
    pub(super) fn pos_of(&mut self, offset: u64) -> u64 {
        let pos = match self.asked {
            Some((asked, pos)) if asked == offset => pos,
            _ => self.pos(self.find(offset)),
        };
        self.asked = Some((offset, pos));
        pos.max(self.begin())
    }

    /// The last place, between `from` and `to`, up to which the batches take no more than `max` bytes; at least one batch if
    /// `whole`.
    pub(super) fn fits(&self, from: usize, to: usize, max: u64, whole: bool) -> usize {
        let limit = self.pos(from).saturating_add(max);
        let (mut low, mut high) = (from, to);
        while low < high {
            let middle = low + (high - low).div_ceil(2);
            if self.pos(middle) <= limit { low = middle } else { high = middle - 1 }
        }
        if low == from && whole && from < to { from + 1 } else { low }
    }

    /// The bytes between two positions.
    pub(super) fn bytes(&mut self, from: u64, to: u64, out: &mut impl Extend<Bytes>) {
        self.freeze(to);
        let first = self.runs.partition_point(|run| run.pos + run.bytes.len() as u64 <= from);
        for run in self.runs.range(first..).take_while(|run| run.pos < to) {
            let begin = from.saturating_sub(run.pos) as usize;
            let end = ((to - run.pos) as usize).min(run.bytes.len());
            out.extend([run.bytes.slice(begin..end)]);
        }
    }

    /// Forgets the batches before place `at`.
    pub(super) fn forget(&mut self, at: usize) {
        let pos = self.pos(at);
        self.batches.drain(..at);
        self.freeze(pos);
        while self.runs.front().is_some_and(|run| run.pos + run.bytes.len() as u64 <= pos) {
            self.runs.pop_front();
        }
        if let Some(run) = self.runs.front_mut().filter(|run| run.pos < pos) {
            let _ = run.bytes.split_to((pos - run.pos) as usize);
            run.pos = pos;
        }
        if self.batches.is_empty() && self.open.capacity() > block::MIN {
            self.open = BytesMut::new();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::copy::BLOCK;
    use super::*;

    fn all(tail: &mut Tail, from: u64, to: u64) -> Vec<u8> {
        let mut out: Vec<Bytes> = Vec::new();
        tail.bytes(from, to, &mut out);
        out.concat()
    }

    #[test]
    fn what_was_pushed_is_read_back_in_any_stretch() {
        let mut tail = Tail::default();
        let mut bytes = Vec::new();
        for n in 0..2_000u64 {
            let batch = vec![n as u8; 1 + (n as usize * 37) % 300];
            tail.push((n * 3, Times::NONE), &batch, |_| {}, |_| Lsn(n));
            bytes.extend(batch);
            if n % 7 == 0 {
                let from = tail.pos(tail.find(n * 2));
                let end = tail.end();
                assert_eq!(all(&mut tail, from, end), bytes[from as usize..]);
            }
        }
        assert_eq!((tail.find(0), tail.find(4), tail.find(5_998)), (0, 1, 1_999));
        assert_eq!((tail.undurable(Lsn(10)), tail.undurable(Lsn(9_999))), (11, 2_000));
        let cut = tail.pos(1_500);
        tail.forget(1_500);
        assert_eq!((tail.first(), tail.begin(), tail.len()), (Some(4_500), cut, bytes.len() as u64 - cut));
        let end = tail.end();
        assert_eq!(all(&mut tail, cut, end), bytes[cut as usize..]);
        tail.forget(tail.count());
        assert_eq!((tail.first(), tail.len()), (None, 0));
    }

    #[test]
    fn large_blocks_lie_in_memory_as_in_their_segment() {
        let mut tail = Tail { shift: 1_234, ..Tail::default() };
        (0..40).for_each(|n| _ = tail.push((n, Times::NONE), &[7; 100_001], |_| {}, |_| Lsn(n)));
        let mut out: Vec<Bytes> = Vec::new();
        let end = tail.end();
        tail.bytes(0, end, &mut out);
        let mut at = 1_234;
        for run in out {
            assert_eq!(run.as_ptr() as usize % BLOCK as usize, at % BLOCK as usize);
            at += run.len();
        }
    }

    #[test]
    fn as_many_whole_batches_as_fit() {
        let mut tail = Tail::default();
        (0..10).for_each(|n| _ = tail.push((n, Times::NONE), &[0; 100], |_| {}, |_| Lsn(n)));
        assert_eq!(tail.fits(2, 10, 350, true), 5);
        assert_eq!(tail.fits(2, 4, 350, true), 4);
        assert_eq!((tail.fits(2, 10, 99, true), tail.fits(2, 10, 99, false)), (3, 2));
        assert_eq!(tail.fits(10, 10, 99, true), 10);
    }
}
