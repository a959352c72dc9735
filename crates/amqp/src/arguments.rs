//! The arguments of `queue.declare`: checked in RabbitMQ's order and words, and turned into a policy.

use crate::error::{Refused, queue_in};
use crate::mapping::{shown, type_name};
use narumq_broker::StreamLimits;
use narumq_model::{Headers, Overflow, QueuePolicy, Value, span};

/// The type of a queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum QueueType {
    /// The default.
    Classic,
    /// Durable, never exclusive, counts failed deliveries.
    Quorum,
    /// A topic.
    Stream,
}

/// What is asked of a queue beside its arguments.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Properties {
    pub(crate) durable: bool,
    pub(crate) exclusive: bool,
    pub(crate) auto_delete: bool,
}

type Check = fn(&Value, &Headers) -> Result<(), String>;

/// Every known argument with its check, in the order in which they are looked at. These are also the ones that count
/// when a queue is declared again.
pub(crate) const KNOWN: &[(&str, Check)] = &[
    ("x-expires", expires),
    ("x-message-ttl", non_negative),
    ("x-dead-letter-exchange", long_string),
    ("x-dead-letter-routing-key", dead_letter_key),
    ("x-dead-letter-strategy", dead_letter_strategy),
    ("x-max-length", non_negative),
    ("x-max-length-bytes", non_negative),
    ("x-max-in-memory-length", non_negative),
    ("x-max-in-memory-bytes", non_negative),
    ("x-max-priority", max_priority),
    ("x-overflow", overflow),
    ("x-queue-mode", queue_mode),
    ("x-queue-version", non_negative),
    ("x-single-active-consumer", boolean),
    ("x-queue-type", queue_type),
    ("x-delivery-limit", integer),
    ("x-quorum-initial-group-size", positive),
    ("x-initial-cluster-size", positive),
    ("x-queue-leader-locator", long_string),
    ("x-max-age", max_age),
    ("x-stream-max-segment-size-bytes", positive),
];

/// What a quorum queue has no use for, and says so.
const NOT_FOR_QUORUM: &[&str] = &["x-max-priority", "x-queue-mode", "x-queue-version", "x-initial-cluster-size"];

/// What a stream has no use for, and says so.
const NOT_FOR_STREAM: &[&str] = &[
    "x-expires",
    "x-message-ttl",
    "x-dead-letter-exchange",
    "x-dead-letter-routing-key",
    "x-dead-letter-strategy",
    "x-max-length",
    "x-max-in-memory-length",
    "x-max-in-memory-bytes",
    "x-max-priority",
    "x-overflow",
    "x-queue-mode",
    "x-queue-version",
    "x-single-active-consumer",
    "x-delivery-limit",
    "x-quorum-initial-group-size",
];

/// The type that arguments ask for.
pub(crate) fn type_of(arguments: &Headers) -> QueueType {
    match arguments.get(b"x-queue-type").and_then(Value::as_text) {
        Some(text) if &text[..] == b"quorum" => QueueType::Quorum,
        Some(text) if &text[..] == b"stream" => QueueType::Stream,
        _ => QueueType::Classic,
    }
}

/// Checks what is asked of a new queue and turns it into its policy.
pub(crate) fn policy(
    (queue, vhost): (&str, &str),
    properties: Properties,
    arguments: &Headers,
) -> Result<QueuePolicy, Refused> {
    let name = || queue_in(queue, vhost);
    check(&name, arguments)?;
    if type_of(arguments) == QueueType::Quorum {
        check_type(&name(), (NOT_FOR_QUORUM, "rabbit_quorum_queue"), properties, arguments)?;
    }
    Ok(read_policy(arguments))
}

/// Checks what is asked of a new stream and turns it into its limits.
pub(crate) fn stream(
    (queue, vhost): (&str, &str),
    properties: Properties,
    arguments: &Headers,
) -> Result<StreamLimits, Refused> {
    let name = || queue_in(queue, vhost);
    check(&name, arguments)?;
    check_type(&name(), (NOT_FOR_STREAM, "rabbit_stream_queue"), properties, arguments)?;
    let number = |name| number(arguments, name);
    Ok(StreamLimits {
        age_ms: arguments.get(b"x-max-age").and_then(age),
        bytes: number("x-max-length-bytes"),
        segment_bytes: number("x-stream-max-segment-size-bytes"),
    })
}

/// The age that an argument names, in milliseconds.
pub(crate) fn age(value: &Value) -> Option<u64> {
    std::str::from_utf8(value.as_text()?).ok().and_then(span::parse)
}

fn check(name: &impl Fn() -> String, arguments: &Headers) -> Result<(), Refused> {
    let dead_letter = "x-dead-letter-exchange";
    if let Some(value) = arguments.get(dead_letter.as_bytes()).filter(|value| value.as_text().is_none()) {
        let kind = type_name(value);
        return Err(Refused::failed(format!("invalid type '{kind}' for arg '{dead_letter}' in {}", name())));
    }
    for (argument, check) in KNOWN {
        if let Some(value) = arguments.get(argument.as_bytes()) {
            check(value, arguments)
                .map_err(|why| Refused::failed(format!("invalid arg '{argument}' for {}: {why}", name())))?;
        }
    }
    Ok(())
}

