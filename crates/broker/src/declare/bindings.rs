//! Bindings come and go, between ends that are there.

use super::exchanges::no_exchange;
use super::queues::{locked, no_queue};
use crate::Broker;
use crate::catalog::Record;
use crate::error::BindError;
use crate::topology::{Vhost, VhostState};
use crate::turn::Turn;
use narumq_log::Kind;
use narumq_model::{BindingDefinition, Destination, Lsn, SessionId};

impl Broker {
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
            return Ok(self.log_record(Kind::Define, &Record::Binding(vhost.name().clone(), binding), turn));
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
            lsn = self.log_record(Kind::Delete, &record, turn);
        }
        if bare {
            lsn = lsn.max(self.remove_exchange(vhost, &mut state, &binding.source, turn));
        }
        self.changed();
        Ok(lsn)
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
            if state.topics.contains_key(name) {
                return check_source(vhost, state, binding);
            }
            let queue = state.queues.get(name).ok_or_else(|| no_queue(vhost, name))?;
            if queue.owner.is_some_and(|owner| owner != session) {
                return Err(locked(vhost, queue).into());
            }
        }
        Destination::Exchange(name) => {
            state.exchanges.get(name).ok_or_else(|| no_exchange(vhost, name))?;
        }
    }
    check_source(vhost, state, binding)
}

fn check_source(vhost: &Vhost, state: &VhostState, binding: &BindingDefinition) -> Result<(), BindError> {
    state.exchanges.get(&binding.source).map(|_| ()).ok_or_else(|| no_exchange(vhost, &binding.source).into())
}
