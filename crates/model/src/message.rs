//! A message as it travels: one shared run of bytes, and what this copy has of its own.
//!
//! ```text
//! data   [exchange][routing key][origin's property bytes][payload]      one allocation, shared by all copies
//! own    format, durable, priority, times, and an Envelope once something about the copy changed
//! ```

use crate::{FormatId, Name, Time};
use bytes::{BufMut, Bytes, BytesMut};
use std::sync::Arc;

/// Why a message left a queue without being accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeathReason {
    /// A consumer rejected it.
    Rejected,
    /// Its time to live ended.
    Expired,
    /// The queue was full.
    MaxLength,
    /// It was handed over or failed too often.
    DeliveryLimit,
}

/// One entry of a message's history of deaths: deaths in the same queue for the same reason are counted together.
#[derive(Clone, Debug, PartialEq)]
pub struct Death {
    /// The queue where it died.
    pub queue: Name,
    /// Why.
    pub reason: DeathReason,
    /// How often.
    pub count: u64,
    /// When it last died so.
    pub time: Time,
    /// The exchange it had come through.
    pub exchange: Bytes,
    /// The routing keys it had come with.
    pub keys: Vec<Bytes>,
}

/// What one copy of a message has of its own once it differs from what was published.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Envelope {
    /// The exchange it last came through, if not the published one.
    pub exchange: Option<Bytes>,
    /// All routing keys, if not just the published one. The first is the one that consumers see.
    pub keys: Vec<Bytes>,
    /// Deaths, newest first.
    pub deaths: Vec<Death>,
    /// The very first death: queue, reason, exchange.
    pub first_death: Option<(Name, DeathReason, Bytes)>,
}

/// A message: cheap to clone, its bytes immutable.
#[derive(Clone, Debug)]
pub struct Message {
    data: Bytes,
    envelope: Option<Arc<Envelope>>,
    /// When it dies of age, [`Time::NEVER`] if never.
    pub expires_at: Time,
    /// When it becomes visible, `Time(0)` = at once: what a publisher asks for stands over the queue's delay.
    pub visible_at: Time,
    exchange_len: u16,
    key_len: u16,
    props_len: u32,
    /// Whose property bytes it carries.
    pub format: FormatId,
    /// 0 to 255; meaningful in queues with priorities.
    pub priority: u8,
    /// The publisher asked that it survive a restart.
    pub durable: bool,
    /// It may have been delivered before.
    pub redelivered: bool,
    /// Failed deliveries so far, for a delivery limit.
    pub failures: u16,
    /// Hand-overs so far, for a hand-over limit.
    pub hand_overs: u16,
}

/// The pieces from which a message is made.
#[derive(Clone, Copy, Debug, Default)]
pub struct MessageParts<'a> {
    /// The exchange it was published to.
    pub exchange: &'a [u8],
    /// The routing key it was published with.
    pub key: &'a [u8],
    /// The origin's property bytes, verbatim.
    pub props: &'a [u8],
    /// The payload, verbatim.
    pub payload: &'a [u8],
}

impl Message {
    /// A message over bytes laid out as the module's head draws them. Panics if the lengths exceed the data.
    pub fn from_data(data: Bytes, exchange_len: u16, key_len: u16, props_len: u32, format: FormatId) -> Self {
        assert!(data.len() >= exchange_len as usize + key_len as usize + props_len as usize, "lengths exceed data");
        Self {
            data,
            envelope: None,
            expires_at: Time::NEVER,
            visible_at: Time(0),
            exchange_len,
            key_len,
            props_len,
            format,
            priority: 0,
            durable: false,
            redelivered: false,
            failures: 0,
            hand_overs: 0,
        }
    }

    /// The exchange that consumers are told.
    pub fn exchange(&self) -> &[u8] {
        match self.envelope.as_deref() {
            Some(Envelope { exchange: Some(exchange), .. }) => exchange,
            _ => &self.data[..self.exchange_len as usize],
        }
    }

    /// The routing key that consumers are told.
    pub fn key(&self) -> &[u8] {
        match self.envelope.as_deref().and_then(|e| e.keys.first()) {
            Some(key) => key,
            None => &self.data[self.exchange_len as usize..][..self.key_len as usize],
        }
    }

    /// Exchange and routing key as published, whatever the envelope says.
    pub fn published_names(&self) -> (&[u8], &[u8]) {
        let (exchange, rest) = self.data.split_at(self.exchange_len as usize);
        (exchange, &rest[..self.key_len as usize])
    }

    /// All routing keys, the told one first.
    pub fn keys(&self) -> Vec<Bytes> {
        match self.envelope.as_deref() {
            Some(envelope) if !envelope.keys.is_empty() => envelope.keys.clone(),
            _ => {
                let start = self.exchange_len as usize;
                vec![self.data.slice(start..start + self.key_len as usize)]
            }
        }
    }

