//! The storage engine: one group-committed writer log, its files, its recovery.
//!
//! Entries record outcomes. Appending gives an LSN at once and never refuses; what is answered waits for the durable LSN.
//! See `docs/internals/log.md` for the format as a whole; each module draws its part at its head.
#![forbid(unsafe_code)]

mod appending;
mod body;
mod chunk;
mod cleaner;
mod config;
mod copier;
pub mod disk;
mod empty;
mod entry;
mod files;
mod housekeeper;
mod index;
mod latch;
mod opening;
mod precedence;
mod reader;
mod recovery;
mod shared;
mod states;
mod survivor;
mod terminal;
mod threads;
pub mod varint;
mod writer;

pub use appending::Appended;
pub use body::{BodyAt, BodyPlace};
pub use config::{Given, Listener, Options};
pub use copier::{Copy, CopyWrite, WriteWay};
pub use entry::head::Head;
pub use entry::{Entry, Kind};
pub use files::FileUse;
pub use index::{Run, Walk};
pub use opening::{Ended, OpenError, Recover};
use reader::Request;
pub use reader::{PieceRead, ReadDone, ReadRequest, ScratchRead, StoredMessage};
pub use terminal::Terminal;

use housekeeper::Task;
use latch::Latch;
use narumq_model::{Epoch, Lsn, ObjectId, Time, WriterId};
use opening::{EpochStart, Found};
use recovery::Recovery;
use shared::Shared;
use std::io;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use writer::Writer;

/// A log on its own files, with its own threads.
pub struct Log {
    shared: Arc<Shared>,
    ended: Ended,
    waiting: Mutex<Option<Found>>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

impl std::fmt::Debug for Log {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Log(durable {})", self.durable())
    }
}

impl Log {
    /// Opens the log: tells `to` what it holds, writes an uncommitted tail again, and begins a new epoch, durably.
    /// Nothing is appended before [`start`](Self::start).
    pub fn open(options: Options, given: Given, now: Time, to: &mut dyn Recover) -> Result<Self, OpenError> {
        let Given { disk, mut random } = given;
        let first_bytes = options.first_file_bytes.min(options.file_bytes);
        let files = Arc::new(files::Files::new(disk, (first_bytes, options.file_bytes))?);
        let found = {
            let recovery = Recovery::new(&files, options.writer);
            recovery.run(to, &|file, index, offset| {
                writer::write_footer(file, index, offset, Epoch(0), options.writer).map(drop)
            })?
        };
        let ended = found.ended;
        let epoch = Epoch(ended.epoch.0 + 1);
        files.begin_epoch(epoch);
        let mut mix = random();
        let mut random = move || {
            mix = mix.wrapping_add(1);
            random() ^ mix
        };
        // Room made here and now is not prefilled: little of it.
        let first = Arc::new(files.next(found.next_file, random(), first_bytes, 0));
        let latch = Latch::new(&options, ended.lsn.next(), first, files.clone(), Box::new(random));
        let shared = Arc::new(Shared::new(options, epoch, files, latch, ended.lsn));
        let log = Self { shared, ended, waiting: Mutex::new(Some(found)), threads: Mutex::default() };
        log.begin_epoch(now)?;
        Ok(log)
    }

    fn begin_epoch(&self, now: Time) -> Result<(), OpenError> {
        let ended = &self.ended;
        let start = EpochStart {
            epoch: self.shared.epoch,
            file: ended.file,
            generation: ended.generation,
            end_offset: ended.offset,
            end_lsn: ended.lsn,
            clean: ended.clean,
        }
        .encode();
        self.append(&Entry::new(Kind::EpochStart, ObjectId(0), now.max(ended.time)).with_data(&start));
        let work = {
            let mut latch = self.shared.latch();
            latch.close();
            latch.work.drain(..).collect()
        };
        Ok(Writer::new(self.shared.clone()).handle(work, true)?)
    }

    /// The file of this number, from its first entry on until it is retired.
    pub fn file_use(&self, number: u64) -> Option<Arc<FileUse>> {
        let latch = self.shared.latch();
        if latch.place.file.number() == number {
            return Some(latch.place.file.clone());
        }
        let left = latch.left(number).map(|(file, _)| file.clone());
        drop(latch);
        left.or_else(|| self.shared.files.get(number).map(|f| f.used))
    }

    /// An answer waits for `lsn`.
    pub fn want_sync(&self, lsn: Lsn) {
        if lsn <= self.durable() {
            return;
        }
        let mut latch = self.shared.latch();
        if latch.wanted < lsn {
            latch.wanted = lsn;
            self.shared.wake_writer(&mut latch);
        }
    }

