//! The Kafka door: unmodified Kafka clients in front, the broker behind.
//!
//! ```text
//! bytes ─► codec: frames, headers, messages
//! ```
#![forbid(unsafe_code)]

pub mod codec;
