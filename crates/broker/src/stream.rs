//! Topics record by record: read as messages of the reader's format, written from messages of any.
//!
//! ```text
//!  fetch ─► batches ─► expand ─► records ─► write ─► messages      read_stream, a lane for each partition
//!  publish ─► read ─► records of this turn ─► frame ─► append      publish, end_of_publishes
//! ```
//! A reader holds its place alone; nothing is ever taken out of a topic by reading.

mod frame;
mod partitioner;
mod read;

pub(crate) use frame::Framing;
pub use partitioner::partition_of;
pub use read::StreamProgress;

use crate::dialect::MessageDialect;
use crate::topic::Topic;
use crate::{Broker, PartitionHandle, TopicHandle};
use bytes::Bytes;
use narumq_model::{FormatId, MessageBuilder, Record, SessionId};
use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// Where a reader of a topic begins, in each partition that it reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StreamStart {
    /// With the first record that is there.
    First,
    /// With the last batch that is there.
    Last,
    /// With what comes from now on.
    Next,
    /// With this offset, or the first record that is there if that is later.
    Offset(u64),
    /// With the first record of this time or later, in milliseconds since the Unix epoch.
    Time(i64),
}

/// How a topic is to be read.
#[derive(Clone, Copy, Debug)]
pub struct StreamSpec {
    /// From where.
    pub start: StreamStart,
    /// One partition alone, by its number.
    pub partition: Option<u32>,
    /// The format of the messages that the reader understands.
    pub format: FormatId,
}

/// Why a topic cannot be read so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StreamError {
    /// It has no partition of this number.
    Partition(u32),
    /// An offset means nothing without a partition: the topic has more than one.
    OffsetOfAll,
    /// No door of this broker writes messages of this format.
    Format,
}

impl fmt::Display for StreamError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Partition(number) => write!(f, "there is no partition {number}"),
            Self::OffsetOfAll => f.write_str("an offset needs a partition: there is more than one"),
            Self::Format => f.write_str("the format of messages is not known"),
        }
    }
}

impl std::error::Error for StreamError {}

/// What a lane reads next.
#[derive(Clone, Copy, Debug)]
enum Next {
    /// Records from this offset on.
    Offset(u64),
    /// All records of the batch that holds this offset, and on.
    Batch(u64),
    /// The first record of this time or later at or behind this offset.
    Time(i64, u64),
}

/// One partition of a reader.
#[derive(Debug)]
struct Lane {
    partition: PartitionHandle,
    number: u32,
    next: Next,
    /// Records earlier than this are passed over, until one is not.
    not_before: Option<i64>,
    /// The offset that could not be read last.
    failed: Option<u64>,
    /// Batches that have been fetched and not been expanded, back to back.
    batches: VecDeque<Bytes>,
    records: VecDeque<(u64, Record)>,
}

/// A reader of a topic.
pub struct Stream {
    topic: TopicHandle,
    session: SessionId,
    dialect: Arc<dyn MessageDialect>,
    partitions: u32,
    lanes: Vec<Lane>,
    /// The lane that is served next.
    at: usize,
    builder: MessageBuilder,
}

impl fmt::Debug for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stream").field("session", &self.session).field("lanes", &self.lanes).finish_non_exhaustive()
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.topic.0.readers.fetch_sub(1, Ordering::Relaxed);
        self.lanes.iter().for_each(|lane| lane.partition.0.lock().unwatch(self.session));
    }
}

impl Broker {
    /// Begins to read a topic, until the reader is dropped. The session is told `Ready` when more can be read than was when it
    /// asked last.
    pub fn open_stream(
        &self,
        topic: &TopicHandle,
        spec: StreamSpec,
        session: SessionId,
    ) -> Result<Stream, StreamError> {
        let dialect = self.settings.dialects.messages(spec.format).ok_or(StreamError::Format)?.clone();
        let all = topic.0.partitions();
        if spec.partition.is_none() && all.len() > 1 && matches!(spec.start, StreamStart::Offset(_)) {
            return Err(StreamError::OffsetOfAll);
        }
        let numbers = match spec.partition {
            Some(number) if number as usize >= all.len() => return Err(StreamError::Partition(number)),
            Some(number) => number..number + 1,
            None => 0..all.len() as u32,
        };
        let lane = |number: u32| {
            let partition = PartitionHandle(all[number as usize].clone());
            let next = self.place(&partition, spec.start);
            let not_before = if let Next::Time(time, _) = next { Some(time) } else { None };
            Lane {
                partition,
                number,
                next,
                not_before,
                failed: None,
                batches: VecDeque::new(),
                records: VecDeque::new(),
            }
        };
        topic.0.readers.fetch_add(1, Ordering::Relaxed);
        Ok(Stream {
            topic: topic.clone(),
            session,
            dialect,
            partitions: all.len() as u32,
            lanes: numbers.map(lane).collect(),
            at: 0,
            builder: MessageBuilder::default(),
        })
    }

    fn place(&self, partition: &PartitionHandle, start: StreamStart) -> Next {
        let (first, high) = self.offsets(partition).map_or((0, 0), |offsets| (offsets.start, offsets.high));
        match start {
            StreamStart::First => Next::Offset(first),
            StreamStart::Last if high > first => Next::Batch(high - 1),
            StreamStart::Last | StreamStart::Next => Next::Offset(high),
            StreamStart::Offset(offset) => Next::Offset(offset),
            StreamStart::Time(time) => Next::Time(time, first),
        }
    }

    /// Batches that could not be read record by record since the start, by readers or compactions, each counted once.
    pub fn broken_batches(&self) -> u64 {
        self.core.batches_broken.load(Ordering::Relaxed)
    }

    /// How many read a topic record by record.
    pub fn stream_readers(&self, topic: &TopicHandle) -> u32 {
        topic.0.readers.load(Ordering::Relaxed)
    }
}

impl Topic {
    /// The partition of a record with this key, or the next one in turn.
    fn partition_of(&self, key: Option<&[u8]>, count: usize) -> usize {
        match key {
            Some(key) => partition_of(key, count as u32) as usize,
            None => self.turn.fetch_add(1, Ordering::Relaxed) as usize % count,
        }
    }
}
