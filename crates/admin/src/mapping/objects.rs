//! Queues, exchanges and bindings as the objects that tools read, and the keys by which bindings are named.

use super::{table_from_json, table_to_json};
use crate::directory::{ConnectionListing, ConsumerListing};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use narumq_broker::{Offsets, QueueCounts, TopicHandle};
use narumq_door::http::percent_encode;
use narumq_model::{
    BindingDefinition, Destination, Durability, ExchangeDefinition, ExchangeKind, HeaderMatch, Headers,
    QueueDefinition, span,
};
use serde_json::{Map, Value, json};

/// How the default exchange, whose name is empty, is written in a path.
pub(crate) const DEFAULT_EXCHANGE: &str = "amq.default";

/// A queue.
pub(crate) fn queue(
    definition: &QueueDefinition,
    vhost: &str,
    counts: &QueueCounts,
    consumers: &[&ConsumerListing],
    node: &str,
) -> Value {
    let tag_of = |chosen: Option<&&ConsumerListing>| chosen.map_or(Value::Null, |c| c.tag.clone().into());
    let single = definition.policy.single_active_consumer;
    json!({
        "name": &*definition.name,
        "vhost": vhost,
        "type": queue_type(&definition.arguments),
        "durable": definition.durable,
        "auto_delete": definition.auto_delete,
        "exclusive": definition.exclusive,
        "arguments": table_to_json(&definition.arguments),
        "durability": match definition.durability { Durability::Fsync => "fsync", Durability::Os => "os" },
        "state": "running",
        "node": node,
        "messages": counts.ready + counts.unsettled,
        "messages_ready": counts.ready,
        "messages_unacknowledged": counts.unsettled,
        "message_bytes_ready": counts.ready_bytes,
        "consumers": counts.consumers,
        "exclusive_consumer_tag": tag_of(consumers.iter().find(|c| c.exclusive)),
        "single_active_consumer_tag": tag_of(consumers.iter().find(|c| single && c.active)),
        "policy": null,
        "operator_policy": null,
        "effective_policy_definition": {},
    })
}

/// A topic as the queue of type stream that it is for those who know queues only.
pub(crate) fn stream(topic: &TopicHandle, offsets: &[Offsets], consumers: u32, node: &str) -> Value {
    let definition = topic.definition();
    let records: u64 = offsets.iter().map(Offsets::count).sum();
    let mut arguments = json!({ "x-queue-type": "stream" });
    if let Some(millis) = definition.policy.retention_ms.filter(|_| definition.policy.age_from_arrival) {
        arguments["x-max-age"] = span::text(millis).into();
    }
    if let Some(bytes) = definition.policy.retention_bytes {
        arguments["x-max-length-bytes"] = bytes.into();
    }
    json!({
        "name": &*definition.name,
        "vhost": &**topic.vhost(),
        "type": "stream",
        "durable": true,
        "auto_delete": false,
        "exclusive": false,
        "arguments": arguments,
        "durability": match definition.durability { Durability::Fsync => "fsync", Durability::Os => "os" },
        "state": "running",
        "node": node,
        "messages": records,
        "messages_ready": records,
        "messages_unacknowledged": 0,
        "message_bytes_ready": offsets.iter().map(|partition| partition.bytes).sum::<u64>(),
        "consumers": consumers,
        "exclusive_consumer_tag": null,
        "single_active_consumer_tag": null,
        "policy": null,
        "operator_policy": null,
        "effective_policy_definition": {},
    })
}

/// The type that a queue was declared with.
pub(crate) fn queue_type(arguments: &Headers) -> String {
    match arguments.get(b"x-queue-type").and_then(|field| field.as_text()) {
        Some(text) => String::from_utf8_lossy(text).into_owned(),
        None => "classic".into(),
    }
}

/// An exchange.
pub(crate) fn exchange(definition: &ExchangeDefinition, vhost: &str) -> Value {
    json!({
        "name": &*definition.name,
        "vhost": vhost,
        "type": kind_name(definition.kind),
        "durable": definition.durable,
        "auto_delete": definition.auto_delete,
        "internal": definition.internal,
        "arguments": table_to_json(&definition.arguments),
        "policy": null,
    })
}

/// The word for an exchange's kind.
pub(crate) fn kind_name(kind: ExchangeKind) -> &'static str {
    match kind {
        ExchangeKind::Direct => "direct",
        ExchangeKind::Fanout => "fanout",
        ExchangeKind::Topic => "topic",
        ExchangeKind::Headers => "headers",
    }
}

/// The kind that a word stands for.
pub(crate) fn kind_from_name(name: &str) -> Option<ExchangeKind> {
    let kinds = [ExchangeKind::Direct, ExchangeKind::Fanout, ExchangeKind::Topic, ExchangeKind::Headers];
    kinds.into_iter().find(|&kind| kind_name(kind) == name)
}

