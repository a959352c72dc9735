//! The definitions of topics and groups in the catalog's records.
//!
//! ```text
//! topic:     varint id | name | u128 uuid, little endian | u8 format | varint count, varint id each: partitions |
//!            u8 durability "os" | varint created | policy | varint count, (name | value) each: settings as given
//! policy:    option varint each: retention, retention in bytes, time before, time after, compression code, longest lag |
//!            u8 each: age from arrival, deletes, compacts, arrival time, checks records |
//!            varint each: segment bytes, segment time, batch bytes, tombstone time, dirty share, shortest lag |
//!            u8 key from 0 = nothing, 1 = the routing key, 2 = a header, its name behind
//! group:     varint id | name
//! ```

use crate::codec::{Reader, put_name, put_option};
use narumq_log::varint;
use narumq_model::{Durability, FormatId, GroupDefinition, KeyFrom, ObjectId, Time, TopicDefinition, TopicPolicy};

pub(super) fn put_topic(out: &mut Vec<u8>, topic: &TopicDefinition) {
    varint::put(out, topic.id.0);
    put_name(out, &topic.name);
    out.extend_from_slice(&topic.uuid.to_le_bytes());
    out.push(topic.format.0);
    varint::put(out, topic.partitions.len() as u64);
    topic.partitions.iter().for_each(|id| varint::put(out, id.0));
    out.push(u8::from(topic.durability == Durability::Os));
    varint::put(out, topic.created.0);
    put_policy(out, &topic.policy);
    varint::put(out, topic.settings.len() as u64);
    for (name, value) in &topic.settings {
        put_name(out, name);
        put_name(out, value);
    }
}

pub(super) fn read_topic(reader: &mut Reader<'_>) -> Option<TopicDefinition> {
    Some(TopicDefinition {
        id: ObjectId(reader.number()?),
        name: reader.name()?,
        uuid: u128::from_le_bytes(reader.fixed()?),
        format: FormatId(reader.u8()?),
        partitions: reader.list(|r| r.number().map(ObjectId))?,
        durability: if reader.bool()? { Durability::Os } else { Durability::Fsync },
        created: Time(reader.number()?),
        policy: read_policy(reader)?,
        settings: reader.list(|r| Some((r.name()?, r.name()?)))?,
    })
}

fn put_policy(out: &mut Vec<u8>, policy: &TopicPolicy) {
    let options = [
        policy.retention_ms,
        policy.retention_bytes,
        policy.time_before_ms,
        policy.time_after_ms,
        policy.recompress.map(u64::from),
        policy.compaction_lag_max_ms,
    ];
    options.into_iter().for_each(|n| put_option(out, n, varint::put));
    let flags = [policy.age_from_arrival, policy.deletes, policy.compacts, policy.arrival_time, policy.checks_records];
    flags.iter().for_each(|flag| out.push(u8::from(*flag)));
    let numbers = [
        policy.segment_bytes,
        policy.segment_ms,
        policy.batch_bytes_max.into(),
        policy.tombstone_ms,
        policy.dirty_per_mille.into(),
        policy.compaction_lag_ms,
    ];
    numbers.iter().for_each(|n| varint::put(out, *n));
    match &policy.key_from {
        KeyFrom::Nothing => out.push(0),
        KeyFrom::RoutingKey => out.push(1),
        KeyFrom::Header(name) => {
            out.push(2);
            put_name(out, name);
        }
    }
}

fn read_policy(reader: &mut Reader<'_>) -> Option<TopicPolicy> {
    let mut option = || reader.option(Reader::number);
    Some(TopicPolicy {
        retention_ms: option()?,
        retention_bytes: option()?,
        time_before_ms: option()?,
        time_after_ms: option()?,
        recompress: option()?.map(u8::try_from).transpose().ok()?,
        compaction_lag_max_ms: option()?,
        age_from_arrival: reader.bool()?,
        deletes: reader.bool()?,
        compacts: reader.bool()?,
        arrival_time: reader.bool()?,
        checks_records: reader.bool()?,
        segment_bytes: reader.number()?,
        segment_ms: reader.number()?,
        batch_bytes_max: u32::try_from(reader.number()?).ok()?,
        tombstone_ms: reader.number()?,
        dirty_per_mille: u16::try_from(reader.number()?).ok()?,
        compaction_lag_ms: reader.number()?,
        key_from: match reader.u8()? {
            0 => KeyFrom::Nothing,
            1 => KeyFrom::RoutingKey,
            2 => KeyFrom::Header(reader.name()?),
            _ => return None,
        },
    })
}

pub(super) fn put_group(out: &mut Vec<u8>, group: &GroupDefinition) {
    varint::put(out, group.id.0);
    put_name(out, &group.name);
}

pub(super) fn read_group(reader: &mut Reader<'_>) -> Option<GroupDefinition> {
    Some(GroupDefinition { id: ObjectId(reader.number()?), name: reader.name()? })
}

/// A topic whose settings are all other than the usual.
#[cfg(test)]
pub(super) fn sample() -> TopicDefinition {
    TopicDefinition {
        id: ObjectId(70),
        name: "t".into(),
        uuid: u128::MAX / 3,
        format: FormatId(2),
        partitions: vec![ObjectId(71), ObjectId(900)],
        durability: Durability::Os,
        created: Time(1_700_000_000_000),
        policy: TopicPolicy {
            retention_ms: None,
            retention_bytes: Some(5),
            age_from_arrival: true,
            deletes: false,
            compacts: true,
            segment_bytes: 6,
            segment_ms: 7,
            batch_bytes_max: 8,
            arrival_time: true,
            time_before_ms: Some(9),
            time_after_ms: None,
            checks_records: true,
            recompress: Some(4),
            tombstone_ms: 10,
            dirty_per_mille: 11,
            compaction_lag_ms: 12,
            compaction_lag_max_ms: Some(13),
            key_from: KeyFrom::Header("h".into()),
        },
        settings: vec![("retention.bytes".into(), "5".into())],
    }
}
