//! Encodes the few AMQP 0-9-1 methods a load needs.

use crate::frame::{END, METHOD};

/// Every message travels on channel 1 of its connection.
pub(crate) const CHANNEL: u16 = 1;

/// Method numbers as `class << 16 | method` (AMQP 0-9-1 §1.4; confirm.* and basic.nack are the
/// well-known extensions).
pub(crate) mod id {
    pub(crate) const CONNECTION_START: u32 = 10 << 16 | 10;
    pub(crate) const CONNECTION_START_OK: u32 = 10 << 16 | 11;
    pub(crate) const CONNECTION_TUNE: u32 = 10 << 16 | 30;
    pub(crate) const CONNECTION_TUNE_OK: u32 = 10 << 16 | 31;
    pub(crate) const CONNECTION_OPEN: u32 = 10 << 16 | 40;
    pub(crate) const CONNECTION_OPEN_OK: u32 = 10 << 16 | 41;
    pub(crate) const CONNECTION_CLOSE: u32 = 10 << 16 | 50;
    pub(crate) const CONNECTION_CLOSE_OK: u32 = 10 << 16 | 51;
    pub(crate) const CHANNEL_OPEN: u32 = 20 << 16 | 10;
    pub(crate) const CHANNEL_OPEN_OK: u32 = 20 << 16 | 11;
    pub(crate) const CHANNEL_CLOSE: u32 = 20 << 16 | 40;
    pub(crate) const EXCHANGE_DECLARE: u32 = 40 << 16 | 10;
    pub(crate) const EXCHANGE_DECLARE_OK: u32 = 40 << 16 | 11;
    pub(crate) const EXCHANGE_DELETE: u32 = 40 << 16 | 20;
    pub(crate) const EXCHANGE_DELETE_OK: u32 = 40 << 16 | 21;
    pub(crate) const QUEUE_DECLARE: u32 = 50 << 16 | 10;
    pub(crate) const QUEUE_DECLARE_OK: u32 = 50 << 16 | 11;
    pub(crate) const QUEUE_BIND: u32 = 50 << 16 | 20;
    pub(crate) const QUEUE_BIND_OK: u32 = 50 << 16 | 21;
    pub(crate) const QUEUE_DELETE: u32 = 50 << 16 | 40;
    pub(crate) const QUEUE_DELETE_OK: u32 = 50 << 16 | 41;
    pub(crate) const BASIC_QOS: u32 = 60 << 16 | 10;
    pub(crate) const BASIC_QOS_OK: u32 = 60 << 16 | 11;
    pub(crate) const BASIC_CONSUME: u32 = 60 << 16 | 20;
    pub(crate) const BASIC_CONSUME_OK: u32 = 60 << 16 | 21;
    pub(crate) const BASIC_CANCEL: u32 = 60 << 16 | 30;
    pub(crate) const BASIC_PUBLISH: u32 = 60 << 16 | 40;
    pub(crate) const BASIC_DELIVER: u32 = 60 << 16 | 60;
    pub(crate) const BASIC_ACK: u32 = 60 << 16 | 80;
    pub(crate) const BASIC_NACK: u32 = 60 << 16 | 120;
    pub(crate) const CONFIRM_SELECT: u32 = 85 << 16 | 10;
    pub(crate) const CONFIRM_SELECT_OK: u32 = 85 << 16 | 11;
}

/// Appends one frame whose payload `write` fills in.
pub(crate) fn frame(out: &mut Vec<u8>, kind: u8, channel: u16, write: impl FnOnce(&mut Vec<u8>)) {
    out.push(kind);
    out.extend(channel.to_be_bytes());
    let size_at = out.len();
    out.extend([0; 4]);
    write(out);
    let size = (out.len() - size_at - 4) as u32;
    out[size_at..size_at + 4].copy_from_slice(&size.to_be_bytes());
    out.push(END);
}

