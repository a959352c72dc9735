//! What the threads of a log share.

use crate::config::{Listener, Options};
use crate::copier;
use crate::files::Files;
use crate::housekeeper::Task;
use crate::latch::Latch;
use crate::precedence::Precedence;
use crate::reader::Request;
use crate::terminal::Terminal;
use narumq_model::{Epoch, Lsn, ObjectId};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::Sender;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

pub(crate) struct Shared {
    pub(crate) options: Options,
    pub(crate) epoch: Epoch,
    pub(crate) files: Arc<Files>,
    latch: Mutex<Latch>,
    wake: Condvar,
    pub(crate) written: AtomicU64,
    synced: AtomicU64,
    durable: AtomicU64,
    pub(crate) pending: AtomicU64,
    pub(crate) bytes_written: AtomicU64,
    pub(crate) low_on_disk: AtomicBool,
    pub(crate) precedence: Precedence,
    /// The log is being ended: what can wait for the next start does.
    pub(crate) ending: AtomicBool,
    look_at: AtomicU64,
    telling: Mutex<()>,
    terminal: OnceLock<Terminal>,
    pub(crate) listener: OnceLock<Arc<dyn Listener>>,
    pub(crate) reads: Mutex<Option<Sender<Request>>>,
    /// Reads asked for whose answer has not been given yet.
    pub(crate) reading: AtomicU64,
    pub(crate) tasks: Mutex<Option<Sender<Task>>>,
    pub(crate) copies: Mutex<Option<Sender<copier::Task>>>,
    pub(crate) cleans: Mutex<Option<Sender<ObjectId>>>,
}

impl Shared {
    pub(crate) fn new(options: Options, epoch: Epoch, files: Arc<Files>, latch: Latch, durable: Lsn) -> Self {
        Self {
            options,
            epoch,
            files,
            latch: Mutex::new(latch),
            wake: Condvar::new(),
            written: AtomicU64::new(durable.0),
            synced: AtomicU64::new(durable.0),
            durable: AtomicU64::new(durable.0),
            pending: AtomicU64::new(0),
            bytes_written: AtomicU64::new(0),
            low_on_disk: AtomicBool::new(false),
            precedence: Precedence::default(),
            ending: AtomicBool::new(false),
            look_at: AtomicU64::new(0),
            telling: Mutex::new(()),
            terminal: OnceLock::new(),
            listener: OnceLock::new(),
            reads: Mutex::new(None),
            reading: AtomicU64::new(0),
            tasks: Mutex::new(None),
            copies: Mutex::new(None),
            cleans: Mutex::new(None),
        }
    }

    pub(crate) fn latch(&self) -> MutexGuard<'_, Latch> {
        self.latch.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn wait<'a>(&self, latch: MutexGuard<'a, Latch>, at_most: Option<Duration>) -> MutexGuard<'a, Latch> {
        match at_most {
            Some(time) => self.wake.wait_timeout(latch, time).unwrap_or_else(PoisonError::into_inner).0,
            None => self.wake.wait(latch).unwrap_or_else(PoisonError::into_inner),
        }
    }

    /// Wakes the writer thread if it waits.
    pub(crate) fn wake_writer(&self, latch: &mut Latch) {
        if latch.writer_waits {
            latch.writer_waits = false;
            self.wake.notify_one();
        }
    }

    /// What positive answers may speak of.
    pub(crate) fn durable(&self) -> Lsn {
        Lsn(self.durable.load(Ordering::Acquire))
    }

    /// What is on the disk for sure, whatever the durability class.
    pub(crate) fn synced(&self) -> Lsn {
        Lsn(self.synced.load(Ordering::Acquire))
    }

    pub(crate) fn tell_synced(&self, lsn: Lsn) {
        // Sequentially consistent, as in `look_at`: one of the two must see what the other stored.
        self.synced.fetch_max(lsn.0, Ordering::SeqCst);
        self.tell_durable(lsn);
        let look = self.look_at.load(Ordering::SeqCst);
        if look != 0
            && look <= lsn.0
            && self.look_at.compare_exchange(look, 0, Ordering::SeqCst, Ordering::SeqCst).is_ok()
        {
            self.task(Task::Look);
        }
    }

    /// The housekeeper wants to look again once `lsn` is synced; `Lsn(0)` = not at all. Asks for the sync.
    pub(crate) fn look_at(&self, lsn: Lsn) {
        self.look_at.store(lsn.0, Ordering::SeqCst);
        if lsn.0 > self.synced.load(Ordering::SeqCst) {
            let mut latch = self.latch();
            latch.wanted = latch.wanted.max(lsn);
            self.wake_writer(&mut latch);
        } else if lsn > Lsn(0) && self.look_at.swap(0, Ordering::SeqCst) != 0 {
            self.task(Task::Look);
        }
    }

    pub(crate) fn tell_durable(&self, lsn: Lsn) {
        let telling = self.telling();
        if self.terminal().is_none() && self.durable.fetch_max(lsn.0, Ordering::AcqRel) < lsn.0 {
            self.tell(&telling);
        }
    }

    /// Tells the durable LSN, whatever was told last: whoever waits for the log is to look again.
    pub(crate) fn tell_again(&self) {
        let telling = self.telling();
        if self.terminal().is_none() {
            self.tell(&telling);
        }
    }

    /// Several threads tell; what one has told must not be taken back by another, and nothing is durable after the end.
    fn telling(&self) -> MutexGuard<'_, ()> {
        self.telling.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tell(&self, _telling: &MutexGuard<'_, ()>) {
        if let Some(listener) = self.listener.get() {
            listener.durable(self.durable());
        }
    }

    /// The log ends for good: the first reason is the one that is told, and nothing is durable after it.
    pub(crate) fn end(&self, why: Terminal) {
        let _telling = self.telling();
        if self.terminal.set(why).is_ok()
            && let (Some(listener), Some(why)) = (self.listener.get(), self.terminal())
        {
            listener.ended(why);
        }
    }

    pub(crate) fn fail(&self, why: String) {
        self.end(Terminal::Failed(why));
    }

    /// Why the log has ended for good, if it has.
    pub(crate) fn terminal(&self) -> Option<&Terminal> {
        self.terminal.get()
    }

    /// These files have been removed: whoever keeps one of them open keeps its space.
    pub(crate) fn removed(&self, names: Vec<String>) {
        let reads = self.reads.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(reads) = reads.as_ref().filter(|_| !names.is_empty()) {
            let _ = reads.send(Request::Removed(names));
        }
    }

    pub(crate) fn task(&self, task: Task) {
        let tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(tasks) = tasks.as_ref() {
            let _ = tasks.send(task);
        }
    }
}
