//! Topics come, change and go.

use crate::catalog::Record;
use crate::dialect::Dialect;
use crate::topic::{Partition, Topic, TopicHandle};
use crate::topology::Vhost;
use crate::turn::Turn;
use crate::{Broker, PartitionHandle};
use narumq_log::Kind;
use narumq_model::{Destination, Durability, FormatId, Lsn, Name, ObjectId, TopicDefinition, TopicPolicy};
use std::fmt;
use std::sync::Arc;

/// What is asked of a new topic.
#[derive(Clone, Debug)]
pub struct TopicSpec {
    /// Its name, 1 to 255 bytes.
    pub name: Name,
    /// A random id that was never given to another topic.
    pub uuid: u128,
    /// Whose batches it keeps.
    pub format: FormatId,
    /// How many partitions, at least 1.
    pub partitions: u32,
    /// What positive answers promise; `None` = what the broker's settings say.
    pub durability: Option<Durability>,
    /// Its settings.
    pub policy: TopicPolicy,
    /// The settings as they were given.
    pub settings: Vec<(Name, Name)>,
}

/// The settings of a topic: what they amount to, and as they were given.
pub type TopicSettings = (TopicPolicy, Vec<(Name, Name)>);

/// What limits a topic that is declared as a stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StreamLimits {
    /// Segments go when their last record came longer ago, in milliseconds; `None` = never.
    pub age_ms: Option<u64>,
    /// Segments go while it would still have this many bytes; `None` = no limit.
    pub bytes: Option<u64>,
    /// A segment takes this many bytes; `None` = what is usual.
    pub segment_bytes: Option<u64>,
}

/// What a topic is made of that is declared as a stream: the door whose batches it keeps says so.
#[derive(Clone, Copy, Debug)]
pub struct StreamForm {
    /// Whose batches it keeps.
    pub format: FormatId,
    /// Its settings by its limits.
    pub settings: fn(&StreamLimits) -> TopicSettings,
}

/// Why a topic is not created or changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CreateTopicError {
    /// A topic of this name is there.
    Exists,
    /// A queue of another kind has this name.
    IsQueue,
    /// No door of this broker knows the format.
    Format,
    /// The topic is not there.
    Unknown,
    /// It has that many partitions or more.
    Partitions,
    /// A topic is there beside whose name this one may not stand.
    Collides,
}

impl fmt::Display for CreateTopicError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Exists => "a topic of this name exists",
            Self::IsQueue => "a queue of another kind has this name",
            Self::Format => "the format of its batches is not known",
            Self::Unknown => "there is no topic of this name",
            Self::Partitions => "it has that many partitions or more",
            Self::Collides => "its name collides with that of an existing topic",
        })
    }
}

impl std::error::Error for CreateTopicError {}

impl Broker {
    /// A topic by name.
    pub fn topic(&self, vhost: &Vhost, name: &str) -> Option<TopicHandle> {
        vhost.read().topics.get(name).cloned().map(TopicHandle)
    }

    /// All topics of a vhost, ascending by name.
    pub fn topics(&self, vhost: &Vhost) -> Vec<TopicHandle> {
        let mut topics: Vec<TopicHandle> = vhost.read().topics.values().cloned().map(TopicHandle).collect();
        topics.sort_by(|a, b| a.definition().name.cmp(&b.definition().name));
        topics
    }

    /// The name of a topic that meets a test, if there is one.
    pub fn find_topic(&self, vhost: &Vhost, is: impl Fn(&str) -> bool) -> Option<Name> {
        vhost.read().topics.keys().find(|name| is(name)).cloned()
    }

    /// What positive answers promise where nothing narrower is said.
    pub fn durability(&self) -> Durability {
        self.settings.durability
    }

    /// Whether a topic of this name could be created.
    pub fn may_create_topic(&self, vhost: &Vhost, name: &str) -> Result<(), CreateTopicError> {
        let state = vhost.read();
        if state.topics.contains_key(name) {
            return Err(CreateTopicError::Exists);
        }
        if state.queues.contains_key(name) { Err(CreateTopicError::IsQueue) } else { Ok(()) }
    }

