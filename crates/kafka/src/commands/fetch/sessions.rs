//! Fetch sessions (KIP-227): a client names its partitions once, then only what changes, and is told only what is news.
//!
//! A session lives in its connection. Its epoch counts the client's requests, so that both sides know of the same ones.

use crate::codec::messages::fetch::{FetchRequest, FetchTopic, PartitionData};
use crate::codec::{ErrorCode, Records, Uuid};
use crate::commands::epochs::check_leader_epoch;
use crate::link::Link;
use crate::topics::partition_of;
use narumq_broker::{Broker, PartitionHandle, TopicHandle};
use narumq_door::Context;
use std::sync::Arc;

/// A request that begins a session, or is one of none.
const INITIAL: i32 = 0;
/// A request that ends a session.
const FINAL: i32 = -1;

/// One partition that is asked for.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    pub(super) topic: Arc<str>,
    pub(super) id: Uuid,
    pub(super) number: i32,
    pub(super) partition: Result<PartitionHandle, ErrorCode>,
    pub(super) offset: i64,
    pub(super) max: u64,
    /// High watermark and first offset as last told.
    told: Option<(i64, i64)>,
}

/// What a request asks for.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) asked: Vec<Asked>,
    /// Only news are told.
    pub(super) incremental: bool,
    /// The session, 0 = none.
    pub(super) session: i32,
}

/// The session of a connection.
#[derive(Debug, Default)]
pub(crate) struct FetchSession {
    id: i32,
    /// The epoch that the next request must have.
    epoch: i32,
    partitions: Vec<Asked>,
}

/// What a request asks for, with what its session knows.
pub(super) fn plan(
    link: &mut Link,
    request: &FetchRequest<'_>,
    version: i16,
    cx: &mut Context<'_>,
) -> Result<Plan, ErrorCode> {
    let none = |asked| Plan { asked, incremental: false, session: 0 };
    if request.session_epoch == INITIAL || request.session_epoch == FINAL {
        if request.session_id != 0 && link.fetch_session.as_ref().is_some_and(|s| s.id == request.session_id) {
            link.fetch_session = None;
        }
        let asked = all(link, request, version, cx);
        if request.session_epoch == FINAL || version < 7 {
            return Ok(none(asked));
        }
        let id = (link.unique() as u32 & i32::MAX as u32).max(1) as i32;
        link.fetch_session = Some(FetchSession { id, epoch: 1, partitions: asked.clone() });
        return Ok(Plan { asked, incremental: false, session: id });
    }
    let new = all(link, request, version, cx);
    let session = link.fetch_session.as_mut().filter(|session| session.id == request.session_id);
    let session = session.ok_or(ErrorCode::FetchSessionIdNotFound)?;
    if session.epoch != request.session_epoch {
        return Err(ErrorCode::InvalidFetchSessionEpoch);
    }
    session.epoch = session.epoch.checked_add(1).unwrap_or(1);
    for asked in new {
        match session.partitions.iter_mut().find(|known| known.is(&asked.topic, asked.id, asked.number)) {
            Some(known) => *known = Asked { told: known.told, ..asked },
            None => session.partitions.push(asked),
        }
    }
    for forgotten in &request.forgotten_topics_data {
        session.partitions.retain(|known| {
            !forgotten.partitions.iter().any(|number| known.is(forgotten.topic, forgotten.topic_id, *number))
        });
    }
    Ok(Plan { asked: session.partitions.clone(), incremental: true, session: session.id })
}

impl Asked {
    fn is(&self, topic: &str, id: Uuid, number: i32) -> bool {
        self.number == number && self.id == id && &*self.topic == topic
    }
}

fn all(link: &mut Link, request: &FetchRequest<'_>, version: i16, cx: &mut Context<'_>) -> Vec<Asked> {
    let Some(vhost) = link.vhost.clone() else { return Vec::new() };
    let by_id = version >= 13;
    let mut asked = Vec::new();
    for topic in &request.topics {
        let handle = link.topics.asked((topic.topic, topic.topic_id), by_id, &vhost, cx.broker);
        partitions(topic, handle.as_ref(), by_id, cx.broker, &mut asked);
    }
    asked
}

fn partitions(
    topic: &FetchTopic<'_>,
    handle: Option<&TopicHandle>,
    by_id: bool,
    broker: &Broker,
    out: &mut Vec<Asked>,
) {
    let name: Arc<str> = topic.topic.into();
    let unknown =
        if by_id && handle.is_none() { ErrorCode::UnknownTopicId } else { ErrorCode::UnknownTopicOrPartition };
    for asked in &topic.partitions {
        let partition = partition_of(handle, asked.partition).ok_or(unknown);
        let partition = partition.and_then(|partition| {
            check_leader_epoch(asked.current_leader_epoch, broker)?;
            Ok(partition)
        });
        out.push(Asked {
            topic: name.clone(),
            id: topic.topic_id,
            number: asked.partition,
            partition,
            offset: asked.fetch_offset,
            max: u64::try_from(asked.partition_max_bytes).unwrap_or(0),
            told: None,
        });
    }
}

/// Whether a partition is to be told in an answer of a session.
pub(super) fn is_news(asked: &Asked, one: &PartitionData<'_>) -> bool {
    one.error_code != 0
        || matches!(one.records, Records::Elsewhere { .. })
        || asked.told != Some((one.high_watermark, one.log_start_offset))
}

/// Notes what a session has been told. Partitions that had records come last the next time.
pub(super) fn note(link: &mut Link, plan: &Plan, told: &[(usize, PartitionData<'_>)]) {
    let Some(session) = link.fetch_session.as_mut().filter(|session| session.id == plan.session) else { return };
    for (at, one) in told {
        let asked = &plan.asked[*at];
        let Some(place) = session.partitions.iter().position(|p| p.is(&asked.topic, asked.id, asked.number)) else {
            continue;
        };
        // What was wrong is told again until it is right.
        let news = (one.error_code == 0).then_some((one.high_watermark, one.log_start_offset));
        session.partitions[place].told = news;
        if matches!(one.records, Records::Elsewhere { .. }) {
            let had = session.partitions.remove(place);
            session.partitions.push(had);
        }
    }
}
