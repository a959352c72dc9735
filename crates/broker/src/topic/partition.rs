//! A partition: what its lock guards, and the offsets that others ask for.

use super::budget::Reads;
use super::cached::Cached;
use super::cold::Cold;
use super::compact::Compaction;
use super::held::Held;
use super::lookup::{Peak, Search};
use super::producers::Producers;
use super::segments::{Segments, names};
use super::tail::Tail;
use super::watchers::Watchers;
use crate::PartitionHandle;
use crate::core::{Core, lock};
use crate::dialect::Dialect;
use crate::parts::Parts;
use crate::turn::Turn;
use bytes::Bytes;
use narumq_log::{CopyWrite, FileUse};
use narumq_model::{Durability, Lsn, Name, ObjectId, SeqRange, TopicPolicy};
use std::collections::BTreeSet;
use std::fmt;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

/// A partition.
pub(crate) struct Partition {
    pub(crate) id: ObjectId,
    pub(crate) topic: Name,
    pub(crate) number: u32,
    pub(crate) durability: Durability,
    pub(crate) dialect: Arc<dyn Dialect>,
    policy: RwLock<Arc<TopicPolicy>>,
    pub(super) reads: Reads,
    state: Mutex<PartitionState>,
}

impl fmt::Debug for Partition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Partition({}-{}, {:?})", self.topic, self.number, self.durability)
    }
}

/// What a partition's lock guards.
#[derive(Default)]
pub(crate) struct PartitionState {
    pub(crate) deleted: bool,
    /// The first offset that is there.
    pub(super) start: u64,
    /// The offset that the next record gets.
    pub(super) end: u64,
    pub(super) tail: Tail,
    /// Memory of the tail as last counted.
    pub(super) counted: u64,
    pub(super) segments: Segments,
    /// Batches below this offset lie in segments, and can be read there: of a partition that promises the page cache all
    /// that readers see.
    pub(super) copied: u64,
    /// Batches below this offset lie in segments, or are being written there.
    pub(super) planned: u64,
    /// The last entry that moved the first offset.
    pub(super) trimmed: Lsn,
    /// A copy has been asked for, or is under way.
    pub(super) copying: bool,
    /// In which files of the log the batches lie that are not safe in segments yet.
    pub(super) held: Held,
    pub(super) producers: Producers,
    /// Each epoch in which something was written, with its first offset.
    pub(super) epochs: Vec<(u32, u64)>,
    /// Sessions that are to be told when something is appended.
    pub(super) watchers: Watchers,
    /// First offsets of batches that could not be read record by record, and have been told of.
    pub(super) broken: BTreeSet<u64>,
    pub(super) cold: Cold,
    /// Searches by time that wait for the disk.
    pub(super) searches: Vec<Search>,
    /// How far the search for the latest record has come.
    pub(super) peak: Option<Peak>,
    /// What is to be written of indexes with the next copy.
    pub(super) hints: Vec<CopyWrite>,
    /// What is kept of a partition that promises the page cache.
    pub(super) cached: Option<Cached>,
    /// Parts of the newest State.
    pub(super) parts: Parts,
    /// What compaction knows of it.
    pub(super) compaction: Compaction,
}

/// Batches that cannot be read and are remembered for each partition.
const BROKEN_MAX: usize = 1024;

