//! Commits as an entry of the log.
//!
//! ```text
//! u8 version = 1 | u8 kind = 0 | varint base time ms | varint count | count × change
//! change  u8 flags | varint topic | varint partition            flags: bit 0 deleted, alone
//!         zigzag offset | zigzag committed at − base
//!         [varint leader epoch]                                        bit 1, else −1
//!         [varint length, metadata]                                    bit 2, else empty
//!         [varint expires at ms]                                       bit 3, else never by itself
//! ```
//! Other kinds are kept for commits that take effect later.

use super::CommittedOffset;
use crate::codec::Reader;
use narumq_log::varint;
use narumq_model::{ObjectId, Time};

const VERSION: u8 = 1;
const KIND_PLAIN: u8 = 0;
const DELETED: u8 = 1;
const EPOCH: u8 = 2;
const METADATA: u8 = 4;
const EXPIRY: u8 = 8;

/// What happened to the offset of one partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OffsetChange {
    /// The topic.
    pub topic: ObjectId,
    /// The partition.
    pub partition: u32,
    /// What is committed now; `None` if nothing is any more.
    pub to: Option<CommittedOffset>,
}

/// Changes of a group's offsets that took place together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CommitRecord {
    /// In the order in which they took place.
    pub changes: Vec<OffsetChange>,
}

impl OffsetChange {
    /// What it takes in a record, at most.
    pub(super) fn encoded_len_max(&self) -> usize {
        // Flags, six varints (five of 10 bytes at most, the partition of 5), and the note.
        1 + 5 * 10 + 5 + 10 + self.to.as_ref().map_or(0, |to| to.metadata.len())
    }

    fn put(&self, base: u64, out: &mut Vec<u8>) {
        let flags = self.to.as_ref().map_or(DELETED, |to| {
            let epoch = if to.leader_epoch >= 0 { EPOCH } else { 0 };
            let metadata = if to.metadata.is_empty() { 0 } else { METADATA };
            epoch | metadata | if to.expires_at.is_some() { EXPIRY } else { 0 }
        });
        out.push(flags);
        varint::put(out, self.topic.0);
        varint::put(out, self.partition.into());
        let Some(to) = &self.to else { return };
        put_signed(out, to.offset);
        put_signed(out, to.committed_at.0.wrapping_sub(base) as i64);
        if let Ok(epoch) = u64::try_from(to.leader_epoch) {
            varint::put(out, epoch);
        }
        if !to.metadata.is_empty() {
            varint::put_bytes(out, to.metadata.as_bytes());
        }
        if let Some(at) = to.expires_at {
            varint::put(out, at.0);
        }
    }

    fn read(reader: &mut Reader<'_>, base: u64) -> Option<Self> {
        let flags = reader.u8()?;
        let topic = ObjectId(reader.number()?);
        let partition = u32::try_from(reader.number()?).ok()?;
        if flags == DELETED {
            return Some(Self { topic, partition, to: None });
        }
        if flags & !(EPOCH | METADATA | EXPIRY) != 0 {
            return None;
        }
        let offset = read_signed(reader)?;
        let committed_at = Time(base.wrapping_add(read_signed(reader)? as u64));
        let leader_epoch = if flags & EPOCH == 0 { -1 } else { i32::try_from(reader.number()?).ok()? };
        let metadata = if flags & METADATA == 0 { "" } else { std::str::from_utf8(reader.bytes()?).ok()? };
        let expires_at = if flags & EXPIRY == 0 { None } else { Some(Time(reader.number()?)) };
        let to = CommittedOffset { offset, leader_epoch, metadata: metadata.into(), committed_at, expires_at };
        Some(Self { topic, partition, to: Some(to) })
    }
}

impl CommitRecord {
    /// The data of its entry.
    pub fn encode(&self) -> Vec<u8> {
        let base = self.changes.iter().find_map(|c| c.to.as_ref()).map_or(0, |to| to.committed_at.0);
        let mut out = Vec::with_capacity(16 + 16 * self.changes.len());
        out.extend([VERSION, KIND_PLAIN]);
        varint::put(&mut out, base);
        varint::put(&mut out, self.changes.len() as u64);
        self.changes.iter().for_each(|change| change.put(base, &mut out));
        out
    }

    /// Reads an entry's data; `None` if it is none.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let mut reader = Reader::new(bytes);
        if (reader.u8()?, reader.u8()?) != (VERSION, KIND_PLAIN) {
            return None;
        }
        let base = reader.number()?;
        let changes = reader.list(|r| OffsetChange::read(r, base))?;
        reader.u8().is_none().then_some(Self { changes })
    }
}

fn put_signed(out: &mut Vec<u8>, n: i64) {
    varint::put(out, ((n << 1) ^ (n >> 63)) as u64);
}

fn read_signed(reader: &mut Reader<'_>) -> Option<i64> {
    let n = reader.number()?;
    Some((n >> 1) as i64 ^ -((n & 1) as i64))
}