/// A binding; its arguments are sorted by name, since their order means nothing.
pub(crate) fn binding(definition: &BindingDefinition, vhost: &str) -> Value {
    let (destination, destination_type) = match &definition.destination {
        Destination::Queue(name) => (name, "queue"),
        Destination::Exchange(name) => (name, "exchange"),
    };
    json!({
        "source": &*definition.source,
        "vhost": vhost,
        "destination": &**destination,
        "destination_type": destination_type,
        "routing_key": String::from_utf8_lossy(&definition.key),
        "arguments": sorted(&definition.arguments),
        "properties_key": properties_key(definition),
    })
}

fn sorted(arguments: &Headers) -> Value {
    let mut entries = arguments.0.clone();
    entries.sort_by(|(a, _), (b, _)| a.cmp(b));
    table_to_json(&Headers(entries))
}

/// The name of a binding among those between the same two ends: `key`, `key~hash` if it has arguments, `~` if nothing.
pub(crate) fn properties_key(definition: &BindingDefinition) -> String {
    let key = percent_encode(&definition.key).replace("%20", "+");
    if definition.arguments.is_empty() {
        return if key.is_empty() { "~".into() } else { key };
    }
    // FNV-1a over the sorted arguments: a name, not a proof; who deletes compares ends and key too.
    let text = sorted(&definition.arguments).to_string();
    let hash = text.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |h, b| (h ^ u64::from(b)).wrapping_mul(0x100_0000_01b3));
    format!("{key}~{}", URL_SAFE_NO_PAD.encode(hash.to_be_bytes()))
}

/// How a headers exchange reads these arguments, by their `x-match`.
pub(crate) fn header_match(arguments: &Headers) -> Result<HeaderMatch, String> {
    let Some(mode) = arguments.get(b"x-match") else { return Ok(HeaderMatch::All) };
    match mode.as_text().map(AsRef::as_ref) {
        Some(b"all") => Ok(HeaderMatch::All),
        Some(b"any") => Ok(HeaderMatch::Any),
        Some(b"all-with-x") => Ok(HeaderMatch::AllWithReserved),
        Some(b"any-with-x") => Ok(HeaderMatch::AnyWithReserved),
        _ => Err("invalid x-match: expected all, any, all-with-x or any-with-x".into()),
    }
}

/// A consumer, with the connection that it belongs to.
pub(crate) fn consumer(listing: &ConsumerListing, queue: &str, vhost: &str, of: Option<&ConnectionListing>) -> Value {
    let channel_details = of.map_or_else(
        || json!({}),
        |connection| {
            json!({
                "name": format!("{} ({})", connection.name(), listing.channel),
                "number": listing.channel,
                "connection_name": connection.name(),
                "peer_host": connection.peer.ip().to_string(),
                "peer_port": connection.peer.port(),
                "user": &*connection.user,
            })
        },
    );
    json!({
        "consumer_tag": listing.tag,
        "queue": { "name": queue, "vhost": vhost },
        "channel_details": channel_details,
        "ack_required": listing.ack_required,
        "exclusive": listing.exclusive,
        "active": listing.active,
        "activity_status": if listing.active { "up" } else { "waiting" },
        "prefetch_count": listing.prefetch,
        "arguments": table_to_json(&listing.arguments),
    })
}

/// The object under `name`: an absent one is empty, `null` and `[]` count as absent.
pub(crate) fn table_argument(body: &Map<String, Value>, name: &str) -> Result<Headers, String> {
    match body.get(name) {
        None | Some(Value::Null) => Ok(Headers::default()),
        Some(Value::Array(array)) if array.is_empty() => Ok(Headers::default()),
        Some(Value::Object(object)) => table_from_json(object),
        Some(_) => Err(format!("{name}_not_an_object")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;

    fn bound(key: &str, arguments: &Value) -> BindingDefinition {
        let arguments = table_from_json(arguments.as_object().unwrap()).unwrap();
        let destination = Destination::Queue("q".into());
        let key = Bytes::copy_from_slice(key.as_bytes());
        BindingDefinition { source: "x".into(), destination, key, arguments, header_match: HeaderMatch::All }
    }

    #[test]
    fn a_binding_is_named_by_key_and_arguments() {
        assert_eq!(properties_key(&bound("", &json!({}))), "~");
        assert_eq!(properties_key(&bound("a b.#~", &json!({}))), "a+b.%23~");
        let one = properties_key(&bound("k", &json!({"a": 1, "b": "s"})));
        let same = properties_key(&bound("k", &json!({"b": "s", "a": 1})));
        let other = properties_key(&bound("k", &json!({"a": 1, "b": "t"})));
        assert!(one.starts_with("k~") && one == same && one != other, "{one} {same} {other}");
    }

    #[test]
    fn kinds_have_words() {
        for kind in [ExchangeKind::Direct, ExchangeKind::Fanout, ExchangeKind::Topic, ExchangeKind::Headers] {
            assert_eq!(kind_from_name(kind_name(kind)), Some(kind));
        }
        assert_eq!(kind_from_name("bogus"), None);
    }
}
