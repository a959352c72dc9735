//! The append latch: the open chunk, the open file's index, and what waits for the writer thread.
//!
//! Appending copies head and body into the open chunk (a large body may be lent) and gives the entry its LSN; nothing here
//! touches a disk. A chunk is closed when it is full, when the file is, or when the writer thread takes it. The place of the
//! open chunk in its file is known from its first entry on, because everything before it is closed.

pub(crate) mod raw_chunk;

use crate::body::BodyPlace;
use crate::chunk::{BLOCK, HEADER, round_up};
use crate::config::Options;
use crate::entry::{Entry, Kind};
use crate::files::{FileUse, Files};
use crate::index::{ChunkAt, FileIndex};
use crate::states::{Placed, Written};
use bytes::Bytes;
use narumq_model::{Lsn, Time};
use raw_chunk::{Bodies, LENT_ROOM, RawChunk, layout};
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// What the writer thread has to do, in order.
pub(crate) enum Work {
    Chunk(RawChunk),
    Seal { file: Arc<FileUse>, index: Arc<FileIndex>, offset: u64 },
}

/// Where the next chunk goes.
pub(crate) struct Place {
    pub(crate) file: Arc<FileUse>,
    pub(crate) offset: u64,
    pub(crate) number: u64,
}

/// What the append latch guards.
pub(crate) struct Latch {
    pub(crate) next_lsn: Lsn,
    pub(crate) place: Place,
    pub(crate) index: FileIndex,
    pub(crate) work: VecDeque<Work>,
    pub(crate) wanted: Lsn,
    pub(crate) writer_waits: bool,
    /// It waits without a time limit: there was nothing at all to do.
    pub(crate) writer_idle: bool,
    pub(crate) stop: bool,
    /// Heads and bodies appended and not yet taken by the writer thread, in bytes.
    pub(crate) queued: u64,
    pub(crate) pool: Vec<Vec<u8>>,
    /// Files left for the next one and not sealed yet: known and read from here until then.
    pub(crate) left: VecDeque<(Arc<FileUse>, Arc<FileIndex>)>,
    /// The file written to last, and how many chunks of it are written.
    pub(crate) written: (u64, u64),
    pub(crate) random: Box<dyn FnMut() -> u64 + Send>,
    /// State entries appended since the last round, in order.
    pub(crate) states: Vec<Written>,
    /// Bytes of State entries appended by this process.
    pub(crate) state_bytes: u64,
    /// Bytes of all other entries appended by this process.
    pub(crate) change_bytes: u64,
    heads: Vec<u8>,
    bodies: Bodies,
    entries: u32,
    first_lsn: Lsn,
    base_time: Time,
    chunk_bytes: usize,
    files: Arc<Files>,
}

impl Latch {
    pub(crate) fn new(
        options: &Options,
        next_lsn: Lsn,
        file: Arc<FileUse>,
        files: Arc<Files>,
        random: Box<dyn FnMut() -> u64 + Send>,
    ) -> Self {
        Self {
            next_lsn,
            place: Place { file, offset: 0, number: 0 },
            index: FileIndex::default(),
            work: VecDeque::new(),
            wanted: Lsn(0),
            writer_waits: false,
            writer_idle: false,
            stop: false,
            queued: 0,
            pool: Vec::new(),
            left: VecDeque::new(),
            written: (0, 0),
            random,
            states: Vec::new(),
            state_bytes: 0,
            change_bytes: 0,
            heads: Vec::new(),
            bodies: Bodies::new(options.chunk_bytes, Vec::new()),
            entries: 0,
            first_lsn: next_lsn,
            base_time: Time(0),
            chunk_bytes: options.chunk_bytes,
            files,
        }
    }

    /// LSN of the first entry in the open chunk, if there is one.
    pub(crate) fn open_from(&self) -> Option<Lsn> {
        (self.entries > 0).then_some(self.first_lsn)
    }

    /// Whether the writer thread, if it waits without a time limit, must learn that there is something to do.
    pub(crate) fn wakes_idle(&mut self) -> bool {
        std::mem::take(&mut self.writer_idle)
    }

    /// A file that was left and is not sealed yet, with its index.
    pub(crate) fn left(&self, number: u64) -> Option<&(Arc<FileUse>, Arc<FileIndex>)> {
        self.left.iter().find(|(file, _)| file.number() == number)
    }

    /// How many chunks of file `number` are in the file.
    pub(crate) fn chunks_written(&self, number: u64) -> u64 {
        match number.cmp(&self.written.0) {
            std::cmp::Ordering::Less => u64::MAX,
            std::cmp::Ordering::Equal => self.written.1,
            std::cmp::Ordering::Greater => 0,
        }
    }

    /// Makes room for entries of these sizes in one chunk.
    pub(crate) fn reserve(&mut self, bound: usize, bodies: usize) {
        let full = self.heads.len() + self.bodies.len() + bound > self.chunk_bytes || bodies > self.bodies.room();
        if self.entries > 0 && full {
            self.close();
        }
        let need = (round_up(HEADER + self.heads.len() + self.bodies.len() + bound + BLOCK) + self.index.footer_bound())
            as u64;
        if self.place.offset + need > self.place.file.limit() && (self.place.offset > 0 || self.entries > 0) {
            self.close();
            self.switch_file(round_up(HEADER + bound + BLOCK) as u64);
        }
        if bodies > self.bodies.room() {
            self.bodies = Bodies::new(bodies, Vec::new());
        }
    }

