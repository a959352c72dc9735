//! Class queue.

use super::exchange::{binding, make_binding, undo_binding};
use super::stream;
use crate::arguments::{self, Properties, QueueType, type_of};
use crate::channel::Channel;
use crate::codec::{
    QueueBind, QueueBindOk, QueueDeclare, QueueDeclareOk, QueueDelete, QueueDeleteOk, QueuePurge, QueuePurgeOk,
    QueueUnbind, QueueUnbindOk,
};
use crate::equivalence::{self, Asked};
use crate::error::Refused;
use crate::link::Link;
use crate::mapping::headers;
use crate::names;
use narumq_broker::{Declared, DeleteQueueError, QueueError, QueueHandle, QueueSpec, TopicHandle};
use narumq_door::Context;
use narumq_model::{Destination, Lsn, Name};

fn count(n: u64) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

/// `queue.declare`
pub(super) fn declare(
    link: &mut Link,
    channel: &mut Channel,
    method: &QueueDeclare<'_>,
    cx: &mut Context<'_>,
) -> Result<(), Refused> {
    let name = names::checked(method.queue)?;
    if names::is_reply_queue(&name) {
        return declare_reply(link, channel, &name, method.nowait, cx);
    }
    let (found, lsn) = if method.passive { (find(link, &name, cx)?, Lsn(0)) } else { make(link, &name, method, cx)? };
    let (name, messages, consumer_count) = match &found {
        Found::Queue(queue) => {
            let counts = cx.broker.counts(queue);
            (queue.name().clone(), counts.ready, counts.consumers)
        }
        Found::Stream(topic) => {
            let (records, readers) = stream::counts(topic, cx);
            (topic.definition().name.clone(), records, readers)
        }
    };
    channel.wrote(lsn, link);
    if !method.nowait {
        let answer = QueueDeclareOk { queue: name.as_bytes(), message_count: count(messages), consumer_count };
        channel.answer(lsn, &answer, cx);
    }
    channel.last_queue = Some(name);
    Ok(())
}

/// What a queue's name stands for.
enum Found {
    Queue(QueueHandle),
    Stream(TopicHandle),
}

fn find(link: &Link, name: &str, cx: &Context<'_>) -> Result<Found, Refused> {
    match cx.broker.topic(&link.vhost, name) {
        Some(topic) => Ok(Found::Stream(topic)),
        None => Ok(Found::Queue(link.queue(name, cx)?)),
    }
}

/// The address of direct replies: only whether someone waits there can be asked.
fn declare_reply(
    link: &mut Link,
    channel: &mut Channel,
    name: &str,
    nowait: bool,
    cx: &mut Context<'_>,
) -> Result<(), Refused> {
    if name != names::REPLY_TO
        && let Err(QueueError::NoSuchQueue(refusal)) = cx.broker.queue(&link.vhost, name, link.id)
    {
        return Err(refusal.into());
    }
    channel.last_queue = Some(name.into());
    if !nowait {
        let answer = QueueDeclareOk { queue: name.as_bytes(), message_count: 0, consumer_count: 1 };
        channel.answer(Lsn(0), &answer, cx);
    }
    Ok(())
}

