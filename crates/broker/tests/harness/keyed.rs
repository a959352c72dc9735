//! Batches of the tests' format whose records have keys.
//!
//! ```text
//! bytes of a batch:   u64 id | u8 = 1 | u64 delete horizon, 0 = none | records …
//! record:             u16 delta of its offset | u64 key + 1, 0 = none | u64 value, 0 = it deletes its key
//! ```

use super::batches::{HEADER, sum, u64_at};
use narumq_broker::{BrokenBatch, Compacted, KeyedRecord, ProducerRun, Tombstones};

const RECORD: usize = 18;
const RECORDS: usize = HEADER + 17;

/// A record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Keyed {
    pub offset: u64,
    pub key: Option<u64>,
    pub value: Option<u64>,
    bytes: [u8; 8],
}

impl Keyed {
    pub(super) fn told(&self) -> KeyedRecord<'_> {
        let key = self.key.map(|_| &self.bytes[..]);
        KeyedRecord { offset: self.offset, key, deletes: self.value.is_none() }
    }
}

/// A batch of these records, keys and values; `records` places are taken, `None` is one that is not there.
pub fn batch(id: u64, time: i64, records: &[(Option<u64>, Option<u64>)], producer: Option<ProducerRun>) -> Vec<u8> {
    let mut out = super::batches::full((id, time), records.len() as u32, 8, producer);
    out.push(1);
    out.extend_from_slice(&[0; 8]);
    for (delta, (key, value)) in records.iter().enumerate() {
        out.extend_from_slice(&(delta as u16).to_le_bytes());
        out.extend_from_slice(&key.map_or(0, |key| key + 1).to_le_bytes());
        out.extend_from_slice(&value.unwrap_or(0).to_le_bytes());
    }
    seal(&mut out);
    out
}

fn seal(batch: &mut [u8]) {
    let len = batch.len() as u32;
    batch[..4].copy_from_slice(&len.to_le_bytes());
    let sum = sum(&batch[HEADER..]);
    batch[42..46].copy_from_slice(&sum.to_le_bytes());
}

/// The records of one batch.
pub fn records(batch: &[u8]) -> Result<Vec<Keyed>, BrokenBatch> {
    let broken = || BrokenBatch("no keyed batch".into());
    if batch.get(HEADER + 8) != Some(&1) {
        return Err(broken());
    }
    let base = u64_at(batch, 4).ok_or_else(broken)?;
    let (records, rest) = batch.get(RECORDS..).ok_or_else(broken)?.as_chunks::<RECORD>();
    if !rest.is_empty() {
        return Err(broken());
    }
    Ok(records
        .iter()
        .map(|record| {
            let key = u64_at(record, 2).expect("18 bytes").checked_sub(1);
            let value = u64_at(record, 10).filter(|value| *value > 0);
            let delta = u64::from(u16::from_le_bytes([record[0], record[1]]));
            Keyed { offset: base + delta, key, value, bytes: key.unwrap_or(0).to_le_bytes() }
        })
        .collect())
}

/// When those go that delete their keys, if a compaction has said so.
pub fn horizon(batch: &[u8]) -> Option<u64> {
    u64_at(batch, HEADER + 9).filter(|horizon| *horizon > 0)
}

pub(super) fn compact(
    batch: &[u8],
    when: Tombstones,
    stays: &mut dyn FnMut(KeyedRecord<'_>) -> bool,
) -> Result<Compacted, BrokenBatch> {
    let all = records(batch)?;
    let expired = horizon(batch).is_some_and(|horizon| when.now >= horizon);
    let mask: Vec<bool> = all.iter().map(|one| stays(one.told()) && (one.value.is_some() || !expired)).collect();
    let deletes = all.iter().zip(&mask).any(|(one, stays)| *stays && one.value.is_none());
    let marks = deletes && horizon(batch).is_none();
    if !all.is_empty() && !marks && mask.iter().all(|stays| *stays) {
        return Ok(Compacted::Same);
    }
    let mut out = batch[..RECORDS].to_vec();
    if marks {
        out[HEADER + 9..RECORDS].copy_from_slice(&when.horizon.to_le_bytes());
    }
    let kept = batch[RECORDS..].chunks(RECORD).zip(&mask).filter(|(_, stays)| **stays);
    kept.for_each(|(record, _)| out.extend_from_slice(record));
    seal(&mut out);
    Ok(if mask.contains(&true) { Compacted::Records(out) } else { Compacted::Empty(out) })
}

/// All batches, back to back.
pub fn batches(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        let len = u32::from_le_bytes(rest.get(..4)?.try_into().expect("4 bytes")) as usize;
        let (batch, behind) = rest.split_at_checked(len)?;
        rest = behind;
        Some(batch)
    })
}
