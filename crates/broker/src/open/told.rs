//! What the log tells and asks while it runs, on its own threads.

use crate::Broker;
use crate::catalog::{CATALOG, Record, encode_state};
use crate::core::{Core, lock};
use crate::parts::state_of;
use crate::queue::{Queue, QueueState};
use crate::topic::Partition;
use crate::turn::Turn;
use bytes::Bytes;
use narumq_log::{Copy, FileUse, Listener, ReadDone, Terminal};
use narumq_model::{Lsn, ObjectId, SeqRange, Time};
use std::sync::{Arc, OnceLock, PoisonError, Weak};

/// What the log tells, on its own threads.
pub(super) struct Told {
    /// The core has the log, which has this: it must not keep the core in turn.
    pub(super) core: Weak<Core>,
    pub(super) broker: OnceLock<Weak<Broker>>,
}

impl Told {
    /// A turn of this queue, if it is there: what follows from it is done, too.
    fn turn_of(&self, object: ObjectId, step: impl FnOnce(&mut QueueState, &Arc<Queue>, &Core, &mut Turn)) {
        let (Some(core), Some(broker)) = (self.core.upgrade(), self.broker()) else { return };
        let Some(queue) = core.queue(object) else { return };
        let mut turn = Turn::new(core.time(), None);
        {
            let mut state = queue.lock();
            if !state.deleted {
                step(&mut state, &queue, &core, &mut turn);
            }
        }
        broker.after(&mut turn);
        broker.end_turn(&mut turn);
    }

    /// This queue, if it is there, once the log has been told of all that has gone: what the log asks for and tells is
    /// about the rest.
    fn settled<T>(&self, object: ObjectId, look: impl FnOnce(&mut QueueState, &Queue, &Core) -> T) -> Option<T> {
        let core = self.core.upgrade()?;
        let queue = core.queue(object)?;
        let mut state = queue.lock();
        if state.deleted {
            return None;
        }
        state.log_gone(&queue, &core, &mut Turn::new(core.time(), None));
        Some(look(&mut state, &queue, &core))
    }

    fn partition(&self, object: ObjectId) -> Option<(Arc<Core>, Arc<Partition>)> {
        let core = self.core.upgrade()?;
        let partition = core.partition(object)?;
        Some((core, partition))
    }

    fn broker(&self) -> Option<Arc<Broker>> {
        self.broker.get().and_then(Weak::upgrade)
    }
}

impl Listener for Told {
    fn durable(&self, _: Lsn) {
        if let Some(core) = self.core.upgrade() {
            core.relieve_tails();
            // Bound first, so that the list is not locked while partitions are: the copier locks them in the other order.
            let uncopied = std::mem::take(&mut *lock(&core.uncopied));
            for id in uncopied {
                if let Some(partition) = core.partition(id).filter(|p| p.is_worth_copying(&core)) {
                    partition.ask_copy(&core);
                }
            }
            core.mailboxes.wake_all();
        }
    }

    fn read_done(&self, done: ReadDone) {
        self.turn_of(done.object, |state, queue, core, turn| state.read_done(queue, core, turn, done));
    }

    fn scratch_done(&self, object: ObjectId, offset: u64, bytes: Result<Bytes, String>) {
        self.turn_of(object, |state, queue, core, turn| state.scratch_done(queue, core, turn, offset, bytes));
    }

    fn piece_done(&self, object: ObjectId, of: (u64, u64), bytes: Result<Bytes, String>) {
        let (Some((core, partition)), Some(broker)) = (self.partition(object), self.broker()) else { return };
        let mut turn = Turn::new(core.time(), None);
        partition.came(&core, &mut turn, of, bytes);
        broker.end_turn(&mut turn);
    }

    fn copy(&self, object: ObjectId) -> Option<Copy> {
        let (core, partition) = self.partition(object)?;
        partition.copy(&core)
    }

    fn copied(&self, object: ObjectId, through: u64, synced: bool) {
        if let Some((core, partition)) = self.partition(object) {
            partition.copied(&core, through, synced);
        }
    }

    fn clean(&self, object: ObjectId) {
        if let Some(broker) = self.broker.get() {
            crate::topic::clean(broker, object);
        }
    }

    fn ended(&self, why: &Terminal) {
        if let Some(failed) = self.broker().and_then(|b| b.core.on_failure.get().map(Arc::clone)) {
            failed(&why.to_string());
        }
        if let Some(core) = self.core.upgrade() {
            core.mailboxes.wake_all();
        }
    }

    fn checkpoint(&self, object: ObjectId, from: Lsn) -> bool {
        let (Some(broker), Some(core)) = (self.broker(), self.core.upgrade()) else { return false };
        if object == CATALOG {
            broker.checkpoint_catalog(core.time(), from);
        } else if let Some(group) = core.group(object) {
            group.lock().checkpoint(&group, &core, core.time(), from);
        } else if let Some(partition) = core.partition(object) {
            let mut state = partition.lock();
            if !state.deleted {
                state.checkpoint(&partition, &core, core.time(), from);
            }
        } else {
            self.settled(object, |state, queue, core| state.checkpoint(queue, core, core.time(), from));
        }
        true
    }

    fn live(&self, object: ObjectId, file: u64) -> Vec<SeqRange> {
        if let Some((core, partition)) = self.partition(object) {
            // What is copied soon need not be carried to another file of the log.
            partition.ask_copy(&core);
            return partition.lock().live_in(file);
        }
        self.settled(object, |state, _, _| state.live_in(file)).unwrap_or_default()
    }

    fn moved(&self, object: ObjectId, from: u64, to: &Arc<FileUse>, spans: &[SeqRange]) {
        if let Some((_, partition)) = self.partition(object) {
            return partition.lock().moved(from, to, spans);
        }
        self.settled(object, |state, _, _| state.moved(from, to, spans));
    }
}

impl Broker {
    /// Writes the State of the catalog: everything that outlives a restart.
    fn checkpoint_catalog(&self, now: Time, from: Lsn) {
        let mut catalog = self.catalog_lock();
        let mut records = Vec::new();
        for account in self.users.read().unwrap_or_else(PoisonError::into_inner).iter() {
            records.push(Record::user(account));
        }
        for vhost in self.vhosts() {
            let name = vhost.name();
            let state = vhost.read();
            records.push(Record::Vhost(name.clone()));
            let exchanges = state.exchanges.values().filter(|e| e.definition.durable && !e.given);
            records.extend(exchanges.map(|e| Record::Exchange(name.clone(), e.definition.as_ref().clone())));
            let queues = state.queues.values().filter(|q| q.journaled);
            records.extend(queues.map(|q| Record::Queue(name.clone(), q.definition.clone())));
            let groups = state.groups.values();
            records.extend(groups.map(|g| Record::Group(name.clone(), g.definition.clone())));
            let topics = state.topics.values();
            records.extend(topics.map(|t| Record::Topic(name.clone(), t.definition().as_ref().clone())));
            let bindings = state.bindings().filter(|b| state.binding_outlives(b));
            records.extend(bindings.map(|b| Record::Binding(name.clone(), b)));
        }
        records.push(Record::Producers(lock(&self.producers).taken()));
        let next = self.next_object.load(std::sync::atomic::Ordering::Relaxed);
        let (root, parts) = encode_state(next, &records, catalog.numbers().count());
        catalog.write(&self.core.log, &state_of(CATALOG, now), from, &root, &parts);
    }
}
