//! What a queue does with its messages: limits, expiry, dead-lettering.

use crate::Name;
use bytes::Bytes;

/// What happens to a publish that finds a queue at its length limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Overflow {
    /// The oldest ready message makes room (dead-lettered if there is where to).
    #[default]
    DropHead,
    /// The publish is refused.
    Reject,
    /// The publish is refused and the message dead-lettered.
    RejectDeadLetter,
}

/// The effective settings of a queue. `None` means unlimited or not wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct QueuePolicy {
    /// Time to live of a message in this queue, in milliseconds from its arrival.
    pub message_ttl_ms: Option<u64>,
    /// Time without use after which the queue is deleted, in milliseconds, at least 1.
    pub expires_ms: Option<u64>,
    /// Ready messages at most.
    pub max_length: Option<u64>,
    /// Body bytes of ready messages at most.
    pub max_length_bytes: Option<u64>,
    /// What happens at the limit.
    pub overflow: Overflow,
    /// Where dead messages go: the name of an exchange of the same vhost.
    pub dead_letter_exchange: Option<Name>,
    /// The routing key they get instead of their own.
    pub dead_letter_key: Option<Bytes>,
    /// Highest priority, 1 to 255; `None` = plain FIFO.
    pub max_priority: Option<u8>,
    /// Failed deliveries (reject with requeue, loss of the connection) that a message survives.
    pub delivery_limit: Option<u32>,
    /// Hand-overs before a message dies, compared before the next hand-over.
    pub hand_over_limit: Option<u32>,
    /// Only one consumer at a time is served.
    pub single_active_consumer: bool,
    /// Default lease of a hand-over in milliseconds; `None` = until settled or the connection dies.
    pub lease_ms: Option<u64>,
    /// Delay before a message becomes visible, in milliseconds.
    pub delay_ms: Option<u64>,
    /// Messages with the same key are handed over one after another (lease by key).
    pub lease_by_key: bool,
}