/// Appends one method frame whose arguments `write` fills in.
pub(crate) fn method(out: &mut Vec<u8>, channel: u16, id: u32, write: impl FnOnce(&mut Vec<u8>)) {
    frame(out, METHOD, channel, |payload| {
        payload.extend(id.to_be_bytes());
        write(payload);
    });
}

/// Appends a short string; what lies past 255 octets is cut off.
pub(crate) fn short_string(out: &mut Vec<u8>, text: &str) {
    let bytes = &text.as_bytes()[..text.len().min(255)];
    out.push(bytes.len() as u8);
    out.extend(bytes);
}

/// Appends octets with a four-octet length before them.
pub(crate) fn long_string(out: &mut Vec<u8>, bytes: &[u8]) {
    out.extend((bytes.len() as u32).to_be_bytes());
    out.extend(bytes);
}

/// connection.start-ok with SASL PLAIN and the capabilities a load relies on.
pub(crate) fn start_ok(user: &str, password: &str) -> Vec<u8> {
    let mut capabilities = Vec::new();
    for name in ["publisher_confirms", "basic.nack", "consumer_cancel_notify", "authentication_failure_close"] {
        short_string(&mut capabilities, name);
        capabilities.extend([b't', 1]);
    }
    let mut properties = Vec::new();
    for (name, value) in [("product", "narumq-bench"), ("version", env!("CARGO_PKG_VERSION"))] {
        short_string(&mut properties, name);
        properties.push(b'S');
        long_string(&mut properties, value.as_bytes());
    }
    short_string(&mut properties, "capabilities");
    properties.push(b'F');
    long_string(&mut properties, &capabilities);
    let mut out = Vec::new();
    method(&mut out, 0, id::CONNECTION_START_OK, |arguments| {
        long_string(arguments, &properties);
        short_string(arguments, "PLAIN");
        long_string(arguments, format!("\0{user}\0{password}").as_bytes());
        short_string(arguments, "en_US");
    });
    out
}

/// connection.tune-ok and connection.open in one write; no heartbeats are asked for.
pub(crate) fn tune_ok_and_open(channel_max: u16, frame_max: u32, vhost: &str) -> Vec<u8> {
    let mut out = Vec::new();
    method(&mut out, 0, id::CONNECTION_TUNE_OK, |arguments| {
        arguments.extend(channel_max.to_be_bytes());
        arguments.extend(frame_max.to_be_bytes());
        arguments.extend(0u16.to_be_bytes());
    });
    method(&mut out, 0, id::CONNECTION_OPEN, |arguments| {
        short_string(arguments, vhost);
        arguments.extend([0, 0]);
    });
    out
}

/// A method on [`CHANNEL`] with already encoded arguments.
pub(crate) fn on_channel(id: u32, write: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut out = Vec::new();
    method(&mut out, CHANNEL, id, write);
    out
}

/// queue.declare; `kind` becomes the argument `x-queue-type`.
pub(crate) fn queue_declare(name: &str, passive: bool, durable: bool, kind: Option<&str>) -> Vec<u8> {
    let mut table = Vec::new();
    if let Some(kind) = kind {
        short_string(&mut table, "x-queue-type");
        table.push(b'S');
        long_string(&mut table, kind.as_bytes());
    }
    on_channel(id::QUEUE_DECLARE, |arguments| {
        arguments.extend([0, 0]);
        short_string(arguments, name);
        arguments.push(u8::from(passive) | u8::from(durable) << 1);
        long_string(arguments, &table);
    })
}

/// queue.delete, whatever is in the queue.
pub(crate) fn queue_delete(name: &str) -> Vec<u8> {
    on_channel(id::QUEUE_DELETE, |arguments| {
        arguments.extend([0, 0]);
        short_string(arguments, name);
        arguments.push(0);
    })
}

