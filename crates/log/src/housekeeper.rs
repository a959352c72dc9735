//! The housekeeper thread: rounds of States after each sealed file, retiring dead files, prefilling the next one.
//!
//! A *round* for a sealed file: every object changed in it writes its State into the log, under its own lock, then
//! `RoundDone{file}` is appended. Once that is durable, recovery never reads a head of that file again, and States that
//! the round replaced are dead. A file is dead when it is sealed, its round is durable, and neither a wanted message nor
//! a newest State lies in it.

use crate::config::Listener;
use crate::entry::{Entry, Kind};
use crate::files::{FileUse, SPARES_KEPT};
use crate::index::FileIndex;
use crate::shared::Shared;
use crate::varint;
use narumq_model::{Lsn, ObjectId, Time};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

/// What the housekeeper is asked to do.
pub(crate) enum Task {
    /// This file was sealed.
    Sealed(Arc<FileUse>, Arc<FileIndex>),
    /// Something may be dead: the last message of a sealed file went, or a round became durable.
    Look,
    /// A spare should be there.
    Prefill,
    /// End.
    Stop,
}

pub(crate) struct Housekeeper {
    shared: Arc<Shared>,
    /// Where each object's newest State lies, as far as rounds are done.
    newest: HashMap<ObjectId, Arc<FileUse>>,
    /// Rounds whose `RoundDone` waits to become durable: its LSN, the file, and the States it brought.
    rounds: Vec<Round>,
    sealed: BTreeMap<u64, Arc<FileUse>>,
    /// Dead files, and the LSN that must be durable before they are retired.
    dying: Vec<(Lsn, Arc<FileUse>)>,
    /// Bytes of States carried forward by this process.
    carried: u64,
}

struct Round {
    done: Lsn,
    file: Arc<FileUse>,
    states: Vec<(ObjectId, Arc<FileUse>)>,
    /// Objects that were asked and wrote none: they are gone, and so are their earlier States.
    gone: Vec<ObjectId>,
}

impl Housekeeper {
    /// `sealed` are the files found at the start, `newest` where each object's newest State lies.
    pub(crate) fn new(shared: Arc<Shared>, sealed: Vec<Arc<FileUse>>, newest: HashMap<ObjectId, Arc<FileUse>>) -> Self {
        let sealed = sealed.into_iter().map(|f| (f.number(), f)).collect();
        Self { shared, newest, rounds: Vec::new(), sealed, dying: Vec::new(), carried: 0 }
    }

    pub(crate) fn run(mut self, tasks: &Receiver<Task>) {
        // What the last process left dead is retired at once: a process that is always short-lived must not pile up files.
        let mut result = self.look();
        loop {
            if let Err(error) = result {
                self.shared.fail(&format!("log files: {error}"));
                return;
            }
            self.watch_space();
            let Some(task) = self.next(tasks) else { return };
            result = match task {
                Task::Stop => return,
                Task::Sealed(file, index) => {
                    self.sealed.insert(file.number(), file.clone());
                    let objects = index.objects().map(|(object, _)| object).collect();
                    self.round(&file, &objects);
                    self.look().and_then(|()| self.prefill())
                }
                Task::Look => self.look(),
                Task::Prefill => self.prefill(),
            };
        }
    }

    /// The next task; while the disk is short of space, a look at it every second.
    fn next(&self, tasks: &Receiver<Task>) -> Option<Task> {
        if !self.shared.low_on_disk.load(Ordering::Acquire) {
            return tasks.recv().ok();
        }
        match tasks.recv_timeout(Duration::from_secs(1)) {
            Ok(task) => Some(task),
            Err(RecvTimeoutError::Timeout) => Some(Task::Look),
            Err(RecvTimeoutError::Disconnected) => None,
        }
    }

    /// Has every object changed in `file`, and some whose State keeps an otherwise dead file alive, write its State.
    fn round(&mut self, file: &Arc<FileUse>, objects: &BTreeSet<ObjectId>) {
        let Some(listener) = self.shared.listener.get().cloned() else { return };
        objects.iter().for_each(|object| listener.checkpoint(*object));
        let mut asked = self.carry(listener.as_ref(), objects);
        asked.extend(objects);
        let mut data = Vec::new();
        varint::put(&mut data, file.number());
        let entry = Entry::new(Kind::RoundDone, ObjectId(0), Time(0)).with_data(&data);
        let mut latch = self.shared.latch();
        if latch.stop {
            // The log is ending without order: some State may be missing, so the round is not done.
            return;
        }
        latch.reserve(entry.size_bound(), 0);
        let done = latch.push(&entry, 0);
        let states = std::mem::take(&mut latch.states);
        latch.wanted = latch.wanted.max(done);
        self.shared.wake_writer(&mut latch);
        drop(latch);
        let wrote: HashSet<ObjectId> = states.iter().map(|(object, _)| *object).collect();
        asked.retain(|object| !wrote.contains(object) && self.newest.contains_key(object));
        self.rounds.push(Round { done, file: file.clone(), states, gone: asked });
    }

