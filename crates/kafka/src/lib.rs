//! The Kafka door: unmodified Kafka clients in front, the broker behind.
//!
//! ```text
//! bytes ─► session ─► codec: frames, headers, messages ─► commands/{produce,fetch,…} ─► broker
//!                     records: check, place ──────────────────┘
//! bytes ◄─ outbox  ◄─ answers, in the order of the requests ◄── session ◄── events ◄─── broker
//! ```
#![forbid(unsafe_code)]

pub mod codec;
pub mod records;
