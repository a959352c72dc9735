//! What every log must do, on every disk: one battery, run in memory, on a disk that can fail, and on real files.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod common;

use common::history::History;
use common::restore::{Restore, check_message, read_all};
use common::world::World;
use common::{Random, eventually, given, small};
use narumq_log::disk::Disk;
use narumq_log::disk::faulty::{FaultyDisk, Plan};
use narumq_log::disk::file::{FileDisk, WritePath};
use narumq_log::disk::memory::MemoryDisk;
use narumq_log::{Entry, Kind, Log, Options, ReadRequest, Walk};
use narumq_model::{Durability, Epoch, Lsn, ObjectId, Seq, SeqRange, Time};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

type Factory<'a> = &'a dyn Fn() -> Arc<dyn Disk>;

fn battery(factory: Factory<'_>) {
    lsns_are_given_in_order_and_told_once(factory);
    groups_are_whole(factory);
    nobody_need_ask_for_a_sync(factory);
    messages_are_read_from_open_and_sealed_files(factory);
    entries_larger_than_a_chunk_and_a_file(factory);
    a_file_is_reused_when_nothing_in_it_is_wanted(factory);
    mostly_dead_files_are_emptied(factory);
    gone_objects_hold_no_file(factory);
    starts_and_ends(factory);
    many_starts(factory);
}

#[test]
fn memory() {
    battery(&|| Arc::new(MemoryDisk::default()));
}

#[test]
fn a_disk_that_could_fail() {
    battery(&|| Arc::new(FaultyDisk::new(Plan::default())));
}

#[test]
fn real_files() {
    for path in [WritePath::Direct, WritePath::Buffered] {
        let root = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let disks = AtomicU64::new(0);
        battery(&|| {
            let n = disks.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            Arc::new(FileDisk::open(&root.path().join(n.to_string()), path).unwrap())
        });
    }
}

fn open(disk: &Arc<dyn Disk>, options: &Options, history: &Arc<History>) -> World {
    World::open(disk, options, 9, history, &Arc::default()).unwrap()
}

fn lsns_are_given_in_order_and_told_once(factory: Factory<'_>) {
    let mut world = open(&factory(), &small(), &Arc::default());
    let object = world.object(1);
    let mut last = world.log.durable();
    for n in 0..300 {
        let lsn = world.put(std::slice::from_ref(&object), n * 7);
        assert!(lsn > last, "LSNs grow");
        last = lsn;
        if n % 10 == 0 {
            assert!(world.sync(lsn));
            assert!(world.log.durable() >= lsn && world.log.written() >= lsn);
            world.log.want_sync(lsn);
        }
    }
    assert!(world.sync(last));
    // The listener itself checks that each durable LSN is told once and that they only grow.
    assert!(world.ear.look(|t| t.durable.len()) >= 30);
    world.close();
}

fn groups_are_whole(factory: Factory<'_>) {
    let (disk, options) = (factory(), small());
    let log = Log::open(options.clone(), given(&disk, 1), Time(1), &mut Restore::default()).unwrap();
    log.start(Arc::<common::ear::Ear>::default()).unwrap();
    let body = vec![7u8; 900];
    let mut groups = Vec::new();
    for n in 0..40u64 {
        let entries: Vec<Entry<'_>> = (0..20)
            .map(|at| {
                let mut entry = Entry::new(Kind::Enqueue, ObjectId(3), Time(4));
                (entry.seq, entry.body) = (Seq(1 + n * 20 + at), &body);
                entry
            })
            .collect();
        log.append(&Entry::new(Kind::Count, ObjectId(3), Time(4)));
        let at = log.append_group(&entries);
        log.file_use(at.file).unwrap().add_live(20);
        groups.push((at.lsn.0 - 19, at.lsn.0));
        log.want_sync(at.lsn);
    }
    log.close(Time(5));
    let chunk = |b: &[u8]| {
        let first = u64::from_le_bytes(b[64..72].try_into().unwrap());
        (first, first + u64::from(u32::from_le_bytes(b[60..64].try_into().unwrap())))
    };
    let files = common::contents(&*disk);
    let blocks = files.iter().flat_map(|(_, bytes)| bytes.chunks_exact(4096));
    let chunks: Vec<(u64, u64)> = blocks.filter(|b| b.starts_with(b"NRQ1") && b[5] == 0).map(chunk).collect();
    for (first, last) in groups {
        let whole = chunks.iter().any(|(from, to)| *from <= first && last < *to);
        assert!(whole, "the group {first} to {last} lies in one chunk of {chunks:?}");
    }
    let log = Log::open(options, given(&disk, 2), Time(1), &mut Restore::default()).unwrap();
    assert!(log.ended().clean);
}

