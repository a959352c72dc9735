//! The mark that ends a transaction in a partition: a control batch of one record.
//!
//! ```text
//!   key:    version i16 = 0 │ outcome i16: 0 abort, 1 commit
//!   value:  version i16 = 0 │ epoch of the transaction's coordinator i32
//! ```

use super::batch::{Attributes, BatchHeader, Codec, HEADER_BYTES};
use super::build::{BatchBuilder, NewRecord, Producer};
use super::walk::Records;

/// How a transaction ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// None of its records counts.
    Abort,
    /// All of them do.
    Commit,
}

/// The batch that ends the transaction of this producer, at `timestamp` in milliseconds since 1970.
pub fn transaction_marker(
    producer_id: i64,
    producer_epoch: i16,
    outcome: Outcome,
    coordinator_epoch: i32,
    timestamp: i64,
) -> Vec<u8> {
    let key = [0, 0, 0, (outcome == Outcome::Commit) as u8];
    let mut value = [0; 6];
    value[2..].copy_from_slice(&coordinator_epoch.to_be_bytes());
    let mut builder = BatchBuilder::new(Codec::None, usize::MAX)
        .producer(Producer { id: producer_id, epoch: producer_epoch, base_sequence: -1 })
        .mark(Attributes::TRANSACTIONAL | Attributes::CONTROL);
    let fits = builder.push(&NewRecord { timestamp, key: Some(&key), value: Some(&value), headers: &[] });
    assert!(fits, "one record of ten bytes");
    builder.finish().expect("it has a record")
}

impl Outcome {
    /// What this batch says of the end of a transaction; none if it says nothing of it.
    pub fn read(batch: &[u8]) -> Option<Outcome> {
        let header = BatchHeader::read(batch).ok()?;
        if !header.attributes.has(Attributes::TRANSACTIONAL | Attributes::CONTROL) {
            return None;
        }
        let record = Records::new(&header, batch.get(HEADER_BYTES..header.size())?).next()?.ok()?;
        match record.key? {
            [_, _, 0, 0, ..] => Some(Outcome::Abort),
            [_, _, 0, 1, ..] => Some(Outcome::Commit),
            _ => None,
        }
    }
}
