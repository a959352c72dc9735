//! Batches come in: judged against their producer, placed at the end, logged, told to who watches.

use super::Partition;
use super::producers::Judged;
use crate::dialect::ProducerRun;
use crate::turn::Turn;
use crate::{Broker, PartitionHandle};
use narumq_log::{Entry, Kind};
use narumq_model::{Lsn, Seq};
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// Uncopied bytes of one partition at which they are copied.
const COPY: u64 = 1 << 20;
/// Memory of all tails at which all of them are copied, and copied batches are let go.
pub(super) const TAILS_MAX: u64 = 64 << 20;

/// A batch as a door passes it: checked, in its own format.
#[derive(Clone, Copy, Debug)]
pub struct Batch<'a> {
    /// Its bytes.
    pub bytes: &'a [u8],
    /// Offsets that it takes, at least 1.
    pub count: u32,
    /// Latest time of a record, in milliseconds since the Unix epoch.
    pub max_time: i64,
    /// Its producer, if it wants what it sends twice to be taken once.
    pub producer: Option<ProducerRun>,
}

/// Where a batch went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Appended {
    /// The offset of its first record.
    pub base: u64,
    /// The first offset of the partition.
    pub start: u64,
    /// The answer waits for this entry.
    pub lsn: Lsn,
}

/// Why a batch was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AppendError {
    /// The topic has been deleted.
    Deleted,
    /// It was taken before, longer ago than is remembered.
    DuplicateSequence,
    /// Batches of its producer are missing before it.
    OutOfOrderSequence,
    /// Its producer goes on in a later epoch.
    ProducerFenced,
}

impl Broker {
    /// Appends a batch to a partition.
    pub fn append(
        &self,
        partition: &PartitionHandle,
        batch: Batch<'_>,
        turn: &mut Turn,
    ) -> Result<Appended, AppendError> {
        let partition = &partition.0;
        let mut state = partition.lock();
        if state.deleted {
            return Err(AppendError::Deleted);
        }
        if let Some(run) = batch.producer {
            match state.producers.judge(run, batch.count) {
                Judged::New => {}
                Judged::Again(base, lsn) => return Ok(Appended { base, start: state.start, lsn }),
                Judged::TooOld => return Err(AppendError::DuplicateSequence),
                Judged::Gap => return Err(AppendError::OutOfOrderSequence),
                Judged::Fenced => return Err(AppendError::ProducerFenced),
            }
        }
        let (base, epoch) = (state.end, self.leader_epoch());
        let mut file = 0;
        let lsn = state.tail.push(base, batch.bytes, |bytes| {
            partition.dialect.place(bytes, base, epoch);
            let entry = Entry { seq: seq(base), body: bytes, ..Entry::new(Kind::Batch, partition.id, turn.now) };
            let appended = self.core.log.append(&entry);
            file = appended.file;
            appended.lsn
        });
        state.end = base + u64::from(batch.count);
        state.held.add(base, file, || self.core.log.file_use(file));
        if state.epochs.last().is_none_or(|(last, _)| *last < epoch) {
            state.epochs.push((epoch, base));
        }
        if let Some(run) = batch.producer {
            state.producers.note(run, batch.count, base, lsn, turn.now);
        }
        state.segments.note_time(base, batch.max_time);
        state.tell_watchers(partition.id, &self.core, turn);
        state.count_memory(&self.core);
        let start = state.start;
        let uncopied = state.uncopied();
        let ask = uncopied >= COPY && !std::mem::replace(&mut state.copying, true);
        drop(state);
        if ask {
            self.core.log.copy(partition.id);
        } else if self.core.tails.load(Ordering::Relaxed) > TAILS_MAX {
            self.copy_all();
        }
        Ok(Appended { base, start, lsn })
    }

    /// Too much is in memory: every partition is to be copied.
    fn copy_all(&self) {
        for partition in self.core.all_partitions() {
            partition.ask_copy(&self.core);
        }
    }
}

impl Partition {
    /// Has what is not in segments copied, unless that is under way.
    pub(crate) fn ask_copy(self: &Arc<Self>, core: &crate::core::Core) {
        let mut state = self.lock();
        if state.uncopied() > 0 && !std::mem::replace(&mut state.copying, true) {
            drop(state);
            core.log.copy(self.id);
        }
    }
}

/// How the log calls a batch that begins with this offset.
pub(super) fn seq(base: u64) -> Seq {
    Seq(base + 1)
}