fn nobody_need_ask_for_a_sync(factory: Factory<'_>) {
    for durability in [Durability::Fsync, Durability::Os] {
        let options = Options { durability, ..small() };
        let mut world = open(&factory(), &options, &Arc::default());
        let object = world.object(1);
        for _ in 0..3 {
            let lsn = world.put(std::slice::from_ref(&object), 100);
            assert!(world.ear.durable_or_failed(lsn));
        }
        world.close();
    }
}

fn messages_are_read_from_open_and_sealed_files(factory: Factory<'_>) {
    let mut world = open(&factory(), &small(), &Arc::default());
    let objects = [world.object(1), world.object(2)];
    let mut last = Lsn(0);
    for n in 0..150u32 {
        last = world.put(&objects[..1 + n as usize % 2], 10 + n * 13 % 2000);
    }
    assert!(world.sync(last));
    for object in &objects {
        let state = object.state.lock().unwrap();
        let mut files: std::collections::BTreeMap<u64, Vec<u64>> = Default::default();
        state.live.iter().for_each(|(seq, (_, f))| files.entry(f.number()).or_default().push(*seq));
        assert!(files.len() > 2);
        for (file, seqs) in &files {
            let every_third: Vec<u64> = seqs.iter().copied().step_by(3).collect();
            for wanted in [seqs, &every_third] {
                for message in read_all(&world.log, object.id, *file, wanted).unwrap() {
                    check_message(object.id, &message, state.live.get(&message.seq.0).map(|(o, _)| *o)).unwrap();
                }
            }
            // Through the reader thread, and of what is not there.
            let wanted = vec![SeqRange { first: Seq(1), last: Seq(5) }, SeqRange::one(Seq(*seqs.last().unwrap()))];
            let request =
                ReadRequest { object: object.id, file: *file, wanted, bytes_max: 1 << 20, walk: Walk::default() };
            world.log.read(request);
            let done = world.ear.wait("a read", |told| told.reads.pop());
            assert_eq!((done.error, done.messages.len()), (None, 1));
            assert_eq!(done.through, Some(Seq(*seqs.last().unwrap())));
        }
    }
    let request = ReadRequest {
        object: ObjectId(1),
        file: 999,
        wanted: vec![SeqRange::one(Seq(1))],
        bytes_max: 1,
        walk: Walk::default(),
    };
    assert!(world.log.read_now(&request).error.is_some(), "a file that never was");
    world.close();
}

fn entries_larger_than_a_chunk_and_a_file(factory: Factory<'_>) {
    let (disk, history) = (factory(), Arc::<History>::default());
    let mut world = open(&disk, &small(), &history);
    let object = world.object(1);
    let mut last = Lsn(0);
    for len in [9_000, 50_000, 70_000, 3, 400_000, 65_536, 3_000_000, 1] {
        last = world.put(std::slice::from_ref(&object), len);
    }
    assert!(world.sync(last));
    let big = vec![5u8; 300_000];
    world.log.append(&Entry::new(Kind::Count, ObjectId(1), Time(1)).with_data(&big));
    world.close();
    // Opening reads every body and compares it.
    let world = open(&disk, &small(), &history);
    let seqs: Vec<u64> = world.objects[0].state.lock().unwrap().live.keys().copied().collect();
    assert_eq!(seqs.len(), 8);
    world.take(&world.objects[0], &seqs);
    world.close();
    let world = open(&disk, &small(), &history);
    eventually("files of their own size are removed", || {
        let longest = disk.list().unwrap().iter().filter_map(|n| disk.open(n, false).ok()?.len().ok()).max();
        // A round comes with the next sealed file at the latest.
        let lsn = world.set(&world.objects[0], 4);
        world.put(&world.objects[..1], 2000);
        world.sync(lsn);
        let live: Vec<u64> = world.objects[0].state.lock().unwrap().live.keys().copied().collect();
        world.take(&world.objects[0], &live);
        if longest.is_some_and(|l| l <= 160 << 10) { Ok(()) } else { Err(format!("{longest:?}")) }
    });
    world.close();
}

