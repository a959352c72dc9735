//! Offsets by time, and the indexes that make cold reads short.

mod harness;

use harness::batches::{append, create, drain, fetch, partition, read, timed};
use harness::{Rig, session, small};
use narumq_broker::{Lookup, PartitionHandle};
use narumq_log::disk::Disk;
use narumq_log::disk::faulty::{FaultyDisk, Plan};
use narumq_log::disk::watched::{Operation, WatchedDisk};
use narumq_model::{Time, TopicPolicy};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Counts the bytes that are read of segments.
#[derive(Clone, Default)]
struct Counting(Arc<AtomicU64>);

impl Counting {
    /// The disk of which they are read.
    fn disk(&self, inner: &FaultyDisk) -> Arc<dyn Disk> {
        let counting = self.clone();
        WatchedDisk::new(Arc::new(inner.clone()), move |operation, name| {
            if let Operation::Read(bytes) = operation
                && name.ends_with(".segment")
            {
                counting.0.fetch_add(bytes as u64, Ordering::SeqCst);
            }
            Ok(())
        })
    }

    fn taken(&self) -> u64 {
        self.0.swap(0, Ordering::SeqCst)
    }
}

fn open(disk: Arc<dyn Disk>) -> Rig {
    Rig::open(disk, small(), Time(1_000))
}

/// Looks until the disk has been read; the offsets of the batch and of what follows it.
fn looked(rig: &mut Rig, of: &PartitionHandle, look: impl Fn(&Rig, &PartitionHandle) -> Lookup) -> Option<(u64, u64)> {
    for _ in 0..10_000 {
        match rig.turn(|rig, _| look(rig, of)) {
            Lookup::None => return None,
            Lookup::Reading => rig.wait("a piece is read", |rig| rig.broker.reading() == 0),
            Lookup::Batch { bytes, base, end } => {
                let batches = read(&bytes);
                assert_eq!(batches.len(), 1, "one whole batch");
                assert_eq!((batches[0].0, batches[0].0 + u64::from(batches[0].1)), (base, end));
                return Some((base, end));
            }
        }
    }
    panic!("it reads for ever");
}

fn at(rig: &mut Rig, of: &PartitionHandle, time: i64, from: u64) -> Option<(u64, u64)> {
    looked(rig, of, |rig, of| rig.broker.offset_at(of, (time, from), session(1)).expect("it can be read"))
}

fn latest(rig: &mut Rig, of: &PartitionHandle) -> Option<(u64, u64)> {
    looked(rig, of, |rig, of| rig.broker.latest_batch(of, 0, session(1)).expect("it can be read"))
}

/// Times that go up, on the whole, with some that are late and some that are early.
fn time(n: u64) -> i64 {
    (n * 10 + if n % 13 == 5 { 300 } else { 0 }) as i64 - if n % 17 == 3 { 400 } else { 0 }
}

fn policy(segment_bytes: u64) -> TopicPolicy {
    TopicPolicy { segment_bytes, retention_ms: None, ..TopicPolicy::default() }
}

/// A partition of batches of 10 records; returns the offset and time of each.
fn fill(rig: &mut Rig, of: &PartitionHandle, count: u64, len: usize) -> Vec<(u64, i64)> {
    let all =
        (0..count).map(|n| (append(rig, of, &timed(n, 10, len, time(n))).expect("taken").base, time(n))).collect();
    rig.fence();
    all
}

fn check(rig: &mut Rig, of: &PartitionHandle, all: &[(u64, i64)]) {
    let most = all.iter().map(|(_, time)| *time).max().expect("some");
    for target in (-500..=most + 20).step_by(97).chain([most - 1, most, most + 1]) {
        for from in [0, all[all.len() / 3].0 + 4, all[all.len() - 2].0] {
            let expected = all.iter().find(|(base, time)| base + 10 > from && *time >= target);
            let expected = expected.map(|(base, _)| (*base, base + 10));
            assert_eq!(at(rig, of, target, from), expected, "time {target} from {from}");
        }
    }
    let first = all.iter().find(|(_, time)| *time == most).map(|(base, _)| (*base, base + 10));
    assert_eq!(latest(rig, of), first);
}

fn names(disk: &FaultyDisk, end: &str) -> Vec<String> {
    disk.list().expect("names").into_iter().filter(|name| name.ends_with(end)).collect()
}

#[test]
fn the_first_batch_of_a_time_is_found_wherever_it_lies() {
    let disk = FaultyDisk::new(Plan::default());
    let mut rig = open(Arc::new(disk.clone()));
    create(&mut rig, "t", 1, policy(1 << 20));
    let p = partition(&rig, "t", 0);
    assert_eq!((at(&mut rig, &p, 0, 0), latest(&mut rig, &p)), (None, None));
    let all = fill(&mut rig, &p, 900, 6_000);
    check(&mut rig, &p, &all);
    rig.close();
    for damage in 0..3 {
        let disk = disk.after_kill(Plan::default());
        for name in names(&disk, ".index") {
            match damage {
                1 => disk.remove(&name).expect("it was there"),
                2 => (0..disk.bytes(&name).len() as u64).step_by(11).for_each(|at| disk.flip_bit(&name, at, 3)),
                _ => {}
            }
        }
        let mut rig = open(Arc::new(disk.clone()));
        let p = partition(&rig, "t", 0);
        check(&mut rig, &p, &all);
        let lsn = rig.turn(|rig, turn| rig.broker.trim(&p, 4_444, turn)).expect("trimmed").1;
        rig.durable(lsn);
        assert_eq!(at(&mut rig, &p, i64::MIN, 0), Some((4_440, 4_450)));
        let kept: Vec<(u64, i64)> = all.iter().filter(|(base, _)| base + 10 > 4_444).copied().collect();
        check(&mut rig, &p, &kept);
    }
}

