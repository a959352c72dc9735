//! The Kafka door: unmodified Kafka clients in front, the broker behind.
//!
//! ```text
//! bytes ─► session ─► codec: frames, headers, messages ─► commands/{produce,fetch,…} ─► broker
//!                     records: check, place ──────────────────┘
//! bytes ◄─ outbox  ◄─ answers, in the order of the requests ◄── session ◄── events ◄─── broker
//! ```
#![forbid(unsafe_code)]

pub mod administration;
pub mod codec;
mod commands;
mod dialect;
mod error;
mod link;
mod login;
mod mapping;
pub mod records;
mod sasl;
mod session;
mod settings;
mod topics;

pub use dialect::RecordBatches;
pub use settings::{Advertised, Sasl, Settings, cluster_id, stream_settings};

use narumq_door::{ConnInfo, Door, Session};
use narumq_model::{FormatId, Time};
use std::sync::Arc;

/// The format id of record batches of message format v2.
pub const FORMAT: FormatId = FormatId(2);

/// The door.
#[derive(Clone, Debug)]
pub struct Kafka {
    settings: Arc<Settings>,
}

impl Kafka {
    /// A door with these settings.
    pub fn new(settings: Settings) -> Self {
        Self { settings: Arc::new(settings) }
    }
}

impl Door for Kafka {
    fn name(&self) -> &'static str {
        "kafka"
    }

    fn open(&self, info: ConnInfo, now: Time) -> Box<dyn Session> {
        Box::new(session::KafkaSession::new(self.settings.clone(), info, now))
    }
}
