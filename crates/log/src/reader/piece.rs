//! Pieces of files by name: what lies in segments.

use crate::disk::{File, read_exact_at};
use crate::shared::Shared;
use bytes::Bytes;
use narumq_model::ObjectId;
use std::collections::VecDeque;
use std::io;
use std::sync::Arc;

/// A wish for a piece of a file by name.
#[derive(Clone, Debug)]
pub struct PieceRead {
    /// Whose it is.
    pub object: ObjectId,
    /// What the owner calls it by.
    pub tag: u64,
    /// The file's name on the log's disk.
    pub name: String,
    /// Where the piece begins.
    pub offset: u64,
    /// How long it is. [`PieceRead::ALL`]: up to the end of the file, which is a small one.
    pub len: usize,
}

impl PieceRead {
    /// All that is there.
    pub const ALL: usize = usize::MAX;
}

/// Bytes of a file read as a whole, at most.
const SMALL: u64 = 16 << 20;

/// Files whose pieces were read last.
#[derive(Default)]
pub(super) struct OpenFiles(VecDeque<(String, Arc<dyn File>)>);

/// How many of them are kept open.
const OPEN_MAX: usize = 16;

impl OpenFiles {
    /// Reads a piece.
    pub(super) fn read(&mut self, shared: &Shared, read: &PieceRead) -> io::Result<Bytes> {
        if read.len == PieceRead::ALL {
            let file = shared.files.disk.open_cached(&read.name, false)?;
            let len = file.len()?.saturating_sub(read.offset).min(SMALL);
            return read_exact_at(file.as_ref(), len as usize, read.offset).map(Bytes::from);
        }
        let file = self.file(shared, &read.name)?;
        read_exact_at(file.as_ref(), read.len, read.offset).map(Bytes::from)
    }

    /// Closes these files.
    pub(super) fn close(&mut self, names: &[String]) {
        self.0.retain(|(of, _)| !names.contains(of));
    }

    fn file(&mut self, shared: &Shared, name: &str) -> io::Result<Arc<dyn File>> {
        if let Some((_, file)) = self.0.iter().find(|(of, _)| of == name) {
            return Ok(file.clone());
        }
        let file = shared.files.disk.open_bulk(name, false)?;
        self.0.truncate(OPEN_MAX - 1);
        self.0.push_front((name.to_owned(), file.clone()));
        Ok(file)
    }
}
