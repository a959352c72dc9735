//! What the core must know of record batches: lengths, offsets, times, producers by their headers; and their records.

use crate::mapping;
use crate::records::batch::{Attributes, BatchHeader, Codec, HEADER_BYTES, NO_TIMESTAMP};
use crate::records::error::BatchError;
use crate::records::{
    BatchBuilder, INFLATED_MAX, Kept, Keyed, Records, compact, inflate, keys, patch, set_log_append_time,
};
use bytes::Bytes;
use narumq_broker::{BatchFacts, BrokenBatch, Compacted, Dialect, KeyedRecord, ProducerRun, Tombstones};
use narumq_model::{Record, Time, TopicPolicy};
use std::borrow::Cow;

/// Reads record batches of message format v2 for the core.
#[derive(Clone, Copy, Debug, Default)]
pub struct RecordBatches;

/// Where the bytes begin that the checksum covers.
const CHECKED_FROM: usize = 21;

/// Where a batch's producer stands, if it has one.
pub(crate) fn producer_of(header: &BatchHeader) -> Option<ProducerRun> {
    let id = u64::try_from(header.producer_id).ok()?;
    let epoch = u16::try_from(header.producer_epoch).ok()?;
    Some(ProducerRun { id, epoch, first: u32::try_from(header.base_sequence).ok()? })
}

impl Dialect for RecordBatches {
    fn batch(&self, bytes: &[u8]) -> Option<BatchFacts> {
        let header = BatchHeader::read(bytes.get(..HEADER_BYTES)?).ok()?;
        let producer = if header.attributes.has(Attributes::CONTROL) { None } else { producer_of(&header) };
        Some(BatchFacts {
            len: header.size(),
            base: u64::try_from(header.base_offset).ok()?,
            count: u32::try_from(header.last_offset_delta).ok()?.checked_add(1)?,
            epoch: u32::try_from(header.leader_epoch).ok()?,
            // A batch of which compaction has left the header keeps the time of a record that is not there.
            max_time: if header.count == 0 { NO_TIMESTAMP } else { header.max_timestamp },
            producer,
        })
    }

    fn is_whole(&self, batch: &[u8]) -> bool {
        BatchHeader::read(batch).is_ok_and(|header| {
            header.size() == batch.len() && crc_fast::crc32_iscsi(&batch[CHECKED_FROM..]) == header.checksum
        })
    }

    fn place(&self, batch: &mut [u8], base: u64, epoch: u32) {
        patch(batch, base as i64, epoch as i32);
    }

    fn expand(&self, batch: &Bytes, bytes_max: usize, each: &mut dyn FnMut(u64, Record)) -> Result<(), BrokenBatch> {
        let header = BatchHeader::read(batch).map_err(broken)?;
        if header.attributes.has(Attributes::CONTROL) {
            return Ok(());
        }
        let section = match inflate(batch, bytes_max).map_err(broken)? {
            Cow::Borrowed(section) => batch.slice_ref(section),
            Cow::Owned(section) => section.into(),
        };
        for (index, record) in (0..).zip(Records::new(&header, &section)) {
            let record = record.map_err(|fault| broken(BatchError::Malformed { index, fault }))?;
            let Ok(offset) = u64::try_from(record.offset) else {
                return Err(BrokenBatch(format!("record {index} has offset {}", record.offset)));
            };
            each(offset, mapping::read(&section, &record));
        }
        Ok(())
    }

    /// Records of more than 2 GiB together panic: doors refuse them first.
    fn frame(&self, records: &[Record], policy: &TopicPolicy, now: Time) -> Vec<u8> {
        let codec = policy.recompress.and_then(Codec::from_id).unwrap_or(Codec::None);
        let mut batch = BatchBuilder::new(codec, usize::MAX);
        for record in records {
            assert!(mapping::write(record, now, |record| batch.push(record)), "doors bound what a batch is made of");
        }
        let mut batch = batch.finish().expect("a batch is made of at least one record");
        if policy.arrival_time {
            set_log_append_time(&mut batch, now.0 as i64);
        }
        batch
    }

    fn keys(&self, batch: &[u8], each: &mut dyn FnMut(KeyedRecord<'_>)) -> Result<(), BrokenBatch> {
        keys(batch, INFLATED_MAX, &mut |record| each(told(record))).map_err(broken)
    }

    fn compact(
        &self,
        batch: &[u8],
        when: Tombstones,
        stays: &mut dyn FnMut(KeyedRecord<'_>) -> bool,
    ) -> Result<Compacted, BrokenBatch> {
        let millis = |time: u64| i64::try_from(time).unwrap_or(i64::MAX);
        let kept =
            compact(batch, (millis(when.now), millis(when.horizon)), INFLATED_MAX, &mut |record| stays(told(record)));
        Ok(match kept.map_err(broken)? {
            Kept::Same => Compacted::Same,
            Kept::Records(batch) => Compacted::Records(batch),
            Kept::Empty(batch) => Compacted::Empty(batch),
        })
    }
}

/// What the core gets told of a record. Offsets of batches that the core placed are not negative.
fn told(record: Keyed<'_>) -> KeyedRecord<'_> {
    KeyedRecord { offset: record.offset.max(0) as u64, key: record.key, deletes: record.is_tombstone }
}

fn broken(refused: BatchError) -> BrokenBatch {
    BrokenBatch(refused.to_string())
}
