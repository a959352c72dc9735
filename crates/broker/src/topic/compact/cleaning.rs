//! One compaction of one partition, on the cleaner's thread: keys first, then the segments, group by group.

use super::group::Known;
use super::keys::{KeyHash, LastOffsets, hash};
use super::replace::Replaced;
use super::{Compactions, Dirt};
use crate::Broker;
use crate::topic::Partition;
use crate::topic::batches::{Batches, Next};
use crate::topic::segments::{Segment, name};
use crate::turn::Turn;
use narumq_log::disk::{Disk, File};
use narumq_model::{ObjectId, Time, TopicPolicy};
use std::collections::HashMap;
use std::io;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};

/// A compaction that is under way.
pub(super) struct Cleaning {
    /// Held for moments only: who drops the broker ends this.
    pub(super) broker: Weak<Broker>,
    pub(super) disk: Arc<dyn Disk>,
    pub(super) partition: Arc<Partition>,
    pub(super) policy: Arc<TopicPolicy>,
    pub(super) now: Time,
    dirt: Dirt,
    /// All segments that may be compacted, each with the offset behind it.
    segments: Vec<(Segment, u64)>,
    /// Of each producer the offset behind its last batch.
    pub(super) producers: HashMap<u64, u64>,
    pub(super) counts: Compactions,
}

/// Why a compaction does not go on.
#[derive(Debug)]
pub(super) enum Stopped {
    /// The broker ends.
    Ending,
    /// The topic has been deleted, or is not to be compacted any more.
    Unwanted,
    /// Segments have gone meanwhile.
    Gone,
    /// In the segment that begins with this offset nothing says where the next batch begins.
    Unreadable(u64),
    /// The disk.
    Io(io::Error),
}

impl From<io::Error> for Stopped {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// Compacts a partition; it has been found dirty.
pub(crate) fn clean(broker: &Weak<Broker>, id: ObjectId) {
    if let Some(partition) = broker.upgrade().and_then(|broker| broker.core.partition(id)) {
        clean_partition(broker, &partition);
    }
    if let Some(broker) = broker.upgrade() {
        // Whoever sees that nothing is pending sees what was done.
        broker.core.compactions.pending.fetch_sub(1, Ordering::AcqRel);
    }
}

fn clean_partition(broker: &Weak<Broker>, partition: &Arc<Partition>) {
    let ended = Cleaning::begin(broker, partition).map(|mut cleaning| (cleaning.run(), cleaning.counts));
    let failed = matches!(ended, Some((Err(Stopped::Io(_)), _)));
    let told = {
        let mut state = partition.lock();
        state.compaction.busy = false;
        std::mem::replace(&mut state.compaction.failed, failed)
    };
    let (Some((result, mut counts)), Some(broker)) = (ended, broker.upgrade()) else { return };
    match result {
        Ok(()) => counts.done = 1,
        Err(Stopped::Io(error)) => {
            counts.failed = 1;
            if !told {
                let (topic, number) = (&partition.topic, partition.number);
                broker.core.warn(format_args!("topic {topic}, partition {number} cannot be compacted: {error}"));
            }
        }
        Err(Stopped::Ending | Stopped::Unwanted | Stopped::Gone | Stopped::Unreadable(_)) => {}
    }
    broker.core.compactions.add(&counts);
}

impl Cleaning {
    fn begin(of: &Weak<Broker>, partition: &Arc<Partition>) -> Option<Self> {
        let broker = of.upgrade()?;
        let (policy, now) = (partition.policy(), broker.core.time());
        let state = partition.lock();
        if state.deleted || !policy.compacts {
            return None;
        }
        let dirt = state.dirt(&policy, now)?;
        let list = &state.segments.list;
        let segments = list.iter().zip(list.iter().skip(1)).map(|(segment, next)| (segment.clone(), next.base));
        Some(Self {
            broker: of.clone(),
            disk: broker.core.log.disk().clone(),
            partition: partition.clone(),
            policy,
            now,
            dirt,
            segments: segments.take_while(|(_, end)| *end <= dirt.until).collect(),
            producers: state.producers.ends(),
            counts: Compactions::default(),
        })
    }

    fn run(&mut self) -> Result<(), Stopped> {
        let known = self.read_keys()?;
        let segments: Vec<(Segment, u64)> =
            self.segments.iter().filter(|(segment, _)| segment.base < known.end).cloned().collect();
        let mut rest = &segments[..];
        while !rest.is_empty() {
            let (group, behind) = rest.split_at(group_len(rest, self.policy.segment_bytes));
            match self.compact(&known, group) {
                Err(Stopped::Unreadable(_) | Stopped::Gone) => {
                    // One of them stands in the way of the others.
                    group.chunks(1).try_for_each(|alone| self.compact_alone(&known, alone))?;
                }
                other => other?,
            }
            rest = behind;
        }
        self.finish(known.end)
    }

    /// Compacts one segment, if it is there and can be read.
    fn compact_alone(&mut self, known: &Known, alone: &[(Segment, u64)]) -> Result<(), Stopped> {
        match self.compact(known, alone) {
            Err(Stopped::Gone) => Ok(()),
            Err(Stopped::Unreadable(base)) => {
                self.broken(base, "what begins there is no batch");
                Ok(())
            }
            other => other,
        }
    }

