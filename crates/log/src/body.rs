//! Where message bodies lie: in the chunk of their head, or, if several heads share one, earlier in the same file.

use crate::chunk::BLOCK;
use crate::index::ChunkAt;

/// Where a head says that its body lies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BodyAt {
    /// Offset in bytes, from the chunk's first body byte or from the file's start.
    pub offset: u64,
    /// Whether it counts from the file's start: the body lies in an earlier chunk.
    pub in_file: bool,
    /// Length in bytes.
    pub len: u64,
    /// CRC32C of the bytes.
    pub crc: u32,
}

impl BodyAt {
    /// A place where no body lies: no bytes, and a checksum that no bytes do not have.
    pub(crate) const NOWHERE: Self = Self { offset: 0, in_file: true, len: 0, crc: 1 };

    /// The same counted from the file's start; `bodies`: where the first body byte of the head's chunk lies, `body_len`:
    /// how many body bytes that chunk has. `None` if it lies outside of what was written by then.
    pub(crate) fn in_file(self, bodies: u64, body_len: u64) -> Option<Self> {
        let end = self.offset.checked_add(self.len)?;
        let (offset, inside) =
            if self.in_file { (self.offset, end <= bodies) } else { (bodies + self.offset, end <= body_len) };
        inside.then_some(Self { offset, in_file: true, ..self })
    }
}

/// A body that was appended, for heads to come that share it.
#[derive(Clone, Copy, Debug)]
pub struct BodyPlace {
    /// The file's number and generation.
    pub(crate) file: (u64, u64),
    /// Place of the chunk in the file's index.
    pub(crate) chunk: u32,
    /// From the chunk's first body byte.
    pub(crate) offset: u64,
    pub(crate) len: u64,
    pub(crate) crc: u32,
}

impl BodyPlace {
    /// What a head says of it in the open chunk of this file, whose earlier chunks are these. `None` if it lies in another
    /// file: the body must be appended again.
    pub(crate) fn seen_from(&self, file: (u64, u64), chunks: &[ChunkAt]) -> Option<BodyAt> {
        let Self { chunk, offset, len, crc, .. } = *self;
        if self.file != file {
            return None;
        }
        Some(match chunks.get(chunk as usize) {
            Some(at) => {
                let bodies = u64::from(at.block) * BLOCK as u64 + u64::from(at.bodies_off);
                BodyAt { offset: bodies + offset, in_file: true, len, crc }
            }
            None => BodyAt { offset, in_file: false, len, crc },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_seen_from_its_chunk_a_later_one_and_no_other_file() {
        let place = BodyPlace { file: (3, 99), chunk: 1, offset: 70, len: 10, crc: 5 };
        let chunks = [ChunkAt { block: 0, bodies_off: 200 }, ChunkAt { block: 2, bodies_off: 300 }];
        let near = BodyAt { offset: 70, in_file: false, len: 10, crc: 5 };
        assert_eq!(place.seen_from((3, 99), &chunks[..1]), Some(near));
        let far = BodyAt { offset: 2 * 4096 + 300 + 70, in_file: true, len: 10, crc: 5 };
        assert_eq!(place.seen_from((3, 99), &chunks), Some(far));
        assert_eq!(place.seen_from((3, 98), &chunks), None);
        assert_eq!(near.in_file(2 * 4096 + 300, 80), Some(far));
        assert_eq!((near.in_file(8192, 79), far.in_file(far.offset + 9, 0)), (None, None));
        assert_eq!(BodyAt { offset: u64::MAX, ..near }.in_file(0, 0), None);
    }
}
