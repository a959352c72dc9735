//! Why a record batch is refused: one variant a reason, with what the producer's answer needs.
//!
//! The head of each comment is the error that Apache Kafka 4 answers to the same batch.

use std::fmt;

/// Why a batch, or the bytes that should be one, is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BatchError {
    /// INVALID_RECORD: there are no bytes.
    Empty,
    /// INVALID_RECORD: the bytes end inside of the batch.
    Truncated {
        /// Bytes of the batch, or of its header.
        needed: usize,
        /// Bytes that are there.
        present: usize,
    },
    /// CORRUPT_MESSAGE: a length field that no batch has.
    Length {
        /// What stands there.
        length: i32,
    },
    /// INVALID_RECORD: a message set of format 0 or 1, which produce requests since version 3 must not carry.
    OldFormat {
        /// 0 or 1.
        magic: u8,
    },
    /// CORRUPT_MESSAGE: a format that nobody has defined.
    UnknownFormat {
        /// What stands there.
        magic: u8,
    },
    /// INVALID_RECORD: something lies behind the one batch that a partition may have in a request.
    SeveralBatches {
        /// Bytes behind the first batch.
        behind: usize,
    },
    /// MESSAGE_TOO_LARGE: more than the topic's `max.message.bytes`.
    TooLarge {
        /// Bytes of the batch.
        bytes: usize,
        /// Bytes allowed.
        bytes_max: usize,
    },
    /// CORRUPT_MESSAGE: the bytes are not those that the checksum was made of.
    Checksum {
        /// What the batch says.
        stored: u32,
        /// What its bytes give.
        computed: u32,
    },
    /// UNSUPPORTED_COMPRESSION_TYPE: a codec that nobody has defined.
    UnknownCodec {
        /// 5 to 7.
        id: u8,
    },
    /// UNSUPPORTED_COMPRESSION_TYPE: zstd in a produce request below version 7.
    ZstdTooEarly,
    /// INVALID_RECORD: no records, or fewer than none.
    Count {
        /// What stands there.
        count: i32,
    },
    /// INVALID_RECORD: the last offset delta is not the number of records minus one.
    OffsetRange {
        /// Records as the header says.
        count: i32,
        /// What stands there.
        last_offset_delta: i32,
    },
    /// INVALID_RECORD: control records are the broker's.
    Control,
    /// INVALID_RECORD: a delete horizon is set by compaction. Apache Kafka lets it pass, and would delete by it.
    DeleteHorizon,
    /// INVALID_RECORD: a producer id, and a sequence number below 0.
    BaseSequence {
        /// What stands there.
        base_sequence: i32,
    },
    /// INVALID_RECORD: a producer id, and an epoch below 0.
    ProducerEpoch {
        /// What stands there.
        producer_epoch: i16,
    },
    /// INVALID_RECORD: part of a transaction of nobody.
    TransactionWithoutProducer,
    /// INVALID_TIMESTAMP: the time of appending is the broker's to set.
    LogAppendTime,
    /// INVALID_RECORD: the compressed records are not what the codec makes.
    Compression,
    /// MESSAGE_TOO_LARGE: the records inflate to more than is allowed; a client then tries with smaller batches.
    InflatedTooLarge {
        /// Bytes allowed.
        bytes_max: usize,
    },
    /// INVALID_RECORD: a record that cannot be read.
    Malformed {
        /// Its place in the batch, from 0.
        index: u32,
        /// What is wrong with it.
        fault: RecordFault,
    },
    /// INVALID_RECORD: a record's offset delta is not its place in the batch.
    OffsetDelta {
        /// Its place in the batch, from 0.
        index: u32,
        /// What stands there.
        offset_delta: i32,
    },
    /// INVALID_RECORD: bytes behind the last record.
    LeftOver {
        /// How many.
        bytes: usize,
    },
    /// INVALID_TIMESTAMP if one of them is for its time, else INVALID_RECORD, each as a record error (produce v8).
    Records {
        /// Those refused, by index; never empty, at most [`RECORD_REFUSALS_MAX`].
        refused: Vec<RecordRefusal>,
    },
}

/// Records that are named in one refusal. All records of the batch are refused, whether named or not.
pub const RECORD_REFUSALS_MAX: usize = 1000;

/// A record that may not be in this topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecordRefusal {
    /// Its place in the batch, from 0.
    pub index: u32,
    /// Why.
    pub reason: RecordRefusalReason,
}

