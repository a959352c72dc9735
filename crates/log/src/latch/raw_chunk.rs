//! A closed chunk on its way to the file, in a buffer that is written as one aligned run.
//!
//! ```text
//! open:   … | room for header and heads, 128 KiB | bodies
//!           ^ aligned to 4 KiB in memory         ^ start, aligned too
//! small:    header | heads | bodies, moved up to the heads | zeros to 4 KiB
//! large:    …   | header | heads | zeros         | bodies, where they are | zeros to 4 KiB
//!               ^ aligned to 4 KiB in memory     ^ start
//! ```
//! With more heads than there is room for, all of it is copied into a buffer of its own, laid out as a small one.
//!
//! Large bodies may be lent instead: whole blocks of them are written from where they lie. Zeros before such a body give it the
//! place in its block that it has in memory, its first and last bytes, where they fill no block, stand in the buffer.

use crate::chunk::{BLOCK, ChunkHeader, ChunkKind, HEADER, round_up};
use crate::files::FileUse;
use crate::shared::Shared;
use bytes::Bytes;
use narumq_model::{Lsn, Time};
use std::io::IoSlice;
use std::ops::Range;
use std::sync::Arc;

/// A closed chunk on its way to the writer thread.
pub(crate) struct RawChunk {
    pub(crate) heads: Vec<u8>,
    pub(crate) bodies: Bodies,
    pub(crate) entries: u32,
    pub(crate) first_lsn: Lsn,
    pub(crate) base_time: Time,
    pub(crate) file: Arc<FileUse>,
    pub(crate) offset: u64,
    pub(crate) number: u64,
    /// See [`layout`].
    pub(crate) bodies_off: usize,
    pub(crate) len: usize,
}

/// Body bytes behind room for header and heads, placed so that both can be written as one aligned run.
pub(crate) struct Bodies {
    pub(crate) buffer: Vec<u8>,
    /// Start of the 4 KiB-aligned part.
    pub(crate) aligned: usize,
    /// Start of the bodies: `aligned` plus a multiple of 4 KiB.
    pub(crate) start: usize,
    /// Whole blocks that lie elsewhere, and before which byte of the buffer they come.
    pub(crate) lent: Vec<(usize, Bytes)>,
    lent_len: usize,
}

/// Room before the bodies for header and heads.
const FRONT: usize = 128 << 10;
/// Chunks with fewer body bytes, none of them lent, are written without a gap between heads and bodies.
const SMALL: usize = 64 << 10;
/// Bytes of the buffer that a lent body takes at most.
pub(super) const LENT_ROOM: usize = 3 * BLOCK;

impl Bodies {
    pub(crate) fn new(capacity: usize, mut buffer: Vec<u8>) -> Self {
        buffer.clear();
        buffer.reserve(FRONT + capacity + 3 * BLOCK);
        let aligned = buffer.as_ptr().align_offset(BLOCK);
        buffer.resize(aligned + FRONT, 0);
        Self { buffer, aligned, start: aligned + FRONT, lent: Vec::new(), lent_len: 0 }
    }

    pub(crate) fn len(&self) -> usize {
        self.buffer.len() - self.start + self.lent_len
    }

    /// Appends a body.
    pub(crate) fn push(&mut self, body: &[u8]) {
        self.buffer.extend_from_slice(body);
    }

    /// Appends a body of which no more is copied than must be; up to [`LENT_ROOM`] bytes of the room are needed. Returns where it
    /// begins.
    pub(super) fn lend(&mut self, body: &Bytes) -> usize {
        let phase = body.as_ptr() as usize % BLOCK;
        let gap = (phase + BLOCK - self.len() % BLOCK) % BLOCK;
        self.buffer.resize(self.buffer.len() + gap, 0);
        let begin = self.len();
        let first = (begin.next_multiple_of(BLOCK) - begin).min(body.len());
        let blocks = (body.len() - first) / BLOCK * BLOCK;
        self.buffer.extend_from_slice(&body[..first]);
        if blocks > 0 {
            self.lent.push((self.buffer.len(), body.slice(first..first + blocks)));
            self.lent_len += blocks;
        }
        self.buffer.extend_from_slice(&body[first + blocks..]);
        begin
    }

