//! The options of the Kafka door, as they are meant.

use super::ConfigError;
use super::file::File;
use crate::cli::{KafkaArgs, KafkaSasl};
use narumq_kafka::{Advertised, Sasl, Settings};

/// Most partitions of a topic that nobody gave a number: what one request may create.
const NUM_PARTITIONS_MAX: u32 = 10_000;

/// What can be said of the door beside where it listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct KafkaConfig {
    /// Where clients are told to come to; `None` = the address that each one dialled.
    pub(crate) advertised: Option<Advertised>,
    /// Who must log in.
    pub(crate) sasl: Sasl,
    /// Topics are made when clients ask for their metadata.
    pub(crate) auto_create: bool,
    /// Partitions of topics made without a number.
    pub(crate) num_partitions: u32,
    /// Topics with more than one replica are refused.
    pub(crate) strict_replication: bool,
}

impl KafkaConfig {
    /// What the command line and the file come to.
    pub(super) fn merge(given: KafkaArgs, file: &mut File) -> Self {
        let defaults = Settings::default();
        let advertised = given.kafka_advertised.or(file.kafka_advertised.take());
        Self {
            advertised: advertised.map(|at| Advertised { host: at.host, port: at.port }),
            sasl: match given.kafka_sasl.or(file.kafka_sasl) {
                Some(KafkaSasl::Off) => Sasl::Off,
                Some(KafkaSasl::Optional) => Sasl::Optional,
                Some(KafkaSasl::Required) => Sasl::Required,
                None => defaults.sasl,
            },
            auto_create: given.kafka_auto_create.or(file.kafka_auto_create).unwrap_or(defaults.auto_create),
            num_partitions: given.kafka_num_partitions.or(file.kafka_num_partitions).unwrap_or(defaults.partitions),
            strict_replication: given
                .kafka_strict_replication
                .or(file.kafka_strict_replication)
                .unwrap_or(defaults.strict_replication),
        }
    }

    /// Refuses what cannot be.
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        match self.num_partitions {
            1..=NUM_PARTITIONS_MAX => Ok(()),
            count => Err(ConfigError::KafkaNumPartitions(count)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::merged;
    use super::*;

    #[test]
    fn by_default_strangers_must_log_in_and_everything_else_is_kafkas() {
        let config = merged(&[], "").unwrap().kafka_door;
        let expected = KafkaConfig {
            advertised: None,
            sasl: Sasl::RequiredFromAfar,
            auto_create: true,
            num_partitions: 1,
            strict_replication: false,
        };
        assert_eq!(config, expected);
    }

    #[test]
    fn the_command_line_stands_over_the_file() {
        let file = "kafka-advertised = 'broker.example:19092'\nkafka-sasl = 'required'\nkafka-auto-create = false\n\
                    kafka-num-partitions = 6\nkafka-strict-replication = true\n";
        let from_file = merged(&[], file).unwrap().kafka_door;
        let expected = KafkaConfig {
            advertised: Some(Advertised { host: "broker.example".into(), port: 19_092 }),
            sasl: Sasl::Required,
            auto_create: false,
            num_partitions: 6,
            strict_replication: true,
        };
        assert_eq!(from_file, expected);
        let words = [
            "--kafka-advertised",
            "[::1]:1",
            "--kafka-sasl",
            "off",
            "--kafka-auto-create",
            "--kafka-num-partitions",
            "2",
            "--kafka-strict-replication=no",
        ];
        let expected = KafkaConfig {
            advertised: Some(Advertised { host: "::1".into(), port: 1 }),
            sasl: Sasl::Off,
            auto_create: true,
            num_partitions: 2,
            strict_replication: false,
        };
        assert_eq!(merged(&words, file).unwrap().kafka_door, expected);
        assert_eq!(merged(&["--kafka-sasl", "optional"], file).unwrap().kafka_door.sasl, Sasl::Optional);
    }

    #[test]
    fn what_cannot_be_is_refused() {
        for count in ["0", "10001"] {
            let error = merged(&["--kafka-num-partitions", count], "").unwrap_err();
            assert!(error.to_string().contains(count), "{error}");
        }
        for text in ["kafka-sasl = 'sometimes'", "kafka-advertised = 'here'", "kafka-auto-create = 1"] {
            assert!(File::parse(text).is_err(), "{text}");
        }
    }
}
