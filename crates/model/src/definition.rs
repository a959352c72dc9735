//! Definitions of catalog objects: what a client declared, kept to be compared, listed and recovered.

use crate::{Durability, Headers, Name, ObjectId, QueuePolicy};
use bytes::Bytes;

/// How an exchange finds its destinations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExchangeKind {
    /// Routing key equals binding key.
    Direct,
    /// Every binding.
    Fanout,
    /// Dot-separated words with `*` (one word) and `#` (any number).
    Topic,
    /// By headers, all or any of the binding's arguments.
    Headers,
}

/// An exchange as declared.
#[derive(Clone, Debug, PartialEq)]
pub struct ExchangeDefinition {
    /// Its id.
    pub id: ObjectId,
    /// Its name, empty for the default exchange.
    pub name: Name,
    /// How it routes.
    pub kind: ExchangeKind,
    /// Survives a restart.
    pub durable: bool,
    /// Goes when its last binding as a source goes.
    pub auto_delete: bool,
    /// Takes messages from exchanges only.
    pub internal: bool,
    /// Where messages go that match no binding.
    pub alternate: Option<Name>,
    /// The arguments as sent.
    pub arguments: Headers,
}

/// A queue as declared.
#[derive(Clone, Debug, PartialEq)]
pub struct QueueDefinition {
    /// Its id.
    pub id: ObjectId,
    /// Its name, 1 to 255 bytes.
    pub name: Name,
    /// Survives a restart.
    pub durable: bool,
    /// Belongs to one connection and goes with it.
    pub exclusive: bool,
    /// Goes when its last consumer goes.
    pub auto_delete: bool,
    /// What positive answers promise.
    pub durability: Durability,
    /// The effective settings.
    pub policy: QueuePolicy,
    /// The arguments as sent.
    pub arguments: Headers,
}

impl QueueDefinition {
    /// Whether messages of this queue may be journaled: it outlives a restart.
    pub fn outlives_restart(&self) -> bool {
        self.durable && !self.exclusive
    }
}

/// What a binding leads to.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Destination {
    /// A queue or a topic by name.
    Queue(Name),
    /// An exchange by name.
    Exchange(Name),
}

/// Which of a binding's arguments a message's headers must carry, for a headers exchange.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum HeaderMatch {
    /// All but the reserved ones (whose names begin with [`RESERVED_HEADER_PREFIX`]).
    #[default]
    All,
    /// At least one that is not reserved.
    Any,
    /// All, the reserved ones too (not the one that names the mode).
    AllWithReserved,
    /// At least one, reserved ones count too.
    AnyWithReserved,
}

/// How the names of headers begin that brokers keep for themselves.
pub const RESERVED_HEADER_PREFIX: &[u8] = b"x-";

/// A binding as made.
#[derive(Clone, Debug, PartialEq)]
pub struct BindingDefinition {
    /// The exchange it starts from.
    pub source: Name,
    /// Where it leads.
    pub destination: Destination,
    /// The binding key.
    pub key: Bytes,
    /// Arguments, compared in full.
    pub arguments: Headers,
    /// How a headers exchange reads the arguments.
    pub header_match: HeaderMatch,
}
