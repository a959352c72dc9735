//! Batches come in: judged against their producer, placed at the end, logged, told to who watches.

use super::Partition;
use super::producers::Judged;
use super::tail::{Lies, Times};
use crate::core::Core;
use crate::dialect::ProducerRun;
use crate::turn::Turn;
use crate::{Broker, PartitionHandle};
use narumq_log::{Entry, Kind};
use narumq_model::{Lsn, Seq};
use std::sync::atomic::Ordering;

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
    /// The latest time of its records: for one that was taken before, as it was taken then.
    pub max_time: i64,
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
                Judged::Again(base, max_time, lsn) => {
                    return Ok(Appended { base, start: state.start, max_time, lsn });
                }
                Judged::TooOld => return Err(AppendError::DuplicateSequence),
                Judged::Gap => return Err(AppendError::OutOfOrderSequence),
                Judged::Fenced => return Err(AppendError::ProducerFenced),
            }
        }
        let (base, epoch) = (state.end, self.leader_epoch());
        let (mut file, cached) = (0, state.cached.is_some());
        let times = Times { latest: batch.max_time, arrived: turn.now };
        let place = |bytes: &mut [u8]| partition.dialect.place(bytes, base, epoch);
        let lsn = state.tail.push((base, times), batch.bytes, place, |lies| {
            if cached {
                return Lsn(0);
            }
            let entry = Entry { seq: seq(base), ..Entry::new(Kind::Batch, partition.id, turn.now) };
            let appended = match lies {
                Lies::Here(body) => self.core.log.append(&Entry { body, ..entry }),
                Lies::Shared(body) => self.core.log.append_lent(&entry, &body),
            };
            file = appended.file;
            appended.lsn
        });
        state.end = base + u64::from(batch.count);
        if !cached {
            state.held.add(base, file, || self.core.log.file_use(file));
        }
        if state.epochs.last().is_none_or(|(last, _)| *last < epoch) {
            state.epochs.push((epoch, base));
        }
        if let Some(run) = batch.producer {
            state.producers.note(run, batch.count, (base, batch.max_time), lsn, turn.now);
        }
        state.count_memory(&self.core);
        let start = state.start;
        if partition.write_later(&mut state, turn) {
            // Readers see it when it is written.
            return Ok(Appended { base, start, max_time: batch.max_time, lsn });
        }
        state.tell_watchers(partition.id, &self.core, turn);
        let uncopied = state.uncopied();
        let ask = uncopied >= self.core.topics.copy_bytes && !std::mem::replace(&mut state.copying, true);
        drop(state);
        if ask {
            self.core.log.copy(partition.id);
        } else {
            self.core.shrink_tails();
        }
        Ok(Appended { base, start, max_time: batch.max_time, lsn })
    }
}

impl Partition {
    /// Whether so much lies in no segment that it is to be copied.
    pub(crate) fn is_worth_copying(&self, core: &crate::core::Core) -> bool {
        self.lock().uncopied() >= core.topics.copy_bytes
    }

    /// Has what is not in segments copied, unless that is under way.
    pub(crate) fn ask_copy(&self, core: &Core) {
        let mut state = self.lock();
        if state.uncopied() > 0 && !std::mem::replace(&mut state.copying, true) {
            drop(state);
            core.log.copy(self.id);
        }
    }
}

impl Core {
    /// Lets go of copied batches, and has the others copied, in all partitions, if too much is in memory, and more than when
    /// that was done last. No partition's lock is held.
    pub(super) fn shrink_tails(&self) {
        let (tails, most) = (self.tails.load(Ordering::Relaxed), self.topics.tail_bytes);
        if tails <= most || tails <= self.tails_left.load(Ordering::Relaxed) + most / 8 {
            return;
        }
        self.tails_left.store(tails, Ordering::Relaxed);
        self.sweep_tails();
    }

    /// More is durable, and may be copied now. While so much is in memory that nobody appends, nobody else asks for it.
    pub(crate) fn relieve_tails(&self) {
        if self.tails.load(Ordering::Relaxed) > self.topics.tail_bytes / 2 * 3 {
            self.sweep_tails();
        }
    }

    fn sweep_tails(&self) {
        for partition in self.all_partitions() {
            partition.lock().let_go(self);
            partition.ask_copy(self);
        }
        self.tails_shrunk();
    }

    /// Less is in memory: what comes on top of it counts.
    pub(super) fn tails_shrunk(&self) {
        self.tails_left.fetch_min(self.tails.load(Ordering::Relaxed), Ordering::Relaxed);
    }
}

/// How the log calls a batch that begins with this offset.
pub(super) fn seq(base: u64) -> Seq {
    Seq(base + 1)
}
