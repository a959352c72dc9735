//! Messages on their way in: from frames to a route, a message, the broker, and the confirm.

use crate::channel::Channel;
use crate::codec::{BasicPublish, ContentHeader, Published as WholeMessage};
use crate::content::Expected;
use crate::delivery;
use crate::error::{Code, Refused};
use crate::link::Link;
use crate::routes::RouteRef;
use crate::traits::{Publisher, Traits};
use crate::{FORMAT, mapping, names};
use narumq_broker::{Broker, Published, Route, RouteQuery, Vhost};
use narumq_door::Context;
use narumq_model::{Message, MessageBuilder, MessageParts};

/// What is published: where to, with which properties, and what it says to the broker.
struct Publish<'a> {
    exchange: &'a [u8],
    key: &'a [u8],
    mandatory: bool,
    properties: &'a [u8],
}

fn publisher<'a>(link: &'a Link, channel: &'a Channel) -> Publisher<'a> {
    let replies = channel.reply.as_ref().map(|reply| &*reply.queue);
    Publisher { user: &link.user, impersonates: link.impersonates, replies }
}

/// A whole message at once: the fast way.
#[inline]
pub(crate) fn whole(
    link: &mut Link,
    channel: &mut Channel,
    message: &WholeMessage<'_>,
    cx: &mut Context<'_>,
) -> Result<(), Refused> {
    let WholeMessage { publish, properties, body, .. } = message;
    check_size(body.len() as u64, cx.broker)?;
    let traits = Traits::read(properties, &publisher(link, channel))?;
    let (exchange, key, mandatory) = (publish.exchange, publish.routing_key, publish.mandatory);
    let publish = Publish { exchange, key, mandatory, properties };
    let make = |builder: &mut MessageBuilder, traits: &Traits| {
        let parts = MessageParts { exchange, key, props: traits.properties().unwrap_or(properties), payload: body };
        builder.build(&parts, FORMAT)
    };
    enter(link, channel, &publish, traits, make, cx)
}

/// `basic.publish`: content follows.
pub(crate) fn begin(channel: &mut Channel, publish: &BasicPublish<'_>) -> Result<(), Refused> {
    if publish.immediate {
        return Err(Refused::new(Code::NotImplemented, "immediate=true"));
    }
    channel.content.begin(publish.exchange, publish.routing_key, publish.mandatory);
    Ok(())
}

/// The content header.
pub(crate) fn header(
    link: &mut Link,
    channel: &mut Channel,
    payload: &[u8],
    cx: &mut Context<'_>,
) -> Result<(), Refused> {
    match channel.content.expected {
        Expected::Method => return Err(unexpected("expected method frame, got non method frame instead")),
        Expected::Header => {}
        Expected::Body => return Err(interrupted("expected content body, got non content body frame instead")),
    }
    let header = ContentHeader::parse(payload).map_err(|error| Refused::from(error).by(BasicPublish::ID))?;
    if header.class_id != BasicPublish::ID.class {
        let got = header.class_id;
        return Err(interrupted(&format!("expected content header for class 60, got one for class {got} instead")));
    }
    if header.weight != 0 {
        return Err(interrupted("expected content header for class 60, got one with a weight instead"));
    }
    let blame = |refused: Refused| refused.by(BasicPublish::ID);
    check_size(header.body_size, cx.broker).map_err(blame)?;
    let traits = Traits::read(header.properties, &publisher(link, channel)).map_err(blame)?;
    channel.content.describe(header.properties, traits, header.body_size);
    complete(link, channel, cx).map_err(blame)
}

/// A part of the body.
pub(crate) fn body(link: &mut Link, channel: &mut Channel, part: &[u8], cx: &mut Context<'_>) -> Result<(), Refused> {
    match channel.content.expected {
        Expected::Method => return Err(unexpected("expected method frame, got non method frame instead")),
        Expected::Header => {
            return Err(interrupted("expected content header for class 60, got non content header frame instead"));
        }
        Expected::Body => {}
    }
    if part.len() as u64 > channel.content.remaining {
        let text = format!("body frame of {} bytes where {} remain", part.len(), channel.content.remaining);
        return Err(Refused::new(Code::FrameError, text).by(BasicPublish::ID));
    }
    channel.content.add(part);
    complete(link, channel, cx).map_err(|refused| refused.by(BasicPublish::ID))
}

