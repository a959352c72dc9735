//! Consumers: started and cancelled.

use super::basic::counts_failures;
use super::stream;
use crate::channel::{Channel, ReplyConsumer};
use crate::codec::{BasicCancel, BasicConsume, BasicConsumeOk, Table};
use crate::consumers::{Consumer, Source, Stage};
use crate::error::{Code, Refused, queue_in};
use crate::link::Link;
use crate::names;
use bytes::Bytes;
use narumq_broker::{ConsumerSpec, ExclusiveUse, QueueHandle, QueueSpec};
use narumq_door::Context;
use narumq_model::{Headers, Name};

/// `basic.consume`
pub(super) fn start(
    link: &mut Link,
    channel: &mut Channel,
    method: &BasicConsume<'_>,
    cx: &mut Context<'_>,
) -> Result<(), Refused> {
    let tag = names::text(method.consumer_tag)?;
    if channel.consumers.contains_key(tag.as_bytes()) {
        return Err(Refused::new(Code::NotAllowed, format!("attempt to reuse consumer tag '{tag}'")));
    }
    let is_reply = method.queue == names::REPLY_TO.as_bytes();
    let queue = if is_reply {
        reply_queue(link, channel, method.no_ack, cx)?
    } else {
        let name = channel.queue_name(method.queue)?;
        if let Some(topic) = cx.broker.topic(&link.vhost, &name) {
            let tag = given_tag(link, tag);
            return stream::consume(link, channel, method, (&topic, tag), cx);
        }
        link.queue(&name, cx)?
    };
    let priority = priority(&queue, method.arguments)?;
    let tag = given_tag(link, tag);
    enter(link, channel, method, (&queue, tag.clone(), priority), cx)?;
    if is_reply {
        channel.reply = Some(ReplyConsumer { tag, queue: queue.name().clone() });
    }
    Ok(())
}

/// The consumer's tag, made up if the client gives none.
fn given_tag(link: &mut Link, tag: &str) -> Bytes {
    Bytes::from(if tag.is_empty() { link.names.make("amq.ctag-") } else { tag.to_owned() })
}

/// Starts a consumer of a queue and says so, before anything can be delivered to it.
fn enter(
    link: &mut Link,
    channel: &mut Channel,
    method: &BasicConsume<'_>,
    (queue, tag, priority): (&QueueHandle, Bytes, i32),
    cx: &mut Context<'_>,
) -> Result<(), Refused> {
    if method.exclusive && queue.definition().policy.single_active_consumer {
        return Err(ExclusiveUse { queue: queue.name().clone(), vhost: queue.vhost().clone() }.into());
    }
    let slot = channel.queues.enter(queue);
    let consumer = Consumer {
        channel: channel.number,
        tag: tag.clone(),
        source: Source::Queue { queue: queue.clone(), slot },
        takes: method.no_ack,
        counts: counts_failures(queue),
        stage: Stage::Serving,
    };
    let Some(key) = link.consumers.add(consumer) else {
        channel.queues.leave(slot, 1);
        return Err(too_many());
    };
    let spec = ConsumerSpec {
        session: link.id,
        key,
        channel: channel.number,
        tag: tag.clone(),
        prefetch: channel.prefetch.into(),
        takes: method.no_ack,
        exclusive: method.exclusive,
        priority,
        bytes: link.credit.clone(),
        shared: (!method.no_ack).then(|| channel.shared.clone()),
        arguments: crate::mapping::headers(method.arguments),
    };
    if let Err(error) = cx.broker.consume(queue, spec, cx.turn) {
        link.consumers.remove(key);
        channel.queues.leave(slot, 1);
        return Err(error.into());
    }
    started(channel, tag, key, method.nowait, cx);
    Ok(())
}

/// The connection has as many consumers as it may.
pub(super) fn too_many() -> Refused {
    Refused::new(Code::ResourceError, "too many consumers on this connection")
}

/// A consumer is there. Deliveries come later, so the answer is ahead of them.
pub(super) fn started(channel: &mut Channel, tag: Bytes, key: u32, nowait: bool, cx: &mut Context<'_>) {
    if nowait {
        channel.keep_order(cx.out);
    } else {
        channel.answer_first(&BasicConsumeOk { consumer_tag: &tag }, cx);
    }
    channel.consumers.insert(tag, key);
}

fn priority(queue: &QueueHandle, arguments: Table<'_>) -> Result<i32, Refused> {
    let Some(value) = arguments.get(b"x-priority") else { return Ok(0) };
    match value.as_integer() {
        Some(n) => Ok(n.clamp(i32::MIN.into(), i32::MAX.into()) as i32),
        None => Err(Refused::failed(format!(
            "invalid arg 'x-priority' for {}: \"expected integer, got {}\"",
            queue_in(queue.name(), queue.vhost()),
            value.type_name()
        ))),
    }
}

/// Makes the queue behind the pseudo queue of direct replies: this connection's alone, gone with its consumer.
fn reply_queue(link: &mut Link, channel: &Channel, no_ack: bool, cx: &mut Context<'_>) -> Result<QueueHandle, Refused> {
    if channel.reply.is_some() {
        return Err(Refused::failed("reply consumer already set"));
    }
    if !no_ack {
        return Err(Refused::failed("reply consumer cannot acknowledge"));
    }
    let name: Name = link.names.make("amq.rabbitmq.reply-to.").into();
    let spec = QueueSpec {
        name: Some(name.clone()),
        durable: false,
        exclusive: true,
        auto_delete: true,
        arguments: Headers::default(),
        ..QueueSpec::default()
    };
    cx.broker.declare_queue(&link.vhost, spec, link.id, cx.turn)?;
    link.queue(&name, cx)
}

/// `basic.cancel`
pub(super) fn cancel(link: &mut Link, channel: &mut Channel, method: &BasicCancel<'_>, cx: &mut Context<'_>) {
    channel.cancel(method.consumer_tag, method.nowait, link, cx);
}
