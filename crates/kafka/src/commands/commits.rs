//! Committed offsets: stored, read and deleted.

use crate::codec::messages::commits::{
    OffsetCommitRequest, OffsetCommitResponse, OffsetCommitResponsePartition, OffsetCommitResponseTopic,
    OffsetDeleteRequest, OffsetDeleteResponse, OffsetDeleteResponsePartition, OffsetDeleteResponseTopic,
    OffsetFetchRequest, OffsetFetchResponse, OffsetFetchResponseGroup, OffsetFetchResponsePartition,
    OffsetFetchResponsePartitions, OffsetFetchResponseTopic, OffsetFetchResponseTopics,
};
use crate::codec::{ErrorCode, Uuid};
use crate::error;
use crate::link::{Call, Link, answer, hold};
use crate::topics::id_of;
use narumq_broker::group::{CommitRequest, CommittedOffset, GroupRefusal, Identity, OffsetCommit, OffsetDelete};
use narumq_broker::{TopicHandle, Vhost};
use narumq_door::Context;
use narumq_model::{Lsn, Name, ObjectId};
use std::collections::BTreeMap;

const UNKNOWN: ErrorCode = ErrorCode::UnknownTopicOrPartition;

/// Puts what a group says of the offsets that it was given, in their order, where nothing was refused before it was asked.
fn fill(codes: &mut [Vec<ErrorCode>], answers: &[Result<(), GroupRefusal>]) {
    let taken = codes.iter_mut().flatten().filter(|code| **code == ErrorCode::None);
    taken.zip(answers).for_each(|(code, answer)| *code = error::of_group(answer));
}

/// `OffsetCommit`
pub(super) fn commit(link: &mut Link, request: &OffsetCommitRequest<'_>, call: Call, cx: &mut Context<'_>) {
    let Some(vhost) = link.vhost.clone() else { return };
    let by_id = call.version >= 10;
    let mut codes: Vec<Vec<ErrorCode>> = Vec::new();
    let mut offsets = Vec::new();
    for topic in &request.topics {
        let handle = link.topics.asked((topic.name, topic.topic_id), by_id, &vhost, cx.broker);
        let unknown = if by_id && handle.is_none() { ErrorCode::UnknownTopicId } else { UNKNOWN };
        let partitions = topic.partitions.iter().map(|asked| {
            let number = u32::try_from(asked.partition_index).ok();
            let known = handle.as_ref().zip(number).filter(|(topic, number)| *number < topic.partition_count());
            let Some((topic, partition)) = known else { return unknown };
            offsets.push(OffsetCommit {
                topic: cx.broker.topic_id(topic),
                partition,
                offset: asked.committed_offset,
                leader_epoch: asked.committed_leader_epoch,
                metadata: asked.committed_metadata.unwrap_or_default().into(),
            });
            ErrorCode::None
        });
        codes.push(partitions.collect());
    }
    let retention = u64::try_from(request.retention_time_ms).ok().filter(|_| (2..=4).contains(&call.version));
    let commit = CommitRequest {
        identity: Identity {
            member_id: request.member_id,
            instance_id: request.group_instance_id,
            generation: request.generation_id_or_member_epoch,
        },
        expires_at: retention.map(|ms| cx.turn.now.plus(ms)),
        offsets,
    };
    match cx.broker.commit_offsets((&vhost, request.group_id), commit, cx.turn) {
        Ok((answers, lsn)) => {
            hold(lsn, cx);
            fill(&mut codes, &answers);
        }
        Err(refusal) => codes.iter_mut().flatten().filter(|c| **c == ErrorCode::None).for_each(|c| {
            *c = if refusal == GroupRefusal::Dead { ErrorCode::UnknownMemberId } else { error::group(&refusal) };
        }),
    }
    let topics = request.topics.iter().zip(&codes).map(|(topic, codes)| OffsetCommitResponseTopic {
        name: topic.name,
        topic_id: topic.topic_id,
        partitions: topic
            .partitions
            .iter()
            .zip(codes)
            .map(|(p, code)| OffsetCommitResponsePartition {
                partition_index: p.partition_index,
                error_code: code.code(),
            })
            .collect(),
    });
    answer(call, &OffsetCommitResponse { topics: topics.collect(), ..Default::default() }, cx);
}

