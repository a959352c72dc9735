//! When a record came, as far as that is known without reading it: who looks at many partitions does not read the disk.

use super::partition::PartitionState;
use crate::{Broker, PartitionHandle};
use narumq_model::Time;

/// When a record came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arrival {
    /// The broker's time then.
    pub at: Time,
    /// Whether this is so exactly. If not it is estimated between the begin of the record's segment and the last arrival in it.
    pub exact: bool,
}

impl Broker {
    /// When the first record at or behind `offset` came that readers see; `None` if there is none.
    pub fn arrival(&self, partition: &PartitionHandle, offset: u64) -> Option<Arrival> {
        let state = partition.0.lock();
        let (_, high) = state.seen(self.durable());
        let offset = offset.max(state.start);
        if state.deleted || offset >= high {
            return None;
        }
        state.arrival(offset)
    }
}

impl PartitionState {
    /// Of an offset that is there.
    fn arrival(&self, offset: u64) -> Option<Arrival> {
        if self.tail.first().is_some_and(|first| first <= offset) {
            let batch = self.tail.batch(self.tail.find(offset))?;
            return Some(Arrival { at: batch.times.arrived, exact: true });
        }
        let at = self.segments.list.partition_point(|segment| segment.base <= offset).checked_sub(1)?;
        let segment = self.segments.list.get(at)?;
        let end = self.segments.list.get(at + 1).map_or(self.planned, |next| next.base);
        let took = segment.times.arrived.since(segment.begun);
        let (passed, all) = (offset - segment.base, end.saturating_sub(segment.base).max(1));
        let share = u128::from(took) * u128::from(passed) / u128::from(all);
        let share = u64::try_from(share).unwrap_or(took).min(took);
        Some(Arrival { at: segment.begun.plus(share), exact: took == 0 })
    }
}
