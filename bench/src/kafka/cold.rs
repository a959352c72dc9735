//! Makes a broker's data cold: what is in the page cache of its files goes.

use std::fs::{self, File};
use std::path::Path;

use rustix::fs::{Advice, fadvise};

use super::broker::Broker;
use crate::error::{Error, Result};

/// Puts all of the broker's files on the disk and drops them from the page cache. Where it is not known which they are,
/// the whole page cache is dropped, if that is permitted.
pub(crate) fn forget(broker: &Broker) -> Result<()> {
    let Some(data) = &broker.data else {
        rustix::fs::sync();
        return fs::write("/proc/sys/vm/drop_caches", "1").map_err(|error| {
            Error::io("where the broker keeps its data was not told, and the page cache cannot be dropped", error)
        });
    };
    let what = |error| Error::io(data.display(), error);
    if forget_below(data, 0).map_err(what)? == 0 {
        return Err(Error::new(format!("there is no file below {}", data.display())));
    }
    Ok(())
}

/// How many files it was.
fn forget_below(directory: &Path, depth: usize) -> std::io::Result<usize> {
    const DEPTH: usize = 16;
    let mut files = 0;
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let kind = entry.file_type()?;
        if kind.is_dir() && depth < DEPTH {
            files += forget_below(&entry.path(), depth + 1)?;
        } else if kind.is_file() {
            // A file that goes while it is looked at has nothing left to forget.
            let Ok(file) = File::open(entry.path()) else { continue };
            // Only what is on the disk can be dropped.
            file.sync_data()?;
            fadvise(&file, 0, None, Advice::DontNeed)?;
            files += 1;
        }
    }
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::io::{ReadWriteFlags, preadv2};
    use std::io::IoSliceMut;

    /// Whether the file's octets are in memory: a read that is not to wait gets them.
    fn is_in_memory(path: &Path) -> bool {
        let file = File::open(path).unwrap();
        let mut octets = [0; 4096];
        preadv2(&file, &mut [IoSliceMut::new(&mut octets)], 0, ReadWriteFlags::NOWAIT).is_ok()
    }

    #[test]
    fn what_is_forgotten_is_read_from_the_disk_again() {
        const TMPFS: u64 = 0x0102_1994;
        let directory = std::env::temp_dir().join(format!("narumq-bench-cold-test-{}", std::process::id()));
        let path = directory.join("a/b/segment");
        fs::create_dir_all(directory.join("a/b")).unwrap();
        fs::write(&path, vec![1; 1 << 20]).unwrap();
        assert!(is_in_memory(&path));
        assert_eq!(forget_below(&directory, 0).unwrap(), 1);
        // What lies in memory alone cannot be dropped.
        let on_disk = rustix::fs::statfs(&path).unwrap().f_type as u64 != TMPFS;
        assert_eq!(is_in_memory(&path), !on_disk);
        fs::remove_dir_all(&directory).unwrap();
        assert!(forget_below(&directory, 0).is_err());
    }
}