fn a_file_is_reused_when_nothing_in_it_is_wanted(factory: Factory<'_>) {
    let (disk, history) = (factory(), Arc::<History>::default());
    let mut world = open(&disk, &small(), &history);
    let (stays, goes) = (world.object(1), world.object(2));
    world.put(std::slice::from_ref(&stays), 100);
    for _ in 0..1500 {
        world.put(std::slice::from_ref(&goes), 2000);
        let seqs: Vec<u64> = goes.state.lock().unwrap().live.keys().copied().collect();
        let lsn = world.take(&goes, &seqs).unwrap();
        // A queue that keeps up with the disk, as consumers do.
        world.sync(lsn);
    }
    let kept = stays.state.lock().unwrap().live.values().next().unwrap().1.clone();
    assert_eq!(kept.live(), 1, "a wanted message keeps its file, or one that it was copied to");
    assert!(world.log.bytes_written() > 40 * (64 << 10));
    eventually("dead files are retired", || {
        let (used, there) = (world.log.files_in_use(), disk.list().unwrap().len());
        if used <= 6 && there <= used + 7 { Ok(()) } else { Err(format!("{used} in use, {there} there")) }
    });
    assert!(world.log.file_use(kept.number()).is_some() && world.log.file_use(7).is_none());
    world.close();
    open(&disk, &small(), &history).close();
}

/// One message of twenty stays, in one object or in three at once: a tenth of the files is enough for them.
fn mostly_dead_files_are_emptied(factory: Factory<'_>) {
    let (disk, history) = (factory(), Arc::<History>::default());
    let mut world = open(&disk, &small(), &history);
    let objects: Vec<_> = (1..=3).map(|id| world.object(id)).collect();
    for n in 0..1200u64 {
        world.put(&objects[(n % 3) as usize..=2.min(n as usize % 3 + n as usize % 2)], 900 + (n % 200) as u32);
        if n % 20 == 19 {
            let gone = |o: &Arc<common::world::Object>| -> Vec<u64> {
                o.state.lock().unwrap().live.keys().copied().filter(|seq| seq % 20 != 0).collect()
            };
            let lsn = objects.iter().filter_map(|o| world.take(o, &gone(o))).max().unwrap();
            world.sync(lsn);
        }
    }
    let few = |world: &World, most: usize| {
        eventually("mostly dead files are emptied", || {
            let (used, wanted) = (world.log.files_in_use(), world.files().len());
            if used <= most { Ok(()) } else { Err(format!("{used} files in use, {wanted} wanted")) }
        });
    };
    few(&world, 14);
    let survivors = || disk.list().unwrap().into_iter().filter(|name| name.ends_with(".survivor")).collect::<Vec<_>>();
    let first = survivors();
    assert!(world.files().iter().any(|number| world.log.file_use(*number).is_some_and(|f| f.is_survivor())));
    common::restore::check_bodies(&world.log, world.objects.iter()).unwrap();
    world.kill();
    // What was copied is found again, and copied again once most of it is gone.
    let world = open(&disk, &small(), &history);
    for object in &world.objects {
        let gone: Vec<u64> = object.state.lock().unwrap().live.keys().skip(1).step_by(2).copied().collect();
        world.take(object, &gone);
    }
    few(&world, 9);
    common::restore::check_bodies(&world.log, world.objects.iter()).unwrap();
    world.close();
    let world = open(&disk, &small(), &history);
    for object in &world.objects {
        let gone: Vec<u64> = object.state.lock().unwrap().live.keys().copied().collect();
        world.take(object, &gone);
    }
    eventually("survivor files are retired", || {
        let left = survivors().len();
        if left == 0 { Ok(()) } else { Err(format!("{left} are there")) }
    });
    world.close();
    // A survivor file never has the name of one that is gone: what is left of that could be taken for it.
    let world = open(&disk, &small(), &history);
    for n in 0..600u64 {
        world.put(&world.objects[..1], 2_000);
        let gone: Vec<u64> =
            world.objects[0].state.lock().unwrap().live.keys().copied().filter(|s| s % 20 != 0).collect();
        world.take(&world.objects[0], &gone).filter(|_| n % 20 == 0).map(|lsn| world.sync(lsn));
    }
    eventually("mostly dead files are emptied", || {
        if survivors().is_empty() { Err("no survivor file is there".into()) } else { Ok(()) }
    });
    assert!(survivors().iter().all(|name| !first.contains(name)));
    world.close();
    open(&disk, &small(), &history).close();
}

