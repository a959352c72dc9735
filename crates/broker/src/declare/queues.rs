//! Queues come and go, alone or because nobody uses them any more.

use super::Declared;
use crate::catalog::Record;
use crate::error::{DeleteQueueError, NameOfTopic, NoSuchQueue, QueueError, QueueInUse, QueueLocked, QueueNotEmpty};
use crate::event::Event;
use crate::queue::Queue;
use crate::topology::{Vhost, VhostState};
use crate::turn::Turn;
use crate::{Broker, QueueHandle};
use narumq_log::Kind;
use narumq_model::{Destination, Headers, Lsn, Name, QueueDefinition, QueuePolicy, Seq, SessionId};
use std::sync::Arc;

/// What is asked of a new queue.
#[derive(Clone, Debug, Default)]
pub struct QueueSpec {
    /// Its name, 1 to 255 bytes.
    pub name: Option<Name>,
    /// Survives a restart.
    pub durable: bool,
    /// Belongs to the connection.
    pub exclusive: bool,
    /// Goes when its last consumer goes.
    pub auto_delete: bool,
    /// Its settings.
    pub policy: QueuePolicy,
    /// The arguments as sent.
    pub arguments: Headers,
}

impl Broker {
    /// A queue by name; refused if it belongs to another connection.
    pub fn queue(&self, vhost: &Vhost, name: &str, session: SessionId) -> Result<QueueHandle, QueueError> {
        let state = vhost.read();
        let queue = state.queues.get(name).ok_or_else(|| no_queue(vhost, name))?;
        Ok(QueueHandle(owned(vhost, queue, session)?.clone()))
    }

    /// Makes a queue, or returns the one that is there. `spec.name` must be set.
    pub fn declare_queue(
        &self,
        vhost: &Vhost,
        spec: QueueSpec,
        session: SessionId,
        turn: &mut Turn,
    ) -> Result<(Declared<QueueHandle>, Lsn), QueueError> {
        let _catalog = self.catalog_lock();
        let mut state = vhost.write();
        let name = spec.name.unwrap_or_else(|| "".into());
        turn.counts.queues_declared += 1;
        if let Some(queue) = state.queues.get(&name) {
            let queue = owned(vhost, queue, session)?;
            queue.lock().last_used = turn.now;
            let wait = if queue.journaled { self.last_catalog_lsn() } else { Lsn(0) };
            return Ok((Declared::Existing(QueueHandle(queue.clone())), wait));
        }
        if state.topics.contains_key(&name) {
            return Err(NameOfTopic { topic: name, vhost: vhost.name().clone() }.into());
        }
        let definition = QueueDefinition {
            id: self.next_id(),
            name: name.clone(),
            durable: spec.durable,
            exclusive: spec.exclusive,
            auto_delete: spec.auto_delete,
            durability: self.settings.durability,
            policy: spec.policy,
            arguments: spec.arguments,
        };
        let owner = spec.exclusive.then_some(session);
        let first = Seq((self.core.log.epoch().0 << 40) + 1);
        let queue = Arc::new(Queue::new(definition, vhost.name().clone(), owner, first, turn.now));
        let mut lsn = Lsn(0);
        if queue.journaled {
            let record = Record::Queue(vhost.name().clone(), queue.definition.clone());
            lsn = self.log_record(Kind::Define, &record, turn);
        }
        if let Some(owner) = owner {
            self.own(owner, queue.clone());
        }
        turn.counts.queues_created += 1;
        self.core.enter(queue.clone());
        state.queues.insert(name, queue.clone());
        self.changed();
        queue.lock().arm(&queue, &self.core, turn);
        Ok((Declared::Created(QueueHandle(queue)), lsn))
    }

    /// Deletes a queue; returns how many ready messages it held and what the answer waits for.
    pub fn delete_queue(
        &self,
        vhost: &Vhost,
        name: &str,
        (if_unused, if_empty): (bool, bool),
        session: SessionId,
        turn: &mut Turn,
    ) -> Result<(u64, Lsn), DeleteQueueError> {
        let _catalog = self.catalog_lock();
        let mut state = vhost.write();
        let queue = state.queues.get(name).ok_or_else(|| no_queue(vhost, name))?.clone();
        owned(vhost, &queue, session)?;
        {
            let inner = queue.lock();
            let names = || (queue.definition.name.clone(), vhost.name().clone());
            if if_unused && !inner.consumers.is_empty() {
                let (queue, vhost) = names();
                return Err(QueueInUse { queue, vhost }.into());
            }
            if if_empty && inner.ready() + inner.delayed() > 0 {
                let (queue, vhost) = names();
                return Err(QueueNotEmpty { queue, vhost }.into());
            }
        }
        Ok(self.remove_queue(vhost, &mut state, &queue, turn))
    }

    /// Deletes a queue that nobody uses any more, if that still holds.
    pub(crate) fn delete_unused(&self, queue: &Arc<Queue>, turn: &mut Turn) {
        let Some(vhost) = self.vhost(&queue.vhost) else { return };
        let _catalog = self.catalog_lock();
        let mut state = vhost.write();
        let unused = {
            let inner = queue.lock();
            let last_gone = queue.definition.auto_delete && inner.consumers.is_empty() && inner.had_consumer;
            !inner.deleted && (last_gone || inner.outlived(queue, turn.now))
        };
        if unused {
            self.remove_queue(&vhost, &mut state, queue, turn);
        }
    }

    /// Takes a queue out of everything; the catalog lock is held.
    pub(crate) fn remove_queue(
        &self,
        vhost: &Vhost,
        state: &mut VhostState,
        queue: &Arc<Queue>,
        turn: &mut Turn,
    ) -> (u64, Lsn) {
        let name = &queue.definition.name;
        state.queues.remove(name);
        let bare = state.unbind_all(&Destination::Queue(name.clone()));
        let (ready, mut lsn, told) = {
            let mut inner = queue.lock();
            let ready = inner.ready() + inner.delayed();
            let mut lsn = Lsn(0);
            if queue.journaled {
                let record = Record::Queue(vhost.name().clone(), queue.definition.clone());
                lsn = self.log_record(Kind::Delete, &record, turn);
            }
            inner.clear(queue, lsn, &self.core, turn);
            let told: Vec<_> = inner.consumers.drain().map(|c| (c.spec.session, c.spec.key)).collect();
            (ready, lsn, told)
        };
        for exchange in bare {
            lsn = lsn.max(self.remove_exchange(vhost, state, &exchange, turn));
        }
        for (session, consumer) in told {
            self.core.mailboxes.post(session, Event::Cancelled { consumer }, turn);
        }
        turn.counts.queues_deleted += 1;
        self.core.leave(queue.id());
        self.disown(queue);
        self.changed();
        (ready, lsn)
    }
}

fn owned<'a>(vhost: &Vhost, queue: &'a Arc<Queue>, session: SessionId) -> Result<&'a Arc<Queue>, QueueLocked> {
    if queue.owner.is_some_and(|owner| owner != session) { Err(locked(vhost, queue)) } else { Ok(queue) }
}

pub(super) fn locked(vhost: &Vhost, queue: &Queue) -> QueueLocked {
    QueueLocked { queue: queue.definition.name.clone(), vhost: vhost.name().clone() }
}

pub(crate) fn no_queue(vhost: &Vhost, name: &str) -> NoSuchQueue {
    NoSuchQueue { queue: name.into(), vhost: vhost.name().clone() }
}
