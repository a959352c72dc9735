//! Publishing one message through an exchange.

use super::exchanges::name_in_path;
use super::{Answer, Call, Outcome, require_keys, text};
use crate::error::Problem;
use crate::mapping::table_from_json;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use narumq_broker::RouteQuery;
use narumq_model::{Headers, Message, MessageBuilder, MessageParts, Time, Value as Field};
use serde_json::{Map, Value, json};

const TEXTS: [&str; 10] = [
    "content_type",
    "content_encoding",
    "correlation_id",
    "reply_to",
    "expiration",
    "message_id",
    "type",
    "user_id",
    "app_id",
    "cluster_id",
];
const NUMBERS: [(&str, u64); 3] = [("delivery_mode", 2), ("priority", 255), ("timestamp", i64::MAX as u64)];

/// Publishes; says whether a queue took the message, once it is durable there if it asked to be.
pub(super) fn publish(call: &mut Call<'_, '_>, path: &[&str]) -> Result<Outcome, Problem> {
    let (vhost, exchange) = (call.vhost(path[1])?, name_in_path(path[2]));
    let body = call.body()?;
    require_keys(&body, &["routing_key", "properties", "payload", "payload_encoding"])?;
    let key = text(&body, "routing_key")?;
    if key.len() > narumq_model::limits::NAME_BYTES_MAX {
        return Err(Problem::bad("routing_key_too_long"));
    }
    let payload = payload(&body)?;
    if payload.len() as u64 > call.cx.broker.message_bytes_max() {
        return Err(Problem::bad("payload_too_large"));
    }
    let properties = properties(&body, &call.user.name)?;
    let headers = match properties.get(b"headers") {
        Some(Field::Table(headers)) => headers.clone(),
        _ => Headers::default(),
    };
    let more = [copies(&headers, b"CC")?, copies(&headers, b"BCC")?].concat();
    let keys: Vec<&[u8]> = std::iter::once(key.as_bytes()).chain(more.iter().map(AsRef::as_ref)).collect();
    let shown = || headers.clone();
    let query = RouteQuery { exchange: exchange.as_bytes(), keys: &keys, headers: &shown };
    let route = call.cx.broker.route(&vhost, &query)?;
    let message = message(call, &properties, (exchange, key, &payload))?;
    let published = call.cx.broker.publish(&route, message, call.cx.turn);
    if published.refused {
        return Err(Problem::bad("rejected"));
    }
    Ok(Outcome::Answer(Answer::json(&json!({ "routed": route.queues() > 0 })).after(published.lsn)))
}

fn message(call: &Call<'_, '_>, properties: &Headers, parts: (&str, &str, &[u8])) -> Result<Message, Problem> {
    let (exchange, key, payload) = parts;
    let writer = call.shared.config.properties.first();
    let writer = writer.ok_or_else(|| Problem::Unavailable("no protocol to publish with".into()))?;
    let props = writer.write(properties).map_err(Problem::bad)?;
    let parts = MessageParts { exchange: exchange.as_bytes(), key: key.as_bytes(), props: &props, payload };
    let mut message = MessageBuilder::default().build(&parts, writer.format());
    let number = |name: &[u8]| properties.get(name).and_then(Field::as_integer);
    message.durable = number(b"delivery_mode") == Some(2);
    message.priority = number(b"priority").and_then(|priority| u8::try_from(priority).ok()).unwrap_or(0);
    message.expires_at = expires_at(properties, call.cx.turn.now)?;
    Ok(message)
}

fn payload(body: &Map<String, Value>) -> Result<Vec<u8>, Problem> {
    let payload = text(body, "payload")?;
    match &body["payload_encoding"] {
        Value::String(encoding) if encoding == "string" => Ok(payload.as_bytes().to_vec()),
        Value::String(encoding) if encoding == "base64" => {
            STANDARD.decode(payload).map_err(|_| Problem::Bad(json!(["not_base64", payload])))
        }
        other => Err(Problem::Bad(json!(["unsupported_encoding", other]))),
    }
}

/// The properties as fields, each of its type; unknown ones are refused rather than lost.
fn properties(body: &Map<String, Value>, user: &str) -> Result<Headers, Problem> {
    let object = match &body["properties"] {
        Value::Object(object) => object,
        Value::Array(array) if array.is_empty() => return Ok(Headers::default()),
        _ => return Err(Problem::bad("properties_not_an_object")),
    };
    let mut fields = Vec::with_capacity(object.len());
    for (name, value) in object {
        let wrong = |kind: &str| Problem::Bad(json!([kind, name]));
        let field = if name == "headers" {
            let headers = value.as_object().ok_or_else(|| wrong("not_a_proplist"))?;
            Field::Table(table_from_json(headers).map_err(Problem::bad)?)
        } else if TEXTS.contains(&name.as_str()) {
            let text = value.as_str().filter(|text| text.len() <= 255).ok_or_else(|| wrong("not_string"))?;
            Field::from(text)
        } else if let Some((_, most)) = NUMBERS.iter().find(|(number, _)| number == name) {
            let number = value.as_u64().filter(|number| number <= most).ok_or_else(|| wrong("not_int"))?;
            Field::I64(number.cast_signed())
        } else {
            return Err(wrong("unknown_property"));
        };
        fields.push((Bytes::copy_from_slice(name.as_bytes()), field));
    }
    let fields = Headers(fields);
    match fields.get(b"user_id").and_then(Field::as_text) {
        Some(claimed) if claimed != user => Err(Problem::bad(format!(
            "406 PRECONDITION_FAILED - user_id property set to '{}' but authenticated user was '{user}'",
            String::from_utf8_lossy(claimed)
        ))),
        _ => Ok(fields),
    }
}

/// The further routing keys in a header.
fn copies(headers: &Headers, name: &[u8]) -> Result<Vec<Bytes>, Problem> {
    let invalid = || Problem::bad(format!("invalid {} header", String::from_utf8_lossy(name)));
    match headers.get(name) {
        None => Ok(Vec::new()),
        Some(Field::Array(keys)) => keys.iter().map(|key| key.as_text().cloned().ok_or_else(invalid)).collect(),
        Some(_) => Err(invalid()),
    }
}

fn expires_at(properties: &Headers, now: Time) -> Result<Time, Problem> {
    let Some(text) = properties.get(b"expiration").and_then(Field::as_text) else { return Ok(Time::NEVER) };
    let text = String::from_utf8_lossy(text);
    let millis = if text.starts_with('+') { None } else { text.parse::<u32>().ok() };
    let invalid = || Problem::bad(format!("406 PRECONDITION_FAILED - invalid expiration '{text}': no_integer"));
    Ok(now.plus(u64::from(millis.ok_or_else(invalid)?)))
}
