//! Where the readers of topics stand, for whoever looks from outside: offsets, and how far groups are behind.

use crate::group::CommittedOffset;
use crate::topic::{Arrival, Topic};
use crate::topology::Vhost;
use crate::{Broker, Offsets, PartitionHandle, TopicHandle};
use narumq_model::{Name, ObjectId};
use std::collections::HashMap;
use std::sync::Arc;

/// How far a group has read one partition.
#[derive(Clone, Debug)]
pub struct CursorListing {
    /// The topic.
    pub topic: TopicHandle,
    /// The partition's number.
    pub partition: u32,
    /// What was committed.
    pub committed: CommittedOffset,
    /// What the partition has.
    pub offsets: Offsets,
    /// When the oldest record came that is not read; `None` if all are.
    pub waiting_since: Option<Arrival>,
}

impl CursorListing {
    /// Records that are not read.
    pub fn lag(&self) -> u64 {
        self.offsets.high.saturating_sub(u64::try_from(self.committed.offset).unwrap_or(0))
    }
}

/// The topics of a vhost by id.
type ById = HashMap<ObjectId, Arc<Topic>>;

fn by_id(vhost: &Vhost) -> ById {
    vhost.read().topics.values().map(|topic| (topic.definition().id, topic.clone())).collect()
}

impl Broker {
    /// The offsets of all partitions of a topic, by number.
    pub fn all_offsets(&self, topic: &TopicHandle) -> Vec<Offsets> {
        let partitions = topic.0.partitions();
        partitions.iter().filter_map(|partition| self.offsets(&PartitionHandle(partition.clone()))).collect()
    }

    /// How far a group has read each partition that it has committed an offset of; `None` if there is no such group.
    pub fn cursors(&self, vhost: &Vhost, group: &str) -> Option<Vec<CursorListing>> {
        let (committed, _) = self.committed(vhost, group, all_of)?;
        Some(self.cursors_of(&by_id(vhost), committed))
    }

    /// The same for all groups of a vhost, by name of the group.
    pub fn all_cursors(&self, vhost: &Vhost) -> Vec<(Name, Vec<CursorListing>)> {
        let topics = by_id(vhost);
        let mut names: Vec<Name> = vhost.read().groups.keys().cloned().collect();
        names.sort();
        let of = |name: Name| {
            let (committed, _) = self.committed(vhost, &name, all_of)?;
            Some((name, self.cursors_of(&topics, committed)))
        };
        names.into_iter().filter_map(of).collect()
    }

    /// Ascending by topic's name and partition. What was committed of partitions that are gone is left out.
    fn cursors_of(&self, topics: &ById, committed: Vec<(ObjectId, u32, CommittedOffset)>) -> Vec<CursorListing> {
        let mut cursors = Vec::with_capacity(committed.len());
        for (topic, number, committed) in committed {
            let Some(topic) = topics.get(&topic) else { continue };
            let topic = TopicHandle(topic.clone());
            let Some(partition) = topic.partition(number) else { continue };
            let Some(offsets) = self.offsets(&partition) else { continue };
            let from = u64::try_from(committed.offset).unwrap_or(0);
            let waiting_since = self.arrival(&partition, from);
            cursors.push(CursorListing { topic, partition: number, committed, offsets, waiting_since });
        }
        cursors.sort_by_cached_key(|cursor| (cursor.topic.definition().name.clone(), cursor.partition));
        cursors
    }
}

fn all_of(offsets: &crate::group::Offsets) -> Vec<(ObjectId, u32, CommittedOffset)> {
    offsets.iter().map(|(topic, partition, committed)| (topic, partition, committed.clone())).collect()
}
