//! Class basic, publishing, consumers and delivering left out: single messages, settlements, prefetch.

use super::stream;
use crate::arguments::{QueueType, type_of};
use crate::channel::Channel;
use crate::codec::{BasicAck, BasicGet, BasicGetEmpty, BasicNack, BasicQos, BasicQosOk, BasicRecoverOk, BasicReject};
use crate::delivery::{self, Shown};
use crate::error::{Code, Refused};
use crate::link::{Link, WaitingGet};
use crate::unsettled::{UnknownTag, Unsettled};
use narumq_broker::{Delivery, Got, Outcome, QueueHandle};
use narumq_door::Context;
use narumq_model::Lsn;

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

/// Whether deliveries from a queue tell how often they failed.
pub(super) fn counts_failures(queue: &QueueHandle) -> bool {
    let definition = queue.definition();
    definition.policy.delivery_limit.is_some() || type_of(&definition.arguments) == QueueType::Quorum
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
