//! Topics, groups and records as the objects that tools read.
//!
//! ```text
//! bytes      "text" where they are UTF-8, else {"base64": "..."}; null where there are none
//! times      milliseconds since the Unix epoch
//! ```

use crate::topics::{NewTopicRecord, TopicFormat, TopicRecord};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use bytes::Bytes;
use narumq_broker::group::{GroupSnapshot, GroupState, MemberSnapshot};
use narumq_broker::{Arrival, CursorListing, Offsets};
use narumq_model::{Durability, Time, TopicDefinition};
use serde_json::{Map, Value, json};

/// A topic with the sums over its partitions.
pub(crate) fn topic(definition: &TopicDefinition, vhost: &str, offsets: &[Offsets]) -> Value {
    let given = definition.settings.iter().filter(|(name, _)| !name.starts_with('.'));
    let given: Map<String, Value> = given.map(|(name, value)| (name.to_string(), value.to_string().into())).collect();
    json!({
        "name": &*definition.name,
        "vhost": vhost,
        "id": URL_SAFE_NO_PAD.encode(definition.uuid.to_be_bytes()),
        "partitions": definition.partitions.len(),
        "durability": match definition.durability { Durability::Fsync => "fsync", Durability::Os => "os" },
        "created": definition.created.0,
        "records": offsets.iter().map(Offsets::count).sum::<u64>(),
        "bytes": offsets.iter().map(|o| o.bytes).sum::<u64>(),
        "settings": given,
    })
}

/// One partition of a topic.
pub(crate) fn partition(number: usize, offsets: &Offsets) -> Value {
    json!({
        "partition": number,
        "start_offset": offsets.start,
        "end_offset": offsets.high,
        "records": offsets.count(),
        "bytes": offsets.bytes,
    })
}

/// All settings of a topic.
pub(crate) fn settings(format: &dyn TopicFormat, definition: &TopicDefinition) -> Value {
    let settings = format.settings(definition).into_iter().map(|setting| {
        json!({
            "name": setting.name, "value": setting.value, "default": !setting.given, "fixed": setting.fixed,
            "about": setting.about,
        })
    });
    settings.collect()
}

/// The word for what a group is doing.
pub(crate) fn state(state: GroupState) -> &'static str {
    match state {
        GroupState::Empty => "empty",
        GroupState::PreparingRebalance => "preparing-rebalance",
        GroupState::CompletingRebalance => "completing-rebalance",
        GroupState::Stable => "stable",
        GroupState::Dead => "dead",
    }
}

/// A group with the sums over what it reads.
pub(crate) fn group(name: &str, vhost: &str, group: &GroupSnapshot, cursors: &[CursorListing], now: Time) -> Value {
    let oldest = cursors.iter().filter_map(|cursor| cursor.waiting_since).min_by_key(|arrival| arrival.at);
    json!({
        "name": name,
        "vhost": vhost,
        "state": state(group.state),
        "type": "classic",
        "protocol_type": group.protocol_type.as_deref(),
        "protocol": group.protocol.as_deref(),
        "generation": group.generation,
        "leader": group.leader.as_deref(),
        "members": group.members.len(),
        "partitions": cursors.len(),
        "lag": cursors.iter().map(CursorListing::lag).sum::<u64>(),
        "oldest_age_ms": age(oldest, now),
        "oldest_age_exact": oldest.is_none_or(|arrival| arrival.exact),
    })
}

fn age(arrival: Option<Arrival>, now: Time) -> Option<u64> {
    arrival.map(|arrival| now.since(arrival.at))
}

/// A member of a group; its part as far as some format can read it.
pub(crate) fn member(member: &MemberSnapshot, formats: &[Box<dyn TopicFormat>]) -> Value {
    let assigned = formats.iter().find_map(|format| format.assignment(&member.assignment));
    let assigned = assigned.map(|topics| {
        let topic = |(topic, partitions)| json!({ "topic": topic, "partitions": partitions });
        topics.into_iter().map(topic).collect::<Vec<Value>>()
    });
    json!({
        "member_id": &*member.member_id,
        "instance_id": member.instance_id.as_deref(),
        "client_id": &*member.client_id,
        "host": &*member.client_host,
        "session_timeout_ms": member.session_timeout_ms,
        "rebalance_timeout_ms": member.rebalance_timeout_ms,
        "assignment": assigned,
        "assignment_bytes": member.assignment.len(),
    })
}

/// How far a group has read one partition.
pub(crate) fn cursor(cursor: &CursorListing, now: Time) -> Value {
    json!({
        "topic": &*cursor.topic.definition().name,
        "partition": cursor.partition,
        "committed_offset": cursor.committed.offset,
        "committed_at": cursor.committed.committed_at.0,
        "metadata": &*cursor.committed.metadata,
        "start_offset": cursor.offsets.start,
        "end_offset": cursor.offsets.high,
        "lag": cursor.lag(),
        "oldest_age_ms": age(cursor.waiting_since, now),
        "oldest_age_exact": cursor.waiting_since.is_none_or(|arrival| arrival.exact),
    })
}