    /// Appends one entry, its body included, into the room made by [`reserve`](Self::reserve).
    pub(crate) fn push(&mut self, entry: &Entry<'_>, crc: u32) -> Lsn {
        let body = (!entry.body.is_empty()).then(|| self.push_body(entry.body, crc));
        self.push_head(entry, body)
    }

    /// Appends a body. Heads that speak of it follow.
    pub(crate) fn push_body(&mut self, body: &[u8], crc: u32) -> BodyPlace {
        let offset = self.bodies.len();
        self.bodies.push(body);
        self.queued += body.len() as u64;
        self.body_at(offset, body, crc)
    }

    /// Makes room for an entry and its body, and appends them; the body is written from where it lies.
    pub(crate) fn lend(&mut self, entry: &Entry<'_>, body: &Bytes, crc: u32) -> Lsn {
        self.reserve(entry.head_bound() + body.len() + BLOCK, LENT_ROOM);
        let before = self.bodies.len();
        let offset = self.bodies.lend(body);
        self.queued += (self.bodies.len() - before) as u64;
        let place = self.body_at(offset, body, crc);
        self.push_head(entry, Some(place))
    }

    fn body_at(&mut self, offset: usize, body: &[u8], crc: u32) -> BodyPlace {
        let len = body.len() as u64;
        self.change_bytes += len;
        let (file, chunk) = (self.place.file.id(), self.index.chunks.len() as u32);
        BodyPlace { file, chunk, offset: offset as u64, len, crc }
    }

    /// Appends an entry whose body, if it has one, lies in the open file already.
    pub(crate) fn push_head(&mut self, entry: &Entry<'_>, body: Option<BodyPlace>) -> Lsn {
        if self.entries == 0 {
            self.first_lsn = self.next_lsn;
            self.base_time = entry.time;
        }
        let head_at = self.heads.len() as u32;
        let body = body.and_then(|body| body.seen_from(self.place.file.id(), &self.index.chunks));
        entry.put_head(&mut self.heads, self.base_time, body);
        let bytes = (self.heads.len() - head_at as usize) as u64;
        self.queued += bytes;
        *if entry.kind == Kind::State { &mut self.state_bytes } else { &mut self.change_bytes } += bytes;
        let chunk = self.index.chunks.len() as u32;
        if entry.seq.0 != 0 && entry.kind.has_message_body() {
            self.index.push(entry.object, entry.seq, chunk, head_at);
            entry.more.iter().for_each(|(object, seq)| self.index.push(*object, *seq, chunk, head_at));
        } else {
            self.index.note_plain(entry, self.next_lsn, chunk, head_at);
            if entry.kind == Kind::State {
                let file = self.place.file.clone();
                file.states.fetch_add(1, Ordering::AcqRel);
                let placed = Placed { part: entry.part, lsn: self.next_lsn, file };
                self.states.push(Written { object: entry.object, placed, listed: entry.parts.to_vec() });
            }
        }
        self.entries += 1;
        let lsn = self.next_lsn;
        self.next_lsn = lsn.next();
        lsn
    }

    /// Closes the open chunk and queues it for the writer thread.
    pub(crate) fn close(&mut self) {
        if self.entries == 0 {
            return;
        }
        let (bodies_off, len) = layout(self.heads.len(), &self.bodies);
        self.index
            .chunks
            .push(ChunkAt { block: (self.place.offset / BLOCK as u64) as u32, bodies_off: bodies_off as u32 });
        let fresh = Bodies::new(self.chunk_bytes, self.pool.pop().unwrap_or_default());
        let heads = Vec::with_capacity(self.heads.len());
        self.work.push_back(Work::Chunk(RawChunk {
            heads: std::mem::replace(&mut self.heads, heads),
            bodies: std::mem::replace(&mut self.bodies, fresh),
            entries: std::mem::take(&mut self.entries),
            first_lsn: self.first_lsn,
            base_time: self.base_time,
            file: self.place.file.clone(),
            offset: self.place.offset,
            number: self.place.number,
            bodies_off,
            len,
        }));
        self.place.offset += len as u64;
        self.place.number += 1;
    }

    /// Seals the open file and goes on in the next, which takes at least `need` bytes.
    pub(crate) fn switch_file(&mut self, need: u64) {
        debug_assert_eq!(self.entries, 0, "the open chunk belongs to the old file");
        // Behind an entry that is larger than a file there is room for the footer of a file with little else.
        let need = need + 8 * BLOCK as u64;
        let new = self.files.new_size();
        let next = Arc::new(self.files.next(self.place.file.number() + 1, (self.random)(), new, need));
        let sealed = std::mem::replace(&mut self.place, Place { file: next, offset: 0, number: 0 });
        let index = Arc::new(std::mem::take(&mut self.index));
        self.left.push_back((sealed.file.clone(), index.clone()));
        self.work.push_back(Work::Seal { file: sealed.file, index, offset: sealed.offset });
    }
}