    /// The origin's property bytes.
    pub fn props(&self) -> &[u8] {
        &self.data[self.names_len()..][..self.props_len as usize]
    }

    /// The payload.
    pub fn payload(&self) -> &[u8] {
        &self.data[self.names_len() + self.props_len as usize..]
    }

    /// The payload as shared bytes.
    pub fn payload_bytes(&self) -> Bytes {
        self.data.slice(self.names_len() + self.props_len as usize..)
    }

    /// Property bytes and payload, back to back: what the log calls the body.
    pub fn body(&self) -> &[u8] {
        &self.data[self.names_len()..]
    }

    /// Length of the property bytes.
    pub fn props_len(&self) -> u32 {
        self.props_len
    }

    /// Length of the payload.
    pub fn payload_len(&self) -> usize {
        self.data.len() - self.names_len() - self.props_len as usize
    }

    /// What this copy has of its own, if anything.
    pub fn envelope(&self) -> Option<&Envelope> {
        self.envelope.as_deref()
    }

    /// Gives this copy an envelope of its own.
    pub fn set_envelope(&mut self, envelope: Envelope) {
        self.envelope = Some(Arc::new(envelope));
    }

    /// Bytes of memory it keeps alive, about.
    pub fn memory(&self) -> usize {
        self.data.len() + std::mem::size_of::<Self>()
    }

    fn names_len(&self) -> usize {
        self.exchange_len as usize + self.key_len as usize
    }
}

/// Makes messages out of pieces, many to an allocation.
///
/// Small messages share chunks of `CHUNK` bytes, so a message costs no allocation of its own; one larger than a
/// quarter of a chunk gets its own, so it pins nothing else.
#[derive(Debug, Default)]
pub struct MessageBuilder {
    chunk: BytesMut,
}

const CHUNK: usize = 64 << 10;

impl MessageBuilder {
    /// A message of these pieces. Names longer than 65,535 bytes panic: doors refuse them first.
    pub fn build(&mut self, parts: &MessageParts<'_>, format: FormatId) -> Message {
        self.build_split(parts, &[], format)
    }

    /// As [`build`](Self::build), the payload in two pieces: `parts.payload` and then `rest`.
    pub fn build_split(&mut self, parts: &MessageParts<'_>, rest: &[&[u8]], format: FormatId) -> Message {
        let names = parts.exchange.len() + parts.key.len();
        let len = names + parts.props.len() + parts.payload.len() + rest.iter().map(|r| r.len()).sum::<usize>();
        let own = len > CHUNK / 4;
        let mut lone = BytesMut::new();
        let buffer = if own {
            lone.reserve(len);
            &mut lone
        } else {
            if self.chunk.capacity() < len {
                self.chunk = BytesMut::with_capacity(CHUNK);
            }
            &mut self.chunk
        };
        buffer.put_slice(parts.exchange);
        buffer.put_slice(parts.key);
        buffer.put_slice(parts.props);
        buffer.put_slice(parts.payload);
        rest.iter().for_each(|piece| buffer.put_slice(piece));
        let data = buffer.split().freeze();
        let exchange_len = u16::try_from(parts.exchange.len()).expect("doors bound exchange names");
        let key_len = u16::try_from(parts.key.len()).expect("doors bound routing keys");
        let props_len = u32::try_from(parts.props.len()).expect("doors bound property bytes");
        Message::from_data(data, exchange_len, key_len, props_len, format)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_come_back_as_they_went_in() {
        let mut builder = MessageBuilder::default();
        let parts = MessageParts { exchange: b"logs", key: b"a.b", props: b"\x10\x00\x02", payload: b"hello" };
        let message = builder.build(&parts, FormatId(1));
        assert_eq!(message.exchange(), b"logs");
        assert_eq!(message.key(), b"a.b");
        assert_eq!(message.props(), b"\x10\x00\x02");
        assert_eq!(message.payload(), b"hello");
        assert_eq!(message.body(), b"\x10\x00\x02hello");
    }

    #[test]
    fn an_envelope_overrides_names() {
        let mut message =
            MessageBuilder::default().build(&MessageParts { key: b"k", ..Default::default() }, FormatId(1));
        message.set_envelope(Envelope {
            exchange: Some(Bytes::from_static(b"dlx")),
            keys: vec![Bytes::from_static(b"dead"), Bytes::from_static(b"cc")],
            ..Default::default()
        });
        assert_eq!((message.exchange(), message.key()), (&b"dlx"[..], &b"dead"[..]));
        assert_eq!(message.keys().len(), 2);
    }
}
