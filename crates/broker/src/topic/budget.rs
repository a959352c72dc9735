//! The memory of what was read of segments: what was used longest ago goes when all of it is too much.

use super::Partition;
use super::partition::PartitionState;
use crate::core::Core;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

/// What a partition has in memory of its segments.
#[derive(Debug, Default)]
pub(super) struct Reads {
    /// Bytes, as last counted.
    bytes: AtomicU64,
    /// When it was used last, counted in uses of all partitions.
    used: AtomicU64,
}

/// What all partitions together have.
#[derive(Debug, Default)]
pub(crate) struct ReadMemory {
    bytes: AtomicU64,
    uses: AtomicU64,
}

impl Partition {
    /// Counts what is in memory after a change; the partition's lock is held.
    pub(super) fn count_reads(&self, state: &PartitionState, core: &Core) {
        let now = state.cold.len();
        let before = self.reads.bytes.swap(now, Relaxed);
        core.reads.bytes.fetch_add(now.wrapping_sub(before), Relaxed);
        self.reads.used.store(core.reads.uses.fetch_add(1, Relaxed), Relaxed);
    }
}

impl Core {
    /// Memory of what was read of segments, in bytes.
    pub(crate) fn read_bytes(&self) -> u64 {
        self.reads.bytes.load(Relaxed)
    }

    /// Lets go of what was used longest ago while there is too much. No partition's lock is held.
    pub(crate) fn let_go_of_reads(&self) {
        if self.read_bytes() <= self.topics.read_bytes {
            return;
        }
        let mut all: Vec<Arc<Partition>> = self.all_partitions();
        all.retain(|partition| partition.reads.bytes.load(Relaxed) > 0);
        all.sort_by_cached_key(|partition| partition.reads.used.load(Relaxed));
        // Not of the last one: it has just been asked for.
        all.pop();
        for partition in all {
            if self.read_bytes() <= self.topics.read_bytes / 8 * 7 {
                return;
            }
            let mut state = partition.lock();
            state.cold.forget_read();
            let used = partition.reads.used.load(Relaxed);
            partition.count_reads(&state, self);
            partition.reads.used.store(used, Relaxed);
        }
    }
}
