//! A disk in memory whose writes wait while its gate is shut: nothing becomes durable behind a test's back.

use narumq_log::disk::Disk;
use narumq_log::disk::memory::MemoryDisk;
use narumq_log::disk::watched::{Operation, WatchedDisk};
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
pub struct GateDisk {
    disk: Arc<WatchedDisk>,
    gate: Arc<Gate>,
}

impl Default for GateDisk {
    /// An empty one, open.
    fn default() -> Self {
        let gate = Arc::<Gate>::default();
        let before = gate.clone();
        let disk = WatchedDisk::new(Arc::new(MemoryDisk::default()), move |operation, name| {
            // What goes into a file without a name is durable in no case.
            if matches!(operation, Operation::Write | Operation::Sync) && !name.is_empty() {
                before.pass();
            }
            Ok(())
        });
        Self { disk, gate }
    }
}

impl GateDisk {
    /// It as the log takes it.
    pub fn disk(&self) -> Arc<dyn Disk> {
        self.disk.clone()
    }

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
