//! A reader takes what it has room for, one lane after the other.

use super::{Lane, Next, Stream};
use crate::dialect::RecordPlace;
use crate::topic::{FetchError, Lookup};
use crate::turn::Turn;
use crate::{Broker, PartitionHandle};
use bytes::Bytes;
use narumq_model::{Lsn, Message, SessionId};

/// Bytes that a lane fetches at a time; one batch may be larger.
const FETCH_BYTES: u64 = 128 << 10;
/// What one batch may inflate to, in bytes.
const INFLATED_MAX: usize = 256 << 20;

/// How far a reader came.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StreamProgress {
    /// When this is durable more can be read; `Lsn(0)` if nothing waits for the disk.
    pub pending: Lsn,
    /// The topic has been deleted.
    pub deleted: bool,
}

/// What a lane found to hand over.
enum Found {
    Records,
    Nothing,
    Deleted,
}

impl Broker {
    /// Hands over messages while `each` says that there is room for more, with their offsets.
    pub fn read_stream(
        &self,
        stream: &mut Stream,
        turn: &mut Turn,
        each: &mut dyn FnMut(u64, Message) -> bool,
    ) -> StreamProgress {
        let mut progress = StreamProgress::default();
        let mut idle = 0;
        while idle < stream.lanes.len() {
            let Stream { topic, session, dialect, partitions, lanes, at, builder } = stream;
            let count = lanes.len();
            let lane = &mut lanes[*at % count];
            match self.fill(lane, *session, turn, &mut progress.pending) {
                Found::Deleted => return StreamProgress { deleted: true, ..progress },
                Found::Nothing => idle += 1,
                Found::Records => idle = 0,
            }
            let definition = topic.definition();
            while let Some((offset, record)) = lane.records.front() {
                let (offset, topic) = (*offset, &*definition.name);
                let place = RecordPlace { topic, partition: lane.number, offset, partitions: *partitions };
                let message = dialect.write(record, Some(place), builder);
                lane.records.pop_front();
                if !each(offset, message) {
                    return progress;
                }
            }
            *at = (*at + 1) % count;
        }
        progress
    }

    /// Sees that a lane has records to hand over, if there are any to be had now.
    fn fill(&self, lane: &mut Lane, session: SessionId, turn: &mut Turn, pending: &mut Lsn) -> Found {
        while lane.records.is_empty() {
            if let Some(batch) = lane.batches.pop_front() {
                self.expand(lane, &batch);
                continue;
            }
            match lane.next {
                Next::Time(time, from) => match self.offset_at(&lane.partition, (time, from), session) {
                    Ok(Lookup::Batch { base, .. }) => lane.next = Next::Offset(base.max(from)),
                    Ok(Lookup::None) => {
                        lane.next = Next::Offset(self.offsets(&lane.partition).map_or(from, |offsets| offsets.high));
                    }
                    Ok(Lookup::Reading) => return Found::Nothing,
                    Err(FetchError::Deleted) => return Found::Deleted,
                    // What cannot be searched is read.
                    Err(_) => lane.next = Next::Offset(from),
                },
                Next::Offset(offset) | Next::Batch(offset) => {
                    if !self.is_readable(&lane.partition, offset, session, pending) {
                        return Found::Nothing;
                    }
                    if let Err(found) = self.fetch_into(lane, offset, session, turn) {
                        return found;
                    }
                }
            }
        }
        Found::Records
    }

    /// Fetches what a lane reads next, or has it go on elsewhere. Refuses with what it found if neither can be done now.
    fn fetch_into(&self, lane: &mut Lane, offset: u64, session: SessionId, turn: &mut Turn) -> Result<(), Found> {
        let fetched = self.fetch(&lane.partition, (offset, FETCH_BYTES, true), session, turn);
        match fetched {
            Ok(fetched) if fetched.reading => return Err(Found::Nothing),
            Ok(fetched) => {
                fetched.bytes.into_iter().for_each(|bytes| divide(lane, bytes));
                if !lane.batches.is_empty() {
                    lane.failed = None;
                    return Ok(());
                }
            }
            Err(FetchError::Deleted) => return Err(Found::Deleted),
            Err(FetchError::OutOfRange { start, .. }) if start > offset => {
                // It has been trimmed away below the reader.
                lane.next = Next::Offset(start);
                return Ok(());
            }
            Err(FetchError::OutOfRange { .. }) => return Err(Found::Nothing),
            // The disk may give it the second time.
            Err(FetchError::Unreadable) if lane.failed.replace(offset) != Some(offset) => return Ok(()),
            Err(FetchError::Unreadable) => {}
        }
        let next = self.pass_unreadable(&lane.partition, offset, session).ok_or(Found::Nothing)?;
        lane.next = Next::Offset(next);
        Ok(())
    }

    /// Whether readers see this offset. If not, the session is told when something is appended, or waits for what is.
    fn is_readable(&self, partition: &PartitionHandle, offset: u64, session: SessionId, pending: &mut Lsn) -> bool {
        let mut state = partition.0.lock();
        let (undurable, high) = state.seen(self.durable());
        if state.deleted || offset < high {
            return true;
        }
        if let Some(batch) = state.tail_batch(undurable) {
            *pending = (*pending).max(batch);
        }
        state.watch(session);
        false
    }

    fn expand(&self, lane: &mut Lane, batch: &Bytes) {
        let dialect = lane.partition.0.dialect.clone();
        let Some(facts) = dialect.batch(batch) else { return };
        let behind = facts.base + u64::from(facts.count);
        let floor = match lane.next {
            Next::Offset(offset) => offset,
            Next::Batch(_) | Next::Time(..) => 0,
        };
        let (records, not_before) = (&mut lane.records, &mut lane.not_before);
        let mut each = |offset: u64, record: narumq_model::Record| {
            if not_before.is_some_and(|time| record.time.is_some_and(|at| at < time)) || offset < floor {
                return;
            }
            *not_before = None;
            records.push_back((offset, record));
        };
        let whole = dialect.is_whole(batch);
        let read = if whole { dialect.expand(batch, INFLATED_MAX, &mut each) } else { Ok(()) };
        let why = match read {
            Err(broken) => Some(broken.0),
            Ok(()) if !whole => Some("its checksum is wrong".to_owned()),
            Ok(()) => None,
        };
        if let Some(why) = why {
            lane.partition.0.pass_over(&self.core, facts.base, &why);
        }
        lane.next = Next::Offset(behind);
    }
}

/// Parts fetched bytes into batches. What is no whole batch at the end is fetched again.
fn divide(lane: &mut Lane, mut bytes: Bytes) {
    while let Some(facts) = lane.partition.0.dialect.batch(&bytes).filter(|facts| facts.len <= bytes.len()) {
        lane.batches.push_back(bytes.split_to(facts.len));
    }
}