fn make(link: &mut Link, name: &str, method: &QueueDeclare<'_>, cx: &mut Context<'_>) -> Result<(Found, Lsn), Refused> {
    let arguments = headers(method.arguments);
    // A queue that goes with its connection outlives no restart.
    let durable = method.durable && !method.exclusive;
    let (exclusive, auto_delete) = (method.exclusive, method.auto_delete);
    let asked = Asked { durable, exclusive, auto_delete, arguments: &arguments };
    if !name.is_empty() {
        if let Some(topic) = cx.broker.topic(&link.vhost, name) {
            equivalence::stream(&topic, &asked)?;
            return Ok((Found::Stream(topic), cx.broker.last_catalog_lsn()));
        }
        match cx.broker.queue(&link.vhost, name, link.id) {
            Ok(queue) => equivalence::queue(&queue, &asked)?,
            Err(QueueError::NoSuchQueue(_)) if name.starts_with(names::RESERVED) => {
                return Err(Refused::access(format!("queue name '{name}' contains reserved prefix 'amq.*'")));
            }
            Err(QueueError::NoSuchQueue(_)) => {}
            Err(
                error @ (QueueError::QueueLocked(_) | QueueError::SingleActiveConsumer(_) | QueueError::NameOfTopic(_)),
            ) => return Err(error.into()),
        }
    }
    let name: Name = if name.is_empty() { link.names.make("amq.gen-").into() } else { name.into() };
    let properties = Properties { durable: method.durable, exclusive, auto_delete };
    if type_of(&arguments) == QueueType::Stream {
        let (topic, lsn) = stream::make(link, name, properties, &asked, cx)?;
        return Ok((Found::Stream(topic), lsn));
    }
    let vhost = link.vhost_name();
    let policy = arguments::policy((&name, vhost), properties, &arguments)?;
    let spec = QueueSpec { name: Some(name), durable, exclusive, auto_delete, policy, arguments: arguments.clone() };
    match cx.broker.declare_queue(&link.vhost, spec, link.id, cx.turn)? {
        (Declared::Created(queue), lsn) => Ok((Found::Queue(queue), lsn)),
        (Declared::Existing(queue), lsn) => {
            equivalence::queue(&queue, &asked)?;
            Ok((Found::Queue(queue), lsn))
        }
    }
}

/// `queue.bind`
pub(super) fn bind(
    link: &mut Link,
    channel: &mut Channel,
    method: &QueueBind<'_>,
    cx: &mut Context<'_>,
) -> Result<(), Refused> {
    let queue = channel.queue_name(method.queue)?;
    let source = names::checked(method.exchange)?;
    // Neither queue nor key: the last queue under its own name.
    let key =
        if method.queue.is_empty() && method.routing_key.is_empty() { queue.as_bytes() } else { method.routing_key };
    let binding = binding(&source, Destination::Queue(queue.as_ref().into()), key, method.arguments)?;
    let lsn = make_binding(link, binding, cx)?;
    channel.wrote(lsn, link);
    if !method.nowait {
        channel.answer(lsn, &QueueBindOk, cx);
    }
    Ok(())
}

/// `queue.unbind`
pub(super) fn unbind(
    link: &mut Link,
    channel: &mut Channel,
    method: &QueueUnbind<'_>,
    cx: &mut Context<'_>,
) -> Result<(), Refused> {
    let queue = channel.queue_name(method.queue)?;
    let source = names::checked(method.exchange)?;
    let key =
        if method.queue.is_empty() && method.routing_key.is_empty() { queue.as_bytes() } else { method.routing_key };
    let binding = binding(&source, Destination::Queue(queue.as_ref().into()), key, method.arguments)?;
    let lsn = undo_binding(link, &binding, cx)?;
    channel.wrote(lsn, link);
    channel.answer(lsn, &QueueUnbindOk, cx);
    Ok(())
}

/// `queue.purge`
pub(super) fn purge(
    link: &mut Link,
    channel: &mut Channel,
    method: &QueuePurge<'_>,
    cx: &mut Context<'_>,
) -> Result<(), Refused> {
    let name = channel.queue_name(method.queue)?;
    stream::refuse(link, &name, "queue.purge", cx)?;
    let queue = link.queue(&name, cx)?;
    let (purged, lsn) = cx.broker.purge(&queue, cx.turn);
    channel.wrote(lsn, link);
    if !method.nowait {
        channel.answer(lsn, &QueuePurgeOk { message_count: count(purged) }, cx);
    }
    Ok(())
}

/// `queue.delete`
pub(super) fn delete(
    link: &mut Link,
    channel: &mut Channel,
    method: &QueueDelete<'_>,
    cx: &mut Context<'_>,
) -> Result<(), Refused> {
    let name = channel.queue_name(method.queue)?;
    let unless = (method.if_unused, method.if_empty);
    let (deleted, lsn) = match stream::delete(link, &name, method.if_unused, cx)? {
        Some(done) => done,
        None => match cx.broker.delete_queue(&link.vhost, &name, unless, link.id, cx.turn) {
            Ok(done) => done,
            Err(DeleteQueueError::NoSuchQueue(_)) => (0, cx.broker.last_catalog_lsn()),
            Err(error) => return Err(error.into()),
        },
    };
    channel.wrote(lsn, link);
    if !method.nowait {
        channel.answer(lsn, &QueueDeleteOk { message_count: count(deleted) }, cx);
    }
    Ok(())
}