    /// Opens a segment's file.
    pub(super) fn open(&self, segment: &Segment) -> Result<Arc<dyn File>, Stopped> {
        self.disk.open_cached(&name(self.partition.id, segment.id()), false).map_err(|error| {
            let there = self.partition.lock().segments.beginning(segment.base).map(Segment::id);
            if there == Some(segment.id()) { Stopped::Io(error) } else { Stopped::Gone }
        })
    }

    /// Compacts neighbouring segments into one.
    fn compact(&mut self, known: &Known, group: &[(Segment, u64)]) -> Result<(), Stopped> {
        self.go_on()?;
        let bytes: u64 = group.iter().map(|(segment, _)| segment.bytes).sum();
        if self.disk.free_bytes()? < bytes {
            return Err(Stopped::Io(io::ErrorKind::StorageFull.into()));
        }
        let Some(made) = self.rewrite(known, group)? else { return Ok(()) };
        match self.replace(group, &made) {
            Replaced::Done => {
                self.counts.bytes_written += made.bytes;
                self.counts.bytes_replaced += bytes;
                Ok(())
            }
            Replaced::Gone => {
                self.discard(&made);
                Err(Stopped::Gone)
            }
            Replaced::Unwanted => {
                self.discard(&made);
                Err(Stopped::Unwanted)
            }
        }
    }

    /// The last record of each key of the dirty part, as far as there is room for them.
    fn read_keys(&mut self) -> Result<Known, Stopped> {
        let Dirt { from, until, .. } = self.dirt;
        let bytes = self.broker.upgrade().ok_or(Stopped::Ending)?.core.topics.compact_bytes;
        let mut keys = LastOffsets::new(until.saturating_sub(from), bytes);
        let (partition, mut read) = (self.partition.clone(), Vec::new());
        let mut end = from;
        for (segment, behind) in self.segments.iter().filter(|(_, behind)| *behind > from) {
            let file = match self.open(segment) {
                Err(Stopped::Gone) => continue,
                other => other?,
            };
            let dialect = partition.dialect.as_ref();
            let mut batches = Batches::new(dialect, file, 0..segment.bytes, segment.base..*behind);
            loop {
                if batches.is_at_edge() {
                    self.go_on()?;
                }
                // What cannot be read is told when it is come by again.
                let Next::Batch(batch, facts) = batches.next()? else { break };
                let batch_end = facts.base + u64::from(facts.count);
                if batch_end <= from || !dialect.is_whole(batch) {
                    continue;
                }
                if !put_all(&mut keys, &mut read, |each| {
                    dialect.keys(batch, &mut |record| each(record.offset, record.key)).is_ok()
                }) {
                    // Not all of this batch is known; of the first one that must do, or it would never go on.
                    return Ok(Known { keys, end: if end > from { facts.base } else { batch_end } });
                }
                end = batch_end;
            }
            end = *behind;
        }
        Ok(Known { keys, end: until })
    }

    /// Whether it is to go on at all: asked before each read of the disk.
    pub(super) fn go_on(&self) -> Result<(), Stopped> {
        match self.broker.upgrade() {
            Some(broker) if !broker.core.log.is_ending() => Ok(()),
            _ => Err(Stopped::Ending),
        }
    }

    /// A batch cannot be read, and stays as it is: counted, and named once.
    pub(super) fn broken(&mut self, offset: u64, why: &str) {
        self.counts.broken += 1;
        if let Some(broker) = self.broker.upgrade() {
            self.partition.pass_over(&broker.core, offset, why);
        }
    }

    fn finish(&self, end: u64) -> Result<(), Stopped> {
        let broker = self.broker.upgrade().ok_or(Stopped::Ending)?;
        let mut state = self.partition.lock();
        if state.deleted {
            return Err(Stopped::Unwanted);
        }
        state.compaction.cleaned = state.compaction.cleaned.max(end);
        state.tell_state(&self.partition, &broker.core, broker.core.time());
        drop(state);
        broker.end_turn(&mut Turn::new(broker.core.time(), None));
        Ok(())
    }
}

/// How many of the segments become one: as many as fit, at least the first.
fn group_len(segments: &[(Segment, u64)], segment_bytes: u64) -> usize {
    let mut bytes = 0;
    let fits = segments.iter().take_while(|(segment, _)| {
        bytes += segment.bytes;
        bytes <= segment_bytes
    });
    fits.count().max(1)
}

/// Puts the keys of a batch that tells them all; false if not all have room. `read` is used again and again.
fn put_all(
    keys: &mut LastOffsets,
    read: &mut Vec<(KeyHash, u64)>,
    tell: impl FnOnce(&mut dyn FnMut(u64, Option<&[u8]>)) -> bool,
) -> bool {
    read.clear();
    if !tell(&mut |offset, key| read.extend(key.map(|key| (hash(key), offset)))) {
        // Half of a broken batch says nothing about the other half.
        return true;
    }
    let mut fits = true;
    for (key, offset) in read.drain(..) {
        fits &= keys.put(key, offset);
    }
    fits
}
