//! Offsets by time: the first batch with a record of a time or later, and the one with the latest record.
//!
//! Which record of the batch it is, its format's door finds out. Segments without a record so late are passed over; within one
//! the index tells from where to walk.

use super::Partition;
use super::cold::{Cold, Walked};
use super::fetch::FetchError;
use super::index::STEP;
use super::partition::PartitionState;
use crate::core::Core;
use crate::dialect::BatchFacts;
use crate::{Broker, PartitionHandle};
use bytes::Bytes;
use narumq_model::SessionId;
use smallvec::SmallVec;

/// Searches remembered while pieces are read for them.
const SEARCHES: usize = 32;

/// What a search by time found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lookup {
    /// The first batch that has a record of this time or later. If that record lies below the offset that the search began at,
    /// or is none that clients see, the search goes on at the end of the batch.
    Batch {
        /// The whole batch.
        bytes: Bytes,
        /// Its first offset.
        base: u64,
        /// The offset behind it.
        end: u64,
    },
    /// No batch that readers see has one.
    None,
    /// It is being looked for on the disk: the session is told `Ready`, and asks again.
    Reading,
}

/// A search that waits for the disk: what was asked for, and how far it has come.
#[derive(Clone, Copy, Debug)]
pub(super) struct Search {
    of: (i64, u64),
    segment: u64,
    at: u64,
}

/// The batch with the latest record so far, where that is looked for batch by batch.
#[derive(Clone, Copy, Debug)]
pub(super) struct Peak {
    /// From where on it is looked for.
    from: u64,
    time: i64,
    base: u64,
    end: u64,
}

/// How a search in the segments ended.
enum Searched {
    Found(Lookup),
    Nothing,
    Broken,
}

impl Broker {
    /// The first batch at or behind offset `from` with a record of `time`, in milliseconds since the Unix epoch, or later.
    pub fn offset_at(
        &self,
        partition: &PartitionHandle,
        (time, from): (i64, u64),
        session: SessionId,
    ) -> Result<Lookup, FetchError> {
        let partition = &partition.0;
        let mut state = partition.lock();
        if state.deleted {
            return Err(FetchError::Deleted);
        }
        let seen = state.seen(self.durable());
        state.search(partition, &self.core, (time, from), seen, session)
    }

    /// The batch with the latest record of all that readers see at or behind offset `from`, the first of them if there are
    /// several. If that record lies below the first offset, the search goes on at the end of the batch; no batch behind it has
    /// one as late.
    pub fn latest_batch(
        &self,
        partition: &PartitionHandle,
        from: u64,
        session: SessionId,
    ) -> Result<Lookup, FetchError> {
        let partition = &partition.0;
        let mut state = partition.lock();
        if state.deleted {
            return Err(FetchError::Deleted);
        }
        let seen = state.seen(self.durable());
        let from = from.max(state.start);
        let latest = state.latest_time(0, (from, seen.0));
        match state.search(partition, &self.core, (latest, from), seen, session)? {
            // The latest record of the first segment lies below.
            Lookup::None => state.climb(partition, &self.core, from, seen, session),
            found => Ok(found),
        }
    }
}

impl PartitionState {
    /// The latest time of a record in the segments from the `passed`th on and, from offset `from` on, in the first `seen` batches
    /// in memory.
    fn latest_time(&self, passed: usize, (from, seen): (u64, usize)) -> i64 {
        let segments = self.segments.list.iter().skip(passed).map(|segment| segment.times.latest);
        segments.fold(self.tail.times(self.tail.find(from), seen).latest, i64::max)
    }

    /// From the first batch that is as late as all behind the first segment to the later ones before it, until none is later.
    /// How far it has come is kept: pieces that are read for it may have gone when it goes on.
    fn climb(
        &mut self,
        partition: &Partition,
        core: &Core,
        from: u64,
        seen: (usize, u64),
        session: SessionId,
    ) -> Result<Lookup, FetchError> {
        let mut peak = self.peak.filter(|peak| peak.from == from);
        loop {
            let next = peak.map_or_else(
                || (self.latest_time(1, (from, seen.0)), from),
                |peak| (peak.time.saturating_add(1), peak.end),
            );
            match self.search(partition, core, next, seen, session)? {
                Lookup::Reading => return Ok(Lookup::Reading),
                Lookup::None => break,
                Lookup::Batch { bytes, base, end } => {
                    let time = partition.dialect.batch(&bytes).map_or(next.0, |facts| facts.max_time).max(next.0);
                    peak = Some(Peak { from, time, base, end });
                    self.peak = peak;
                }
            }
        }
        let Some(peak) = peak else { return Ok(Lookup::None) };
        self.search(partition, core, (peak.time, peak.base), seen, session)
    }
}

