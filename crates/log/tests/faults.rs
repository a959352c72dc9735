//! Errors, a full device, held syncs, torn and stale bytes.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod common;

use common::history::History;
use common::restore::Restore;
use common::world::{World, WorldError};
use common::{Random, eventually, given, small};
use narumq_log::disk::Disk;
use narumq_log::disk::faulty::{FaultyDisk, Plan};
use narumq_log::{Kind, Log, OpenError, Options, Terminal};
use narumq_model::{Epoch, Lsn, Time};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

const BLOCK: usize = 4096;

fn name(number: u64) -> String {
    format!("{number:016x}.log")
}

struct Scene {
    disk: FaultyDisk,
    history: Arc<History>,
    durable: Arc<AtomicU64>,
}

impl Scene {
    fn new(plan: Plan) -> Self {
        Self { disk: FaultyDisk::new(plan), history: Arc::default(), durable: Arc::default() }
    }
    fn open(&self, options: &Options) -> Result<World, WorldError> {
        let disk: Arc<dyn Disk> = Arc::new(self.disk.clone());
        World::open(&disk, options, 3, &self.history, &self.durable)
    }
}

/// Works until the log fails; the world as it is then.
fn until_failure(scene: &Scene, options: &Options) -> World {
    let mut world = scene.open(options).unwrap();
    let mut random = Random(11);
    for _ in 0..2000 {
        if let Some(lsn) = world.step(&mut random, 3, 3000)
            && !world.sync(lsn)
        {
            return world;
        }
    }
    panic!("the log did not fail");
}

/// A log that failed says so once and promises nothing more; what it had promised is there at the next start.
fn check_failure(scene: Scene, world: World, expected: &str) {
    let durable = world.log.durable();
    let told = world.ear.look(|t| t.failed.clone());
    assert_eq!(told.len(), 1, "told once: {told:?}");
    assert!(told[0].contains(expected), "{told:?}");
    assert_eq!(world.log.terminal(), Some(&Terminal::Failed(told[0].clone())));
    let object = world.objects[0].clone();
    for _ in 0..50 {
        let lsn = world.put(std::slice::from_ref(&object), 5000);
        world.log.want_sync(lsn);
    }
    world.close();
    assert_eq!(scene.durable.load(Ordering::SeqCst), durable.0, "nothing more is told durable");
    for seed in 0..20 {
        let disk = scene.disk.after_power_cut(seed, Plan::default());
        let after = Scene { disk, history: scene.history.fork(), durable: Arc::new(AtomicU64::new(durable.0)) };
        after.open(&small()).unwrap_or_else(|e| panic!("{expected}, seed {seed}: {e:?}")).close();
    }
}

#[test]
fn an_error_of_a_write_ends_the_log() {
    for at in [20, 31, 57] {
        // Not every operation is a write: the next number is tried until one is.
        let mut scenes = (at..at + 9).map(|n| Scene::new(Plan { write_error_at: Some(n), ..Plan::default() }));
        let (world, scene) = scenes.find_map(|scene| fails(&scene).map(|world| (world, scene))).unwrap();
        check_failure(scene, world, "os error 5");
    }
}

/// Works for a while; the world if it failed.
fn fails(scene: &Scene) -> Option<World> {
    let mut world = scene.open(&small()).unwrap();
    let mut random = Random(12);
    for _ in 0..200 {
        if let Some(lsn) = world.step(&mut random, 3, 3000)
            && !world.sync(lsn)
        {
            return Some(world);
        }
    }
    world.close();
    None
}

#[test]
fn an_error_of_a_sync_ends_the_log_though_later_syncs_succeed() {
    let mut found = 0;
    for at in 20..50 {
        let scene = Scene::new(Plan { sync_error_at: Some(at), ..Plan::default() });
        if let Some(world) = fails(&scene) {
            check_failure(scene, world, "os error 5");
            found += 1;
        }
    }
    assert!(found > 5, "{found} operations were syncs");
}

#[test]
fn what_a_start_accepts_after_a_failed_sync_is_made_durable_again() {
    let mut accepted = 0;
    for at in 20..50 {
        let scene = Scene::new(Plan { sync_error_at: Some(at), ..Plan::default() });
        let Some(world) = fails(&scene) else { continue };
        world.close();
        // The same machine, no power cut: reads still see what the failed sync dropped, and a sync would not write it.
        let promised = scene.durable.load(Ordering::SeqCst);
        let world = scene.open(&small()).unwrap();
        let ended = world.log.ended().lsn;
        accepted += u64::from(ended.0 > promised);
        world.kill();
        scene.durable.fetch_max(ended.0, Ordering::SeqCst);
        for seed in 0..5 {
            let disk = scene.disk.after_power_cut(seed, Plan::default());
            let durable = Arc::new(AtomicU64::new(scene.durable.load(Ordering::SeqCst)));
            let after = Scene { disk, history: scene.history.fork(), durable };
            after.open(&small()).unwrap_or_else(|e| panic!("sync {at}, seed {seed}: {e:?}")).close();
        }
    }
    assert!(accepted > 3, "{accepted} starts found more than had been promised");
}

#[test]
fn a_full_device_ends_the_log_and_loses_nothing_told() {
    let scene = Scene::new(Plan { capacity: Some(200 << 10), ..Plan::default() });
    let world = until_failure(&scene, &small());
    check_failure(scene, world, "os error 28");
}

