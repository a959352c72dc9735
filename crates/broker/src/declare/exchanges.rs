//! Exchanges come and go.

use super::Declared;
use crate::Broker;
use crate::catalog::Record;
use crate::error::{DeleteExchangeError, ExchangeInUse, NoSuchExchange};
use crate::topology::{Vhost, VhostState};
use crate::turn::Turn;
use narumq_log::Kind;
use narumq_model::{Destination, ExchangeDefinition, ExchangeKind, Headers, Lsn, Name, ObjectId};
use std::sync::Arc;

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
            lsn = self.log_record(Kind::Define, &record, turn);
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
                lsn = self.log_record(Kind::Delete, &record, turn);
            }
            doomed.extend(state.unbind_all(&Destination::Exchange(name)));
        }
        lsn
    }
}

pub(super) fn no_exchange(vhost: &Vhost, name: &str) -> NoSuchExchange {
    NoSuchExchange { exchange: name.into(), vhost: vhost.name().clone() }
}
