//! The header of a record batch, and batches that lie back to back.
//!
//! ```text
//!   at  bytes  field
//!    0    8    base offset             ─┐ given by the broker, outside the checksum
//!    8    4    length                   │ of everything behind this field, at least 49
//!   12    4    partition leader epoch  ─┘
//!   16    1    magic                      2; formats 0 and 1 have their magic at the same place
//!   17    4    checksum                   CRC-32C of all that follows
//!   21    2    attributes
//!   23    4    last offset delta
//!   27    8    base timestamp             ms; the delete horizon if bit 6 of the attributes says so
//!   35    8    max timestamp              ms; the time of all records if bit 3 says so
//!   43    8    producer id                -1 = none
//!   51    2    producer epoch
//!   53    4    base sequence
//!   57    4    count
//!   61    …    records, compressed as one if the attributes name a codec
//!
//!   attributes:  15 … 7 │ 6 delete horizon │ 5 control │ 4 transactional │ 3 log append time │ 2 1 0 codec
//! ```
//! All numbers are big endian.

use super::error::BatchError;

/// Bytes of a batch before its records.
pub const HEADER_BYTES: usize = 61;

/// Bytes before those that the length field counts.
pub(super) const LENGTH_END: usize = 12;
pub(super) const LENGTH: usize = 8;
pub(super) const LEADER_EPOCH: usize = 12;
pub(super) const MAGIC: usize = 16;
pub(super) const CHECKSUM: usize = 17;
pub(super) const ATTRIBUTES: usize = 21;
pub(super) const LAST_OFFSET_DELTA: usize = 23;
pub(super) const BASE_TIMESTAMP: usize = 27;
pub(super) const MAX_TIMESTAMP: usize = 35;
pub(super) const PRODUCER_ID: usize = 43;
pub(super) const PRODUCER_EPOCH: usize = 51;
pub(super) const BASE_SEQUENCE: usize = 53;
pub(super) const COUNT: usize = 57;

/// "No timestamp" of a record or a batch.
pub const NO_TIMESTAMP: i64 = -1;

/// How the records of a batch are compressed: bits 0 to 2 of the attributes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Codec {
    /// They are not.
    None,
    /// RFC 1952.
    Gzip,
    /// Snappy blocks, bare or in the framing of snappy-java.
    Snappy,
    /// One LZ4 frame.
    Lz4,
    /// Zstandard frames, RFC 8878.
    Zstd,
}

impl Codec {
    /// The codec of this number, 0 to 4.
    pub fn from_id(id: u8) -> Option<Codec> {
        Some(match id {
            0 => Codec::None,
            1 => Codec::Gzip,
            2 => Codec::Snappy,
            3 => Codec::Lz4,
            4 => Codec::Zstd,
            _ => return None,
        })
    }

    /// Its number in the attributes.
    pub fn id(self) -> u8 {
        match self {
            Codec::None => 0,
            Codec::Gzip => 1,
            Codec::Snappy => 2,
            Codec::Lz4 => 3,
            Codec::Zstd => 4,
        }
    }
}

/// The attribute bits of a batch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Attributes(pub u16);

impl Attributes {
    /// All bits that name the codec.
    pub const CODEC: u16 = 7;
    /// The max timestamp, set by the broker, is the time of all records.
    pub const LOG_APPEND_TIME: u16 = 1 << 3;
    /// The batch belongs to a transaction.
    pub const TRANSACTIONAL: u16 = 1 << 4;
    /// Its records are the broker's own marks, such as the end of a transaction.
    pub const CONTROL: u16 = 1 << 5;
    /// The base timestamp is the time from which on tombstones may go (KIP-534).
    pub const DELETE_HORIZON: u16 = 1 << 6;

    /// The codec, or its number (5 to 7) where nobody has defined it.
    pub fn codec(self) -> Result<Codec, u8> {
        let id = (self.0 & Self::CODEC) as u8;
        Codec::from_id(id).ok_or(id)
    }

    /// These attributes with another codec.
    #[must_use]
    pub fn with_codec(self, codec: Codec) -> Attributes {
        Attributes(self.0 & !Self::CODEC | u16::from(codec.id()))
    }

    /// Whether all of `bits` are set.
    pub fn has(self, bits: u16) -> bool {
        self.0 & bits == bits
    }
}

/// The header of a batch of format v2, field by field as it stands there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchHeader {
    /// Offset of the record with delta 0.
    pub base_offset: i64,
    /// Bytes behind the length field; at least 49.
    pub length: u32,
    /// Epoch of the leader that appended it; -1 from clients.
    pub leader_epoch: i32,
    /// CRC-32C of everything behind it.
    pub checksum: u32,
    /// Codec and flags.
    pub attributes: Attributes,
    /// Offset of the last record, which may have been compacted away, minus the base offset.
    pub last_offset_delta: i32,
    /// In milliseconds since 1970; what the records' deltas refer to.
    pub base_timestamp: i64,
    /// The highest of the records, in milliseconds since 1970; -1 = none has one.
    pub max_timestamp: i64,
    /// Who produced it with idempotence; -1 = nobody.
    pub producer_id: i64,
    /// The producer's epoch.
    pub producer_epoch: i16,
    /// Sequence number of the first record.
    pub base_sequence: i32,
    /// Records in it; 0 if compaction took them all.
    pub count: i32,
}

