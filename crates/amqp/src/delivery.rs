//! Messages on their way to a client: deliveries, answers to `basic.get`, returns.

use crate::channel::Channel;
use crate::codec::{
    BasicDeliver, BasicGetOk, BasicReturn, FRAME_END, body_frame_head, body_parts, write_body, write_content_header,
    write_deliver_head, write_method, write_return,
};
use crate::limits::SHARED_BODY_MIN;
use crate::{FORMAT, deaths};
use narumq_door::{Context, Outbox};
use narumq_model::Message;

/// The property bytes that a client is shown: those the message came with, unless it has a history to tell.
#[inline]
fn properties<'a>(message: &'a Message, counts: bool, scratch: &'a mut Vec<u8>) -> &'a [u8] {
    if message.format != FORMAT || message.props().len() < 2 {
        return &[0, 0];
    }
    let failures = (counts && message.failures > 0).then_some(message.failures);
    if failures.is_none() && !deaths::has_died(message) {
        return message.props();
    }
    scratch.clear();
    deaths::write_properties(message, failures, scratch);
    scratch
}

/// How a client is shown messages.
pub(crate) struct Shown<'a> {
    /// The negotiated size of frames.
    pub(crate) frame_max: u32,
    /// Failed deliveries are told.
    pub(crate) counts: bool,
    /// A buffer.
    pub(crate) scratch: &'a mut Vec<u8>,
}

/// Writes a delivery.
#[inline]
pub(crate) fn deliver(
    channel: &mut Channel,
    (consumer_tag, delivery_tag): (&[u8], u64),
    message: &Message,
    shown: Shown<'_>,
    out: &mut Outbox,
) {
    let Shown { frame_max, counts, scratch } = shown;
    let deliver = BasicDeliver {
        consumer_tag,
        delivery_tag,
        redelivered: message.redelivered,
        exchange: message.exchange(),
        routing_key: message.key(),
    };
    let number = channel.number;
    let behind = channel.is_behind(out);
    let stream = if behind { out.lane(number.into()) } else { out.main() };
    let payload = message.payload();
    if payload.len() < SHARED_BODY_MIN || behind {
        stream.reserve(1024 + payload.len());
    }
    write_deliver_head(stream, number, &deliver, properties(message, counts, scratch), payload.len() as u64);
    if payload.len() < SHARED_BODY_MIN || behind {
        write_body(stream, number, payload, frame_max);
    } else {
        share_body(number, message, frame_max, out);
    }
}

/// Sends a large body from where it lies.
fn share_body(channel: u16, message: &Message, frame_max: u32, out: &mut Outbox) {
    let payload = message.payload_bytes();
    for part in body_parts(payload.len(), frame_max) {
        out.main().extend_from_slice(&body_frame_head(channel, part.len() as u32));
        out.push_shared(payload.slice(part));
        out.main().push(FRAME_END);
    }
}

/// Answers `basic.get` with a message.
pub(crate) fn got(
    channel: &mut Channel,
    (delivery_tag, remaining): (u64, u64),
    message: &Message,
    shown: Shown<'_>,
    cx: &mut Context<'_>,
) {
    let Shown { frame_max, counts, scratch } = shown;
    let number = channel.number;
    let method = BasicGetOk {
        delivery_tag,
        redelivered: message.redelivered,
        exchange: message.exchange(),
        routing_key: message.key(),
        message_count: u32::try_from(remaining).unwrap_or(u32::MAX),
    };
    let held = cx.out.is_held(number.into());
    let lane = cx.out.lane(number.into());
    let payload = message.payload();
    write_method(lane, number, &method);
    write_content_header(lane, number, properties(message, counts, scratch), payload.len() as u64);
    if payload.len() < SHARED_BODY_MIN || held {
        write_body(lane, number, payload, frame_max);
    } else {
        share_body(number, message, frame_max, cx.out);
    }
    channel.keep_order(cx.out);
}

/// Gives a message back to its publisher that no queue takes.
pub(crate) fn give_back(channel: &mut Channel, message: &Message, frame_max: u32, out: &mut Outbox) {
    let (exchange, routing_key) = message.published_names();
    let method = BasicReturn { reply_code: 312, reply_text: b"NO_ROUTE", exchange, routing_key };
    let number = channel.number;
    write_return(channel.stream(out), number, &method, message.props(), message.payload(), frame_max);
}
