//! What the door must be told of topics: what settings mean and how records lie in batches, by who knows the format.

use bytes::Bytes;
use narumq_broker::{Broker, TopicSettings, Vhost};
use narumq_model::{Durability, FormatId, Name, Time, TopicDefinition};

/// One format of topics. Given at composition; the first one's is that of new topics.
pub trait TopicFormat: Send + Sync {
    /// The format.
    fn format(&self) -> FormatId;
    /// Whether a topic of this name may be created; if not, why, in words.
    fn check_name(&self, name: &str, vhost: &Vhost, broker: &Broker) -> Result<(), String>;
    /// What the settings of a new topic amount to, and the durability that they ask for. `usual` is the broker's.
    fn plan(&self, given: &[(Name, Name)], usual: Durability) -> Result<(TopicSettings, Option<Durability>), String>;
    /// The settings of a topic with some of them changed; `None` takes one back to its default.
    fn change(
        &self,
        before: &TopicDefinition,
        changes: &[(Name, Option<Name>)],
        usual: Durability,
    ) -> Result<TopicSettings, String>;
    /// All settings of a topic, ascending by name.
    fn settings(&self, topic: &TopicDefinition) -> Vec<TopicSetting>;
    /// What a member of a group has: topics with partitions. `None` if it cannot be read.
    fn assignment(&self, bytes: &[u8]) -> Option<Vec<(String, Vec<u32>)>>;
    /// Hands over the records of batches that lie back to back until `each` says no. Returns the offset to go on at: behind
    /// the last batch, or that of the record that was refused. Batches that cannot be read are passed over; `None` if there
    /// is no batch.
    fn read(&self, batches: &[u8], each: &mut dyn FnMut(&TopicRecord<'_>) -> bool) -> Option<u64>;
    /// One batch of these records as the topic wants it; an error says in words what it does not take.
    fn write(&self, records: &[NewTopicRecord], topic: &TopicDefinition, now: Time) -> Result<TopicBatch, String>;
}

/// A setting of a topic with its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicSetting {
    /// Its name.
    pub name: String,
    /// Its value, as text.
    pub value: String,
    /// Whether the value was given for this topic.
    pub given: bool,
    /// Whether it is fixed when the topic is created.
    pub fixed: bool,
    /// What it does.
    pub about: String,
}

/// A record as it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicRecord<'a> {
    /// Its offset.
    pub offset: u64,
    /// In milliseconds since the Unix epoch; −1 = not told.
    pub time: i64,
    /// The key, if it has one.
    pub key: Option<&'a [u8]>,
    /// The body; none says that what the key names is gone.
    pub body: Option<&'a [u8]>,
    /// Its headers, in order.
    pub headers: Vec<(&'a [u8], Option<&'a [u8]>)>,
}

/// A record to be written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NewTopicRecord {
    /// In milliseconds since the Unix epoch; `None` = now.
    pub time: Option<i64>,
    /// The key, if it has one.
    pub key: Option<Bytes>,
    /// The body; none says that what the key names is gone.
    pub body: Option<Bytes>,
    /// Its headers, in order.
    pub headers: Vec<(Bytes, Option<Bytes>)>,
}

/// A batch to be appended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicBatch {
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// Offsets that it takes.
    pub count: u32,
    /// Latest time of a record, in milliseconds since the Unix epoch.
    pub max_time: i64,
}
