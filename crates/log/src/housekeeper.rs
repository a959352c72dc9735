//! The housekeeper thread: seals full files, retires dead ones, prefills the next, has rounds made and files emptied.
//!
//! A file is dead when it is sealed, its round is durable, and neither a wanted message nor a newest State lies in it.

mod clean;
mod round;

use crate::files::FileUse;
use crate::index::FileIndex;
use crate::shared::Shared;
use crate::states::States;
use crate::survivor::Survivor;
use crate::writer::write_footer;
use clean::{Cleaning, Occasion};
use narumq_model::{Lsn, ObjectId};
use round::Round;
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError, TryRecvError};
use std::time::Duration;

/// What the housekeeper is asked to do.
pub(crate) enum Task {
    /// This file is full, and synced: its chunks end here.
    Full(Arc<FileUse>, Arc<FileIndex>, u64),
    /// Something may be dead: the last message of a sealed file went, or a round became durable.
    Look,
    /// The open file is half full: a spare should be there.
    Prefill,
    /// Time has passed: files that looked worth emptying are looked at again.
    Tick,
    /// Nothing else is to be done: the next file is emptied.
    Empty,
    /// End.
    Stop,
}

pub(crate) struct Housekeeper {
    shared: Arc<Shared>,
    /// Where each object's newest State lies, as far as rounds are done.
    states: States,
    /// The round whose `RoundDone` waits to become durable.
    running: Option<Round>,
    /// Sealed files that no round covers yet, with what changed in them.
    unrounded: BTreeMap<u64, BTreeSet<ObjectId>>,
    sealed: BTreeMap<u64, Arc<FileUse>>,
    /// Dead files, and the LSN that must be durable before they are retired.
    dying: Vec<(Lsn, Arc<FileUse>)>,
    /// Bytes of States carried forward by this process.
    carried: u64,
    /// Bytes of States in the last round, and of all other entries when it began.
    last_round: (u64, u64),
    cleaning: Cleaning,
    survivor: Option<Survivor>,
}

impl Housekeeper {
    /// `sealed` are the files found at the start, `states` where each object's newest State lies, `unrounded` what no
    /// round covers.
    pub(crate) fn new(
        shared: Arc<Shared>,
        sealed: Vec<Arc<FileUse>>,
        states: States,
        unrounded: Vec<(Arc<FileUse>, Arc<FileIndex>)>,
    ) -> Self {
        let sealed = sealed.into_iter().map(|f| (f.number(), f)).collect();
        let unrounded = unrounded.into_iter().map(|(f, index)| (f.number(), changed(&index))).collect();
        Self {
            shared,
            states,
            running: None,
            unrounded,
            sealed,
            dying: Vec::new(),
            carried: 0,
            last_round: (0, 0),
            cleaning: Cleaning::default(),
            survivor: None,
        }
    }

    pub(crate) fn run(mut self, tasks: &Receiver<Task>) {
        // What the last process left dead is retired at once: a process that is always short-lived must not pile up files.
        let mut result = self.look();
        self.begin_round();
        self.observe(Occasion::Settled);
        loop {
            if let Err(error) = result {
                self.shared.fail(format!("log files: {error}"));
                return;
            }
            if let Err(error) = self.watch_space() {
                self.shared.fail(format!("log files: {error}"));
                return;
            }
            let Some(task) = self.next(tasks).filter(|_| self.shared.terminal().is_none()) else { return };
            result = match task {
                Task::Stop => return,
                Task::Full(file, index, offset) => self.take(file, &index, offset),
                Task::Look => self.look(),
                Task::Prefill => self.prefill(),
                Task::Tick => {
                    self.observe(Occasion::Settled);
                    self.look()
                }
                Task::Empty => self.empty_next().and_then(|()| self.look()),
            };
        }
    }

    fn take(&mut self, file: Arc<FileUse>, index: &Arc<FileIndex>, offset: u64) -> io::Result<()> {
        self.seal(&file, index, offset)?;
        self.unrounded.insert(file.number(), changed(index));
        self.sealed.insert(file.number(), file);
        self.begin_round();
        self.observe(Occasion::Sealed);
        self.look()
    }

