//! Topics: partitions that each are a log of batches, read by offset.
//!
//! append: judge → place → log → tail.   fetch: tail, or segments by the reader thread.   copy: tail → segments.
//! What readers see ends at the first batch that is not durable. See `docs/internals/topic.md`.

mod append;
mod arrival;
mod batches;
mod budget;
mod cached;
mod cold;
mod compact;
mod copy;
mod fetch;
mod held;
mod index;
mod look;
mod lookup;
mod partition;
mod producers;
pub(crate) mod restore;
mod retention;
mod segments;
mod settings;
mod skip;
mod snapshot;
mod tail;
mod trim;
mod watchers;

pub use append::{AppendError, Appended, Batch};
pub use arrival::Arrival;
pub(crate) use budget::ReadMemory;
pub(crate) use cached::OpenSegments;
pub use compact::Compactions;
pub(crate) use compact::{CompactionTotals, DIRTY_PARTITIONS, clean};
pub use fetch::{FetchError, Fetched};
pub use lookup::Lookup;
pub use partition::Offsets;
pub(crate) use partition::Partition;
pub(crate) use retention::ALL_PARTITIONS;
pub(crate) use segments::names as segment_names;
pub use settings::PartitionSettings;
pub(crate) use snapshot::STATE;
pub use trim::TrimError;

use narumq_model::{Name, ObjectId, TopicDefinition};
use std::sync::atomic::AtomicU32;
use std::sync::{Arc, PoisonError, RwLock};

/// A topic. Settings and partitions may be added to; the rest never changes.
#[derive(Debug)]
pub(crate) struct Topic {
    pub(crate) vhost: Name,
    state: RwLock<TopicState>,
    /// Who reads it record by record.
    pub(crate) readers: AtomicU32,
    /// Deals records without a key to the partitions.
    pub(crate) turn: AtomicU32,
}

#[derive(Clone, Debug)]
struct TopicState {
    definition: Arc<TopicDefinition>,
    partitions: Arc<[Arc<Partition>]>,
}

impl Topic {
    pub(crate) fn new(vhost: Name, definition: Arc<TopicDefinition>, partitions: Arc<[Arc<Partition>]>) -> Self {
        let (readers, turn) = (AtomicU32::new(0), AtomicU32::new(0));
        Self { vhost, state: RwLock::new(TopicState { definition, partitions }), readers, turn }
    }

    fn state(&self) -> TopicState {
        self.state.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn definition(&self) -> Arc<TopicDefinition> {
        self.state().definition
    }

    pub(crate) fn partitions(&self) -> Arc<[Arc<Partition>]> {
        self.state().partitions
    }

    /// Takes the place of what was: the catalog lock is held.
    pub(crate) fn change(&self, definition: Arc<TopicDefinition>, partitions: Arc<[Arc<Partition>]>) {
        *self.state.write().unwrap_or_else(PoisonError::into_inner) = TopicState { definition, partitions };
    }
}

/// A topic by handle. It may have been deleted meanwhile; operations then find nothing.
#[derive(Clone, Debug)]
pub struct TopicHandle(pub(crate) Arc<Topic>);

impl TopicHandle {
    /// Its definition as it is now.
    pub fn definition(&self) -> Arc<TopicDefinition> {
        self.0.definition()
    }

    /// The name of its vhost.
    pub fn vhost(&self) -> &Name {
        &self.0.vhost
    }

    /// How many partitions it has.
    pub fn partition_count(&self) -> u32 {
        self.0.partitions().len() as u32
    }

    /// A partition by number.
    pub fn partition(&self, number: u32) -> Option<PartitionHandle> {
        self.0.partitions().get(number as usize).cloned().map(PartitionHandle)
    }
}

/// A partition by handle.
#[derive(Clone, Debug)]
pub struct PartitionHandle(pub(crate) Arc<Partition>);

impl PartitionHandle {
    /// Its id.
    pub fn id(&self) -> ObjectId {
        self.0.id
    }
}

impl PartialEq for PartitionHandle {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}
