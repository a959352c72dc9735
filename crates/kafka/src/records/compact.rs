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
use super::walk::{RawRecord, read_record};
use std::borrow::Cow;

/// A record as compaction sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Keyed<'a> {
    /// Its offset.
    pub offset: i64,
    /// Its key, if it has one.
    pub key: Option<&'a [u8]>,
    /// Whether it has no value: it deletes its key.
    pub is_tombstone: bool,
}

/// What is left of a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kept {
    /// All of it, byte by byte.
    Same,
    /// Some of its records.
    Records(Vec<u8>),
    /// Its header.
    Empty(Vec<u8>),
}

/// Tells each record of `batch`, in order; of a control batch none.
///
/// Refuses what [`inflate`] refuses, `bytes_max` being what the records may inflate to, and a section that is not made of as
/// many records as the header says; some may have been told by then.
pub fn keys(batch: &[u8], bytes_max: usize, each: &mut dyn FnMut(Keyed<'_>)) -> Result<(), BatchError> {
    let header = BatchHeader::read(batch)?;
    if header.attributes.has(Attributes::CONTROL) {
        return Ok(());
    }
    walk(&header, &inflate(batch, bytes_max)?, |record| each(keyed(&header, record)))
}

/// The records of `batch` of which `stays` says so, but no tombstone whose delete horizon is not later than `now`. If
/// tombstones stay whose time nobody has set, it is set to `horizon`. Both are in milliseconds since 1970. A control batch
/// stays as it is.
///
/// Refuses what [`keys`] refuses.
pub fn compact(
    batch: &[u8],
    (now, horizon): (i64, i64),
    bytes_max: usize,
    stays: &mut dyn FnMut(Keyed<'_>) -> bool,
) -> Result<Kept, BatchError> {
    let header = BatchHeader::read(batch)?;
    if header.attributes.has(Attributes::CONTROL) {
        return Ok(Kept::Same);
    }
    let section = inflate(batch, bytes_max)?;
    let expired = header.delete_horizon().is_some_and(|horizon| now >= horizon);
    let (mut mask, mut tombstones) = (Vec::new(), false);
    walk(&header, &section, |record| {
        let record = keyed(&header, record);
        let kept = stays(record) && !(record.is_tombstone && expired);
        tombstones |= kept && record.is_tombstone;
        mask.push(kept);
    })?;
    let horizon = Some(horizon).filter(|_| tombstones && header.delete_horizon().is_none());
    if !mask.contains(&true) {
        return Ok(Kept::Empty(sift(header, &section, &mask, None)?));
    }
    if horizon.is_none() && !mask.contains(&false) {
        return Ok(Kept::Same);
    }
    Ok(Kept::Records(sift(header, &section, &mask, horizon)?))
}

fn keyed<'a>(header: &BatchHeader, record: &RawRecord<'a>) -> Keyed<'a> {
    let offset = header.base_offset.wrapping_add(i64::from(record.offset_delta));
    Keyed { offset, key: record.key, is_tombstone: record.value.is_none() }
}

/// All records of a section.
fn walk<'a>(header: &BatchHeader, section: &'a [u8], mut each: impl FnMut(&RawRecord<'a>)) -> Result<(), BatchError> {
    if header.count < 0 {
        return Err(BatchError::Count { count: header.count });
    }
    let mut at = 0;
    for index in 0..header.count as u32 {
        let record = read_record(section, &mut at).map_err(|fault| BatchError::Malformed { index, fault })?;
        if !(0..=header.last_offset_delta).contains(&record.offset_delta) {
            return Err(BatchError::OffsetDelta { index, offset_delta: record.offset_delta });
        }
        each(&record);
    }
    if at < section.len() { Err(BatchError::LeftOver { bytes: section.len() - at }) } else { Ok(()) }
}

/// The records of `batch` whose place in `mask` is true, or lies behind its end; itself if all stay.
///
/// A batch without records is a header with count 0. Refuses what [`inflate`] refuses, `bytes_max` being what the
/// records may inflate to, and a record that cannot be read.
pub fn keep<'a>(batch: &'a [u8], mask: &[bool], bytes_max: usize) -> Result<Cow<'a, [u8]>, BatchError> {
    let header = BatchHeader::read(batch)?;
    if !mask.iter().take(header.count.max(0) as usize).any(|stays| !stays) {
        return Ok(Cow::Borrowed(batch));
    }
    sift(header, &inflate(batch, bytes_max)?, mask, None).map(Cow::Owned)
}

/// Like [`keep`], and sets from when on tombstones and marks of transactions may go, in milliseconds since 1970.
pub fn keep_with_horizon(batch: &[u8], mask: &[bool], horizon: i64, bytes_max: usize) -> Result<Vec<u8>, BatchError> {
    sift(BatchHeader::read(batch)?, &inflate(batch, bytes_max)?, mask, Some(horizon))
}

/// The records of `section` that stay, as a batch.
fn sift(mut header: BatchHeader, section: &[u8], mask: &[bool], horizon: Option<i64>) -> Result<Vec<u8>, BatchError> {
    let mut kept = Vec::with_capacity(section.len());
    let (mut at, mut count, mut latest) = (0, 0, NO_TIMESTAMP);
    for index in 0..header.count {
        let start = at;
        let record =
            read_record(section, &mut at).map_err(|fault| BatchError::Malformed { index: index as u32, fault })?;
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
