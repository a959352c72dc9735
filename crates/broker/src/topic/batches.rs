//! The batches of a segment's file one after the other, a piece of it at a time.

use crate::dialect::{BatchFacts, Dialect};
use narumq_log::disk::File;
use std::io;
use std::ops::Range;
use std::sync::Arc;

/// Bytes read at once, unless one batch is larger.
const PIECE: usize = 1 << 20;
/// What is no batch's header in so many bytes is none.
pub(super) const HEADER_MAX: usize = 4096;

/// A segment that is being read.
pub(super) struct Batches<'a> {
    dialect: &'a dyn Dialect,
    file: Arc<dyn File>,
    /// What of it is still to be read, in bytes.
    unread: Range<u64>,
    window: Vec<u8>,
    /// Where in the window the next batch begins.
    from: usize,
    /// The offsets that are left.
    offsets: Range<u64>,
}

/// What comes next.
pub(super) enum Next<'a> {
    /// A batch.
    Batch(&'a [u8], BatchFacts),
    /// Nothing.
    End,
    /// What lies there cannot be read, and nothing says where the next batch begins.
    Unreadable,
}

impl<'a> Batches<'a> {
    /// The batches of these offsets in these bytes of a file; a batch begins where they do.
    pub(super) fn new(dialect: &'a dyn Dialect, file: Arc<dyn File>, bytes: Range<u64>, offsets: Range<u64>) -> Self {
        Self { dialect, file, unread: bytes, window: Vec::new(), from: 0, offsets }
    }

    /// Whether the next batch makes a read necessary, probably.
    pub(super) fn is_at_edge(&self) -> bool {
        self.from + HEADER_MAX > self.window.len()
    }

    /// The next batch.
    pub(super) fn next(&mut self) -> io::Result<Next<'_>> {
        loop {
            let rest = &self.window[self.from..];
            let left = self.unread.end.saturating_sub(self.unread.start);
            if rest.is_empty() && left == 0 {
                return Ok(Next::End);
            }
            let need = match self.dialect.batch(rest) {
                Some(facts) if facts.len <= rest.len() => return Ok(self.take(facts)),
                Some(facts) => facts.len,
                None if rest.len() >= HEADER_MAX => return Ok(Next::Unreadable),
                None => HEADER_MAX.min((rest.len() as u64 + left) as usize),
            };
            if left == 0 || (need - rest.len().min(need)) as u64 > left {
                return Ok(Next::Unreadable);
            }
            self.fill(need.max(PIECE))?;
        }
    }

    fn take(&mut self, facts: BatchFacts) -> Next<'_> {
        let end = facts.base.saturating_add(facts.count.into());
        if facts.len == 0 || facts.base < self.offsets.start || end > self.offsets.end {
            return Next::Unreadable;
        }
        self.offsets.start = end;
        let batch = &self.window[self.from..self.from + facts.len];
        self.from += facts.len;
        Next::Batch(batch, facts)
    }

    /// Has `bytes` in the window, or all that there are.
    fn fill(&mut self, bytes: usize) -> io::Result<()> {
        self.window.drain(..self.from);
        self.from = 0;
        let had = self.window.len();
        let left = self.unread.end - self.unread.start;
        let more = (bytes.saturating_sub(had) as u64).min(left) as usize;
        self.window.resize(had + more, 0);
        if self.file.read_at(&mut self.window[had..], self.unread.start)? < more {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the file is shorter than its segment"));
        }
        self.unread.start += more as u64;
        Ok(())
    }
}
