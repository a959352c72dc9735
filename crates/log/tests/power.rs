//! Power cuts in every operation of a workload, and in every operation of the start that follows.
//!
//! `NARUMQ_POWER_SEEDS` is how many ways each cut may leave the unsynced writes (2 unless it is set), the bodies of the
//! workload vary with `NARUMQ_POWER_WORKLOADS`.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod common;

use common::history::History;
use common::world::{World, WorldError};
use common::{Random, small, times};
use narumq_log::disk::Disk;
use narumq_log::disk::faulty::{FaultyDisk, Plan};
use narumq_log::{OpenError, Options};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// A disk with what was promised about it.
struct Scene {
    disk: FaultyDisk,
    history: Arc<History>,
    durable: Arc<AtomicU64>,
}

impl Scene {
    fn new(plan: Plan) -> Self {
        Self { disk: FaultyDisk::new(plan), history: Arc::default(), durable: Arc::default() }
    }

    fn open(&self, options: &Options, seed: u64) -> Result<World, WorldError> {
        let disk: Arc<dyn Disk> = Arc::new(self.disk.clone());
        World::open(&disk, options, seed, &self.history, &self.durable)
    }

    /// What is found when the power comes back.
    fn after(&self, seed: u64, plan: Plan) -> Self {
        Self {
            disk: self.disk.after_power_cut(seed, plan),
            history: self.history.fork(),
            durable: Arc::new(AtomicU64::new(self.durable.load(Ordering::SeqCst))),
        }
    }
}

/// Works until the workload is done or the log has failed; true if it was done.
fn work(mut world: World, random: &mut Random, steps: u64) -> bool {
    let mut alive = true;
    for _ in 0..steps {
        let lsn = world.step(random, 4, 4000);
        if let Some(lsn) = lsn.filter(|_| random.below(3) == 0) {
            alive = world.sync(lsn);
        }
        if !alive {
            break;
        }
    }
    world.close();
    alive
}

fn two_starts(scene: &Scene, options: &Options, random: &mut Random) -> bool {
    for (seed, steps) in [(1, 70), (2, 90)] {
        match scene.open(options, seed) {
            Ok(world) => {
                if !work(world, random, steps) {
                    return false;
                }
            }
            Err(WorldError::Open(OpenError::Io(_))) => return false,
            Err(other) => panic!("{other:?}"),
        }
    }
    true
}

/// After the cut in operation `cut`: every start finds what it must, even if it is cut itself.
fn recover(scene: &Scene, options: &Options, cut: u64, seed: u64, random: &mut Random) -> Result<(), WorldError> {
    let found = scene.after(seed, Plan::default());
    let world = found.open(options, seed)?;
    assert!(work(world, random, 12), "cut {cut}, seed {seed}: a whole disk");
    found.open(options, seed + 1)?.close();
    Ok(())
}

/// Little of much stays, until some of it has been copied out of mostly dead files; a second start lets most of that go
/// and copies the rest again.
fn two_sparse_starts(scene: &Scene, options: &Options, random: &mut Random) -> bool {
    for seed in [1, 2] {
        let mut world = match scene.open(options, seed) {
            Ok(world) => world,
            Err(WorldError::Open(OpenError::Io(_))) => return false,
            Err(other) => panic!("{other:?}"),
        };
        let objects: Vec<_> = (1..=2).map(|id| world.object(id)).collect();
        let mut alive = true;
        for n in 0..48usize {
            world.put(&objects[n % 2..=(n % 2).max(n / 2 % 2)], 1500 + random.below(1500) as u32);
            if n % 8 == 7 && alive {
                let last = objects.iter().filter_map(|o| {
                    let gone: Vec<u64> =
                        o.state.lock().unwrap().live.keys().copied().filter(|s| (s ^ seed) % 5 > 0).collect();
                    world.take(o, &gone)
                });
                let last = last.fold(None, |_, lsn| Some(lsn));
                alive = last.is_none_or(|lsn| world.sync(lsn));
            }
        }
        // Rounds, and with them emptying, go on only as more is written.
        while alive && world.ear.look(|told| told.moved == 0) {
            let lsn = world.set(&objects[0], 1);
            alive = world.sync(lsn);
        }
        world.close();
        if !alive {
            return false;
        }
    }
    true
}

