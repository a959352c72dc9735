//! Batches go out: out of memory where they are, out of segments else, never beyond what is durable.

use super::cold::Looked;
use crate::turn::Turn;
use crate::{Broker, PartitionHandle};
use bytes::Bytes;
use narumq_model::{Lsn, SessionId};
use smallvec::SmallVec;

/// What a fetch found.
#[derive(Debug, Default)]
pub struct Fetched {
    /// Batches back to back, in pieces that need not end where batches end. They may begin below the offset that was asked
    /// for: with the batch that holds it.
    pub bytes: SmallVec<[Bytes; 2]>,
    /// Behind the last record that readers see.
    pub high: u64,
    /// The first record that is there.
    pub start: u64,
    /// When this is durable readers see more; `Lsn(0)` if nothing more is there.
    pub pending: Lsn,
    /// What was asked for is being read from the disk: the session is told `Ready`.
    pub reading: bool,
}

impl Fetched {
    /// How many bytes were found.
    pub fn len(&self) -> usize {
        self.bytes.iter().map(Bytes::len).sum()
    }

    /// Whether nothing was found.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }
}

/// Why nothing can be fetched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FetchError {
    /// The topic has been deleted.
    Deleted,
    /// The offset lies outside of what is there. Where readers do not see it yet, it is there.
    OutOfRange {
        /// The first record that is there.
        start: u64,
        /// Behind the last record that readers see.
        high: u64,
    },
    /// The segment that holds it cannot be read.
    Unreadable,
}

impl Broker {
    /// Batches from `offset` on: up to `max` bytes, or one whole batch if that is more and `whole` is asked for. A session that
    /// follows the partition is told of what comes after this.
    pub fn fetch(
        &self,
        partition: &PartitionHandle,
        (offset, max, whole): (u64, u64, bool),
        session: SessionId,
        _turn: &mut Turn,
    ) -> Result<Fetched, FetchError> {
        let partition = &partition.0;
        let mut state = partition.lock();
        if state.deleted {
            return Err(FetchError::Deleted);
        }
        state.looked_at(session);
        let (undurable, high) = state.seen(self.durable());
        let pending = state.tail.batch(undurable).map_or(Lsn(0), |batch| batch.lsn);
        let start = state.start;
        if offset < start || offset > state.end {
            return Err(FetchError::OutOfRange { start, high });
        }
        let mut fetched = Fetched { high, start, pending, ..Fetched::default() };
        if offset >= high {
            return Ok(fetched);
        }
        if state.tail.first().is_some_and(|first| first <= offset) {
            let from = state.tail.find(offset);
            let to = state.tail.fits(from, undurable, max, whole);
            let (begin, end) = (state.tail.pos(from), state.tail.pos(to));
            if begin < end {
                state.tail.bytes(begin, end, &mut fetched.bytes);
            }
            return Ok(fetched);
        }
        match state.look(partition, &self.core, (offset, max, whole), session) {
            Looked::Found(bytes) => fetched.bytes.push(bytes),
            Looked::Reading => fetched.reading = true,
            Looked::Broken => return Err(FetchError::Unreadable),
        }
        Ok(fetched)
    }
}
