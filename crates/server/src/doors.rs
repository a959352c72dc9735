//! The doors: one function each, and where they listen.

use crate::config::Config;
use crate::config::address::Address;
use narumq_door::Door;
use narumq_net::Listen;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// Everything that is to listen. `ready` tells the health checks whether the broker serves.
pub(crate) fn listeners(config: &Config, ready: &Arc<AtomicBool>) -> Vec<Listen> {
    let mut listeners = Vec::new();
    listen(&mut listeners, &config.amqp, || amqp(config));
    listen(&mut listeners, &config.http, || admin(config, ready));
    listeners
}

/// A door that is off is not made.
fn listen(listeners: &mut Vec<Listen>, addresses: &[Address], door: impl FnOnce() -> Arc<dyn Door>) {
    if !addresses.is_empty() {
        let door = door();
        let listen = |a: &Address| Listen { address: a.socket, door: door.clone(), optional: a.optional };
        listeners.extend(addresses.iter().map(listen));
    }
}

fn amqp(config: &Config) -> Arc<dyn Door> {
    Arc::new(narumq_amqp::Amqp::new(narumq_amqp::Settings { heartbeat: config.heartbeat }))
}

fn admin(_config: &Config, ready: &Arc<AtomicBool>) -> Arc<dyn Door> {
    Arc::new(narumq_admin::Admin::new(ready.clone()))
}
