//! The copier syncs, and removes what is not wanted, though copies come without a pause.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use bytes::Bytes;
use narumq_log::disk::Disk;
use narumq_log::disk::memory::MemoryDisk;
use narumq_log::{
    Copy, CopyWrite, Entry, FileUse, Given, Head, Kind, Listener, Log, Options, ReadDone, Recover, Run, Terminal,
};
use narumq_model::{Lsn, ObjectId, SeqRange, Time};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};

const OBJECT: ObjectId = ObjectId(7);
/// One copy.
const STEP: u64 = 1 << 20;

struct Nothing;

impl Recover for Nothing {
    fn state(&mut self, _: Lsn, _: &Head<'_>) {}
    fn run(&mut self, _: ObjectId, _: &Arc<FileUse>, _: &Run) {}
    fn entry(&mut self, _: &Arc<FileUse>, _: Lsn, _: &Head<'_>) {}
}

/// An owner that always has another piece to copy.
struct Owner {
    copied: Mutex<u64>,
    /// Written through the page cache by the owner: the copier is asked for syncs only.
    cached: bool,
    told: Mutex<Sender<bool>>,
}

impl Listener for Owner {
    fn copy(&self, _: ObjectId) -> Option<Copy> {
        let mut at = self.copied.lock().unwrap();
        let (name, offset) = ("a.segment".to_owned(), *at);
        *at += STEP;
        if self.cached {
            return Some(Copy { writes: Vec::new(), sync: vec![name], unsynced: STEP, through: *at });
        }
        let pieces = vec![Bytes::from(vec![7; STEP as usize])];
        let write =
            CopyWrite { name, create: offset == 0, offset, pieces, way: Default::default(), before: Vec::new() };
        Some(Copy { writes: vec![write], through: *at, ..Copy::default() })
    }
    fn copied(&self, _: ObjectId, _: u64, synced: bool) {
        let _ = self.told.lock().unwrap().send(synced);
    }
    fn ended(&self, why: &Terminal) {
        panic!("{why}");
    }
    fn durable(&self, _: Lsn) {}
    fn read_done(&self, _: ReadDone) {}
    fn checkpoint(&self, _: ObjectId, _: Lsn) -> bool {
        true
    }
    fn live(&self, _: ObjectId, _: u64) -> Vec<SeqRange> {
        Vec::new()
    }
    fn moved(&self, _: ObjectId, _: u64, _: &Arc<FileUse>, _: &[SeqRange]) {}
    fn scratch_done(&self, _: ObjectId, _: u64, _: Result<Bytes, String>) {}
}

fn log(disk: &Arc<MemoryDisk>, cached: bool) -> (Log, Receiver<bool>) {
    let given = Given { disk: disk.clone() as Arc<dyn Disk>, random: Box::new(|| 1) };
    let log = Log::open(Options::default(), given, Time(1), &mut Nothing).unwrap();
    let (told, tellings) = channel();
    log.start(Arc::new(Owner { copied: Mutex::default(), cached, told: Mutex::new(told) })).unwrap();
    (log, tellings)
}

/// Asks for a copy whenever one is written, until `enough`; how many there were.
fn copies_until(log: &Log, tellings: &Receiver<bool>, mut enough: impl FnMut(bool) -> bool) -> u64 {
    // The second one waits behind the first: the copier is never without work.
    (0..2).for_each(|_| log.copy(OBJECT));
    let mut copies = 0;
    while copies < 200 {
        let synced = tellings.recv().unwrap();
        if enough(synced) {
            break;
        }
        if !synced {
            copies += 1;
            log.copy(OBJECT);
        }
    }
    copies
}

#[test]
fn what_the_page_cache_holds_is_synced_while_more_is_asked_for() {
    let disk = Arc::new(MemoryDisk::default());
    disk.open_cached("a.segment", true).unwrap();
    let (log, tellings) = log(&disk, true);
    let copies = copies_until(&log, &tellings, |synced| synced);
    assert!(copies <= 32, "{copies} MiB were written before one was synced");
}

#[test]
fn unwanted_files_go_while_more_is_copied() {
    let disk = Arc::new(MemoryDisk::default());
    disk.open("old.segment", true).unwrap();
    let (log, tellings) = log(&disk, false);
    // The copier learns of it before it may be removed.
    let entry = Entry::new(Kind::Trim, OBJECT, Time(2));
    let later = log.append(&entry).lsn.next();
    log.remove_files(later, vec!["old.segment".to_owned()]);
    log.copy(OBJECT);
    assert!(!tellings.recv().unwrap());
    assert_eq!(log.append(&entry).lsn, later);
    log.want_sync(later);
    while log.durable() < later {
        std::thread::yield_now();
    }
    let copies = copies_until(&log, &tellings, |_| !disk.list().unwrap().contains(&"old.segment".to_owned()));
    assert!(copies <= 40, "{copies} copies were made and the file is still there");
}
