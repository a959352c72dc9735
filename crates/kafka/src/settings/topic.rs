//! The settings of topics: one row each, with type, default, what is allowed, and what it means to the core.

mod setting;

pub(crate) use setting::TopicSetting;

use super::value::{Kind, Rule};
use narumq_model::Durability;
use setting::row;

/// What a positive answer promises. Fixed when a topic is created.
pub(crate) const DURABILITY: &str = "durability";

/// The setting of this name.
pub(crate) fn find(name: &str) -> Option<&'static TopicSetting> {
    TOPIC.binary_search_by(|row| row.name.cmp(name)).ok().map(|at| &TOPIC[at])
}

const NEVER: &str = "9223372036854775807";
const WEEK: &str = "604800000";
const DAY: &str = "86400000";
const NOT_NEGATIVE: Rule = Rule::AtLeast(0);
const POSITIVE: Rule = Rule::AtLeast(1);

/// All settings, ascending by name.
pub(crate) static TOPIC: [TopicSetting; 37] = [
    row(
        "cleanup.policy",
        Kind::List,
        Rule::OneOf(&["compact", "delete"]),
        "delete",
        "delete: old segments go by age and size. compact: of records with the same key the last is kept. Both, or \
         none: then nothing is ever removed.",
    )
    .of("log.cleanup.policy")
    .does(|plan, value| {
        plan.policy.deletes = value.has("delete");
        plan.policy.compacts = value.has("compact");
    }),
    row(
        "compression.gzip.level",
        Kind::Int,
        Rule::GzipLevel,
        "-1",
        "The level at which batches are compressed again where compression.type is gzip; -1 is the codec's own choice.",
    )
    .of("compression.gzip.level"),
    row(
        "compression.lz4.level",
        Kind::Int,
        Rule::Between(1, 17),
        "9",
        "Without effect: the LZ4 encoder here has one level, a fast one.",
    )
    .of("compression.lz4.level"),
    row(
        "compression.type",
        Kind::Text,
        Rule::OneOf(&["uncompressed", "zstd", "lz4", "snappy", "gzip", "producer"]),
        "producer",
        "producer keeps batches as they come. Any other compresses again those that come under another codec.",
    )
    .of("compression.type")
    .does(|plan, value| plan.recompress(value)),
    row(
        "compression.zstd.level",
        Kind::Int,
        Rule::Between(-131_072, 22),
        "3",
        "The level at which batches are compressed again where compression.type is zstd.",
    )
    .of("compression.zstd.level"),
    row(
        "delete.retention.ms",
        Kind::Long,
        NOT_NEGATIVE,
        DAY,
        "How long a record without a value stays after a compaction has seen it, in milliseconds.",
    )
    .of("log.cleaner.delete.retention.ms")
    .does(|plan, value| plan.policy.tombstone_ms = value.number()),
    row(
        DURABILITY,
        Kind::Text,
        Rule::OneOf(&["fsync", "os"]),
        "fsync",
        "What a positive answer promises: fsync, that the batch is on the disk; os, that the system has it, of which a power \
         cut may cost the last. Chosen when the topic is created, no stronger than the broker's own.",
    )
    .does(|plan, value| plan.durability = Some(if value.is("os") { Durability::Os } else { Durability::Fsync })),
    row(
        "file.delete.delay.ms",
        Kind::Long,
        NOT_NEGATIVE,
        "60000",
        "Without effect: the space of what is removed is given back at once.",
    )
    .of("log.segment.delete.delay.ms"),
    row(
        "flush.messages",
        Kind::Long,
        POSITIVE,
        NEVER,
        "Without effect: durability says when batches are synced.",
    )
    .of("log.flush.interval.messages"),
    row("flush.ms", Kind::Long, NOT_NEGATIVE, NEVER, "Without effect: durability says when batches are synced."),
    row(
        "follower.replication.throttled.replicas",
        Kind::List,
        Rule::Replicas,
        "",
        "Without effect: there is one broker, so nothing is replicated.",
    ),
    row("index.interval.bytes", Kind::Int, NOT_NEGATIVE, "4096", "Without effect: segments have no index of this kind.")
        .of("log.index.interval.bytes"),
    row(
        "key.from",
        Kind::Text,
        Rule::KeyFrom,
        "none",
        "What becomes the key of a message that reaches the topic through an exchange, without one: none, routing-key, or \
         header:NAME.",
    )
    .does(|plan, value| plan.policy.key_from = value.key_from()),
    row(
        "leader.replication.throttled.replicas",
        Kind::List,
        Rule::Replicas,
        "",
        "Without effect: there is one broker, so nothing is replicated.",
    ),
    row(
        "local.retention.bytes",
        Kind::Long,
        Rule::AtLeast(-2),
        "-2",
        "Without effect: there is no tiered storage, so all that is kept is local.",
    )
    .of("log.local.retention.bytes"),
    row(
        "local.retention.ms",
        Kind::Long,
        Rule::AtLeast(-2),
        "-2",
        "Without effect: there is no tiered storage, so all that is kept is local.",
    )
    .of("log.local.retention.ms"),
    row(
        "max.compaction.lag.ms",
        Kind::Long,
        POSITIVE,
        NEVER,
        "A record is compacted at this age at the latest, in milliseconds.",
    )
    .of("log.cleaner.max.compaction.lag.ms")
    .does(|plan, value| plan.policy.compaction_lag_max_ms = value.bound()),
    row("max.message.bytes", Kind::Int, NOT_NEGATIVE, "1048588", "The largest batch, compressed as it is, in bytes.")
        .of("message.max.bytes")
        .does(|plan, value| plan.policy.batch_bytes_max = value.number() as u32),
    row(
        "message.timestamp.after.max.ms",
        Kind::Long,
        NOT_NEGATIVE,
        "3600000",
        "How much later than its arrival a record's time may be, in milliseconds; of no meaning with LogAppendTime.",
    )
    .of("log.message.timestamp.after.max.ms")
    .does(|plan, value| plan.policy.time_after_ms = value.bound()),
    row(
        "message.timestamp.before.max.ms",
        Kind::Long,
        NOT_NEGATIVE,
        NEVER,
        "How much earlier than its arrival a record's time may be, in milliseconds; of no meaning with LogAppendTime.",
    )
    .of("log.message.timestamp.before.max.ms")
    .does(|plan, value| plan.policy.time_before_ms = value.bound()),
    row(
        "message.timestamp.type",
        Kind::Text,
        Rule::OneOf(&["CreateTime", "LogAppendTime"]),
        "CreateTime",
        "Whose clock gives records their time: the producer's, or the broker's when they arrive.",
    )
    .of("log.message.timestamp.type")
    .does(|plan, value| plan.policy.arrival_time = value.is("LogAppendTime")),
    row(
        "min.cleanable.dirty.ratio",
        Kind::Double,
        Rule::Between(0, 1),
        "0.5",
        "The share of a partition that must be new before it is compacted.",
    )
    .of("log.cleaner.min.cleanable.ratio")
    .does(|plan, value| plan.policy.dirty_per_mille = (value.double() * 1000.0).round() as u16),
    row(
        "min.compaction.lag.ms",
        Kind::Long,
        NOT_NEGATIVE,
        "0",
        "A record is not compacted away before it has this age, in milliseconds.",
    )
    .of("log.cleaner.min.compaction.lag.ms")
    .does(|plan, value| plan.policy.compaction_lag_ms = value.number()),
    row(
        "min.insync.replicas",
        Kind::Int,
        POSITIVE,
        "1",
        "Kept, and acts as 1: there is one broker, and acks=all waits for its disk.",
    )
    .of("min.insync.replicas"),
    row("preallocate", Kind::Boolean, Rule::Any, "false", "Without effect: segments are written in large pieces.")
        .of("log.preallocate"),
    row(
        "remote.log.copy.disable",
        Kind::Boolean,
        Rule::Any,
        "false",
        "Without effect: there is no tiered storage.",
    ),
    row(
        "remote.log.delete.on.disable",
        Kind::Boolean,
        Rule::Any,
        "false",
        "Without effect: there is no tiered storage.",
    ),
    row("remote.storage.enable", Kind::Boolean, Rule::Any, "false", "Only false: there is no tiered storage.")
        .does(|plan, value| plan.tiered = value.is_true()),
    row(
        "retention.bytes",
        Kind::Long,
        Rule::Any,
        "-1",
        "Old segments go while the partition would still have this many bytes; below 0 there is no limit.",
    )
    .of("log.retention.bytes")
    .does(|plan, value| plan.policy.retention_bytes = value.limit()),
    row(
        "retention.from",
        Kind::Text,
        Rule::OneOf(&["record", "arrival"]),
        "record",
        "Whence retention.ms counts: record, the latest time of a record; arrival, when the last one came.",
    )
    .does(|plan, value| plan.policy.age_from_arrival = value.is("arrival")),
    row(
        "retention.ms",
        Kind::Long,
        Rule::AtLeast(-1),
        WEEK,
        "Segments go whose latest record is older than this, in milliseconds; -1 is never.",
    )
    .does(|plan, value| plan.policy.retention_ms = value.limit()),
    row(
        "segment.bytes",
        Kind::Int,
        Rule::AtLeast(1 << 20),
        "1073741824",
        "A segment takes this many bytes, and at least one batch.",
    )
    .of("log.segment.bytes")
    .does(|plan, value| plan.policy.segment_bytes = value.number()),
    row(
        "segment.index.bytes",
        Kind::Int,
        Rule::AtLeast(4),
        "10485760",
        "Without effect: segments have no index of this kind.",
    )
    .of("log.index.size.max.bytes"),
    row("segment.jitter.ms", Kind::Long, NOT_NEGATIVE, "0", "Without effect: segments end after segment.ms."),
    row("segment.ms", Kind::Long, POSITIVE, WEEK, "A segment takes no more batches after this time, in milliseconds.")
        .does(|plan, value| plan.policy.segment_ms = value.number()),
    row(
        "unclean.leader.election.enable",
        Kind::Boolean,
        Rule::Any,
        "false",
        "Without effect: there is one broker, which leads every partition.",
    )
    .of("unclean.leader.election.enable"),
    row(
        "validate",
        Kind::Text,
        Rule::OneOf(&["batch", "records"]),
        "batch",
        "What is checked of a compressed batch before it is taken: batch, its header and checksum; records, each record \
         in it too.",
    )
    .does(|plan, value| plan.policy.checks_records = value.is("records")),
];

#[cfg(test)]
mod tests;
