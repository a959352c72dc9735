//! The settings of the broker that clients ask for. None can be changed by a client.

use super::Settings;
use super::value::Kind;
use crate::link::Link;
use crate::login::LOGIN_BYTES_MAX;
use crate::sasl::Mechanism;
use narumq_broker::Broker;

/// One setting.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BrokerSetting {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    /// `None` = it has none.
    pub(crate) default: Option<&'static str>,
    /// The value, where it is not always the default.
    value: Option<fn(&Link, &Broker) -> String>,
    pub(crate) about: &'static str,
}

impl BrokerSetting {
    /// The value at this broker, as this connection sees it.
    pub(crate) fn value(&self, link: &Link, broker: &Broker) -> Option<String> {
        self.value.map(|value| value(link, broker)).or_else(|| self.default.map(str::to_owned))
    }

    const fn is(self, value: fn(&Link, &Broker) -> String) -> Self {
        Self { value: Some(value), ..self }
    }

    /// Without a default.
    const fn given(self) -> Self {
        Self { default: None, ..self }
    }
}

const fn row(name: &'static str, kind: Kind, default: &'static str, about: &'static str) -> BrokerSetting {
    BrokerSetting { name, kind, default: Some(default), value: None, about }
}

/// The setting of this name.
#[cfg(test)]
pub(super) fn find(name: &str) -> Option<&'static BrokerSetting> {
    BROKER.binary_search_by(|row| row.name.cmp(name)).ok().map(|at| &BROKER[at])
}

fn advertised(link: &Link, _: &Broker) -> String {
    listener(link, link.address())
}

fn listening(link: &Link, _: &Broker) -> String {
    listener(link, link.dialled())
}

/// A listener as clients write it down. Who need not log in is told of one without login.
fn listener(link: &Link, (host, port): (String, i32)) -> String {
    let protocol = if link.login.required { "SASL_PLAINTEXT" } else { "PLAINTEXT" };
    let host = if host.contains(':') { format!("[{host}]") } else { host };
    format!("{protocol}://{host}:{port}")
}

fn mechanisms(link: &Link, _: &Broker) -> String {
    let offered = if link.login.offered { &Mechanism::ALL[..] } else { &[] };
    offered.iter().map(|mechanism| mechanism.name()).collect::<Vec<_>>().join(",")
}

fn settings(link: &Link) -> &Settings {
    &link.settings
}

const NEVER: &str = "9223372036854775807";
const MOST: &str = "2147483647";
const TOPIC: &str = "The default of the topic setting of the same meaning.";

