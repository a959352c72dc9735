//! CreateTopics and DeleteTopics.

use crate::FORMAT;
use crate::codec::messages::topics::{
    CreatableTopic, CreatableTopicResult, CreateTopicsRequest, CreateTopicsResponse, DeletableTopicResult,
    DeleteTopicsRequest, DeleteTopicsResponse,
};
use crate::codec::{ErrorCode, Uuid};
use crate::error;
use crate::link::{Call, Link, answer, hold};
use crate::topics::id_of;
use narumq_broker::{TopicSpec, Vhost};
use narumq_door::Context;
use narumq_model::{Lsn, TopicPolicy};

/// Longest name of a topic, in bytes.
const NAME_MAX: usize = 249;

/// Whether a topic may have this name.
pub(super) fn is_legal(name: &str) -> bool {
    let legal = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
    !name.is_empty() && name.len() <= NAME_MAX && name != "." && name != ".." && name.bytes().all(legal)
}

/// A topic with the usual settings.
pub(super) fn default_spec(link: &mut Link, name: &str) -> TopicSpec {
    TopicSpec {
        name: name.into(),
        uuid: link.unique(),
        format: FORMAT,
        partitions: link.settings.partitions,
        durability: None,
        policy: TopicPolicy::default(),
        settings: Vec::new(),
    }
}

/// `CreateTopics`
pub(super) fn create(link: &mut Link, request: &CreateTopicsRequest<'_>, call: Call, cx: &mut Context<'_>) {
    let Some(vhost) = link.vhost.clone() else { return };
    let mut last = Lsn(0);
    let mut topics = Vec::new();
    for topic in &request.topics {
        let twice = request.topics.iter().filter(|other| other.name == topic.name).count() > 1;
        let created = if twice {
            Err(ErrorCode::InvalidRequest)
        } else {
            create_one(link, &vhost, topic, request.validate_only, cx)
        };
        topics.push(match created {
            Ok((topic_id, num_partitions, lsn)) => {
                last = last.max(lsn);
                let (name, replication_factor) = (topic.name, topic.replication_factor.max(1));
                CreatableTopicResult { name, topic_id, num_partitions, replication_factor, ..Default::default() }
            }
            Err(code) => CreatableTopicResult {
                name: topic.name,
                error_code: code.code(),
                error_message: Some(code.name()),
                ..Default::default()
            },
        });
    }
    hold(last, cx);
    answer(call, &CreateTopicsResponse { topics, ..Default::default() }, cx);
}

fn create_one(
    link: &mut Link,
    vhost: &Vhost,
    topic: &CreatableTopic<'_>,
    validate_only: bool,
    cx: &mut Context<'_>,
) -> Result<(Uuid, i32, Lsn), ErrorCode> {
    if !is_legal(topic.name) {
        return Err(ErrorCode::InvalidTopicException);
    }
    let mut spec = default_spec(link, topic.name);
    spec.partitions = match (topic.num_partitions, topic.assignments.len()) {
        (-1, 0) => spec.partitions,
        (-1, assigned) => assigned as u32,
        (count, 0) => u32::try_from(count).ok().filter(|n| *n > 0).ok_or(ErrorCode::InvalidPartitions)?,
        _ => return Err(ErrorCode::InvalidRequest),
    };
    if topic.replication_factor == 0 || topic.replication_factor < -1 {
        return Err(ErrorCode::InvalidReplicationFactor);
    }
    if validate_only {
        cx.broker.may_create_topic(vhost, topic.name).map_err(error::create)?;
        return Ok((Uuid::NONE, spec.partitions as i32, Lsn(0)));
    }
    let (topic, lsn) = cx.broker.create_topic(vhost, spec, cx.turn).map_err(error::create)?;
    Ok((id_of(&topic), topic.partition_count() as i32, lsn))
}

/// `DeleteTopics`
pub(super) fn delete(link: &mut Link, request: &DeleteTopicsRequest<'_>, call: Call, cx: &mut Context<'_>) {
    let Some(vhost) = link.vhost.clone() else { return };
    let named = request.topic_names.iter().map(|name| (Some(*name), Uuid::NONE));
    let asked: Vec<(Option<&str>, Uuid)> =
        named.chain(request.topics.iter().map(|topic| (topic.name, topic.topic_id))).collect();
    let mut last = Lsn(0);
    let mut responses = Vec::new();
    for (name, id) in asked {
        let topic = match name {
            Some(name) => cx.broker.topic(&vhost, name),
            None => link.topics.with_id(id, &vhost, cx.broker),
        };
        let unknown = if name.is_some() { ErrorCode::UnknownTopicOrPartition } else { ErrorCode::UnknownTopicId };
        let deleted = topic.and_then(|topic| {
            let lsn = cx.broker.delete_topic(&vhost, &topic.definition().name, cx.turn)?;
            Some((id_of(&topic), lsn))
        });
        let (code, topic_id) = match deleted {
            Some((id, lsn)) => {
                last = last.max(lsn);
                (ErrorCode::None, id)
            }
            None => (unknown, id),
        };
        let error_message = (code != ErrorCode::None).then_some(code.name());
        responses.push(DeletableTopicResult { name, topic_id, error_code: code.code(), error_message });
    }
    hold(last, cx);
    answer(call, &DeleteTopicsResponse { responses, ..Default::default() }, cx);
}
