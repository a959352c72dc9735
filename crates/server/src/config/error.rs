//! Why a configuration cannot be used, each with what to do about it.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;

/// Why a configuration cannot be used.
#[derive(Debug)]
pub(crate) enum ConfigError {
    /// The file cannot be read.
    Unreadable { file: PathBuf, error: std::io::Error },
    /// The file is not what it should be.
    Malformed { file: PathBuf, error: String },
    /// A door is to be off and to listen.
    OffAndOn(&'static str),
    /// Every door is off.
    NoDoor,
    /// Anyone on the network could log in as guest.
    Exposed { door: &'static str, address: SocketAddr },
    /// Too many or too few workers.
    Workers(u16),
    /// Too many or too few partitions.
    KafkaNumPartitions(u32),
    /// A size of messages that the log could not take.
    MessageSizeMax(u64),
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable { file, error } => {
                write!(f, "the configuration {} cannot be read: {error}", file.display())
            }
            Self::Malformed { file, error } => write!(f, "the configuration {} is not valid: {error}", file.display()),
            Self::OffAndOn(door) => {
                write!(f, "--{door} is given as \"off\" and with an address; leave one of them out")
            }
            Self::NoDoor => write!(f, "every door is off; give at least one an address, as --amqp 5672"),
            Self::Exposed { door, address } => write!(
                f,
                "--{door} {address} can be reached from other machines, and everyone knows guest/guest, the only user; \
                 listen on 127.0.0.1:{} instead, or add --allow-default-credentials if this is meant",
                address.port()
            ),
            Self::Workers(workers) => write!(f, "workers is {workers}; it must be 1 to 64"),
            Self::KafkaNumPartitions(count) => {
                write!(f, "kafka-num-partitions is {count}; it must be 1 to 10000")
            }
            Self::MessageSizeMax(bytes) => {
                write!(f, "message-size-max is {bytes} bytes; it must be 1 byte to 512MiB")
            }
        }
    }
}

impl std::error::Error for ConfigError {}
