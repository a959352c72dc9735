//! Metadata: the one broker, and topics, which are created when they are asked for.

use super::topics::{default_spec, is_legal};
use crate::codec::messages::metadata::{
    MetadataRequest, MetadataRequestTopic, MetadataResponse, MetadataResponseBroker, MetadataResponsePartition,
    MetadataResponseTopic,
};
use crate::codec::{ErrorCode, Uuid};
use crate::error;
use crate::link::{Call, Link, answer, hold};
use crate::topics::id_of;
use narumq_broker::{TopicHandle, Vhost};
use narumq_door::Context;
use std::sync::Arc;

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
        let asked = request.topics.iter().flatten();
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
        ..Default::default()
    });
    let (host, port) = link.address();
    let broker = MetadataResponseBroker { node_id, host: &host, port, rack: None };
    let response = MetadataResponse {
        brokers: vec![broker],
        cluster_id: Some(&link.settings.cluster_id),
        controller_id: node_id,
        topics: topics.collect(),
        ..Default::default()
    };
    answer(call, &response, cx);
}

fn one(link: &mut Link, vhost: &Vhost, asked: &MetadataRequestTopic<'_>, create: bool, cx: &mut Context<'_>) -> Told {
    let Some(name) = asked.name else {
        return match link.topics.with_id(asked.topic_id, vhost, cx.broker) {
            Some(topic) => Told::of(&topic),
            None => Told::refused(None, asked.topic_id, ErrorCode::UnknownTopicId),
        };
    };
    if let Some(topic) = link.topics.named(name, vhost, cx.broker) {
        return Told::of(&topic);
    }
    if !is_legal(name) {
        return Told::refused(Some(name), Uuid::NONE, ErrorCode::InvalidTopicException);
    }
    if !create || !link.settings.auto_create {
        return Told::refused(Some(name), Uuid::NONE, ErrorCode::UnknownTopicOrPartition);
    }
    let spec = default_spec(link, name);
    match cx.broker.create_topic(vhost, spec, cx.turn) {
        Ok((topic, lsn)) => {
            hold(lsn, cx);
            Told::of(&topic)
        }
        Err(refused) => Told::refused(Some(name), Uuid::NONE, error::create(refused)),
    }
}
