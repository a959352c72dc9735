//! The real disk: a directory of the operating system.
//!
//! Log files are opened with `O_DIRECT | O_DSYNC` where the file system can: one system call writes and syncs, past the
//! page cache. Where it cannot, `pwrite` and `fdatasync` do the same in two.

use super::{Disk, File};
use std::fs;
use std::io::{self, IoSlice};
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

/// How writes become durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WritePath {
    /// `O_DIRECT | O_DSYNC`: each write is durable when it returns.
    Direct,
    /// Through the page cache, durable after `sync`.
    Buffered,
}

/// A directory.
#[derive(Debug)]
pub struct FileDisk {
    root: PathBuf,
    path: WritePath,
}

impl FileDisk {
    /// The directory at `root`, made if absent. `Direct` falls back to `Buffered` where the file system refuses it.
    pub fn open(root: &Path, path: WritePath) -> io::Result<Self> {
        if !root.is_dir() {
            fs::create_dir_all(root)?;
            // The directory itself must be there after a power cut.
            root.ancestors().skip(1).filter(|p| p.is_dir()).try_for_each(|p| fs::File::open(p)?.sync_all())?;
        }
        let disk = Self { root: root.to_owned(), path };
        Ok(if path == WritePath::Direct && !disk.can_direct() {
            Self { path: WritePath::Buffered, ..disk }
        } else {
            disk
        })
    }

    /// The path in use.
    pub fn write_path(&self) -> WritePath {
        self.path
    }

    fn can_direct(&self) -> bool {
        let probe = self.root.join("probe.tmp");
        let opened = fs::OpenOptions::new().write(true).create(true).truncate(true).custom_flags(direct()).open(&probe);
        let _ = fs::remove_file(&probe);
        opened.is_ok()
    }
}

/// `O_DSYNC` of Linux: the data and what is needed to read it back, not every time stamp. The flag of this name in `rustix`
/// is `O_SYNC` there.
const DSYNC: i32 = 0o10000;

/// What reads and writes past the page cache are made of, in bytes.
const BLOCK: usize = 4096;

fn direct() -> i32 {
    rustix::fs::OFlags::DIRECT.bits() as i32 | DSYNC
}

impl Disk for FileDisk {
    fn list(&self) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.root)? {
            names.push(entry?.file_name().to_string_lossy().into_owned());
        }
        Ok(names)
    }

    fn open(&self, name: &str, create: bool) -> io::Result<Arc<dyn File>> {
        let path = self.root.join(name);
        let reads = fs::OpenOptions::new().read(true).write(true).create_new(create).open(&path)?;
        let writes = match self.path {
            WritePath::Buffered => None,
            WritePath::Direct => Some(fs::OpenOptions::new().write(true).custom_flags(direct()).open(&path)?),
        };
        let synced = writes.is_some();
        Ok(Arc::new(OsFile { reads: OnceLock::from(reads), writes, synced }))
    }

    fn open_bulk(&self, name: &str, create: bool) -> io::Result<Arc<dyn File>> {
        let mut options = fs::OpenOptions::new();
        options.read(true).write(true).create_new(create);
        if self.path == WritePath::Buffered {
            return Ok(Arc::new(OsFile::buffered(options.open(self.root.join(name))?)));
        }
        let direct = options.custom_flags(rustix::fs::OFlags::DIRECT.bits() as i32).open(self.root.join(name))?;
        // Through the page cache it is seldom read: it is opened for that when it is.
        Ok(Arc::new(OsFile { reads: OnceLock::new(), writes: Some(direct), synced: false }))
    }

    fn open_cached(&self, name: &str, create: bool) -> io::Result<Arc<dyn File>> {
        let reads = fs::OpenOptions::new().read(true).write(true).create_new(create).open(self.root.join(name))?;
        Ok(Arc::new(OsFile::buffered(reads)))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        fs::rename(self.root.join(from), self.root.join(to))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        fs::remove_file(self.root.join(name))
    }

    fn sync_names(&self) -> io::Result<()> {
        fs::File::open(&self.root)?.sync_all()
    }

    fn free_bytes(&self) -> io::Result<u64> {
        let stat = rustix::fs::statvfs(&self.root)?;
        Ok(stat.f_bavail.saturating_mul(stat.f_frsize))
    }

    fn scratch(&self) -> io::Result<Arc<dyn File>> {
        use rustix::fs::{Mode, OFlags};
        let dir = fs::File::open(&self.root)?;
        let fd = rustix::fs::openat(
            dir.as_fd(),
            ".",
            OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC,
            Mode::RUSR | Mode::WUSR,
        )?;
        Ok(Arc::new(OsFile::buffered(fs::File::from(fd))))
    }
}

#[derive(Debug)]
struct OsFile {
    /// Through the page cache; there if `writes` is not.
    reads: OnceLock<fs::File>,
    writes: Option<fs::File>,
    /// Each write is durable when it returns.
    synced: bool,
}

impl OsFile {
    fn buffered(file: fs::File) -> Self {
        Self { reads: OnceLock::from(file), writes: None, synced: false }
    }

    fn reads(&self) -> io::Result<&fs::File> {
        if let (None, Some(direct)) = (self.reads.get(), &self.writes) {
            // Whatever its name is by now, and whether it has one.
            let same = format!("/proc/self/fd/{}", direct.as_raw_fd());
            let _ = self.reads.set(fs::OpenOptions::new().read(true).write(true).open(same)?);
        }
        self.reads.get().ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn writes(&self) -> io::Result<&fs::File> {
        self.writes.as_ref().map_or_else(|| self.reads(), Ok)
    }
}

impl File for OsFile {
    fn len(&self) -> io::Result<u64> {
        Ok(self.writes()?.metadata()?.len())
    }

    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        let (file, mut done) = (self.reads()?, 0);
        while done < buf.len() {
            match file.read_at(&mut buf[done..], offset + done as u64) {
                Ok(0) => break,
                Ok(n) => done += n,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
        Ok(done)
    }

    fn read_past_cache(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        let Some(direct) = self.writes.as_ref().filter(|_| !self.synced) else { return self.read_at(buf, offset) };
        let mut done = 0;
        while done < buf.len() {
            match direct.read_at(&mut buf[done..], offset + done as u64) {
                // Behind the end nothing is read, and what was read up to there ends anywhere.
                Ok(n) if n == 0 || !n.is_multiple_of(BLOCK) => return Ok(done + n),
                Ok(n) => done += n,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                // Not every file system that writes so reads so.
                Err(e) if e.kind() == io::ErrorKind::InvalidInput => return self.read_at(buf, offset),
                Err(e) => return Err(e),
            }
        }
        Ok(done)
    }

    fn write_at(&self, buf: &[u8], offset: u64) -> io::Result<()> {
        self.writes()?.write_all_at(buf, offset)
    }

    fn write_vectored_at(&self, mut slices: &mut [IoSlice<'_>], mut offset: u64) -> io::Result<()> {
        let file = self.writes()?;
        while !slices.is_empty() {
            match rustix::io::pwritev(file, slices, offset) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(n) => {
                    offset += n as u64;
                    IoSlice::advance_slices(&mut slices, n);
                }
                Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    fn truncate(&self, len: u64) -> io::Result<()> {
        self.writes()?.set_len(len)
    }

    fn sync(&self) -> io::Result<()> {
        if self.synced { Ok(()) } else { self.writes()?.sync_data() }
    }
}