fn gone_objects_hold_no_file(factory: Factory<'_>) {
    let disk = factory();
    let mut world = open(&disk, &small(), &Arc::default());
    let stays = world.object(1);
    for id in 2..40 {
        let object = world.object(id);
        world.put(std::slice::from_ref(&object), 3000);
        let seqs: Vec<u64> = object.state.lock().unwrap().live.keys().copied().collect();
        world.take(&object, &seqs);
    }
    let mut files = Vec::new();
    let mut fill = |world: &World| {
        let lsn = world.put(std::slice::from_ref(&stays), 3000);
        let seqs: Vec<u64> = stays.state.lock().unwrap().live.keys().copied().collect();
        world.take(&stays, &seqs);
        world.sync(lsn);
        files.push(world.log.files_in_use());
        *files.last().unwrap()
    };
    (0..100).for_each(|_| assert!(fill(&world) > 0));
    // They are deleted: nobody writes their States any more.
    world.ear.objects.lock().unwrap().retain(|id, _| id.0 == 1);
    eventually("States of gone objects hold no file", || {
        let used = fill(&world);
        if used <= 4 { Ok(()) } else { Err(format!("{used} in use")) }
    });
    world.close();
}

fn starts_and_ends(factory: Factory<'_>) {
    let disk = factory();
    let open = || {
        let mut restore = Restore::default();
        let log = Log::open(small(), given(&disk, 4), Time(1_000), &mut restore).unwrap();
        (log, restore)
    };
    let (log, restore) = open();
    assert_eq!((log.epoch(), log.ended().lsn, log.ended().clean), (Epoch(1), Lsn(0), false));
    assert!(restore.kinds.is_empty());
    drop(log);
    let (log, restore) = open();
    assert_eq!((log.epoch(), log.ended().lsn, log.ended().clean), (Epoch(2), Lsn(1), false), "never started");
    assert_eq!(restore.kinds, [(Lsn(1), Kind::EpochStart)]);
    log.start(Arc::<common::ear::Ear>::default()).unwrap();
    log.close(Time(2_000));
    log.close(Time(2_001));
    drop(log);
    let (log, restore) = open();
    assert!(log.ended().clean, "closed in order");
    assert_eq!((log.epoch(), log.ended().time), (Epoch(3), Time(2_000)), "closing twice is closing once");
    assert_eq!(restore.kinds.last().unwrap().1, Kind::EpochEnd);
    log.start(Arc::<common::ear::Ear>::default()).unwrap();
    let lsn = log.append(&Entry::new(Kind::Count, ObjectId(5), Time(3_000))).lsn;
    drop(log);
    let (log, restore) = open();
    assert!(!log.ended().clean, "dropped without a close");
    assert_eq!((log.epoch(), log.ended().time), (Epoch(4), Time(3_000)), "time does not run backwards");
    assert!(log.ended().lsn >= lsn && restore.kinds.contains(&(lsn, Kind::Count)), "a drop writes what was appended");
}

fn many_starts(factory: Factory<'_>) {
    let (disk, history) = (factory(), Arc::<History>::default());
    let mut random = Random(6);
    let starts = common::times("NARUMQ_STARTS", 120);
    for start in 0..starts {
        let mut world = open(&disk, &small(), &history);
        assert_eq!(world.log.epoch(), Epoch(start + 1));
        for _ in 0..random.below(3) {
            world.step(&mut random, 3, 500);
        }
        match start % 3 {
            0 => world.kill(),
            _ => world.close(),
        }
    }
    let world = open(&disk, &small(), &history);
    let (wanted, used) = (world.files().len(), world.log.files_in_use());
    assert!(used <= wanted + 12, "{used} files in use, {wanted} wanted, after {starts} starts");
    world.close();
}
