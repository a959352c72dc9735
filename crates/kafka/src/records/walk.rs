//! The records of a batch, one after the other, borrowed from its uncompressed bytes.
//!
//! ```text
//!   record:  length │ attributes (1 byte, no meaning) │ timestamp delta │ offset delta
//!            │ key length (-1 = null) │ key │ value length (-1 = null) │ value │ count of headers │ headers
//!   header:  key length │ key │ value length (-1 = null) │ value
//! ```
//! All numbers but the attributes are variable-length; the length counts what follows it.

use super::batch::{Attributes, BatchHeader};
use super::error::RecordFault;
use super::varint::{read_i32, read_i64};

/// One record.
#[derive(Clone, Debug)]
pub struct Record<'a> {
    /// Where it lies in its partition, if the batch has its base offset.
    pub offset: i64,
    /// In milliseconds since 1970: when it was made, or appended if the batch says so; -1 = not told.
    pub timestamp: i64,
    /// The key, if it has one.
    pub key: Option<&'a [u8]>,
    /// The value; none is a tombstone.
    pub value: Option<&'a [u8]>,
    /// Its headers, in order.
    pub headers: Headers<'a>,
    /// All its bytes, length first.
    pub bytes: &'a [u8],
}

/// One header of a record; keys may come again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header<'a> {
    /// Text for all clients, but nobody checks it.
    pub key: &'a [u8],
    /// The value, which may be null.
    pub value: Option<&'a [u8]>,
}

/// The headers of a record, in their order.
#[derive(Clone, Debug)]
pub struct Headers<'a> {
    bytes: &'a [u8],
    left: usize,
}

impl<'a> Iterator for Headers<'a> {
    type Item = Header<'a>;

    fn next(&mut self) -> Option<Header<'a>> {
        self.left = self.left.checked_sub(1)?;
        // They were read when the record was, so that no fault can come up here.
        let mut at = 0;
        let header = read_header(self.bytes, &mut at).ok()?;
        self.bytes = &self.bytes[at..];
        Some(header)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl ExactSizeIterator for Headers<'_> {}

/// The records of one batch, in order; the first fault ends it.
///
/// It gives what is there, be it fewer or more records than the header counts.
#[derive(Clone, Debug)]
pub struct Records<'a> {
    section: &'a [u8],
    at: usize,
    base_offset: i64,
    base_timestamp: i64,
    append_time: Option<i64>,
}

impl<'a> Records<'a> {
    /// The records of the batch with this header; `section` is what follows it, uncompressed.
    pub fn new(header: &BatchHeader, section: &'a [u8]) -> Records<'a> {
        let append_time = header.attributes.has(Attributes::LOG_APPEND_TIME).then_some(header.max_timestamp);
        let (base_offset, base_timestamp) = (header.base_offset, header.base_timestamp);
        Records { section, at: 0, base_offset, base_timestamp, append_time }
    }
}

impl<'a> Iterator for Records<'a> {
    type Item = Result<Record<'a>, RecordFault>;

    fn next(&mut self) -> Option<Self::Item> {
        let start = self.at;
        if start >= self.section.len() {
            return None;
        }
        let raw = match read_record(self.section, &mut self.at) {
            Ok(raw) => raw,
            Err(fault) => {
                self.at = self.section.len();
                return Some(Err(fault));
            }
        };
        Some(Ok(Record {
            offset: self.base_offset.wrapping_add(i64::from(raw.offset_delta)),
            timestamp: self.append_time.unwrap_or(self.base_timestamp.wrapping_add(raw.timestamp_delta)),
            key: raw.key,
            value: raw.value,
            headers: raw.headers,
            bytes: &self.section[start..self.at],
        }))
    }
}

/// A record as it stands in its batch.
pub(super) struct RawRecord<'a> {
    pub timestamp_delta: i64,
    pub offset_delta: i32,
    pub key: Option<&'a [u8]>,
    pub value: Option<&'a [u8]>,
    pub headers: Headers<'a>,
}

/// Reads the record at `at`, all of its parts, and moves `at` behind it.
#[inline(always)]
pub(super) fn read_record<'a>(section: &'a [u8], at: &mut usize) -> Result<RawRecord<'a>, RecordFault> {
    if *at >= section.len() {
        return Err(RecordFault::Missing);
    }
    let length = read_i32(section, at).ok_or(RecordFault::Number)?;
    let record = section[*at..].get(..usize::try_from(length).map_err(|_| RecordFault::Length)?);
    let record = record.ok_or(RecordFault::Length)?;
    let mut place = 1;
    let timestamp_delta = read_i64(record, &mut place).ok_or(RecordFault::Number)?;
    let offset_delta = read_i32(record, &mut place).ok_or(RecordFault::Number)?;
    let key = read_bytes(record, &mut place).ok_or(RecordFault::Key)?;
    let value = read_bytes(record, &mut place).ok_or(RecordFault::Value)?;
    let headers = read_headers(record, &mut place)?;
    *at += record.len();
    Ok(RawRecord { timestamp_delta, offset_delta, key, value, headers })
}

/// A length and as many bytes; `Some(None)` is null.
#[inline(always)]
fn read_bytes<'a>(record: &'a [u8], at: &mut usize) -> Option<Option<&'a [u8]>> {
    let length = read_i32(record, at)?;
    if length < 0 {
        return (length == -1).then_some(None);
    }
    let bytes = record.get(*at..)?.get(..length as usize)?;
    *at += bytes.len();
    Some(Some(bytes))
}

/// The headers, which must end where the record does.
#[inline(always)]
fn read_headers<'a>(record: &'a [u8], at: &mut usize) -> Result<Headers<'a>, RecordFault> {
    let count = read_i32(record, at).ok_or(RecordFault::HeaderCount)?;
    let headers = Headers { bytes: record.get(*at..).unwrap_or(&[]), left: count as usize };
    if count != 0 {
        walk_headers(record, at, count)?;
    }
    if *at == record.len() { Ok(headers) } else { Err(RecordFault::LeftOver) }
}

fn walk_headers(record: &[u8], at: &mut usize, count: i32) -> Result<(), RecordFault> {
    // Each has at least two bytes, so a number that lies costs no more than the record's own bytes.
    if count < 0 || count as usize > (record.len() - *at) / 2 {
        return Err(RecordFault::HeaderCount);
    }
    for _ in 0..count {
        read_header(record, at)?;
    }
    Ok(())
}

#[inline]
fn read_header<'a>(record: &'a [u8], at: &mut usize) -> Result<Header<'a>, RecordFault> {
    let key = read_bytes(record, at).flatten().ok_or(RecordFault::HeaderKey)?;
    let value = read_bytes(record, at).ok_or(RecordFault::HeaderValue)?;
    Ok(Header { key, value })
}
