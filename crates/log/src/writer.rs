//! The writer thread: takes closed chunks, writes them, syncs once for all that waited, leaves full files.
//!
//! Any error of a write or a sync is terminal: a second fsync after an error proves nothing, so nothing more becomes
//! durable and the listener is told to end the process.

use crate::chunk::{BLOCK, ChunkHeader, ChunkKind, HEADER, crc32c, round_up};
use crate::files::{FileUse, LogFile};
use crate::housekeeper::Task;
use crate::index::FileIndex;
use crate::index::footer::Trailer;
use crate::latch::Work;
use crate::latch::raw_chunk::RawChunk;
use crate::shared::Shared;
use narumq_model::{Durability, Epoch, Lsn, Time, WriterId};
use std::io::{self, IoSlice};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// Written and not synced: more than this is synced without being asked.
const UNSYNCED_MAX: u64 = 16 << 20;
/// Buffers kept for reuse.
const POOL: usize = 3;

pub(crate) struct Writer {
    shared: Arc<Shared>,
    current: Option<LogFile>,
    unsynced: u64,
    unsynced_since: Option<Instant>,
    last_written: Lsn,
}

impl Writer {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self { shared, current: None, unsynced: 0, unsynced_since: None, last_written: Lsn(0) }
    }

    /// Runs until the log stops or fails.
    pub(crate) fn run(mut self) {
        loop {
            let (work, stop) = self.next_work();
            if self.shared.terminal().is_some() {
                return;
            }
            if let Err(error) = self.handle(work, stop) {
                self.shared.fail(format!("log write: {error}"));
                return;
            }
            if stop {
                return;
            }
        }
    }

    /// Waits for something to do. The second part is true when the log is to stop after it.
    #[expect(clippy::disallowed_methods, reason = "the writer thread measures its own idle time")]
    fn next_work(&mut self) -> (Vec<Work>, bool) {
        let idle = Duration::from_millis(self.shared.options.idle_sync_ms);
        let mut latch = self.shared.latch();
        let mut since: Option<Instant> = self.unsynced_since;
        loop {
            let open = latch.open_from();
            if latch.stop {
                latch.close();
                return (latch.work.drain(..).collect(), true);
            }
            let durable = self.shared.durable();
            let due = since.is_some_and(|s| s.elapsed() >= idle);
            if open.is_some_and(|from| latch.wanted >= from) || (due && open.is_some()) {
                latch.close();
            }
            if due {
                // What is written now has waited already: it is synced in the same go.
                self.unsynced_since = since;
            }
            if !latch.work.is_empty() {
                return (latch.work.drain(..).collect(), false);
            }
            if self.unsynced > 0 && (due || latch.wanted > durable) {
                return (Vec::new(), false);
            }
            latch.writer_waits = true;
            latch = if open.is_some() || self.unsynced > 0 {
                let from = *since.get_or_insert_with(Instant::now);
                self.shared.wait(latch, Some(idle.saturating_sub(from.elapsed())))
            } else {
                since = None;
                latch.writer_idle = true;
                self.shared.wait(latch, None)
            };
            latch.writer_waits = false;
            latch.writer_idle = false;
        }
    }

    #[expect(clippy::disallowed_methods, reason = "the writer thread measures its own idle time")]
    pub(crate) fn handle(&mut self, work: Vec<Work>, stop: bool) -> io::Result<()> {
        let took = !work.is_empty();
        let mut chunks: Vec<RawChunk> = Vec::new();
        for item in work {
            match item {
                Work::Chunk(chunk) => chunks.push(chunk),
                Work::Seal { file, index, offset } => {
                    self.write(std::mem::take(&mut chunks))?;
                    self.leave(file, index, offset)?;
                }
            }
        }
        self.write(chunks)?;
        if took {
            self.shared.written.store(self.last_written.0, Ordering::Release);
            if self.shared.options.confirm_at_written || self.shared.options.durability == Durability::Os {
                self.shared.tell_durable(self.last_written);
            }
        }
        let wanted = self.shared.latch().wanted;
        let due =
            self.unsynced_since.is_some_and(|s| s.elapsed().as_millis() as u64 >= self.shared.options.idle_sync_ms);
        let asked = wanted > self.shared.synced();
        if self.unsynced > 0 && (stop || asked || due || self.unsynced >= UNSYNCED_MAX) {
            self.sync()?;
        } else if self.unsynced > 0 && self.unsynced_since.is_none() {
            self.unsynced_since = Some(Instant::now());
        }
        Ok(())
    }

    fn sync(&mut self) -> io::Result<()> {
        if let Some(current) = &self.current {
            self.shared.precedence.take(|| current.file.sync())?;
        }
        self.unsynced = 0;
        self.unsynced_since = None;
        self.shared.tell_synced(self.last_written);
        Ok(())
    }

    /// Writes chunks that follow each other in one file, in one go: where each write is durable when it returns, they share
    /// what that costs. None of them says of another one that it is durable.
    fn write(&mut self, mut chunks: Vec<RawChunk>) -> io::Result<()> {
        let Some((used, offset)) = chunks.first().map(|first| (first.file.clone(), first.offset)) else {
            return Ok(());
        };
        let queued: usize = chunks.iter().map(|chunk| chunk.heads.len() + chunk.bodies.len()).sum();
        let shared = self.shared.clone();
        let starts: Vec<usize> = chunks.iter_mut().map(|chunk| chunk.finish(&shared)).collect();
        let slices = chunks.iter().zip(starts).flat_map(|(chunk, start)| chunk.slices(start));
        let mut slices: Vec<IoSlice<'_>> = slices.collect();
        let written = slices.iter().map(|slice| slice.len() as u64).sum();
        let file = self.file_for(&used)?.file.clone();
        shared.precedence.take(|| file.write_vectored_at(&mut slices, offset))?;
        shared.bytes_written.fetch_add(written, Ordering::Relaxed);
        if (offset + written) * 2 >= used.limit() && !used.half.swap(true, Ordering::Relaxed) {
            shared.task(Task::Prefill);
        }
        self.unsynced += written;
        // What was lent is given back before anybody has to wait for the latch.
        chunks.iter_mut().for_each(|chunk| chunk.bodies.lent.clear());
        let mut latch = shared.latch();
        latch.queued -= queued as u64;
        for chunk in chunks {
            self.last_written = Lsn(chunk.first_lsn.0 + u64::from(chunk.entries) - 1);
            latch.written = (chunk.file.number(), chunk.number + 1);
            let usual = shared.options.chunk_bytes * 2 + (256 << 10);
            if latch.pool.len() < POOL && chunk.bodies.buffer.capacity() <= usual {
                latch.pool.push(chunk.bodies.buffer);
            }
        }
        shared.pending.store(latch.queued, Ordering::Relaxed);
        Ok(())
    }

    fn file_for(&mut self, used: &Arc<FileUse>) -> io::Result<&LogFile> {
        if self.current.as_ref().is_none_or(|c| c.used.number() != used.number()) {
            let file = match self.shared.files.get(used.number()) {
                Some(file) => file,
                None => self.shared.files.create(used.clone())?,
            };
            self.current = Some(file);
        }
        self.current.as_ref().ok_or_else(|| io::Error::other("no current file"))
    }

    /// Syncs a full file. Its footer is the housekeeper's to write: nobody waits for it, and until it is there the file's index is
    /// known from the latch.
    fn leave(&mut self, used: Arc<FileUse>, index: Arc<FileIndex>, offset: u64) -> io::Result<()> {
        self.file_for(&used)?;
        self.sync()?;
        self.shared.task(Task::Full(used, index, offset));
        Ok(())
    }
}

