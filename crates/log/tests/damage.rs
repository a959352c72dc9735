//! Flipped bits and stale bytes: damage is refused where it was committed, and told where it is a message's.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod common;

use common::history::{History, Origin};
use common::restore::Restore;
use common::world::{World, WorldError};
use common::{contents, eventually, given, small};
use narumq_log::disk::Disk;
use narumq_log::disk::faulty::{FaultyDisk, Plan};
use narumq_log::{Log, OpenError, ReadRequest, Walk};
use narumq_model::{Lsn, ObjectId, Seq, SeqRange, Time};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

const BLOCK: u64 = 4096;

fn name(number: u64) -> String {
    format!("{number:016x}.log")
}

/// What a log left behind: the disk, and what must be found on it.
struct Left {
    disk: FaultyDisk,
    history: Arc<History>,
    durable: Arc<AtomicU64>,
}

impl Left {
    fn new() -> Self {
        Self { disk: FaultyDisk::new(Plan::default()), history: Arc::default(), durable: Arc::default() }
    }

    fn open(&self) -> Result<World, WorldError> {
        let disk: Arc<dyn Disk> = Arc::new(self.disk.clone());
        World::open(&disk, &small(), 77, &self.history, &self.durable)
    }

    /// The start is refused with this file's name, an offset that `at` accepts, and nothing changed.
    fn refused(&self, number: u64, at: impl Fn(u64) -> bool, what: &str) {
        let before = contents(&self.disk);
        match self.open() {
            Err(WorldError::Open(OpenError::Damaged { file, offset, what: why })) => {
                assert_eq!(file, name(number), "{what}: {why}");
                assert!(at(offset), "{what}: refused at {offset}: {why}");
            }
            Err(other) => panic!("{what}: refused for {other:?}"),
            Ok(world) => panic!("{what}: opened, ended {:?}", world.log.ended()),
        }
        assert!(contents(&self.disk) == before, "{what}: a refused start changes nothing");
    }
}

/// A log of at least so many messages, all still wanted, each synced alone, killed with some chunks in the last file.
fn left(messages: u64, len: u32) -> Left {
    let left = Left::new();
    let mut world = left.open().unwrap();
    let objects = [world.object(1), world.object(2)];
    let (mut file, mut in_file) = (0, 0);
    for n in 0.. {
        let object = &objects[n as usize % 2];
        let lsn = world.put(std::slice::from_ref(object), len);
        assert!(world.sync(lsn));
        let now = object.state.lock().unwrap().live.last_key_value().unwrap().1.1.number();
        in_file = if now == file { in_file + 1 } else { 1 };
        file = now;
        if n + 1 >= messages && (in_file >= 7 || messages < 10) {
            break;
        }
    }
    world.kill();
    left
}

/// Offsets of the chunks of a file, with the kind of each.
fn chunks(bytes: &[u8]) -> Vec<(u64, u8, u64)> {
    let mut found = Vec::new();
    let mut at = 0usize;
    while at + 104 <= bytes.len() && &bytes[at..at + 4] == b"NRQ1" {
        let len = u64::from(u32::from_le_bytes(bytes[at + 48..at + 52].try_into().unwrap()));
        found.push((at as u64, bytes[at + 5], len));
        at += len as usize;
    }
    found
}

fn last_file(left: &Left) -> u64 {
    let names = left.disk.list().unwrap();
    let last = names.iter().filter(|n| n.ends_with(".log")).max().unwrap();
    u64::from_str_radix(last.strip_suffix(".log").unwrap(), 16).unwrap()
}

#[test]
fn a_flipped_head_below_the_committed_lsn_refuses_the_start() {
    for chunk in 0..5 {
        for byte in [0u64, 4, 9, 30, 50, 70, 106, 115] {
            let left = left(40, 1500);
            let last = last_file(&left);
            let bytes = left.disk.bytes(&name(last));
            let at = chunks(&bytes)[chunk].0;
            // A round may have ended in a chunk of its own, which has few bytes of heads.
            let head_len = u32::from_le_bytes(bytes[at as usize + 52..][..4].try_into().unwrap());
            let byte = byte.min(104 + u64::from(head_len) - 1);
            left.disk.flip_bit(&name(last), at + byte, (byte % 8) as u8);
            left.refused(last, |offset| offset == at, &format!("chunk {chunk}, byte {byte}"));
        }
    }
}

