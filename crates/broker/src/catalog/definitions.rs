//! The definitions in the catalog's records: exchanges, queues with their policies, bindings.
//!
//! ```text
//! exchange:  varint id | name | u8 kind | u8 each: durable, auto-delete, internal | option alternate name | arguments
//! queue:     varint id | name | u8 each: durable, exclusive, auto-delete, durability "os" | policy | arguments
//! policy:    option varint each: message TTL, expires, max length, max length in bytes, max priority, delivery limit,
//!            hand-over limit, lease, delay | u8 overflow | option dead-letter exchange name | option dead-letter key |
//!            u8 single active consumer | u8 lease by key
//! binding:   source name | u8 0 = to a queue, 1 = to an exchange | destination name | key | arguments | u8 header match
//! ```

use crate::codec::{Reader, put_headers, put_name, put_option};
use narumq_log::varint;
use narumq_model::{
    BindingDefinition, Destination, Durability, ExchangeDefinition, ExchangeKind, HeaderMatch, ObjectId, Overflow,
    QueueDefinition, QueuePolicy,
};

pub(super) fn put_exchange(out: &mut Vec<u8>, exchange: &ExchangeDefinition) {
    varint::put(out, exchange.id.0);
    put_name(out, &exchange.name);
    out.push(match exchange.kind {
        ExchangeKind::Direct => 0,
        ExchangeKind::Fanout => 1,
        ExchangeKind::Topic => 2,
        ExchangeKind::Headers => 3,
    });
    [exchange.durable, exchange.auto_delete, exchange.internal].iter().for_each(|b| out.push(u8::from(*b)));
    put_option(out, exchange.alternate.as_deref(), put_name);
    put_headers(out, &exchange.arguments);
}

pub(super) fn read_exchange(reader: &mut Reader<'_>) -> Option<ExchangeDefinition> {
    let kinds = [ExchangeKind::Direct, ExchangeKind::Fanout, ExchangeKind::Topic, ExchangeKind::Headers];
    Some(ExchangeDefinition {
        id: ObjectId(reader.number()?),
        name: reader.name()?,
        kind: *kinds.get(usize::from(reader.u8()?))?,
        durable: reader.bool()?,
        auto_delete: reader.bool()?,
        internal: reader.bool()?,
        alternate: reader.option(Reader::name)?,
        arguments: reader.headers()?,
    })
}

pub(super) fn put_queue(out: &mut Vec<u8>, queue: &QueueDefinition) {
    varint::put(out, queue.id.0);
    put_name(out, &queue.name);
    let weak = queue.durability == Durability::Os;
    [queue.durable, queue.exclusive, queue.auto_delete, weak].iter().for_each(|b| out.push(u8::from(*b)));
    put_policy(out, &queue.policy);
    put_headers(out, &queue.arguments);
}

pub(super) fn read_queue(reader: &mut Reader<'_>) -> Option<QueueDefinition> {
    Some(QueueDefinition {
        id: ObjectId(reader.number()?),
        name: reader.name()?,
        durable: reader.bool()?,
        exclusive: reader.bool()?,
        auto_delete: reader.bool()?,
        durability: if reader.bool()? { Durability::Os } else { Durability::Fsync },
        policy: read_policy(reader)?,
        arguments: reader.headers()?,
    })
}

fn put_policy(out: &mut Vec<u8>, policy: &QueuePolicy) {
    let numbers = [
        policy.message_ttl_ms,
        policy.expires_ms,
        policy.max_length,
        policy.max_length_bytes,
        policy.max_priority.map(u64::from),
        policy.delivery_limit.map(u64::from),
        policy.hand_over_limit.map(u64::from),
        policy.lease_ms,
        policy.delay_ms,
    ];
    numbers.into_iter().for_each(|n| put_option(out, n, varint::put));
    out.push(match policy.overflow {
        Overflow::DropHead => 0,
        Overflow::Reject => 1,
        Overflow::RejectDeadLetter => 2,
    });
    put_option(out, policy.dead_letter_exchange.as_deref(), put_name);
    put_option(out, policy.dead_letter_key.as_deref(), varint::put_bytes);
    out.push(u8::from(policy.single_active_consumer));
    out.push(u8::from(policy.lease_by_key));
}

fn read_policy(reader: &mut Reader<'_>) -> Option<QueuePolicy> {
    let mut number = || reader.option(Reader::number);
    let narrow = |n: Option<u64>| n.map(u32::try_from).transpose().ok();
    Some(QueuePolicy {
        message_ttl_ms: number()?,
        expires_ms: number()?,
        max_length: number()?,
        max_length_bytes: number()?,
        max_priority: number()?.map(u8::try_from).transpose().ok()?,
        delivery_limit: narrow(number()?)?,
        hand_over_limit: narrow(number()?)?,
        lease_ms: number()?,
        delay_ms: number()?,
        overflow: *[Overflow::DropHead, Overflow::Reject, Overflow::RejectDeadLetter].get(usize::from(reader.u8()?))?,
        dead_letter_exchange: reader.option(Reader::name)?,
        dead_letter_key: reader.option(Reader::shared)?,
        single_active_consumer: reader.bool()?,
        lease_by_key: reader.bool()?,
    })
}

pub(super) fn put_binding(out: &mut Vec<u8>, binding: &BindingDefinition) {
    put_name(out, &binding.source);
    let (tag, name) = match &binding.destination {
        Destination::Queue(name) => (0, name),
        Destination::Exchange(name) => (1, name),
    };
    out.push(tag);
    put_name(out, name);
    varint::put_bytes(out, &binding.key);
    put_headers(out, &binding.arguments);
    out.push(match binding.header_match {
        HeaderMatch::All => 0,
        HeaderMatch::Any => 1,
        HeaderMatch::AllWithReserved => 2,
        HeaderMatch::AnyWithReserved => 3,
    });
}

pub(super) fn read_binding(reader: &mut Reader<'_>) -> Option<BindingDefinition> {
    let modes = [HeaderMatch::All, HeaderMatch::Any, HeaderMatch::AllWithReserved, HeaderMatch::AnyWithReserved];
    Some(BindingDefinition {
        source: reader.name()?,
        destination: match reader.u8()? {
            0 => Destination::Queue(reader.name()?),
            1 => Destination::Exchange(reader.name()?),
            _ => return None,
        },
        key: reader.shared()?,
        arguments: reader.headers()?,
        header_match: *modes.get(usize::from(reader.u8()?))?,
    })
}
