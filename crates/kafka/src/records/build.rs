//! Batches of our own making: of messages that came in through another door, of tools, of tests.
//!
//! ```text
//!   push ─► record ─► record ─► …   behind the place of the header; lengths are computed first, nothing is moved
//!   finish ─► compressed as a whole, header, checksum
//! ```

use super::batch::{Attributes, BatchHeader, Codec, HEADER_BYTES, NO_TIMESTAMP};
use super::compression::compress;
use super::rewrite::write_header;
use super::varint::{size, write};
use super::walk::Header;

/// A record to be put into a batch.
#[derive(Clone, Copy, Debug)]
pub struct NewRecord<'a> {
    /// In milliseconds since 1970; -1 = not told.
    pub timestamp: i64,
    /// The key, if it has one.
    pub key: Option<&'a [u8]>,
    /// The value; none is a tombstone.
    pub value: Option<&'a [u8]>,
    /// Its headers, in order; the same key may come again.
    pub headers: &'a [Header<'a>],
}

/// Who produces a batch with idempotence, and with which sequence number its first record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Producer {
    /// From 0.
    pub id: i64,
    /// From 0.
    pub epoch: i16,
    /// From 0; -1 in a batch that takes none, such as a transaction's end.
    pub base_sequence: i32,
}

/// Collects records into one batch, with base offset 0 and no leader epoch.
#[derive(Clone, Debug)]
pub struct BatchBuilder {
    bytes: Vec<u8>,
    bytes_max: usize,
    header: BatchHeader,
    codec: Codec,
}

impl BatchBuilder {
    /// An empty batch that will be compressed with `codec` and take up to `bytes_max` bytes before that.
    pub fn new(codec: Codec, bytes_max: usize) -> BatchBuilder {
        let header = BatchHeader {
            base_offset: 0,
            length: 0,
            leader_epoch: -1,
            checksum: 0,
            attributes: Attributes::default().with_codec(codec),
            last_offset_delta: -1,
            base_timestamp: NO_TIMESTAMP,
            max_timestamp: NO_TIMESTAMP,
            producer_id: -1,
            producer_epoch: -1,
            base_sequence: -1,
            count: 0,
        };
        BatchBuilder { bytes: vec![0; HEADER_BYTES], bytes_max: bytes_max.min(i32::MAX as usize), header, codec }
    }

    /// Names the producer.
    #[must_use]
    pub fn producer(mut self, producer: Producer) -> BatchBuilder {
        self.header.producer_id = producer.id;
        self.header.producer_epoch = producer.epoch;
        self.header.base_sequence = producer.base_sequence;
        self
    }

    /// Sets `bits` of the attributes: [`Attributes::TRANSACTIONAL`], [`Attributes::CONTROL`].
    #[must_use]
    pub fn mark(mut self, bits: u16) -> BatchBuilder {
        self.header.attributes.0 |= bits & !Attributes::CODEC;
        self
    }

    /// Records so far.
    pub fn count(&self) -> usize {
        self.header.count as usize
    }

    /// Bytes so far, header and all, before they are compressed.
    pub fn size(&self) -> usize {
        self.bytes.len()
    }

    /// Adds a record, or says that it does not fit any more.
    #[must_use]
    pub fn push(&mut self, record: &NewRecord<'_>) -> bool {
        if self.header.count == 0 {
            self.header.base_timestamp = record.timestamp;
        }
        let timestamp_delta = record.timestamp.wrapping_sub(self.header.base_timestamp);
        let offset_delta = i64::from(self.header.count);
        let length = 1 + size(timestamp_delta) + size(offset_delta) + payload_size(record);
        if length + size(length as i64) > self.bytes_max.saturating_sub(self.bytes.len()) {
            return false;
        }
        let out = &mut self.bytes;
        out.reserve(length + 5);
        write(out, length as i64);
        out.push(0);
        write(out, timestamp_delta);
        write(out, offset_delta);
        write_bytes(out, record.key);
        write_bytes(out, record.value);
        write(out, record.headers.len() as i64);
        for header in record.headers {
            write_bytes(out, Some(header.key));
            write_bytes(out, header.value);
        }
        self.header.max_timestamp = self.header.max_timestamp.max(record.timestamp);
        self.header.last_offset_delta = self.header.count;
        self.header.count += 1;
        true
    }

    /// The batch; none if it has no records.
    pub fn finish(mut self) -> Option<Vec<u8>> {
        if self.header.count == 0 {
            return None;
        }
        if self.codec != Codec::None {
            let mut compressed = Vec::with_capacity(HEADER_BYTES + self.bytes.len() / 2);
            compressed.resize(HEADER_BYTES, 0);
            compress(self.codec, &self.bytes[HEADER_BYTES..], &mut compressed);
            self.bytes = compressed;
        }
        write_header(&mut self.bytes, &self.header);
        Some(self.bytes)
    }
}

/// Bytes of key, value and headers, with their lengths.
fn payload_size(record: &NewRecord<'_>) -> usize {
    let headers = record.headers.iter().map(|header| bytes_size(Some(header.key)) + bytes_size(header.value));
    bytes_size(record.key) + bytes_size(record.value) + size(record.headers.len() as i64) + headers.sum::<usize>()
}

fn bytes_size(bytes: Option<&[u8]>) -> usize {
    bytes.map_or(1, |bytes| size(bytes.len() as i64) + bytes.len())
}

fn write_bytes(out: &mut Vec<u8>, bytes: Option<&[u8]>) {
    write(out, bytes.map_or(-1, |bytes| bytes.len() as i64));
    out.extend_from_slice(bytes.unwrap_or_default());
}
