//! Vhosts and what is in them: exchanges with their bindings, queues by name.

use crate::coordinator::Coordinated;
use crate::exchange::Bindings;
use crate::queue::Queue;
use crate::topic::Topic;
use foldhash::fast::RandomState;
use narumq_model::{BindingDefinition, Destination, ExchangeDefinition, Name};
use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

/// A vhost, by handle.
#[derive(Clone, Debug)]
pub struct Vhost(pub(crate) Arc<VhostInner>);

#[derive(Debug)]
pub(crate) struct VhostInner {
    name: Name,
    state: RwLock<VhostState>,
}

#[derive(Debug)]
pub(crate) struct Exchange {
    pub(crate) definition: Arc<ExchangeDefinition>,
    pub(crate) bindings: Bindings<Destination>,
    /// Made with the vhost and never journaled.
    pub(crate) given: bool,
}

/// What is in a vhost.
#[derive(Debug, Default)]
pub(crate) struct VhostState {
    pub(crate) exchanges: HashMap<Name, Exchange, RandomState>,
    pub(crate) queues: HashMap<Name, Arc<Queue>, RandomState>,
    pub(crate) topics: HashMap<Name, Arc<Topic>, RandomState>,
    pub(crate) groups: HashMap<Name, Arc<Coordinated>, RandomState>,
}

impl Vhost {
    pub(crate) fn new(name: Name) -> Self {
        Self(Arc::new(VhostInner { name, state: RwLock::default() }))
    }

    /// Its name.
    pub fn name(&self) -> &Name {
        &self.0.name
    }

    pub(crate) fn read(&self) -> RwLockReadGuard<'_, VhostState> {
        self.0.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn write(&self) -> RwLockWriteGuard<'_, VhostState> {
        self.0.state.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl VhostState {
    pub(crate) fn add_exchange(&mut self, definition: Arc<ExchangeDefinition>, given: bool) {
        let bindings = Bindings::new(definition.kind);
        self.exchanges.insert(definition.name.clone(), Exchange { definition, bindings, given });
    }

    /// Whether both ends of a binding outlive a restart.
    pub(crate) fn binding_outlives(&self, binding: &BindingDefinition) -> bool {
        let exchange = |name: &Name| self.exchanges.get(name).is_some_and(|e| e.definition.durable);
        exchange(&binding.source)
            && match &binding.destination {
                Destination::Exchange(name) => exchange(name),
                Destination::Queue(name) => {
                    self.topics.contains_key(name) || self.queues.get(name).is_some_and(|q| q.journaled)
                }
            }
    }

    /// All bindings but those of the default exchange, which are one per queue.
    pub(crate) fn bindings(&self) -> impl Iterator<Item = BindingDefinition> + '_ {
        self.exchanges.values().flat_map(|exchange| {
            exchange.bindings.iter().map(|(key, arguments, header_match, destination)| BindingDefinition {
                source: exchange.definition.name.clone(),
                destination: destination.clone(),
                key: key.clone(),
                arguments: arguments.clone(),
                header_match,
            })
        })
    }

    /// Removes every binding that leads to `destination`; returns the auto-delete exchanges that have none left.
    pub(crate) fn unbind_all(&mut self, destination: &Destination) -> Vec<Name> {
        let mut bare = Vec::new();
        for exchange in self.exchanges.values_mut() {
            let removed = exchange.bindings.remove_destination(destination);
            if !removed.is_empty() && exchange.definition.auto_delete && exchange.bindings.is_empty() {
                bare.push(exchange.definition.name.clone());
            }
        }
        bare
    }
}
