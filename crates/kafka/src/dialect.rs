//! What the core must know of record batches, by their headers alone; and what their records say.

use crate::mapping;
use crate::records::batch::{Attributes, BatchHeader, Codec, HEADER_BYTES};
use crate::records::{BatchBuilder, BatchError, Records, inflate, patch};
use bytes::Bytes;
use narumq_broker::{BatchFacts, BrokenBatch, Dialect, ProducerRun};
use narumq_model::{Record, Time};
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
            max_time: header.max_timestamp,
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
        let broken = |fault: BatchError| BrokenBatch(fault.to_string());
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
    fn frame(&self, records: &[Record], now: Time) -> Vec<u8> {
        let mut batch = BatchBuilder::new(Codec::None, usize::MAX);
        for record in records {
            assert!(mapping::write(record, now, |record| batch.push(record)), "doors bound what a batch is made of");
        }
        batch.finish().expect("a batch is made of at least one record")
    }
}
