//! ListOffsets: the first, the last, and those by time.

use crate::codec::ErrorCode;
use crate::codec::messages::offsets::{
    ListOffsetsPartition, ListOffsetsPartitionResponse, ListOffsetsRequest, ListOffsetsResponse,
    ListOffsetsTopicResponse,
};
use crate::link::{Call, Link, answer};
use narumq_broker::TopicHandle;
use narumq_door::Context;

const LATEST: i64 = -1;
const EARLIEST: i64 = -2;
const EARLIEST_LOCAL: i64 = -4;

/// `ListOffsets`
pub(super) fn list_offsets(link: &mut Link, request: &ListOffsetsRequest<'_>, call: Call, cx: &mut Context<'_>) {
    let Some(vhost) = link.vhost.clone() else { return };
    let mut topics = Vec::new();
    for topic in &request.topics {
        let handle = link.topics.named(topic.name, &vhost, cx.broker);
        let partitions = topic.partitions.iter().map(|asked| one(handle.as_ref(), asked, cx)).collect();
        topics.push(ListOffsetsTopicResponse { name: topic.name, partitions });
    }
    answer(call, &ListOffsetsResponse { topics, ..Default::default() }, cx);
}

fn one(topic: Option<&TopicHandle>, asked: &ListOffsetsPartition, cx: &Context<'_>) -> ListOffsetsPartitionResponse {
    let partition_index = asked.partition_index;
    let refused = |code: ErrorCode| ListOffsetsPartitionResponse {
        partition_index,
        error_code: code.code(),
        ..Default::default()
    };
    let partition = topic.and_then(|topic| topic.partition(u32::try_from(partition_index).ok()?));
    let Some(offsets) = partition.as_ref().and_then(|partition| cx.broker.offsets(partition)) else {
        return refused(ErrorCode::UnknownTopicOrPartition);
    };
    let epoch = cx.broker.leader_epoch() as i32;
    match asked.current_leader_epoch {
        said if said < 0 || said == epoch => {}
        said if said < epoch => return refused(ErrorCode::FencedLeaderEpoch),
        _ => return refused(ErrorCode::UnknownLeaderEpoch),
    }
    let offset = match asked.timestamp {
        LATEST => offsets.high as i64,
        EARLIEST | EARLIEST_LOCAL => offsets.start as i64,
        _ => return ListOffsetsPartitionResponse { partition_index, ..Default::default() },
    };
    ListOffsetsPartitionResponse {
        partition_index,
        old_style_offsets: vec![offset],
        offset,
        leader_epoch: epoch,
        ..Default::default()
    }
}
