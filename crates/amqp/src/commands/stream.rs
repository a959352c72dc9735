//! Topics as queues of type stream: declared, found, consumed, deleted. RabbitMQ's words where it refuses.

use super::consume::{started, too_many};
use crate::arguments::{self, Properties};
use crate::channel::Channel;
use crate::codec::{BasicConsume, Table, Value};
use crate::consumers::{Consumer, Source, Stage};
use crate::equivalence::{self, Asked};
use crate::error::{Code, Refused, queue_in};
use crate::link::Link;
use crate::streams::Reading;
use crate::{FORMAT, mapping};
use bytes::Bytes;
use narumq_broker::{CreateTopicError, NoSuchQueue, Offsets, StreamError, StreamSpec, StreamStart, TopicHandle};
use narumq_door::Context;
use narumq_model::{Lsn, Name, Time, span};

/// How many records are there, and how many consumers.
pub(super) fn counts(topic: &TopicHandle, cx: &Context<'_>) -> (u64, u32) {
    let records = cx.broker.all_offsets(topic).iter().map(Offsets::count).sum();
    (records, cx.broker.stream_readers(topic))
}

/// Makes a topic for a queue that is declared and was not there.
pub(super) fn make(
    link: &mut Link,
    name: Name,
    properties: Properties,
    asked: &Asked<'_>,
    cx: &mut Context<'_>,
) -> Result<(TopicHandle, Lsn), Refused> {
    let vhost = link.vhost_name().clone();
    let limits = arguments::stream((&name, &vhost), properties, asked.arguments)?;
    let made = cx.broker.create_stream(&link.vhost, (name.clone(), link.names.uuid()), &limits, cx.turn);
    match made {
        Ok(made) => Ok(made),
        // Somebody else was faster.
        Err(CreateTopicError::Exists) => {
            let topic = cx.broker.topic(&link.vhost, &name).ok_or_else(|| gone(&name, &vhost))?;
            equivalence::stream(&topic, asked)?;
            Ok((topic, cx.broker.last_catalog_lsn()))
        }
        Err(error) => Err(Refused::failed(format!("{}: {error}", queue_in(&name, &vhost)))),
    }
}

fn gone(name: &Name, vhost: &Name) -> Refused {
    NoSuchQueue { queue: name.clone(), vhost: vhost.clone() }.into()
}

/// What streams have no place for.
pub(super) fn unsupported(what: &str, topic: &TopicHandle) -> Refused {
    let queue = queue_in(&topic.definition().name, topic.vhost());
    Refused::new(Code::NotImplemented, format!("{what} not supported by stream queues {queue}"))
}

/// Refuses a command that is for queues only.
pub(super) fn refuse(link: &Link, name: &str, what: &str, cx: &Context<'_>) -> Result<(), Refused> {
    match cx.broker.topic(&link.vhost, name) {
        Some(topic) => Err(unsupported(what, &topic)),
        None => Ok(()),
    }
}

/// `queue.delete`: how many records went, if it is a topic.
pub(super) fn delete(
    link: &Link,
    name: &str,
    if_unused: bool,
    cx: &mut Context<'_>,
) -> Result<Option<(u64, Lsn)>, Refused> {
    let Some(topic) = cx.broker.topic(&link.vhost, name) else { return Ok(None) };
    let (records, readers) = counts(&topic, cx);
    if if_unused && readers > 0 {
        return Err(Refused::failed(format!("{} in use", queue_in(name, link.vhost_name()))));
    }
    let deleted = cx.broker.delete_topic(&link.vhost, name, cx.turn);
    Ok(Some((records, deleted.unwrap_or_else(|| cx.broker.last_catalog_lsn()))))
}

/// `basic.consume` of a topic.
pub(super) fn consume(
    link: &mut Link,
    channel: &mut Channel,
    method: &BasicConsume<'_>,
    (topic, tag): (&TopicHandle, Bytes),
    cx: &mut Context<'_>,
) -> Result<(), Refused> {
    let name = || queue_in(&topic.definition().name, topic.vhost());
    if method.no_ack {
        return Err(unsupported("automatic acknowledgement", topic));
    }
    if channel.prefetch == 0 {
        return Err(Refused::failed(format!("consumer prefetch count is not set for '{}'", name())));
    }
    if method.arguments.get(b"x-priority").is_some() {
        let text = format!("invalid arg 'x-priority' for {} of queue type rabbit_stream_queue", name());
        return Err(Refused::failed(text));
    }
    let invalid =
        |argument: &str, why: String| Refused::failed(format!("invalid arg '{argument}' for {}: {why}", name()));
    let start = start(method.arguments, cx.turn.now).map_err(|why| invalid("x-stream-offset", why))?;
    let partition = match method.arguments.get(b"x-partition") {
        None => None,
        Some(value) => match value.as_integer().and_then(|n| u32::try_from(n).ok()) {
            Some(number) => Some(number),
            None => {
                return Err(invalid(
                    "x-partition",
                    format!("expected a partition's number, got {}", value.type_name()),
                ));
            }
        },
    };
    let spec = StreamSpec { start, partition, format: FORMAT };
    let stream = cx.broker.open_stream(topic, spec, link.id).map_err(|error| match error {
        StreamError::Partition(_) | StreamError::OffsetOfAll => invalid("x-partition", error.to_string()),
        StreamError::Format => unsupported("basic.consume", topic),
    })?;
    let reading = Reading::new(stream, channel.prefetch);
    let source = Source::Stream(Some(Box::new(reading)));
    let (number, stage) = (channel.number, Stage::Serving);
    let consumer = Consumer { channel: number, tag: tag.clone(), source, takes: false, counts: false, stage };
    let key = link.consumers.add(consumer).ok_or_else(too_many)?;
    link.streams.push(key);
    link.streams_due = true;
    started(channel, tag, key, method.nowait, cx);
    Ok(())
}

/// From where a consumer reads.
fn start(arguments: Table<'_>, now: Time) -> Result<StreamStart, String> {
    let Some(value) = arguments.get(b"x-stream-offset") else { return Ok(StreamStart::Next) };
    match value {
        Value::Timestamp(seconds) => {
            Ok(StreamStart::Time(i64::try_from(seconds).unwrap_or(i64::MAX).saturating_mul(1000)))
        }
        Value::LongString(b"first") => Ok(StreamStart::First),
        Value::LongString(b"last") => Ok(StreamStart::Last),
        Value::LongString(b"next") => Ok(StreamStart::Next),
        Value::LongString(text) => match std::str::from_utf8(text).ok().and_then(span::parse) {
            Some(millis) => {
                Ok(StreamStart::Time((now.0 as i64).saturating_sub(i64::try_from(millis).unwrap_or(i64::MAX))))
            }
            None => {
                let text = String::from_utf8_lossy(text);
                Err(format!("{{invalid_stream_offset_arg,{{longstr,<<\"{text}\">>}}}}"))
            }
        },
        value => match value.as_integer() {
            // Before all offsets is the first.
            Some(offset) => Ok(StreamStart::Offset(u64::try_from(offset).unwrap_or(0))),
            None => {
                let name = value.type_name();
                let shown = mapping::shown(&mapping::value(value, &Bytes::copy_from_slice));
                Err(format!("{{invalid_stream_offset_arg,{{{name},{shown}}}}}"))
            }
        },
    }
}