    /// Creates a topic; the answer waits for the LSN.
    pub fn create_topic(
        &self,
        vhost: &Vhost,
        spec: TopicSpec,
        turn: &mut Turn,
    ) -> Result<(TopicHandle, Lsn), CreateTopicError> {
        self.create_topic_beside(vhost, spec, |_| false, turn)
    }

    /// The same, unless its name `collides` with that of a topic that is there; none comes between the look and the creation.
    pub fn create_topic_beside(
        &self,
        vhost: &Vhost,
        spec: TopicSpec,
        collides: impl Fn(&str) -> bool,
        turn: &mut Turn,
    ) -> Result<(TopicHandle, Lsn), CreateTopicError> {
        let _catalog = self.catalog_lock();
        self.may_create_topic(vhost, &spec.name)?;
        if self.find_topic(vhost, collides).is_some() {
            return Err(CreateTopicError::Collides);
        }
        let dialect = self.settings.dialects.get(spec.format).ok_or(CreateTopicError::Format)?.clone();
        let definition = TopicDefinition {
            id: self.next_id(),
            name: spec.name,
            uuid: spec.uuid,
            format: spec.format,
            partitions: (0..spec.partitions.max(1)).map(|_| self.next_id()).collect(),
            durability: spec.durability.unwrap_or(self.settings.durability),
            created: turn.now,
            policy: spec.policy,
            settings: spec.settings,
        };
        let lsn = self.log_record(Kind::Define, &Record::Topic(vhost.name().clone(), definition.clone()), turn);
        let topic = self.enter_topic(vhost, definition, &dialect);
        self.changed();
        Ok((TopicHandle(topic), lsn))
    }

    /// Creates a topic of one partition with these limits; the answer waits for the LSN.
    pub fn create_stream(
        &self,
        vhost: &Vhost,
        (name, uuid): (Name, u128),
        limits: &StreamLimits,
        turn: &mut Turn,
    ) -> Result<(TopicHandle, Lsn), CreateTopicError> {
        let form = self.settings.streams.ok_or(CreateTopicError::Format)?;
        let (policy, settings) = (form.settings)(limits);
        let (format, partitions, durability) = (form.format, 1, None);
        let spec = TopicSpec { name, uuid, format, partitions, durability, policy, settings };
        self.create_topic(vhost, spec, turn)
    }

    /// Enters a topic with its partitions, all empty.
    pub(crate) fn enter_topic(
        &self,
        vhost: &Vhost,
        definition: TopicDefinition,
        dialect: &Arc<dyn Dialect>,
    ) -> Arc<Topic> {
        let name = definition.name.clone();
        let partitions = self.make_partitions(&definition, 0, dialect);
        partitions.iter().for_each(|partition| self.core.enter_partition(partition.clone()));
        self.core.look_later();
        if definition.policy.compacts {
            self.core.compact_later();
        }
        let topic = Arc::new(Topic::new(vhost.name().clone(), Arc::new(definition), partitions.into()));
        vhost.write().topics.insert(name, topic.clone());
        topic
    }

    fn make_partitions(
        &self,
        definition: &TopicDefinition,
        from: usize,
        dialect: &Arc<dyn Dialect>,
    ) -> Vec<Arc<Partition>> {
        let policy = Arc::new(definition.policy.clone());
        let make = |(number, id): (usize, &ObjectId)| {
            let of = (*id, definition.name.clone(), number as u32);
            Arc::new(Partition::new(of, definition.durability, policy.clone(), dialect.clone()))
        };
        definition.partitions.iter().enumerate().skip(from).map(make).collect()
    }

    /// Gives a topic other settings; the answer waits for the LSN.
    pub fn alter_topic(
        &self,
        vhost: &Vhost,
        name: &str,
        settings: TopicSettings,
        turn: &mut Turn,
    ) -> Result<Lsn, CreateTopicError> {
        self.change_topic(vhost, name, |_| Ok(settings), turn)
    }

