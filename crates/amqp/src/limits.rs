//! The caps and times of this door.

/// The least `frame_max` that a client may settle for, in bytes.
pub(crate) const FRAME_MAX_MIN: u32 = crate::codec::FRAME_MIN_SIZE;
/// How long a client may take from its first byte to `connection.open`, in milliseconds.
pub(crate) const HANDSHAKE_MS: u64 = 10_000;
/// How long a client may take to answer `connection.close`, in milliseconds.
pub(crate) const CLOSE_MS: u64 = 10_000;
/// How long a refused login is kept waiting where it cannot be told, in milliseconds: it slows down guessing.
pub(crate) const SILENCE_MS: u64 = 1_000;
/// How often a session that waits for something without a sure event looks again, in milliseconds.
pub(crate) const POLL_MS: u64 = 200;
/// Routes that a connection remembers.
pub(crate) const ROUTES_MAX: usize = 1024;
/// Room made for a body before its bytes have come, in bytes.
pub(crate) const BODY_RESERVE: usize = 64 << 10;
/// Messages up to this size, in bytes, share their memory with others.
pub(crate) const SMALL_MESSAGE: usize = 16 << 10;
/// Bodies of this size and more are not copied into the outbox, in bytes.
pub(crate) const SHARED_BODY_MIN: usize = 16 << 10;
/// Unwritten output beyond which no further command is looked at, in bytes.
pub(crate) const OUTPUT_MAX: usize = 4 << 20;
/// Consumers that a connection may have.
pub(crate) const CONSUMERS_MAX: usize = 1 << 18;
/// A channel's shared allowance where none is set: more than can ever be handed over.
pub(crate) const UNLIMITED: i64 = i64::MAX / 2;