/// Refuses what a type of queues has no use for.
fn check_type(
    name: &str,
    (unusable, kind): (&[&str], &str),
    properties: Properties,
    arguments: &Headers,
) -> Result<(), Refused> {
    if let Some(argument) = unusable.iter().find(|argument| arguments.get(argument.as_bytes()).is_some()) {
        let text = format!("invalid arg '{argument}' for {name} of queue type {kind}");
        return Err(Refused::failed(text));
    }
    let Properties { durable, exclusive, auto_delete } = properties;
    for (wrong, word) in [(auto_delete, "auto-delete"), (exclusive, "exclusive-owner"), (!durable, "non-durable")] {
        if wrong {
            return Err(Refused::failed(format!("invalid property '{word}' for {name}")));
        }
    }
    Ok(())
}

/// A number that is not negative.
fn number(arguments: &Headers, name: &str) -> Option<u64> {
    arguments.get(name.as_bytes()).and_then(Value::as_integer).and_then(|n| u64::try_from(n).ok())
}

fn read_policy(arguments: &Headers) -> QueuePolicy {
    let number = |name| number(arguments, name);
    let text = |name: &str| arguments.get(name.as_bytes()).and_then(Value::as_text);
    QueuePolicy {
        message_ttl_ms: number("x-message-ttl"),
        expires_ms: number("x-expires"),
        max_length: number("x-max-length"),
        max_length_bytes: number("x-max-length-bytes"),
        overflow: match text("x-overflow").map(|text| &text[..]) {
            Some(b"reject-publish") => Overflow::Reject,
            Some(b"reject-publish-dlx") => Overflow::RejectDeadLetter,
            _ => Overflow::DropHead,
        },
        dead_letter_exchange: text("x-dead-letter-exchange")
            .map(|name| String::from_utf8_lossy(name).into_owned().into()),
        dead_letter_key: text("x-dead-letter-routing-key").cloned(),
        // 0 is one level, which is what a queue without priorities has.
        max_priority: number("x-max-priority").and_then(|n| u8::try_from(n).ok()).filter(|n| *n > 0),
        delivery_limit: number("x-delivery-limit").map(|n| u32::try_from(n).unwrap_or(u32::MAX)),
        single_active_consumer: arguments.get(b"x-single-active-consumer") == Some(&Value::Bool(true)),
        ..QueuePolicy::default()
    }
}

fn integer(value: &Value, _: &Headers) -> Result<(), String> {
    value.as_integer().map(drop).ok_or_else(|| format!("\"expected integer, got {}\"", type_name(value)))
}

fn non_negative(value: &Value, all: &Headers) -> Result<(), String> {
    integer(value, all)?;
    match value.as_integer() {
        Some(n) if n < 0 => Err(format!("{{value_negative,{n}}}")),
        _ => Ok(()),
    }
}

fn positive(value: &Value, all: &Headers) -> Result<(), String> {
    non_negative(value, all)?;
    if value.as_integer() == Some(0) { Err("{value_zero,0}".into()) } else { Ok(()) }
}

fn expires(value: &Value, all: &Headers) -> Result<(), String> {
    positive(value, all)
}

fn max_priority(value: &Value, all: &Headers) -> Result<(), String> {
    non_negative(value, all)?;
    match value.as_integer() {
        Some(n) if n > 255 => Err(format!("{{max_value_exceeded,{n}}}")),
        _ => Ok(()),
    }
}

fn unacceptable(value: &Value) -> String {
    format!("{{unacceptable_type,{}}}", type_name(value))
}

fn long_string(value: &Value, _: &Headers) -> Result<(), String> {
    value.as_text().map(drop).ok_or_else(|| unacceptable(value))
}

fn boolean(value: &Value, _: &Headers) -> Result<(), String> {
    if matches!(value, Value::Bool(_)) { Ok(()) } else { Err(unacceptable(value)) }
}

fn dead_letter_key(value: &Value, all: &Headers) -> Result<(), String> {
    long_string(value, all)?;
    if value.as_text().is_some_and(|key| key.len() > 255) {
        return Err("routing_key_too_long".into());
    }
    if all.get(b"x-dead-letter-exchange").is_none() { Err("routing_key_but_no_dlx_defined".into()) } else { Ok(()) }
}

fn max_age(value: &Value, all: &Headers) -> Result<(), String> {
    long_string(value, all)?;
    age(value).map(drop).ok_or_else(|| "invalid_max_age".into())
}

fn one_of(value: &Value, words: &[&str], otherwise: impl FnOnce() -> String) -> Result<(), String> {
    let text = value.as_text().ok_or_else(|| unacceptable(value))?;
    if words.iter().any(|word| word.as_bytes() == &text[..]) { Ok(()) } else { Err(otherwise()) }
}

fn dead_letter_strategy(value: &Value, _: &Headers) -> Result<(), String> {
    one_of(value, &["at-most-once", "at-least-once"], || "invalid_dlx_strategy".into())
}

fn overflow(value: &Value, _: &Headers) -> Result<(), String> {
    one_of(value, &["drop-head", "reject-publish", "reject-publish-dlx"], || "invalid_overflow".into())
}

fn queue_mode(value: &Value, _: &Headers) -> Result<(), String> {
    one_of(value, &["default", "lazy"], || format!("\"invalid queue mode '{}'\"", shown(value)))
}

fn queue_type(value: &Value, _: &Headers) -> Result<(), String> {
    let unsupported = || format!("\"unsupported queue type '{}'\"", shown(value));
    one_of(value, &["classic", "quorum", "stream"], unsupported)
}
