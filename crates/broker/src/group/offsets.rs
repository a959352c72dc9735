//! How far a group has read each partition: what was committed last.

use super::{CommitRecord, OffsetChange};
use narumq_model::{ObjectId, Time};
use std::collections::BTreeMap;

/// A committed offset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommittedOffset {
    /// The offset of the next message to read, as the client gave it.
    pub offset: i64,
    /// The leader epoch of the message before it; −1 if the client gave none.
    pub leader_epoch: i32,
    /// The client's note.
    pub metadata: Box<str>,
    /// When it was committed.
    pub committed_at: Time,
    /// When it expires, if the client said so; otherwise the group's retention decides.
    pub expires_at: Option<Time>,
}

/// The committed offsets of one group, by topic and partition.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Offsets(BTreeMap<(ObjectId, u32), CommittedOffset>);

impl Offsets {
    /// What is committed for one partition.
    pub fn get(&self, topic: ObjectId, partition: u32) -> Option<&CommittedOffset> {
        self.0.get(&(topic, partition))
    }

    /// All of them, ascending by topic and partition.
    pub fn iter(&self) -> impl Iterator<Item = (ObjectId, u32, &CommittedOffset)> {
        self.0.iter().map(|(&(topic, partition), committed)| (topic, partition, committed))
    }

    /// How many partitions have one.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether no partition has one.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Does what a record of the log says. At a start, records are applied in the order of the log.
    pub fn apply(&mut self, record: &CommitRecord) {
        record.changes.iter().cloned().for_each(|change| self.change(change));
    }

    /// What a State of the log has to say of them: records that together bring them back, each of about `bytes_max` at
    /// most.
    pub fn records(&self, bytes_max: usize) -> Vec<CommitRecord> {
        let mut records: Vec<CommitRecord> = Vec::new();
        let mut room = 0;
        for (topic, partition, committed) in self.iter() {
            let change = OffsetChange { topic, partition, to: Some(committed.clone()) };
            let size = change.encoded_len_max();
            match records.last_mut() {
                Some(record) if size <= room => record.changes.push(change),
                _ => {
                    room = bytes_max;
                    records.push(CommitRecord { changes: vec![change] });
                }
            }
            room = room.saturating_sub(size);
        }
        records
    }

    fn change(&mut self, change: OffsetChange) {
        let key = (change.topic, change.partition);
        match change.to {
            Some(committed) => self.0.insert(key, committed),
            None => self.0.remove(&key),
        };
    }

    /// Removes all that `goes`; the record says so. `None` if nothing does.
    pub(super) fn remove(
        &mut self,
        mut goes: impl FnMut(ObjectId, u32, &CommittedOffset) -> bool,
    ) -> Option<CommitRecord> {
        let mut changes = Vec::new();
        self.0.retain(|&(topic, partition), committed| {
            let goes = goes(topic, partition, committed);
            if goes {
                changes.push(OffsetChange { topic, partition, to: None });
            }
            !goes
        });
        (!changes.is_empty()).then_some(CommitRecord { changes })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn committed(offset: i64, note: &str) -> CommittedOffset {
        let (committed_at, expires_at) = (Time(5), None);
        CommittedOffset { offset, leader_epoch: -1, metadata: note.into(), committed_at, expires_at }
    }

    #[test]
    fn records_of_limited_size_bring_all_of_them_back() {
        let mut offsets = Offsets::default();
        let note = "n".repeat(300);
        for n in 0..1_000u32 {
            let change = OffsetChange { topic: ObjectId(7), partition: n, to: Some(committed(n.into(), &note)) };
            offsets.change(change);
        }
        let records = offsets.records(10_000);
        let mut back = Offsets::default();
        for record in &records {
            assert!(record.encode().len() <= 10_000);
            back.apply(record);
        }
        assert_eq!(back, offsets);
        assert!(records.len() < 60, "{} records", records.len());
        assert_eq!(offsets.records(1).len(), 1_000, "each has one at least");
    }
}
