//! Properties as headers `amqp.*`, in one block in front of the user's headers.
//!
//! ```text
//!   amqp.exchange │ amqp.routing_key │ amqp.content_type │ … │ amqp.timestamp (ms) │ … │ x-types │ the user's headers
//!                          each only if the message has it, in this order
//! ```

use super::scalars::seconds;
use crate::records::Header;
use bytes::Bytes;
use narumq_model::{Headers, Properties, Record, Value};

const PREFIX: &str = "amqp.";
/// What the block may hold, in order.
pub(super) const NAMES: [&str; 15] = [
    "amqp.exchange",
    "amqp.routing_key",
    "amqp.content_type",
    "amqp.content_encoding",
    "amqp.delivery_mode",
    "amqp.priority",
    "amqp.correlation_id",
    "amqp.reply_to",
    "amqp.expiration",
    "amqp.message_id",
    "amqp.timestamp",
    "amqp.type",
    "amqp.user_id",
    "amqp.app_id",
    "amqp.cluster_id",
];
const EXCHANGE: usize = 0;
const ROUTING_KEY: usize = 1;
const CONTENT_TYPE: usize = 2;
const DELIVERY_MODE: usize = 4;
const PRIORITY: usize = 5;
const TIMESTAMP: usize = 10;
/// The one other name by which a property is known.
const BARE_CONTENT_TYPE: &[u8] = b"content-type";

/// What a property says.
#[derive(Clone, Copy, Debug)]
pub(super) enum Said<'a> {
    Bytes(&'a [u8]),
    Number(u128),
}

/// All that a record says, by place in [`NAMES`].
pub(super) fn said(record: &Record) -> [Option<Said<'_>>; 15] {
    fn bytes(text: &Option<Bytes>) -> Option<Said<'_>> {
        text.as_deref().map(Said::Bytes)
    }
    let octet = |octet: Option<u8>| octet.map(|octet| Said::Number(octet.into()));
    let p = &record.properties;
    [
        bytes(&record.exchange),
        bytes(&record.routing_key),
        bytes(&p.content_type),
        bytes(&p.content_encoding),
        octet(p.delivery_mode),
        octet(p.priority),
        bytes(&p.correlation_id),
        bytes(&p.reply_to),
        bytes(&p.expiration),
        bytes(&p.message_id),
        p.timestamp.map(|seconds| Said::Number(u128::from(seconds) * 1000)),
        bytes(&p.kind),
        bytes(&p.user_id),
        bytes(&p.app_id),
        bytes(&p.cluster_id),
    ]
}

/// The place of this name in the block.
fn place(name: &[u8]) -> Option<usize> {
    if !name.starts_with(PREFIX.as_bytes()) {
        return None;
    }
    NAMES.iter().position(|known| known.as_bytes() == name)
}

/// Whether a header of this name says something about the message wherever it stands.
pub(super) fn is_reserved(name: &[u8]) -> bool {
    name == BARE_CONTENT_TYPE || place(name).is_some()
}

/// How many of the first headers are the block, and whether it tells an exchange.
pub(super) fn block(headers: &[Header<'_>]) -> (usize, bool) {
    let mut next = 0;
    let belongs = |header: &&Header<'_>| {
        let Some(value) = header.value else { return false };
        let Some(place) = place(header.key).filter(|place| *place >= next) else { return false };
        next = place + 1;
        is_canonical(place, value)
    };
    let len = headers.iter().take_while(belongs).count();
    (len, len > 0 && headers[0].key == NAMES[EXCHANGE].as_bytes())
}

/// Whether the value is what would be written for what it says.
fn is_canonical(place: usize, value: &[u8]) -> bool {
    let number =
        || std::str::from_utf8(value).ok().filter(|text| text.parse().is_ok_and(|n: u128| n.to_string() == *text));
    match place {
        DELIVERY_MODE | PRIORITY => number().is_some_and(|text| text.parse::<u8>().is_ok()),
        TIMESTAMP => number().is_some_and(|text| seconds(text).is_some()),
        _ => true,
    }
}

/// Takes over what the block says.
pub(super) fn take(headers: &[Header<'_>], own: &impl Fn(&[u8]) -> Bytes, record: &mut Record) {
    for header in headers {
        let (Some(place), Some(value)) = (place(header.key), header.value) else { continue };
        match place {
            EXCHANGE => record.exchange = Some(own(value)),
            ROUTING_KEY => record.routing_key = Some(own(value)),
            _ => set(&mut record.properties, place, &own(value)),
        }
    }
}

/// What headers of reserved names, wherever they stand, say of the properties; the last of a name counts.
pub(super) fn deduced(headers: &Headers) -> Properties {
    let mut properties = Properties::default();
    for (name, value) in &headers.0 {
        let (Value::Text(value) | Value::Binary(value)) = value else { continue };
        let place = if name == BARE_CONTENT_TYPE { Some(CONTENT_TYPE) } else { place(name) };
        if let Some(place) = place {
            set(&mut properties, place, value);
        }
    }
    properties
}

/// Sets a property; a text that is no number sets none that is one.
fn set(properties: &mut Properties, place: usize, value: &Bytes) {
    let number = || std::str::from_utf8(value).ok()?.parse::<u128>().ok();
    let octet = || number().and_then(|n| u8::try_from(n).ok());
    let text = Some(value.clone());
    match place {
        CONTENT_TYPE => properties.content_type = text,
        3 => properties.content_encoding = text,
        DELIVERY_MODE => properties.delivery_mode = octet(),
        PRIORITY => properties.priority = octet(),
        6 => properties.correlation_id = text,
        7 => properties.reply_to = text,
        8 => properties.expiration = text,
        9 => properties.message_id = text,
        TIMESTAMP => properties.timestamp = number().and_then(|ms| u64::try_from(ms / 1000).ok()),
        11 => properties.kind = text,
        12 => properties.user_id = text,
        13 => properties.app_id = text,
        14 => properties.cluster_id = text,
        _ => {}
    }
}

/// The time that the properties of a message tell which knows exchanges, in milliseconds.
pub(super) fn told_time(properties: &Properties) -> Option<i64> {
    i64::try_from(properties.timestamp?).ok()?.checked_mul(1000)
}