/// What is committed for one partition.
type Partition = (i32, Option<CommittedOffset>, ErrorCode);

/// A topic that is asked for: its name and id, the topic if it is there, partitions.
type Wanted<'a> = (Name, Uuid, Option<TopicHandle>, &'a [i32]);

/// What a group has committed, by topic.
struct Told {
    topics: Vec<(Name, Uuid, Vec<Partition>)>,
}

impl Told {
    /// All that a group has committed, or what of it is asked for: topics with partitions.
    fn of((vhost, group): (&Vhost, &str), asked: Option<Vec<Wanted<'_>>>, cx: &mut Context<'_>) -> Self {
        let mut last = Lsn(0);
        let topics = match asked {
            None => {
                let names: BTreeMap<ObjectId, TopicHandle> =
                    cx.broker.topics(vhost).into_iter().map(|topic| (cx.broker.topic_id(&topic), topic)).collect();
                let all = cx.broker.committed(vhost, group, |offsets| {
                    let mut topics: Vec<(Name, Uuid, Vec<Partition>)> = Vec::new();
                    for (topic, partition, committed) in offsets.iter() {
                        let Some(handle) = names.get(&topic) else { continue };
                        let id = id_of(handle);
                        if topics.last().is_none_or(|(_, of, _)| *of != id) {
                            topics.push((handle.definition().name.clone(), id, Vec::new()));
                        }
                        let one = (partition as i32, Some(committed.clone()), ErrorCode::None);
                        topics.last_mut().iter_mut().for_each(|(.., all)| all.push(one.clone()));
                    }
                    topics
                });
                all.map_or_else(Vec::new, |(topics, lsn)| {
                    last = lsn;
                    topics
                })
            }
            Some(asked) => {
                let mut told = Vec::new();
                for (name, id, handle, partitions) in asked {
                    let topic = handle.as_ref().map(|handle| cx.broker.topic_id(handle));
                    let unknown =
                        if name.is_empty() && handle.is_none() { ErrorCode::UnknownTopicId } else { ErrorCode::None };
                    let found = cx.broker.committed(vhost, group, |offsets| {
                        let get = |n: i32| Some(offsets.get(topic?, u32::try_from(n).ok()?)?.clone());
                        partitions.iter().map(|n| (*n, get(*n), unknown)).collect::<Vec<Partition>>()
                    });
                    let none = || (partitions.iter().map(|n| (*n, None, unknown)).collect(), Lsn(0));
                    let (found, lsn) = found.unwrap_or_else(none);
                    last = last.max(lsn);
                    told.push((name, id, found));
                }
                told
            }
        };
        hold(last, cx);
        Self { topics }
    }
}

/// `OffsetFetch`
pub(super) fn fetch(link: &mut Link, request: &OffsetFetchRequest<'_>, call: Call, cx: &mut Context<'_>) {
    let Some(vhost) = link.vhost.clone() else { return };
    if call.version >= 8 {
        return fetch_many(link, &vhost, request, call, cx);
    }
    let asked = request.topics.as_ref().map(|topics| {
        let mut of = |topic: &crate::codec::messages::commits::OffsetFetchRequestTopic<'_>| {
            link.topics.named(topic.name, &vhost, cx.broker)
        };
        topics.iter().map(|t| (t.name.into(), Uuid::NONE, of(t), &t.partition_indexes[..])).collect()
    });
    let told = Told::of((&vhost, request.group_id), asked, cx);
    let topics = told.topics.iter().map(|(name, _, partitions)| OffsetFetchResponseTopic {
        name,
        partitions: partitions
            .iter()
            .map(|(number, committed, code)| OffsetFetchResponsePartition {
                partition_index: *number,
                committed_offset: committed.as_ref().map_or(-1, |c| c.offset),
                committed_leader_epoch: committed.as_ref().map_or(-1, |c| c.leader_epoch),
                metadata: Some(committed.as_ref().map_or("", |c| &c.metadata)),
                error_code: code.code(),
            })
            .collect(),
    });
    answer(call, &OffsetFetchResponse { topics: topics.collect(), ..Default::default() }, cx);
}

