//! What every log must do, on every disk: one battery, run in memory, on a disk that can fail, and on real files.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod battery;
mod common;

use battery::battery;
use narumq_log::disk::faulty::{FaultyDisk, Plan};
use narumq_log::disk::file::{FileDisk, WritePath};
use narumq_log::disk::memory::MemoryDisk;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

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
