//! The table holds together: order, defaults, effects.

use super::*;
use crate::settings::plan::Plan;
use crate::settings::{broker, value};
use narumq_model::TopicPolicy;

#[test]
fn rows_ascend_so_that_they_are_found() {
    assert!(TOPIC.is_sorted_by(|a, b| a.name < b.name));
    assert!(TOPIC.iter().all(|row| find(row.name).is_some_and(|found| found.name == row.name)));
}

#[test]
fn the_defaults_are_those_of_the_core_and_of_the_broker() {
    let mut plan = Plan::default();
    for row in &TOPIC {
        let value = value::read(row.name, row.kind, row.rule, row.default);
        (row.apply)(&mut plan, &value.expect(row.name));
        let given = row.broker.map(|name| broker::find(name).expect(name));
        assert!(given.is_none_or(|given| given.default == Some(row.default)), "{}", row.name);
    }
    assert_eq!(plan.policy, TopicPolicy::default());
}

#[test]
fn each_row_that_has_an_effect_changes_the_plan() {
    let others = [
        ("cleanup.policy", "compact"),
        ("compression.type", "zstd"),
        ("delete.retention.ms", "7"),
        (DURABILITY, "os"),
        ("key.from", "header:h"),
        ("max.compaction.lag.ms", "7"),
        ("max.message.bytes", "7"),
        ("message.timestamp.after.max.ms", "7"),
        ("message.timestamp.before.max.ms", "7"),
        ("message.timestamp.type", "LogAppendTime"),
        ("min.cleanable.dirty.ratio", "0.7"),
        ("min.compaction.lag.ms", "7"),
        ("remote.storage.enable", "true"),
        ("retention.bytes", "7"),
        ("retention.from", "arrival"),
        ("retention.ms", "7"),
        ("segment.bytes", "7777777"),
        ("segment.ms", "7"),
        ("validate", "records"),
    ];
    for row in &TOPIC {
        let other = others.iter().find(|(name, _)| *name == row.name);
        let silent = row.about.contains("Without effect") || row.about.contains("acts as 1");
        let level = matches!(row.name, "compression.gzip.level" | "compression.zstd.level");
        assert_eq!(other.is_none(), silent || level, "{}", row.name);
        let Some((_, text)) = other else { continue };
        let mut plan = Plan::default();
        (row.apply)(&mut plan, &value::read(row.name, row.kind, row.rule, text).expect(row.name));
        assert_ne!(plan, Plan::default(), "{}", row.name);
    }
}