/// A record with the partition that it lies in.
pub(crate) fn record(partition: u32, record: &TopicRecord<'_>) -> Value {
    let headers = record.headers.iter().map(|(name, value)| json!([bytes(Some(name)), bytes(*value)]));
    json!({
        "partition": partition,
        "offset": record.offset,
        "timestamp": (record.time >= 0).then_some(record.time),
        "key": bytes(record.key),
        "headers": headers.collect::<Vec<Value>>(),
        "payload": bytes(record.body),
    })
}

fn bytes(bytes: Option<&[u8]>) -> Value {
    match bytes.map(std::str::from_utf8) {
        None => Value::Null,
        Some(Ok(text)) => text.into(),
        Some(Err(_)) => json!({ "base64": STANDARD.encode(bytes.unwrap_or_default()) }),
    }
}

fn bytes_of(value: &Value, what: &str) -> Result<Option<Bytes>, String> {
    match value {
        Value::Null => Ok(None),
        Value::String(text) => Ok(Some(Bytes::copy_from_slice(text.as_bytes()))),
        Value::Object(object) if object.len() == 1 => {
            let text = object.get("base64").and_then(Value::as_str);
            let decoded = text.and_then(|text| STANDARD.decode(text).ok());
            decoded.map(|bytes| Some(bytes.into())).ok_or_else(|| format!("{what} is not base64"))
        }
        _ => Err(format!("{what} must be a text, null, or {{\"base64\": text}}")),
    }
}

/// A record to be written, and the partition that it asks for.
pub(crate) fn new_record(value: &Value) -> Result<(NewTopicRecord, Option<u32>), String> {
    let object = value.as_object().ok_or("a record must be an object")?;
    let known = ["key", "payload", "headers", "timestamp", "partition"];
    if let Some(name) = object.keys().find(|name| !known.contains(&name.as_str())) {
        return Err(format!("a record has no {name}: only {}", known.join(", ")));
    }
    let of = |name: &str| object.get(name).unwrap_or(&Value::Null);
    let number = |name: &str| match of(name) {
        Value::Null => Ok(None),
        value => value.as_u64().map(Some).ok_or_else(|| format!("{name} must be a number from 0 on")),
    };
    let time = number("timestamp")?.map(|time| i64::try_from(time).map_err(|_| "timestamp is too large"));
    let partition = number("partition")?.map(|number| u32::try_from(number).map_err(|_| "partition is too large"));
    let record = NewTopicRecord {
        time: time.transpose()?,
        key: bytes_of(of("key"), "key")?,
        body: bytes_of(of("payload"), "payload")?,
        headers: headers(of("headers"))?,
    };
    Ok((record, partition.transpose()?))
}

/// Pairs, or an object where no name comes twice.
fn headers(value: &Value) -> Result<Vec<(Bytes, Option<Bytes>)>, String> {
    let pair = |name: &Value, value: &Value| {
        let name = bytes_of(name, "a header's name")?.ok_or("a header has a name")?;
        Ok((name, bytes_of(value, "a header's value")?))
    };
    match value {
        Value::Null => Ok(Vec::new()),
        Value::Object(object) => object.iter().map(|(name, value)| pair(&name.as_str().into(), value)).collect(),
        Value::Array(pairs) => {
            let of = |two: &Value| match two.as_array().map(Vec::as_slice) {
                Some([name, value]) => pair(name, value),
                _ => Err("a header is a pair of name and value".to_owned()),
            };
            pairs.iter().map(of).collect()
        }
        _ => Err("headers must be an object or a list of pairs".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_read_as_they_are_shown() {
        let shown = TopicRecord {
            offset: 7,
            time: 5,
            key: Some(b"k"),
            body: Some(b"\xff"),
            headers: vec![(b"a", Some(b"1")), (b"a", None)],
        };
        let mut value = record(3, &shown);
        assert_eq!(
            value.to_string(),
            r#"{"partition":3,"offset":7,"timestamp":5,"key":"k","headers":[["a","1"],["a",null]],"payload":{"base64":"/w=="}}"#
        );
        value.as_object_mut().unwrap().remove("offset");
        let (read, partition) = new_record(&value).unwrap();
        assert_eq!((read.body.as_deref(), read.time, partition), (shown.body, Some(5), Some(3)));
        assert_eq!(read.headers.len(), 2);
        for bad in [
            json!(5),
            json!({"bogus": 1}),
            json!({"payload": 5}),
            json!({"payload": {"base64": "*"}}),
            json!({"partition": -1}),
            json!({"partition": 4_294_967_296_u64}),
            json!({"headers": [["a"]]}),
            json!({"headers": [[null, "x"]]}),
            json!({"timestamp": "now"}),
        ] {
            assert!(new_record(&bad).is_err(), "{bad}");
        }
        for bad in ["A", "AA", "AAA", "A===", "AB==", "AAB=", "=AAA", "AA=A", "A A=", "-_8=", "AA==AA=="] {
            assert!(new_record(&json!({"key": {"base64": bad}})).is_err(), "{bad}");
        }
    }
}
