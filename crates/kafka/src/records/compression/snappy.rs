//! Snappy: a bare block as librdkafka writes it, or blocks in the framing of snappy-java.
//!
//! ```text
//!   82 'S' 'N' 'A' 'P' 'P' 'Y' 00 │ version i32 = 1 │ oldest reader's version i32 = 1 │ { length i32 │ block }*
//! ```

use super::BatchError;
use snap::raw::{Decoder, Encoder, decompress_len, max_compress_len};

const MAGIC: &[u8; 8] = b"\x82SNAPPY\0";
const FRAMING_BYTES: usize = 16;
/// What snappy-java takes for one block.
const BLOCK_BYTES: usize = 32 * 1024;
/// The most that a byte of a block can stand for: three bytes copy up to 64.
const RATIO_MAX: usize = 22;

/// Appends what `section` inflates to, at most `bytes_max` bytes.
pub(super) fn inflate(section: &[u8], bytes_max: usize, out: &mut Vec<u8>) -> Result<(), BatchError> {
    if !section.starts_with(MAGIC) {
        return inflate_block(section, bytes_max, out);
    }
    let mut rest = section.get(FRAMING_BYTES..).ok_or(BatchError::Compression)?;
    while !rest.is_empty() {
        let (length, behind) = rest.split_first_chunk().ok_or(BatchError::Compression)?;
        let length = u32::from_be_bytes(*length) as usize;
        let (block, behind) = behind.split_at_checked(length).ok_or(BatchError::Compression)?;
        inflate_block(block, bytes_max, out)?;
        rest = behind;
    }
    Ok(())
}

fn inflate_block(block: &[u8], bytes_max: usize, out: &mut Vec<u8>) -> Result<(), BatchError> {
    let (start, length) = (out.len(), decompress_len(block).map_err(|_| BatchError::Compression)?);
    if length > block.len().saturating_mul(RATIO_MAX) {
        return Err(BatchError::Compression);
    }
    if length > bytes_max - start {
        return Err(BatchError::InflatedTooLarge { bytes_max });
    }
    out.resize(start + length, 0);
    Decoder::new().decompress(block, &mut out[start..]).map(|_| ()).map_err(|_| BatchError::Compression)
}

/// Appends `section` in the framing of snappy-java.
pub(super) fn compress(section: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(MAGIC);
    out.extend_from_slice(&[0, 0, 0, 1, 0, 0, 0, 1]);
    let mut encoder = Encoder::new();
    for block in section.chunks(BLOCK_BYTES) {
        let start = out.len() + 4;
        out.resize(start + max_compress_len(block.len()), 0);
        let written = encoder.compress(block, &mut out[start..]).expect("there is room for any outcome");
        out.truncate(start + written);
        out[start - 4..start].copy_from_slice(&(written as u32).to_be_bytes());
    }
}