    /// What lies in this range of the buffer, and what is lent in between, in the order of the file.
    fn stretches(&self, range: Range<usize>) -> impl Iterator<Item = &[u8]> {
        let own = |from: usize, to: usize| &self.buffer[from..to];
        let begins = std::iter::once(range.start).chain(self.lent.iter().map(|(at, _)| *at));
        let ends = self.lent.iter().map(|(at, _)| *at).chain([range.end]);
        let lent = self.lent.iter().map(|(_, bytes)| &bytes[..]).chain([&[][..]]);
        begins.zip(ends).zip(lent).flat_map(move |((from, to), lent)| [own(from, to), lent]).filter(|s| !s.is_empty())
    }

    pub(super) fn room(&self) -> usize {
        self.buffer.capacity() - self.buffer.len() - 2 * BLOCK
    }
}

/// Where the bodies of a chunk start and how long it is: small chunks are packed, large ones keep their bodies where they
/// are and put the heads right before them.
pub(crate) fn layout(heads: usize, bodies: &Bodies) -> (usize, usize) {
    let front = HEADER + heads;
    let packed = bodies.len() < SMALL && bodies.lent.is_empty() || front > FRONT;
    let bodies_off = if packed { front } else { round_up(front) };
    (bodies_off, round_up(bodies_off + bodies.len()))
}

impl RawChunk {
    /// The chunk as it lies in the file, from this byte of the buffer on: that is aligned to 4 KiB in memory, as are all stretches
    /// between which there is something lent, and their lengths are multiples of that.
    pub(crate) fn finish(&mut self, shared: &Shared) -> usize {
        let header = ChunkHeader {
            kind: ChunkKind::Data,
            writer: shared.options.writer,
            epoch: shared.epoch,
            file: self.file.number(),
            generation: self.file.generation(),
            number: self.number,
            len: self.len as u32,
            head_len: self.heads.len() as u32,
            bodies_off: self.bodies_off as u32,
            entries: self.entries,
            first_lsn: self.first_lsn,
            committed: shared.synced(),
            base_time: self.base_time,
            body_len: self.bodies.len() as u64,
        };
        let start = self.assemble();
        header.write(&mut self.bodies.buffer[start..]);
        start
    }