/// Writes footer and trailer of a file whose chunks end at `offset`; returns the bytes written.
pub(crate) fn write_footer(
    file: &LogFile,
    index: &FileIndex,
    offset: u64,
    epoch: Epoch,
    writer: WriterId,
) -> io::Result<u64> {
    file.used.measured(index.copies(), offset);
    let len = write_footer_chunk(file, index, offset, epoch, writer)?;
    write_trailer(file, offset, offset + len)?;
    file.file.sync()?;
    Ok(len + BLOCK as u64)
}

/// Writes a footer at `offset`, not yet synced; returns its length.
pub(crate) fn write_footer_chunk(
    file: &LogFile,
    index: &FileIndex,
    offset: u64,
    epoch: Epoch,
    writer: WriterId,
) -> io::Result<u64> {
    let bodies = index.encode();
    let bodies_off = HEADER + 4;
    let len = round_up(bodies_off + bodies.len());
    let mut buffer = vec![0u8; len + BLOCK];
    let start = buffer.as_ptr().align_offset(BLOCK);
    let chunk = &mut buffer[start..start + len];
    chunk[HEADER..HEADER + 4].copy_from_slice(&crc32c(&bodies).to_le_bytes());
    chunk[bodies_off..bodies_off + bodies.len()].copy_from_slice(&bodies);
    let header = ChunkHeader {
        kind: ChunkKind::Footer,
        writer,
        epoch,
        file: file.used.number(),
        generation: file.used.generation(),
        number: index.chunks.len() as u64,
        len: len as u32,
        head_len: 4,
        bodies_off: bodies_off as u32,
        entries: 0,
        first_lsn: Lsn(0),
        committed: Lsn(0),
        base_time: Time(0),
        body_len: bodies.len() as u64,
    };
    header.write(chunk);
    file.file.write_at(chunk, offset)?;
    Ok(len as u64)
}

/// Writes the last block of a file, which says where its footer is; everything else ends at `end`. Not yet synced.
pub(crate) fn write_trailer(file: &LogFile, footer: u64, end: u64) -> io::Result<()> {
    let mut buffer = vec![0u8; 2 * BLOCK];
    let start = buffer.as_ptr().align_offset(BLOCK);
    // A file cut short by others may end anywhere; what is written is aligned all the same.
    let size = file.file.len()?.max(file.used.limit()).next_multiple_of(BLOCK as u64);
    let trailer = Trailer { footer, generation: file.used.generation() }.encode();
    buffer[start..start + BLOCK].copy_from_slice(&trailer);
    file.file.write_at(&buffer[start..start + BLOCK], (size - BLOCK as u64).max(end))
}