/// The same log after a start that wrote the last file's footer and then lost power.
fn sealed(left: &Left) -> Left {
    let last = last_file(left);
    for operation in 1..100 {
        let disk = left.disk.after_kill(Plan { power_cut_at: Some(operation), ..Plan::default() });
        let tried = Left { disk, history: left.history.clone(), durable: left.durable.clone() };
        assert!(tried.open().is_err());
        let disk = tried.disk.after_power_cut(1, Plan::default());
        let bytes = disk.bytes(&name(last));
        if bytes[bytes.len() - BLOCK as usize..].starts_with(b"NRQT") {
            return Left { disk, ..tried };
        }
    }
    panic!("no start wrote a footer");
}

#[test]
fn a_flipped_head_in_the_last_file_refuses_the_start_though_no_later_chunk_names_it_committed() {
    let left = left(60, 1500);
    let last = last_file(&left);
    let count = chunks(&sealed(&left).disk.bytes(&name(last))).iter().filter(|c| c.1 == 0).count();
    for chunk in [0, 1, count - 2, count - 1] {
        let left = sealed(&left);
        let at = chunks(&left.disk.bytes(&name(last)))[chunk].0;
        left.disk.flip_bit(&name(last), at + 100, 3);
        left.refused(last, |offset| offset == at, &format!("chunk {chunk} of {count}"));
    }
}

#[test]
fn a_flipped_body_costs_that_message_only() {
    let left = left(40, 1500);
    let last = last_file(&left);
    let bytes = left.disk.bytes(&name(last));
    let bodies = |at: u64| u64::from_le_bytes(bytes[at as usize + 88..at as usize + 96].try_into().unwrap());
    let at = chunks(&bytes).into_iter().map(|c| c.0).find(|at| bodies(*at) == 1500).unwrap();
    left.disk.flip_bit(&name(last), at + 1000, 1);
    let disk: Arc<dyn Disk> = Arc::new(left.disk.clone());
    let mut restore = Restore::default();
    let log = Log::open(small(), given(&disk, 5), Time(1), &mut restore).unwrap();
    let (mut whole, mut broken) = (0, 0);
    for (id, object) in &restore.objects {
        for (seq, file) in &object.places {
            let wanted = vec![SeqRange::one(Seq(*seq))];
            let request = ReadRequest { object: *id, file: file.number(), wanted, bytes_max: 1, walk: Walk::default() };
            let done = log.read_now(&request);
            assert_eq!((done.error, done.through), (None, Some(Seq(*seq))));
            let message = &done.messages[0];
            let origin = Origin::decode(&message.data).unwrap();
            match &message.body {
                Some(body) => {
                    assert_eq!(body[..], origin.body()[..]);
                    whole += 1;
                }
                None => broken += 1,
            }
        }
    }
    assert!(whole >= 39 && broken == 1, "{whole} whole, {broken} broken");
}

#[test]
fn a_head_flipped_after_its_round_is_told_when_it_is_read_and_allocates_nothing() {
    let left = left(80, 1500);
    let mut world = left.open().unwrap();
    let object = world.object(1);
    let (seq, used) = {
        let state = object.state.lock().unwrap();
        let (seq, (_, used)) = state.live.first_key_value().unwrap();
        (*seq, used.clone())
    };
    let file = name(used.number());
    let bytes = left.disk.bytes(&file);
    for (at, kind, _) in chunks(&bytes).into_iter().filter(|c| c.1 == 0) {
        assert_eq!(kind, 0);
        for byte in 0..150 {
            left.disk.flip_bit(&file, at + byte, 7);
        }
    }
    let wanted = vec![SeqRange { first: Seq(seq), last: Seq(u64::MAX) }];
    let request =
        ReadRequest { object: ObjectId(1), file: used.number(), wanted, bytes_max: 1 << 20, walk: Walk::default() };
    let done = world.log.read_now(&request);
    assert!(done.error.is_none(), "{:?}", done.error);
    assert!(!done.messages.is_empty() && done.messages.iter().all(|m| m.body.is_none()));
    world.kill();
}

