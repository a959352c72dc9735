//! Changes of the catalog: exchanges, queues and bindings come and go, durable ones through the log.

use crate::catalog::{CATALOG, Record};
use crate::error::{
    BindError, DeleteExchangeError, DeleteQueueError, ExchangeInUse, NoSuchExchange, NoSuchQueue, QueueError,
    QueueInUse, QueueLocked, QueueNotEmpty,
};
use crate::event::Event;
use crate::queue::Queue;
use crate::topology::{Vhost, VhostState};
use crate::turn::Turn;
use crate::{Broker, QueueHandle};
use narumq_log::{Entry, Kind};
use narumq_model::{
    BindingDefinition, Destination, ExchangeDefinition, ExchangeKind, Headers, Lsn, Name, ObjectId, QueueDefinition,
    QueuePolicy, Seq, SessionId,
};
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// What declaring did.
#[derive(Clone, Debug)]
pub enum Declared<T> {
    /// It is new.
    Created(T),
    /// It was there: the door compares it with what was asked.
    Existing(T),
}

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

/// What is asked of a new exchange.
#[derive(Clone, Debug)]
pub struct ExchangeSpec {
    /// Its name, 1 to 255 bytes.
    pub name: Name,
    /// How it routes.
    pub kind: ExchangeKind,
    /// Survives a restart.
    pub durable: bool,
    /// Goes when its last binding as a source goes.
    pub auto_delete: bool,
    /// Takes messages from exchanges only.
    pub internal: bool,
    /// Where messages go that match no binding.
    pub alternate: Option<Name>,
    /// The arguments as sent.
    pub arguments: Headers,
}

impl ExchangeSpec {
    /// The definition under this id.
    pub(crate) fn define(self, id: ObjectId) -> ExchangeDefinition {
        let Self { name, kind, durable, auto_delete, internal, alternate, arguments } = self;
        ExchangeDefinition { id, name, kind, durable, auto_delete, internal, alternate, arguments }
    }
}

impl Broker {
    fn log_catalog(&self, kind: Kind, record: &Record, turn: &Turn) -> Lsn {
        self.core.log.append(&Entry::new(kind, CATALOG, turn.now).with_data(&record.encode())).lsn
    }

    fn changed(&self) {
        self.version.fetch_add(1, Ordering::AcqRel);
    }

    fn next_id(&self) -> ObjectId {
        ObjectId(self.next_object.fetch_add(1, Ordering::Relaxed))
    }

    /// An exchange by name.
    pub fn exchange(&self, vhost: &Vhost, name: &str) -> Result<Arc<ExchangeDefinition>, NoSuchExchange> {
        let state = vhost.read();
        state.exchanges.get(name).map(|e| e.definition.clone()).ok_or_else(|| no_exchange(vhost, name))
    }

    /// Makes an exchange, or returns the one that is there. The LSN is what the answer waits for, 0 for nothing.
    pub fn declare_exchange(
        &self,
        vhost: &Vhost,
        spec: ExchangeSpec,
        turn: &mut Turn,
    ) -> (Declared<Arc<ExchangeDefinition>>, Lsn) {
        let _catalog = self.catalog_lock();
        let mut state = vhost.write();
        if let Some(exchange) = state.exchanges.get(&spec.name) {
            let wait = if exchange.definition.durable { self.last_catalog_lsn() } else { Lsn(0) };
            return (Declared::Existing(exchange.definition.clone()), wait);
        }
        let definition = Arc::new(spec.define(self.next_id()));
        let mut lsn = Lsn(0);
        if definition.durable {
            let record = Record::Exchange(vhost.name().clone(), definition.as_ref().clone());
            lsn = self.note_catalog(self.log_catalog(Kind::Define, &record, turn));
        }
        state.add_exchange(definition.clone(), false);
        self.changed();
        (Declared::Created(definition), lsn)
    }

    /// Deletes an exchange and its bindings. One that is not there is deleted already.
    pub fn delete_exchange(
        &self,
        vhost: &Vhost,
        name: &str,
        if_unused: bool,
        turn: &mut Turn,
    ) -> Result<Lsn, DeleteExchangeError> {
        let _catalog = self.catalog_lock();
        let mut state = vhost.write();
        let Some(exchange) = state.exchanges.get(name) else { return Ok(self.last_catalog_lsn()) };
        if if_unused && !exchange.bindings.is_empty() {
            let exchange = exchange.definition.name.clone();
            return Err(ExchangeInUse { exchange, vhost: vhost.name().clone() }.into());
        }
        let lsn = self.remove_exchange(vhost, &mut state, &name.into(), turn);
        self.changed();
        Ok(lsn)
    }

