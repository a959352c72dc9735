//! Metadata and DescribeTopicPartitions: the one broker, and topics, which are created when they are asked for.

mod partitions;

pub(super) use partitions::describe as describe_partitions;

use super::cluster::CLUSTER_OPERATIONS;
use super::topics::{check_new_name, code_of_unknown, create_checked, default_spec};
use crate::codec::messages::metadata::{
    MetadataRequest, MetadataRequestTopic, MetadataResponse, MetadataResponseBroker, MetadataResponsePartition,
    MetadataResponseTopic,
};
use crate::codec::{ErrorCode, Uuid};
use crate::error::Refusal;
use crate::link::{Call, Link, answer, hold};
use crate::topics::id_of;
use narumq_broker::{TopicHandle, Vhost};
use narumq_door::Context;
use std::collections::HashSet;
use std::sync::Arc;

/// All that may be done to a topic, as bits: read, write, create, delete, alter, describe, describe and alter settings.
const TOPIC_OPERATIONS: i32 = 3576;

/// A topic that was asked for, as it is told.
struct Told {
    name: Option<Arc<str>>,
    id: Uuid,
    error: ErrorCode,
    partitions: u32,
}

impl Told {
    fn of(topic: &TopicHandle) -> Self {
        Self {
            name: Some(topic.definition().name.clone()),
            id: id_of(topic),
            error: ErrorCode::None,
            partitions: topic.partition_count(),
        }
    }

    fn refused(name: Option<&str>, id: Uuid, error: ErrorCode) -> Self {
        Self { name: name.map(Arc::from), id, error, partitions: 0 }
    }
}

/// `Metadata`
pub(super) fn metadata(link: &mut Link, request: &MetadataRequest<'_>, call: Call, cx: &mut Context<'_>) {
    let Some(vhost) = link.vhost.clone() else { return };
    let all = match &request.topics {
        None => true,
        // Version 0 knows no null: an empty list means all.
        Some(topics) => call.version == 0 && topics.is_empty(),
    };
    let told: Vec<Told> = if all {
        cx.broker.topics(&vhost).iter().map(Told::of).collect()
    } else {
        let create = request.allow_auto_topic_creation || call.version < 4;
        // What is named twice is told once: an answer is not to be much larger than its request.
        let mut seen = HashSet::new();
        let asked = request.topics.iter().flatten().filter(|topic| seen.insert((topic.name, topic.topic_id)));
        asked.map(|topic| one(link, &vhost, topic, create, cx)).collect()
    };
    let epoch = cx.broker.leader_epoch() as i32;
    let node_id = link.settings.node_id;
    let partition = |number: u32| MetadataResponsePartition {
        partition_index: number as i32,
        leader_id: node_id,
        leader_epoch: epoch,
        replica_nodes: vec![node_id],
        isr_nodes: vec![node_id],
        ..Default::default()
    };
    let topics = told.iter().map(|topic| MetadataResponseTopic {
        error_code: topic.error.code(),
        name: topic.name.as_deref(),
        topic_id: topic.id,
        partitions: (0..topic.partitions).map(partition).collect(),
        topic_authorized_operations: operations(request.include_topic_authorized_operations, TOPIC_OPERATIONS),
        ..Default::default()
    });
    let (host, port) = link.address();
    let broker = MetadataResponseBroker { node_id, host: &host, port, rack: None };
    let response = MetadataResponse {
        brokers: vec![broker],
        cluster_id: Some(&link.settings.cluster_id),
        controller_id: node_id,
        topics: topics.collect(),
        cluster_authorized_operations: operations(request.include_cluster_authorized_operations, CLUSTER_OPERATIONS),
        ..Default::default()
    };
    answer(call, &response, cx);
}

/// What may be done, if it is asked for.
fn operations(asked: bool, all: i32) -> i32 {
    if asked { all } else { i32::MIN }
}

fn one(link: &mut Link, vhost: &Vhost, asked: &MetadataRequestTopic<'_>, create: bool, cx: &mut Context<'_>) -> Told {
    // Who asks by id may name the topic with an empty text.
    let Some(name) = asked.name.filter(|name| !name.is_empty() || asked.topic_id == Uuid::NONE) else {
        return match link.topics.with_id(asked.topic_id, vhost, cx.broker) {
            Some(topic) => Told::of(&topic),
            None => Told::refused(None, asked.topic_id, ErrorCode::UnknownTopicId),
        };
    };
    if let Some(topic) = link.topics.named(name, vhost, cx.broker) {
        return Told::of(&topic);
    }
    if !create || !link.settings.auto_create {
        return Told::refused(Some(name), Uuid::NONE, code_of_unknown(name));
    }
    let made = check_new_name(name, vhost, cx.broker).and_then(|()| {
        let spec = default_spec(link, name);
        Ok(create_checked(vhost, spec, cx)?)
    });
    match made {
        Ok((topic, lsn)) => {
            hold(lsn, cx);
            Told::of(&topic)
        }
        Err(Refusal { code, .. }) => Told::refused(Some(name), Uuid::NONE, code),
    }
}
