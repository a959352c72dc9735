//! What a producer's batch must be before it gets offsets: everything that Apache Kafka's broker refuses, refused here.
//!
//! ```text
//!   one whole batch ─► size ─► checksum ─► header's fields ─► each record ─► times and keys
//!                                                    └─ compressed: only if the rules ask for it
//! ```

use super::batch::{ATTRIBUTES, Attributes, BatchHeader, Codec, HEADER_BYTES, NO_TIMESTAMP, first_batch};
use super::compression::inflate;
use super::error::{BatchError, RECORD_REFUSALS_MAX, RecordRefusal, RecordRefusalReason};
use super::skim::skim_record;
use super::walk::Records;

/// What a topic, and the version of the request, ask of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rules {
    /// Bytes that a batch may have, compressed as it is: `max.message.bytes`.
    pub bytes_max: usize,
    /// Whether zstd is known to this version of the request: produce 7 and later.
    pub zstd: bool,
    /// Whose clock counts.
    pub timestamps: TimestampRule,
    /// Whether the topic is compacted, so that every record needs a key.
    pub compacted: bool,
    /// Whether compressed records are looked at too; those of a compacted topic always are.
    pub inflate: bool,
    /// Bytes that the records may have when they are inflated to be looked at.
    pub inflated_bytes_max: usize,
}

/// Whose clock counts: `message.timestamp.type`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimestampRule {
    /// The producer's, within bounds, in milliseconds since 1970; records without a timestamp pass.
    CreateTime {
        /// `now` less `message.timestamp.before.max.ms`, saturating.
        earliest: i64,
        /// `now` plus `message.timestamp.after.max.ms`, saturating.
        latest: i64,
    },
    /// The broker's: what the producer says is overwritten, so all of it passes.
    LogAppendTime,
}

/// A batch that may be appended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Checked {
    /// Its header.
    pub header: BatchHeader,
    /// What the records say, if they were looked at; where it differs from the header's, the header lies.
    pub walked: Option<Walked>,
}

impl Checked {
    /// The highest timestamp in milliseconds since 1970, -1 if no record has one; the header's word if not walked.
    pub fn max_timestamp(&self) -> i64 {
        self.walked.map_or(self.header.max_timestamp, |walked| walked.max_timestamp)
    }
}

/// What a look at all records found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Walked {
    /// The highest timestamp in milliseconds since 1970; -1 if no record has one at or after 1970.
    pub max_timestamp: i64,
    /// The offset delta of the first record with it; none if no record has one.
    pub offset_delta_of_max: Option<i32>,
}

/// Checks what a producer sent for one partition.
///
/// The base offset may be anything: it is overwritten. (Apache Kafka refuses all but 0.) Bytes behind the batch are
/// refused, where Apache Kafka cuts them off. What it corrects silently in the header, the max timestamp, is told in
/// [`Checked`] instead. The checks come in its order, except that all of the header comes before the records.
pub fn check(records: &[u8], rules: &Rules) -> Result<Checked, BatchError> {
    let (header, batch, behind) = first_batch(records)?;
    if !behind.is_empty() {
        return Err(BatchError::SeveralBatches { behind: behind.len() });
    }
    if batch.len() > rules.bytes_max {
        return Err(BatchError::TooLarge { bytes: batch.len(), bytes_max: rules.bytes_max });
    }
    let computed = crc_fast::crc32_iscsi(&batch[ATTRIBUTES..]);
    if computed != header.checksum {
        return Err(BatchError::Checksum { stored: header.checksum, computed });
    }
    let codec = check_header(&header, rules)?;
    let walked = match codec {
        Codec::None => Some(check_records(&header, &batch[HEADER_BYTES..], rules)?),
        _ if must_inflate(&header, rules) => {
            Some(check_records(&header, &inflate(batch, rules.inflated_bytes_max)?, rules)?)
        }
        _ => None,
    };
    Ok(Checked { header, walked })
}

