//! Chunks: what is written as a whole, and after a crash is there as a whole or not at all.
//!
//! ```text
//! 0        104          104+head_len        bodies_off                    len (multiple of 4096)
//! ├ header ┼ heads ─────┼ zeros (< 4 KiB) ──┼ bodies ──────── zeros ──────┤
//!
//! header, little endian:
//!   0  u32 magic "NRQ1"     4  u8 version = 1   5  u8 kind (0 data, 1 footer)   6  u16 file kind (0 log, 1 survivor)
//!   8  u32 CRC32C of header[12..104] and heads
//!   12 u32 writer           16 u64 epoch        24 u64 file number              32 u64 file generation (random)
//!   40 u64 chunk number in the file, from 0     48 u32 len                      52 u32 head_len
//!   56 u32 bodies_off       60 u32 entries      64 u64 first LSN                72 u64 committed LSN
//!   80 u64 base time        88 u64 body bytes   96 u64 reserved
//! ```
//! A chunk starts at a multiple of 4 KiB. Heads precede bodies; each head carries its own body's CRC.

use crate::files::SURVIVOR;
use narumq_model::{Epoch, Lsn, Time, WriterId};

/// Alignment of chunks and of the buffers they are written from.
pub const BLOCK: usize = 4096;
/// Bytes of a chunk's header.
pub const HEADER: usize = 104;
/// LSNs and epochs stay far below what could overflow; a chunk that says otherwise is none.
const NUMBERS: u64 = 1 << 62;
const MAGIC: u32 = u32::from_le_bytes(*b"NRQ1");

/// CRC32C (Castagnoli).
#[inline]
pub fn crc32c(bytes: &[u8]) -> u32 {
    crc_fast::checksum(crc_fast::CrcAlgorithm::Crc32Iscsi, bytes) as u32
}

/// What a chunk holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChunkKind {
    /// Entries.
    Data = 0,
    /// The index of a sealed file.
    Footer = 1,
}

/// A chunk's header, all but the CRC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChunkHeader {
    /// What it holds.
    pub kind: ChunkKind,
    /// Whose log.
    pub writer: WriterId,
    /// The epoch that wrote it.
    pub epoch: Epoch,
    /// The number in the file's name.
    pub file: u64,
    /// The file's generation: new random bits at each reuse.
    pub generation: u64,
    /// Chunk number in the file, from 0.
    pub number: u64,
    /// Whole length in bytes, a multiple of [`BLOCK`].
    pub len: u32,
    /// Length of all heads in bytes.
    pub head_len: u32,
    /// Where the bodies start.
    pub bodies_off: u32,
    /// How many entries.
    pub entries: u32,
    /// LSN of the first entry.
    pub first_lsn: Lsn,
    /// Everything up to here was durable when this chunk was written.
    pub committed: Lsn,
    /// What the heads' times are relative to.
    pub base_time: Time,
    /// Length of all bodies in bytes.
    pub body_len: u64,
}

impl ChunkHeader {
    /// Writes header and CRC into `chunk[..HEADER]`; the heads must stand behind it already.
    pub fn write(&self, chunk: &mut [u8]) {
        chunk[..HEADER].fill(0);
        chunk[0..4].copy_from_slice(&MAGIC.to_le_bytes());
        chunk[4] = 1;
        chunk[5] = self.kind as u8;
        chunk[6] = u8::from(self.file & SURVIVOR != 0);
        chunk[12..16].copy_from_slice(&self.writer.0.to_le_bytes());
        for (at, n) in [(16, self.epoch.0), (24, self.file), (32, self.generation), (40, self.number)] {
            chunk[at..at + 8].copy_from_slice(&n.to_le_bytes());
        }
        for (at, n) in [(48, self.len), (52, self.head_len), (56, self.bodies_off), (60, self.entries)] {
            chunk[at..at + 4].copy_from_slice(&n.to_le_bytes());
        }
        let tail = [(64, self.first_lsn.0), (72, self.committed.0), (80, self.base_time.0), (88, self.body_len)];
        for (at, n) in tail {
            chunk[at..at + 8].copy_from_slice(&n.to_le_bytes());
        }
        let crc = crc32c(&chunk[12..HEADER + self.head_len as usize]);
        chunk[8..12].copy_from_slice(&crc.to_le_bytes());
    }

