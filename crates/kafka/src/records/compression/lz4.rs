//! LZ4: one frame, decoded straight into the output.
//!
//! ```text
//!   04 22 4d 18 │ flags │ block sizes │ [content size u64] │ check │ { size u32 │ block │ [xxh32] }* │ 0 u32 │ [xxh32]
//!
//!   flags:        01 version │ independent blocks │ block checksums │ content size │ content checksum │ 0 │ dictionary
//!   block sizes:  0 │ 4 = 64 KiB, 5 = 256 KiB, 6 = 1 MiB, 7 = 4 MiB (3 bits) │ 0000
//!   check:        second byte of the xxh32 of flags to content size
//!   size:         the highest bit says that the block is stored as it is
//! ```
//! All numbers are little endian.

use super::BatchError;
use super::xxhash::xxh32;
use lz4_flex::block::{
    CompressTable, DecompressError, compress_into_with_table, decompress_into, decompress_into_with_dict,
    get_maximum_output_size,
};

const MAGIC: [u8; 4] = 0x184d_2204_u32.to_le_bytes();
const INDEPENDENT: u8 = 1 << 5;
const BLOCK_CHECKSUMS: u8 = 1 << 4;
const CONTENT_SIZE: u8 = 1 << 3;
const CONTENT_CHECKSUM: u8 = 1 << 2;
const STORED: u32 = 1 << 31;
/// What a block may refer to of those before it.
const WINDOW_BYTES: usize = 64 * 1024;
/// The most that a byte of a block can stand for.
const RATIO_MAX: usize = 255;
/// The blocks that we write, as the Java client does.
const BLOCK_BYTES: usize = 64 * 1024;

/// What the head of a frame says.
struct Frame {
    flags: u8,
    block_bytes_max: usize,
    content_bytes: Option<u64>,
}

/// Appends what `section` inflates to, at most `bytes_max` bytes.
pub(super) fn inflate(section: &[u8], bytes_max: usize, out: &mut Vec<u8>) -> Result<(), BatchError> {
    let mut rest = section;
    let frame = read_frame(&mut rest)?;
    loop {
        let size = take_u32(&mut rest)?;
        if size == 0 {
            break;
        }
        let block = take(&mut rest, (size & !STORED) as usize)?;
        if block.len() > frame.block_bytes_max {
            return Err(BatchError::Compression);
        }
        if frame.flags & BLOCK_CHECKSUMS != 0 && take_u32(&mut rest)? != xxh32(block) {
            return Err(BatchError::Compression);
        }
        if size & STORED == 0 {
            inflate_block(&frame, block, bytes_max, out)?;
        } else if block.len() > bytes_max - out.len() {
            return Err(BatchError::InflatedTooLarge { bytes_max });
        } else {
            out.extend_from_slice(block);
        }
    }
    let checksum_holds = frame.flags & CONTENT_CHECKSUM == 0 || take_u32(&mut rest)? == xxh32(out);
    let size_holds = frame.content_bytes.is_none_or(|bytes| bytes == out.len() as u64);
    if checksum_holds && size_holds && rest.is_empty() { Ok(()) } else { Err(BatchError::Compression) }
}

fn read_frame(rest: &mut &[u8]) -> Result<Frame, BatchError> {
    if take(rest, 4)? != MAGIC {
        return Err(BatchError::Compression);
    }
    let descriptor = *rest;
    let sizes = take(rest, 2)?;
    let (flags, block_sizes) = (sizes[0], sizes[1]);
    // Version 1, no dictionary, and the reserved bits zero.
    if flags & 0b1100_0011 != 0b0100_0000 || block_sizes & 0b1000_1111 != 0 || block_sizes < 4 << 4 {
        return Err(BatchError::Compression);
    }
    let mut content_bytes = None;
    if flags & CONTENT_SIZE != 0 {
        let bytes = take(rest, 8)?.first_chunk().expect("eight were taken");
        content_bytes = Some(u64::from_le_bytes(*bytes));
    }
    let checked = &descriptor[..descriptor.len() - rest.len()];
    if take(rest, 1)?[0] != (xxh32(checked) >> 8) as u8 {
        return Err(BatchError::Compression);
    }
    Ok(Frame { flags, block_bytes_max: 1 << (8 + 2 * (block_sizes >> 4)), content_bytes })
}

/// Appends one compressed block: first with room for eight times its size, then with all that it may need.
fn inflate_block(frame: &Frame, block: &[u8], bytes_max: usize, out: &mut Vec<u8>) -> Result<(), BatchError> {
    let (start, room) = (out.len(), bytes_max - out.len());
    let most = frame.block_bytes_max.min(block.len() * RATIO_MAX);
    let window = if frame.flags & INDEPENDENT == 0 { start.min(WINDOW_BYTES) } else { 0 };
    for attempt in [block.len() * 8, most] {
        let length = attempt.min(most).min(room);
        out.resize(start + length, 0);
        let (before, target) = out.split_at_mut(start);
        let written = match window {
            0 => decompress_into(block, target),
            _ => decompress_into_with_dict(block, target, &before[start - window..]),
        };
        match written {
            Ok(written) => {
                out.truncate(start + written);
                return Ok(());
            }
            Err(DecompressError::OutputTooSmall { .. }) if length == room && room < most => {
                return Err(BatchError::InflatedTooLarge { bytes_max });
            }
            Err(DecompressError::OutputTooSmall { .. }) => {}
            Err(_) => break,
        }
    }
    Err(BatchError::Compression)
}

fn take<'a>(rest: &mut &'a [u8], length: usize) -> Result<&'a [u8], BatchError> {
    let (taken, behind) = rest.split_at_checked(length).ok_or(BatchError::Compression)?;
    *rest = behind;
    Ok(taken)
}

fn take_u32(rest: &mut &[u8]) -> Result<u32, BatchError> {
    let (taken, behind) = rest.split_first_chunk().ok_or(BatchError::Compression)?;
    *rest = behind;
    Ok(u32::from_le_bytes(*taken))
}

/// Appends `section` as one frame of independent blocks.
pub(super) fn compress(section: &[u8], out: &mut Vec<u8>) {
    let descriptor = [0b0100_0000 | INDEPENDENT, 4 << 4];
    out.extend_from_slice(&MAGIC);
    out.extend_from_slice(&descriptor);
    out.push((xxh32(&descriptor) >> 8) as u8);
    let mut table = CompressTable::default();
    for block in section.chunks(BLOCK_BYTES) {
        let start = out.len() + 4;
        out.resize(start + get_maximum_output_size(block.len()), 0);
        let written = compress_into_with_table(block, &mut out[start..], &mut table);
        let written = written.expect("there is room for any outcome");
        let mut size = written as u32;
        if written >= block.len() {
            size = block.len() as u32 | STORED;
            out[start..start + block.len()].copy_from_slice(block);
        }
        out.truncate(start + (size & !STORED) as usize);
        out[start - 4..start].copy_from_slice(&size.to_le_bytes());
    }
    out.extend_from_slice(&[0; 4]);
}
