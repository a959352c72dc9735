//! Bytes that lie anywhere become writes of whole blocks: from where they lie, if that is aligned, or by way of a room.
//!
//! ```text
//!  file     |....block....|....block....|....block....|....block....|
//!  pieces   [before][ piece, its pages as the file's         ][ piece ]
//!  parts    [ room        ][ straight                 ][ room, zeros  ]
//! ```

use crate::chunk::BLOCK;
use crate::disk::File;
use std::io;
use std::ops::Range;

/// Bytes written at once, or some more: a device is asked less often by large writes, and what else waits for it waits longer.
const WRITE: usize = 2 << 20;
/// Bytes of the room.
const ROOM: usize = 1 << 20;
/// Fewer bytes in a row than these are copied: a part of a write costs, too.
const STRAIGHT_MIN: usize = 32 << 10;

/// What is written next.
enum Part<'a> {
    /// This stretch of the room.
    Room(Range<usize>),
    /// Whole blocks where they lie.
    Straight(&'a [u8]),
}

/// Writes to one file, one behind the other. Offsets, lengths and addresses are multiples of 4 KiB.
pub(super) struct Gather<'a> {
    file: &'a dyn File,
    at: u64,
    room: &'a mut [u8],
    /// How much of the room is in use, and from where on no part names it yet.
    filled: usize,
    named: usize,
    parts: Vec<Part<'a>>,
    straight: usize,
}

impl<'a> Gather<'a> {
    /// Begins at `at`, a multiple of 4 KiB. The buffer is this one's to use; what it holds does not matter.
    pub(super) fn new(file: &'a dyn File, at: u64, buffer: &'a mut Vec<u8>) -> Self {
        buffer.resize(ROOM + BLOCK, 0);
        let start = buffer.as_ptr().align_offset(BLOCK);
        let room = &mut buffer[start..start + ROOM];
        Self { file, at, room, filled: 0, named: 0, parts: Vec::new(), straight: 0 }
    }

    /// What comes next.
    pub(super) fn push(&mut self, mut bytes: &'a [u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            let pad = self.filled.next_multiple_of(BLOCK) - self.filled;
            let blocks = bytes.len().saturating_sub(pad) / BLOCK * BLOCK;
            let lies_well = bytes.as_ptr().wrapping_add(pad).align_offset(BLOCK) == 0;
            if blocks >= STRAIGHT_MIN && lies_well {
                self.copy(&bytes[..pad]);
                self.name();
                self.parts.push(Part::Straight(&bytes[pad..pad + blocks]));
                self.straight += blocks;
                bytes = &bytes[pad + blocks..];
            } else {
                let taken = bytes.len().min(self.room.len() - self.filled);
                self.copy(&bytes[..taken]);
                bytes = &bytes[taken..];
            }
            // Only whole blocks are written before the end.
            let enough = self.filled == self.room.len() || self.filled + self.straight >= WRITE;
            if enough && self.filled.is_multiple_of(BLOCK) {
                self.flush()?;
            }
        }
        Ok(())
    }

    /// Fills the last block up with zeros and writes what is left. Returns where the file's next block begins.
    pub(super) fn end(mut self) -> io::Result<u64> {
        let len = self.filled.next_multiple_of(BLOCK);
        self.room[self.filled..len].fill(0);
        self.filled = len;
        self.flush()?;
        Ok(self.at)
    }

    fn copy(&mut self, bytes: &[u8]) {
        self.room[self.filled..self.filled + bytes.len()].copy_from_slice(bytes);
        self.filled += bytes.len();
    }

    fn name(&mut self) {
        if self.filled > self.named {
            self.parts.push(Part::Room(self.named..self.filled));
            self.named = self.filled;
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.name();
        let slice = |part: &Part<'a>| match part {
            Part::Room(range) => io::IoSlice::new(&self.room[range.clone()]),
            Part::Straight(bytes) => io::IoSlice::new(bytes),
        };
        let mut slices: Vec<io::IoSlice<'_>> = self.parts.iter().map(slice).collect();
        if !slices.is_empty() {
            self.file.write_vectored_at(&mut slices, self.at)?;
        }
        self.at += (self.filled + self.straight) as u64;
        self.parts.clear();
        (self.filled, self.named, self.straight) = (0, 0, 0);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::Disk;
    use crate::disk::memory::MemoryDisk;

    /// Bytes at an address that is `phase` behind a multiple of 4 KiB.
    fn lying_at(phase: usize, bytes: &[u8]) -> (Vec<u8>, Range<usize>) {
        let mut buffer = vec![0; bytes.len() + 2 * BLOCK];
        let start = buffer.as_ptr().align_offset(BLOCK) + phase;
        buffer[start..start + bytes.len()].copy_from_slice(bytes);
        (buffer, start..start + bytes.len())
    }

    #[test]
    fn the_file_holds_the_pieces_wherever_they_lay() {
        let mut random = 7u64;
        let mut next = |below: usize| {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (random >> 33) as usize % below
        };
        for round in 0..60 {
            let mut wanted = vec![0u8; BLOCK];
            let mut laid = Vec::new();
            for _ in 0..1 + next(8) {
                let len = [1, 300, BLOCK, STRAIGHT_MIN + BLOCK, 150_000, WRITE + 5_000][next(6)];
                let bytes: Vec<u8> = (0..len).map(|_| next(256) as u8).collect();
                // As often as not the address fits the place in the file.
                let phase = if next(2) == 0 { wanted.len() % BLOCK } else { next(BLOCK) };
                laid.push(lying_at(phase, &bytes));
                wanted.extend(bytes);
            }
            let file = MemoryDisk::default().open("f", true).expect("it is made");
            let mut buffer = vec![0xff; round];
            let mut gather = Gather::new(file.as_ref(), BLOCK as u64, &mut buffer);
            laid.iter().try_for_each(|(buffer, range)| gather.push(&buffer[range.clone()])).expect("it is written");
            let end = gather.end().expect("it is written");
            wanted.resize(wanted.len().next_multiple_of(BLOCK), 0);
            assert_eq!(end, wanted.len() as u64);
            let mut found = vec![1; wanted.len()];
            assert_eq!(file.read_at(&mut found, 0).expect("it can be read"), wanted.len());
            assert!(found == wanted, "round {round}");
        }
    }

    #[test]
    fn what_lies_well_is_not_copied() {
        let (buffer, range) = lying_at(100, &vec![9; 200_000]);
        let file = MemoryDisk::default().open("f", true).expect("it is made");
        let mut room = Vec::new();
        let mut gather = Gather::new(file.as_ref(), 0, &mut room);
        gather.push(&[1; 100]).expect("it is written");
        gather.push(&buffer[range]).expect("it is written");
        // All but the rest of the first block and the beginning of the last one.
        assert_eq!(gather.straight, (200_000 - (BLOCK - 100)) / BLOCK * BLOCK);
        assert_eq!(gather.filled, BLOCK + (200_000 - (BLOCK - 100)) % BLOCK);
        assert_eq!(gather.end().expect("it is written"), (200_100usize).next_multiple_of(BLOCK) as u64);
    }
}