    /// Removes an exchange and, in turn, auto-delete exchanges that lose their last binding by it.
    pub(crate) fn remove_exchange(&self, vhost: &Vhost, state: &mut VhostState, name: &Name, turn: &mut Turn) -> Lsn {
        let mut lsn = Lsn(0);
        let mut doomed = vec![name.clone()];
        while let Some(name) = doomed.pop() {
            let Some(exchange) = state.exchanges.remove(&name) else { continue };
            if exchange.definition.durable && !exchange.given {
                let record = Record::Exchange(vhost.name().clone(), exchange.definition.as_ref().clone());
                lsn = self.note_catalog(self.log_catalog(Kind::Delete, &record, turn));
            }
            doomed.extend(state.unbind_all(&Destination::Exchange(name)));
        }
        lsn
    }

    /// Binds. Binding again changes nothing.
    pub fn bind(
        &self,
        vhost: &Vhost,
        binding: BindingDefinition,
        session: SessionId,
        turn: &mut Turn,
    ) -> Result<Lsn, BindError> {
        let _catalog = self.catalog_lock();
        let mut state = vhost.write();
        check_ends(vhost, &state, &binding, session)?;
        let outlives = state.binding_outlives(&binding);
        let source = state.exchanges.get_mut(&binding.source).ok_or_else(|| no_exchange(vhost, &binding.source))?;
        let BindingDefinition { key, arguments, header_match, destination, .. } = binding.clone();
        if !source.bindings.insert(key, arguments, header_match, destination) {
            return Ok(if outlives { self.last_catalog_lsn() } else { Lsn(0) });
        }
        self.changed();
        if outlives {
            return Ok(self.note_catalog(self.log_catalog(
                Kind::Define,
                &Record::Binding(vhost.name().clone(), binding),
                turn,
            )));
        }
        Ok(Lsn(0))
    }

    /// Unbinds. Unbinding what is not bound changes nothing.
    pub fn unbind(
        &self,
        vhost: &Vhost,
        binding: &BindingDefinition,
        session: SessionId,
        turn: &mut Turn,
    ) -> Result<Lsn, BindError> {
        let _catalog = self.catalog_lock();
        let mut state = vhost.write();
        check_ends(vhost, &state, binding, session)?;
        let outlives = state.binding_outlives(binding);
        let source = state.exchanges.get_mut(&binding.source).ok_or_else(|| no_exchange(vhost, &binding.source))?;
        if !source.bindings.remove(&binding.key, &binding.arguments, &binding.destination) {
            return Ok(self.last_catalog_lsn());
        }
        let bare = source.definition.auto_delete && source.bindings.is_empty();
        let mut lsn = Lsn(0);
        if outlives {
            let record = Record::Binding(vhost.name().clone(), binding.clone());
            lsn = self.note_catalog(self.log_catalog(Kind::Delete, &record, turn));
        }
        if bare {
            lsn = lsn.max(self.remove_exchange(vhost, &mut state, &binding.source, turn));
        }
        self.changed();
        Ok(lsn)
    }

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
            lsn = self.note_catalog(self.log_catalog(Kind::Define, &record, turn));
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
                lsn = self.note_catalog(self.log_catalog(Kind::Delete, &record, turn));
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

/// Both ends of a binding must be there, and an exclusive queue be the session's own.
fn check_ends(
    vhost: &Vhost,
    state: &VhostState,
    binding: &BindingDefinition,
    session: SessionId,
) -> Result<(), BindError> {
    match &binding.destination {
        Destination::Queue(name) => {
            let queue = state.queues.get(name).ok_or_else(|| no_queue(vhost, name))?;
            if queue.owner.is_some_and(|owner| owner != session) {
                return Err(locked(vhost, queue).into());
            }
        }
        Destination::Exchange(name) => {
            state.exchanges.get(name).ok_or_else(|| no_exchange(vhost, name))?;
        }
    }
    state.exchanges.get(&binding.source).map(|_| ()).ok_or_else(|| no_exchange(vhost, &binding.source).into())
}

fn owned<'a>(vhost: &Vhost, queue: &'a Arc<Queue>, session: SessionId) -> Result<&'a Arc<Queue>, QueueLocked> {
    if queue.owner.is_some_and(|owner| owner != session) { Err(locked(vhost, queue)) } else { Ok(queue) }
}

fn locked(vhost: &Vhost, queue: &Queue) -> QueueLocked {
    QueueLocked { queue: queue.definition.name.clone(), vhost: vhost.name().clone() }
}

pub(crate) fn no_queue(vhost: &Vhost, name: &str) -> NoSuchQueue {
    NoSuchQueue { queue: name.into(), vhost: vhost.name().clone() }
}

fn no_exchange(vhost: &Vhost, name: &str) -> NoSuchExchange {
    NoSuchExchange { exchange: name.into(), vhost: vhost.name().clone() }
}
