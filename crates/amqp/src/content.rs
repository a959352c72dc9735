//! A message that comes in several frames: what of it has come.
//!
//! ```text
//! Method ── basic.publish ──► Header ── content header ──► Body ── body frames until nothing remains ──► Method
//!                                          └──────── body size 0 ─────────────────────────────────────────┘
//! ```

use crate::FORMAT;
use crate::limits::{BODY_RESERVE, SMALL_MESSAGE};
use crate::traits::Traits;
use bytes::Bytes;
use narumq_model::{Message, MessageBuilder, MessageParts};

/// Which kind of frame a channel expects.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Expected {
    /// A command.
    #[default]
    Method,
    /// The header of the message whose publish came.
    Header,
    /// More of its body.
    Body,
}

/// A message on its way in.
#[derive(Debug, Default)]
pub(crate) struct Content {
    pub(crate) expected: Expected,
    pub(crate) mandatory: bool,
    pub(crate) traits: Traits,
    pub(crate) remaining: u64,
    /// Exchange, key, properties, and the body as far as it has come: as a message keeps them.
    data: Vec<u8>,
    exchange_len: usize,
    key_len: usize,
    properties_len: usize,
}

impl Content {
    /// A publish has come.
    pub(crate) fn begin(&mut self, exchange: &[u8], key: &[u8], mandatory: bool) {
        self.expected = Expected::Header;
        self.mandatory = mandatory;
        self.data.clear();
        self.data.extend_from_slice(exchange);
        self.data.extend_from_slice(key);
        (self.exchange_len, self.key_len) = (exchange.len(), key.len());
    }

    /// Its header has come, and was found good.
    pub(crate) fn describe(&mut self, properties: &[u8], traits: Traits, body_size: u64) {
        let properties = traits.properties().unwrap_or(properties);
        let body = usize::try_from(body_size).unwrap_or(usize::MAX).min(BODY_RESERVE);
        self.data.reserve_exact(properties.len() + body);
        self.data.extend_from_slice(properties);
        self.properties_len = properties.len();
        self.traits = traits;
        self.remaining = body_size;
        self.expected = Expected::Body;
    }

    /// A part of the body has come, no longer than what remains.
    pub(crate) fn add(&mut self, part: &[u8]) {
        if self.data.capacity() - self.data.len() < part.len() {
            // Twice what has come, but never more than what was announced: the buffer becomes the message.
            let remaining = usize::try_from(self.remaining).unwrap_or(usize::MAX);
            self.data.reserve_exact(self.data.len().min(remaining).max(part.len()));
        }
        self.data.extend_from_slice(part);
        self.remaining -= part.len() as u64;
    }

    /// The message, once nothing remains. The next frame is a command again.
    pub(crate) fn build(&mut self, builder: &mut MessageBuilder) -> Message {
        self.expected = Expected::Method;
        let (exchange, key) = (self.exchange_len, self.key_len);
        if self.data.len() <= SMALL_MESSAGE {
            let (names, rest) = self.data.split_at(exchange + key);
            let (exchange, key) = names.split_at(exchange);
            let (props, payload) = rest.split_at(self.properties_len);
            return builder.build(&MessageParts { exchange, key, props, payload }, FORMAT);
        }
        // Short strings and a frame's payload: the lengths fit.
        let data = Bytes::from(std::mem::take(&mut self.data));
        Message::from_data(data, exchange as u16, key as u16, self.properties_len as u32, FORMAT)
    }
}