/// Why a record may not be in this topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecordRefusalReason {
    /// INVALID_RECORD: a compacted topic, and no key.
    Keyless,
    /// INVALID_TIMESTAMP: too far from the broker's time.
    Timestamp {
        /// Of the record, in milliseconds since 1970.
        timestamp: i64,
        /// The earliest allowed.
        earliest: i64,
        /// The latest allowed.
        latest: i64,
    },
}

/// What is wrong with the bytes of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecordFault {
    /// There are fewer records than the batch says.
    Missing,
    /// It ends behind the end, or a length is negative.
    Length,
    /// A number inside does not end, or is too large for its type.
    Number,
    /// The key's length.
    Key,
    /// The value's length.
    Value,
    /// The number of headers: below 0, or more than there are bytes.
    HeaderCount,
    /// A header's key, which may not be null.
    HeaderKey,
    /// The length of a header's value.
    HeaderValue,
    /// Bytes behind its last header.
    LeftOver,
}

impl fmt::Display for BatchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BatchError::Empty => write!(f, "a produce request needs one record batch for each partition"),
            BatchError::Truncated { needed, present } => write!(f, "the batch has {needed} bytes, {present} are there"),
            BatchError::Length { length } => write!(f, "no batch has a length of {length}"),
            BatchError::OldFormat { magic } => write!(f, "magic {magic}: only record batches of magic 2 are allowed"),
            BatchError::UnknownFormat { magic } => write!(f, "unknown magic {magic}"),
            BatchError::SeveralBatches { behind } => {
                write!(f, "exactly one record batch is allowed for each partition, {behind} bytes lie behind it")
            }
            BatchError::TooLarge { bytes, bytes_max } => {
                write!(f, "the batch has {bytes} bytes, max.message.bytes is {bytes_max}")
            }
            BatchError::Checksum { stored, computed } => {
                write!(f, "checksum {stored:08x} in the batch, {computed:08x} of its bytes")
            }
            BatchError::UnknownCodec { id } => write!(f, "unknown compression codec {id}"),
            BatchError::ZstdTooEarly => write!(f, "zstd needs produce version 7"),
            BatchError::Count { count } => write!(f, "{count} records in the batch"),
            BatchError::OffsetRange { count, last_offset_delta } => {
                write!(f, "{count} records, but the last offset delta is {last_offset_delta}")
            }
            BatchError::Control => write!(f, "clients may not write control records"),
            BatchError::DeleteHorizon => write!(f, "clients may not set a delete horizon"),
            BatchError::BaseSequence { base_sequence } => {
                write!(f, "sequence number {base_sequence} with a producer id")
            }
            BatchError::ProducerEpoch { producer_epoch } => write!(f, "epoch {producer_epoch} with a producer id"),
            BatchError::TransactionWithoutProducer => write!(f, "a transactional batch needs a producer id"),
            BatchError::LogAppendTime => write!(f, "producers may not set the timestamp type to LogAppendTime"),
            BatchError::Compression => write!(f, "the records cannot be decompressed"),
            BatchError::InflatedTooLarge { bytes_max } => {
                write!(f, "the records decompress to more than {bytes_max} bytes")
            }
            BatchError::Malformed { index, fault } => write!(f, "record {index}: {fault}"),
            BatchError::OffsetDelta { index, offset_delta } => {
                write!(f, "record {index} has the offset delta {offset_delta}")
            }
            BatchError::LeftOver { bytes } => write!(f, "{bytes} bytes behind the last record"),
            BatchError::Records { refused } => {
                write!(f, "{} records refused", refused.len())?;
                refused.first().map_or(Ok(()), |first| write!(f, ", first record {}: {}", first.index, first.reason))
            }
        }
    }
}

impl std::error::Error for BatchError {}

impl fmt::Display for RecordRefusalReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RecordRefusalReason::Keyless => write!(f, "a compacted topic takes no message without a key"),
            RecordRefusalReason::Timestamp { timestamp, earliest, latest } => {
                write!(f, "timestamp {timestamp} is outside of {earliest} to {latest}")
            }
        }
    }
}

impl fmt::Display for RecordFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            RecordFault::Missing => "missing",
            RecordFault::Length => "length",
            RecordFault::Number => "number",
            RecordFault::Key => "key length",
            RecordFault::Value => "value length",
            RecordFault::HeaderCount => "number of headers",
            RecordFault::HeaderKey => "header key",
            RecordFault::HeaderValue => "header value length",
            RecordFault::LeftOver => "bytes behind its headers",
        })
    }
}
