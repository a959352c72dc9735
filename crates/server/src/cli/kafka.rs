//! What can be said of the Kafka door beside where it listens.

use crate::config::address::HostPort;
use clap::builder::BoolishValueParser;
use clap::{Args, ValueEnum};

/// The options of the Kafka door.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Kafka")]
pub(crate) struct KafkaArgs {
    /// Where Kafka clients are told to come to [default: the address that each one dialled]
    #[arg(long, value_name = "HOST:PORT", env = "NARUMQ_KAFKA_ADVERTISED", hide_env_values = true)]
    pub(crate) kafka_advertised: Option<HostPort>,
    /// Who must log in: nobody (off: nobody can), nobody (optional), everybody [default: who is not on this machine]
    #[arg(long, env = "NARUMQ_KAFKA_SASL", hide_env_values = true)]
    pub(crate) kafka_sasl: Option<KafkaSasl>,
    /// Make topics when clients ask for their metadata [default: true]
    #[arg(long, value_name = "BOOL", env = "NARUMQ_KAFKA_AUTO_CREATE", hide_env_values = true)]
    #[arg(num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    #[arg(value_parser = BoolishValueParser::new(), hide_possible_values = true)]
    pub(crate) kafka_auto_create: Option<bool>,
    /// Partitions of topics made without a number, 1 to 10000 [default: 1]
    #[arg(long, value_name = "N", env = "NARUMQ_KAFKA_NUM_PARTITIONS", hide_env_values = true)]
    pub(crate) kafka_num_partitions: Option<u32>,
    /// Refuse topics with more than one replica, instead of keeping them once
    #[arg(long, value_name = "BOOL", env = "NARUMQ_KAFKA_STRICT_REPLICATION", hide_env_values = true)]
    #[arg(num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    #[arg(value_parser = BoolishValueParser::new(), hide_possible_values = true)]
    pub(crate) kafka_strict_replication: Option<bool>,
}

/// Who must log in, by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum KafkaSasl {
    /// Nobody can log in
    Off,
    /// Nobody must, everybody can
    Optional,
    /// Everybody must
    Required,
}