/// All settings, ascending by name.
pub(crate) static BROKER: [BrokerSetting; 62] = [
    row("advertised.listeners", Kind::Text, "", "Where clients are told to come to.").given().is(advertised),
    row("auto.create.topics.enable", Kind::Boolean, "true", "Topics are created when their metadata is asked for.")
        .is(|link, _| settings(link).auto_create.to_string()),
    row("broker.id", Kind::Int, "-1", "The number of this broker.").is(|link, _| settings(link).node_id.to_string()),
    row("broker.rack", Kind::Text, "", "Where this broker stands: not told.").given(),
    row("compression.gzip.level", Kind::Int, "-1", TOPIC),
    row("compression.lz4.level", Kind::Int, "9", TOPIC),
    row("compression.type", Kind::Text, "producer", TOPIC),
    row("compression.zstd.level", Kind::Int, "3", TOPIC),
    row(
        "connection.failed.authentication.delay.ms",
        Kind::Int,
        "100",
        "How long a connection is kept after a failed login has been answered, which is at once.",
    ),
    row("connections.max.idle.ms", Kind::Long, "600000", "Idle connections are not closed: they cost next to nothing.")
        .is(|_, _| NEVER.into()),
    row("connections.max.reauth.ms", Kind::Long, "0", "A login lasts as long as its connection."),
    row("default.replication.factor", Kind::Int, "1", "Replicas of topics that are created without a number."),
    row("delete.topic.enable", Kind::Boolean, "true", "Topics can be deleted."),
    row(
        "group.initial.rebalance.delay.ms",
        Kind::Int,
        "3000",
        "How long a group that was empty waits for more members.",
    )
    .is(|_, broker| broker.group_settings().initial_rebalance_delay_ms.to_string()),
    row("group.max.session.timeout.ms", Kind::Int, "1800000", "The longest session timeout of a member.")
        .is(|_, broker| broker.group_settings().session_timeout_ms_max.to_string()),
    row("group.max.size", Kind::Int, MOST, "The most members that a group may have.")
        .is(|_, broker| broker.group_settings().members_max.min(i32::MAX as usize).to_string()),
    row("group.min.session.timeout.ms", Kind::Int, "6000", "The shortest session timeout of a member.")
        .is(|_, broker| broker.group_settings().session_timeout_ms_min.to_string()),
    row("inter.broker.protocol.version", Kind::Text, "", "The version whose protocol this broker speaks.")
        .given()
        .is(|_, _| "4.2".into()),
    row("listeners", Kind::Text, "PLAINTEXT://:9092", "Where this broker listens, as this connection sees it.")
        .is(listening),
    row("log.cleaner.delete.retention.ms", Kind::Long, "86400000", TOPIC),
    row("log.cleaner.enable", Kind::Boolean, "true", "Topics can be compacted."),
    row("log.cleaner.max.compaction.lag.ms", Kind::Long, NEVER, TOPIC),
    row("log.cleaner.min.cleanable.ratio", Kind::Double, "0.5", TOPIC),
    row("log.cleaner.min.compaction.lag.ms", Kind::Long, "0", TOPIC),
    row("log.cleanup.policy", Kind::List, "delete", TOPIC),
    row("log.dirs", Kind::Text, "", "Where the log lies.").given().is(|link, _| settings(link).log_dir.clone()),
    row("log.flush.interval.messages", Kind::Long, NEVER, "Every answered batch is synced."),
    row("log.flush.interval.ms", Kind::Long, "", "Every answered batch is synced.").given(),
    row("log.index.interval.bytes", Kind::Int, "4096", TOPIC),
    row("log.index.size.max.bytes", Kind::Int, "10485760", TOPIC),
    row("log.local.retention.bytes", Kind::Long, "-2", TOPIC),
    row("log.local.retention.ms", Kind::Long, "-2", TOPIC),
    row("log.message.timestamp.after.max.ms", Kind::Long, "3600000", TOPIC),
    row("log.message.timestamp.before.max.ms", Kind::Long, NEVER, TOPIC),
    row("log.message.timestamp.type", Kind::Text, "CreateTime", TOPIC),
    row("log.preallocate", Kind::Boolean, "false", TOPIC),
    row("log.retention.bytes", Kind::Long, "-1", TOPIC),
    row("log.retention.check.interval.ms", Kind::Long, "300000", "How often it is looked for what retention removes."),
    row("log.retention.hours", Kind::Int, "168", "The default of retention.ms, in hours."),
    row("log.retention.minutes", Kind::Int, "", "Not given: log.retention.hours counts.").given(),
    row("log.retention.ms", Kind::Long, "", "Not given: log.retention.hours counts.").given(),
    row("log.roll.hours", Kind::Int, "168", "The default of segment.ms, in hours."),
    row("log.roll.ms", Kind::Long, "", "Not given: log.roll.hours counts.").given(),
    row("log.segment.bytes", Kind::Int, "1073741824", TOPIC),
    row("log.segment.delete.delay.ms", Kind::Long, "60000", TOPIC),
    row("max.connections", Kind::Int, MOST, "Connections are limited by the system's open files."),
    row("message.max.bytes", Kind::Int, "1048588", TOPIC),
    row("min.insync.replicas", Kind::Int, "1", TOPIC),
    row("node.id", Kind::Int, "", "The number of this broker.")
        .given()
        .is(|link, _| settings(link).node_id.to_string()),
    row("num.partitions", Kind::Int, "1", "Partitions of topics that are created without a number.")
        .is(|link, _| settings(link).partitions.to_string()),
    row("offset.metadata.max.bytes", Kind::Int, "4096", "The longest note beside a committed offset.")
        .is(|_, broker| broker.group_settings().offset_metadata_max.to_string()),
    row("offsets.retention.minutes", Kind::Int, "10080", "How long offsets of a group without members are kept.")
        .is(|_, broker| (broker.group_settings().offsets_retention_ms / 60_000).to_string()),
    row("offsets.topic.replication.factor", Kind::Short, "3", "Offsets lie in the log, in no topic; once.")
        .is(|_, _| "1".into()),
    row("process.roles", Kind::List, "", "This broker is its own controller.")
        .given()
        .is(|_, _| "broker,controller".into()),
    row("producer.id.expiration.ms", Kind::Int, "86400000", "A producer that is silent for so long is forgotten."),
    row("replica.fetch.max.bytes", Kind::Int, "1048576", "Nothing is replicated."),
    row("sasl.enabled.mechanisms", Kind::List, "GSSAPI", "How clients may log in.").is(mechanisms),
    row("sasl.server.max.receive.size", Kind::Int, "524288", "The largest request of a login, in bytes.")
        .is(|_, _| LOGIN_BYTES_MAX.to_string()),
    row("security.inter.broker.protocol", Kind::Text, "PLAINTEXT", "There is one broker."),
    row("socket.request.max.bytes", Kind::Int, "104857600", "The largest request, in bytes.")
        .is(|link, _| settings(link).request_bytes_max.to_string()),
    row("super.users", Kind::Text, "", "There are no access rules."),
    row("unclean.leader.election.enable", Kind::Boolean, "false", TOPIC),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_ascend_so_that_they_are_found() {
        assert!(BROKER.is_sorted_by(|a, b| a.name < b.name));
    }
}
