//! The threads of a log: writer, reader, copier, cleaner and housekeeper are started, and end in order or at once.

use crate::config::Listener;
use crate::entry::{Entry, Kind};
use crate::housekeeper::{Housekeeper, Task};
use crate::opening::Found;
use crate::reader::Request;
use crate::shared::Shared;
use crate::writer::Writer;
use crate::{Log, cleaner, copier, lock, reader};
use narumq_model::{ObjectId, Time};
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, channel};
use std::thread::JoinHandle;

/// The name of the housekeeper thread.
const HOUSEKEEPER: &str = "narumq-keep";
/// The name of the cleaner thread.
const CLEANER: &str = "narumq-clean";

impl Log {
    /// Starts the threads; completions go to `listener`.
    pub fn start(&self, listener: Arc<dyn Listener>) -> io::Result<()> {
        let _ = self.shared.listener.set(listener);
        let (reads, requests) = channel();
        let (tasks, asked) = channel();
        let (copy, copies) = channel();
        let (clean, cleans) = channel();
        *lock(&self.shared.cleans) = Some(clean);
        *lock(&self.shared.copies) = Some(copy);
        *lock(&self.shared.reads) = Some(reads);
        *lock(&self.shared.tasks) = Some(tasks);
        let found = lock(&self.waiting).take();
        let Some(Found { sealed, states, unrounded, .. }) = found else { return Ok(()) };
        let housekeeper = Housekeeper::new(self.shared.clone(), sealed, states, unrounded);
        self.spawn("narumq-log", |shared, ()| Writer::new(shared).run(), ())?;
        self.spawn("narumq-read", |shared, requests: Receiver<Request>| reader::run(&shared, &requests), requests)?;
        self.spawn("narumq-copy", |shared, copies: Receiver<copier::Task>| copier::run(&shared, &copies), copies)?;
        self.spawn(CLEANER, |shared, cleans: Receiver<ObjectId>| cleaner::run(&shared, &cleans), cleans)?;
        self.spawn(
            HOUSEKEEPER,
            |_, (keeper, asked): (Housekeeper, Receiver<Task>)| keeper.run(&asked),
            (housekeeper, asked),
        )
    }

    fn spawn<T: Send + 'static>(&self, name: &str, run: fn(Arc<Shared>, T), with: T) -> io::Result<()> {
        let shared = self.shared.clone();
        let thread = std::thread::Builder::new().name(name.to_owned()).spawn(move || run(shared, with))?;
        lock(&self.threads).push(thread);
        Ok(())
    }

    /// Ends the epoch in order: everything appended becomes durable, then the threads end.
    pub fn close(&self, now: Time) {
        // Nothing may come behind the end, so the housekeeper's rounds and what the cleaner does end first.
        self.end_background();
        if self.terminal().is_none() {
            self.append(&Entry::new(Kind::EpochEnd, ObjectId(0), now));
        }
        self.halt();
    }

    fn end_background(&self) {
        self.shared.ending.store(true, Ordering::Release);
        self.shared.task(Task::Stop);
        lock(&self.shared.cleans).take();
        for name in [HOUSEKEEPER, CLEANER] {
            let thread = {
                let mut threads = lock(&self.threads);
                let at = threads.iter().position(|t| t.thread().name() == Some(name));
                at.map(|at| threads.swap_remove(at))
            };
            Self::join(thread);
        }
    }

    /// Waits for threads to end, the caller's own left out.
    fn join(threads: impl IntoIterator<Item = JoinHandle<()>>) {
        let me = std::thread::current().id();
        threads.into_iter().filter(|t| t.thread().id() != me).for_each(|t| drop(t.join()));
    }

    /// Ends the threads without ending the epoch: as if the process had ended, yet what was appended is written.
    pub fn halt(&self) {
        {
            let mut latch = self.shared.latch();
            latch.stop = true;
            latch.writer_waits = true;
            self.shared.wake_writer(&mut latch);
        }
        self.shared.ending.store(true, Ordering::Release);
        self.shared.task(Task::Stop);
        lock(&self.shared.reads).take();
        lock(&self.shared.cleans).take();
        if let Some(copies) = lock(&self.shared.copies).take() {
            let _ = copies.send(copier::Task::Stop);
        }
        let threads: Vec<_> = lock(&self.threads).drain(..).collect();
        Self::join(threads);
    }
}
