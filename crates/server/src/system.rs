//! What the machine gives: clocks, randomness, cores, memory, and the limit of open files.

use narumq_model::Time;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustix::rand::{GetRandomFlags, getrandom};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// The monotonic clock.
#[allow(clippy::disallowed_methods, reason = "the one place that reads the monotonic clock")]
pub(crate) fn instant() -> Instant {
    Instant::now()
}

/// The wall clock, in milliseconds since the Unix epoch.
#[allow(clippy::disallowed_methods, reason = "the one place that reads the wall clock")]
pub(crate) fn wall_clock() -> Time {
    Time(SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64))
}

/// 128 bits that no one can guess.
pub(crate) fn seed() -> u128 {
    let mut bytes = [0u8; 16];
    // 16 bytes come whole once the pool is filled, which it is long before a broker starts.
    let filled = getrandom(&mut bytes, GetRandomFlags::empty());
    assert_eq!(filled, Ok(bytes.len()), "the system has no randomness");
    u128::from_ne_bytes(bytes)
}

/// Threads that serve connections unless told otherwise: one core is left to the log and the system.
pub(crate) fn workers() -> u16 {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    cores.saturating_sub(1).clamp(1, 64) as u16
}

/// The memory that this process may use, in bytes: the machine's, or less where its control group says so.
pub(crate) fn memory_bytes() -> u64 {
    let info = rustix::system::sysinfo();
    let machine = info.totalram.saturating_mul(u64::from(info.mem_unit));
    ["/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"]
        .iter()
        .filter_map(|file| std::fs::read_to_string(file).ok()?.trim().parse().ok())
        .fold(machine, u64::min)
}

/// Raises the soft limit of open files to the hard one. Returns what it is now, if there is a limit.
pub(crate) fn raise_open_files() -> Option<u64> {
    let limit = getrlimit(Resource::Nofile);
    if limit.current == limit.maximum {
        return limit.current;
    }
    // Where it is refused, the lower limit stands: fewer connections, no wrong ones.
    match setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum }) {
        Ok(()) => limit.maximum,
        Err(_) => limit.current,
    }
}

/// File descriptors this process has open.
pub(crate) fn open_files() -> Option<u64> {
    Some(std::fs::read_dir("/proc/self/fd").ok()?.count() as u64)
}

/// File descriptors this process may have open.
pub(crate) fn open_files_max() -> Option<u64> {
    getrlimit(Resource::Nofile).current
}

/// Memory that this process has resident, in bytes.
pub(crate) fn resident_bytes() -> Option<u64> {
    let statm = std::fs::read_to_string("/proc/self/statm").ok()?;
    let pages: u64 = statm.split_whitespace().nth(1)?.parse().ok()?;
    Some(pages * rustix::param::page_size() as u64)
}

/// Space left where `path` lies, in bytes.
pub(crate) fn free_bytes(path: &std::path::Path) -> Option<u64> {
    let stat = rustix::fs::statvfs(path).ok()?;
    Some(stat.f_bavail.saturating_mul(stat.f_frsize))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seeds_differ_and_the_machine_has_something_to_give() {
        assert_ne!(seed(), seed());
        assert!((1..=64).contains(&workers()));
        assert!(memory_bytes() > 1 << 20);
        assert!(wall_clock() > Time(1_700_000_000_000));
        raise_open_files();
        let limit = getrlimit(Resource::Nofile);
        assert_eq!(limit.current, limit.maximum);
    }
}
