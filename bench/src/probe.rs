//! The disk alone: writes of 4 KiB, each with an fdatasync, into a file filled with zeros before.

use std::fs::File;
use std::io::Write;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::error::{Error, Result};
use crate::histogram::Histogram;

/// Octets of one write.
const BLOCK: usize = 4096;

/// Creates and syncs a file of `size` zero bytes. It has no name any more when this returns, so
/// that nothing is left of it once it is closed, however the process ends.
pub(crate) fn prefilled(directory: &Path, name: &str, size: usize) -> Result<File> {
    let path = directory.join(format!("narumq-bench-{name}-{}", std::process::id()));
    let what = format!("cannot prepare {}", path.display());
    let mut file = File::create(&path).map_err(|error| Error::io(&what, error))?;
    std::fs::remove_file(&path).map_err(|error| Error::io(&what, error))?;
    // Page by page: where the page cache keeps a large write as one large unit, each later
    // small write into it would put the whole unit on the disk again.
    let zeros = [0; BLOCK];
    let mut left = size;
    while left > 0 {
        let piece = left.min(zeros.len());
        file.write_all(&zeros[..piece]).map_err(|error| Error::io(&what, error))?;
        left -= piece;
    }
    file.sync_all().map_err(|error| Error::io(&what, error))?;
    Ok(file)
}

/// How long one write and fdatasync takes (nanoseconds), tried for `time`.
pub(crate) fn write_and_sync(directory: &Path, time: Duration) -> Result<Histogram> {
    const BLOCKS: u64 = 2048;
    let file = prefilled(directory, "probe", BLOCKS as usize * BLOCK)?;
    let mut latency = Histogram::new();
    let block = [b'.'; BLOCK];
    let begun = Instant::now();
    let mut number = 0;
    while begun.elapsed() < time {
        let start = Instant::now();
        file.write_all_at(&block, number % BLOCKS * BLOCK as u64)?;
        file.sync_data()?;
        latency.record(start.elapsed().as_nanos() as u64);
        number += 1;
    }
    Ok(latency)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_probe_leaves_no_file_behind() {
        let directory = std::env::temp_dir().join(format!("narumq-bench-probe-test-{}", std::process::id()));
        std::fs::create_dir_all(&directory).unwrap();
        let latency = write_and_sync(&directory, Duration::from_millis(30)).unwrap();
        assert!(latency.count() >= 1 && latency.max() > 0);
        assert_eq!(std::fs::read_dir(&directory).unwrap().count(), 0);
        std::fs::remove_dir(&directory).unwrap();
        assert!(write_and_sync(&directory, Duration::ZERO).is_err(), "there is no such directory");
    }
}
