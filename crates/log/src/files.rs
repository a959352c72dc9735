//! The files of a log: their names, how much of what lies in them is wanted.

pub(crate) mod indexes;
mod spares;

use crate::disk::{Disk, File};
use crate::index::FileIndex;
use narumq_model::Epoch;
use spares::Spare;
use std::collections::BTreeMap;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// One file of the log, as its users see it: how many message copies in it are still wanted.
#[derive(Debug)]
pub struct FileUse {
    number: u64,
    generation: u64,
    limit: u64,
    live: AtomicI64,
    /// A round that covers this file is done as of this LSN; 0 = not yet.
    pub(crate) round_done: AtomicU64,
    pub(crate) sealed: AtomicBool,
    /// Newest States in this file.
    pub(crate) states: AtomicI64,
    /// Message copies put into it, wanted or not; known once it is sealed.
    pub(crate) copies: AtomicU64,
    /// Bytes of its chunks; known once it is sealed.
    pub(crate) filled: AtomicU64,
    /// Offset of the newest footer of a survivor file that has no trailer yet; 0 = ask the trailer.
    pub(crate) footer: AtomicU64,
    /// The spare that is to become this file.
    spare: Mutex<Option<String>>,
    /// More than half of it has been written.
    pub(crate) half: AtomicBool,
}

impl FileUse {
    /// A file that nothing is wanted of yet, which may take `limit` bytes.
    pub fn new(number: u64, generation: u64, limit: u64) -> Self {
        Self {
            number,
            generation,
            limit,
            live: AtomicI64::new(0),
            round_done: AtomicU64::new(0),
            sealed: AtomicBool::new(false),
            states: AtomicI64::new(0),
            copies: AtomicU64::new(0),
            filled: AtomicU64::new(0),
            footer: AtomicU64::new(0),
            spare: Mutex::default(),
            half: AtomicBool::new(false),
        }
    }

    /// Whether it holds copies of messages out of emptied files instead of entries as they were appended.
    pub fn is_survivor(&self) -> bool {
        self.number & SURVIVOR != 0
    }

    /// Its content is known: so many message copies in chunks up to this offset.
    pub(crate) fn measured(&self, copies: u64, filled: u64) {
        self.copies.store(copies, Ordering::Relaxed);
        self.filled.store(filled, Ordering::Relaxed);
    }

    /// The number in its name: files are ordered by it.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// Random bits that tell this use of the file from earlier ones.
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// Number and generation: what tells this file from all others that ever were.
    pub(crate) fn id(&self) -> (u64, u64) {
        (self.number, self.generation)
    }

    /// Bytes it may take.
    pub fn limit(&self) -> u64 {
        self.limit
    }

    /// `count` message copies in this file are wanted from now on.
    pub fn add_live(&self, count: u64) {
        self.live.fetch_add(count as i64, Ordering::Relaxed);
    }

    /// `count` message copies in this file are no longer wanted. True if the file is sealed and none is left: it may be dead.
    pub fn sub_live(&self, count: u64) -> bool {
        self.live.fetch_sub(count as i64, Ordering::AcqRel) == count as i64 && self.sealed.load(Ordering::Acquire)
    }

    /// Message copies in this file that are still wanted.
    pub fn live(&self) -> i64 {
        self.live.load(Ordering::Acquire)
    }
}

/// A file with its handle.
#[derive(Clone)]
pub(crate) struct LogFile {
    pub(crate) file: Arc<dyn File>,
    pub(crate) used: Arc<FileUse>,
}

