//! The topics that a connection used last, by name and by id, as long as no topic comes or goes.

use crate::codec::Uuid;
use foldhash::fast::RandomState;
use narumq_broker::{Broker, PartitionHandle, TopicHandle, Vhost};
use std::collections::HashMap;

/// Topics remembered.
const KNOWN: usize = 4096;

/// The topics that a connection used last.
#[derive(Default)]
pub(crate) struct Topics {
    version: u64,
    names: HashMap<String, TopicHandle, RandomState>,
    ids: HashMap<u128, TopicHandle, RandomState>,
}

impl Topics {
    fn refresh(&mut self, broker: &Broker) {
        let version = broker.topology_version();
        if self.version != version || self.names.len() > KNOWN {
            self.version = version;
            self.names.clear();
            self.ids.clear();
        }
    }

    /// A topic by name.
    pub(crate) fn named(&mut self, name: &str, vhost: &Vhost, broker: &Broker) -> Option<TopicHandle> {
        self.refresh(broker);
        if let Some(topic) = self.names.get(name) {
            return Some(topic.clone());
        }
        let topic = broker.topic(vhost, name)?;
        self.names.insert(name.to_owned(), topic.clone());
        Some(topic)
    }

    /// A topic by id.
    pub(crate) fn with_id(&mut self, id: Uuid, vhost: &Vhost, broker: &Broker) -> Option<TopicHandle> {
        self.refresh(broker);
        let id = u128::from_be_bytes(id.0);
        if self.ids.is_empty() {
            self.ids = broker.topics(vhost).into_iter().map(|topic| (topic.definition().uuid, topic)).collect();
        }
        self.ids.get(&id).cloned()
    }

    /// A topic as a request names it: `by_id`, or by name where its version knows no ids.
    pub(crate) fn asked(
        &mut self,
        (name, id): (&str, Uuid),
        by_id: bool,
        vhost: &Vhost,
        broker: &Broker,
    ) -> Option<TopicHandle> {
        if by_id { self.with_id(id, vhost, broker) } else { self.named(name, vhost, broker) }
    }
}

/// The partition of this number, if there is such a topic and it has one.
pub(crate) fn partition_of(topic: Option<&TopicHandle>, number: i32) -> Option<PartitionHandle> {
    topic?.partition(u32::try_from(number).ok()?)
}

/// The id of a topic as the protocol writes it.
pub(crate) fn id_of(topic: &TopicHandle) -> Uuid {
    Uuid(topic.definition().uuid.to_be_bytes())
}