impl Partition {
    pub(crate) fn new(
        (id, topic, number): (ObjectId, Name, u32),
        durability: Durability,
        policy: Arc<TopicPolicy>,
        dialect: Arc<dyn Dialect>,
    ) -> Self {
        let (policy, reads) = (RwLock::new(policy), Reads::default());
        let cached = (durability == Durability::Os).then(Cached::default);
        let state = Mutex::new(PartitionState { cached, ..PartitionState::default() });
        Self { id, topic, number, durability, dialect, policy, reads, state }
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, PartitionState> {
        lock(&self.state)
    }

    pub(crate) fn policy(&self) -> Arc<TopicPolicy> {
        self.policy.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// It has been deleted by entry `lsn` of the log: nothing of it is wanted any more.
    pub(crate) fn clear(&self, core: &Core, lsn: Lsn, turn: &mut Turn) {
        let mut state = self.lock();
        state.deleted = true;
        state.tell_watchers(self.id, core, turn);
        let names = state.segments.list.iter().flat_map(|segment| names(self.id, segment.id())).collect();
        core.log.remove_files(lsn, names);
        let emptied = state.held.remove_below(u64::MAX);
        *state = PartitionState { deleted: true, counted: state.counted, ..PartitionState::default() };
        state.count_memory(core);
        self.count_reads(&state, core);
        drop(state);
        if emptied {
            core.log.look();
        }
    }

    /// A piece of a segment has been read, or why it cannot be.
    pub(crate) fn came(&self, core: &Core, turn: &mut Turn, of: (u64, u64), bytes: Result<Bytes, String>) {
        let mut state = self.lock();
        if !state.deleted {
            state.came(self, core, turn, of, bytes);
            self.count_reads(&state, core);
            drop(state);
            core.let_go_of_reads();
        }
    }

    /// The batch at this offset cannot be read record by record, and is passed over: counted and told of once, of very many not
    /// each.
    pub(crate) fn pass_over(&self, core: &Core, base: u64, why: &str) {
        let mut state = self.lock();
        let news = state.broken.len() < BROKEN_MAX && state.broken.insert(base);
        drop(state);
        if news {
            core.batches_broken.fetch_add(1, Ordering::Relaxed);
            let Self { topic, number, .. } = self;
            core.warn(format_args!(
                "topic {topic}, partition {number}: the batch at offset {base} cannot be read ({why}): it is \
                 kept and passed over"
            ));
        }
    }

    pub(crate) fn change_policy(&self, policy: Arc<TopicPolicy>) {
        *self.policy.write().unwrap_or_else(PoisonError::into_inner) = policy;
    }
}

impl PartitionState {
    /// The batches that lie in this file of the log and are not safe in segments.
    pub(crate) fn live_in(&self, file: u64) -> Vec<SeqRange> {
        self.held.in_file(file)
    }

    /// The batches of file `from` within `spans` lie in `to` now.
    pub(crate) fn moved(&mut self, from: u64, to: &Arc<FileUse>, spans: &[SeqRange]) {
        self.held.moved(from, to, spans);
    }

    /// The place of the first batch that readers do not see, and its offset.
    pub(crate) fn seen(&self, durable: Lsn) -> (usize, u64) {
        let place = match &self.cached {
            None => self.tail.undurable(durable),
            Some(_) => self.uncopied_from(),
        };
        (place, self.tail.batch(place).map_or(self.end, |batch| batch.base))
    }

    /// The entry of the batch at this place of the tail.
    pub(crate) fn tail_batch(&self, place: usize) -> Option<Lsn> {
        self.tail.batch(place).map(|batch| batch.lsn)
    }

    /// Counts the tail's memory into the broker's.
    pub(super) fn count_memory(&mut self, core: &Core) {
        use std::sync::atomic::Ordering::Relaxed;
        let now = self.tail.len();
        core.tails.fetch_add(now.wrapping_sub(self.counted), Relaxed);
        self.counted = now;
    }
}

/// The offsets of a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Offsets {
    /// The first record that is there.
    pub start: u64,
    /// Behind the last record that readers see.
    pub high: u64,
    /// Behind the last record, durable or not.
    pub end: u64,
    /// Bytes kept, in memory and on the disk.
    pub bytes: u64,
}

impl Offsets {
    /// How many offsets readers see. What is trimmed may not be seen yet.
    pub fn count(&self) -> u64 {
        self.high.saturating_sub(self.start)
    }
}

impl crate::Broker {
    /// The offsets of a partition; `None` if it has been deleted.
    pub fn offsets(&self, partition: &PartitionHandle) -> Option<Offsets> {
        let state = partition.0.lock();
        let (_, high) = state.seen(self.durable());
        let bytes = state.segments.bytes() + state.unplanned();
        (!state.deleted).then_some(Offsets { start: state.start, high, end: state.end, bytes })
    }

    /// What readers will see once it is durable: nothing more is to come at this LSN. `Lsn(0)` if they see all.
    pub fn last_append(&self, partition: &PartitionHandle) -> Lsn {
        let state = partition.0.lock();
        let last = state.tail.count().checked_sub(1).and_then(|at| state.tail.batch(at));
        last.map_or(Lsn(0), |batch| batch.lsn)
    }

    /// Whether batches are on their way into segments, or in segments that are being synced.
    pub fn is_copying(&self) -> bool {
        let on_the_way = |state: &PartitionState| !state.deleted && (state.copying || !state.segments.is_synced());
        self.core.all_partitions().iter().any(|partition| on_the_way(&partition.lock()))
    }

    /// Where an epoch ended: the last epoch not after it, and behind its last offset. `None` if none is known.
    pub fn epoch_end(&self, partition: &PartitionHandle, epoch: u32) -> Option<(u32, u64)> {
        let state = partition.0.lock();
        let next = state.epochs.partition_point(|(e, _)| *e <= epoch);
        let (found, _) = *state.epochs.get(next.checked_sub(1)?)?;
        Some((found, state.epochs.get(next).map_or(state.end, |(_, first)| *first)))
    }

    /// Memory of the newest batches of all partitions, and of what was read of their segments, in bytes.
    pub fn topic_memory(&self) -> (u64, u64) {
        (self.core.tails.load(std::sync::atomic::Ordering::Relaxed), self.core.read_bytes())
    }

    /// The epoch in which this broker leads its partitions.
    pub fn leader_epoch(&self) -> u32 {
        self.core.log.epoch().0 as u32
    }
}
