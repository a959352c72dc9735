//! A disk whose reads can be held up.

use narumq_log::disk::Disk;
use narumq_log::disk::watched::{Operation, WatchedDisk};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::{ThreadId, current};

/// Whether reads wait, and whose do not.
type Closed = (Mutex<(bool, Option<ThreadId>)>, Condvar);

/// A gate before a disk: while it is closed, reads wait.
pub struct Gate {
    disk: Arc<WatchedDisk>,
    closed: Arc<Closed>,
}

impl Gate {
    /// An open gate before `inner`.
    pub fn new(inner: Arc<dyn Disk>) -> Self {
        let closed = Arc::<Closed>::default();
        let gate = closed.clone();
        let disk = WatchedDisk::new(inner, move |operation, _| {
            if matches!(operation, Operation::Read(_)) {
                let closed = gate.0.lock().expect("no panic");
                let waits = |closed: &mut (bool, Option<ThreadId>)| closed.0 && closed.1 != Some(current().id());
                drop(gate.1.wait_while(closed, waits).expect("no panic"));
            }
            Ok(())
        });
        Self { disk, closed }
    }

    /// The disk behind it.
    pub fn disk(&self) -> Arc<dyn Disk> {
        self.disk.clone()
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
}
