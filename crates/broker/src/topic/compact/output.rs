//! The file that takes the place of segments: written beside them, and only once something in it differs from them.

use crate::dialect::BatchFacts;
use crate::topic::index::Index;
use crate::topic::segments::{SegmentId, index_name, name};
use narumq_log::disk::{Disk, File, read_exact_at};
use narumq_model::ObjectId;
use std::io;
use std::sync::Arc;

/// Bytes written at once, unless one batch is larger.
const WRITE: usize = 1 << 20;
/// Unsynced bytes at which the file is synced: little by little, so that nobody else's sync waits long.
const UNSYNCED_MAX: u64 = 16 << 20;

/// A segment that is being made.
pub(super) struct Output<'a> {
    disk: &'a dyn Disk,
    partition: ObjectId,
    pub(super) of: SegmentId,
    file: Option<Arc<dyn File>>,
    buffer: Vec<u8>,
    /// Bytes of all batches, written or in the buffer.
    pub(super) bytes: u64,
    unsynced: u64,
    index: Index,
    /// Latest time of a record, in milliseconds since the Unix epoch.
    pub(super) latest: i64,
}

impl<'a> Output<'a> {
    /// An output in which nothing lies, and that has no file.
    pub(super) fn new(disk: &'a dyn Disk, partition: ObjectId, of: SegmentId) -> Self {
        let (buffer, index) = (Vec::new(), Index::default());
        Self { disk, partition, of, file: None, buffer, bytes: 0, unsynced: 0, index, latest: i64::MIN }
    }

    /// Whether it has a file.
    pub(super) fn is_begun(&self) -> bool {
        self.file.is_some()
    }

    /// Makes the file. What has been put so far is the beginning of `before`.
    pub(super) fn begin(&mut self, before: &dyn File) -> io::Result<()> {
        self.file = Some(self.disk.open_cached(&name(self.partition, self.of), true)?);
        let (mut at, end) = (0, std::mem::take(&mut self.bytes));
        while at < end {
            let piece = (end - at).min(WRITE as u64);
            self.buffer = read_exact_at(before, piece as usize, at)?;
            self.bytes += piece;
            self.flush()?;
            at += piece;
        }
        Ok(())
    }

    /// Puts a batch behind the others.
    pub(super) fn put(&mut self, batch: &[u8], facts: &BatchFacts) -> io::Result<()> {
        self.index.note(self.bytes, facts);
        self.latest = self.latest.max(facts.max_time);
        self.bytes += batch.len() as u64;
        if self.file.is_none() {
            return Ok(());
        }
        self.buffer.extend_from_slice(batch);
        if self.buffer.len() >= WRITE { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> io::Result<()> {
        let Some(file) = &self.file else { return Ok(()) };
        let len = self.buffer.len() as u64;
        file.write_at(&self.buffer, self.bytes - len)?;
        self.buffer.clear();
        self.unsynced += len;
        if self.unsynced >= UNSYNCED_MAX {
            self.unsynced = 0;
            file.sync()?;
        }
        Ok(())
    }

    /// Makes the file, and that it is there, durable.
    pub(super) fn finish(&mut self) -> io::Result<()> {
        self.flush()?;
        if let Some(file) = &self.file {
            file.sync()?;
        }
        // Losing the index costs time and nothing else.
        let index = self.index.write((self.partition, self.of));
        if !index.is_empty()
            && let Ok(file) = self.disk.open_cached(&index_name(self.partition, self.of), true)
        {
            drop(file.write_at(&index, 0));
        }
        self.disk.sync_names()
    }

    /// Nobody wants it: its files go.
    pub(super) fn discard(&self) {
        if self.file.is_some() {
            // What stays is removed by the next start.
            drop(self.disk.remove(&name(self.partition, self.of)));
            drop(self.disk.remove(&index_name(self.partition, self.of)));
        }
    }
}