fn recover_through_cuts(scene: &Scene, options: &Options, cut: u64, seed: u64, random: &mut Random) {
    for again in 1.. {
        let found = scene.after(seed, Plan { power_cut_at: Some(again), ..Plan::default() });
        match found.open(options, seed) {
            Ok(world) => {
                let done = work(world, random, 3);
                let at = format!("cut {cut}, seed {seed}, second cut {again}, in the work after the start");
                recover(&found, options, cut, seed + again, random).unwrap_or_else(|e| panic!("{at}: {e:?}"));
                if done {
                    return;
                }
            }
            Err(WorldError::Open(OpenError::Io(_))) => {
                let at = format!("cut {cut}, seed {seed}, second cut {again}");
                recover(&found, options, cut, seed + again, random).unwrap_or_else(|e| panic!("{at}: {e:?}"));
            }
            Err(other) => panic!("cut {cut}, seed {seed}, second cut {again}: {other:?}"),
        }
    }
}

/// What is done before the cut: true if it was done to its end.
type Workload = fn(&Scene, &Options, &mut Random) -> bool;

fn cut_everywhere(workload: u64, options: &Options, before: Workload) {
    let seeds = times("NARUMQ_POWER_SEEDS", 2);
    let mut cuts = 0;
    for cut in 1.. {
        let scene = Scene::new(Plan { power_cut_at: Some(cut), ..Plan::default() });
        let mut random = Random(workload);
        if before(&scene, options, &mut random) {
            break;
        }
        cuts = cut;
        for seed in 0..seeds {
            let seed = seed * 1000 + cut;
            recover(&scene, options, cut, seed, &mut random)
                .unwrap_or_else(|e| panic!("workload {workload}, cut {cut}, seed {seed}: {e:?}"));
        }
        if cut % 4 == workload % 4 || seeds > 2 {
            recover_through_cuts(&scene, options, cut, cut, &mut random);
        }
    }
    assert!(cuts > 60, "the workload has some operations: {cuts}");
}

#[test]
fn nothing_told_durable_is_lost_by_a_power_cut_anywhere() {
    for workload in 0..times("NARUMQ_POWER_WORKLOADS", 1) {
        cut_everywhere(workload, &small(), two_starts);
    }
}

#[test]
fn nor_with_a_prefilled_file_and_large_chunks() {
    for workload in 0..times("NARUMQ_POWER_WORKLOADS", 1) {
        let options = Options { prefill: true, chunk_bytes: 40 << 10, ..small() };
        cut_everywhere(100 + workload, &options, two_starts);
    }
}

#[test]
fn nor_while_files_are_emptied() {
    for workload in 0..times("NARUMQ_POWER_WORKLOADS", 1) {
        cut_everywhere(200 + workload, &Options { settle_ms: 2, ..small() }, two_sparse_starts);
    }
}

#[test]
fn answers_before_the_sync_are_found_out() {
    let options = Options { confirm_at_written: true, ..small() };
    let mut lost = 0;
    for cut in (1..120).step_by(3) {
        let scene = Scene::new(Plan { power_cut_at: Some(cut), ..Plan::default() });
        let mut random = Random(5);
        if two_starts(&scene, &options, &mut random) {
            break;
        }
        for seed in 0..4 {
            match recover(&scene, &options, cut, seed, &mut random) {
                Err(WorldError::Wrong(what)) if what.contains("was told durable") => lost += 1,
                Err(other) => panic!("{other:?}"),
                Ok(()) => {}
            }
        }
    }
    assert!(lost > 0, "the check finds what a log loses that answers too early");
}
