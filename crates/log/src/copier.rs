//! The copier thread: batches of partitions go from memory into segment files, in large writes, off the writer's path.
//!
//! The owner of an object is asked for what is to be copied, and told when it is written and, later, when it is synced:
//! files that grow cost a sync more than a write, so several objects' copies share the wait. Writes are aligned to 4 KiB:
//! the block that the last copy ended in is written again with what it held, the rest of the last block is zeros. Pieces
//! whose place in memory is aligned as their place in the file is are written from where they lie.

mod gather;

use crate::disk::File;
use crate::shared::Shared;
use bytes::Bytes;
use gather::Gather;
use narumq_model::{Lsn, ObjectId};
use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

/// What is to be copied for one object.
#[derive(Clone, Debug, Default)]
pub struct Copy {
    /// The writes, in order.
    pub writes: Vec<CopyWrite>,
    /// Files that were written through the page cache and are to be synced with the rest.
    pub sync: Vec<String>,
    /// How many bytes of them are not synced.
    pub unsynced: u64,
    /// What the owner wants to hear when they are done.
    pub through: u64,
}

/// How a file is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WriteWay {
    /// In whole blocks, past the page cache, and synced before the owner is told so.
    #[default]
    Bulk,
    /// As it is, through the page cache, and never synced: what may be lost. The file is made if it is not there.
    Hint,
}

/// A stretch of a segment file.
#[derive(Clone, Debug)]
pub struct CopyWrite {
    /// The file's name.
    pub name: String,
    /// How it is written.
    pub way: WriteWay,
    /// It is to be made.
    pub create: bool,
    /// Where it begins, in bytes.
    pub offset: u64,
    /// What stands before it in its block: `offset % 4096` bytes.
    pub before: Vec<u8>,
    /// The bytes, in order.
    pub pieces: Vec<Bytes>,
}

/// What the copier thread is asked to do.
pub(crate) enum Task {
    /// This object has something to copy.
    Copy(ObjectId),
    /// These files are not wanted any more, once this LSN is durable.
    Remove(Lsn, Vec<String>),
    /// End.
    Stop,
}

/// Unsynced bytes at which files are synced though more is to be copied.
const UNSYNCED_MAX: u64 = 32 << 20;
/// After so long without a task what was copied is synced: a sync for every copy would cost more than the copies. Files that are
/// not wanted are removed then, or with a sync before.
const PAUSE: Duration = Duration::from_millis(50);
/// Files kept open.
const OPEN_MAX: usize = 64;

/// Serves requests until told to stop; a failed write or sync ends the log.
pub(crate) fn run(shared: &Arc<Shared>, tasks: &Receiver<Task>) {
    let mut copier = Copier {
        shared: shared.clone(),
        buffer: Vec::new(),
        open: VecDeque::new(),
        unsynced: BTreeMap::new(),
        copied: BTreeMap::new(),
        bytes: 0,
        named: false,
        dying: Vec::new(),
    };
    if let Err(error) = copier.serve(tasks) {
        shared.fail(format!("segment files: {error}"));
    }
}

struct Copier {
    shared: Arc<Shared>,
    buffer: Vec<u8>,
    open: VecDeque<(String, Arc<dyn File>)>,
    unsynced: BTreeMap<String, Arc<dyn File>>,
    /// What is written of each object and not yet synced.
    copied: BTreeMap<ObjectId, u64>,
    bytes: u64,
    /// A file was made whose name is not synced.
    named: bool,
    /// Files that are not wanted any more, and what must be durable before they go.
    dying: Vec<(Lsn, Vec<String>)>,
}

impl Copier {
    fn serve(&mut self, tasks: &Receiver<Task>) -> io::Result<()> {
        loop {
            match self.next(tasks) {
                Ok(Task::Copy(_)) if self.shared.terminal().is_some() => return Ok(()),
                Ok(Task::Copy(object)) => self.copy(object)?,
                Ok(Task::Remove(lsn, names)) => {
                    // At once, if it is due: a file of the same name may be made next.
                    self.dying.push((lsn, names));
                    self.remove()?;
                }
                Err(RecvTimeoutError::Timeout) => {
                    self.sync()?;
                    self.remove()?;
                }
                Ok(Task::Stop) if self.shared.terminal().is_none() => return self.sync(),
                Ok(Task::Stop) | Err(RecvTimeoutError::Disconnected) => return Ok(()),
            }
        }
    }