/// A command where content is expected.
pub(crate) fn check_no_content(channel: &Channel) -> Result<(), Refused> {
    match channel.content.expected {
        Expected::Method => Ok(()),
        Expected::Header => {
            Err(interrupted("expected content header for class 60, got non content header frame instead"))
        }
        Expected::Body => Err(interrupted("expected content body, got non content body frame instead")),
    }
}

pub(crate) fn unexpected(text: &str) -> Refused {
    Refused::new(Code::UnexpectedFrame, text)
}

fn interrupted(text: &str) -> Refused {
    unexpected(text).by(BasicPublish::ID)
}

fn check_size(size: u64, broker: &Broker) -> Result<(), Refused> {
    let max = broker.message_bytes_max();
    if size > max {
        return Err(Refused::failed(format!("message size {size} is larger than configured max size {max}")));
    }
    Ok(())
}

fn complete(link: &mut Link, channel: &mut Channel, cx: &mut Context<'_>) -> Result<(), Refused> {
    if channel.content.remaining > 0 {
        return Ok(());
    }
    let message = channel.content.build(&mut link.builder);
    let traits = std::mem::take(&mut channel.content.traits);
    let twin = message.clone();
    let (exchange, key) = twin.published_names();
    let publish = Publish { exchange, key, mandatory: channel.content.mandatory, properties: twin.props() };
    enter(link, channel, &publish, traits, |_, _| message, cx)
}

/// Routes a message and gives it to the queues, or to the transaction, or back.
#[inline]
fn enter(
    link: &mut Link,
    channel: &mut Channel,
    publish: &Publish<'_>,
    mut traits: Traits,
    make: impl FnOnce(&mut MessageBuilder, &Traits) -> Message,
    cx: &mut Context<'_>,
) -> Result<(), Refused> {
    let Link { routes, builder, vhost, .. } = link;
    let names = (publish.exchange, publish.key);
    let further = traits.extras.as_ref().is_some_and(|e| !(e.keys.is_empty() && e.blind_keys.is_empty()));
    let route = if further {
        RouteRef::Once(resolve(vhost, publish, &traits, cx.broker)?)
    } else {
        let version = cx.broker.topology_version();
        let resolve = || resolve(vhost, publish, &traits, cx.broker);
        routes.find(&mut channel.last_route, version, names, resolve)?
    };
    let routed = route.get().queues() > 0;
    let mut published = Published::default();
    if routed || publish.mandatory || channel.transaction.is_some() {
        let mut message = make(builder, &traits);
        traits.apply(&mut message, cx.turn.now);
        if let Some(transaction) = &mut channel.transaction {
            let route = route.get().clone();
            return transaction.publish(route, message, publish.mandatory && !routed);
        }
        if routed {
            published = cx.broker.publish(route.get(), message, cx.turn);
        } else {
            cx.turn.counts.received += 1;
            cx.turn.counts.unroutable_returned += 1;
            delivery::give_back(channel, &message, link.frame_max, cx.out);
        }
    } else {
        cx.turn.counts.received += 1;
        cx.turn.counts.unroutable_dropped += 1;
    }
    channel.published(link, published, cx);
    Ok(())
}

/// Asks the broker where a message goes.
fn resolve(vhost: &Vhost, publish: &Publish<'_>, traits: &Traits, broker: &Broker) -> Result<Route, Refused> {
    names::text(publish.exchange)?;
    let headers = || mapping::headers_of(publish.properties);
    let mut keys: Vec<&[u8]> = vec![publish.key];
    if let Some(extras) = &traits.extras {
        keys.extend(extras.keys.iter().chain(&extras.blind_keys).map(|key| &key[..]));
    }
    Ok(broker.route(vhost, &RouteQuery { exchange: publish.exchange, keys: &keys, headers: &headers })?)
}
