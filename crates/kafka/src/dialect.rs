//! What the core must know of record batches: lengths, offsets, times, producers, by their headers alone.

use crate::records::batch::{Attributes, BatchHeader, HEADER_BYTES};
use crate::records::patch;
use narumq_broker::{BatchFacts, Dialect, ProducerRun};

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
}