    /// Gives a topic the settings that `change` makes of it as it is; nobody else changes it meanwhile. The answer waits for
    /// the LSN.
    pub fn change_topic<E: From<CreateTopicError>>(
        &self,
        vhost: &Vhost,
        name: &str,
        change: impl FnOnce(&TopicDefinition) -> Result<TopicSettings, E>,
        turn: &mut Turn,
    ) -> Result<Lsn, E> {
        let _catalog = self.catalog_lock();
        let topic = vhost.read().topics.get(name).cloned().ok_or(CreateTopicError::Unknown)?;
        let before = topic.definition();
        let (policy, settings) = change(&before)?;
        let definition = TopicDefinition { policy, settings, ..before.as_ref().clone() };
        let shared = Arc::new(definition.policy.clone());
        let lsn = self.log_record(Kind::Define, &Record::Topic(vhost.name().clone(), definition.clone()), turn);
        let partitions = topic.partitions();
        if shared.compacts {
            self.core.compact_later();
        }
        partitions.iter().for_each(|partition| partition.change_policy(shared.clone()));
        topic.change(Arc::new(definition), partitions);
        Ok(lsn)
    }

    /// Gives a topic more partitions, `count` in all; the answer waits for the LSN.
    pub fn add_partitions(
        &self,
        vhost: &Vhost,
        name: &str,
        count: u32,
        turn: &mut Turn,
    ) -> Result<Lsn, CreateTopicError> {
        let _catalog = self.catalog_lock();
        let topic = vhost.read().topics.get(name).cloned().ok_or(CreateTopicError::Unknown)?;
        let mut definition = topic.definition().as_ref().clone();
        let before = definition.partitions.len();
        if count as usize <= before {
            return Err(CreateTopicError::Partitions);
        }
        let dialect = self.settings.dialects.get(definition.format).ok_or(CreateTopicError::Format)?;
        definition.partitions.extend((before..count as usize).map(|_| self.next_id()));
        let lsn = self.log_record(Kind::Define, &Record::Topic(vhost.name().clone(), definition.clone()), turn);
        let new = self.make_partitions(&definition, before, dialect);
        new.iter().for_each(|partition| self.core.enter_partition(partition.clone()));
        let all: Vec<Arc<Partition>> = topic.partitions().iter().cloned().chain(new).collect();
        topic.change(Arc::new(definition), all.into());
        Ok(lsn)
    }

    /// Deletes a topic and all it holds; the answer waits for the LSN. `None` if there is none.
    pub fn delete_topic(&self, vhost: &Vhost, name: &str, turn: &mut Turn) -> Option<Lsn> {
        let _catalog = self.catalog_lock();
        let topic = vhost.write().topics.remove(name)?;
        let mut lsn = self.unbind_from(vhost, name, turn);
        let definition = topic.definition().as_ref().clone();
        lsn = lsn.max(self.log_record(Kind::Delete, &Record::Topic(vhost.name().clone(), definition), turn));
        for partition in topic.partitions().iter() {
            self.core.leave_partition(partition.id);
            partition.clear(&self.core, lsn, turn);
        }
        self.forget_in_groups(vhost, topic.definition().id, turn);
        self.changed();
        Some(lsn)
    }

    /// What leads to a topic that is gone leads nowhere.
    fn unbind_from(&self, vhost: &Vhost, name: &str, turn: &mut Turn) -> Lsn {
        let mut state = vhost.write();
        let bare = state.unbind_all(&Destination::Queue(name.into()));
        let removed = bare.iter().map(|exchange| self.remove_exchange(vhost, &mut state, exchange, turn));
        removed.max().unwrap_or(Lsn(0))
    }

    /// The number and topic of a partition, for listings.
    pub fn partition_name(&self, partition: &PartitionHandle) -> (Name, u32) {
        (partition.0.topic.clone(), partition.0.number)
    }
}
