//! Where a reader goes on behind what cannot be read: at the next batch that an index knows, or with the next segment.

use super::index::STEP;
use super::partition::PartitionState;
use crate::{Broker, PartitionHandle};
use narumq_model::SessionId;

impl Broker {
    /// What holds `offset` cannot be read: it is told of, and passed over. The offset to go on from, which is a later one; `None`
    /// while that is looked for on the disk: the session is told `Ready`, and asks again.
    pub(crate) fn pass_unreadable(&self, of: &PartitionHandle, offset: u64, session: SessionId) -> Option<u64> {
        let partition = &of.0;
        let mut state = partition.lock();
        let in_tail = state.tail.first().is_some_and(|first| first <= offset);
        let holding = if in_tail { None } else { state.segments.holding(offset) };
        let of = holding.map(|of| (of.base, state.segments.readable(of)));
        if let Some((segment, _)) = of.filter(|(_, len)| *len > STEP)
            && !state.load_index(partition, &self.core, segment, session)
        {
            return None;
        }
        let begin = of.map_or(offset, |(segment, _)| state.cold.walked_to(segment, offset));
        let next = state.behind_unreadable(of, offset);
        drop(state);
        let why =
            format!("what begins there is no batch, or the disk does not give it: readers go on at offset {next}");
        partition.pass_over(&self.core, begin, &why);
        Some(next)
    }
}

impl PartitionState {
    fn behind_unreadable(&mut self, segment: Option<(u64, u64)>, offset: u64) -> u64 {
        let Some((segment, len)) = segment else {
            let next = self.tail.batch(self.tail.find(offset) + 1).map_or(self.end, |batch| batch.base);
            return next.max(offset + 1);
        };
        let indexed = self.cold.index(segment).and_then(|index| index.behind(offset, len));
        let next = self.segments.behind(segment, self.end);
        // What memory holds needs no segment.
        let first = self.tail.first().filter(|first| *first > offset).unwrap_or(next);
        indexed.unwrap_or(next).min(next).min(first).max(offset + 1)
    }
}
