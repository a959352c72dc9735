//! Compaction of one batch: the records that stay, with their offsets, times, producer and sequence as they were.
//!
//! ```text
//!   base offset, last offset delta, producer fields   as before, even when the last record goes: the producer's last
//!                                                     sequence number follows from them
//!   base timestamp                                    as before, or the delete horizon (KIP-534), then bit 6 is set and
//!                                                     the records' timestamp deltas are written anew
//!   max timestamp                                     of the records that stay; as before if none does
//!   codec                                             as before; none if no record stays
//! ```

use super::batch::{Attributes, BatchHeader, Codec, NO_TIMESTAMP};
use super::compression::inflate;
use super::error::BatchError;
use super::rewrite::assemble;
use super::varint::{read_i32, read_i64, size, write};
use super::walk::read_record;
use std::borrow::Cow;

/// The records of `batch` whose place in `mask` is true, or lies behind its end; itself if all stay.
///
/// A batch without records is a header with count 0. Refuses what [`inflate`] refuses, `bytes_max` being what the
/// records may inflate to, and a record that cannot be read.
pub fn keep<'a>(batch: &'a [u8], mask: &[bool], bytes_max: usize) -> Result<Cow<'a, [u8]>, BatchError> {
    let header = BatchHeader::read(batch)?;
    if !mask.iter().take(header.count.max(0) as usize).any(|stays| !stays) {
        return Ok(Cow::Borrowed(batch));
    }
    rebuild(header, batch, mask, bytes_max, None).map(Cow::Owned)
}

/// Like [`keep`], and sets from when on tombstones and marks of transactions may go, in milliseconds since 1970.
pub fn keep_with_horizon(batch: &[u8], mask: &[bool], horizon: i64, bytes_max: usize) -> Result<Vec<u8>, BatchError> {
    rebuild(BatchHeader::read(batch)?, batch, mask, bytes_max, Some(horizon))
}

fn rebuild(
    mut header: BatchHeader,
    batch: &[u8],
    mask: &[bool],
    bytes_max: usize,
    horizon: Option<i64>,
) -> Result<Vec<u8>, BatchError> {
    let section = inflate(batch, bytes_max)?;
    let mut kept = Vec::with_capacity(section.len());
    let (mut at, mut count, mut latest) = (0, 0, NO_TIMESTAMP);
    for index in 0..header.count {
        let start = at;
        let record =
            read_record(&section, &mut at).map_err(|fault| BatchError::Malformed { index: index as u32, fault })?;
        if !mask.get(index as usize).copied().unwrap_or(true) {
            continue;
        }
        let timestamp = header.base_timestamp.wrapping_add(record.timestamp_delta);
        match horizon {
            None => kept.extend_from_slice(&section[start..at]),
            Some(horizon) => write_with_delta(&mut kept, &section[start..at], timestamp.wrapping_sub(horizon)),
        }
        latest = latest.max(timestamp);
        count += 1;
    }
    header.count = count;
    if count == 0 {
        header.attributes = header.attributes.with_codec(Codec::None);
        header.attributes.0 &= !Attributes::DELETE_HORIZON;
        header.base_timestamp = NO_TIMESTAMP;
        return Ok(assemble(&header, &[]));
    }
    if !header.attributes.has(Attributes::LOG_APPEND_TIME) {
        header.max_timestamp = latest;
    }
    if let Some(horizon) = horizon {
        header.attributes.0 |= Attributes::DELETE_HORIZON;
        header.base_timestamp = horizon;
    }
    Ok(assemble(&header, &kept))
}

/// Appends `record`, which has been read before, with another timestamp delta.
fn write_with_delta(out: &mut Vec<u8>, record: &[u8], timestamp_delta: i64) {
    let mut at = 0;
    let _length = read_i32(record, &mut at);
    let attributes = record[at];
    at += 1;
    let _timestamp_delta = read_i64(record, &mut at);
    let behind = &record[at..];
    write(out, (1 + size(timestamp_delta) + behind.len()) as i64);
    out.push(attributes);
    write(out, timestamp_delta);
    out.extend_from_slice(behind);
}
