//! What the log's tests share: a seeded generator, a listener that can be waited for, and a world of objects.
#![allow(dead_code, reason = "each test program uses its part")]

pub mod again;
pub mod ear;
pub mod gate;
pub mod history;
pub mod parts;
pub mod restore;
pub mod world;

use narumq_log::disk::Disk;
use narumq_log::{Given, Options};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// A small seeded generator (splitmix64).
#[derive(Clone, Debug)]
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `n`.
    pub fn below(&mut self, n: u64) -> u64 {
        self.next() % n
    }
}

/// What a log on this disk is given. No two starts draw the same generations, as with real randomness.
pub fn given(disk: &Arc<dyn Disk>, seed: u64) -> Given {
    static STARTS: AtomicU64 = AtomicU64::new(0);
    let mut random = Random(seed ^ STARTS.fetch_add(1, Ordering::Relaxed).wrapping_mul(0x5851_f42d_4c95_7f2d));
    Given { disk: disk.clone(), random: Box::new(move || random.next()) }
}

/// Small files, so that sealing, rounds and reuse happen all the time.
pub fn small() -> Options {
    Options {
        file_bytes: 64 << 10,
        first_file_bytes: 64 << 10,
        chunk_bytes: 8 << 10,
        idle_sync_ms: 5,
        prefill: false,
        disk_reserve: 0,
        settle_ms: 20,
        ..Options::default()
    }
}

/// How often something is tried: `default`, or as the variable says.
pub fn times(variable: &str, default: u64) -> u64 {
    std::env::var(variable).ok().and_then(|n| n.parse().ok()).unwrap_or(default)
}

/// All files of a disk with their bytes.
pub fn contents(disk: &dyn Disk) -> Vec<(String, Vec<u8>)> {
    let mut names = disk.list().unwrap();
    names.sort();
    let read = |name: &String| {
        let file = disk.open(name, false).unwrap();
        let mut bytes = vec![0; file.len().unwrap() as usize];
        file.read_at(&mut bytes, 0).unwrap();
        (name.clone(), bytes)
    };
    names.iter().map(read).collect()
}

/// Waits for something that nobody tells.
pub fn eventually(what: &str, mut holds: impl FnMut() -> Result<(), String>) {
    let mut last = Ok(());
    for _ in 0..20_000 {
        last = holds();
        if last.is_ok() {
            return;
        }
        std::thread::park_timeout(std::time::Duration::from_millis(1));
    }
    panic!("{what}: {last:?}");
}