/// queue.bind to an exchange, with an empty key.
pub(crate) fn queue_bind(queue: &str, exchange: &str) -> Vec<u8> {
    on_channel(id::QUEUE_BIND, |arguments| {
        arguments.extend([0, 0]);
        short_string(arguments, queue);
        short_string(arguments, exchange);
        arguments.extend([0, 0, 0, 0, 0, 0]);
    })
}

/// exchange.declare of a fanout exchange.
pub(crate) fn fanout_declare(name: &str, durable: bool) -> Vec<u8> {
    on_channel(id::EXCHANGE_DECLARE, |arguments| {
        arguments.extend([0, 0]);
        short_string(arguments, name);
        short_string(arguments, "fanout");
        arguments.push(u8::from(durable) << 1);
        arguments.extend([0, 0, 0, 0]);
    })
}

/// exchange.delete.
pub(crate) fn exchange_delete(name: &str) -> Vec<u8> {
    on_channel(id::EXCHANGE_DELETE, |arguments| {
        arguments.extend([0, 0]);
        short_string(arguments, name);
        arguments.push(0);
    })
}

/// basic.qos for every later consumer of the channel; 0 is no limit.
pub(crate) fn qos(prefetch: u16) -> Vec<u8> {
    on_channel(id::BASIC_QOS, |arguments| {
        arguments.extend([0; 4]);
        arguments.extend(prefetch.to_be_bytes());
        arguments.push(0);
    })
}

/// basic.consume under the given consumer tag.
pub(crate) fn consume(queue: &str, tag: &str, no_ack: bool) -> Vec<u8> {
    on_channel(id::BASIC_CONSUME, |arguments| {
        arguments.extend([0, 0]);
        short_string(arguments, queue);
        short_string(arguments, tag);
        arguments.push(u8::from(no_ack) << 1);
        arguments.extend([0; 4]);
    })
}

/// Appends basic.ack of every delivery up to `tag`.
pub(crate) fn ack_up_to(out: &mut Vec<u8>, tag: u64) {
    method(out, CHANNEL, id::BASIC_ACK, |arguments| {
        arguments.extend(tag.to_be_bytes());
        arguments.push(1);
    });
}

/// confirm.select.
pub(crate) fn confirm_select() -> Vec<u8> {
    on_channel(id::CONFIRM_SELECT, |arguments| arguments.push(0))
}

/// connection.close with "goodbye".
pub(crate) fn connection_close() -> Vec<u8> {
    let mut out = Vec::new();
    method(&mut out, 0, id::CONNECTION_CLOSE, |arguments| {
        arguments.extend(200u16.to_be_bytes());
        short_string(arguments, "goodbye");
        arguments.extend([0; 4]);
    });
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame;

    #[test]
    fn a_declare_is_the_octets_of_the_specification() {
        let bytes = queue_declare("q", false, true, None);
        assert_eq!(bytes, [1, 0, 1, 0, 0, 0, 13, 0, 50, 0, 10, 0, 0, 1, b'q', 2, 0, 0, 0, 0, END]);
        let (read, length) = frame::split(&bytes, 100).unwrap().unwrap();
        assert_eq!((read.method(), length), (id::QUEUE_DECLARE, bytes.len()));
    }

    #[test]
    fn start_ok_carries_plain_credentials() {
        let bytes = start_ok("me", "secret");
        let (read, _) = frame::split(&bytes, 1000).unwrap().unwrap();
        let mut fields = frame::Fields(&read.payload[4..]);
        fields.long().unwrap();
        assert_eq!(fields.short_string().unwrap(), "PLAIN");
        assert_eq!(fields.long().unwrap(), b"\0me\0secret");
        assert_eq!(fields.short_string().unwrap(), "en_US");
        assert!(fields.0.is_empty());
    }

    #[test]
    fn an_overlong_short_string_is_cut() {
        let mut out = Vec::new();
        short_string(&mut out, &"x".repeat(300));
        assert_eq!((out.len(), out[0]), (256, 255));
    }
}
