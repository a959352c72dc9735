//! Ids for producers: out of blocks that are in the log before an id of them is given, so none is given twice.

use crate::Broker;
use crate::catalog::Record;
use crate::core::lock;
use crate::turn::Turn;
use narumq_log::Kind;
use narumq_model::Lsn;

/// Ids in a block.
const BLOCK: u64 = 1000;

/// Ids that may be given without asking the log.
#[derive(Debug, Default)]
pub(crate) struct ProducerIds {
    /// The next id.
    next: u64,
    /// Behind the last one of the block.
    end: u64,
    /// The entry that took the block.
    lsn: Lsn,
}

impl ProducerIds {
    /// Ids below this one may have been given.
    pub(crate) fn begin(&mut self, next: u64) {
        (self.next, self.end) = (next, next);
    }

    /// Ids below this one may have been given.
    pub(crate) fn taken(&self) -> u64 {
        self.end
    }
}

impl Broker {
    /// A producer id that was never given before; the answer waits for this LSN.
    pub fn new_producer(&self, turn: &mut Turn) -> (u64, Lsn) {
        let _catalog = self.catalog_lock();
        let mut ids = lock(&self.producers);
        if ids.next == ids.end {
            ids.end = ids.next + BLOCK;
            ids.lsn = self.log_record(Kind::Define, &Record::Producers(ids.end), turn);
        }
        ids.next += 1;
        (ids.next - 1, ids.lsn)
    }
}
