//! Produce requests encoded once: a run of frames of equal length, of which only the correlation ids change.
//!
//! ```text
//! | produce to target 0 | produce to target 1 | ... | produce to target n - 1 | produce to target 0 | ...
//! each producer begins its round elsewhere, so that they do not meet at one partition
//! ```

use std::ops::Range;
use std::time::{SystemTime, UNIX_EPOCH};

use super::batch;
use super::load::Load;
use super::request::{correlate, produce};
use super::topics::Topics;

/// A run of frames is at least about this long: one write of it costs little per frame.
const RUN_BYTES: usize = 256 * 1024;

/// The encoded run. It holds each target equally often.
pub(crate) struct Template {
    bytes: Vec<u8>,
    stride: usize,
    /// Octets of one batch, and its records.
    pub(crate) batch: usize,
    pub(crate) records: usize,
}

impl Template {
    /// Encodes the run of producer `index` of `load.connections`.
    pub(crate) fn new(load: &Load, topics: &Topics, index: usize) -> Template {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let records = load.records_of_batch();
        let batch = batch::encode(records, load.size, since.as_millis() as i64);
        let targets = topics.names.len() * topics.partitions;
        let first = index * targets / load.connections;
        let mut bytes = Vec::new();
        for turn in 0..targets {
            let target = (first + turn) % targets;
            let (topic, partition) = (&topics.names[target / topics.partitions], target % topics.partitions);
            bytes.extend(produce(load.acks, topic, partition, &batch));
        }
        let round = bytes.len();
        bytes = bytes.repeat((RUN_BYTES / round).max(1));
        Template { bytes, stride: round / targets, batch: batch.len(), records }
    }

    /// How many frames the run holds.
    pub(crate) fn slots(&self) -> usize {
        self.bytes.len() / self.stride
    }

    /// The octets of these frames.
    pub(crate) fn octets(&self, slots: Range<usize>) -> Range<usize> {
        slots.start * self.stride..slots.end * self.stride
    }

    /// The encoded octets.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Gives the frames correlation ids from `first` on.
    #[inline]
    pub(crate) fn correlate(&mut self, slots: Range<usize>, first: i32) {
        let octets = self.octets(slots);
        for (nth, frame) in self.bytes[octets].chunks_exact_mut(self.stride).enumerate() {
            correlate(frame, first.wrapping_add(nth as i32));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::wire::{Fields, split};
    use super::*;

    #[test]
    fn a_run_holds_every_target_in_turn() {
        let load = Load { topics: 2, partitions: 3, connections: 2, batch: 0, size: 10, ..Load::default() };
        let topics = Topics::new(&load, &[]);
        let mut run = Template::new(&load, &topics, 1);
        let slots = run.slots();
        assert!(slots.is_multiple_of(6) && run.bytes().len() > RUN_BYTES / 2);
        run.correlate(0..slots, 1000);
        let mut bytes = run.bytes();
        for slot in 0..slots {
            let (frame, length) = split(bytes).unwrap().unwrap();
            bytes = &bytes[length..];
            let mut fields = Fields(frame);
            assert_eq!((fields.i16().unwrap(), fields.i16().unwrap()), (0, 9));
            assert_eq!(fields.i32().unwrap(), 1000 + slot as i32);
            let client = fields.i16().unwrap() as usize;
            fields.take(client + 1 + 1 + 2 + 4 + 1).unwrap();
            // The second of two producers begins in the middle: with the first partition of the second topic.
            let target = (slot + 3) % 6;
            assert_eq!(fields.string().unwrap(), topics.names[target / 3]);
            assert_eq!((fields.array().unwrap(), fields.i32().unwrap()), (1, target as i32 % 3));
            assert_eq!(fields.octets().unwrap().unwrap().len(), run.batch);
        }
        assert!(bytes.is_empty());
    }
}
