//! Class basic, publishing and delivering left out: consumers, single messages, settlements, prefetch.

use super::stream;
use crate::arguments::{QueueType, type_of};
use crate::channel::{Channel, ReplyConsumer};
use crate::codec::{
    BasicAck, BasicCancel, BasicConsume, BasicConsumeOk, BasicGet, BasicGetEmpty, BasicNack, BasicQos, BasicQosOk,
    BasicRecoverOk, BasicReject, Table,
};
use crate::consumers::{Consumer, Source, Stage};
use crate::delivery::{self, Shown};
use crate::error::{Code, Refused, queue_in};
use crate::link::{Link, WaitingGet};
use crate::names;
use crate::unsettled::{UnknownTag, Unsettled};
use bytes::Bytes;
use narumq_broker::{ConsumerSpec, Delivery, ExclusiveUse, Got, Outcome, QueueHandle, QueueSpec};
use narumq_door::Context;
use narumq_model::{Headers, Lsn, Name};

/// `basic.qos`
pub(super) fn qos(
    link: &mut Link,
    channel: &mut Channel,
    method: BasicQos,
    cx: &mut Context<'_>,
) -> Result<(), Refused> {
    if method.prefetch_size != 0 {
        let text = format!("prefetch_size!=0 ({})", method.prefetch_size);
        return Err(Refused::new(Code::NotImplemented, text));
    }
    if method.global {
        channel.share(method.prefetch_count, link, cx);
    } else {
        channel.prefetch = method.prefetch_count;
    }
    channel.answer(Lsn(0), &BasicQosOk, cx);
    Ok(())
}

/// `basic.consume`
pub(super) fn consume(
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
    start(link, channel, method, (&queue, tag.clone(), priority), cx)?;
    if is_reply {
        channel.reply = Some(ReplyConsumer { tag, queue: queue.name().clone() });
    }
    Ok(())
}

/// The consumer's tag, made up if the client gives none.
fn given_tag(link: &mut Link, tag: &str) -> Bytes {
    Bytes::from(if tag.is_empty() { link.names.make("amq.ctag-") } else { tag.to_owned() })
}

/// Starts a consumer and says so, before anything can be delivered to it.
fn start(
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
    let Ok(key) = link.consumers.add(consumer) else {
        channel.queues.leave(slot, 1);
        return Err(Refused::new(Code::ResourceError, "too many consumers on this connection"));
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
    channel.consumers.insert(tag.clone(), key);
    // Deliveries come as events, after this: the answer is ahead of them.
    if method.nowait {
        channel.keep_order(cx.out);
    } else {
        channel.answer_first(&BasicConsumeOk { consumer_tag: &tag }, cx);
    }
    Ok(())
}

/// Whether deliveries from a queue tell how often they failed.
fn counts_failures(queue: &QueueHandle) -> bool {
    let definition = queue.definition();
    definition.policy.delivery_limit.is_some() || type_of(&definition.arguments) == QueueType::Quorum
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

/// `basic.get`
pub(super) fn get(
    link: &mut Link,
    channel: &mut Channel,
    method: &BasicGet<'_>,
    cx: &mut Context<'_>,
) -> Result<(), Refused> {
    let name = channel.queue_name(method.queue)?;
    stream::refuse(link, &name, "basic.get", cx)?;
    let queue = link.queue(&name, cx)?;
    try_get(link, channel, queue, method.no_ack, cx)
}

/// Asks for one message; if it must be read first, the connection waits and asks again.
pub(crate) fn try_get(
    link: &mut Link,
    channel: &mut Channel,
    queue: QueueHandle,
    takes: bool,
    cx: &mut Context<'_>,
) -> Result<(), Refused> {
    match cx.broker.get(&queue, link.id, takes, cx.turn)? {
        Got::Empty => channel.answer(Lsn(0), &BasicGetEmpty { cluster_id: b"" }, cx),
        Got::Pending => link.get = Some(WaitingGet { channel: channel.number, queue, takes }),
        Got::Message { delivery: Delivery { seq, message, .. }, remaining } => {
            let tag = channel.next_tag();
            if !takes {
                let slot = channel.queues.enter(&queue);
                channel.unsettled.push(Unsettled { tag, seq, queue: slot, consumer: None });
            }
            let counts = counts_failures(&queue);
            let shown = Shown { frame_max: link.frame_max, counts, scratch: &mut link.scratch };
            delivery::got(channel, (tag, remaining), &message, shown, cx);
        }
    }
    Ok(())
}

fn unknown_tag(tag: u64) -> impl FnOnce(UnknownTag) -> Refused {
    move |UnknownTag| Refused::failed(format!("unknown delivery tag {tag}"))
}

/// `basic.ack`
pub(crate) fn ack(
    link: &mut Link,
    channel: &mut Channel,
    method: BasicAck,
    cx: &mut Context<'_>,
) -> Result<(), Refused> {
    let BasicAck { delivery_tag: tag, multiple } = method;
    if multiple || channel.transaction.is_some() {
        return settle(link, channel, (tag, multiple), Outcome::Accept, cx);
    }
    let delivery = channel.unsettled.take(tag).map_err(unknown_tag(tag))?;
    channel.acknowledge(delivery, link, cx);
    Ok(())
}

/// `basic.nack`: not counted against a delivery limit when the message goes back.
pub(super) fn nack(
    link: &mut Link,
    channel: &mut Channel,
    method: BasicNack,
    cx: &mut Context<'_>,
) -> Result<(), Refused> {
    let outcome = if method.requeue { Outcome::Return } else { Outcome::Reject };
    settle(link, channel, (method.delivery_tag, method.multiple), outcome, cx)
}

/// `basic.reject`: counted as a failed delivery when the message goes back.
pub(super) fn reject(
    link: &mut Link,
    channel: &mut Channel,
    method: BasicReject,
    cx: &mut Context<'_>,
) -> Result<(), Refused> {
    let outcome = if method.requeue { Outcome::Fail } else { Outcome::Reject };
    settle(link, channel, (method.delivery_tag, false), outcome, cx)
}

fn settle(
    link: &mut Link,
    channel: &mut Channel,
    (tag, multiple): (u64, bool),
    outcome: Outcome,
    cx: &mut Context<'_>,
) -> Result<(), Refused> {
    channel.pass_acks(link, cx);
    let mut taken = std::mem::take(&mut link.taken);
    let found = if multiple {
        channel.unsettled.take_through(tag, &mut taken)
    } else {
        channel.unsettled.take(tag).map(|delivery| taken.push(delivery))
    };
    if found.is_ok() {
        match &mut channel.transaction {
            Some(transaction) => transaction.settle(taken.drain(..), outcome),
            None => channel.settle(&mut taken, outcome, link, cx),
        }
    }
    link.taken = taken;
    found.map_err(unknown_tag(tag))
}

/// `basic.recover` and `basic.recover-async`: all that is not settled goes back.
pub(super) fn recover(
    link: &mut Link,
    channel: &mut Channel,
    (requeue, answered): (bool, bool),
    cx: &mut Context<'_>,
) -> Result<(), Refused> {
    if !requeue {
        return Err(Refused::new(Code::NotImplemented, "requeue=false"));
    }
    let mut taken = std::mem::take(&mut link.taken);
    if channel.unsettled.take_through(0, &mut taken).is_ok() {
        channel.settle(&mut taken, Outcome::Return, link, cx);
    }
    link.taken = taken;
    if answered {
        channel.answer_first(&BasicRecoverOk, cx);
    }
    Ok(())
}
