//! DeleteTopics: by name or by id.

use crate::codec::messages::topics::{DeletableTopicResult, DeleteTopicsRequest, DeleteTopicsResponse};
use crate::codec::{ErrorCode, Uuid};
use crate::error::{Refusal, UNKNOWN_ID};
use crate::link::{Call, Link, answer, hold};
use crate::topics::id_of;
use narumq_broker::Vhost;
use narumq_door::Context;
use std::collections::HashMap;

/// A topic as it is asked for: by name, or by id.
type Asked<'a> = (Option<&'a str>, Uuid);

/// `DeleteTopics`
pub(in crate::commands) fn delete(
    link: &mut Link,
    request: &DeleteTopicsRequest<'_>,
    call: Call,
    cx: &mut Context<'_>,
) {
    let Some(vhost) = link.vhost.clone() else { return };
    let named = request.topic_names.iter().map(|name| (Some(*name), Uuid::NONE));
    let asked: Vec<Asked<'_>> = named.chain(request.topics.iter().map(|topic| (topic.name, topic.topic_id))).collect();
    let mut times: HashMap<Asked<'_>, u32> = HashMap::new();
    asked.iter().for_each(|topic| *times.entry(*topic).or_default() += 1);
    let mut done: Vec<(Asked<'_>, Result<Deleted, Refusal>)> = Vec::new();
    for topic in asked {
        // What is named twice has been answered where it was named first.
        let Some(times) = times.remove(&topic) else { continue };
        done.push((topic, delete_one(link, &vhost, topic, times, cx)));
    }
    hold(cx.broker.last_catalog_lsn(), cx);
    let responses = done.iter().map(|((name, id), deleted)| match deleted {
        Ok(deleted) => DeletableTopicResult { name: Some(&deleted.name), topic_id: deleted.id, ..Default::default() },
        Err(Refusal { code, text }) => {
            DeletableTopicResult { name: *name, topic_id: *id, error_code: code.code(), error_message: Some(text) }
        }
    });
    let responses = responses.collect();
    answer(call, &DeleteTopicsResponse { responses, ..Default::default() }, cx);
}

/// A topic that is gone.
struct Deleted {
    name: narumq_model::Name,
    id: Uuid,
}

fn delete_one(
    link: &mut Link,
    vhost: &Vhost,
    (name, id): Asked<'_>,
    times: u32,
    cx: &mut Context<'_>,
) -> Result<Deleted, Refusal> {
    let malformed = |text: &str| Err(Refusal::new(ErrorCode::InvalidRequest, text));
    let unknown_id = || Refusal::new(ErrorCode::UnknownTopicId, UNKNOWN_ID);
    let topic = match name {
        Some(_) if id != Uuid::NONE => return malformed("You may not specify both topic name and topic id."),
        None if id == Uuid::NONE => return malformed("Neither topic name nor id were specified."),
        Some(_) if times > 1 => return malformed("Duplicate topic name."),
        None if times > 1 => return malformed("Duplicate topic id."),
        Some(name) => cx.broker.topic(vhost, name).ok_or_else(Refusal::unknown_topic)?,
        None => link.topics.with_id(id, vhost, cx.broker).ok_or_else(unknown_id)?,
    };
    let name = topic.definition().name.clone();
    cx.broker.delete_topic(vhost, &name, cx.turn).ok_or_else(Refusal::unknown_topic)?;
    Ok(Deleted { name, id: id_of(&topic) })
}
