//! A disk whose reads can be held up.

use narumq_log::disk::{Disk, File};
use std::io;
use std::sync::{Arc, Condvar, Mutex};
use std::thread::{ThreadId, current};

/// Whether reads wait, and whose do not.
type Closed = Arc<(Mutex<(bool, Option<ThreadId>)>, Condvar)>;

/// A disk behind a gate: while it is closed, reads wait.
pub struct Gate {
    inner: Arc<dyn Disk>,
    closed: Closed,
}

impl Gate {
    /// An open gate before `inner`.
    pub fn new(inner: Arc<dyn Disk>) -> Arc<Self> {
        Arc::new(Self { inner, closed: Arc::default() })
    }

    /// From now on reads wait.
    pub fn close(&self) {
        *self.closed.0.lock().expect("no panic") = (true, None);
    }

    /// From now on reads of other threads wait.
    pub fn close_to_others(&self) {
        *self.closed.0.lock().expect("no panic") = (true, Some(current().id()));
    }

    /// Reads go on.
    pub fn open(&self) {
        *self.closed.0.lock().expect("no panic") = (false, None);
        self.closed.1.notify_all();
    }

    fn guard(&self, file: Arc<dyn File>) -> Arc<dyn File> {
        Arc::new(Guarded { inner: file, closed: self.closed.clone() })
    }
}

impl Disk for Gate {
    fn list(&self) -> io::Result<Vec<String>> {
        self.inner.list()
    }
    fn open(&self, name: &str, create: bool) -> io::Result<Arc<dyn File>> {
        Ok(self.guard(self.inner.open(name, create)?))
    }
    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.inner.rename(from, to)
    }
    fn remove(&self, name: &str) -> io::Result<()> {
        self.inner.remove(name)
    }
    fn sync_names(&self) -> io::Result<()> {
        self.inner.sync_names()
    }
    fn free_bytes(&self) -> io::Result<u64> {
        self.inner.free_bytes()
    }
    fn scratch(&self) -> io::Result<Arc<dyn File>> {
        Ok(self.guard(self.inner.scratch()?))
    }
}

struct Guarded {
    inner: Arc<dyn File>,
    closed: Closed,
}

impl File for Guarded {
    fn len(&self) -> io::Result<u64> {
        self.inner.len()
    }
    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        let closed = self.closed.0.lock().expect("no panic");
        let waits = |closed: &mut (bool, Option<ThreadId>)| closed.0 && closed.1 != Some(current().id());
        drop(self.closed.1.wait_while(closed, waits).expect("no panic"));
        self.inner.read_at(buf, offset)
    }
    fn write_at(&self, buf: &[u8], offset: u64) -> io::Result<()> {
        self.inner.write_at(buf, offset)
    }
    fn sync(&self) -> io::Result<()> {
        self.inner.sync()
    }
}
