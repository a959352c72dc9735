//! The management door: the HTTP API that operators and tools speak, health checks and metrics.
//!
//! ```text
//! GET /healthz   200 while the log takes entries, else 503        no login
//! GET /readyz    200 once the process serves, else 503            no login
//! GET /metrics   Prometheus text format                           no login
//! /api/...       JSON, Basic authentication                       see `commands`
//! ```
//! Architecture: a door like the others. It knows the broker, and through [`Directory`] and [`Properties`] (given at
//! composition) what other doors know; it imports none of them. Answers that speak of durable changes are held until the
//! change is durable; connections are kept alive and requests may be pipelined.
#![forbid(unsafe_code)]

mod auth;
mod commands;
mod directory;
mod error;
pub mod limits;
mod mapping;
mod page;
mod session;
mod topics;
mod waiting;

pub use directory::{
    ChannelListing, ConnectionListing, ConsumerListing, Directory, Listener, Process, Properties, Totals,
};

pub use topics::{NewTopicRecord, TopicBatch, TopicFormat, TopicRecord, TopicSetting};

use narumq_broker::{QueueHandle, Vhost};
use narumq_door::{Broker, ConnInfo, Door, Session};
use narumq_model::Time;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// What the door is told when it is made.
pub struct Config {
    /// The node's name as tools show it.
    pub node: String,
    /// The product's name.
    pub product: String,
    /// The product's version.
    pub version: String,
    /// The version that tools are told which ask for the original product's.
    pub compatible_version: String,
    /// When the process started.
    pub started: Time,
    /// The listeners of all doors.
    pub listeners: Vec<Listener>,
    /// What `/readyz` says: whether the process serves.
    pub ready: Arc<AtomicBool>,
    /// Connections, consumers and counters.
    pub directory: Box<dyn Directory>,
    /// How message properties are read and written; published messages get the first one's format.
    pub properties: Vec<Box<dyn Properties>>,
    /// How topics are set up, and their records read and written; new topics get the first one's format.
    pub topics: Vec<Box<dyn TopicFormat>>,
    /// Whether the queue of this name is a door's own affair, which no listing and no total shows.
    pub unlisted: fn(&str) -> bool,
}

pub(crate) struct Shared {
    config: Config,
}

impl Shared {
    /// The queues of a vhost that listings show.
    fn queues(&self, broker: &Broker, vhost: &Vhost) -> Vec<QueueHandle> {
        let mut queues = broker.queues(vhost);
        queues.retain(|queue| !(self.config.unlisted)(queue.name()));
        queues
    }
}

/// The management door.
pub struct Admin {
    shared: Arc<Shared>,
}

impl Admin {
    /// The door of this configuration.
    pub fn new(config: Config) -> Self {
        Self { shared: Arc::new(Shared { config }) }
    }
}

impl Door for Admin {
    fn name(&self) -> &'static str {
        "http"
    }

    fn open(&self, info: ConnInfo, now: Time) -> Box<dyn Session> {
        Box::new(session::AdminSession::new(self.shared.clone(), &info, now))
    }
}
