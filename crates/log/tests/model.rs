//! Random work against a naive model, with small files, clean ends and ends without a close.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod common;

use common::history::History;
use common::world::World;
use common::{Random, eventually, small, times};
use narumq_log::disk::Disk;
use narumq_log::disk::memory::MemoryDisk;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

fn run(seed: u64, starts: u64, steps: u64, objects: u64, len_max: u64, prefill: bool) -> u64 {
    let disk: Arc<dyn Disk> = Arc::new(MemoryDisk::default());
    let history = Arc::<History>::default();
    let durable = Arc::<AtomicU64>::default();
    let mut random = Random(seed);
    let mut options = small();
    options.prefill = prefill;
    let mut written = 0;
    for start in 0..starts {
        let mut world = World::open(&disk, &options, seed ^ start, &history, &durable)
            .unwrap_or_else(|e| panic!("seed {seed}, start {start}: {e:?}"));
        for _ in 0..random.below(steps) {
            let lsn = world.step(&mut random, objects, len_max);
            if let Some(lsn) = lsn.filter(|_| random.below(10) == 0) {
                assert!(world.sync(lsn));
            }
        }
        written += world.log.bytes_written();
        match random.below(2) {
            0 => world.close(),
            _ => world.kill(),
        }
    }
    let world = World::open(&disk, &options, seed, &history, &durable).unwrap();
    // Files with a wanted message, the open one, those that hold only newest States until the next round, and no more.
    let wanted = world.files().len();
    eventually("dead files are retired", || {
        let used = world.log.files_in_use();
        if used <= wanted + 12 { Ok(()) } else { Err(format!("{used} files in use, {wanted} wanted")) }
    });
    world.close();
    written
}

#[test]
fn what_is_found_at_every_start_is_what_the_model_holds() {
    let mut written = 0;
    for seed in 0..times("NARUMQ_MODEL_SEEDS", 6) {
        written += run(seed, 25, 400, 1 + seed % 7, 3000, seed % 2 == 0);
    }
    assert!(written > 200 * (64 << 10), "hundreds of files were filled: {written} bytes");
}

#[test]
fn small_messages_of_many_objects() {
    for seed in 100..100 + times("NARUMQ_MODEL_SEEDS", 3) {
        run(seed, 8, 2500, 60, 60, false);
    }
}

#[test]
fn messages_larger_than_a_chunk_and_than_a_file() {
    for seed in 200..200 + times("NARUMQ_MODEL_SEEDS", 2) {
        run(seed, 10, 120, 3, 40_000, false);
    }
}
