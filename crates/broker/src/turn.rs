//! One turn: the time it runs at, and what is owed to others when it ends.

use crate::counts::Counts;
use crate::queue::Queue;
use crate::stream::Framing;
use crate::topic::Partition;
use narumq_model::{Lsn, Time};
use std::sync::Arc;

/// What a call into the broker collects: workers to wake and the LSN to sync, both done once when the turn ends.
#[derive(Debug)]
pub struct Turn {
    /// The broker time of this turn.
    pub now: Time,
    /// What happens in this turn, for the counters.
    pub counts: Counts,
    worker: Option<u16>,
    marked: u64,
    sync: Lsn,
    /// Queues whose dead are to be buried before the broker's call returns, up to these numbers, in the order in which they
    /// died.
    pub(crate) bury: Vec<(Arc<Queue>, u64)>,
    /// Queues that nobody uses any more; deleted before the broker's call returns.
    pub(crate) unused: Vec<Arc<Queue>>,
    /// Queues that owe the log the removals of this turn.
    pub(crate) untold: Vec<Arc<Queue>>,
    /// Partitions whose batches of this turn are to be written before anything is answered.
    pub(crate) unwritten: Vec<Arc<Partition>>,
    /// Messages that go to topics, until they are appended.
    pub(crate) framing: Vec<Framing>,
    /// The last batch of those that were appended in this turn.
    pub(crate) framed: Lsn,
    /// The last message that was moved to where the dead go: who settled it waits for that, too.
    pub(crate) moved: Lsn,
    /// Something that was promised is done.
    kept: bool,
    /// A buffer for the data of entries.
    pub(crate) scratch: Vec<u8>,
}

impl Turn {
    /// A turn at `now`, run by this worker, or by a thread that is none.
    pub fn new(now: Time, worker: Option<u16>) -> Self {
        Self {
            now,
            counts: Counts::default(),
            worker,
            marked: 0,
            sync: Lsn(0),
            bury: Vec::new(),
            unused: Vec::new(),
            untold: Vec::new(),
            unwritten: Vec::new(),
            framing: Vec::new(),
            framed: Lsn(0),
            moved: Lsn(0),
            kept: false,
            scratch: Vec::new(),
        }
    }

    /// An answer waits for this LSN.
    pub fn want_sync(&mut self, lsn: Lsn) {
        self.sync = self.sync.max(lsn);
    }

    /// A message of this queue has died, the dead of this number.
    #[inline]
    pub(crate) fn bury(&mut self, queue: &Arc<Queue>, number: u64) {
        match self.bury.last_mut() {
            Some((last, through)) if Arc::ptr_eq(last, queue) => *through = number,
            _ => self.bury.push((queue.clone(), number)),
        }
    }

    /// Something that was promised is done once `lsn` is durable.
    pub(crate) fn kept(&mut self, lsn: Lsn) {
        self.want_sync(lsn);
        self.kept = true;
    }

    pub(crate) fn take_kept(&mut self) -> bool {
        std::mem::take(&mut self.kept)
    }

    pub(crate) fn mark(&mut self, worker: u16) {
        self.marked |= 1 << worker;
    }

    pub(crate) fn take_marked(&mut self) -> u64 {
        let me = self.worker.map_or(0, |w| 1 << w);
        std::mem::take(&mut self.marked) & !me
    }

    pub(crate) fn take_sync(&mut self) -> Lsn {
        std::mem::take(&mut self.sync)
    }
}
