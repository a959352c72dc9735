//! The names of reserved headers, and what they say among a user's own.

use crate::codec::Property;
use bytes::Bytes;
use narumq_model::{Properties, Value};

pub(super) const STREAM_OFFSET: &[u8] = b"x-stream-offset";
pub(super) const PARTITION: &[u8] = b"x-partition";
pub(super) const TIME: &[u8] = b"timestamp_in_ms";
pub(super) const KEY: &[u8] = b"x-kafka-key";
pub(super) const TOMBSTONE: &[u8] = b"x-tombstone";
pub(super) const EXCHANGE: &[u8] = b"x-exchange";
pub(super) const ROUTING_KEY: &[u8] = b"x-routing-key";
pub(super) const LONG_NAMES: &[u8] = b"x-long-names";
pub(super) const DUPLICATE_PLACES: &[u8] = b"x-dup-places";
pub(super) const DUPLICATES: &[u8] = b"x-dup:";

/// The properties that are short strings, and where those go that are longer.
pub(super) const TEXTS: [(Property, &[u8]); 10] = [
    (Property::ContentType, b"x-content-type"),
    (Property::ContentEncoding, b"x-content-encoding"),
    (Property::CorrelationId, b"x-correlation-id"),
    (Property::ReplyTo, b"x-reply-to"),
    (Property::Expiration, b"x-expiration"),
    (Property::MessageId, b"x-message-id"),
    (Property::Type, b"x-type"),
    (Property::UserId, b"x-user-id"),
    (Property::AppId, b"x-app-id"),
    (Property::ClusterId, b"x-cluster-id"),
];

/// The texts of properties, in the order of [`TEXTS`].
pub(super) fn texts(p: &Properties) -> [&Option<Bytes>; 10] {
    [
        &p.content_type,
        &p.content_encoding,
        &p.correlation_id,
        &p.reply_to,
        &p.expiration,
        &p.message_id,
        &p.kind,
        &p.user_id,
        &p.app_id,
        &p.cluster_id,
    ]
}

/// As [`texts`], to be set.
pub(super) fn texts_mut(p: &mut Properties) -> [&mut Option<Bytes>; 10] {
    [
        &mut p.content_type,
        &mut p.content_encoding,
        &mut p.correlation_id,
        &mut p.reply_to,
        &mut p.expiration,
        &mut p.message_id,
        &mut p.kind,
        &mut p.user_id,
        &mut p.app_id,
        &mut p.cluster_id,
    ]
}

/// A header, owned or not.
pub(super) trait Entry {
    fn name(&self) -> &[u8];
    fn value(&self) -> &Value;
}

impl Entry for (Bytes, Value) {
    fn name(&self) -> &[u8] {
        &self.0
    }
    fn value(&self) -> &Value {
        &self.1
    }
}

impl Entry for &(Bytes, Value) {
    fn name(&self) -> &[u8] {
        &self.0
    }
    fn value(&self) -> &Value {
        &self.1
    }
}

/// The time, in milliseconds, that these headers tell, else the property in seconds.
pub(super) fn time_of(headers: &[impl Entry], timestamp: Option<u64>) -> Option<i64> {
    let told = headers.iter().filter(|entry| entry.name() == TIME).find_map(|entry| match entry.value() {
        Value::Void => Some(None),
        value => value.as_integer().map(Some),
    });
    told.unwrap_or_else(|| i64::try_from(timestamp?).ok()?.checked_mul(1000))
}

/// The key that these headers tell.
pub(super) fn key_of(headers: &[impl Entry]) -> Option<&Bytes> {
    let told = headers.iter().filter(|entry| entry.name() == KEY).find_map(|entry| match entry.value() {
        Value::Text(key) | Value::Binary(key) => Some(Some(key)),
        Value::Void => Some(None),
        _ => None,
    });
    told.flatten()
}

/// Whether these headers say that an empty body is none.
pub(super) fn is_tombstone(headers: &[impl Entry]) -> bool {
    let told = headers.iter().filter(|entry| entry.name() == TOMBSTONE).find_map(|entry| match entry.value() {
        Value::Bool(truth) => Some(*truth),
        _ => None,
    });
    told == Some(true)
}

/// A key as a header.
pub(super) fn key_value(key: Option<&Bytes>) -> Value {
    match key {
        None => Value::Void,
        Some(key) if std::str::from_utf8(key).is_ok() => Value::Text(key.clone()),
        Some(key) => Value::Binary(key.clone()),
    }
}

/// A time that is to be the property too: whole seconds, rounded down; none before 1970.
pub(super) fn whole_seconds(time: Option<i64>) -> Option<u64> {
    time.and_then(|ms| u64::try_from(ms).ok()).map(|ms| ms / 1000)
}

/// The longest name that a header keeps; those of records that know no exchange may need a prefix.
pub(super) fn name_bytes_max(knows_exchange: bool) -> usize {
    crate::codec::MAX_SHORT_STRING - if knows_exchange { 0 } else { DUPLICATES.len() }
}
