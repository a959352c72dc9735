//! The configuration as it is meant: command line over environment over file over defaults, checked as a whole.

pub(crate) mod address;
mod error;
mod file;
mod kafka;
pub(crate) mod size;

use crate::cli::{self, ServeArgs};
use crate::report::Level;
use crate::system;
use address::{Address, Listening};
use file::File;
use narumq_amqp::Identity;
use narumq_model::{Durability, limits};
use std::num::NonZeroU64;
use std::path::PathBuf;

pub(crate) use error::ConfigError;
pub(crate) use kafka::KafkaConfig;

const AMQP_PORT: u16 = 5672;
const HTTP_PORT: u16 = 15672;
const KAFKA_PORT: u16 = 9092;
const HEARTBEAT_SECONDS: u16 = 60;

/// Everything that can be set.
#[derive(Debug, PartialEq)]
pub(crate) struct Config {
    /// Where everything is kept.
    pub(crate) data_dir: PathBuf,
    /// Where AMQP 0-9-1 is spoken; empty = nowhere.
    pub(crate) amqp: Vec<Address>,
    /// Where the Kafka protocol is spoken; empty = nowhere.
    pub(crate) kafka: Vec<Address>,
    /// What else can be said of it.
    pub(crate) kafka_door: KafkaConfig,
    /// Where management, health and metrics answer; empty = nowhere.
    pub(crate) http: Vec<Address>,
    /// What AMQP clients are told they speak to.
    pub(crate) identity: Identity,
    /// guest/guest may come from other machines.
    pub(crate) allow_default_credentials: bool,
    /// What a positive answer to a durable write promises.
    pub(crate) durability: Durability,
    /// Threads that serve connections.
    pub(crate) workers: u16,
    /// Memory beyond which publishers wait, in bytes.
    pub(crate) memory_limit: u64,
    /// Free disk space below which publishers wait, in bytes, if more than the log needs for itself.
    pub(crate) disk_reserve: Option<u64>,
    /// Largest message body, in bytes.
    pub(crate) message_size_max: u64,
    /// How often it is looked for topics to compact, in milliseconds; `None` = as often as the broker does by itself.
    pub(crate) compaction_interval: Option<NonZeroU64>,
    /// Proposed heartbeat, in seconds; 0 = none.
    pub(crate) heartbeat: u16,
    /// How much is said.
    pub(crate) log_level: Level,
}

impl Config {
    /// What the command line and the environment (`arguments`), the file they name and the defaults come to.
    pub(crate) fn resolve(arguments: ServeArgs) -> Result<Self, ConfigError> {
        let file = arguments.config.as_deref().map(File::read).transpose()?.unwrap_or_default();
        let config = Self::merge(arguments, file)?;
        config.check()?;
        Ok(config)
    }

    fn merge(given: ServeArgs, mut file: File) -> Result<Self, ConfigError> {
        let kafka_door = KafkaConfig::merge(given.kafka_door, &mut file);
        let durability = match given.durability.or(file.durability) {
            Some(cli::Durability::Os) => Durability::Os,
            Some(cli::Durability::Fsync) | None => Durability::Fsync,
        };
        let amqp = given.amqp.or(file.amqp.map(file::Addresses::into_vec));
        let kafka = given.kafka.or(file.kafka.map(file::Addresses::into_vec));
        let http = given.http.or(file.http.map(file::Addresses::into_vec));
        let message_size_max = given.message_size_max.or(file.message_size_max);
        Ok(Self {
            data_dir: given.data_dir.or(file.data_dir).unwrap_or_else(|| "narumq-data".into()),
            amqp: addresses("amqp", amqp, AMQP_PORT)?,
            kafka: addresses("kafka", kafka, KAFKA_PORT)?,
            kafka_door,
            http: addresses("http", http, HTTP_PORT)?,
            identity: match given.amqp_product.or(file.amqp_product) {
                Some(cli::AmqpProduct::Narumq) => Identity::Own,
                Some(cli::AmqpProduct::Rabbitmq) | None => Identity::Compatible,
            },
            allow_default_credentials: given
                .allow_default_credentials
                .or(file.allow_default_credentials)
                .unwrap_or(false),
            durability,
            workers: given.workers.or(file.workers).unwrap_or_else(system::workers),
            memory_limit: given
                .memory_limit
                .or(file.memory_limit)
                .map_or_else(|| system::memory_bytes() / 5 * 2, |size| size.0),
            disk_reserve: given.disk_reserve.or(file.disk_reserve).map(|size| size.0),
            message_size_max: message_size_max.map_or(limits::MESSAGE_BYTES_MAX, |size| size.0),
            compaction_interval: given.compaction_interval.or(file.compaction_interval),
            heartbeat: given.heartbeat.or(file.heartbeat).unwrap_or(HEARTBEAT_SECONDS),
            log_level: given.log_level.or(file.log_level).unwrap_or(Level::Info),
        })
    }

    fn check(&self) -> Result<(), ConfigError> {
        if !(1..=64).contains(&self.workers) {
            return Err(ConfigError::Workers(self.workers));
        }
        if !(1..=limits::GROUP_BYTES_MAX / 2).contains(&self.message_size_max) {
            return Err(ConfigError::MessageSizeMax(self.message_size_max));
        }
        self.kafka_door.check()?;
        if self.amqp.is_empty() && self.kafka.is_empty() && self.http.is_empty() {
            return Err(ConfigError::NoDoor);
        }
        let doors = [("amqp", &self.amqp), ("kafka", &self.kafka), ("http", &self.http)];
        for (door, addresses) in doors {
            let exposed = addresses.iter().find(|a| !a.socket.ip().is_loopback());
            if let (Some(address), false) = (exposed, self.allow_default_credentials) {
                return Err(ConfigError::Exposed { door, address: address.socket });
            }
        }
        Ok(())
    }
}

/// What a door's addresses come to; it is either off or has some.
fn addresses(door: &'static str, given: Option<Vec<Listening>>, port: u16) -> Result<Vec<Address>, ConfigError> {
    let given = given.unwrap_or_else(|| vec![Listening::this_machine(port)]);
    if given.contains(&Listening::Off) {
        return if given.len() == 1 { Ok(Vec::new()) } else { Err(ConfigError::OffAndOn(door)) };
    }
    let mut addresses: Vec<Address> = Vec::new();
    for address in given.iter().flat_map(Listening::addresses) {
        if address.socket.port() == 0 || !addresses.iter().any(|a| a.socket == address.socket) {
            addresses.push(address);
        }
    }
    Ok(addresses)
}

#[cfg(test)]
mod tests;
