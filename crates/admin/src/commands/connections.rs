//! Connections, channels and consumers, and closing a connection.

use super::{Call, Outcome, done};
use crate::auth::{Level, level};
use crate::directory::{ChannelListing, ConnectionListing};
use crate::error::Problem;
use crate::mapping::{objects, table_to_json};
use narumq_broker::Event;
use narumq_model::Lsn;
use serde_json::{Value, json};
use std::collections::HashMap;

impl Call<'_, '_> {
    /// Connections that the user may see: all for who monitors, else its own.
    pub(super) fn visible_connections(&self) -> Vec<ConnectionListing> {
        let mut connections = self.shared.config.directory.connections();
        if level(self.user) < Some(Level::Monitoring) {
            connections.retain(|connection| connection.user == self.user.name);
        }
        connections
    }

    fn visible_connection(&self, name: &str) -> Result<ConnectionListing, Problem> {
        let mut connections = self.visible_connections().into_iter();
        connections.find(|connection| connection.name() == name).ok_or(Problem::NotFound)
    }
}

/// All connections.
pub(super) fn connections(call: &mut Call<'_, '_>, _: &[&str]) -> Result<Outcome, Problem> {
    let node = &call.shared.config.node;
    let objects = call.visible_connections().iter().map(|connection| connection_object(connection, node)).collect();
    call.listing(objects)
}

/// One connection.
pub(super) fn connection(call: &mut Call<'_, '_>, path: &[&str]) -> Result<Outcome, Problem> {
    let connection = call.visible_connection(path[1])?;
    call.object(&connection_object(&connection, &call.shared.config.node))
}

/// Closes a connection; the header `x-reason` says why.
pub(super) fn close(call: &mut Call<'_, '_>, path: &[&str]) -> Result<Outcome, Problem> {
    let connection = call.visible_connection(path[1])?;
    let reason = call.request.header("x-reason").unwrap_or(b"Closed via management plugin");
    let reason = String::from_utf8_lossy(reason).into_owned();
    call.cx.broker.mailboxes().post(connection.session, Event::Kick(reason), call.cx.turn);
    done(204, Lsn(0))
}

/// The channels of all connections, or of one.
pub(super) fn channels(call: &mut Call<'_, '_>, path: &[&str]) -> Result<Outcome, Problem> {
    let connections = match path {
        ["connections", name, ..] => vec![call.visible_connection(name)?],
        _ => call.visible_connections(),
    };
    let node = &call.shared.config.node;
    let of = |c: &ConnectionListing| c.channels.iter().map(|ch| channel_object(c, ch, node)).collect::<Vec<_>>();
    call.listing(connections.iter().flat_map(of).collect())
}

/// One channel by its name.
pub(super) fn channel(call: &mut Call<'_, '_>, path: &[&str]) -> Result<Outcome, Problem> {
    for connection in call.visible_connections() {
        for channel in &connection.channels {
            let object = channel_object(&connection, channel, &call.shared.config.node);
            if object["name"] == path[1] {
                return call.object(&object);
            }
        }
    }
    Err(Problem::NotFound)
}

/// The consumers of the vhosts that the user may enter, or of one.
pub(super) fn consumers(call: &mut Call<'_, '_>, path: &[&str]) -> Result<Outcome, Problem> {
    let vhosts = call.vhosts(path.get(1))?;
    let mut names = HashMap::new();
    for vhost in &vhosts {
        for queue in call.queues(vhost) {
            names.insert(queue.id(), (vhost.name().clone(), queue.name().clone()));
        }
    }
    let connections = call.shared.config.directory.connections();
    let consumers = call.shared.config.directory.consumers();
    let objects = consumers.iter().filter_map(|consumer| {
        let (vhost, queue) = names.get(&consumer.queue)?;
        let connection = connections.iter().find(|connection| connection.session == consumer.session);
        Some(objects::consumer(consumer, queue, vhost, connection))
    });
    call.listing(objects.collect())
}

fn connection_object(connection: &ConnectionListing, node: &str) -> Value {
    let own_name = connection.client_properties.get(b"connection_name").and_then(|field| field.as_text());
    let mut object = json!({
        "name": connection.name(),
        "vhost": &*connection.vhost,
        "user": &*connection.user,
        "state": connection.state,
        "node": node,
        "type": "network",
        "protocol": connection.protocol,
        "ssl": connection.tls,
        "auth_mechanism": connection.auth_mechanism,
        "host": connection.local.ip().to_string(),
        "port": connection.local.port(),
        "peer_host": connection.peer.ip().to_string(),
        "peer_port": connection.peer.port(),
        "channels": connection.channels.len(),
        "channel_max": connection.channel_max,
        "frame_max": connection.frame_max,
        "timeout": connection.timeout_seconds,
        "connected_at": connection.connected_at.0,
        "recv_oct": connection.received_bytes,
        "send_oct": connection.sent_bytes,
        "client_properties": table_to_json(&connection.client_properties),
    });
    if let Some(name) = own_name {
        object["user_provided_name"] = String::from_utf8_lossy(name).into();
    }
    object
}

fn channel_object(connection: &ConnectionListing, channel: &ChannelListing, node: &str) -> Value {
    json!({
        "name": format!("{} ({})", connection.name(), channel.number),
        "number": channel.number,
        "user": &*connection.user,
        "vhost": &*connection.vhost,
        "node": node,
        "state": "running",
        "confirm": channel.confirm,
        "transactional": channel.transactional,
        "consumer_count": channel.consumers,
        "messages_unacknowledged": channel.unacknowledged,
        "messages_unconfirmed": channel.unconfirmed,
        "messages_uncommitted": channel.uncommitted,
        "acks_uncommitted": channel.uncommitted_acks,
        "prefetch_count": channel.prefetch,
        "global_prefetch_count": channel.global_prefetch,
        "connection_details": {
            "name": connection.name(),
            "peer_host": connection.peer.ip().to_string(),
            "peer_port": connection.peer.port(),
        },
    })
}
