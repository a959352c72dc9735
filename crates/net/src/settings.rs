//! What the connection loop is given: its limits, and the clock, randomness and voice of the process.

use narumq_model::Time;
use std::fmt;
use std::sync::Arc;

/// Reads broker time: milliseconds that never run backwards.
pub trait Clock: Send + Sync {
    /// The instant that it is now.
    fn now(&self) -> Time;
}

/// What lies outside the loop and is given to it.
#[derive(Clone)]
pub struct Surroundings {
    /// The clock that every turn takes its `now` from.
    pub clock: Arc<dyn Clock>,
    /// 128 bits that no one can guess, new at each call.
    pub seed: Arc<dyn Fn() -> u128 + Send + Sync>,
    /// Where a warning goes that an operator should see.
    pub warn: Arc<dyn Fn(fmt::Arguments<'_>) + Send + Sync>,
}

/// The limits of a connection.
#[derive(Clone, Debug)]
pub struct Settings {
    /// A connection with more unwritten bytes than this is not read from until it is down to half.
    pub output_bytes_max: usize,
    /// Longest input that a session may ask to see in one piece, in bytes; a connection that needs more is closed.
    pub input_bytes_max: usize,
    /// How long a peer may take nothing while more than `output_bytes_max` waits for it, in milliseconds.
    pub stall_millis: u64,
    /// How long a connection that is to be closed may take to write its last bytes, in milliseconds.
    pub close_millis: u64,
    /// How long the peer has to hang up after our last byte before the connection is cut, in milliseconds.
    pub linger_millis: u64,
    /// What the peer may still send after our last byte before the connection is cut, in bytes.
    pub linger_bytes: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            output_bytes_max: 4 << 20,
            input_bytes_max: 64 << 20,
            stall_millis: 30_000,
            close_millis: 10_000,
            linger_millis: 1_000,
            linger_bytes: 4 << 20,
        }
    }
}
