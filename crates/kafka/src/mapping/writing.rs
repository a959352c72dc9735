//! What a message says as a record.
//!
//! ```text
//!   user headers, keys spelt out where need be ──► told by the block alone, by the headers alone, or with x-types? ──► parts
//! ```

use super::properties::{NAMES, Said};
use super::types::{Notes, Types};
use super::{KEY_HEADER, names, nested, properties, put, scalars, types, types_at};
use crate::records::batch::NO_TIMESTAMP;
use crate::records::{Header, NewRecord};
use narumq_model::{Record, Time, Value};
use smallvec::SmallVec;

/// Where a part of a record to be written lies.
#[derive(Clone, Copy)]
enum Part<'a> {
    Lent(&'a [u8]),
    /// From here to there in the text made for the record.
    Made(usize, usize),
}

impl<'a> Part<'a> {
    fn bytes(self, made: &'a str) -> &'a [u8] {
        match self {
            Part::Lent(bytes) => bytes,
            Part::Made(from, to) => &made.as_bytes()[from..to],
        }
    }
}

type Parts<'a> = SmallVec<[(Part<'a>, Option<Part<'a>>); 16]>;

/// Hands over the record that says the same; one that tells no time gets `now`.
pub(crate) fn write<T>(record: &Record, now: Time, used: impl FnOnce(&NewRecord<'_>) -> T) -> T {
    let mut made = String::new();
    let key_at = key_place(record);
    let user = user_parts(record, key_at, &mut made);
    let notes = Notes { time: untold_time(record), key_at };
    let typed = record.headers.0.iter().any(|(_, value)| !types::is_plain(value));
    let told = if typed || notes.time.is_some() || key_at.is_some() { Told::Marked } else { told(record) };
    let mut parts = Parts::new();
    if told != Told::UserHeaders {
        block_parts(record, &mut parts, &mut made);
    }
    if told == Told::Marked {
        let text = types_text(record, &user, key_at, notes, &made);
        let from = made.len();
        made.push_str(&text);
        parts.push((Part::Lent(types::NAME.as_bytes()), Some(Part::Made(from, made.len()))));
    }
    parts.extend(user);
    let headers = lent(&parts, &made);
    let timestamp = record.time.unwrap_or(i64::try_from(now.0).unwrap_or(i64::MAX));
    let (key, value) = (record.key.as_deref(), record.body.as_deref());
    used(&NewRecord { timestamp, key, value, headers: &headers })
}

fn lent<'a>(parts: &Parts<'a>, made: &'a str) -> SmallVec<[Header<'a>; 16]> {
    let header = |&(key, value): &(Part<'a>, Option<Part<'a>>)| Header {
        key: key.bytes(made),
        value: value.map(|value| value.bytes(made)),
    };
    parts.iter().map(header).collect()
}

/// How a record's reader knows what it says beside headers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Told {
    /// By the block in front.
    Block,
    /// By the user's headers, which say it all.
    UserHeaders,
    /// By the block, `x-types` marking its end.
    Marked,
}

/// How what all headers being plain leaves open is told so that it comes back.
fn told(record: &Record) -> Told {
    let headers = &record.headers.0;
    let Some((first, value)) = headers.first() else { return Told::Block };
    let reads_as_types = first == types::NAME && matches!(value, Value::Text(text) if Types::read(text).is_some());
    if reads_as_types {
        return Told::Marked;
    }
    if record.exchange.is_some() {
        return if properties::is_reserved(first) { Told::Marked } else { Told::Block };
    }
    if !headers.iter().any(|(name, _)| properties::is_reserved(name)) {
        return Told::Block;
    }
    if record.routing_key.is_none() && reads_alone(record) { Told::UserHeaders } else { Told::Marked }
}

/// Whether a reader of just the headers finds them, and the properties, as they are here.
fn reads_alone(record: &Record) -> bool {
    fn bytes(value: &Value) -> Option<&[u8]> {
        match value {
            Value::Text(bytes) | Value::Binary(bytes) => Some(bytes),
            _ => None,
        }
    }
    let headers: SmallVec<[Header<'_>; 16]> =
        record.headers.0.iter().map(|(name, value)| Header { key: name, value: bytes(value) }).collect();
    let (block, knows_exchanges) = properties::block(&headers);
    !knows_exchanges
        && types_at(&headers, block).is_none()
        && headers[block..].iter().any(|header| properties::is_reserved(header.key))
        && properties::deduced(&record.headers) == record.properties
}

/// The place of the header that says just what the key does, and is left out for it.
fn key_place(record: &Record) -> Option<usize> {
    let key = record.key.as_ref()?;
    let at = record.headers.0.iter().position(|(name, _)| name == KEY_HEADER)?;
    (record.headers.0[at].1 == types::plain(Some(key))).then_some(at)
}

/// The record's time, where a reader would take it for another.
fn untold_time(record: &Record) -> Option<Option<i64>> {
    let mistaken = match record.exchange {
        Some(_) => properties::told_time(&record.properties) != record.time,
        None => record.time == Some(NO_TIMESTAMP),
    };
    mistaken.then_some(record.time)
}

fn user_parts<'a>(record: &'a Record, key_at: Option<usize>, made: &mut String) -> Parts<'a> {
    let mut parts = Parts::new();
    for (at, (name, value)) in record.headers.0.iter().enumerate() {
        if Some(at) == key_at {
            continue;
        }
        let key = match names::spelt(name) {
            None => Part::Lent(name),
            Some(spelt) => make(made, |made| made.push_str(&spelt)),
        };
        let value = match value {
            Value::Void => None,
            Value::Text(bytes) | Value::Binary(bytes) => Some(Part::Lent(&bytes[..])),
            Value::Array(_) | Value::Table(_) => Some(make(made, |made| nested::write(value, made))),
            _ => Some(make(made, |made| scalars::write_text(value, made))),
        };
        parts.push((key, value));
    }
    parts
}

fn block_parts<'a>(record: &'a Record, parts: &mut Parts<'a>, made: &mut String) {
    for (name, said) in NAMES.iter().zip(properties::said(record)) {
        let value = match said {
            None => continue,
            Some(Said::Bytes(bytes)) => Part::Lent(bytes),
            Some(Said::Number(number)) => make(made, |made| put(made, format_args!("{number}"))),
        };
        parts.push((Part::Lent(name.as_bytes()), Some(value)));
    }
}

fn make<'a>(made: &mut String, write: impl FnOnce(&mut String)) -> Part<'a> {
    let from = made.len();
    write(made);
    Part::Made(from, made.len())
}

/// What `x-types` says of these headers.
fn types_text(record: &Record, user: &Parts<'_>, key_at: Option<usize>, notes: Notes, made: &str) -> String {
    let values = record.headers.0.iter().enumerate().filter(|(at, _)| Some(*at) != key_at).map(|(_, (_, value))| value);
    let mut headers: Vec<(&str, &Value)> = Vec::with_capacity(user.len());
    for ((key, _), value) in user.iter().zip(values) {
        let key = std::str::from_utf8(key.bytes(made)).expect("names that are no text are spelt out");
        headers.push((key, value));
    }
    let mut text = String::new();
    types::write(&headers, notes, &mut text);
    text
}
