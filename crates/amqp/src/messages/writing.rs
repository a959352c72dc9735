//! What a record says as a message.

use super::duplicates::{self, Duplicate};
use super::reserved::{self, EXCHANGE, Entry, KEY, LONG_NAMES, ROUTING_KEY, TEXTS, TIME, TOMBSTONE};
use super::reserved::{PARTITION, STREAM_OFFSET};
use crate::FORMAT;
use crate::codec::{MAX_SHORT_STRING, PropertiesView, PropertyEdits, TableWriter};
use crate::mapping;
use bytes::Bytes;
use narumq_broker::RecordPlace;
use narumq_model::{Headers, Message, MessageBuilder, MessageParts, Record, Value};
use smallvec::SmallVec;

type Lead = SmallVec<[(Bytes, Value); 4]>;

/// Writes the message.
pub(super) fn write(record: &Record, place: Option<RecordPlace<'_>>, builder: &mut MessageBuilder) -> Message {
    let mut lead = Lead::new();
    let user = user_headers(record, place, &mut lead);
    let mut edits = PropertyEdits::new();
    let timestamp = record.properties.timestamp;
    if needs_time(record, &user.shown) {
        push(&mut lead, TIME, record.time.map_or(Value::Void, Value::I64));
        if let Some(seconds) = timestamp.or(reserved::whole_seconds(record.time)) {
            edits.timestamp(seconds);
        }
    } else if let Some(seconds) = timestamp {
        edits.timestamp(seconds);
    }
    if reserved::key_of(&user.shown) != record.key.as_ref() {
        push(&mut lead, KEY, reserved::key_value(record.key.as_ref()));
    }
    let told = reserved::is_tombstone(&user.shown);
    let is_tombstone = record.body.is_none();
    if is_tombstone != told && record.body.as_ref().is_none_or(Bytes::is_empty) {
        push(&mut lead, TOMBSTONE, Value::Bool(is_tombstone));
    }
    let exchange = short(record.exchange.as_ref(), EXCHANGE, &mut lead);
    let key = match (&record.routing_key, place) {
        (None, Some(place)) => place.topic.as_bytes(),
        (key, _) => short(key.as_ref(), ROUTING_KEY, &mut lead),
    };
    for ((property, header), text) in TEXTS.into_iter().zip(reserved::texts(&record.properties)) {
        let Some(text) = text else { continue };
        if text.len() <= MAX_SHORT_STRING {
            edits.short_string(property, text);
        } else {
            push(&mut lead, header, Value::Text(text.clone()));
        }
    }
    lead.extend(user.behind_lead);
    let mut table = Vec::new();
    if !lead.is_empty() || !user.shown.is_empty() {
        let mut writer = TableWriter::new(&mut table);
        lead.iter().for_each(|(name, value)| mapping::write_entry(&mut writer, name, value));
        user.shown.iter().for_each(|(name, value)| mapping::write_entry(&mut writer, name, value));
        edits.headers(writer.finish());
    }
    if let Some(mode) = record.properties.delivery_mode {
        edits.delivery_mode(mode);
    }
    if let Some(priority) = record.properties.priority {
        edits.priority(priority);
    }
    let mut props = Vec::with_capacity(128);
    edits.write(&PropertiesView::EMPTY, &mut props);
    let payload = record.body.as_deref().unwrap_or_default();
    let mut message = builder.build(&MessageParts { exchange, key, props: &props, payload }, FORMAT);
    message.durable = record.exchange.is_none() || record.properties.delivery_mode == Some(2);
    message.priority = record.properties.priority.unwrap_or(0);
    message
}

fn push(lead: &mut Lead, name: &'static [u8], value: Value) {
    lead.push((Bytes::from_static(name), value));
}

/// Whether the time must stand in front: always if there is one and no exchange is known, else if a reader would find another.
fn needs_time(record: &Record, shown: &[impl Entry]) -> bool {
    let always = record.exchange.is_none() && record.time.is_some();
    always || reserved::time_of(shown, record.properties.timestamp) != record.time
}

/// A name in the place it has in a message, or if it is too long in front of the headers.
fn short<'a>(name: Option<&'a Bytes>, header: &'static [u8], lead: &mut Lead) -> &'a [u8] {
    match name {
        Some(name) if name.len() > MAX_SHORT_STRING => {
            push(lead, header, Value::Text(name.clone()));
            &[]
        }
        Some(name) => name,
        None => &[],
    }
}

/// The user's headers as they are shown, and what stands before them for those that are not.
struct UserHeaders<'a> {
    shown: SmallVec<[&'a (Bytes, Value); 16]>,
    behind_lead: Vec<(Bytes, Value)>,
}

/// Puts the place in front, and finds out which of the user's headers are shown.
fn user_headers<'a>(record: &'a Record, place: Option<RecordPlace<'_>>, lead: &mut Lead) -> UserHeaders<'a> {
    let mut shown: SmallVec<[&(Bytes, Value); 16]> = record.headers.0.iter().collect();
    if let Some(place) = place {
        push(lead, STREAM_OFFSET, Value::I64(i64::try_from(place.offset).unwrap_or(i64::MAX)));
        shown.retain(|(name, _)| name != STREAM_OFFSET);
        if place.partitions > 1 {
            push(lead, PARTITION, Value::I32(i32::try_from(place.partition).unwrap_or(i32::MAX)));
            shown.retain(|(name, _)| name != PARTITION);
        }
    }
    let mut behind_lead = Vec::new();
    let name_bytes_max = reserved::name_bytes_max(record.exchange.is_some());
    if shown.iter().any(|(name, _)| name.len() > name_bytes_max) {
        let long = shown.iter().enumerate().filter(|(_, (name, _))| name.len() > name_bytes_max);
        let long = long.map(|(at, (name, value))| long_name(at, name, value)).collect();
        behind_lead.push((Bytes::from_static(LONG_NAMES), Value::Array(long)));
        shown.retain(|(name, _)| name.len() <= name_bytes_max);
    }
    if record.exchange.is_none() {
        let found = duplicates::find(&shown);
        if !found.is_empty() {
            let mut hidden = vec![false; shown.len()];
            found.iter().flat_map(Duplicate::earlier).for_each(|at| hidden[*at] = true);
            let mut hidden = hidden.into_iter();
            shown.retain(|_| hidden.next() == Some(false));
        }
        behind_lead.extend(duplicates::headers(&found, &shown));
    }
    UserHeaders { shown, behind_lead }
}

fn long_name(at: usize, name: &Bytes, value: &Value) -> Value {
    Value::Table(Headers(vec![
        (Bytes::from_static(b"at"), Value::I64(at as i64)),
        (Bytes::from_static(b"name"), Value::Text(name.clone())),
        (Bytes::from_static(b"value"), value.clone()),
    ]))
}
