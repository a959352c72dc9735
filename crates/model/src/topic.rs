//! Topics: a name, partitions that each are a log of batches, and how long these are kept.

use crate::{Durability, FormatId, Name, ObjectId, Time};

/// A topic as created. Its partitions are objects of their own.
#[derive(Clone, Debug, PartialEq)]
pub struct TopicDefinition {
    /// Its id.
    pub id: ObjectId,
    /// Its name, 1 to 255 bytes.
    pub name: Name,
    /// A random id that clients may call it by; never given to another topic.
    pub uuid: u128,
    /// Whose batches it keeps.
    pub format: FormatId,
    /// Its partitions, by number from 0.
    pub partitions: Vec<ObjectId>,
    /// What positive answers promise.
    pub durability: Durability,
    /// When it was created.
    pub created: Time,
    /// The effective settings.
    pub policy: TopicPolicy,
    /// The settings as they were given, name and value, ascending by name.
    pub settings: Vec<(Name, Name)>,
}

/// What becomes the key of a message that reaches a topic without one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum KeyFrom {
    /// Nothing: it has no key.
    #[default]
    Nothing,
    /// Its routing key, unless that is empty.
    RoutingKey,
    /// The text or bytes of this header, if it is there.
    Header(Name),
}

/// The effective settings of a topic. Times are in milliseconds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicPolicy {
    /// Whole segments older than this go; `None` = never.
    pub retention_ms: Option<u64>,
    /// Whole segments go while the partition would still have this many bytes; `None` = no limit.
    pub retention_bytes: Option<u64>,
    /// Age counts from arrival, whatever time a record carries.
    pub age_from_arrival: bool,
    /// Segments go by age and size.
    pub deletes: bool,
    /// Of records with the same key only the last is kept.
    pub compacts: bool,
    /// A segment takes this many bytes, at least one batch.
    pub segment_bytes: u64,
    /// A segment takes no more batches after this time.
    pub segment_ms: u64,
    /// Largest batch, in bytes.
    pub batch_bytes_max: u32,
    /// Records carry the time of their arrival instead of their own.
    pub arrival_time: bool,
    /// How much earlier than its arrival a record's time may be; `None` = any.
    pub time_before_ms: Option<u64>,
    /// How much later than its arrival a record's time may be; `None` = any.
    pub time_after_ms: Option<u64>,
    /// Compressed batches are opened and every record in them checked before they are taken.
    pub checks_records: bool,
    /// How batches are compressed again, as a code of the format; `None` = kept as they come.
    pub recompress: Option<u8>,
    /// How long a record that deletes its key stays after it has been seen by a compaction.
    pub tombstone_ms: u64,
    /// The share of a partition, in thousandths, that must be new before it is compacted.
    pub dirty_per_mille: u16,
    /// A record is not compacted away before it has this age.
    pub compaction_lag_ms: u64,
    /// A record is compacted at this age at the latest; `None` = whenever.
    pub compaction_lag_max_ms: Option<u64>,
    /// What becomes the key of a message without one.
    pub key_from: KeyFrom,
}

impl Default for TopicPolicy {
    /// A week by record time, segments of 1 GiB or a week, batches up to 1 MiB and 12 bytes.
    fn default() -> Self {
        const WEEK: u64 = 7 * 24 * 3600 * 1000;
        Self {
            retention_ms: Some(WEEK),
            retention_bytes: None,
            age_from_arrival: false,
            deletes: true,
            compacts: false,
            segment_bytes: 1 << 30,
            segment_ms: WEEK,
            batch_bytes_max: (1 << 20) + 12,
            arrival_time: false,
            time_before_ms: None,
            time_after_ms: Some(3600 * 1000),
            checks_records: false,
            recompress: None,
            tombstone_ms: WEEK / 7,
            dirty_per_mille: 500,
            compaction_lag_ms: 0,
            compaction_lag_max_ms: None,
            key_from: KeyFrom::Nothing,
        }
    }
}

/// A consumer group: members share the partitions of topics, and what they have done with is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupDefinition {
    /// Its id.
    pub id: ObjectId,
    /// Its name, at least 1 byte.
    pub name: Name,
}
