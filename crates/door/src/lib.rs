//! The contract of a protocol: what a door sees of the network and of the broker.
//!
//! A door turns bytes into calls of the broker and answers into bytes. It owns no socket, clock or thread: `net`
//! reads, calls, and writes what the [`Outbox`] holds. No verb blocks.
#![forbid(unsafe_code)]

pub mod http;
mod outbox;
#[cfg(feature = "peers")]
pub mod peers;
mod session;
#[cfg(feature = "transcript")]
pub mod transcript;

pub use outbox::{Chunk, Outbox};
pub use session::{Cause, ConnInfo, Context, Door, Flow, Session};

/// The broker, for `net`, which passes it on without looking inside.
pub use narumq_broker::{Broker, Event, Pressure, Traffic, Turn, Wake};
