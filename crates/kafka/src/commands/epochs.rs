//! OffsetForLeaderEpoch: where the epochs of leaders ended.

use crate::codec::ErrorCode;
use crate::codec::messages::offsets::{
    EpochEndOffset, OffsetForLeaderEpochRequest, OffsetForLeaderEpochResponse, OffsetForLeaderPartition,
    OffsetForLeaderTopicResult,
};
use crate::link::{Call, Link, answer};
use narumq_broker::TopicHandle;
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

/// The last epoch not after the one that is asked for, and behind its last offset; `None` if there is none.
fn epoch_end(
    topic: Option<&TopicHandle>,
    asked: &OffsetForLeaderPartition,
    cx: &Context<'_>,
) -> Result<Option<(u32, u64)>, ErrorCode> {
    let partition = topic.and_then(|topic| topic.partition(u32::try_from(asked.partition).ok()?));
    let partition = partition.ok_or(ErrorCode::UnknownTopicOrPartition)?;
    let offsets = cx.broker.offsets(&partition).ok_or(ErrorCode::UnknownTopicOrPartition)?;
    let leader = cx.broker.leader_epoch();
    match u32::try_from(asked.current_leader_epoch).map(|epoch| epoch.cmp(&leader)) {
        Ok(Ordering::Less) => return Err(ErrorCode::FencedLeaderEpoch),
        Ok(Ordering::Greater) => return Err(ErrorCode::UnknownLeaderEpoch),
        Ok(Ordering::Equal) | Err(_) => {}
    }
    let Ok(epoch) = u32::try_from(asked.leader_epoch) else { return Ok(None) };
    Ok(match epoch.cmp(&leader) {
        Ordering::Greater => None,
        // The running epoch is led even if nothing has been written in it.
        Ordering::Equal => Some((epoch, offsets.end)),
        // An epoch before all that are known ended where what is there begins.
        Ordering::Less => {
            cx.broker.epoch_end(&partition, epoch).or((offsets.end > 0).then_some((epoch, offsets.start)))
        }
    })
}
