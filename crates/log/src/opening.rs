//! What opening a log tells: to whom its content is told, how it ended, why it does not open.

use crate::entry::head::Head;
use crate::files::FileUse;
use crate::index::{FileIndex, Run};
use crate::states::States;
use crate::varint;
use narumq_model::{Epoch, Lsn, ObjectId, Time};
use std::fmt;
use std::io;
use std::sync::Arc;

/// Who is told what the log holds. States come first (lowest object id first), then runs, then entries in order.
pub trait Recover {
    /// A part of an object's newest State below the entries that follow (`head.entry.part`), or, behind all parts that it
    /// lists, its root (part 0). Such heads come among the entries too.
    fn state(&mut self, lsn: Lsn, head: &Head<'_>);
    /// An object's messages in a file whose entries do not follow: where they lie, not whether they live.
    fn run(&mut self, object: ObjectId, file: &Arc<FileUse>, run: &Run);
    /// An entry. One that an object's State already covers tells only where a message lies.
    fn entry(&mut self, file: &Arc<FileUse>, lsn: Lsn, head: &Head<'_>);
}

/// Why a log does not open.
#[derive(Debug)]
pub enum OpenError {
    /// The disk refuses.
    Io(io::Error),
    /// Something that had been committed is damaged. Nothing has been changed.
    Damaged {
        /// The file's name.
        file: String,
        /// Where in the file, in bytes.
        offset: u64,
        /// What is wrong.
        what: String,
    },
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => error.fmt(f),
            Self::Damaged { file, offset, what } => write!(f, "log file {file} is damaged at byte {offset}: {what}"),
        }
    }
}

impl std::error::Error for OpenError {}

impl From<io::Error> for OpenError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// Where and how the log was found to end.
#[derive(Clone, Copy, Debug)]
pub struct Ended {
    /// The last entry.
    pub lsn: Lsn,
    /// The epoch that wrote it.
    pub epoch: Epoch,
    /// Whether it had been closed in order.
    pub clean: bool,
    /// The latest broker time that an entry carries.
    pub time: Time,
    pub(crate) file: u64,
    pub(crate) generation: u64,
    pub(crate) offset: u64,
}

pub(crate) struct Found {
    pub(crate) ended: Ended,
    pub(crate) sealed: Vec<Arc<FileUse>>,
    pub(crate) states: States,
    /// Files behind the last round, to be covered by the first one.
    pub(crate) unrounded: Vec<(Arc<FileUse>, Arc<FileIndex>)>,
    pub(crate) next_file: u64,
}

/// The data of an `EpochStart`.
pub(crate) struct EpochStart {
    pub(crate) epoch: Epoch,
    pub(crate) file: u64,
    pub(crate) generation: u64,
    pub(crate) end_offset: u64,
    pub(crate) end_lsn: Lsn,
    pub(crate) clean: bool,
}

impl EpochStart {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        let fields = [self.epoch.0, self.file, self.generation, self.end_offset, self.end_lsn.0, u64::from(self.clean)];
        fields.iter().for_each(|n| varint::put(&mut out, *n));
        out
    }

    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        let mut at = 0;
        let mut next = || varint::get(bytes, &mut at);
        Some(Self {
            epoch: Epoch(next()?),
            file: next()?,
            generation: next()?,
            end_offset: next()?,
            end_lsn: Lsn(next()?),
            clean: next()? == 1,
        })
    }
}
