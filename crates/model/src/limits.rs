//! Every cap of the system that more than one room must know.

/// Longest name of an object, in bytes.
pub const NAME_BYTES_MAX: usize = 255;
/// Deepest nesting of tables and arrays in headers and arguments.
pub const TABLE_DEPTH_MAX: usize = 100;
/// Largest message body accepted unless configured otherwise, in bytes (128 MiB).
pub const MESSAGE_BYTES_MAX: u64 = 128 << 20;
/// What one `append_group` may hold, in bytes (1 GiB).
pub const GROUP_BYTES_MAX: u64 = 1 << 30;
/// Queues that one entry of the log may enqueue to.
pub const TARGETS_PER_ENTRY_MAX: usize = 64;
/// What a connection is read at most per turn, in bytes (256 KiB).
pub const READ_TURN_BYTES_MAX: usize = 256 << 10;
/// Deliveries that a connection may have unwritten before its consumers wait, in bytes (1 MiB).
pub const DELIVERY_CREDIT_BYTES: i64 = 1 << 20;
/// Message bytes of transient messages that stay in memory before they go to scratch files (32 MiB).
pub const TRANSIENT_MEMORY_BYTES: u64 = 32 << 20;