    /// Carries States forward out of files that hold nothing else that is wanted, the oldest first. What is carried is
    /// paid for by four times its bytes of changes, so that a log that nobody writes to comes to rest.
    /// Returns the objects asked.
    fn carry(&mut self, listener: &dyn Listener, done: &BTreeSet<ObjectId>) -> Vec<ObjectId> {
        let idle = |f: &FileUse| f.live() <= 0 && f.round_done.load(Ordering::Acquire) != 0;
        let mut idle: Vec<_> = self
            .newest
            .iter()
            .filter(|(object, file)| idle(file) && !done.contains(object))
            .map(|(object, file)| (file.number(), *object))
            .collect();
        idle.sort_unstable();
        let mut before = self.shared.latch().state_bytes;
        let mut asked = Vec::new();
        for (_, object) in idle {
            if self.carried.saturating_mul(4) > self.shared.latch().change_bytes {
                break;
            }
            asked.push(object);
            listener.checkpoint(object);
            let after = self.shared.latch().state_bytes;
            self.carried += after - before;
            before = after;
        }
        asked
    }

    /// Ends rounds that have become durable and retires dead files.
    fn look(&mut self) -> std::io::Result<()> {
        let durable = self.shared.synced();
        let (ended, waiting): (Vec<Round>, _) =
            std::mem::take(&mut self.rounds).into_iter().partition(|r| r.done <= durable);
        self.rounds = waiting;
        for round in ended {
            self.sealed.range(..=round.file.number()).for_each(|(_, f)| {
                let _ = f.round_done.compare_exchange(0, round.done.0, Ordering::AcqRel, Ordering::Acquire);
            });
            for (object, file) in round.states {
                if let Some(old) = self.newest.insert(object, file) {
                    old.states.fetch_sub(1, Ordering::AcqRel);
                }
            }
            for object in round.gone {
                if let Some(old) = self.newest.remove(&object) {
                    old.states.fetch_sub(1, Ordering::AcqRel);
                }
            }
        }
        let last = Lsn(self.shared.latch().next_lsn.0 - 1);
        let dead: Vec<_> = self.sealed.values().filter(|f| is_dead(f)).cloned().collect();
        for file in dead {
            self.sealed.remove(&file.number());
            self.dying.push((last, file));
        }
        // What emptied a file must itself be durable before the file may be written over.
        for (since, file) in std::mem::take(&mut self.dying) {
            if since <= durable {
                self.shared.files.retire(&file, self.shared.options.file_bytes)?;
            } else {
                self.dying.push((since, file));
            }
        }
        let next = self.dying.iter().map(|(lsn, _)| *lsn).chain(self.rounds.iter().map(|r| r.done)).min();
        self.shared.look_at(next.unwrap_or_default());
        Ok(())
    }

    fn prefill(&self) -> std::io::Result<()> {
        let options = &self.shared.options;
        if !options.prefill || self.shared.files.spares() >= 1.min(SPARES_KEPT) {
            return Ok(());
        }
        if self.shared.files.disk.free_bytes()? < options.file_bytes + options.disk_reserve {
            return Ok(());
        }
        self.shared.files.prefill(options.file_bytes, &|| self.shared.ending.load(Ordering::Acquire))
    }

    fn watch_space(&self) {
        if let Ok(free) = self.shared.files.disk.free_bytes() {
            let low = free < self.shared.options.disk_reserve;
            if self.shared.low_on_disk.swap(low, Ordering::AcqRel) != low {
                // Whoever waits for the disk looks at its space too.
                self.shared.tell_again();
            }
        }
    }
}

fn is_dead(file: &FileUse) -> bool {
    file.sealed.load(Ordering::Acquire)
        && file.round_done.load(Ordering::Acquire) != 0
        && file.live() <= 0
        && file.states.load(Ordering::Acquire) <= 0
}
