//! The process as a whole: overview, node, who asks.

use super::{Answer, Call, Outcome};
use crate::auth::{Level, require};
use crate::error::Problem;
use serde_json::{Value, json};

/// Totals and listeners.
pub(super) fn overview(call: &mut Call<'_, '_>, _: &[&str]) -> Result<Outcome, Problem> {
    let config = &call.shared.config;
    let broker = call.cx.broker;
    let (mut ready, mut unsettled, mut consumers, mut queues, mut exchanges) = (0, 0, 0u64, 0usize, 0usize);
    for vhost in call.vhosts(None)? {
        exchanges += call.exchanges(&vhost).len();
        for queue in call.queues(&vhost) {
            let counts = broker.counts(&queue);
            queues += 1;
            ready += counts.ready;
            unsettled += counts.unsettled;
            consumers += u64::from(counts.consumers);
        }
    }
    let connections = call.visible_connections();
    let channels: usize = connections.iter().map(|connection| connection.channels.len()).sum();
    let listeners: Vec<Value> = config
        .listeners
        .iter()
        .map(|l| {
            json!({ "node": config.node, "protocol": l.protocol, "ip_address": l.address.to_string(), "port": l.port })
        })
        .collect();
    let totals = config.directory.totals();
    call.object(&json!({
        "management_version": config.compatible_version,
        "rabbitmq_version": config.compatible_version,
        "product_name": config.product,
        "product_version": config.version,
        "cluster_name": config.node,
        "node": config.node,
        "rates_mode": "none",
        "exchange_types": exchange_types(),
        "queue_totals": {
            "messages": ready + unsettled, "messages_ready": ready, "messages_unacknowledged": unsettled,
        },
        "object_totals": {
            "queues": queues, "exchanges": exchanges, "connections": connections.len(), "channels": channels,
            "consumers": consumers,
        },
        "message_stats": {
            "publish": totals.received, "confirm": totals.confirmed, "ack": totals.acknowledged,
            "deliver": totals.delivered_manual, "deliver_no_ack": totals.delivered_auto, "get": totals.get_manual,
            "get_no_ack": totals.get_auto, "get_empty": totals.get_empty, "redeliver": totals.redelivered,
            "deliver_get": totals.delivered_manual + totals.delivered_auto + totals.get_manual + totals.get_auto,
            "drop_unroutable": totals.unroutable_dropped, "return_unroutable": totals.unroutable_returned,
        },
        "churn_rates": {
            "connection_created": totals.connections_opened, "connection_closed": totals.connections_closed,
            "channel_created": totals.channels_opened, "channel_closed": totals.channels_closed,
            "queue_declared": totals.queues_declared, "queue_created": totals.queues_created,
            "queue_deleted": totals.queues_deleted,
        },
        "listeners": listeners,
    }))
}

fn exchange_types() -> Value {
    ["direct", "fanout", "headers", "topic"].iter().map(|name| json!({ "name": name, "enabled": true })).collect()
}

/// The user.
pub(super) fn whoami(call: &mut Call<'_, '_>, _: &[&str]) -> Result<Outcome, Problem> {
    let tags: Vec<&str> = call.user.tags.iter().map(AsRef::as_ref).collect();
    Ok(Outcome::Answer(Answer::json(&json!({ "name": &*call.user.name, "tags": tags }))))
}

/// The nodes: this one.
pub(super) fn nodes(call: &mut Call<'_, '_>, _: &[&str]) -> Result<Outcome, Problem> {
    require(call.user, Level::Monitoring)?;
    let node = node_object(call);
    call.listing(vec![node])
}

/// This node by its name.
pub(super) fn node(call: &mut Call<'_, '_>, path: &[&str]) -> Result<Outcome, Problem> {
    require(call.user, Level::Monitoring)?;
    if path[1] != call.shared.config.node {
        return Err(Problem::NotFound);
    }
    let node = node_object(call);
    call.object(&node)
}

fn node_object(call: &Call<'_, '_>) -> Value {
    let config = &call.shared.config;
    let process = config.directory.process();
    let pressure = call.cx.broker.pressure();
    json!({
        "name": config.node,
        "type": "disc",
        "running": call.cx.broker.failed().is_none(),
        "os_pid": process.pid.to_string(),
        "uptime": call.cx.turn.now.since(config.started),
        "fd_used": process.open_fds,
        "fd_total": process.max_fds,
        "mem_used": process.resident_bytes,
        "mem_limit": process.resident_limit_bytes,
        "mem_alarm": pressure.memory,
        "disk_free": process.disk_free_bytes,
        "disk_free_limit": process.disk_limit_bytes,
        "disk_free_alarm": pressure.disk,
        "exchange_types": exchange_types(),
    })
}
