//! Records of batches to and from what messages say in no protocol's words.
//!
//! ```text
//!   key, value, timestamp  ◄─►  key, body, time
//!   amqp.*    properties, exchange, routing key, as text        ┐
//!   x-types   what is said neither by names nor by text         ├ headers, in this order; the first two only where needed
//!   …         the user's headers under their own names, as text ┘
//! ```
//! A record without `x-types` is read by its names alone: one that begins with `amqp.exchange` came from where there are
//! exchanges, and comes back with every field as it was; any other is a client's. There `amqp.*` in front becomes properties, and
//! where such names, or `content-type`, stand among the user's headers, all of them stay headers and say properties beside.
//! What is read so is written so again; where it would not, `x-types` is written, if only as `{}`.

mod json;
mod names;
mod nested;
mod properties;
mod scalars;
mod types;
mod writing;

pub(crate) use writing::write;

use crate::records::batch::NO_TIMESTAMP;
use crate::records::{self, Header};
use bytes::Bytes;
use narumq_model::{Headers, Record};
use smallvec::SmallVec;
use std::borrow::Cow;
use std::fmt;
use types::Types;

/// The header under which a key travels where messages have none.
const KEY_HEADER: &[u8] = b"x-kafka-key";

/// Appends what is to be written.
fn put(out: &mut String, what: fmt::Arguments<'_>) {
    fmt::Write::write_fmt(out, what).expect("a text takes all that is written");
}

/// What a record says. `section` are the bytes it was read from; its parts are slices of them.
pub(crate) fn read(section: &Bytes, raw: &records::Record<'_>) -> Record {
    let own = |part: &[u8]| section.slice_ref(part);
    let kafka_time = (raw.timestamp != NO_TIMESTAMP).then_some(raw.timestamp);
    let mut record = Record { key: raw.key.map(own), time: kafka_time, body: raw.value.map(own), ..Record::default() };
    if raw.headers.len() == 0 {
        return record;
    }
    let headers: SmallVec<[Header<'_>; 16]> = raw.headers.clone().collect();
    let (block, knows_exchanges) = properties::block(&headers);
    if let Some(mut types) = types_at(&headers, block) {
        properties::take(&headers[..block], &own, &mut record);
        record.headers = user_headers(&headers[block + 1..], &own, Some(&mut types));
        if let Some(at) = types.key_at {
            restore_key(&mut record, at);
        }
        if record.exchange.is_some() {
            record.time = properties::told_time(&record.properties);
        }
        record.time = types.time.unwrap_or(record.time);
        return record;
    }
    if knows_exchanges || !headers[block..].iter().any(|header| properties::is_reserved(header.key)) {
        properties::take(&headers[..block], &own, &mut record);
        record.headers = user_headers(&headers[block..], &own, None);
        if record.exchange.is_some() {
            record.time = properties::told_time(&record.properties);
        }
        return record;
    }
    record.headers = user_headers(&headers, &own, None);
    record.properties = properties::deduced(&record.headers);
    record
}

/// What `x-types` says, if it is the header at this place.
fn types_at(headers: &[Header<'_>], at: usize) -> Option<Types> {
    let header = headers.get(at).filter(|header| header.key == types::NAME.as_bytes())?;
    Types::read(header.value?)
}

fn user_headers(headers: &[Header<'_>], own: &impl Fn(&[u8]) -> Bytes, mut types: Option<&mut Types>) -> Headers {
    let entry = |header: &Header<'_>| {
        let name = match names::name(header.key) {
            Cow::Borrowed(key) => own(key),
            Cow::Owned(name) => name.into(),
        };
        let bytes = header.value.map(own);
        let value = match &mut types {
            Some(types) => types.value(header.key, bytes.as_ref()),
            None => types::plain(bytes.as_ref()),
        };
        (name, value)
    };
    Headers(headers.iter().map(entry).collect())
}

/// Puts the key back among the headers.
fn restore_key(record: &mut Record, at: usize) {
    let Some(key) = &record.key else { return };
    let at = at.min(record.headers.0.len());
    record.headers.0.insert(at, (Bytes::from_static(KEY_HEADER), types::plain(Some(key))));
}
