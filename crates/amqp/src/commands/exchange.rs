//! Class exchange.

use crate::channel::Channel;
use crate::codec::{
    ExchangeBind, ExchangeBindOk, ExchangeDeclare, ExchangeDeclareOk, ExchangeDelete, ExchangeDeleteOk, ExchangeUnbind,
    ExchangeUnbindOk, Table,
};
use crate::error::{Refused, exchange_in};
use crate::link::Link;
use crate::mapping::{headers, shown, type_name};
use crate::{equivalence, names};
use bytes::Bytes;
use narumq_broker::{BindError, Declared, ExchangeSpec, NoSuchExchange};
use narumq_door::Context;
use narumq_model::{
    BindingDefinition, Destination, ExchangeKind, HeaderMatch, Headers, Lsn, Name, Value, limits::NAME_BYTES_MAX,
};

/// The default exchange is not to be declared, deleted or bound.
pub(super) fn check_not_default(exchange: &str) -> Result<(), Refused> {
    if exchange.is_empty() {
        return Err(Refused::access("operation not permitted on the default exchange"));
    }
    Ok(())
}

fn kind_of(name: &[u8]) -> Result<ExchangeKind, Refused> {
    Ok(match name {
        b"direct" => ExchangeKind::Direct,
        b"fanout" => ExchangeKind::Fanout,
        b"topic" => ExchangeKind::Topic,
        b"headers" => ExchangeKind::Headers,
        other => {
            return Err(Refused::failed(format!("unknown exchange type '{}'", String::from_utf8_lossy(other))));
        }
    })
}

/// `exchange.declare`
pub(super) fn declare(
    link: &mut Link,
    channel: &mut Channel,
    method: &ExchangeDeclare<'_>,
    cx: &mut Context<'_>,
) -> Result<(), Refused> {
    let lsn = if method.passive { look(link, method, cx)? } else { make(link, method, cx)? };
    channel.wrote(lsn, link);
    if !method.nowait {
        channel.answer(lsn, &ExchangeDeclareOk, cx);
    }
    Ok(())
}

fn look(link: &Link, method: &ExchangeDeclare<'_>, cx: &Context<'_>) -> Result<Lsn, Refused> {
    let name = names::checked(method.exchange)?;
    check_not_default(&name)?;
    cx.broker.exchange(&link.vhost, &name)?;
    Ok(Lsn(0))
}

fn make(link: &Link, method: &ExchangeDeclare<'_>, cx: &mut Context<'_>) -> Result<Lsn, Refused> {
    let kind = kind_of(method.kind)?;
    let name = names::checked(method.exchange)?;
    check_not_default(&name)?;
    let arguments = headers(method.arguments);
    let vhost = link.vhost_name();
    let there = cx.broker.exchange(&link.vhost, &name).is_ok();
    if !there && name.starts_with(names::RESERVED) {
        return Err(Refused::access(format!("exchange name '{name}' contains reserved prefix 'amq.*'")));
    }
    let alternate = if there { None } else { alternate(&name, vhost, &arguments)? };
    let spec = ExchangeSpec {
        name: name.as_ref().into(),
        kind,
        durable: method.durable,
        auto_delete: method.auto_delete,
        internal: method.internal,
        alternate,
        arguments,
    };
    let (declared, lsn) = cx.broker.declare_exchange(&link.vhost, spec.clone(), cx.turn);
    if let Declared::Existing(current) = declared {
        equivalence::exchange(&current, &spec, vhost)?;
    }
    Ok(lsn)
}

fn alternate(name: &str, vhost: &str, arguments: &Headers) -> Result<Option<Name>, Refused> {
    match arguments.get(b"alternate-exchange") {
        None => Ok(None),
        Some(Value::Text(text)) => Ok(Some(String::from_utf8_lossy(text).into_owned().into())),
        Some(other) => Err(Refused::failed(format!(
            "invalid type '{}' for arg 'alternate-exchange' in {}",
            type_name(other),
            exchange_in(name, vhost)
        ))),
    }
}

