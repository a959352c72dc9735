//! What every queue needs beside itself: the log, the mailboxes, the table by id, the deadlines.

use crate::coordinator::Coordinated;
use crate::counts::Totals;
use crate::event::Mailboxes;
use crate::promises::Promises;
use crate::queue::Queue;
use crate::queue::scratch::Scratch;
use crate::topic::{CompactionTotals, OpenSegments, Partition, PartitionSettings, ReadMemory};
use foldhash::fast::RandomState;
use narumq_log::Log;
use narumq_model::{ObjectId, Time};
use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, RwLock};

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Who is told when the log ends for good, or what an operator should know.
type Tell = Arc<dyn Fn(&str) + Send + Sync>;

pub(crate) struct Core {
    pub(crate) log: Arc<Log>,
    pub(crate) mailboxes: Mailboxes,
    pub(crate) queues: RwLock<HashMap<ObjectId, Arc<Queue>, RandomState>>,
    partitions: RwLock<HashMap<ObjectId, Arc<Partition>, RandomState>>,
    groups: RwLock<HashMap<ObjectId, Arc<Coordinated>, RandomState>>,
    pub(crate) topics: PartitionSettings,
    /// A look at all partitions is armed.
    pub(crate) looks: AtomicBool,
    /// Partitions of which some could not be copied yet: it was not durable.
    pub(crate) uncopied: Mutex<Vec<ObjectId>>,
    /// Memory of the batches that all partitions keep, in bytes.
    pub(crate) tails: AtomicU64,
    /// What was left of it when all were made to let go last, or less.
    pub(crate) tails_left: AtomicU64,
    /// Memory of what was read of segments.
    pub(crate) reads: ReadMemory,
    pub(crate) open_segments: OpenSegments,
    pub(crate) compactions: CompactionTotals,
    /// Batches that cannot be read record by record and were passed over, each counted once.
    pub(crate) batches_broken: AtomicU64,
    /// Memory of the messages that all queues keep, ready or handed over, in bytes.
    pub(crate) window: AtomicU64,
    pub(crate) scratch: Scratch,
    pub(crate) totals: Totals,
    pub(crate) promises: Promises,
    pub(crate) on_failure: OnceLock<Tell>,
    pub(crate) on_warning: OnceLock<Tell>,
    deadlines: Mutex<BinaryHeap<Reverse<(Time, ObjectId)>>>,
    /// The time of the latest turn, for what the log's threads do.
    time: AtomicU64,
}

impl fmt::Debug for Core {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Core({:?})", self.log)
    }
}

impl Core {
    pub(crate) fn new(log: Arc<Log>, workers: u16, topics: PartitionSettings) -> Self {
        Self {
            log,
            mailboxes: Mailboxes::new(workers),
            queues: RwLock::default(),
            partitions: RwLock::default(),
            groups: RwLock::default(),
            topics,
            looks: AtomicBool::new(false),
            uncopied: Mutex::default(),
            tails: AtomicU64::new(0),
            tails_left: AtomicU64::new(0),
            reads: ReadMemory::default(),
            open_segments: OpenSegments::default(),
            compactions: CompactionTotals::default(),
            batches_broken: AtomicU64::new(0),
            window: AtomicU64::new(0),
            scratch: Scratch::default(),
            totals: Totals::default(),
            promises: Promises::default(),
            on_failure: OnceLock::new(),
            on_warning: OnceLock::new(),
            deadlines: Mutex::default(),
            time: AtomicU64::new(0),
        }
    }

    pub(crate) fn note_time(&self, now: Time) {
        if now.0 > self.time.load(Ordering::Relaxed) {
            self.time.store(now.0, Ordering::Relaxed);
        }
    }

    /// Something that an operator should look at.
    pub(crate) fn warn(&self, what: fmt::Arguments<'_>) {
        if let Some(tell) = self.on_warning.get() {
            tell(&what.to_string());
        }
    }

    pub(crate) fn time(&self) -> Time {
        Time(self.time.load(Ordering::Relaxed))
    }

    pub(crate) fn queue(&self, id: ObjectId) -> Option<Arc<Queue>> {
        self.queues.read().unwrap_or_else(PoisonError::into_inner).get(&id).cloned()
    }

    pub(crate) fn all(&self) -> Vec<Arc<Queue>> {
        self.queues.read().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }

    pub(crate) fn enter(&self, queue: Arc<Queue>) {
        self.queues.write().unwrap_or_else(PoisonError::into_inner).insert(queue.definition.id, queue);
    }

    pub(crate) fn leave(&self, id: ObjectId) {
        self.queues.write().unwrap_or_else(PoisonError::into_inner).remove(&id);
    }

    pub(crate) fn partition(&self, id: ObjectId) -> Option<Arc<Partition>> {
        self.partitions.read().unwrap_or_else(PoisonError::into_inner).get(&id).cloned()
    }

    pub(crate) fn all_partitions(&self) -> Vec<Arc<Partition>> {
        self.partitions.read().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }

    pub(crate) fn has_partitions(&self) -> bool {
        !self.partitions.read().unwrap_or_else(PoisonError::into_inner).is_empty()
    }

    pub(crate) fn enter_partition(&self, partition: Arc<Partition>) {
        self.partitions.write().unwrap_or_else(PoisonError::into_inner).insert(partition.id, partition);
    }

    pub(crate) fn leave_partition(&self, id: ObjectId) {
        self.partitions.write().unwrap_or_else(PoisonError::into_inner).remove(&id);
    }

    pub(crate) fn group(&self, id: ObjectId) -> Option<Arc<Coordinated>> {
        self.groups.read().unwrap_or_else(PoisonError::into_inner).get(&id).cloned()
    }

    pub(crate) fn enter_group(&self, group: Arc<Coordinated>) {
        self.groups.write().unwrap_or_else(PoisonError::into_inner).insert(group.definition.id, group);
    }

    pub(crate) fn leave_group(&self, id: ObjectId) {
        self.groups.write().unwrap_or_else(PoisonError::into_inner).remove(&id);
    }

    /// The queue wants to be looked at then. True if that is earlier than anything so far.
    pub(crate) fn arm(&self, at: Time, id: ObjectId) -> bool {
        let mut deadlines = lock(&self.deadlines);
        let earlier = deadlines.peek().is_none_or(|Reverse((first, _))| at < *first);
        deadlines.push(Reverse((at, id)));
        earlier
    }

    pub(crate) fn next_deadline(&self) -> Option<Time> {
        lock(&self.deadlines).peek().map(|Reverse((at, _))| *at)
    }

    /// Takes what is due at `now`.
    pub(crate) fn due(&self, now: Time) -> Vec<ObjectId> {
        let mut deadlines = lock(&self.deadlines);
        let mut due = Vec::new();
        while deadlines.peek().is_some_and(|Reverse((at, _))| *at <= now) {
            due.extend(deadlines.pop().map(|Reverse((_, id))| id));
        }
        due.sort_unstable();
        due.dedup();
        due
    }
}