#[test]
fn a_reserve_is_seen_before_the_device_is_full() {
    let scene = Scene::new(Plan { capacity: Some(2 << 20), ..Plan::default() });
    let options = Options { disk_reserve: 1700 << 10, ..small() };
    let mut world = scene.open(&options).unwrap();
    assert!(!world.log.low_on_disk());
    world.space_changes = 10;
    let object = world.object(1);
    let mut last = Lsn(0);
    for _ in 0..140 {
        last = world.put(std::slice::from_ref(&object), 3000);
    }
    assert!(world.sync(last));
    eventually("low on disk is told", || world.log.low_on_disk().then_some(()).ok_or_else(String::new));
    let seqs: Vec<u64> = object.state.lock().unwrap().live.keys().copied().collect();
    world.take(&object, &seqs);
    for n in 0..60 {
        last = world.set(&object, n);
        world.put(std::slice::from_ref(&object), 0);
    }
    assert!(world.sync(last));
    world.close();
}

#[test]
fn held_syncs_hold_the_durable_lsn() {
    let scene = Scene::new(Plan::default());
    let mut world = scene.open(&small()).unwrap();
    let object = world.object(1);
    let first = world.put(std::slice::from_ref(&object), 10);
    assert!(world.sync(first));
    scene.disk.hold_syncs(true);
    let before = world.log.durable();
    let second = world.put(std::slice::from_ref(&object), 10);
    world.log.want_sync(second);
    eventually("it is written", || {
        (world.log.written() >= second).then_some(()).ok_or_else(|| format!("written {}", world.log.written()))
    });
    let third = world.put(std::slice::from_ref(&object), 10);
    world.log.want_sync(third);
    assert_eq!((world.log.durable(), world.ear.look(|t| t.durable.last().copied())), (before, Some(before)));
    scene.disk.hold_syncs(false);
    assert!(world.sync(third));
    world.close();
}

#[test]
fn a_fenced_log_answers_nothing_more() {
    let scene = Scene::new(Plan::default());
    let mut world = scene.open(&small()).unwrap();
    let object = world.object(1);
    let first = world.put(std::slice::from_ref(&object), 10);
    assert!(world.sync(first));
    let epoch = world.log.epoch();
    world.log.fence(epoch);
    assert_eq!(world.log.terminal(), None, "its own epoch fences nobody");
    // A sync is under way when another takes over: it ends, and nobody hears of it.
    scene.disk.hold_syncs(true);
    let second = world.put(std::slice::from_ref(&object), 10);
    world.log.want_sync(second);
    eventually("it is written", || {
        (world.log.written() >= second).then_some(()).ok_or_else(|| format!("written {}", world.log.written()))
    });
    let durable = world.log.durable();
    world.log.fence(Epoch(epoch.0 + 3));
    scene.disk.hold_syncs(false);
    let third = world.put(std::slice::from_ref(&object), 10);
    assert!(!world.sync(third));
    assert_eq!(world.log.terminal(), Some(&Terminal::Fenced(Epoch(epoch.0 + 3))));
    let log = world.log.clone();
    world.close();
    assert_eq!((log.durable(), durable), (first, first));
}

/// A log whose last file has `chunks` chunks of one message each, all synced.
fn with_chunks(chunks: u64) -> (Scene, u64) {
    let scene = Scene::new(Plan::default());
    let mut world = scene.open(&small()).unwrap();
    let object = world.object(1);
    for _ in 0..chunks {
        let lsn = world.put(std::slice::from_ref(&object), 1000);
        assert!(world.sync(lsn));
    }
    world.kill();
    (scene, 1)
}

/// Overwrites bytes of a file, durably.
fn overwrite(disk: &FaultyDisk, name: &str, offset: usize, bytes: &[u8]) {
    let file = disk.open(name, false).unwrap();
    file.write_at(bytes, offset as u64).unwrap();
    file.sync().unwrap();
}

#[test]
fn a_torn_tail_chunk_ends_the_log() {
    let (scene, file) = with_chunks(5);
    // The last chunk's LSN was told, yet nothing on the disk says so: as far as a start can know it is a torn tail.
    overwrite(&scene.disk, &name(file), 5 * BLOCK + 200, &[0xee; 700]);
    scene.durable.store(5, Ordering::SeqCst);
    let world = scene.open(&small()).unwrap();
    assert_eq!(world.log.ended().lsn, Lsn(5));
    assert!(!world.log.ended().clean);
    world.close();
    scene.open(&small()).unwrap().close();
}

#[test]
fn a_torn_chunk_before_one_that_names_it_committed_is_damage() {
    let (scene, file) = with_chunks(6);
    overwrite(&scene.disk, &name(file), 3 * BLOCK, &[0; BLOCK]);
    match scene.open(&small()) {
        Err(WorldError::Open(OpenError::Damaged { file: at, offset, .. })) => {
            assert_eq!((at, offset), (name(file), 3 * BLOCK as u64));
        }
        Err(other) => panic!("{other:?}"),
        Ok(_) => panic!("opened over a hole"),
    }
}

#[test]
fn a_file_cut_short_ends_the_log_or_refuses_and_is_never_deleted() {
    let (scene, file) = with_chunks(8);
    let bytes = scene.disk.bytes(&name(file));
    for len in (0..bytes.len()).step_by(1000) {
        let disk = FaultyDisk::new(Plan::default());
        disk.open(&name(file), true).unwrap().write_at(&bytes[..len], 0).unwrap();
        disk.sync_names().unwrap();
        let arc: Arc<dyn Disk> = Arc::new(disk.clone());
        let mut restore = Restore::default();
        match Log::open(small(), given(&arc, 1), Time(1), &mut restore) {
            Ok(log) => {
                assert!(log.ended().lsn <= Lsn(9));
                assert!(restore.kinds.iter().all(|(lsn, kind)| lsn.0 > 1 || *kind == Kind::EpochStart));
                let kept = log.ended().lsn == Lsn(0) || arc.list().unwrap().contains(&name(file));
                assert!(kept, "a file with entries stays");
            }
            Err(error) => panic!("cut at {len}: {error}"),
        }
    }
}
