//! A log that is closed, killed or cut off gives back what was durable.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use narumq_log::disk::memory::MemoryDisk;
use narumq_log::disk::watched::{Operation, WatchedDisk};
use narumq_log::disk::{Disk, read_exact_at};
use narumq_log::{
    Entry, FileUse, Given, Head, Kind, Listener, Log, Options, ReadDone, ReadRequest, Recover, Run, Terminal, Walk,
};
use narumq_model::{Lsn, ObjectId, Seq, SeqRange, Time};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex};

#[derive(Default)]
struct Seen(Vec<(Lsn, Kind, ObjectId, Seq)>);

impl Recover for Seen {
    fn state(&mut self, _: Lsn, _: &Head<'_>) {}
    fn run(&mut self, object: ObjectId, _: &Arc<FileUse>, run: &Run) {
        let mut walk = Walk::default();
        while let Some(position) = run.next(&mut walk) {
            self.0.push((Lsn(0), Kind::Enqueue, object, position.seq));
        }
    }
    fn entry(&mut self, _: &Arc<FileUse>, lsn: Lsn, head: &Head<'_>) {
        self.0.push((lsn, head.entry.kind, head.entry.object, head.entry.seq));
    }
}

struct Tell(Mutex<Sender<Lsn>>, Mutex<Sender<ReadDone>>);

impl Listener for Tell {
    fn durable(&self, lsn: Lsn) {
        let _ = self.0.lock().unwrap().send(lsn);
    }
    fn read_done(&self, done: ReadDone) {
        let _ = self.1.lock().unwrap().send(done);
    }
    fn ended(&self, why: &Terminal) {
        panic!("{why}");
    }
    fn checkpoint(&self, _: ObjectId, _: Lsn) -> bool {
        true
    }
    fn live(&self, _: ObjectId, _: u64) -> Vec<SeqRange> {
        Vec::new()
    }
    fn moved(&self, _: ObjectId, _: u64, _: &Arc<FileUse>, _: &[SeqRange]) {}
    fn scratch_done(&self, _: ObjectId, _: u64, _: Result<bytes::Bytes, String>) {}
}

fn given(disk: &Arc<MemoryDisk>) -> Given {
    let mut n = 0u64;
    let random = Box::new(move || {
        n = n.wrapping_add(0x9e37_79b9_7f4a_7c15);
        n
    });
    Given { disk: disk.clone() as Arc<dyn Disk>, random }
}

fn small() -> Options {
    Options { file_bytes: 64 << 10, first_file_bytes: 64 << 10, chunk_bytes: 8 << 10, ..Options::default() }
}

#[test]
fn what_was_synced_comes_back_and_can_be_read() {
    let (disk, options) = (Arc::new(MemoryDisk::default()), small());
    let mut seen = Seen::default();
    let log = Log::open(options.clone(), given(&disk), Time(1), &mut seen).unwrap();
    assert!(seen.0.is_empty());
    let (told, durable) = channel();
    let (done, reads) = channel();
    log.start(Arc::new(Tell(Mutex::new(told), Mutex::new(done)))).unwrap();
    let body = vec![9u8; 1000];
    let mut last = Lsn(0);
    let mut files = Vec::new();
    for n in 1..=300u64 {
        let mut entry = Entry::new(Kind::Enqueue, ObjectId(7), Time(100 + n));
        entry.seq = Seq(n);
        entry.body = &body;
        entry.data = b"names";
        let at = log.append(&entry);
        log.file_use(at.file).unwrap().add_live(1);
        last = at.lsn;
        files.push(at.file);
    }
    log.want_sync(last);
    while durable.recv().unwrap() < last {}
    assert!(files.last().unwrap() > &3, "many files were filled");
    let ask = |file: u64, first: u64, last: u64| {
        let wanted = vec![SeqRange { first: Seq(first), last: Seq(last) }];
        log.read(ReadRequest { object: ObjectId(7), file, wanted, bytes_max: 1 << 20, walk: Default::default() });
        reads.recv().unwrap()
    };
    for file in [files[0], *files.last().unwrap()] {
        let expected: Vec<u64> = (1..=300).filter(|n| files[*n as usize - 1] == file).collect();
        let read = ask(file, 1, 300);
        assert_eq!(read.error, None);
        assert_eq!(read.messages.iter().map(|m| m.seq.0).collect::<Vec<_>>(), expected);
        assert!(read.messages.iter().all(|m| m.body.as_deref() == Some(&body[..]) && m.data == b"names"));
    }
    log.close(Time(9_999));
    drop(log);
    let mut seen = Seen::default();
    let log = Log::open(options, given(&disk), Time(1), &mut seen).unwrap();
    assert!(log.ended().clean);
    assert_eq!(log.ended().time, Time(9_999));
    let messages: Vec<u64> = seen.0.iter().filter(|s| s.1 == Kind::Enqueue).map(|s| s.3.0).collect();
    assert!(messages.iter().copied().eq(1..=300), "all lie somewhere, by run or by entry: {messages:?}");
    assert_eq!(log.epoch().0, 2);
}

/// Files that are full and have no footer yet, because the thread that writes those has not come to it when the power goes.
#[test]
fn full_files_without_a_footer_are_walked() {
    let inner = Arc::new(MemoryDisk::default());
    let held = Arc::new(Mutex::new(()));
    let gate = held.lock().unwrap();
    let seals = held.clone();
    let disk = WatchedDisk::new(inner.clone(), move |operation, _| {
        let keeper = std::thread::current().name() == Some("narumq-keep");
        if keeper && operation == Operation::Write {
            drop(seals.lock());
        }
        Ok(())
    });
    let options = Options { prefill: false, ..small() };
    let log = Log::open(options.clone(), Given { disk, random: given(&inner).random }, Time(1), &mut Seen::default());
    let log = log.unwrap();
    let (told, durable) = channel();
    log.start(Arc::new(Tell(Mutex::new(told), Mutex::new(channel().0)))).unwrap();
    let mut last = Lsn(0);
    for n in 1..=300u64 {
        let entry = Entry { seq: Seq(n), body: &[9; 1000], ..Entry::new(Kind::Enqueue, ObjectId(7), Time(100 + n)) };
        last = log.append(&entry).lsn;
    }
    log.want_sync(last);
    while durable.recv().unwrap() < last {}
    let after = Arc::new(MemoryDisk::default());
    for name in inner.list().unwrap() {
        let (from, to) = (inner.open(&name, false).unwrap(), after.open(&name, true).unwrap());
        let len = from.len().unwrap() as usize;
        to.write_at(&read_exact_at(from.as_ref(), len, 0).unwrap(), 0).unwrap();
    }
    assert!(after.list().unwrap().len() > 3, "many files were filled");
    drop(gate);
    log.halt();
    let mut seen = Seen::default();
    let log = Log::open(options, given(&after), Time(1), &mut seen).unwrap();
    assert!(!log.ended().clean && log.ended().lsn == last);
    let messages: Vec<u64> = seen.0.iter().filter(|s| s.1 == Kind::Enqueue).map(|s| s.3.0).collect();
    assert!(messages.iter().copied().eq(1..=300), "{messages:?}");
}
