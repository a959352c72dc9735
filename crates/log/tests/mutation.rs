//! Mutated files: a start recovers or refuses, reads end, nothing panics, whatever the bytes say.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod common;

use common::history::History;
use common::world::World;
use common::{Random, contents, given, small, times};
use narumq_log::disk::Disk;
use narumq_log::disk::memory::MemoryDisk;
use narumq_log::{FileUse, Head, Log, OpenError, ReadRequest, Recover, Run, Walk};
use narumq_model::{Lsn, ObjectId, Seq, SeqRange, Time};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

const BLOCK: usize = 4096;

/// Takes whatever a log tells.
#[derive(Default)]
struct Anything(Vec<(ObjectId, u64)>);

impl Recover for Anything {
    fn state(&mut self, _: Lsn, _: &Head<'_>) {}
    fn run(&mut self, object: ObjectId, file: &Arc<FileUse>, run: &Run) {
        let mut walk = Walk::default();
        while run.next(&mut walk).is_some() {}
        self.0.push((object, file.number()));
    }
    fn entry(&mut self, file: &Arc<FileUse>, _: Lsn, head: &Head<'_>) {
        head.targets().for_each(|(object, _)| self.0.push((object, file.number())));
    }
}

/// A log with sealed, rounded and open files, of which some messages are wanted.
fn log(seed: u64) -> Vec<(String, Vec<u8>)> {
    let disk: Arc<dyn Disk> = Arc::new(MemoryDisk::default());
    let history = Arc::<History>::default();
    let mut random = Random(seed);
    for start in 0..2 {
        let mut world = World::open(&disk, &small(), seed + start, &history, &Arc::default()).unwrap();
        for _ in 0..150 {
            let lsn = world.step(&mut random, 4, 2500);
            if let Some(lsn) = lsn.filter(|_| random.below(4) == 0) {
                assert!(world.sync(lsn));
            }
        }
        // Something has been copied into a survivor file, too.
        let object = world.object(1);
        let copied = || disk.list().unwrap().iter().any(|name| name.ends_with(".survivor"));
        while start == 1 && !copied() {
            (0..10).for_each(|_| _ = world.put(std::slice::from_ref(&object), 900));
            let live: Vec<u64> = object.state.lock().unwrap().live.keys().copied().collect();
            let gone: Vec<u64> = live.into_iter().filter(|seq| seq % 9 > 0).collect();
            let lsn = world.take(&object, &gone);
            assert!(lsn.is_none_or(|lsn| world.sync(lsn)));
        }
        if start == 0 { world.close() } else { world.kill() }
    }
    let files = contents(&*disk);
    assert!(files.iter().any(|(name, _)| name.ends_with(".survivor")));
    files
}

/// CRC32C, as the format wants it.
fn crc32c(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0u32, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| (crc >> 1) ^ (0x82f6_3b78 & (crc & 1).wrapping_neg()))
    })
}

/// Makes the CRC of the chunk at `at` hold again over whatever now stands there.
fn seal_again(bytes: &mut [u8], at: usize) {
    let head_len = u32::from_le_bytes(bytes[at + 52..at + 56].try_into().unwrap()) as usize;
    let Some(covered) = bytes.get(at + 12..(at + 104).saturating_add(head_len)) else { return };
    let crc = crc32c(covered);
    bytes[at + 8..at + 12].copy_from_slice(&crc.to_le_bytes());
}

