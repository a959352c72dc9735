//! Fetch sessions (KIP-227): a client names its partitions once, then only what changes, and is told only what is news.
//!
//! A session lives in its connection. Its epoch counts the client's requests, so that both sides know of the same ones.

use super::partitions::{Asked, Key, Partitions};
use crate::codec::messages::fetch::{FetchRequest, PartitionData};
use crate::codec::{ErrorCode, Records};
use crate::link::Link;
use narumq_broker::Broker;
use narumq_door::Context;
use narumq_model::ObjectId;
use std::sync::Arc;

/// A request that begins a session, or is one of none.
const INITIAL: i32 = 0;
/// A request that ends a session.
const FINAL: i32 = -1;
/// Partitions of one session. Who asks for more is served without one.
const PARTITIONS_MAX: usize = 1 << 17;

/// What a request asks for.
#[derive(Debug)]
pub(super) struct Plan {
    /// The partitions, unless they are those of the session.
    pub(super) alone: Option<Vec<Asked>>,
    /// Only news are told.
    pub(super) incremental: bool,
    /// The session, 0 = none.
    pub(super) session: i32,
}

/// The session of a connection.
#[derive(Debug)]
pub(crate) struct FetchSession {
    id: i32,
    /// The epoch that the next request must have.
    epoch: i32,
    pub(super) partitions: Partitions,
}

impl FetchSession {
    /// A partition that it follows is not as it was.
    pub(crate) fn ready(&mut self, id: ObjectId) {
        self.partitions.ready(id);
    }
}

/// The session of a connection ends, if there is one.
pub(crate) fn end(link: &mut Link, broker: &Broker) {
    if let Some(session) = link.fetch_session.take() {
        session.partitions.end(broker);
    }
}

/// What a request asks for; its session knows of it from now on.
pub(super) fn plan(
    link: &mut Link,
    request: &FetchRequest<'_>,
    version: i16,
    cx: &mut Context<'_>,
) -> Result<Plan, ErrorCode> {
    if request.session_epoch == INITIAL || request.session_epoch == FINAL {
        if request.session_id != 0 && link.fetch_session.as_ref().is_some_and(|s| s.id == request.session_id) {
            end(link, cx.broker);
        }
        let asked = all(link, request, version, cx);
        if request.session_epoch == FINAL || version < 7 || asked.len() > PARTITIONS_MAX {
            return Ok(Plan { alone: Some(asked), incremental: false, session: 0 });
        }
        end(link, cx.broker);
        let id = (link.unique() as u32 & i32::MAX as u32).max(1) as i32;
        let mut partitions = Partitions::new(link.info.id);
        asked.into_iter().for_each(|asked| partitions.put(asked, cx.broker));
        link.fetch_session = Some(FetchSession { id, epoch: 1, partitions });
        return Ok(Plan { alone: None, incremental: false, session: id });
    }
    let new = all(link, request, version, cx);
    let session = link.fetch_session.as_mut().filter(|session| session.id == request.session_id);
    let session = session.ok_or(ErrorCode::FetchSessionIdNotFound)?;
    if session.epoch != request.session_epoch {
        return Err(ErrorCode::InvalidFetchSessionEpoch);
    }
    session.epoch = session.epoch.checked_add(1).unwrap_or(1);
    new.into_iter().for_each(|asked| session.partitions.put(asked, cx.broker));
    for forgotten in &request.forgotten_topics_data {
        let topic: Arc<str> = forgotten.topic.into();
        for number in &forgotten.partitions {
            let key = Key { topic: topic.clone(), id: forgotten.topic_id, number: *number };
            session.partitions.forget(&key, cx.broker);
        }
    }
    let (id, len) = (session.id, session.partitions.len());
    if len > PARTITIONS_MAX {
        end(link, cx.broker);
        return Err(ErrorCode::FetchSessionIdNotFound);
    }
    Ok(Plan { alone: None, incremental: true, session: id })
}

fn all(link: &mut Link, request: &FetchRequest<'_>, version: i16, cx: &mut Context<'_>) -> Vec<Asked> {
    let Some(vhost) = link.vhost.clone() else { return Vec::new() };
    let by_id = version >= 13;
    let mut asked = Vec::new();
    for topic in &request.topics {
        let handle = link.topics.asked((topic.topic, topic.topic_id), by_id, &vhost, cx.broker);
        Asked::of_topic(topic, handle.as_ref(), by_id, cx.broker, &mut asked);
    }
    asked
}

/// Whether a partition is to be told in an answer of a session.
pub(super) fn is_news(asked: &Asked, one: &PartitionData<'_>) -> bool {
    one.error_code != 0
        || matches!(one.records, Records::Elsewhere { .. })
        || asked.told != Some((one.high_watermark, one.log_start_offset))
}
