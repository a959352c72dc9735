//! What the settings of a topic, as they were given, amount to for the core.

use super::topic::{self, DURABILITY, TopicSetting};
use super::value::{self, InvalidValue, Value};
use crate::records::Codec;
use narumq_broker::TopicSettings;
use narumq_model::{Durability, Name, TopicDefinition, TopicPolicy};
use std::collections::BTreeMap;
use std::fmt;

/// The settings of a topic as they were given, by name.
pub(crate) type Given = BTreeMap<Name, Name>;

/// Under this name the number of replicas is kept that was asked for. No client can set it: it is in no table.
const REPLICAS: &str = ".replication.factor";

/// What settings amount to.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Plan {
    pub(crate) policy: TopicPolicy,
    /// If it is given.
    pub(crate) durability: Option<Durability>,
    /// Tiered storage is asked for, which there is not.
    pub(super) tiered: bool,
}

/// Why settings are refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum InvalidSettings {
    Unknown(String),
    Value(InvalidValue),
    /// The shortest and the longest lag of a compaction.
    Lags(u64, u64),
    Tiered,
    /// The topic is to promise more than the broker keeps.
    Durability,
    /// It is fixed when a topic is created.
    DurabilityChanged,
}

impl fmt::Display for InvalidSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown(name) => write!(f, "Unknown topic config name: {name}"),
            Self::Value(value) => value.fmt(f),
            Self::Lags(min, max) => {
                write!(f, "conflict topic config setting min.compaction.lag.ms ({min}) > max.compaction.lag.ms ({max})")
            }
            Self::Tiered => f.write_str(
                "Tiered Storage functionality is disabled in the broker. Topic cannot be configured with remote log \
                 storage.",
            ),
            Self::Durability => f.write_str("The broker runs with durability os: no topic can promise fsync"),
            Self::DurabilityChanged => f.write_str("durability is fixed when a topic is created"),
        }
    }
}

impl Plan {
    /// The plan of these settings.
    pub(crate) fn of(given: &Given) -> Result<Self, InvalidSettings> {
        let rows = known(given)?;
        let mut plan = Self::default();
        for (row, text) in rows {
            let value = value::read(row.name, row.kind, row.rule, text).map_err(InvalidSettings::Value)?;
            (row.apply)(&mut plan, &value);
        }
        let (min, max) = (plan.policy.compaction_lag_ms, plan.policy.compaction_lag_max_ms);
        match max {
            Some(max) if min > max => Err(InvalidSettings::Lags(min, max)),
            _ if plan.tiered => Err(InvalidSettings::Tiered),
            _ => Ok(plan),
        }
    }

    /// The plan of a new topic at a broker that promises `usual`: it cannot promise more.
    pub(crate) fn of_new(given: &Given, usual: Durability) -> Result<Self, InvalidSettings> {
        let plan = Self::of(given)?;
        match plan.durability {
            Some(Durability::Fsync) if usual == Durability::Os => Err(InvalidSettings::Durability),
            _ => Ok(plan),
        }
    }

    /// Batches are to have this codec.
    pub(super) fn recompress(&mut self, value: &Value<'_>) {
        let words = [("uncompressed", Codec::None), ("gzip", Codec::Gzip), ("snappy", Codec::Snappy)];
        let words = words.into_iter().chain([("lz4", Codec::Lz4), ("zstd", Codec::Zstd)]);
        self.policy.recompress = words.into_iter().find(|(word, _)| value.is(word)).map(|(_, codec)| codec.id());
    }
}

/// What the settings of a topic become by a change. Its durability stays as it is, given or not; `usual` is the broker's.
pub(crate) fn changed<E: From<InvalidSettings>>(
    topic: &TopicDefinition,
    usual: Durability,
    change: impl FnOnce(&Given) -> Result<Given, E>,
) -> Result<TopicSettings, E> {
    let (before, replicas) = without_replicas(&topic.settings);
    let after = change(&before)?;
    let plan = Plan::of(&after)?;
    let moved = before.get(DURABILITY) != after.get(DURABILITY);
    if moved && plan.durability.unwrap_or(usual) != topic.durability {
        return Err(InvalidSettings::DurabilityChanged.into());
    }
    Ok((plan.policy, with_replicas(after, replicas)))
}

/// The settings with their rows. Names are looked at before values, as Kafka does.
fn known(given: &Given) -> Result<Vec<(&'static TopicSetting, &str)>, InvalidSettings> {
    let row = |name: &str| topic::find(name).ok_or_else(|| InvalidSettings::Unknown(name.into()));
    given.iter().map(|(name, value)| Ok((row(name)?, &**value))).collect()
}

/// The level at which batches are compressed again, if one is given for this codec.
pub(crate) fn level(settings: &[(Name, Name)], codec: Codec) -> Option<i32> {
    let name = match codec {
        Codec::Gzip => "compression.gzip.level",
        Codec::Zstd => "compression.zstd.level",
        Codec::None | Codec::Snappy | Codec::Lz4 => return None,
    };
    let (_, value) = settings.iter().find(|(given, _)| &**given == name)?;
    value.trim().parse().ok()
}

/// Takes out of kept settings what is none.
fn without_replicas(settings: &[(Name, Name)]) -> (Given, Option<Name>) {
    let mut given: Given = settings.iter().cloned().collect();
    let replicas = given.remove(REPLICAS);
    (given, replicas)
}

/// The settings as they are kept: with the number of replicas that was asked for.
pub(crate) fn with_replicas(mut given: Given, replicas: Option<Name>) -> Vec<(Name, Name)> {
    given.extend(replicas.map(|replicas| (REPLICAS.into(), replicas)));
    given.into_iter().collect()
}
