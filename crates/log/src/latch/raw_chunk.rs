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

use crate::chunk::{BLOCK, ChunkHeader, ChunkKind, HEADER, round_up};
use crate::files::FileUse;
use crate::shared::Shared;
use narumq_model::{Lsn, Time};
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
}

/// Room before the bodies for header and heads.
const FRONT: usize = 128 << 10;
/// Chunks with fewer body bytes are written without a gap between heads and bodies.
const SMALL: usize = 64 << 10;

impl Bodies {
    pub(crate) fn new(capacity: usize, mut buffer: Vec<u8>) -> Self {
        buffer.clear();
        buffer.reserve(FRONT + capacity + 3 * BLOCK);
        let aligned = buffer.as_ptr().align_offset(BLOCK);
        buffer.resize(aligned + FRONT, 0);
        Self { buffer, aligned, start: aligned + FRONT }
    }

    pub(crate) fn len(&self) -> usize {
        self.buffer.len() - self.start
    }

    pub(super) fn room(&self) -> usize {
        self.buffer.capacity() - self.buffer.len() - 2 * BLOCK
    }
}

/// Where the bodies of a chunk start and how long it is: small chunks are packed, large ones keep their bodies where they
/// are and put the heads right before them.
pub(crate) fn layout(heads: usize, bodies: usize) -> (usize, usize) {
    let front = HEADER + heads;
    let bodies_off = if bodies < SMALL || front > FRONT { front } else { round_up(front) };
    (bodies_off, round_up(bodies_off + bodies))
}

impl RawChunk {
    /// The chunk as it lies in the file: aligned to 4 KiB in memory, its length a multiple of that.
    pub(crate) fn finish(&mut self, shared: &Shared) -> Range<usize> {
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
        let (start, end) = self.assemble();
        header.write(&mut self.bodies.buffer[start..end]);
        start..end
    }

    /// The chunk as one run of bytes, header not yet written: (buffer, start, end), start aligned to 4 KiB in memory.
    pub(crate) fn assemble(&mut self) -> (usize, usize) {
        let body_len = self.bodies.len();
        let heads = HEADER + self.heads.len();
        let start = if heads > FRONT {
            let mut wide: Vec<u8> = Vec::with_capacity(self.len + BLOCK);
            let aligned = wide.as_ptr().align_offset(BLOCK);
            wide.resize(aligned + heads, 0);
            wide.extend_from_slice(&self.bodies.buffer[self.bodies.start..]);
            self.bodies = Bodies { buffer: wide, aligned, start: aligned + heads };
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
        buffer.resize(start + self.len, 0);
        (start, start + self.len)
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

    fn chunk_of(bodies: &[usize]) -> RawChunk {
        let file = Arc::new(FileUse::new(1, 7, 1 << 30));
        let files = Files::new(Arc::new(MemoryDisk::default()), (8 << 20, 64 << 20)).expect("an empty disk");
        let mut latch = Latch::new(&Options::default(), Lsn(1), file, Arc::new(files), Box::new(|| 1));
        for (n, len) in bodies.iter().enumerate() {
            let body = vec![(n % 250) as u8; *len];
            let mut entry = Entry::new(Kind::Enqueue, ObjectId(1), Time(5));
            entry.seq = Seq(n as u64 + 1);
            entry.body = &body;
            latch.reserve(entry.size_bound(), body.len());
            latch.push(&entry, 0);
        }
        latch.close();
        match latch.work.pop_front() {
            Some(Work::Chunk(chunk)) => chunk,
            _ => panic!("a chunk was closed"),
        }
    }

    #[test]
    fn chunks_are_aligned_and_bodies_lie_where_the_layout_says() {
        for bodies in [&[10usize][..], &[1000; 3], &[1000; 100], &[16; 4000], &[1 << 20], &[3 << 20]] {
            let mut chunk = chunk_of(bodies);
            let (start, end) = chunk.assemble();
            assert_eq!(chunk.bodies.buffer[start..].as_ptr().align_offset(BLOCK), 0);
            assert_eq!((end - start) % BLOCK, 0);
            assert_eq!(end - start, chunk.len);
            let mut at = start + chunk.bodies_off;
            for (n, len) in bodies.iter().enumerate() {
                assert!(chunk.bodies.buffer[at..at + len].iter().all(|b| *b == (n % 250) as u8), "body {n}");
                at += len;
            }
        }
    }

    #[test]
    fn one_small_message_is_one_block() {
        assert_eq!(chunk_of(&[1024]).len, BLOCK);
    }
}
