//! Writing header fields: into a batch in place, with or without a new checksum, and the records under another codec.
//!
//! ```text
//!   0 base offset │ 8 length │ 12 leader epoch │ 16 magic │ 17 checksum │ 21 attributes … 35 max timestamp …
//!   └── patch: outside of the checksum ──────┘               └── set_…: inside, so the checksum is made anew
//! ```

use super::batch::{
    ATTRIBUTES, Attributes, BASE_SEQUENCE, BASE_TIMESTAMP, BatchHeader, CHECKSUM, COUNT, Codec, HEADER_BYTES,
    LAST_OFFSET_DELTA, LEADER_EPOCH, LENGTH, LENGTH_END, MAGIC, MAX_TIMESTAMP, PRODUCER_EPOCH, PRODUCER_ID,
};
use super::compression::{compress_at, inflate};
use super::error::BatchError;
use std::borrow::Cow;

/// Sets what an append gives a batch: its base offset and the leader's epoch. The checksum covers neither.
///
/// # Panics
/// If `batch` is shorter than a header.
pub fn patch(batch: &mut [u8], base_offset: i64, leader_epoch: i32) {
    put(batch, 0, base_offset.to_be_bytes());
    put(batch, LEADER_EPOCH, leader_epoch.to_be_bytes());
}

/// Makes `now`, in milliseconds since 1970, the time of all records of `batch`, whatever they say themselves.
///
/// # Panics
/// If `batch` is shorter than a header.
pub fn set_log_append_time(batch: &mut [u8], now: i64) {
    let attributes = attributes(batch).0 | Attributes::LOG_APPEND_TIME;
    put(batch, ATTRIBUTES, attributes.to_be_bytes());
    set_max_timestamp(batch, now);
}

/// Corrects the max timestamp of `batch`, in milliseconds since 1970, where its header and its records differ.
///
/// # Panics
/// If `batch` is shorter than a header.
pub fn set_max_timestamp(batch: &mut [u8], max_timestamp: i64) {
    put(batch, MAX_TIMESTAMP, max_timestamp.to_be_bytes());
    seal(batch);
}

/// The same batch under another codec; itself if it has that one already.
///
/// Refuses what [`inflate`] refuses, `bytes_max` being what the records may inflate to.
pub fn recompress(batch: &[u8], codec: Codec, bytes_max: usize) -> Result<Cow<'_, [u8]>, BatchError> {
    recompress_at(batch, codec, None, bytes_max)
}

/// The same as [`recompress`], at a level of the codec; none is the codec's own, which those that have one level always use.
pub fn recompress_at(
    batch: &[u8],
    codec: Codec,
    level: Option<i32>,
    bytes_max: usize,
) -> Result<Cow<'_, [u8]>, BatchError> {
    let header = BatchHeader::read(batch)?;
    if header.attributes.codec() == Ok(codec) {
        return Ok(Cow::Borrowed(batch));
    }
    let section = inflate(batch, bytes_max)?;
    let header = BatchHeader { attributes: header.attributes.with_codec(codec), ..header };
    Ok(Cow::Owned(assemble_at(&header, &section, level)))
}

/// A batch of this header and these records, which it compresses if the header's attributes say so.
///
/// Length and checksum are those of the bytes, whatever the header says.
pub(super) fn assemble(header: &BatchHeader, section: &[u8]) -> Vec<u8> {
    assemble_at(header, section, None)
}

fn assemble_at(header: &BatchHeader, section: &[u8], level: Option<i32>) -> Vec<u8> {
    let mut batch = Vec::with_capacity(HEADER_BYTES + section.len());
    batch.resize(HEADER_BYTES, 0);
    compress_at(header.attributes.codec().unwrap_or(Codec::None), level, section, &mut batch);
    write_header(&mut batch, header);
    batch
}

/// Writes all fields of `header` at the start of `batch`, but length and checksum as its bytes give them.
pub(super) fn write_header(batch: &mut [u8], header: &BatchHeader) {
    put(batch, 0, header.base_offset.to_be_bytes());
    put(batch, LEADER_EPOCH, header.leader_epoch.to_be_bytes());
    put(batch, MAGIC, [2]);
    put(batch, ATTRIBUTES, header.attributes.0.to_be_bytes());
    put(batch, LAST_OFFSET_DELTA, header.last_offset_delta.to_be_bytes());
    put(batch, BASE_TIMESTAMP, header.base_timestamp.to_be_bytes());
    put(batch, MAX_TIMESTAMP, header.max_timestamp.to_be_bytes());
    put(batch, PRODUCER_ID, header.producer_id.to_be_bytes());
    put(batch, PRODUCER_EPOCH, header.producer_epoch.to_be_bytes());
    put(batch, BASE_SEQUENCE, header.base_sequence.to_be_bytes());
    put(batch, COUNT, header.count.to_be_bytes());
    put(batch, LENGTH, ((batch.len() - LENGTH_END) as u32).to_be_bytes());
    seal(batch);
}

/// Writes the checksum.
fn seal(batch: &mut [u8]) {
    let checksum = crc_fast::crc32_iscsi(&batch[ATTRIBUTES..]);
    put(batch, CHECKSUM, checksum.to_be_bytes());
}

fn attributes(batch: &[u8]) -> Attributes {
    Attributes(u16::from_be_bytes([batch[ATTRIBUTES], batch[ATTRIBUTES + 1]]))
}

fn put<const N: usize>(batch: &mut [u8], at: usize, field: [u8; N]) {
    batch[at..at + N].copy_from_slice(&field);
}
