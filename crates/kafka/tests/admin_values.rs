//! What each setting of a topic may be, and how a refusal reads.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod harness;

use harness::Stage;
use harness::admin::{create_all, fine, topic};

const WHY: &[(&str, &str, &str)] = &[
    ("retention.ms", "x", "Not a number of type LONG"),
    ("retention.ms", "", "Not a number of type LONG"),
    ("retention.ms", "-2", "Value must be at least -1"),
    ("retention.ms", "99999999999999999999", "Not a number of type LONG"),
    ("retention.bytes", "x", "Not a number of type LONG"),
    ("segment.bytes", "13", "Value must be at least 1048576"),
    ("segment.bytes", "99999999999", "Not a number of type INT"),
    ("segment.ms", "0", "Value must be at least 1"),
    ("segment.jitter.ms", "-1", "Value must be at least 0"),
    ("segment.index.bytes", "1", "Value must be at least 4"),
    ("max.message.bytes", "-1", "Value must be at least 0"),
    ("index.interval.bytes", "-1", "Value must be at least 0"),
    ("min.insync.replicas", "0", "Value must be at least 1"),
    ("min.compaction.lag.ms", "-1", "Value must be at least 0"),
    ("max.compaction.lag.ms", "0", "Value must be at least 1"),
    ("delete.retention.ms", "-1", "Value must be at least 0"),
    ("message.timestamp.before.max.ms", "-1", "Value must be at least 0"),
    ("message.timestamp.after.max.ms", "-1", "Value must be at least 0"),
    ("flush.messages", "0", "Value must be at least 1"),
    ("flush.ms", "-1", "Value must be at least 0"),
    ("file.delete.delay.ms", "-1", "Value must be at least 0"),
    ("local.retention.ms", "-3", "Value must be at least -2"),
    ("local.retention.bytes", "-3", "Value must be at least -2"),
    ("min.cleanable.dirty.ratio", "x", "Not a number of type DOUBLE"),
    ("min.cleanable.dirty.ratio", "NaN", "Not a number of type DOUBLE"),
    ("preallocate", "maybe", "Expected value to be either true or false"),
    ("unclean.leader.election.enable", "1", "Expected value to be either true or false"),
    ("compression.gzip.level", "0", "Value must be between 1 and 9 or equal to -1"),
    ("compression.gzip.level", "10", "Value must be between 1 and 9 or equal to -1"),
    ("compression.zstd.level", "23", "Value must be no more than 22"),
    ("compression.zstd.level", "-131073", "Value must be at least -131072"),
    ("compression.lz4.level", "18", "Value must be no more than 17"),
    ("compression.type", "none", "String must be one of: uncompressed, zstd, lz4, snappy, gzip, producer"),
    ("compression.type", "GZIP", "String must be one of: uncompressed, zstd, lz4, snappy, gzip, producer"),
    ("message.timestamp.type", "foo", "String must be one of: CreateTime, LogAppendTime"),
    ("durability", "ram", "String must be one of: fsync, os"),
    ("validate", "all", "String must be one of: batch, records"),
];

/// Each names another value than the one that was given, as Kafka does.
const OTHERWISE: &[(&str, &str, &str)] = &[
    (
        "cleanup.policy",
        "compact,foo",
        "Invalid value foo for configuration cleanup.policy: String must be one of: compact, delete",
    ),
    (
        "min.cleanable.dirty.ratio",
        "2",
        "Invalid value 2.0 for configuration min.cleanable.dirty.ratio: Value must be no more than 1",
    ),
    (
        "min.cleanable.dirty.ratio",
        "-1",
        "Invalid value -1.0 for configuration min.cleanable.dirty.ratio: Value must be at least 0",
    ),
    (
        "leader.replication.throttled.replicas",
        "0:1,x",
        "Invalid value [0:1, x] for configuration leader.replication.throttled.replicas: \
         leader.replication.throttled.replicas must be the literal '*' or a list of replicas in the following format: \
         [partitionId]:[brokerId],[partitionId]:[brokerId],...",
    ),
    (
        "remote.storage.enable",
        "true",
        "Tiered Storage functionality is disabled in the broker. Topic cannot be configured with remote log storage.",
    ),
    ("unknown.setting", "1", "Unknown topic config name: unknown.setting"),
    ("message.format.version", "3.0", "Unknown topic config name: message.format.version"),
];

const GOOD: &[(&str, &str)] = &[
    ("retention.ms", "-1"),
    ("retention.bytes", "-2"),
    ("segment.bytes", " 2097152 "),
    ("cleanup.policy", ""),
    ("cleanup.policy", " compact , delete "),
    ("compression.gzip.level", "-1"),
    ("min.cleanable.dirty.ratio", "1"),
    ("preallocate", "TRUE"),
    ("min.insync.replicas", "5"),
    ("leader.replication.throttled.replicas", "*"),
    ("follower.replication.throttled.replicas", "0:1,1:1"),
    ("remote.storage.enable", "false"),
    ("local.retention.ms", "5"),
    ("max.message.bytes", "0"),
];

fn validated(stage: &mut Stage, settings: &[(&str, &str)]) -> (i16, String) {
    create_all(stage, vec![topic("t", settings)], true).remove(0)
}

#[test]
fn a_value_that_may_not_be_is_named_with_its_reason() {
    let mut stage = Stage::new();
    for (name, value, why) in WHY {
        let text = format!("Invalid value {value} for configuration {name}: {why}");
        assert_eq!(validated(&mut stage, &[(name, value)]), (40, text));
    }
    for (name, value, text) in OTHERWISE {
        assert_eq!(validated(&mut stage, &[(name, value)]), (40, (*text).to_owned()));
    }
}

#[test]
fn a_value_that_may_be_is_taken() {
    let mut stage = Stage::new();
    for (name, value) in GOOD {
        assert_eq!(validated(&mut stage, &[(name, value)]), fine(), "{name}={value}");
    }
}

#[test]
fn settings_that_contradict_each_other_are_refused() {
    let mut stage = Stage::new();
    let lags = [("min.compaction.lag.ms", "10"), ("max.compaction.lag.ms", "5")];
    let text = "conflict topic config setting min.compaction.lag.ms (10) > max.compaction.lag.ms (5)";
    assert_eq!(validated(&mut stage, &lags), (40, text.to_owned()));
    assert_eq!(validated(&mut stage, &[("foo", "1"), ("retention.ms", "x")]).1, "Unknown topic config name: foo");
}