#[test]
fn what_is_not_durable_is_not_found() {
    let disk = FaultyDisk::new(Plan::default());
    let mut rig = open(Arc::new(disk.clone()));
    create(&mut rig, "t", 1, policy(1 << 20));
    let p = partition(&rig, "t", 0);
    fill(&mut rig, &p, 3, 100);
    disk.hold_syncs(true);
    append(&mut rig, &p, &timed(9, 1, 100, 99_999)).expect("taken");
    assert_eq!(at(&mut rig, &p, 99_999, 0), None);
    assert_eq!(latest(&mut rig, &p), Some((20, 30)));
    disk.hold_syncs(false);
    rig.fence();
    assert_eq!(at(&mut rig, &p, 99_999, 0), Some((30, 31)));
}

#[test]
fn a_cold_read_needs_no_walk_with_an_index_and_one_without() {
    let disk = FaultyDisk::new(Plan::default());
    let mut rig = open(Arc::new(disk.clone()));
    create(&mut rig, "t", 1, policy(1 << 30));
    let p = partition(&rig, "t", 0);
    let all = fill(&mut rig, &p, 1_000, 12_000);
    rig.wait("it is copied", |rig| rig.broker.offsets(&p).is_some() && !names(&disk, ".index").is_empty());
    rig.close();
    // A new State has told where the segment ends: nothing is walked at the start, and a read is a piece.
    let counting = Counting::default();
    let mut rig = open(counting.disk(&disk.after_kill(Plan::default())));
    let p = partition(&rig, "t", 0);
    counting.taken();
    assert_eq!(read(&fetch(&mut rig, &p, 7_003, 10).expect("it is there").bytes.concat())[0].0, 7_000);
    let read_at_once = counting.taken();
    assert!(read_at_once < 3 << 20, "{read_at_once} bytes for one batch");
    assert_eq!(at(&mut rig, &p, time(400), 0), all.iter().find(|(_, t)| *t >= time(400)).map(|(b, _)| (*b, b + 10)));
    let searched = counting.taken();
    assert!(searched < 4 << 20, "{searched} bytes for one search");
    drop(rig);
    // Without it the segment is walked once, and what was found is noted.
    let disk = disk.after_kill(Plan::default());
    names(&disk, ".index").iter().for_each(|name| disk.remove(name).expect("it was there"));
    let counting = Counting::default();
    let mut rig = open(counting.disk(&disk));
    let p = partition(&rig, "t", 0);
    counting.taken();
    assert_eq!(read(&fetch(&mut rig, &p, 9_003, 10).expect("it is there").bytes.concat())[0].0, 9_000);
    assert!(counting.taken() > 9 << 20);
    assert_eq!(read(&fetch(&mut rig, &p, 5_003, 10).expect("it is there").bytes.concat())[0].0, 5_000);
    assert!(counting.taken() < 3 << 20);
    assert_eq!(drain(&mut rig, &p, 0, 100_000).len(), 1_000);
}

/// The first segment has lost its latest record, and what is left of it is later than all behind it.
#[test]
fn the_latest_record_is_found_where_the_first_segment_is_partly_gone() {
    let disk = FaultyDisk::new(Plan::default());
    let mut rig = Rig::open(Arc::new(disk.clone()), small(), Time(1_000));
    create(&mut rig, "t", 1, policy(400_000));
    let p = partition(&rig, "t", 0);
    let late = |n: u64| match n {
        3 => 90_000,
        n if n < 30 => 50_000 - (n as i64 * 37) % 1_000,
        n => n as i64,
    };
    let all: Vec<(u64, i64)> =
        (0..90).map(|n| (append(&mut rig, &p, &timed(n, 10, 10_000, late(n))).expect("taken").base, late(n))).collect();
    rig.fence();
    let expected = |all: &[(u64, i64)], start: u64| {
        let there = all.iter().filter(|(base, _)| base + 10 > start);
        there.map(|(base, time)| (*time, std::cmp::Reverse(*base))).max().map(|(_, base)| (base.0, base.0 + 10))
    };
    drop(rig);
    let mut rig = Rig::open(Arc::new(disk.after_kill(Plan::default())), small(), Time(1_000));
    let p = partition(&rig, "t", 0);
    for start in [0, 40, 45, 100, 290, 300, 700, 890] {
        rig.turn(|rig, turn| rig.broker.trim(&p, start, turn)).expect("it is there");
        for _ in 0..2 {
            assert_eq!(latest(&mut rig, &p), expected(&all, start), "from {start}");
        }
    }
}
