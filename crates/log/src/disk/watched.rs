//! A disk before another that tells each operation before it is done: it may be held up, counted, or refused.

use super::{Disk, File};
use std::io;
use std::sync::Arc;

/// What is about to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// A file is made.
    Create,
    /// So many bytes of a file are read.
    Read(usize),
    /// A file is written to.
    Write,
    /// A file is cut off.
    Truncate,
    /// A file is synced.
    Sync,
    /// A file gets another name.
    Rename,
    /// A file is removed.
    Remove,
    /// The names are synced.
    SyncNames,
}

/// Is told an operation and the name of its file, which is empty where it has none; an error takes its place.
type Watch = dyn Fn(Operation, &str) -> io::Result<()> + Send + Sync;

/// The disk.
pub struct WatchedDisk {
    inner: Arc<dyn Disk>,
    watch: Arc<Watch>,
}

struct WatchedFile {
    inner: Arc<dyn File>,
    name: String,
    watch: Arc<Watch>,
}

impl WatchedDisk {
    /// Each operation is told to `watch`, then done by `inner`.
    pub fn new(
        inner: Arc<dyn Disk>,
        watch: impl Fn(Operation, &str) -> io::Result<()> + Send + Sync + 'static,
    ) -> Arc<Self> {
        Arc::new(Self { inner, watch: Arc::new(watch) })
    }

    fn open_as(
        &self,
        (name, create): (&str, bool),
        open: impl FnOnce(&dyn Disk) -> io::Result<Arc<dyn File>>,
    ) -> io::Result<Arc<dyn File>> {
        if create {
            (self.watch)(Operation::Create, name)?;
        }
        let (inner, name, watch) = (open(self.inner.as_ref())?, name.to_owned(), self.watch.clone());
        Ok(Arc::new(WatchedFile { inner, name, watch }))
    }
}

impl Disk for WatchedDisk {
    fn list(&self) -> io::Result<Vec<String>> {
        self.inner.list()
    }

    fn open(&self, name: &str, create: bool) -> io::Result<Arc<dyn File>> {
        self.open_as((name, create), |inner| inner.open(name, create))
    }

    fn open_bulk(&self, name: &str, create: bool) -> io::Result<Arc<dyn File>> {
        self.open_as((name, create), |inner| inner.open_bulk(name, create))
    }

    fn open_cached(&self, name: &str, create: bool) -> io::Result<Arc<dyn File>> {
        self.open_as((name, create), |inner| inner.open_cached(name, create))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        (self.watch)(Operation::Rename, from)?;
        self.inner.rename(from, to)
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        (self.watch)(Operation::Remove, name)?;
        self.inner.remove(name)
    }

    fn sync_names(&self) -> io::Result<()> {
        (self.watch)(Operation::SyncNames, "")?;
        self.inner.sync_names()
    }

    fn free_bytes(&self) -> io::Result<u64> {
        self.inner.free_bytes()
    }

    fn scratch(&self) -> io::Result<Arc<dyn File>> {
        self.open_as(("", false), |inner| inner.scratch())
    }
}

impl File for WatchedFile {
    fn len(&self) -> io::Result<u64> {
        self.inner.len()
    }

    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        (self.watch)(Operation::Read(buf.len()), &self.name)?;
        self.inner.read_at(buf, offset)
    }

    fn read_past_cache(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        (self.watch)(Operation::Read(buf.len()), &self.name)?;
        self.inner.read_past_cache(buf, offset)
    }

    fn write_at(&self, buf: &[u8], offset: u64) -> io::Result<()> {
        (self.watch)(Operation::Write, &self.name)?;
        self.inner.write_at(buf, offset)
    }

    fn truncate(&self, len: u64) -> io::Result<()> {
        (self.watch)(Operation::Truncate, &self.name)?;
        self.inner.truncate(len)
    }

    fn sync(&self) -> io::Result<()> {
        (self.watch)(Operation::Sync, &self.name)?;
        self.inner.sync()
    }
}