    /// Reads the fixed part and checks what can be checked without the heads. `None` if this is no chunk header.
    pub fn read(block: &[u8]) -> Option<Self> {
        let u32_at = |at: usize| Some(u32::from_le_bytes(block.get(at..at + 4)?.try_into().ok()?));
        let u64_at = |at: usize| Some(u64::from_le_bytes(block.get(at..at + 8)?.try_into().ok()?));
        if u32_at(0)? != MAGIC || *block.get(4)? != 1 || block.len() < HEADER {
            return None;
        }
        let header = Self {
            kind: match block[5] {
                0 => ChunkKind::Data,
                1 => ChunkKind::Footer,
                _ => return None,
            },
            writer: WriterId(u32_at(12)?),
            epoch: Epoch(u64_at(16)?),
            file: u64_at(24)?,
            generation: u64_at(32)?,
            number: u64_at(40)?,
            len: u32_at(48)?,
            head_len: u32_at(52)?,
            bodies_off: u32_at(56)?,
            entries: u32_at(60)?,
            first_lsn: Lsn(u64_at(64)?),
            committed: Lsn(u64_at(72)?),
            base_time: Time(u64_at(80)?),
            body_len: u64_at(88)?,
        };
        let sane = header.len as usize >= BLOCK
            && (header.len as usize).is_multiple_of(BLOCK)
            && HEADER as u64 + u64::from(header.head_len) <= u64::from(header.bodies_off)
            && u64::from(header.bodies_off).checked_add(header.body_len)? <= u64::from(header.len)
            && (header.kind == ChunkKind::Footer || header.entries > 0 && header.first_lsn > Lsn(0))
            && header.first_lsn.0 < NUMBERS
            && (block[6], block[7]) == (u8::from(header.file & SURVIVOR != 0), 0)
            && header.epoch.0 < NUMBERS;
        sane.then_some(header)
    }

    /// Whether a block starts as a chunk of a version that is not known here.
    pub fn is_later_version(block: &[u8]) -> bool {
        block.len() >= HEADER && block[0..4] == MAGIC.to_le_bytes() && block[4] > 1
    }

    /// LSN of the last entry of a data chunk.
    pub fn last_lsn(&self) -> Lsn {
        Lsn(self.first_lsn.0 + u64::from(self.entries) - 1)
    }

    /// Whether the CRC over header and heads holds; `chunk` has at least `HEADER + head_len` bytes.
    pub fn verify(&self, chunk: &[u8]) -> bool {
        let stored = u32::from_le_bytes([chunk[8], chunk[9], chunk[10], chunk[11]]);
        chunk.get(12..HEADER + self.head_len as usize).is_some_and(|covered| crc32c(covered) == stored)
    }
}

/// Rounds up to a multiple of [`BLOCK`].
pub fn round_up(len: usize) -> usize {
    len.next_multiple_of(BLOCK)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header() -> ChunkHeader {
        ChunkHeader {
            kind: ChunkKind::Data,
            writer: WriterId(3),
            epoch: Epoch(4),
            file: 5,
            generation: 6,
            number: 7,
            len: 8192,
            head_len: 100,
            bodies_off: 4096,
            entries: 2,
            first_lsn: Lsn(9),
            committed: Lsn(8),
            base_time: Time(1_000),
            body_len: 4_000,
        }
    }

    #[test]
    fn a_header_comes_back_and_its_crc_covers_the_heads() {
        let mut chunk = vec![7u8; 8192];
        header().write(&mut chunk);
        let read = ChunkHeader::read(&chunk).expect("a header");
        assert_eq!(read, header());
        assert!(read.verify(&chunk));
        for at in (12..HEADER + 100).step_by(3) {
            let mut broken = chunk.clone();
            broken[at] ^= 1;
            assert!(!ChunkHeader::read(&broken).is_some_and(|h| h.verify(&broken)), "flip at {at}");
        }
    }

    #[test]
    fn crc_is_castagnoli() {
        assert_eq!(crc32c(b"123456789"), 0xe306_9283);
    }
}
