//! A disk whose operations can be made to wait, one kind on one file at a time, or taken away as a kill does.

use narumq_log::disk::Disk;
use narumq_log::disk::watched::WatchedDisk;
use std::io;
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

pub use narumq_log::disk::watched::Operation;

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

    /// Waits until somebody stands at the gate.
    pub fn until_reached(&self) {
        let state = self.state.lock().unwrap();
        let waited = self.changed.wait_timeout_while(state, Duration::from_secs(60), |s| !s.waiting).unwrap();
        assert!(!waited.1.timed_out(), "nobody came to the gate");
    }

    /// A disk behind this gate.
    pub fn before(self: &Arc<Self>, inner: Arc<dyn Disk>) -> Arc<dyn Disk> {
        let gate = self.clone();
        WatchedDisk::new(inner, move |operation, name| gate.pass(operation, name))
    }

    fn pass(&self, operation: Operation, name: &str) -> io::Result<()> {
        if matches!(operation, Operation::Read(_)) {
            return Ok(());
        }
        let mut state = self.state.lock().unwrap();
        while state.closed.as_ref().is_some_and(|(o, n)| *o == operation && n == name) {
            state.waiting = true;
            self.changed.notify_all();
            state = self.changed.wait(state).unwrap();
        }
        if state.killed { Err(io::Error::other("killed")) } else { Ok(()) }
    }
}