#[test]
fn a_damaged_footer_is_written_again_from_the_heads() {
    for (what, chunk_byte) in [("footer head", Some(50)), ("footer bodies", Some(130)), ("trailer", None)] {
        let left = left(80, 1500);
        let first = 1;
        let bytes = left.disk.bytes(&name(first));
        let footer = chunks(&bytes).into_iter().find(|c| c.1 == 1).expect("the first file is sealed").0;
        let byte = chunk_byte.map_or(bytes.len() as u64 - BLOCK + 9, |byte: u64| footer + byte);
        left.disk.flip_bit(&name(first), byte, 2);
        let world = left.open().unwrap_or_else(|e| panic!("{what}: {e:?}"));
        world.close();
        let again = left.disk.bytes(&name(first));
        let index = footer as usize + 104..footer as usize + BLOCK as usize;
        assert!(again[index.clone()] == bytes[index], "{what}: the same index stands there again");
        let trailer = bytes.len() - BLOCK as usize;
        assert!(again[trailer..] == bytes[trailer..], "{what}: and the same trailer");
    }
}

#[test]
fn a_file_of_another_writer_or_a_later_version_is_not_removed() {
    let left = left(3, 100);
    let disk: Arc<dyn Disk> = Arc::new(left.disk.clone());
    let before = contents(&*disk);
    let other = common::small();
    let other = narumq_log::Options { writer: narumq_model::WriterId(9), ..other };
    let opened = Log::open(other, given(&disk, 1), Time(1), &mut Restore::default());
    assert!(matches!(opened, Err(OpenError::Damaged { .. })));
    assert!(contents(&*disk) == before, "a refused start changes nothing");
    left.disk.flip_bit(&name(1), 4, 1);
    left.refused(1, |offset| offset == 0, "a later version");
}

#[test]
fn names_that_are_no_log_files_are_left_alone() {
    let left = left(3, 100);
    for odd in ["bac.log", "notes.txt", "00000000000000AB.log", "+000000000000001.log"] {
        left.disk.open(odd, true).unwrap().write_at(&[1; 10], 0).unwrap();
    }
    left.open().unwrap().close();
    for odd in ["bac.log", "notes.txt", "00000000000000AB.log", "+000000000000001.log"] {
        assert_eq!(left.disk.bytes(odd), [1; 10]);
    }
}

/// Blocks of a file that begin like chunks of another use of it than the first one.
fn stale(bytes: &[u8]) -> usize {
    bytes.chunks_exact(BLOCK as usize).filter(|b| b.starts_with(b"NRQ1") && b[32..40] != bytes[32..40]).count()
}

#[test]
fn old_chunks_behind_the_new_end_and_a_file_never_rewritten_are_not_replayed() {
    let scene = Left::new();
    let mut world = scene.open().unwrap();
    let object = world.object(1);
    // Fills files and empties them until the open one is a reused one with old chunks behind its end, and a spare waits.
    let mut scene = scene;
    let mut found = None;
    eventually("a reused file is the open one", || {
        let mut lsn = Lsn(0);
        for _ in 0..3 {
            lsn = world.put(std::slice::from_ref(&object), 2500);
        }
        let seqs: Vec<u64> = object.state.lock().unwrap().live.keys().copied().collect();
        world.take(&object, &seqs[1..]);
        world.take(&object, &seqs[..1]);
        assert!(world.sync(lsn));
        // What a kill at this moment would leave, and had promised.
        let promised = scene.durable.load(Ordering::SeqCst);
        let left = scene.disk.after_kill(Plan::default());
        let names = left.list().unwrap();
        let last = names.iter().filter(|n| n.ends_with(".log")).max().unwrap();
        let old = stale(&left.bytes(last));
        let spare = names.iter().any(|n| n.ends_with(".spare"));
        if old <= 3 || !spare {
            return Err(format!("{old} old chunks in {last} of {names:?}"));
        }
        found = Some((left, promised));
        Ok(())
    });
    world.kill();
    let (left, promised) = found.unwrap();
    scene.disk = left;
    scene.durable.store(promised, Ordering::SeqCst);
    let names = scene.disk.list().unwrap();
    let last = names.iter().filter(|n| n.ends_with(".log")).max().unwrap().clone();
    // A spare was taken for the next file and its first chunk never came.
    let spare = names.iter().find(|n| n.ends_with(".spare")).unwrap();
    let next = u64::from_str_radix(last.strip_suffix(".log").unwrap(), 16).unwrap() + 1;
    scene.disk.rename(spare, &name(next)).unwrap();
    scene.disk.sync_names().unwrap();
    let world = scene.open().unwrap();
    assert!(world.found < 200, "{} entries told", world.found);
    world.close();
    scene.disk = scene.disk.after_kill(Plan::default());
    scene.open().unwrap().close();
}
