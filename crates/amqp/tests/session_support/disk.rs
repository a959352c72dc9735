//! A disk in memory whose writes wait while its gate is shut: nothing becomes durable behind a test's back.

use narumq_log::disk::memory::MemoryDisk;
use narumq_log::disk::{Disk, File};
use std::io;
use std::sync::{Arc, Condvar, Mutex};

#[derive(Default)]
struct Gate {
    shut: Mutex<bool>,
    turned: Condvar,
}

impl Gate {
    fn pass(&self) {
        let shut = self.shut.lock().unwrap();
        drop(self.turned.wait_while(shut, |shut| *shut).unwrap());
    }
}

/// The disk.
#[derive(Default)]
pub struct GateDisk {
    inner: MemoryDisk,
    gate: Arc<Gate>,
}

impl GateDisk {
    /// From now on writes wait.
    pub fn shut(&self) {
        *self.gate.shut.lock().unwrap() = true;
    }

    /// They go on.
    pub fn open_up(&self) {
        *self.gate.shut.lock().unwrap() = false;
        self.gate.turned.notify_all();
    }
}

impl Drop for GateDisk {
    fn drop(&mut self) {
        self.open_up();
    }
}

impl Disk for GateDisk {
    fn list(&self) -> io::Result<Vec<String>> {
        self.inner.list()
    }

    fn open(&self, name: &str, create: bool) -> io::Result<Arc<dyn File>> {
        Ok(Arc::new(GateFile { inner: self.inner.open(name, create)?, gate: self.gate.clone() }))
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
        self.inner.scratch()
    }
}

struct GateFile {
    inner: Arc<dyn File>,
    gate: Arc<Gate>,
}

impl File for GateFile {
    fn len(&self) -> io::Result<u64> {
        self.inner.len()
    }

    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        self.inner.read_at(buf, offset)
    }

    fn write_at(&self, buf: &[u8], offset: u64) -> io::Result<()> {
        self.gate.pass();
        self.inner.write_at(buf, offset)
    }

    fn sync(&self) -> io::Result<()> {
        self.gate.pass();
        self.inner.sync()
    }
}