impl PartitionState {
    fn search(
        &mut self,
        partition: &Partition,
        core: &Core,
        (time, from): (i64, u64),
        (seen, high): (usize, u64),
        session: SessionId,
    ) -> Result<Lookup, FetchError> {
        let from = from.max(self.start);
        if from >= high {
            return Ok(Lookup::None);
        }
        if from < self.tail.first().unwrap_or(self.end) {
            match self.search_segments(partition, core, (time, from), session) {
                Searched::Found(found) => return Ok(found),
                Searched::Broken => return Err(FetchError::Unreadable),
                Searched::Nothing => {}
            }
        }
        let first = self.tail.find(from);
        let late = self.tail.batches(first).take(seen - first.min(seen)).position(|batch| batch.times.latest >= time);
        let Some(at) = late.map(|at| first + at) else { return Ok(Lookup::None) };
        let (begin, behind) = (self.tail.pos(at), self.tail.pos(at + 1));
        let base = self.tail.batch(at).map_or(self.end, |batch| batch.base);
        let end = self.tail.batch(at + 1).map_or(self.end, |batch| batch.base);
        let mut bytes: SmallVec<[Bytes; 1]> = SmallVec::new();
        self.tail.bytes(begin, behind, &mut bytes);
        // A batch is never divided.
        let bytes = bytes.into_iter().next().unwrap_or_default();
        Ok(Lookup::Batch { bytes, base, end })
    }

    /// Searches what lies before the first batch in memory.
    fn search_segments(
        &mut self,
        partition: &Partition,
        core: &Core,
        (time, from): (i64, u64),
        session: SessionId,
    ) -> Searched {
        let until = self.tail.first().unwrap_or(self.end);
        let known = self.searches.iter().position(|search| search.of == (time, from));
        let mut known = known.map(|at| self.searches.swap_remove(at));
        let first = known.map_or(from, |search| search.segment.max(from));
        let mut index = self.segments.list.partition_point(|segment| segment.base <= first).saturating_sub(1);
        while let Some(of) = self.segments.list.get(index).filter(|of| of.base < until) {
            let (segment, len, latest) = (of.base, self.segments.readable(of), of.times.latest);
            let begun = known.take().filter(|search| search.segment == segment).map(|search| search.at);
            if latest >= time {
                match self.search_segment(partition, core, (segment, len, begun), (time, from, until), session) {
                    Searched::Nothing => {}
                    other => return other,
                }
            }
            index += 1;
        }
        Searched::Nothing
    }

    /// Searches one segment from `begun` on, or from where its index says.
    fn search_segment(
        &mut self,
        partition: &Partition,
        core: &Core,
        (segment, len, begun): (u64, u64, Option<u64>),
        (time, from, until): (i64, u64, u64),
        session: SessionId,
    ) -> Searched {
        if begun.is_none() && len > 2 * STEP && !self.load_index(partition, core, segment, session) {
            return Searched::Found(Lookup::Reading);
        }
        let begin =
            |cold: &mut Cold| begun.map_or_else(|| cold.begin_by_time(segment, (time, from), len), |at| (at, None));
        let wanted = |facts: &BatchFacts| {
            facts.base >= until || facts.base + u64::from(facts.count) > from && facts.max_time >= time
        };
        let behind = self.segments.behind(segment, self.end);
        let searched = match self.cold.walk(partition.dialect.as_ref(), (segment, len, behind), begin, wanted) {
            Walked::Found(_, bytes, BatchFacts { len, base, count, .. }) if base < until => {
                Searched::Found(Lookup::Batch { bytes: bytes.slice(..len), base, end: base + u64::from(count) })
            }
            Walked::Found(..) | Walked::End => Searched::Nothing,
            Walked::Missing(at, need, sure) => {
                if self.searches.len() == SEARCHES {
                    self.searches.remove(0);
                }
                if sure {
                    self.searches.push(Search { of: (time, from), segment, at });
                }
                return match self.read_on(partition, core, (segment, at, need), session) {
                    true => Searched::Found(Lookup::Reading),
                    false => Searched::Broken,
                };
            }
            Walked::Broken => return Searched::Broken,
        };
        self.note_rebuilt(partition, core, segment);
        searched
    }
}
