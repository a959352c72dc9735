//! What there is, listed by name for whoever looks at the broker from outside.

mod topics;

pub use topics::CursorListing;

use crate::topology::Vhost;
use crate::{Broker, QueueHandle, User};
use narumq_model::{BindingDefinition, Destination, ExchangeDefinition, Name};
use std::sync::{Arc, PoisonError};

impl Broker {
    /// All vhosts, by name.
    pub fn vhosts(&self) -> Vec<Vhost> {
        let mut vhosts: Vec<_> = self.vhosts.read().unwrap_or_else(PoisonError::into_inner).values().cloned().collect();
        vhosts.sort_by(|a, b| a.name().cmp(b.name()));
        vhosts
    }

    /// All users: name and tags.
    pub fn users(&self) -> Vec<User> {
        let users = self.users.read().unwrap_or_else(PoisonError::into_inner);
        users.iter().map(|a| User { name: a.name().clone(), tags: a.tags().to_vec() }).collect()
    }

    /// All queues of a vhost, by name.
    pub fn queues(&self, vhost: &Vhost) -> Vec<QueueHandle> {
        let mut queues: Vec<_> = vhost.read().queues.values().cloned().map(QueueHandle).collect();
        queues.sort_by(|a, b| a.name().cmp(b.name()));
        queues
    }

    /// All exchanges of a vhost but the default one, by name.
    pub fn exchanges(&self, vhost: &Vhost) -> Vec<Arc<ExchangeDefinition>> {
        let mut exchanges: Vec<_> = vhost.read().exchanges.values().map(|e| e.definition.clone()).collect();
        exchanges.sort_by(|a, b| a.name.cmp(&b.name));
        exchanges
    }

    /// All bindings of a vhost but those of the default exchange, by source, destination and key.
    pub fn bindings(&self, vhost: &Vhost) -> Vec<BindingDefinition> {
        let mut bindings: Vec<_> = vhost.read().bindings().collect();
        bindings.sort_by(|a, b| (&a.source, end(a), &a.key).cmp(&(&b.source, end(b), &b.key)));
        bindings
    }
}

fn end(binding: &BindingDefinition) -> &Name {
    match &binding.destination {
        Destination::Queue(name) | Destination::Exchange(name) => name,
    }
}