/// `exchange.delete`
pub(super) fn delete(
    link: &mut Link,
    channel: &mut Channel,
    method: &ExchangeDelete<'_>,
    cx: &mut Context<'_>,
) -> Result<(), Refused> {
    let name = names::checked(method.exchange)?;
    check_not_default(&name)?;
    if name.starts_with(names::RESERVED) {
        let exchange = exchange_in(&name, link.vhost_name());
        return Err(Refused::access(format!("deletion of system {exchange} not allowed")));
    }
    let lsn = cx.broker.delete_exchange(&link.vhost, &name, method.if_unused, cx.turn)?;
    channel.wrote(lsn, link);
    if !method.nowait {
        channel.answer(lsn, &ExchangeDeleteOk, cx);
    }
    Ok(())
}

/// `exchange.bind`
pub(super) fn bind(
    link: &mut Link,
    channel: &mut Channel,
    method: &ExchangeBind<'_>,
    cx: &mut Context<'_>,
) -> Result<(), Refused> {
    let (source, destination) = (names::checked(method.source)?, names::checked(method.destination)?);
    check_not_default(&destination)?;
    let destination = Destination::Exchange(destination.as_ref().into());
    let binding = binding(&source, destination, method.routing_key, method.arguments)?;
    let lsn = make_binding(link, binding, cx)?;
    channel.wrote(lsn, link);
    if !method.nowait {
        channel.answer(lsn, &ExchangeBindOk, cx);
    }
    Ok(())
}

/// `exchange.unbind`
pub(super) fn unbind(
    link: &mut Link,
    channel: &mut Channel,
    method: &ExchangeUnbind<'_>,
    cx: &mut Context<'_>,
) -> Result<(), Refused> {
    let (source, destination) = (names::checked(method.source)?, names::checked(method.destination)?);
    check_not_default(&destination)?;
    let destination = Destination::Exchange(destination.as_ref().into());
    let binding = binding(&source, destination, method.routing_key, method.arguments)?;
    let lsn = undo_binding(link, &binding, cx)?;
    channel.wrote(lsn, link);
    if !method.nowait {
        channel.answer(lsn, &ExchangeUnbindOk, cx);
    }
    Ok(())
}

/// A binding as a client describes it.
pub(super) fn binding(
    source: &str,
    destination: Destination,
    key: &[u8],
    arguments: Table<'_>,
) -> Result<BindingDefinition, Refused> {
    check_not_default(source)?;
    debug_assert!(key.len() <= NAME_BYTES_MAX, "a short string");
    Ok(BindingDefinition {
        source: source.into(),
        destination,
        key: Bytes::copy_from_slice(key),
        arguments: headers(arguments),
        header_match: HeaderMatch::All,
    })
}

/// Makes a binding.
pub(super) fn make_binding(link: &Link, mut binding: BindingDefinition, cx: &mut Context<'_>) -> Result<Lsn, Refused> {
    let source = cx.broker.exchange(&link.vhost, &binding.source)?;
    if source.kind == ExchangeKind::Headers {
        binding.header_match = header_match(&binding.arguments)?;
    }
    Ok(cx.broker.bind(&link.vhost, binding, link.id, cx.turn)?)
}

/// Undoes a binding. What is missing is not bound.
pub(super) fn undo_binding(link: &Link, binding: &BindingDefinition, cx: &mut Context<'_>) -> Result<Lsn, Refused> {
    match cx.broker.unbind(&link.vhost, binding, link.id, cx.turn) {
        Ok(lsn) => Ok(lsn),
        Err(BindError::NoSuchQueue(_) | BindError::NoSuchExchange(NoSuchExchange { .. })) => {
            Ok(cx.broker.last_catalog_lsn())
        }
        Err(BindError::QueueLocked(refusal)) => Err(refusal.into()),
    }
}

fn header_match(arguments: &Headers) -> Result<HeaderMatch, Refused> {
    match arguments.get(b"x-match") {
        None => Ok(HeaderMatch::All),
        Some(Value::Text(text)) => match &text[..] {
            b"all" => Ok(HeaderMatch::All),
            b"any" => Ok(HeaderMatch::Any),
            b"all-with-x" => Ok(HeaderMatch::AllWithReserved),
            b"any-with-x" => Ok(HeaderMatch::AnyWithReserved),
            other => Err(Refused::failed(format!(
                "Invalid x-match field value <<{:?}>>; expected all, any, all-with-x, or any-with-x",
                String::from_utf8_lossy(other)
            ))),
        },
        Some(other) => Err(Refused::failed(format!(
            "Invalid x-match field type {} (value {}); expected longstr",
            type_name(other),
            shown(other)
        ))),
    }
}