/// All files of a log.
pub(crate) struct Files {
    pub(crate) disk: Arc<dyn Disk>,
    map: Mutex<BTreeMap<u64, LogFile>>,
    spares: Mutex<Vec<Spare>>,
    /// Smallest and largest size of a file that takes more than one entry.
    sizes: (u64, u64),
    indexes: Mutex<Vec<(u64, Arc<FileIndex>)>>,
    next_spare: AtomicU64,
    next_survivor: AtomicU64,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Set in the numbers of survivor files: they count for themselves, and what one says of a place is newer than what any
/// file of the log says.
pub(crate) const SURVIVOR: u64 = 1 << 63;

/// The name of file `number`.
pub(crate) fn name(number: u64) -> String {
    match number & SURVIVOR {
        0 => format!("{number:016x}.log"),
        _ => format!("{:016x}.survivor", number & !SURVIVOR),
    }
}

/// The number of a survivor file with this name.
pub(crate) fn survivor_of(name: &str) -> Option<u64> {
    numbered(name, ".survivor").map(|n| n | SURVIVOR)
}

/// The number in a file's name, if it is a log file's.
pub(crate) fn number_of(name: &str) -> Option<u64> {
    numbered(name, ".log")
}

/// The number in a name of 16 lower-case hexadecimal digits and this suffix. Other names are not ours.
fn numbered(name: &str, suffix: &str) -> Option<u64> {
    let digits = name.strip_suffix(suffix)?;
    let number = u64::from_str_radix(digits, 16).ok().filter(|n| *n < SURVIVOR - 1)?;
    (digits == format!("{number:016x}")).then_some(number)
}

impl Files {
    /// The files on `disk`; new ones get between `sizes` bytes, smallest and largest.
    pub(crate) fn new(disk: Arc<dyn Disk>, sizes: (u64, u64)) -> io::Result<Self> {
        let names = disk.list()?;
        let next_survivor = names.iter().filter_map(|n| survivor_of(n)).max().map_or(SURVIVOR | 1, |n| n + 1);
        let (spares, next_spare) = spares::find(disk.as_ref(), names)?;
        Ok(Self {
            disk,
            map: Mutex::default(),
            spares: Mutex::new(spares),
            sizes,
            indexes: Mutex::default(),
            next_spare: AtomicU64::new(next_spare),
            next_survivor: AtomicU64::new(next_survivor),
        })
    }

    /// A file by number.
    pub(crate) fn get(&self, number: u64) -> Option<LogFile> {
        locked(&self.map).get(&number).cloned()
    }

    /// All files, ascending.
    pub(crate) fn all(&self) -> Vec<LogFile> {
        locked(&self.map).values().cloned().collect()
    }

    /// Enters a file that is there already.
    pub(crate) fn enter(&self, file: LogFile) {
        locked(&self.map).insert(file.used.number(), file);
    }

    /// Makes the file for `used`, out of the spare that was set aside for it or new, and enters it.
    pub(crate) fn create(&self, used: Arc<FileUse>) -> io::Result<LogFile> {
        let name = name(used.number());
        let file = match locked(&used.spare).take() {
            Some(spare) => {
                self.disk.rename(&spare, &name)?;
                self.disk.open(&name, false)?
            }
            None => self.disk.open(&name, true)?,
        };
        self.disk.sync_names()?;
        let file = LogFile { file, used };
        self.enter(file.clone());
        Ok(file)
    }

    /// How large a new file should be: a quarter of what is in use, as a power of two times the smallest size. A log that
    /// drains lives in few small files, a backlog in files of full size.
    pub(crate) fn new_size(&self) -> u64 {
        let (smallest, largest) = self.sizes;
        let in_use: u64 = locked(&self.map).values().map(|file| file.used.limit()).sum();
        let mut size = smallest;
        while size < largest && size < in_use / 4 {
            size *= 2;
        }
        size.min(largest)
    }

    /// Survivor files made from now on have numbers of this epoch: one that is gone never gives its number to another, whose
    /// first bytes could be taken for it.
    pub(crate) fn begin_epoch(&self, epoch: Epoch) {
        self.next_survivor.fetch_max(SURVIVOR | epoch.0 << 24, Ordering::Relaxed);
    }

    /// The number of a new survivor file.
    pub(crate) fn next_survivor(&self) -> u64 {
        self.next_survivor.fetch_add(1, Ordering::Relaxed)
    }
}