    /// Writes footer and trailer of a full file. A start that finds none walks the file.
    fn seal(&self, used: &Arc<FileUse>, index: &Arc<FileIndex>, offset: u64) -> io::Result<()> {
        let shared = &self.shared;
        let file = shared.files.get(used.number()).ok_or_else(|| io::Error::other("a full file is not there"))?;
        let written = write_footer(&file, index, offset, shared.epoch, shared.options.writer)?;
        shared.bytes_written.fetch_add(written, Ordering::Relaxed);
        used.sealed.store(true, Ordering::Release);
        shared.files.keep_index(used.number(), index.clone());
        shared.latch().left.retain(|(file, _)| file.number() != used.number());
        Ok(())
    }

    /// The next task. While the disk is short of space time passes in seconds.
    fn next(&self, tasks: &Receiver<Task>) -> Option<Task> {
        if self.cleaning.is_due() {
            return match tasks.try_recv() {
                Ok(task) => Some(task),
                Err(TryRecvError::Empty) => Some(Task::Empty),
                Err(TryRecvError::Disconnected) => None,
            };
        }
        let low = self.shared.low_on_disk.load(Ordering::Acquire);
        if !low && !self.cleaning.has_seen() {
            return tasks.recv().ok();
        }
        let settle = Duration::from_millis(self.shared.options.settle_ms);
        match tasks.recv_timeout(if low { settle.min(Duration::from_secs(1)) } else { settle }) {
            Ok(task) => Some(task),
            Err(RecvTimeoutError::Timeout) => Some(Task::Tick),
            Err(RecvTimeoutError::Disconnected) => None,
        }
    }

    /// Ends rounds that have become durable and retires dead files.
    fn look(&mut self) -> io::Result<()> {
        let durable = self.shared.synced();
        if let Some(round) = self.running.take_if(|round| round.done <= durable) {
            self.end_round(round);
            self.begin_round();
        }
        self.empty_planned(durable)?;
        if let Some(emptied) = self.survivor.take_if(|survivor| survivor.file.used.live() <= 0) {
            self.sealed.insert(emptied.file.used.number(), emptied.file.used);
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
                self.shared.files.retire(&file)?;
            } else {
                self.dying.push((since, file));
            }
        }
        let waits = self.running.as_ref().map(|round| round.done).into_iter().chain(self.cleaning.waits_for());
        let next = self.dying.iter().map(|(lsn, _)| *lsn).chain(waits).min();
        self.shared.look_at(next.unwrap_or_default());
        Ok(())
    }

    /// Fills a file with zeros for when the open one is full, unless a dead one can be reused.
    fn prefill(&self) -> io::Result<()> {
        let files = &self.shared.files;
        if !self.shared.options.prefill || files.spares() > 0 {
            return Ok(());
        }
        let size = files.new_size();
        if files.disk.free_bytes()? < size + self.reserve() {
            return Ok(());
        }
        files.prefill(size, &|| self.shared.ending.load(Ordering::Acquire))
    }

    /// Free bytes below which publishers wait: room for two files, a survivor, what partitions may have to copy, and the
    /// States of a round, or more if a setting says so.
    fn reserve(&self) -> u64 {
        let options = &self.shared.options;
        if options.disk_reserve == 0 { 0 } else { options.disk_reserve.max(4 * options.file_bytes + self.last_round.0) }
    }

    fn watch_space(&self) -> io::Result<()> {
        if let Ok(free) = self.shared.files.disk.free_bytes() {
            let low = free < self.reserve();
            if low {
                self.shared.files.drop_spares()?;
            }
            if self.shared.low_on_disk.swap(low, Ordering::AcqRel) != low {
                // Whoever waits for the disk looks at its space too.
                self.shared.tell_again();
            }
        }
        Ok(())
    }
}

fn is_dead(file: &FileUse) -> bool {
    file.sealed.load(Ordering::Acquire)
        && file.round_done.load(Ordering::Acquire) != 0
        && file.live() <= 0
        && file.states.load(Ordering::Acquire) <= 0
}

/// The objects that changed in a file.
fn changed(index: &FileIndex) -> BTreeSet<ObjectId> {
    index.objects().map(|(object, _)| object).collect()
}