fn fetch_many(link: &mut Link, vhost: &Vhost, request: &OffsetFetchRequest<'_>, call: Call, cx: &mut Context<'_>) {
    let by_id = call.version >= 10;
    let mut groups: Vec<(&str, Told)> = Vec::new();
    for group in &request.groups {
        let asked = group.topics.as_ref().map(|topics| {
            let mut asked = Vec::new();
            for topic in topics {
                let handle = link.topics.asked((topic.name, topic.topic_id), by_id, vhost, cx.broker);
                asked.push((topic.name.into(), topic.topic_id, handle, &topic.partition_indexes[..]));
            }
            asked
        });
        groups.push((group.group_id, Told::of((vhost, group.group_id), asked, cx)));
    }
    let groups = groups.iter().map(|(group_id, told)| OffsetFetchResponseGroup {
        group_id,
        topics: told
            .topics
            .iter()
            .map(|(name, topic_id, partitions)| OffsetFetchResponseTopics {
                name,
                topic_id: *topic_id,
                partitions: partitions
                    .iter()
                    .map(|(number, committed, code)| OffsetFetchResponsePartitions {
                        partition_index: *number,
                        committed_offset: committed.as_ref().map_or(-1, |c| c.offset),
                        committed_leader_epoch: committed.as_ref().map_or(-1, |c| c.leader_epoch),
                        metadata: Some(committed.as_ref().map_or("", |c| &c.metadata)),
                        error_code: code.code(),
                    })
                    .collect(),
            })
            .collect(),
        error_code: 0,
    });
    answer(call, &OffsetFetchResponse { groups: groups.collect(), ..Default::default() }, cx);
}

/// `OffsetDelete`
pub(super) fn delete(link: &mut Link, request: &OffsetDeleteRequest<'_>, call: Call, cx: &mut Context<'_>) {
    let Some(vhost) = link.vhost.clone() else { return };
    let mut codes: Vec<Vec<ErrorCode>> = Vec::new();
    let mut wanted = Vec::new();
    for topic in &request.topics {
        let handle = link.topics.named(topic.name, &vhost, cx.broker);
        let partitions = topic.partitions.iter().map(|asked| {
            let number = u32::try_from(asked.partition_index).ok();
            let known = handle.as_ref().zip(number).filter(|(handle, number)| *number < handle.partition_count());
            let Some((handle, partition)) = known else { return UNKNOWN };
            wanted.push(OffsetDelete { topic: cx.broker.topic_id(handle), name: topic.name, partition });
            ErrorCode::None
        });
        codes.push(partitions.collect());
    }
    let mut response = OffsetDeleteResponse::default();
    match cx.broker.delete_offsets((&vhost, request.group_id), &wanted, cx.turn) {
        Err(refusal) => response.error_code = error::group(&refusal).code(),
        Ok((answers, lsn)) => {
            hold(lsn, cx);
            fill(&mut codes, &answers);
            let topics = request.topics.iter().zip(&codes).map(|(topic, codes)| OffsetDeleteResponseTopic {
                name: topic.name,
                partitions: topic
                    .partitions
                    .iter()
                    .zip(codes)
                    .map(|(p, code)| OffsetDeleteResponsePartition {
                        partition_index: p.partition_index,
                        error_code: code.code(),
                    })
                    .collect(),
            });
            response.topics = topics.collect();
        }
    }
    answer(call, &response, cx);
}