fn mutate(random: &mut Random, files: &mut [(String, Vec<u8>)]) {
    let at = random.below(files.len() as u64) as usize;
    let others: Vec<u8> = files[random.below(files.len() as u64) as usize].1.clone();
    let bytes = &mut files[at].1;
    if bytes.len() < 2 * BLOCK {
        return;
    }
    let blocks = (bytes.len() / BLOCK) as u64;
    let heads: Vec<usize> =
        (0..blocks as usize).map(|b| b * BLOCK).filter(|b| bytes[*b..].starts_with(b"NRQ1")).collect();
    let head = heads.get(random.below(heads.len().max(1) as u64) as usize).copied();
    match (random.below(9), head) {
        (0, _) => {
            let byte = random.below(bytes.len() as u64) as usize;
            bytes[byte] ^= 1 << random.below(8);
        }
        (1, _) => {
            let from = random.below(bytes.len() as u64) as usize;
            let len = (random.below(600) as usize).min(bytes.len() - from);
            bytes[from..from + len].iter_mut().for_each(|b| *b = random.next() as u8);
        }
        (2, _) => bytes.truncate(random.below(bytes.len() as u64) as usize),
        (3, _) => {
            let (from, to) = (random.below(blocks) as usize * BLOCK, random.below(blocks) as usize * BLOCK);
            if let Some(block) = others.get(from..from + BLOCK) {
                bytes[to..to + BLOCK].copy_from_slice(block);
            }
        }
        (4, _) => {
            let trailer = bytes.len() / BLOCK * BLOCK - BLOCK;
            bytes[trailer + random.below(40) as usize] = random.next() as u8;
        }
        (5, Some(head)) => {
            bytes[head + 4 + random.below(100) as usize] ^= 1 << random.below(8);
            seal_again(bytes, head);
        }
        (6, Some(head)) => {
            let field = head + [16, 24, 40, 48, 52, 56, 60, 64, 72, 80, 88][random.below(11) as usize];
            let value = [0, 1, u64::MAX, u64::MAX / 2, 1 << 32, random.next()][random.below(6) as usize];
            bytes[field..field + 4].copy_from_slice(&value.to_le_bytes()[4 * random.below(2) as usize..][..4]);
            seal_again(bytes, head);
        }
        (_, Some(head)) => {
            for _ in 0..1 + random.below(4) {
                let byte = head + 104 + random.below(120) as usize;
                if let Some(byte) = bytes.get_mut(byte) {
                    *byte = [0, 0xff, 0x80, 0x7f, random.next() as u8][random.below(5) as usize];
                }
            }
            seal_again(bytes, head);
        }
        _ => {}
    }
}

/// Opens, reads all, starts and ends a log on these files; true if it opened.
fn survive(files: &[(String, Vec<u8>)], seed: u64) -> bool {
    let disk: Arc<dyn Disk> = Arc::new(MemoryDisk::default());
    for (name, bytes) in files {
        disk.open(name, true).unwrap().write_at(bytes, 0).unwrap();
    }
    let mut told = Anything::default();
    let log = match Log::open(small(), given(&disk, seed), Time(1), &mut told) {
        Ok(log) => log,
        Err(OpenError::Damaged { file, .. }) => {
            assert!(files.iter().any(|(name, _)| *name == file), "a file that is there is named");
            assert!(contents(&*disk) == *files, "a refused start changes nothing");
            return false;
        }
        Err(OpenError::Io(error)) => panic!("this disk takes everything: {error}"),
    };
    told.0.sort_unstable();
    told.0.dedup();
    for (object, file) in &told.0 {
        let mut walk = Walk::default();
        let mut from = Seq(0);
        for _ in 0..50 {
            let wanted = vec![SeqRange { first: from, last: Seq(u64::MAX) }];
            let done = log.read_now(&ReadRequest { object: *object, file: *file, wanted, bytes_max: 9000, walk });
            match done.through {
                Some(through) if through < Seq(u64::MAX) && done.error.is_none() => from = through.next(),
                _ => break,
            }
            walk = done.walk;
        }
    }
    let ear = Arc::<common::ear::Ear>::default();
    log.start(ear.clone()).unwrap();
    log.close(Time(2));
    assert_eq!(ear.look(|t| t.failed.clone()), Vec::<String>::new());
    true
}

#[test]
fn mutated_files_never_panic() {
    // A panic of one of the log's own threads counts like one of this.
    static PANICS: AtomicU64 = AtomicU64::new(0);
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |what| {
        PANICS.fetch_add(1, Ordering::SeqCst);
        before(what);
    }));
    let (mut opened, mut refused) = (0, 0);
    for seed in 0..times("NARUMQ_MUTATION_LOGS", 4) {
        let files = log(seed);
        assert!(survive(&files, seed), "whole, it opens");
        let mut again = files.clone();
        again.iter_mut().filter(|(_, bytes)| bytes.starts_with(b"NRQ1")).for_each(|(_, bytes)| seal_again(bytes, 0));
        assert!(again == files, "a CRC made here is the one the log made");
        for n in 0..times("NARUMQ_MUTATIONS", 600) {
            let mut random = Random(seed << 32 | n);
            let mut mutated = files.clone();
            for _ in 0..1 + random.below(3) {
                mutate(&mut random, &mut mutated);
            }
            if survive(&mutated, n) {
                opened += 1;
            } else {
                refused += 1;
            }
            assert_eq!(PANICS.load(Ordering::SeqCst), 0, "log {seed}, mutation {n}");
        }
    }
    assert!(opened > 100 && refused > 100, "{opened} opened, {refused} refused");
}
