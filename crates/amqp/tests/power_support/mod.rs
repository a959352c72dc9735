//! What the test of power cuts is made of: a broker on a disk that fails, clients, the account of what they were told.
//!
//! ```text
//! script ──commands──► driver ──bytes──► site (sessions, broker, log) ──► faulty disk
//!              │          │ ◄──bytes of the outboxes──┘                        │ power cut
//!            model ──► ledger: effects in order, how many of them are answered │
//!                         └──────── judge ◄── found ◄── inspector ◄── site ◄───┘
//! ```

pub mod deletions;
pub mod driver;
pub mod inspector;
pub mod ledger;
pub mod lives;
pub mod model;
pub mod script;
pub mod site;
pub mod universe;
pub mod wire;

use narumq_log::Options;
use std::sync::atomic::{AtomicU64, Ordering};

/// What workloads are to come to, and how often they did.
#[derive(Clone, Copy, Debug)]
pub enum Reached {
    DiedOfAge,
    ReturnedTooOften,
    PushedOut,
    Refused,
    LeftWithItsConsumer,
    BoundToAnExchange,
    RejectedInATransaction,
    CopiedOutOfAFile,
}

static REACHED: [AtomicU64; 8] = [const { AtomicU64::new(0) }; 8];

impl Reached {
    pub const ALL: [Self; 8] = [
        Self::DiedOfAge,
        Self::ReturnedTooOften,
        Self::PushedOut,
        Self::Refused,
        Self::LeftWithItsConsumer,
        Self::BoundToAnExchange,
        Self::RejectedInATransaction,
        Self::CopiedOutOfAFile,
    ];

    /// It happened.
    pub fn note(self) {
        REACHED[self as usize].fetch_add(1, Ordering::Relaxed);
    }

    pub fn times(self) -> u64 {
        REACHED[self as usize].load(Ordering::Relaxed)
    }
}

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

    /// True once in `n` times.
    pub fn once_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }

    /// One of these.
    pub fn pick<T: Copy>(&mut self, all: &[T]) -> Option<T> {
        (!all.is_empty()).then(|| all[self.below(all.len() as u64) as usize])
    }
}

/// Small files, so that sealing, rounds and reuse happen all the time; the rest varies with the workload.
pub fn options(workload: u64) -> Options {
    Options {
        file_bytes: 64 << 10,
        first_file_bytes: 64 << 10,
        chunk_bytes: if workload % 3 == 1 { 40 << 10 } else { 8 << 10 },
        idle_sync_ms: if workload % 2 == 1 { 1 } else { 20 },
        prefill: workload % 5 == 4,
        disk_reserve: 0,
        settle_ms: if workload.is_multiple_of(2) { 1 } else { 10_000 },
        ..Options::default()
    }
}

/// How often something is tried: `default`, or as the variable says.
pub fn times(variable: &str, default: u64) -> u64 {
    std::env::var(variable).ok().and_then(|n| n.parse().ok()).unwrap_or(default)
}