    /// The next task, or that none has come for a while, if there is something to do then.
    fn next(&self, tasks: &Receiver<Task>) -> Result<Task, RecvTimeoutError> {
        match self.dying.is_empty() && self.copied.is_empty() {
            true => tasks.recv().map_err(|_| RecvTimeoutError::Disconnected),
            false => tasks.recv_timeout(PAUSE),
        }
    }

    /// Removes files whose time has come.
    fn remove(&mut self) -> io::Result<()> {
        let synced = self.shared.synced();
        let (due, later) = std::mem::take(&mut self.dying).into_iter().partition(|(lsn, _)| *lsn <= synced);
        self.dying = later;
        let due: Vec<String> = Vec::into_iter(due).flat_map(|(_, names): (Lsn, Vec<String>)| names).collect();
        for name in &due {
            self.open.retain(|(of, _)| of != name);
            self.unsynced.remove(name);
            match self.shared.files.disk.remove(name) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        self.shared.removed(due);
        Ok(())
    }

    fn copy(&mut self, object: ObjectId) -> io::Result<()> {
        let Some(listener) = self.shared.listener.get().cloned() else { return Ok(()) };
        let Some(copy) = listener.copy(object) else { return Ok(()) };
        for write in &copy.writes {
            match write.way {
                WriteWay::Bulk => self.write(write)?,
                // Losing it costs time and nothing else.
                WriteWay::Hint => drop(self.hint(write)),
            }
        }
        self.bytes += copy.unsynced;
        for name in copy.sync {
            let file = self.shared.files.disk.open_cached(&name, false)?;
            self.named = true;
            self.unsynced.insert(name, file);
        }
        listener.copied(object, copy.through, false);
        self.copied.insert(object, copy.through);
        if self.bytes < UNSYNCED_MAX {
            return Ok(());
        }
        self.sync()?;
        self.remove()
    }

    /// Makes all that was copied durable, then tells the owners.
    fn sync(&mut self) -> io::Result<()> {
        if self.copied.is_empty() {
            return Ok(());
        }
        if std::mem::take(&mut self.named) {
            self.shared.files.disk.sync_names()?;
        }
        std::mem::take(&mut self.unsynced).into_values().try_for_each(|file| file.sync())?;
        self.bytes = 0;
        let Some(listener) = self.shared.listener.get().cloned() else { return Ok(()) };
        for (object, through) in std::mem::take(&mut self.copied) {
            listener.copied(object, through, true);
        }
        Ok(())
    }

    fn file(&mut self, write: &CopyWrite) -> io::Result<Arc<dyn File>> {
        let open = || self.open.iter().find(|(name, _)| *name == write.name).map(|(_, file)| file);
        if let Some(file) = self.unsynced.get(&write.name).or_else(open) {
            return Ok(file.clone());
        }
        let file = self.shared.files.disk.open_bulk(&write.name, write.create)?;
        self.named |= write.create;
        if self.open.len() == OPEN_MAX {
            self.open.pop_front();
        }
        self.open.push_back((write.name.clone(), file.clone()));
        Ok(file)
    }

    /// Writes what may be lost. What an earlier file of the name held goes.
    fn hint(&self, write: &CopyWrite) -> io::Result<()> {
        let disk = &self.shared.files.disk;
        let file = match disk.open_cached(&write.name, false) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => disk.open_cached(&write.name, true)?,
            Ok(file) if write.create => {
                file.truncate(0)?;
                file
            }
            other => other?,
        };
        let mut at = write.offset;
        for piece in &write.pieces {
            file.write_at(piece, at)?;
            at += piece.len() as u64;
        }
        Ok(())
    }

    fn write(&mut self, write: &CopyWrite) -> io::Result<()> {
        let file = self.file(write)?;
        let mut gather = Gather::new(file.as_ref(), write.offset - write.before.len() as u64, &mut self.buffer);
        gather.push(&write.before)?;
        write.pieces.iter().try_for_each(|piece| gather.push(piece))?;
        self.bytes += gather.end()? - write.offset;
        self.unsynced.insert(write.name.clone(), file);
        Ok(())
    }
}