/// Checks what the header says of the records, and gives their codec.
fn check_header(header: &BatchHeader, rules: &Rules) -> Result<Codec, BatchError> {
    let codec = header.attributes.codec().map_err(|id| BatchError::UnknownCodec { id })?;
    if codec == Codec::Zstd && !rules.zstd {
        return Err(BatchError::ZstdTooEarly);
    }
    let (count, last_offset_delta) = (header.count, header.last_offset_delta);
    if count <= 0 {
        return Err(BatchError::Count { count });
    }
    if last_offset_delta != count - 1 {
        return Err(BatchError::OffsetRange { count, last_offset_delta });
    }
    let marks = Attributes::CONTROL | Attributes::DELETE_HORIZON | Attributes::LOG_APPEND_TIME;
    if header.attributes.0 & marks != 0 {
        return Err(match header.attributes {
            attributes if attributes.has(Attributes::CONTROL) => BatchError::Control,
            attributes if attributes.has(Attributes::DELETE_HORIZON) => BatchError::DeleteHorizon,
            _ => BatchError::LogAppendTime,
        });
    }
    if header.producer_id < 0 {
        let transactional = header.attributes.has(Attributes::TRANSACTIONAL);
        return if transactional { Err(BatchError::TransactionWithoutProducer) } else { Ok(codec) };
    }
    if header.base_sequence < 0 {
        return Err(BatchError::BaseSequence { base_sequence: header.base_sequence });
    }
    if header.producer_epoch < 0 {
        return Err(BatchError::ProducerEpoch { producer_epoch: header.producer_epoch });
    }
    Ok(codec)
}

/// Whether compressed records must be looked at: also if the header's times let expect a refusal, to say of which ones.
fn must_inflate(header: &BatchHeader, rules: &Rules) -> bool {
    let strays = match rules.timestamps {
        TimestampRule::CreateTime { earliest, latest } => {
            header.base_timestamp < earliest || header.base_timestamp > latest || header.max_timestamp > latest
        }
        TimestampRule::LogAppendTime => false,
    };
    rules.inflate || rules.compacted || strays
}

/// Looks at each record of the uncompressed `section`.
fn check_records(header: &BatchHeader, section: &[u8], rules: &Rules) -> Result<Walked, BatchError> {
    let (mut at, mut keyless, mut delta_of_max) = (0, false, -1);
    let (mut earliest, mut latest) = (i64::MAX, NO_TIMESTAMP);
    for index in 0..header.count {
        let record =
            skim_record(section, at, index).map_err(|fault| BatchError::Malformed { index: index as u32, fault })?;
        if record.offset_delta != index {
            return Err(BatchError::OffsetDelta { index: index as u32, offset_delta: record.offset_delta });
        }
        at = record.end;
        keyless |= record.keyless;
        let timestamp = header.base_timestamp.wrapping_add(record.timestamp_delta);
        earliest = earliest.min(timestamp);
        if timestamp > latest {
            (latest, delta_of_max) = (timestamp, index);
        }
    }
    if at != section.len() {
        return Err(BatchError::LeftOver { bytes: section.len() - at });
    }
    let outside = match rules.timestamps {
        TimestampRule::CreateTime { earliest: first, latest: last } => earliest < first || latest > last,
        TimestampRule::LogAppendTime => false,
    };
    if outside || keyless && rules.compacted {
        refuse_records(header, section, rules)?;
    }
    Ok(Walked { max_timestamp: latest, offset_delta_of_max: (delta_of_max >= 0).then_some(delta_of_max) })
}

/// Names the records that may not be in this topic; passes if there is none after all.
#[cold]
fn refuse_records(header: &BatchHeader, section: &[u8], rules: &Rules) -> Result<(), BatchError> {
    let mut refused = Vec::new();
    for (index, record) in (0..).zip(Records::new(header, section).flatten()) {
        let reason = match rules.timestamps {
            _ if rules.compacted && record.key.is_none() => RecordRefusalReason::Keyless,
            TimestampRule::CreateTime { earliest, latest }
                if record.timestamp != NO_TIMESTAMP && !(earliest..=latest).contains(&record.timestamp) =>
            {
                RecordRefusalReason::Timestamp { timestamp: record.timestamp, earliest, latest }
            }
            _ => continue,
        };
        refused.push(RecordRefusal { index, reason });
        if refused.len() == RECORD_REFUSALS_MAX {
            break;
        }
    }
    if refused.is_empty() { Ok(()) } else { Err(BatchError::Records { refused }) }
}
