//! The configuration file: TOML, the same names as on the command line, nothing unknown.

use super::address::{HostPort, Listening};
use super::error::ConfigError;
use super::size::Size;
use crate::cli::{AmqpProduct, Durability, KafkaSasl, Off};
use crate::report::Level;
use serde::Deserialize;
use std::num::NonZeroU64;
use std::path::{Path, PathBuf};

/// What a file may say.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct File {
    pub(crate) data_dir: Option<PathBuf>,
    pub(crate) amqp: Option<Addresses>,
    pub(crate) http: Option<Addresses>,
    pub(crate) kafka: Option<Addresses>,
    pub(crate) kafka_advertised: Option<HostPort>,
    pub(crate) kafka_sasl: Option<KafkaSasl>,
    pub(crate) kafka_auto_create: Option<bool>,
    pub(crate) kafka_num_partitions: Option<u32>,
    pub(crate) kafka_strict_replication: Option<bool>,
    #[expect(dead_code, reason = "reading it checks that it is off")]
    sqs: Option<Off>,
    #[expect(dead_code, reason = "reading it checks that it is off")]
    redis: Option<Off>,
    pub(crate) amqp_product: Option<AmqpProduct>,
    pub(crate) allow_default_credentials: Option<bool>,
    pub(crate) durability: Option<Durability>,
    pub(crate) workers: Option<u16>,
    pub(crate) memory_limit: Option<Size>,
    pub(crate) disk_reserve: Option<Size>,
    pub(crate) message_size_max: Option<Size>,
    pub(crate) compaction_interval: Option<NonZeroU64>,
    pub(crate) heartbeat: Option<u16>,
    pub(crate) log_level: Option<Level>,
}

/// One address or several.
#[derive(Debug, Deserialize)]
#[serde(untagged, expecting = "an address (\"127.0.0.1:5672\" or a port), a list of them, or \"off\"")]
pub(crate) enum Addresses {
    /// One.
    One(Listening),
    /// Several.
    Several(Vec<Listening>),
}

impl Addresses {
    /// All of them.
    pub(crate) fn into_vec(self) -> Vec<Listening> {
        match self {
            Self::One(one) => vec![one],
            Self::Several(several) => several,
        }
    }
}

impl File {
    /// Reads a file.
    pub(crate) fn read(path: &Path) -> Result<Self, ConfigError> {
        let text =
            std::fs::read_to_string(path).map_err(|error| ConfigError::Unreadable { file: path.to_owned(), error })?;
        Self::parse(&text).map_err(|error| ConfigError::Malformed { file: path.to_owned(), error })
    }

    /// Understands the text of a file; the error is one line with the place in it.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        toml::from_str(text).map_err(|error: toml::de::Error| {
            let line = error.span().map(|span| text[..span.start.min(text.len())].matches('\n').count() + 1);
            let place = line.map(|line| format!("line {line}: ")).unwrap_or_default();
            format!("{place}{}", error.message().replace('\n', " "))
        })
    }
}