    /// Asks for messages that are on the disk; the listener gets the answer.
    pub fn read(&self, request: ReadRequest) {
        self.ask(Request::Messages(request));
    }

    fn ask(&self, request: Request) {
        if let Some(reads) = lock(&self.shared.reads).as_ref() {
            self.shared.reading.fetch_add(1, Ordering::AcqRel);
            let _ = reads.send(request);
        }
    }

    /// Reads asked for that the listener has not been told of yet.
    pub fn reading(&self) -> u64 {
        self.shared.reading.load(Ordering::Acquire)
    }

    /// Has what is to be copied of this object copied: the listener is asked for it on the copier's thread.
    pub fn copy(&self, object: ObjectId) {
        if let Some(copies) = lock(&self.shared.copies).as_ref() {
            let _ = copies.send(copier::Task::Copy(object));
        }
    }

    /// Has this object cleaned: the listener is called for it on the cleaner's thread, one object after the other.
    pub fn clean(&self, object: ObjectId) {
        if let Some(cleans) = lock(&self.shared.cleans).as_ref() {
            let _ = cleans.send(object);
        }
    }

    /// Whether the log is being ended, or has ended for good.
    pub fn is_ending(&self) -> bool {
        self.shared.ending.load(Ordering::Acquire) || self.terminal().is_some()
    }

    /// Has segment files removed once `after` is durable.
    pub fn remove_files(&self, after: Lsn, names: Vec<String>) {
        if names.is_empty() {
            return;
        }
        self.want_sync(after);
        if let Some(copies) = lock(&self.shared.copies).as_ref() {
            let _ = copies.send(copier::Task::Remove(after, names));
        }
    }

    /// Where segment files lie, beside the log's own.
    pub fn disk(&self) -> &Arc<dyn disk::Disk> {
        &self.shared.files.disk
    }

    /// A file without a name on the log's disk: gone when it is dropped or the process ends.
    pub fn scratch(&self) -> io::Result<Arc<dyn disk::File>> {
        self.shared.files.disk.scratch()
    }

    /// Reads a piece of a scratch file on the reader thread; the listener gets it.
    pub fn read_scratch(&self, read: ScratchRead) {
        self.ask(Request::Scratch(read));
    }

    /// Reads a piece of a file by name on the reader thread; the listener gets it.
    pub fn read_piece(&self, read: PieceRead) {
        self.ask(Request::Piece(read));
    }

    /// Reads on the caller's thread.
    pub fn read_now(&self, request: &ReadRequest) -> ReadDone {
        reader::read(&self.shared, request)
    }

    /// The last message of a sealed file is no longer wanted: the file may be dead.
    pub fn look(&self) {
        self.shared.task(Task::Look);
    }

    /// Positive answers may speak of everything up to here.
    pub fn durable(&self) -> Lsn {
        self.shared.durable()
    }

    /// Everything up to here can be read from the files.
    pub fn written(&self) -> Lsn {
        Lsn(self.shared.written.load(Ordering::Acquire).max(self.shared.synced().0))
    }

    /// The running epoch.
    pub fn epoch(&self) -> Epoch {
        self.shared.epoch
    }

    /// Whose log it is.
    pub fn writer(&self) -> WriterId {
        self.shared.options.writer
    }

    /// How the log was found at the start.
    pub fn ended(&self) -> Ended {
        self.ended
    }

    /// Whether too much is on its way to the disk.
    pub fn congested(&self) -> bool {
        self.shared.pending.load(Ordering::Relaxed) > self.shared.options.pending_bytes_max
    }

    /// Whether free space is below the reserve.
    pub fn low_on_disk(&self) -> bool {
        self.shared.low_on_disk.load(Ordering::Acquire)
    }

    /// Bytes written to the log's files by this process, prefilling left out.
    pub fn bytes_written(&self) -> u64 {
        self.shared.bytes_written.load(Ordering::Relaxed)
    }

    /// Files in use, spares left out.
    pub fn files_in_use(&self) -> usize {
        self.shared.files.all().len()
    }

    /// Why the log has ended for good, if it has.
    pub fn terminal(&self) -> Option<&Terminal> {
        self.shared.terminal()
    }

    /// Something that was to be kept beside the log could not be: the log ends for good.
    pub fn fail(&self, why: String) {
        self.shared.fail(why);
    }

    /// The log goes on elsewhere in epoch `by`: it ends here, terminally, if that is later than its own. What is durable when
    /// this returns is all that ever was.
    pub fn fence(&self, by: Epoch) {
        if by > self.epoch() {
            self.shared.end(Terminal::Fenced(by));
            let mut latch = self.shared.latch();
            self.shared.wake_writer(&mut latch);
        }
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        self.halt();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
