//! OffsetForLeaderEpoch: where the epochs of leaders ended.

use crate::codec::ErrorCode;
use crate::codec::messages::offsets::{
    EpochEndOffset, OffsetForLeaderEpochRequest, OffsetForLeaderEpochResponse, OffsetForLeaderPartition,
    OffsetForLeaderTopicResult,
};
use crate::link::{Call, Link, answer};
use crate::topics::partition_of;
use narumq_broker::{Broker, TopicHandle};
use narumq_door::Context;
use std::cmp::Ordering;

/// `OffsetForLeaderEpoch`
pub(super) fn epoch_ends(link: &mut Link, request: &OffsetForLeaderEpochRequest<'_>, call: Call, cx: &mut Context<'_>) {
    let Some(vhost) = link.vhost.clone() else { return };
    let mut topics = Vec::new();
    for topic in &request.topics {
        let handle = link.topics.named(topic.topic, &vhost, cx.broker);
        let partitions = topic.partitions.iter().map(|asked| {
            let (code, leader_epoch, end_offset) = match epoch_end(handle.as_ref(), asked, cx) {
                Ok(Some((epoch, end))) => (ErrorCode::None, epoch as i32, end as i64),
                Ok(None) => (ErrorCode::None, -1, -1),
                Err(code) => (code, -1, -1),
            };
            EpochEndOffset { error_code: code.code(), partition: asked.partition, leader_epoch, end_offset }
        });
        topics.push(OffsetForLeaderTopicResult { topic: topic.topic, partitions: partitions.collect() });
    }
    answer(call, &OffsetForLeaderEpochResponse { topics, ..Default::default() }, cx);
}

/// Refuses a client that knows the leader by another epoch than this one's; below 0 it knows none.
pub(super) fn check_leader_epoch(said: i32, broker: &Broker) -> Result<(), ErrorCode> {
    match u32::try_from(said).map(|epoch| epoch.cmp(&broker.leader_epoch())) {
        Ok(Ordering::Less) => Err(ErrorCode::FencedLeaderEpoch),
        Ok(Ordering::Greater) => Err(ErrorCode::UnknownLeaderEpoch),
        Ok(Ordering::Equal) | Err(_) => Ok(()),
    }
}

/// The last epoch not after the one that is asked for, and behind its last offset; `None` if there is none.
fn epoch_end(
    topic: Option<&TopicHandle>,
    asked: &OffsetForLeaderPartition,
    cx: &Context<'_>,
) -> Result<Option<(u32, u64)>, ErrorCode> {
    let partition = partition_of(topic, asked.partition).ok_or(ErrorCode::UnknownTopicOrPartition)?;
    let offsets = cx.broker.offsets(&partition).ok_or(ErrorCode::UnknownTopicOrPartition)?;
    check_leader_epoch(asked.current_leader_epoch, cx.broker)?;
    let Ok(epoch) = u32::try_from(asked.leader_epoch) else { return Ok(None) };
    Ok(match epoch.cmp(&cx.broker.leader_epoch()) {
        Ordering::Greater => None,
        // The running epoch is led even if nothing has been written in it.
        Ordering::Equal => Some((epoch, offsets.end)),
        // An epoch before all that are known ended where what is there begins.
        Ordering::Less => {
            cx.broker.epoch_end(&partition, epoch).or((offsets.end > 0).then_some((epoch, offsets.start)))
        }
    })
}
