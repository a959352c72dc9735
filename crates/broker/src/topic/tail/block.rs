//! Where batches are put next: blocks of memory that grow with their partition.
//!
//! Many small partitions cost little so. Where large blocks begin is chosen so that memory and segment have the same place in
//! their blocks of 4 KiB: the copier, and the log, write them from where they lie.

use crate::topic::copy::BLOCK;
use bytes::{Buf, BytesMut};

/// Smallest and largest block.
pub(super) const MIN: usize = 4 << 10;
const MAX: usize = 1 << 20;
/// Blocks from this size on begin at a chosen place.
const PLACED_MIN: usize = 64 << 10;

/// How large the next block of a tail of `len` bytes is.
pub(super) fn usual(len: u64) -> usize {
    (len as usize / 4).next_power_of_two().clamp(MIN, MAX)
}

/// An empty block with room for `len` bytes. Its first byte will lie at `at` in a file.
pub(super) fn new(len: usize, at: u64) -> BytesMut {
    if len < PLACED_MIN {
        return BytesMut::with_capacity(len);
    }
    let mut block = BytesMut::with_capacity(len + BLOCK as usize);
    let before = (at as usize).wrapping_sub(block.as_ptr() as usize) % BLOCK as usize;
    block.resize(before, 0);
    block.advance(before);
    block
}
