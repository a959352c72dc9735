//! The survivor file being written: messages that are still wanted, copied out of files that are mostly dead.
//!
//! ```text
//! │ chunk … chunk │ footer │ chunk … chunk │ footer │ …                         │ trailer │
//!   out of file A             out of file B                                      once full
//! ```
//! Each footer tells all that was copied up to it and is synced before file A is given up: the last valid one counts.
//! Chunks are those of the log, numbered through; each head carries the LSN that its entry had. A survivor file is apart
//! from the order of LSNs: recovery asks it only where messages lie. What lives long is thus copied once or twice, not
//! with every file that the log goes on to.

use crate::body::BodyPlace;
use crate::chunk::{BLOCK, HEADER, round_up};
use crate::entry::Entry;
use crate::files::{FileUse, LogFile};
use crate::index::{ChunkAt, FileIndex};
use crate::latch::raw_chunk::{Bodies, RawChunk, layout};
use crate::shared::Shared;
use crate::writer::{write_footer_chunk, write_trailer};
use narumq_model::{Lsn, Time};
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;

pub(crate) struct Survivor {
    pub(crate) file: LogFile,
    index: FileIndex,
    offset: u64,
    footer: u64,
    heads: Vec<u8>,
    bodies: Bodies,
    entries: u32,
    first_lsn: Lsn,
    base_time: Time,
}

impl Survivor {
    /// A new file that can take at least `need` bytes of heads and bodies.
    pub(crate) fn create(shared: &Shared, need: u64) -> io::Result<Self> {
        let generation = (shared.latch().random)();
        let need = round_up(need as usize + 8 * BLOCK) as u64;
        let files = &shared.files;
        let used = Arc::new(files.next(files.next_survivor(), generation, files.new_size(), need));
        // No entry of the log is in it: no round has to close it, and nobody else writes to it.
        used.round_done.store(1, Ordering::Release);
        used.sealed.store(true, Ordering::Release);
        let file = shared.files.create(used)?;
        Ok(Self {
            file,
            index: FileIndex::default(),
            offset: 0,
            footer: 0,
            heads: Vec::new(),
            bodies: Bodies::new(shared.options.chunk_bytes, Vec::new()),
            entries: 0,
            first_lsn: Lsn(0),
            base_time: Time(0),
        })
    }

    /// Whether an entry that takes at most `bound` bytes fits, with the footers to come.
    pub(crate) fn fits(&self, bound: usize) -> bool {
        let chunk = round_up(HEADER + self.heads.len() + self.bodies.len() + bound + 2 * BLOCK);
        self.offset + (chunk + self.index.footer_bound() + bound) as u64 <= self.file.used.limit()
    }

    /// Copies one message. `crc` is its body's, `known` where the same body was copied to before, if it was; `origins` are
    /// the source's runs that its targets come from, in their order. Returns where the body lies.
    pub(crate) fn push(
        &mut self,
        shared: &Shared,
        entry: &Entry<'_>,
        (crc, known): (u32, Option<BodyPlace>),
        origins: &[u64],
    ) -> io::Result<Option<BodyPlace>> {
        let bound = entry.size_bound();
        let full = self.heads.len() + self.bodies.len() + bound > shared.options.chunk_bytes;
        if self.entries > 0 && (full || entry.time < self.base_time) {
            self.write_chunk(shared)?;
        }
        if self.entries == 0 {
            (self.first_lsn, self.base_time) = (entry.lsn, entry.time);
        }
        let (chunk, head_at) = (self.index.chunks.len() as u32, self.heads.len() as u32);
        let file = self.file.used.id();
        let known = known.filter(|known| known.seen_from(file, &self.index.chunks).is_some());
        let place = (!entry.body.is_empty()).then(|| {
            known.unwrap_or_else(|| {
                let (offset, len) = (self.bodies.len() as u64, entry.body.len() as u64);
                self.bodies.push(entry.body);
                BodyPlace { file, chunk, offset, len, crc }
            })
        });
        let body = place.and_then(|place| place.seen_from(file, &self.index.chunks));
        entry.put_head(&mut self.heads, self.base_time, body);
        let targets = std::iter::once((entry.object, entry.seq)).chain(entry.more.iter().copied());
        for ((object, seq), origin) in targets.zip(origins) {
            self.index.push_copy(object, seq, chunk, head_at, *origin);
        }
        self.entries += 1;
        Ok(place)
    }

    /// What is copied next does not stand in one span with what was copied before.
    pub(crate) fn end_runs(&mut self) {
        self.index.end_runs();
    }

    fn write_chunk(&mut self, shared: &Shared) -> io::Result<()> {
        if self.entries == 0 {
            return Ok(());
        }
        let (bodies_off, len) = layout(self.heads.len(), &self.bodies);
        let at = ChunkAt { block: (self.offset / BLOCK as u64) as u32, bodies_off: bodies_off as u32 };
        let mut raw = RawChunk {
            heads: std::mem::take(&mut self.heads),
            bodies: std::mem::replace(&mut self.bodies, Bodies::new(shared.options.chunk_bytes, Vec::new())),
            entries: std::mem::take(&mut self.entries),
            first_lsn: self.first_lsn,
            base_time: self.base_time,
            file: self.file.used.clone(),
            offset: self.offset,
            number: self.index.chunks.len() as u64,
            bodies_off,
            len,
        };
        let start = raw.finish(shared);
        self.file.file.write_at(&raw.bodies.buffer[start..], self.offset)?;
        shared.bytes_written.fetch_add(len as u64, Ordering::Relaxed);
        self.offset += len as u64;
        self.index.chunks.push(at);
        Ok(())
    }

    /// Everything copied so far is there for good when this returns.
    pub(crate) fn commit(&mut self, shared: &Shared) -> io::Result<()> {
        self.write_chunk(shared)?;
        // The footer must not be there before what it tells of.
        self.file.file.sync()?;
        let len = write_footer_chunk(&self.file, &self.index, self.offset, shared.epoch, shared.options.writer)?;
        self.file.file.sync()?;
        shared.bytes_written.fetch_add(len, Ordering::Relaxed);
        let used = &self.file.used;
        used.measured(self.index.copies(), self.offset);
        used.footer.store(self.offset, Ordering::Release);
        shared.files.keep_index(used.number(), Arc::new(self.index.clone()));
        self.footer = self.offset;
        self.offset += len;
        Ok(())
    }

    /// Ends the file behind its last footer.
    pub(crate) fn seal(self, shared: &Shared) -> io::Result<Arc<FileUse>> {
        write_trailer(&self.file, self.footer, self.offset)?;
        self.file.file.sync()?;
        shared.bytes_written.fetch_add(BLOCK as u64, Ordering::Relaxed);
        Ok(self.file.used)
    }
}