impl BatchHeader {
    /// Reads the header at the start of `bytes`.
    ///
    /// Refuses other formats, a length that no batch has, and fewer than [`HEADER_BYTES`] bytes.
    #[inline]
    pub fn read(bytes: &[u8]) -> Result<BatchHeader, BatchError> {
        let Some(head) = bytes.first_chunk::<HEADER_BYTES>() else { return Err(no_header(bytes)) };
        if head[MAGIC] != 2 {
            return Err(wrong_magic(head[MAGIC]));
        }
        let length = i32::from_be_bytes(field(head, LENGTH));
        if length < (HEADER_BYTES - LENGTH_END) as i32 {
            return Err(BatchError::Length { length });
        }
        Ok(BatchHeader {
            base_offset: i64::from_be_bytes(field(head, 0)),
            length: length as u32,
            leader_epoch: i32::from_be_bytes(field(head, LEADER_EPOCH)),
            checksum: u32::from_be_bytes(field(head, CHECKSUM)),
            attributes: Attributes(u16::from_be_bytes(field(head, ATTRIBUTES))),
            last_offset_delta: i32::from_be_bytes(field(head, LAST_OFFSET_DELTA)),
            base_timestamp: i64::from_be_bytes(field(head, BASE_TIMESTAMP)),
            max_timestamp: i64::from_be_bytes(field(head, MAX_TIMESTAMP)),
            producer_id: i64::from_be_bytes(field(head, PRODUCER_ID)),
            producer_epoch: i16::from_be_bytes(field(head, PRODUCER_EPOCH)),
            base_sequence: i32::from_be_bytes(field(head, BASE_SEQUENCE)),
            count: i32::from_be_bytes(field(head, COUNT)),
        })
    }

    /// Bytes of the whole batch, as its length says.
    pub fn size(&self) -> usize {
        LENGTH_END + self.length as usize
    }

    /// The offset of the last record that the batch was produced with.
    pub fn last_offset(&self) -> i64 {
        self.base_offset.wrapping_add(i64::from(self.last_offset_delta))
    }

    /// The sequence number of the last record, -1 without one; sequences go from `i32::MAX` on to 0.
    pub fn last_sequence(&self) -> i32 {
        if self.base_sequence < 0 {
            return -1;
        }
        self.base_sequence.wrapping_add(self.last_offset_delta) & i32::MAX
    }

    /// From when on tombstones in it may go, in milliseconds since 1970, if compaction has said so.
    pub fn delete_horizon(&self) -> Option<i64> {
        self.attributes.has(Attributes::DELETE_HORIZON).then_some(self.base_timestamp)
    }
}

/// Bytes of the fixed header, the length of the array being that of the field's type.
fn field<const N: usize>(head: &[u8; HEADER_BYTES], at: usize) -> [u8; N] {
    head[at..at + N].try_into().expect("all fields lie inside of the header")
}

/// Why these bytes, too few for a header, are none.
#[cold]
fn no_header(bytes: &[u8]) -> BatchError {
    match bytes.get(MAGIC) {
        _ if bytes.is_empty() => BatchError::Empty,
        Some(magic) if *magic != 2 => wrong_magic(*magic),
        _ => BatchError::Truncated { needed: HEADER_BYTES, present: bytes.len() },
    }
}

#[cold]
fn wrong_magic(magic: u8) -> BatchError {
    if magic < 2 { BatchError::OldFormat { magic } } else { BatchError::UnknownFormat { magic } }
}

/// The first batch of `bytes`: its header, all its bytes, and what follows them.
///
/// Refuses what [`BatchHeader::read`] refuses, and a batch that goes on behind the end ([`BatchError::Truncated`]).
#[inline]
pub fn first_batch(bytes: &[u8]) -> Result<(BatchHeader, &[u8], &[u8]), BatchError> {
    let header = BatchHeader::read(bytes)?;
    match bytes.split_at_checked(header.size()) {
        Some((batch, rest)) => Ok((header, batch, rest)),
        None => Err(BatchError::Truncated { needed: header.size(), present: bytes.len() }),
    }
}

/// Batches that lie back to back, as in a segment or the answer to a fetch.
///
/// A last one that is not whole ends it, as does a refusal, after it has been told. No checksum is looked at.
#[derive(Clone, Debug)]
pub struct Batches<'a> {
    rest: &'a [u8],
}

impl<'a> Batches<'a> {
    /// The batches of `bytes`.
    pub fn new(bytes: &'a [u8]) -> Batches<'a> {
        Batches { rest: bytes }
    }

    /// What has not been read yet: after the end, what is no whole batch.
    pub fn rest(&self) -> &'a [u8] {
        self.rest
    }
}

impl<'a> Iterator for Batches<'a> {
    type Item = Result<(BatchHeader, &'a [u8]), BatchError>;

    fn next(&mut self) -> Option<Self::Item> {
        match first_batch(self.rest) {
            Ok((header, batch, rest)) => {
                self.rest = rest;
                Some(Ok((header, batch)))
            }
            Err(BatchError::Empty | BatchError::Truncated { .. }) => None,
            Err(refusal) => {
                self.rest = &[];
                Some(Err(refusal))
            }
        }
    }
}
