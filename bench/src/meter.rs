//! What a server spends on a load: CPU, memory and bytes written from one moment to another.

use std::time::{Duration, Instant};

use crate::procfs;

/// By how much the tick count may exceed the scheduler's before threads must have ended between
/// (each of four tick counts is rounded).
const TICK_ERROR: u64 = 40_000;

/// A server process being watched.
pub(crate) struct Meter {
    pid: u32,
    family: Vec<u32>,
    resets: bool,
    start: Reading,
    since_birth: bool,
    /// Resident at the start, bytes.
    pub(crate) resident_before: u64,
    peak: u64,
}

#[derive(Clone, Copy)]
struct Reading {
    ticks: u64,
    scheduler: Option<u64>,
    written: Option<u64>,
    read: Option<u64>,
}

/// What was spent.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Spent {
    /// CPU of the process and its descendants, microseconds.
    pub(crate) cpu: u64,
    /// Bytes it caused to be written to storage; `None` if that may not be seen.
    pub(crate) written: Option<u64>,
    /// Bytes it caused to be read from storage; `None` if that may not be seen.
    pub(crate) read: Option<u64>,
    /// Most memory resident meanwhile, bytes.
    pub(crate) resident_peak: u64,
    /// Resident at the end, bytes.
    pub(crate) resident_after: u64,
}

/// What a server may do that has nothing to do.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Calm {
    /// Less than so much of a core.
    pub(crate) cpu_share: f64,
    /// At most so many bytes written in a quarter of a second.
    pub(crate) written: u64,
}

/// Less than 2 % of a core, and no write.
pub(crate) const REST: Calm = Calm { cpu_share: 0.02, written: 0 };

impl Meter {
    /// Begins to watch; `None` if there is no such process.
    pub(crate) fn start(pid: u32) -> Option<Meter> {
        let family = procfs::family(pid);
        let resets = procfs::reset_peak(pid);
        let resident_before = procfs::resident(pid)?;
        let start = Reading::of(&family)?;
        Some(Meter { pid, start, family, resets, since_birth: false, resident_before, peak: resident_before })
    }

    /// Bills every byte the process ever wrote, also what it prepared before the load came.
    pub(crate) fn since_birth(mut self) -> Meter {
        self.since_birth = true;
        self.restart();
        self
    }

    /// Counts CPU and bytes from now on, not from the start.
    pub(crate) fn restart(&mut self) {
        self.start = Reading::of(&self.family).unwrap_or(self.start);
        if self.since_birth {
            self.start.written = self.start.written.map(|_| 0);
        }
    }

    /// Looks at the memory now: where the kernel's own peak cannot be reset, the peak is the
    /// largest of these looks. Returns the resident bytes.
    pub(crate) fn look(&mut self) -> u64 {
        let resident = procfs::resident(self.pid).unwrap_or(0);
        self.peak = self.peak.max(resident);
        resident
    }

    /// What was spent until now.
    pub(crate) fn spent(&mut self) -> Spent {
        let resident_after = self.look();
        let end = Reading::of(&self.family).unwrap_or(self.start);
        let kernel_peak = if self.resets { procfs::resident_peak(self.pid) } else { None };
        Spent {
            cpu: cpu_between(self.start, end),
            written: self.start.written.zip(end.written).map(|(start, end)| end.saturating_sub(start)),
            read: self.start.read.zip(end.read).map(|(start, end)| end.saturating_sub(start)),
            resident_peak: kernel_peak.unwrap_or(0).max(self.peak),
            resident_after,
        }
    }

    /// Waits until the server's work has ended: for one second less than 2 % of a core and no
    /// write. Returns whether that came within a minute.
    pub(crate) fn settle(&mut self) -> bool {
        self.settle_as(REST)
    }

    /// Waits until for one second the server was as calm as that. Returns whether that came within a minute.
    pub(crate) fn settle_as(&mut self, calm: Calm) -> bool {
        const STEP: Duration = Duration::from_millis(250);
        let cpu_most = (STEP.as_micros() as f64 * calm.cpu_share) as u64;
        let begun = Instant::now();
        let mut quiet = 0;
        let mut before = self.spent();
        while begun.elapsed() < Duration::from_secs(60) {
            std::thread::sleep(STEP);
            let now = self.spent();
            let written = now.written.zip(before.written).map_or(0, |(now, before)| now.saturating_sub(before));
            let is_calm = now.cpu.saturating_sub(before.cpu) < cpu_most && written <= calm.written;
            quiet = if is_calm { quiet + 1 } else { 0 };
            if quiet == 4 {
                return true;
            }
            before = now;
        }
        false
    }
}

impl Reading {
    fn of(family: &[u32]) -> Option<Reading> {
        let sum = |read: fn(u32) -> Option<u64>| family.iter().filter_map(|&pid| read(pid)).reduce(|a, b| a + b);
        Some(Reading {
            ticks: sum(procfs::cpu_by_ticks)?,
            scheduler: sum(procfs::cpu_by_scheduler),
            written: sum(procfs::written),
            read: sum(procfs::read),
        })
    }
}

/// The scheduler's count, unless threads that it forgot ended meanwhile.
fn cpu_between(start: Reading, end: Reading) -> u64 {
    let ticks = end.ticks.saturating_sub(start.ticks);
    match start.scheduler.zip(end.scheduler) {
        Some((start, end)) if end >= start && ticks <= end - start + TICK_ERROR => end - start,
        _ => ticks,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reading(ticks: u64, scheduler: Option<u64>) -> Reading {
        Reading { ticks, scheduler, written: None, read: None }
    }

    #[test]
    fn the_finer_count_wins_unless_it_forgot_a_thread() {
        assert_eq!(cpu_between(reading(0, Some(500)), reading(30_000, Some(12_345))), 11_845);
        assert_eq!(cpu_between(reading(0, Some(500)), reading(900_000, Some(12_345))), 900_000);
        assert_eq!(cpu_between(reading(0, Some(5_000_000)), reading(70_000, Some(12_345))), 70_000);
        assert_eq!(cpu_between(reading(10_000, None), reading(70_000, Some(3))), 60_000);
    }

    #[test]
    fn own_work_and_memory_are_seen() {
        let mut meter = Meter::start(std::process::id()).unwrap();
        let block = vec![1u8; 40 << 20];
        while meter.spent().cpu < 30_000 {
            std::hint::black_box(block.iter().map(|&octet| u64::from(octet)).sum::<u64>());
        }
        let spent = meter.spent();
        assert!(spent.resident_peak >= 40 << 20 && spent.resident_peak >= spent.resident_after);
        assert_eq!(std::hint::black_box(&block).len(), 40 << 20);
        assert!(Meter::start(u32::MAX).is_none());
    }
}
