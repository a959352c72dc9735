//! The AMQP 0-9-1 door: unmodified clients of RabbitMQ in front, the broker behind.
//!
//! ```text
//! bytes ─► session ─► codec ─► commands/{connection,channel,exchange,queue,basic,tx,confirm,access} ─► broker
//!                              publish ── content, traits, routes ──────────────────────────────────►
//! bytes ◄─ outbox  ◄─ delivery, confirms, replies ◄── session ◄── events ◄──────────────────────────── broker
//! ```
#![forbid(unsafe_code)]

mod arguments;
mod auth;
mod channel;
mod channels;
pub mod codec;
mod commands;
mod confirms;
mod consumers;
mod content;
mod deaths;
mod delivery;
mod equivalence;
mod error;
mod events;
mod flow;
mod heartbeat;
mod input;
mod limits;
mod link;
mod listing;
mod mapping;
mod messages;
mod names;
mod publish;
mod routes;
mod session;
mod slots;
mod streams;
mod traits;
mod unsettled;

pub use messages::BasicMessages;
pub use names::is_reply_queue;

use narumq_broker::ExchangeSpec;
use narumq_door::{ConnInfo, Door, Session};
use narumq_model::{ExchangeKind, FormatId, Headers, Time};
use std::sync::Arc;

/// The format id of messages whose property bytes are those of class basic.
pub const FORMAT: FormatId = FormatId(1);

/// What this door offers its clients.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Proposed heartbeat, in seconds; 0 = none.
    pub heartbeat: u16,
    /// Channels that a connection may have open at once, at least 1.
    pub channel_max: u16,
    /// Largest frame, in bytes, at least 4096.
    pub frame_max: u32,
    /// What `connection.start` names as the product.
    pub identity: Identity,
}

/// What clients are told they speak to. Some decide by it what they may use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Identity {
    /// `RabbitMQ`, in the last version in which a new prefetch reaches consumers that run, as it does here. Clients that look
    /// at the product take any other for one where it does not, and go without.
    #[default]
    Compatible,
    /// This product's own name and version.
    Own,
}

impl Identity {
    /// Product and version, as they stand in `connection.start` and in what tools of the original ask for.
    pub fn told(self) -> [&'static str; 2] {
        match self {
            Self::Compatible => ["RabbitMQ", "3.13.7"],
            Self::Own => ["NaruMQ", env!("CARGO_PKG_VERSION")],
        }
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self { heartbeat: 60, channel_max: 2047, frame_max: 131_072, identity: Identity::default() }
    }
}

/// The door.
#[derive(Clone, Debug)]
pub struct Amqp {
    settings: Arc<Settings>,
}

impl Amqp {
    /// A door with these settings.
    pub fn new(settings: Settings) -> Self {
        Self { settings: Arc::new(settings) }
    }
}

impl Door for Amqp {
    fn name(&self) -> &'static str {
        "amqp"
    }

    fn open(&self, info: ConnInfo, now: Time) -> Box<dyn Session> {
        Box::new(session::AmqpSession::new(self.settings.clone(), info, now))
    }
}

/// The exchanges that every vhost has from the beginning, beside the nameless default one.
pub fn given_exchanges() -> Vec<ExchangeSpec> {
    let given = [
        ("amq.direct", ExchangeKind::Direct, false),
        ("amq.fanout", ExchangeKind::Fanout, false),
        ("amq.topic", ExchangeKind::Topic, false),
        ("amq.headers", ExchangeKind::Headers, false),
        ("amq.match", ExchangeKind::Headers, false),
        ("amq.rabbitmq.trace", ExchangeKind::Topic, true),
    ];
    let spec = |(name, kind, internal): (&str, ExchangeKind, bool)| ExchangeSpec {
        name: name.into(),
        kind,
        durable: true,
        auto_delete: false,
        internal,
        alternate: None,
        arguments: Headers::default(),
    };
    given.map(spec).into()
}

/// Reads the headers out of property bytes.
pub fn headers_of(properties: &[u8]) -> Headers {
    mapping::headers_of(properties)
}

/// Appends headers to a table, in order, duplicates and all.
pub fn write_headers(headers: &Headers, writer: &mut codec::TableWriter<'_>) {
    headers.0.iter().for_each(|(name, value)| mapping::write_entry(writer, name, value));
}
