//! The machine a result was measured on.

use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::Serialize;

use crate::error::Result;
use crate::outcome::Unit;
use crate::probe;

/// Facts without which figures mean nothing.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Machine {
    /// Processor model.
    cpu: String,
    /// Processors this program may use.
    cores: usize,
    /// Whether the processor says that it is virtual.
    virtual_machine: bool,
    kernel: String,
    memory_bytes: u64,
    /// Device and file system of the data directory.
    disk: String,
    /// Load average over one minute at the start.
    load_average: f64,
    /// A 4 KiB write with an fdatasync into a prefilled file, nothing else running; microseconds.
    disk_p50_us: Option<f64>,
    disk_p99_us: Option<f64>,
    spinner: bool,
    /// UTC.
    pub(crate) date: String,
}

impl Machine {
    /// Looks around.
    pub(crate) fn look(directory: &Path, spinner: bool) -> Machine {
        let cpuinfo = read("/proc/cpuinfo");
        let value = |name: &str| {
            let line = cpuinfo.lines().find(|line| line.split(':').next().is_some_and(|key| key.trim() == name));
            line.and_then(|line| Some(line.split_once(':')?.1.trim().to_owned())).unwrap_or_default()
        };
        let memory = read("/proc/meminfo");
        let kilobytes = memory.split_whitespace().nth(1).and_then(|word| word.parse::<u64>().ok());
        let seconds = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        Machine {
            cpu: value("model name"),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            virtual_machine: value("flags").split(' ').any(|flag| flag == "hypervisor"),
            kernel: read("/proc/sys/kernel/osrelease").trim().to_owned(),
            memory_bytes: kilobytes.unwrap_or(0) * 1024,
            disk: disk(&read("/proc/self/mounts"), directory),
            load_average: read("/proc/loadavg").split(' ').next().and_then(|word| word.parse().ok()).unwrap_or(0.0),
            disk_p50_us: None,
            disk_p99_us: None,
            spinner,
            date: date(seconds),
        }
    }

    /// Tries the disk alone.
    pub(crate) fn try_disk(&mut self, directory: &Path) -> Result<()> {
        let latency = probe::write_and_sync(directory, Duration::from_secs(1))?;
        let microseconds = |fraction| latency.quantile(fraction).map(|nanoseconds| nanoseconds as f64 / 1000.0);
        (self.disk_p50_us, self.disk_p99_us) = (microseconds(0.5), microseconds(0.99));
        Ok(())
    }

    /// The machine in one line.
    pub(crate) fn describe(&self) -> String {
        let kind = if self.virtual_machine { " (virtual)" } else { "" };
        let disk = Unit::Microseconds.show(self.disk_p50_us.unwrap_or_default());
        let spinner = if self.spinner { "a nice-19 spinner beside" } else { "no spinner" };
        format!(
            "{}{kind}, {} cores, {:.0} GiB, Linux {}, {} (4 KiB write + fdatasync p50 {disk}), {spinner}, load average {}, {}",
            self.cpu,
            self.cores,
            self.memory_bytes as f64 / (1u64 << 30) as f64,
            self.kernel,
            self.disk,
            self.load_average,
            self.date
        )
    }
}

/// A file's text; empty if there is none.
fn read(path: &str) -> String {
    fs::read_to_string(path).unwrap_or_default()
}

/// Device and type of the file system that holds a directory.
fn disk(mounts: &str, directory: &Path) -> String {
    let directory = directory.canonicalize().unwrap_or_else(|_| directory.to_owned());
    let fields = mounts.lines().map(|line| line.split(' ').collect::<Vec<_>>());
    let holding = fields.filter(|fields| fields.len() > 2 && directory.starts_with(fields[1]));
    // The last of equally long mount points is the one on top.
    let nearest = holding.max_by_key(|fields| fields[1].len());
    nearest.map_or(String::new(), |fields| format!("{} {}", fields[0], fields[2]))
}

/// Seconds since 1970 as `YYYY-MM-DDThh:mm:ssZ`.
fn date(seconds: u64) -> String {
    let (days, time) = (seconds / 86_400, seconds % 86_400);
    // Counted in years that begin in March, so that the leap day is the last of a year.
    let days = days + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}Z", time / 3600, time / 60 % 60, time % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_right_around_leap_days() {
        for (seconds, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_399, "2000-02-28T23:59:59Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (1_709_251_199, "2024-02-29T23:59:59Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
        ] {
            assert_eq!(date(seconds), text);
        }
    }

    #[test]
    fn the_nearest_mount_holds_the_directory() {
        let mounts = "/dev/a / ext4 rw 0 0\ntmpfs /nowhere tmpfs rw 0 0\n/dev/b /nowhere/deep xfs rw 0 0\n";
        assert_eq!(disk(mounts, Path::new("/nowhere/deep/er")), "/dev/b xfs");
        assert_eq!(disk(mounts, Path::new("/nowhere/deeper")), "tmpfs tmpfs");
        assert_eq!(disk("", Path::new("/nowhere")), "");
    }
}