    /// What is written of a finished chunk, in order.
    pub(crate) fn slices(&self, start: usize) -> impl Iterator<Item = IoSlice<'_>> {
        self.bodies.stretches(start..self.bodies.buffer.len()).map(IoSlice::new)
    }

    /// The chunk, header not yet written, from the byte of the buffer that this returns to its end.
    fn assemble(&mut self) -> usize {
        let body_len = self.bodies.len();
        let heads = HEADER + self.heads.len();
        let start = if heads > FRONT {
            let mut wide: Vec<u8> = Vec::with_capacity(self.len + BLOCK);
            let aligned = wide.as_ptr().align_offset(BLOCK);
            wide.resize(aligned + heads, 0);
            let bodies = self.bodies.start..self.bodies.buffer.len();
            self.bodies.stretches(bodies).for_each(|stretch| wide.extend_from_slice(stretch));
            self.bodies = Bodies { buffer: wide, aligned, start: aligned + heads, lent: Vec::new(), lent_len: 0 };
            aligned
        } else if self.bodies_off == heads {
            let to = self.bodies.aligned + heads;
            self.bodies.buffer.copy_within(self.bodies.start.., to);
            self.bodies.buffer.truncate(to + body_len);
            self.bodies.start = to;
            self.bodies.aligned
        } else {
            self.bodies.start - self.bodies_off
        };
        let buffer = &mut self.bodies.buffer;
        buffer[start + HEADER..start + heads].copy_from_slice(&self.heads);
        buffer[start + heads..start + self.bodies_off].fill(0);
        buffer.resize(start + self.len - self.bodies.lent_len, 0);
        start
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Options;
    use crate::disk::memory::MemoryDisk;
    use crate::entry::{Entry, Kind};
    use crate::files::Files;
    use crate::latch::{Latch, Work};
    use narumq_model::{ObjectId, Seq};

    fn latch() -> Latch {
        let file = Arc::new(FileUse::new(1, 7, 1 << 30));
        let files = Files::new(Arc::new(MemoryDisk::default()), (8 << 20, 64 << 20)).expect("an empty disk");
        Latch::new(&Options::default(), Lsn(1), file, Arc::new(files), Box::new(|| 1))
    }

    fn closed(mut latch: Latch) -> RawChunk {
        latch.close();
        match latch.work.pop_front() {
            Some(Work::Chunk(chunk)) => chunk,
            _ => panic!("a chunk was closed"),
        }
    }

    fn chunk_of(bodies: &[usize]) -> RawChunk {
        let mut latch = latch();
        for (n, len) in bodies.iter().enumerate() {
            let body = vec![(n % 250) as u8; *len];
            let mut entry = Entry::new(Kind::Enqueue, ObjectId(1), Time(5));
            entry.seq = Seq(n as u64 + 1);
            entry.body = &body;
            latch.reserve(entry.size_bound(), body.len());
            latch.push(&entry, 0);
        }
        closed(latch)
    }

    /// What would be written of a chunk; each slice fills blocks and begins one, in memory as in the file.
    fn written(chunk: &mut RawChunk) -> Vec<u8> {
        let start = chunk.assemble();
        let slices: Vec<_> = chunk.slices(start).collect();
        for slice in &slices {
            assert_eq!((slice.as_ptr().align_offset(BLOCK), slice.len() % BLOCK), (0, 0));
        }
        slices.iter().flat_map(|slice| slice.to_vec()).collect()
    }

    #[test]
    fn chunks_are_aligned_and_bodies_lie_where_the_layout_says() {
        for bodies in [&[10usize][..], &[1000; 3], &[1000; 100], &[16; 4000], &[1 << 20], &[3 << 20]] {
            let mut chunk = chunk_of(bodies);
            let bytes = written(&mut chunk);
            assert_eq!(bytes.len(), chunk.len);
            let mut at = chunk.bodies_off;
            for (n, len) in bodies.iter().enumerate() {
                assert!(bytes[at..at + len].iter().all(|b| *b == (n % 250) as u8), "body {n}");
                at += len;
            }
        }
    }

    #[test]
    fn lent_bodies_are_written_from_where_they_lie() {
        let pool = Bytes::from((0..1 << 20).map(|n: u32| (n / 7) as u8).collect::<Vec<u8>>());
        // Heads for which there is room, and more than that.
        for data in [0, 40 << 10] {
            let (mut latch, data, mut offsets) = (latch(), vec![1; data], Vec::new());
            let stretches =
                [(5, 40_000), (40_005, 70_000), (3 * BLOCK, 8 * BLOCK), (300_000, BLOCK), (77, 20), (4095, 4098)];
            for (n, (from, len)) in stretches.into_iter().enumerate() {
                let mut entry = Entry::new(Kind::Batch, ObjectId(1), Time(5)).with_data(&data);
                entry.seq = Seq(n as u64 + 1);
                latch.reserve(entry.size_bound() + 9, 9);
                latch.push(&Entry { body: b"in front!", ..entry }, 0);
                let before = latch.queued;
                latch.lend(&entry, &pool.slice(from..from + len), 0);
                assert!((len as u64..(len + 2 * BLOCK + 200 + data.len()) as u64).contains(&(latch.queued - before)));
                offsets.push((latch.bodies.len() - len, from, len));
            }
            let mut chunk = closed(latch);
            let bytes = written(&mut chunk);
            assert_eq!(bytes.len(), chunk.len);
            for (offset, from, len) in offsets {
                let at = chunk.bodies_off + offset;
                assert!(bytes[at..at + len] == pool[from..from + len], "{len} bytes from {from}");
            }
        }
    }

    #[test]
    fn one_small_message_is_one_block() {
        assert_eq!(chunk_of(&[1024]).len, BLOCK);
    }
}
