//! Declaring again: whether what is asked is what is there, and the words for where it is not.

use crate::arguments::{KNOWN, age};
use crate::error::{Refused, exchange_in, queue_in};
use crate::mapping::{shown, type_name};
use narumq_broker::{ExchangeSpec, QueueHandle, QueueLocked, TopicHandle};
use narumq_model::{ExchangeDefinition, ExchangeKind, Headers, Value, span};
use std::fmt::Display;

/// The name of an exchange type.
pub(crate) fn kind_name(kind: ExchangeKind) -> &'static str {
    match kind {
        ExchangeKind::Direct => "direct",
        ExchangeKind::Fanout => "fanout",
        ExchangeKind::Topic => "topic",
        ExchangeKind::Headers => "headers",
    }
}

/// What a client declares of a queue.
pub(crate) struct Asked<'a> {
    pub(crate) durable: bool,
    pub(crate) exclusive: bool,
    pub(crate) auto_delete: bool,
    pub(crate) arguments: &'a Headers,
}

/// Refuses a declare that does not fit the queue that is there.
pub(crate) fn queue(queue: &QueueHandle, asked: &Asked<'_>) -> Result<(), Refused> {
    let current = queue.definition();
    if current.exclusive != asked.exclusive {
        return Err(QueueLocked { queue: current.name.clone(), vhost: queue.vhost().clone() }.into());
    }
    let name = || queue_in(&current.name, queue.vhost());
    same("durable", name, asked.durable, current.durable)?;
    same("auto_delete", name, asked.auto_delete, current.auto_delete)?;
    for (argument, _) in KNOWN {
        let value = |arguments: &Headers| arguments.get(argument.as_bytes()).cloned();
        let (mut received, mut there) = (value(asked.arguments), value(&current.arguments));
        if *argument == "x-queue-type" {
            // No type is the classic one.
            let classic = Value::from("classic");
            received = received.filter(|value| *value != classic || there.is_some());
            there = there.filter(|value| *value != classic || received.is_some());
        }
        same_argument(argument, name, received.as_ref(), there.as_ref())?;
    }
    Ok(())
}

/// Refuses a declare that does not fit the topic that is there. One that was made through another door may have limits that
/// nobody here asks for.
pub(crate) fn stream(topic: &TopicHandle, asked: &Asked<'_>) -> Result<(), Refused> {
    let current = topic.definition();
    if asked.exclusive {
        return Err(QueueLocked { queue: current.name.clone(), vhost: topic.vhost().clone() }.into());
    }
    let name = || queue_in(&current.name, topic.vhost());
    same("durable", name, asked.durable, true)?;
    same("auto_delete", name, asked.auto_delete, false)?;
    let value = |argument: &str| asked.arguments.get(argument.as_bytes()).cloned();
    same_argument("x-queue-type", name, value("x-queue-type").as_ref(), Some(&Value::from("stream")))?;
    let policy = &current.policy;
    // Age counts so where a stream was declared.
    let declared = policy.age_from_arrival;
    let received = value("x-max-age");
    if (received.is_some() || declared) && received.as_ref().and_then(age) != policy.retention_ms {
        let there = policy.retention_ms.map(|millis| Value::from(&*span::text(millis)));
        return same_argument("x-max-age", name, received.as_ref(), there.as_ref());
    }
    let received = value("x-max-length-bytes");
    let there = policy.retention_bytes.map(|bytes| Value::I64(i64::try_from(bytes).unwrap_or(i64::MAX)));
    if received.is_some() || declared {
        same_argument("x-max-length-bytes", name, received.as_ref(), there.as_ref())?;
    }
    Ok(())
}

/// Refuses a declare that does not fit the exchange that is there.
pub(crate) fn exchange(current: &ExchangeDefinition, asked: &ExchangeSpec, vhost: &str) -> Result<(), Refused> {
    let name = || exchange_in(&current.name, vhost);
    same("type", name, kind_name(asked.kind), kind_name(current.kind))?;
    same("durable", name, asked.durable, current.durable)?;
    same("auto_delete", name, asked.auto_delete, current.auto_delete)?;
    same("internal", name, asked.internal, current.internal)?;
    let alternate = |arguments: &Headers| arguments.get(b"alternate-exchange").cloned();
    let (received, there) = (alternate(&asked.arguments), alternate(&current.arguments));
    same_argument("alternate-exchange", name, received.as_ref(), there.as_ref())
}

fn differs(field: &str, name: &str, received: impl Display, current: impl Display) -> Refused {
    Refused::failed(format!("inequivalent arg '{field}' for {name}: received {received} but current is {current}"))
}

fn same<T: PartialEq + Display>(
    field: &str,
    name: impl Fn() -> String,
    received: T,
    current: T,
) -> Result<(), Refused> {
    if received == current {
        return Ok(());
    }
    Err(differs(field, &name(), format!("'{received}'"), format!("'{current}'")))
}

fn same_argument(
    field: &str,
    name: impl Fn() -> String,
    received: Option<&Value>,
    current: Option<&Value>,
) -> Result<(), Refused> {
    let typed = |value: Option<&Value>| match value {
        None => "none".to_owned(),
        Some(value) => format!("the value '{}' of type '{}'", shown(value), type_name(value)),
    };
    match (received, current) {
        (None, None) => Ok(()),
        (Some(a), Some(b)) if a.same(b) => Ok(()),
        (Some(a), Some(b)) => Err(differs(field, &name(), format!("'{}'", shown(a)), format!("'{}'", shown(b)))),
        _ => Err(differs(field, &name(), typed(received), typed(current))),
    }
}
