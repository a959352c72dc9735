//! How the core reads what only a door understands: each door registers one for the format of its batches or messages.
//!
//! ```text
//!  a topic read through another door    batch ── Dialect::expand ──► Record ── MessageDialect::write ──► message
//!  a message that goes to a topic       message ── MessageDialect::read ──► Record ── Dialect::frame ──► batch
//! ```

use bytes::Bytes;
use narumq_model::{FormatId, Headers, Message, MessageBuilder, Record, Time, TopicPolicy};
use std::fmt;
use std::sync::Arc;

/// Where a batch's producer stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProducerRun {
    /// The producer's id.
    pub id: u64,
    /// Its epoch: a later one shuts out earlier ones.
    pub epoch: u16,
    /// The sequence of the first record; they count from 0 and wrap behind `i32::MAX`.
    pub first: u32,
}

/// What the core must know of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchFacts {
    /// Length in bytes.
    pub len: usize,
    /// Offset of its first record.
    pub base: u64,
    /// Offsets that it takes, at least 1.
    pub count: u32,
    /// Epoch of the partition's leader that wrote it.
    pub epoch: u32,
    /// Latest time of a record, in milliseconds since the Unix epoch; may be negative.
    pub max_time: i64,
    /// Its producer, if it says so.
    pub producer: Option<ProducerRun>,
}

/// Reads the bytes of one format. Pure: it is called under locks and on any thread.
pub trait Dialect: Send + Sync {
    /// The batch that begins at the front of `bytes`, by its header alone; `None` if no header stands there. The batch itself
    /// may be longer than `bytes`.
    fn batch(&self, bytes: &[u8]) -> Option<BatchFacts>;
    /// Whether the bytes of this one batch are what its writer wrote, by their checksum.
    fn is_whole(&self, batch: &[u8]) -> bool;
    /// Writes offset and epoch into a batch; what its checksum covers stays as it is.
    fn place(&self, batch: &mut [u8], base: u64, epoch: u32);
    /// Hands over each record of one whole batch with its offset, in order. What came before a fault stands. Records that
    /// are not for readers, such as marks of transactions, are passed over. Compressed records inflate to `bytes_max` bytes
    /// at most.
    fn expand(&self, batch: &Bytes, bytes_max: usize, each: &mut dyn FnMut(u64, Record)) -> Result<(), BrokenBatch>;
    /// One batch of these records, at least one, with base offset 0, compressed and timed as the topic's policy says. Records
    /// that tell no time get `now`.
    fn frame(&self, records: &[Record], policy: &TopicPolicy, now: Time) -> Vec<u8>;
    /// Tells each record of one whole batch, in order, for compaction. What is not a record of a producer, such as the mark of
    /// a transaction, is not told. Refuses what cannot be read, or inflates to more than the format's door takes.
    fn keys(&self, batch: &[u8], each: &mut dyn FnMut(KeyedRecord<'_>)) -> Result<(), BrokenBatch>;
    /// What is left of one whole batch when only those of its records stay of which `stays` says so, told as [`keys`] does,
    /// and of those that delete their key none whose time has come. Offsets, times, producer and sequence stay as they are.
    /// Refuses what [`keys`] refuses.
    ///
    /// [`keys`]: Dialect::keys
    fn compact(
        &self,
        batch: &[u8],
        when: Tombstones,
        stays: &mut dyn FnMut(KeyedRecord<'_>) -> bool,
    ) -> Result<Compacted, BrokenBatch>;
}

/// A record as compaction sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyedRecord<'a> {
    /// Its offset.
    pub offset: u64,
    /// Its key, if it has one.
    pub key: Option<&'a [u8]>,
    /// It deletes its key.
    pub deletes: bool,
}

/// How long records stay that delete their keys. Times are in milliseconds since the Unix epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tombstones {
    /// The time of the compaction: those whose time has come go.
    pub now: u64,
    /// The time of those that no compaction has seen before.
    pub horizon: u64,
}

/// What compaction leaves of a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Compacted {
    /// All of it, as it was.
    Same,
    /// This batch.
    Records(Vec<u8>),
    /// No record: a batch without one, which tells offsets, producer and sequence.
    Empty(Vec<u8>),
}

/// A batch that was taken, but cannot be read: why, in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BrokenBatch(pub String);

/// Where a record lies that a reader gets out of a topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecordPlace<'a> {
    /// The topic's name: the routing key that a reader sees of a record that has none.
    pub topic: &'a str,
    /// Number of its partition.
    pub partition: u32,
    /// Its offset there.
    pub offset: u64,
    /// How many partitions the topic has, at least 1.
    pub partitions: u32,
}

/// Reads and writes the messages of one format. Pure: it is called under locks and on any thread.
///
/// Both ways are total, and nothing is dropped: what the format has no place for travels in headers with reserved names,
/// and is found again on the way back.
pub trait MessageDialect: Send + Sync {
    /// What a message of this format says. Bytes that cannot be read as properties say nothing.
    fn read(&self, message: &Message) -> Record;
    /// Its headers alone, as they stand in it, for exchanges that route by them.
    fn headers(&self, message: &Message) -> Headers;
    /// A message of this format that says it, and where it lies if it comes out of a topic.
    fn write(&self, record: &Record, place: Option<RecordPlace<'_>>, builder: &mut MessageBuilder) -> Message;
}

/// The dialects of all doors, by format.
#[derive(Clone, Default)]
pub struct Dialects {
    batches: Vec<(FormatId, Arc<dyn Dialect>)>,
    messages: Vec<(FormatId, Arc<dyn MessageDialect>)>,
}

impl fmt::Debug for Dialects {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let batches = self.batches.iter().map(|(format, _)| format);
        f.debug_list().entries(batches).entries(self.messages.iter().map(|(format, _)| format)).finish()
    }
}

impl Dialects {
    /// Registers the dialect of a format of batches.
    pub fn register(&mut self, format: FormatId, dialect: Arc<dyn Dialect>) {
        self.batches.retain(|(known, _)| *known != format);
        self.batches.push((format, dialect));
    }

    /// Registers the dialect of a format of messages.
    pub fn register_messages(&mut self, format: FormatId, dialect: Arc<dyn MessageDialect>) {
        self.messages.retain(|(known, _)| *known != format);
        self.messages.push((format, dialect));
    }

    /// The dialect of a format of batches.
    pub fn get(&self, format: FormatId) -> Option<&Arc<dyn Dialect>> {
        self.batches.iter().find(|(known, _)| *known == format).map(|(_, dialect)| dialect)
    }

    /// The dialect of a format of messages.
    pub fn messages(&self, format: FormatId) -> Option<&Arc<dyn MessageDialect>> {
        self.messages.iter().find(|(known, _)| *known == format).map(|(_, dialect)| dialect)
    }
}
