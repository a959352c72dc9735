//! DescribeTopicPartitions: topics in pieces of a bounded number of partitions.

use super::TOPIC_OPERATIONS;
use crate::codec::messages::metadata::{
    Cursor, DescribeTopicPartitionsRequest, DescribeTopicPartitionsResponse, DescribeTopicPartitionsResponsePartition,
    DescribeTopicPartitionsResponseTopic,
};
use crate::codec::{ErrorCode, Uuid};
use crate::commands::topics::code_of_unknown;
use crate::link::{Call, Link, answer};
use crate::topics::id_of;
use narumq_broker::TopicHandle;
use narumq_door::Context;
use narumq_model::Name;
use std::collections::BTreeSet;

/// Partitions of one answer at most (`max.request.partition.size.limit`).
const PARTITIONS_MAX: i32 = 2000;

/// One topic of the piece.
struct Piece {
    name: Name,
    code: ErrorCode,
    id: Uuid,
    partitions: std::ops::Range<u32>,
}

/// `DescribeTopicPartitions`
pub(in crate::commands) fn describe(
    link: &mut Link,
    request: &DescribeTopicPartitionsRequest<'_>,
    call: Call,
    cx: &mut Context<'_>,
) {
    let Some(vhost) = link.vhost.clone() else { return };
    let asked: BTreeSet<&str> = request.topics.iter().map(|topic| topic.name).collect();
    let cursor = request.cursor.as_ref().map_or(("", 0), |cursor| (cursor.topic_name, cursor.partition_index));
    let is_cursor_wrong = cursor.1 < 0 || !asked.is_empty() && !cursor.0.is_empty() && !asked.contains(cursor.0);
    if is_cursor_wrong {
        let refused = asked.into_iter().map(|name| DescribeTopicPartitionsResponseTopic {
            error_code: ErrorCode::InvalidRequest.code(),
            name: Some(name),
            ..Default::default()
        });
        let response = DescribeTopicPartitionsResponse { topics: refused.collect(), ..Default::default() };
        return answer(call, &response, cx);
    }
    let (from, first) = (cursor.0, cursor.1 as u32);
    let topics: Vec<(Name, Option<TopicHandle>)> = if asked.is_empty() {
        cx.broker.topics(&vhost).into_iter().map(|topic| (topic.definition().name.clone(), Some(topic))).collect()
    } else {
        asked.into_iter().map(|name| (name.into(), link.topics.named(name, &vhost, cx.broker))).collect()
    };
    let topics = topics.into_iter().filter(|(name, _)| &**name >= from);
    let limit = request.response_partition_limit.clamp(1, PARTITIONS_MAX) as u32;
    let (pieces, next) = cut(topics, |name| if name == from { first } else { 0 }, limit);
    respond(link, (&pieces, &next), call, cx);
}

/// The topics, up to `limit` partitions, and where the next piece begins.
fn cut(
    topics: impl Iterator<Item = (Name, Option<TopicHandle>)>,
    first: impl Fn(&str) -> u32,
    mut limit: u32,
) -> (Vec<Piece>, Option<(Name, u32)>) {
    let mut pieces = Vec::new();
    for (name, topic) in topics {
        let first = first(&name);
        if limit == 0 {
            return (pieces, Some((name, first)));
        }
        let Some(topic) = topic else {
            let code = code_of_unknown(&name);
            pieces.push(Piece { name, code, id: Uuid::NONE, partitions: 0..0 });
            continue;
        };
        let count = topic.partition_count();
        let first = first.min(count);
        let end = count.min(first + limit);
        limit -= end - first;
        pieces.push(Piece { name: name.clone(), code: ErrorCode::None, id: id_of(&topic), partitions: first..end });
        if end < count {
            return (pieces, Some((name, end)));
        }
    }
    (pieces, None)
}

fn respond(link: &Link, (pieces, next): (&[Piece], &Option<(Name, u32)>), call: Call, cx: &mut Context<'_>) {
    let (node, epoch) = (link.settings.node_id, cx.broker.leader_epoch() as i32);
    let partition = |number: u32| DescribeTopicPartitionsResponsePartition {
        partition_index: number as i32,
        leader_id: node,
        leader_epoch: epoch,
        replica_nodes: vec![node],
        isr_nodes: vec![node],
        eligible_leader_replicas: Some(Vec::new()),
        last_known_elr: Some(Vec::new()),
        ..Default::default()
    };
    let topics = pieces.iter().map(|piece| DescribeTopicPartitionsResponseTopic {
        error_code: piece.code.code(),
        name: Some(&piece.name),
        topic_id: piece.id,
        partitions: piece.partitions.clone().map(partition).collect(),
        topic_authorized_operations: TOPIC_OPERATIONS,
        ..Default::default()
    });
    let next_cursor = next.as_ref().map(|(name, number)| Cursor { topic_name: name, partition_index: *number as i32 });
    let response = DescribeTopicPartitionsResponse { topics: topics.collect(), next_cursor, ..Default::default() };
    answer(call, &response, cx);
}
