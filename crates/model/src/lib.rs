//! The nouns of the broker: messages, headers, names, ids, policies, limits.
//!
//! Nothing here does I/O, reads a clock or knows a protocol. Every other crate may import this one;
//! it imports none of ours.
#![forbid(unsafe_code)]

mod definition;
mod id;
pub mod limits;
mod message;
mod policy;
mod record;
pub mod span;
mod topic;
mod value;

pub use definition::{
    BindingDefinition, Destination, ExchangeDefinition, ExchangeKind, HeaderMatch, QueueDefinition,
    RESERVED_HEADER_PREFIX,
};
pub use id::{Durability, Epoch, FormatId, Lsn, ObjectId, Seq, SeqRange, SessionId, Slot, Ticket, Time, WriterId};
pub use message::{Death, DeathReason, Envelope, Message, MessageBuilder, MessageParts};
pub use policy::{Overflow, QueuePolicy};
pub use record::{Properties, Record};
pub use topic::{GroupDefinition, KeyFrom, TopicDefinition, TopicPolicy};
pub use value::{Headers, Value};

/// The name of an object of a vhost: UTF-8, 0 to 255 bytes, shared.
pub type Name = std::sync::Arc<str>;
