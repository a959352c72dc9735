//! The settings of a log and what it is given from outside: disk, randomness, whom to tell.

use crate::copier::Copy;
use crate::disk::Disk;
use crate::files::FileUse;
use crate::reader::ReadDone;
use crate::terminal::Terminal;
use narumq_model::{Durability, Lsn, ObjectId, SeqRange, WriterId};
use std::sync::Arc;

/// Sizes and habits. Tests run with small files so that sealing and recycling happen all the time.
#[derive(Clone, Debug)]
pub struct Options {
    /// Which writer this log belongs to.
    pub writer: WriterId,
    /// Size of a file in bytes, a multiple of 4 KiB, at least 64 KiB.
    pub file_bytes: u64,
    /// Size of the first files of a log: they grow, by doubling, to a quarter of what is in use.
    pub first_file_bytes: u64,
    /// Heads and bodies of a chunk at most, unless one entry alone is larger. A little less than 1 MiB is best: devices that
    /// take 254 pages at once take it at once.
    pub chunk_bytes: usize,
    /// What a positive answer promises when nothing narrower is said.
    pub durability: Durability,
    /// What is not waited for is written and synced after this time, in milliseconds.
    pub idle_sync_ms: u64,
    /// Bytes on their way to the disk above which publishers wait.
    pub pending_bytes_max: u64,
    /// Free bytes of the disk below which publishers are blocked; more if files and States are large. 0 = never blocked.
    pub disk_reserve: u64,
    /// A file that is mostly dead is emptied if little has changed in it for this time, in milliseconds, or while four others
    /// were sealed; while space is short, one.
    pub settle_ms: u64,
    /// Whether the next file is filled with zeros ahead of its use, on a thread of its own.
    pub prefill: bool,
    /// For the test that shows why answers wait for the durable LSN: tells the written one as durable.
    pub confirm_at_written: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            writer: WriterId(0),
            file_bytes: 64 << 20,
            first_file_bytes: 8 << 20,
            chunk_bytes: 960 << 10,
            durability: Durability::Fsync,
            idle_sync_ms: 50,
            pending_bytes_max: 8 << 20,
            disk_reserve: 256 << 20,
            settle_ms: 10_000,
            prefill: true,
            confirm_at_written: false,
        }
    }
}

/// What a log is given from outside.
pub struct Given {
    /// Where files live.
    pub disk: Arc<dyn Disk>,
    /// Random bits, for generations.
    pub random: Box<dyn FnMut() -> u64 + Send>,
}

/// Who is told of completions. Called on the log's threads, without any of its locks held.
pub trait Listener: Send + Sync {
    /// Everything up to here is durable. It never goes back; the same is told again when the disk's space becomes short or
    /// is there again.
    fn durable(&self, lsn: Lsn);
    /// A read has ended.
    fn read_done(&self, done: ReadDone);
    /// A piece of a scratch file has been read, or why it cannot be.
    fn scratch_done(&self, object: ObjectId, offset: u64, bytes: Result<bytes::Bytes, String>);
    /// The log has ended for good, for this reason: nothing more becomes durable.
    fn ended(&self, why: &Terminal);
    /// A file that held changes of this object is sealed: append its State, under its lock, before this returns: parts that
    /// have changed or whose entry lies below `from`, then the root, which lists all that hold. If nothing is appended the
    /// object is gone for good: what the log holds of it from earlier files is not told any more. False if nobody knows of
    /// any object any more: then nothing is concluded from it.
    fn checkpoint(&self, object: ObjectId, from: Lsn) -> bool;
    /// Which messages of this object that lie in `file` are still wanted, ascending and not overlapping. That the others are
    /// not wanted has been appended before this returns.
    fn live(&self, object: ObjectId, file: u64) -> Vec<SeqRange>;
    /// All messages of this object that lie in file `from` within these spans and are still wanted lie in `to` from now
    /// on: count them there, and no longer in `from`.
    fn moved(&self, object: ObjectId, from: u64, to: &Arc<FileUse>, spans: &[SeqRange]);
    /// A piece of a file, by the tag and offset it was asked for with, has been read, or why it cannot be.
    fn piece_done(&self, _object: ObjectId, _of: (u64, u64), _bytes: Result<bytes::Bytes, String>) {}
    /// What is to be copied into segment files for this object; it was asked for by [`Log::copy`](crate::Log::copy).
    fn copy(&self, _object: ObjectId) -> Option<Copy> {
        None
    }
    /// This object is to be cleaned, which may take long: it was asked for by [`Log::clean`](crate::Log::clean), and is called on a
    /// thread of its own. It is to end soon once [`Log::is_ending`](crate::Log::is_ending).
    fn clean(&self, _object: ObjectId) {}
    /// What was copied for this object is in its files (they can be read), and, if `synced`, on the disk for good.
    fn copied(&self, _object: ObjectId, _through: u64, _synced: bool) {}
}
