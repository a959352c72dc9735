//! The codecs of records: inflated within a bound, compressed as the Java client does it.
//!
//! ```text
//!   gzip    one member or several, back to back
//!   snappy  bare block, or the framing of snappy-java: 32 KiB blocks with their lengths
//!   lz4     one frame
//!   zstd    one frame or several, back to back
//! ```
//! What comes out is bounded by the caller. No memory is taken because a number in the bytes says so: only as many bytes
//! as the codec could make of those that are there.

mod gzip;
mod lz4;
mod snappy;
mod xxhash;
mod zstd;

use super::batch::{BatchHeader, Codec, HEADER_BYTES};
use super::error::BatchError;
use std::borrow::Cow;

/// The records of one whole batch, inflated if they are compressed, up to `bytes_max` bytes.
///
/// Refuses what is no batch, an unknown codec, what the codec does not understand, and more than `bytes_max` bytes; the
/// checksum is not looked at. Records inside are never compressed again: format 2 has no such thing.
pub fn inflate(batch: &[u8], bytes_max: usize) -> Result<Cow<'_, [u8]>, BatchError> {
    let header = BatchHeader::read(batch)?;
    let codec = header.attributes.codec().map_err(|id| BatchError::UnknownCodec { id })?;
    let section = batch.get(HEADER_BYTES..header.size());
    let section = section.ok_or(BatchError::Truncated { needed: header.size(), present: batch.len() })?;
    if codec == Codec::None {
        return Ok(Cow::Borrowed(section));
    }
    let mut out = Vec::new();
    inflate_section(codec, section, bytes_max, &mut out)?;
    Ok(Cow::Owned(out))
}

/// Appends what `section` inflates to; `out` must be empty.
pub(super) fn inflate_section(
    codec: Codec,
    section: &[u8],
    bytes_max: usize,
    out: &mut Vec<u8>,
) -> Result<(), BatchError> {
    match codec {
        Codec::None => out.extend_from_slice(section),
        Codec::Gzip => gzip::inflate(section, bytes_max, out)?,
        Codec::Snappy => snappy::inflate(section, bytes_max, out)?,
        Codec::Lz4 => lz4::inflate(section, bytes_max, out)?,
        Codec::Zstd => zstd::inflate(section, bytes_max, out)?,
    }
    if out.len() > bytes_max { Err(BatchError::InflatedTooLarge { bytes_max }) } else { Ok(()) }
}

/// Appends `section`, compressed, at the codec's default level.
pub(super) fn compress(codec: Codec, section: &[u8], out: &mut Vec<u8>) {
    compress_at(codec, None, section, out);
}

/// Appends `section`, compressed, at a level that gzip or zstd have; the others have one only.
pub(super) fn compress_at(codec: Codec, level: Option<i32>, section: &[u8], out: &mut Vec<u8>) {
    match codec {
        Codec::None => out.extend_from_slice(section),
        Codec::Gzip => gzip::compress(section, level, out),
        Codec::Snappy => snappy::compress(section, out),
        Codec::Lz4 => lz4::compress(section, out),
        Codec::Zstd => zstd::compress(section, level, out),
    }
}
