//! Pieces of files by name: what lies in segments.
//!
//! What was written past the page cache is read past it: into buffers that come back when the last slice of a piece has been let
//! go of, so that a reader that goes through all of a topic costs neither copies nor fresh memory, and takes nobody's pages.
//! `sendfile` would need the pages brought in and dropped again, for the same bytes on the way to the socket.

use crate::disk::{File, read_exact_at};
use crate::shared::Shared;
use bytes::Bytes;
use narumq_model::ObjectId;
use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

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
    /// It was written through the page cache, and is likely to be there.
    pub cached: bool,
}

impl PieceRead {
    /// All that is there.
    pub const ALL: usize = usize::MAX;
}

/// Bytes of a file read as a whole, at most.
const SMALL: u64 = 16 << 20;

/// What is read past the page cache begins and ends at multiples of this, in files and in memory.
const BLOCK: usize = 4096;
/// Pieces shorter than this are not worth a buffer, in bytes.
const SHORT: usize = 256 << 10;
/// Longest buffer that is kept, and how many are.
const BUFFER_MAX: usize = (1 << 20) + 2 * BLOCK;
const BUFFERS_MAX: usize = 16;

/// Bytes read at once while the log is written to.
const STEP: usize = 256 << 10;

/// Buffers that nobody uses.
type Buffers = Arc<Mutex<Vec<Vec<u8>>>>;

/// A buffer that goes back to where it came from.
struct Buffer {
    bytes: Vec<u8>,
    home: Buffers,
}

impl AsRef<[u8]> for Buffer {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        let mut home = self.home.lock().unwrap_or_else(PoisonError::into_inner);
        if self.bytes.len() <= BUFFER_MAX && home.len() < BUFFERS_MAX {
            home.push(std::mem::take(&mut self.bytes));
        }
    }
}

/// Files whose pieces were read last.
#[derive(Default)]
pub(super) struct OpenFiles {
    files: VecDeque<(String, Arc<dyn File>)>,
    buffers: Buffers,
    /// Turns of the log's writer as of the last step.
    turns: u64,
}

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
        if read.cached || read.len < SHORT {
            return read_exact_at(file.as_ref(), read.len, read.offset).map(Bytes::from);
        }
        let (skip, whole) = (read.offset as usize % BLOCK, BLOCK as u64);
        let len = (skip + read.len).next_multiple_of(BLOCK);
        let mut buffer = self.buffer(len + BLOCK);
        let begin = buffer.bytes.as_ptr().addr().wrapping_neg() % BLOCK;
        let got =
            self.read_steps(shared, file.as_ref(), &mut buffer.bytes[begin..begin + len], read.offset / whole * whole)?;
        if got < skip + read.len {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "file is shorter than its index says"));
        }
        Ok(Bytes::from_owner(buffer).slice(begin + skip..begin + skip + read.len))
    }

    /// Reads while nothing is written: in small steps if there was something since the last one, so that what comes next waits for
    /// little.
    fn read_steps(&mut self, shared: &Shared, file: &dyn File, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        let mut done = 0;
        while done < buf.len() {
            let turns = shared.precedence.give_way();
            let quiet = std::mem::replace(&mut self.turns, turns) == turns;
            let end = if quiet { buf.len() } else { buf.len().min(done + STEP) };
            let got = file.read_past_cache(&mut buf[done..end], offset + done as u64)?;
            done += got;
            if done < end {
                break;
            }
        }
        Ok(done)
    }

    /// A buffer of at least this length.
    fn buffer(&self, len: usize) -> Buffer {
        let mut home = self.buffers.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = if len <= BUFFER_MAX { home.pop() } else { None };
        drop(home);
        let fresh = || vec![0; if len <= BUFFER_MAX { BUFFER_MAX } else { len }];
        Buffer { bytes: kept.unwrap_or_else(fresh), home: self.buffers.clone() }
    }

    /// Closes these files.
    pub(super) fn close(&mut self, names: &[String]) {
        self.files.retain(|(of, _)| !names.contains(of));
    }

    fn file(&mut self, shared: &Shared, name: &str) -> io::Result<Arc<dyn File>> {
        if let Some((_, file)) = self.files.iter().find(|(of, _)| of == name) {
            return Ok(file.clone());
        }
        let file = shared.files.disk.open_bulk(name, false)?;
        self.files.truncate(OPEN_MAX - 1);
        self.files.push_front((name.to_owned(), file.clone()));
        Ok(file)
    }
}
