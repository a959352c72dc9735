//! Changes of the catalog: exchanges, queues and bindings come and go, durable ones through the log.

mod bindings;
pub(crate) mod exchanges;
pub(crate) mod producers;
pub(crate) mod queues;
pub(crate) mod topics;

use crate::Broker;
use crate::catalog::{CATALOG, Record};
use crate::turn::Turn;
use narumq_log::{Entry, Kind};
use narumq_model::{Lsn, ObjectId};
use std::sync::atomic::Ordering;

/// What declaring did.
#[derive(Clone, Debug)]
pub enum Declared<T> {
    /// It is new.
    Created(T),
    /// It was there: the door compares it with what was asked.
    Existing(T),
}

impl Broker {
    /// Logs a change of the catalog and notes it as the last one; the catalog lock is held.
    pub(crate) fn log_record(&self, kind: Kind, record: &Record, turn: &Turn) -> Lsn {
        let entry = Entry::new(kind, CATALOG, turn.now);
        self.note_catalog(self.core.log.append(&entry.with_data(&record.encode())).lsn)
    }

    fn changed(&self) {
        self.version.fetch_add(1, Ordering::AcqRel);
    }

    pub(crate) fn next_id(&self) -> ObjectId {
        ObjectId(self.next_object.fetch_add(1, Ordering::Relaxed))
    }
}
