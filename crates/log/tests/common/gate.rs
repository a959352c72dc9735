//! A disk whose operations can be made to wait, one kind on one file at a time, or taken away as a kill does.

use narumq_log::disk::{Disk, File};
use std::io;
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    Create,
    Write,
    Sync,
}

#[derive(Debug, Default)]
struct State {
    closed: Option<(Operation, String)>,
    waiting: bool,
    killed: bool,
}

/// A gate in front of one kind of operation on one file.
#[derive(Debug, Default)]
pub struct Gate {
    state: Mutex<State>,
    changed: Condvar,
}

impl Gate {
    /// From now on this operation on this file waits; whoever waited before goes on.
    pub fn close(&self, operation: Operation, name: &str) {
        let closed = Some((operation, name.to_owned()));
        *self.state.lock().unwrap() = State { closed, ..State::default() };
        self.changed.notify_all();
    }

    pub fn open(&self) {
        *self.state.lock().unwrap() = State::default();
        self.changed.notify_all();
    }

    /// The process is dead as far as the disk can tell: what was written stays, nothing is changed any more.
    pub fn kill(&self) {
        *self.state.lock().unwrap() = State { killed: true, ..State::default() };
        self.changed.notify_all();
    }

    fn alive(&self) -> io::Result<()> {
        if self.state.lock().unwrap().killed { Err(io::Error::other("killed")) } else { Ok(()) }
    }

    /// Waits until somebody stands at the gate.
    pub fn until_reached(&self) {
        let state = self.state.lock().unwrap();
        let waited = self.changed.wait_timeout_while(state, Duration::from_secs(60), |s| !s.waiting).unwrap();
        assert!(!waited.1.timed_out(), "nobody came to the gate");
    }

    fn pass(&self, operation: Operation, name: &str) -> io::Result<()> {
        let mut state = self.state.lock().unwrap();
        while state.closed.as_ref().is_some_and(|(o, n)| *o == operation && n == name) {
            state.waiting = true;
            self.changed.notify_all();
            state = self.changed.wait(state).unwrap();
        }
        drop(state);
        self.alive()
    }
}

/// A disk behind a gate.
pub struct GatedDisk {
    pub inner: Arc<dyn Disk>,
    pub gate: Arc<Gate>,
}

impl Disk for GatedDisk {
    fn list(&self) -> io::Result<Vec<String>> {
        self.inner.list()
    }
    fn open(&self, name: &str, create: bool) -> io::Result<Arc<dyn File>> {
        if create {
            self.gate.pass(Operation::Create, name)?;
        }
        let file = self.inner.open(name, create)?;
        Ok(Arc::new(GatedFile { inner: file, name: name.to_owned(), gate: self.gate.clone() }))
    }
    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.gate.alive()?;
        self.inner.rename(from, to)
    }
    fn remove(&self, name: &str) -> io::Result<()> {
        self.gate.alive()?;
        self.inner.remove(name)
    }
    fn sync_names(&self) -> io::Result<()> {
        self.gate.alive()?;
        self.inner.sync_names()
    }
    fn free_bytes(&self) -> io::Result<u64> {
        self.inner.free_bytes()
    }
    fn scratch(&self) -> io::Result<Arc<dyn File>> {
        self.inner.scratch()
    }
}

struct GatedFile {
    inner: Arc<dyn File>,
    name: String,
    gate: Arc<Gate>,
}

impl File for GatedFile {
    fn len(&self) -> io::Result<u64> {
        self.inner.len()
    }
    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        self.inner.read_at(buf, offset)
    }
    fn write_at(&self, buf: &[u8], offset: u64) -> io::Result<()> {
        self.gate.pass(Operation::Write, &self.name)?;
        self.inner.write_at(buf, offset)
    }
    fn sync(&self) -> io::Result<()> {
        self.gate.pass(Operation::Sync, &self.name)?;
        self.inner.sync()
    }
}
