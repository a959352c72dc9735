//! The caps of this door.

use narumq_door::http::Limits;

/// A request's head, headers and body. A body beyond [`ANONYMOUS_BODY_BYTES_MAX`] is taken in only after the login in its
/// head has been checked.
pub const REQUEST: Limits = Limits { head_bytes: 16 << 10, headers: 100, body_bytes: 16 << 20 };
/// What an unfinished request may hold before its login is checked, in bytes.
pub const ANONYMOUS_BODY_BYTES_MAX: usize = 16 << 10;
/// How long a connection may stay without a request, in milliseconds.
pub const IDLE_MS: u64 = 60_000;
/// How long a request may take to come whole, in milliseconds.
pub const REQUEST_MS: u64 = 30_000;
/// How long a `get` may wait for message bodies to be read back, in milliseconds.
pub const GET_MS: u64 = 30_000;
/// Messages that one `get` may ask for.
pub const GET_COUNT_MAX: u64 = 10_000;
/// Payload bytes after which a `get` ends with what it has (64 MiB).
pub const GET_BYTES_MAX: usize = 64 << 20;
/// Longest page of a paged listing.
pub const PAGE_SIZE_MAX: usize = 500;
/// How long a request for records of a topic may wait for some to come, in milliseconds.
pub const RECORD_WAIT_MS_MAX: u64 = 30_000;
