//! The catalog in the log: every durable vhost, exchange, queue, binding and user as a record.
//!
//! ```text
//! Define / Delete entry of object 1, data:   u8 tag | fields            (Delete: the fields that name it)
//!   1 vhost     name                          2 user      name | opaque
//!   3 exchange  vhost, name | …               4 queue     vhost, name | …             5 binding   all fields name it
//! State of object 1:  u8 version = 2 | varint next object id | records
//!   part:             records
//!   records:          varint count, then per record: varint len, data of its Define
//! ```
//! A large State keeps its records in parts: they are spread by a hash of their key over a power of two of parts, 32 of
//! them as parts 32 to 63. That number changes when parts become too large or too small.

use crate::codec::{Reader, put_headers, put_name, put_option};
use crate::parts::{INLINE_MAX, PART_MAX, hash};
use narumq_log::varint;
use narumq_model::{
    BindingDefinition, Destination, Durability, ExchangeDefinition, ExchangeKind, HeaderMatch, Name, ObjectId,
    Overflow, QueueDefinition, QueuePolicy,
};

/// The catalog's own object id.
pub(crate) const CATALOG: ObjectId = ObjectId(1);

/// One record of the catalog.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Record {
    Vhost(Name),
    User(Name, Vec<u8>),
    Exchange(Name, ExchangeDefinition),
    Queue(Name, QueueDefinition),
    Binding(Name, BindingDefinition),
}

impl Record {
    /// The data of its `Define`.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        match self {
            Record::Vhost(name) => {
                out.push(1);
                put_name(&mut out, name);
            }
            Record::User(name, opaque) => {
                out.push(2);
                put_name(&mut out, name);
                varint::put_bytes(&mut out, opaque);
            }
            Record::Exchange(vhost, exchange) => {
                out.push(3);
                put_name(&mut out, vhost);
                put_exchange(&mut out, exchange);
            }
            Record::Queue(vhost, queue) => {
                out.push(4);
                put_name(&mut out, vhost);
                put_queue(&mut out, queue);
            }
            Record::Binding(vhost, binding) => {
                out.push(5);
                put_name(&mut out, vhost);
                put_binding(&mut out, binding);
            }
        }
        out
    }

    /// Reads the data of a `Define` or `Delete`; `None` if it is none.
    pub(crate) fn decode(data: &[u8]) -> Option<Self> {
        let mut reader = Reader::new(data);
        let tag = reader.u8()?;
        let first = reader.name()?;
        Some(match tag {
            1 => Record::Vhost(first),
            2 => Record::User(first, reader.bytes()?.to_vec()),
            3 => Record::Exchange(first, read_exchange(&mut reader)?),
            4 => Record::Queue(first, read_queue(&mut reader)?),
            5 => Record::Binding(first, read_binding(&mut reader)?),
            _ => return None,
        })
    }

    /// What tells this record from others of its kind: a later record of the same key takes its place.
    pub(crate) fn key(&self) -> Vec<u8> {
        match self {
            Record::Vhost(_) | Record::Binding(..) => self.encode(),
            Record::User(name, _) => keyed(2, "", name),
            Record::Exchange(vhost, exchange) => keyed(3, vhost, &exchange.name),
            Record::Queue(vhost, queue) => keyed(4, vhost, &queue.name),
        }
    }
}

fn keyed(tag: u8, vhost: &str, name: &str) -> Vec<u8> {
    let mut out = vec![tag];
    put_name(&mut out, vhost);
    put_name(&mut out, name);
    out
}

/// The State of the catalog: the root, and the parts if it is large. `before`: how many parts it had.
pub(crate) fn encode_state(next_object: u64, records: &[Record], before: usize) -> (Vec<u8>, Vec<(u64, Vec<u8>)>) {
    let encoded: Vec<Vec<u8>> = records.iter().map(Record::encode).collect();
    let total: usize = encoded.iter().map(|record| record.len() + 2).sum();
    let mut root = vec![2];
    varint::put(&mut root, next_object);
    if total <= INLINE_MAX {
        put_records(&mut root, &encoded);
        return (root, Vec::new());
    }
    put_records::<Vec<u8>>(&mut root, &[]);
    let fits = |count: usize| (PART_MAX / 16..=PART_MAX / 2).contains(&(total / count));
    let count =
        if before.is_power_of_two() && fits(before) { before } else { (total / (PART_MAX / 4)).next_power_of_two() };
    let mut spread: Vec<Vec<&Vec<u8>>> = vec![Vec::new(); count];
    for (record, data) in records.iter().zip(&encoded) {
        spread[hash(&record.key()) as usize % count].push(data);
    }
    let parts = spread.iter().zip(count as u64..).map(|(records, number)| {
        let mut part = Vec::new();
        put_records(&mut part, records);
        (number, part)
    });
    (root, parts.collect())
}

fn put_records<R: AsRef<[u8]>>(out: &mut Vec<u8>, records: &[R]) {
    varint::put(out, records.len() as u64);
    records.iter().for_each(|record| varint::put_bytes(out, record.as_ref()));
}

/// Reads the root of a State of the catalog: the next object id and the records.
pub(crate) fn decode_state(data: &[u8]) -> Option<(u64, Vec<Record>)> {
    let mut reader = Reader::new(data);
    if reader.u8()? != 2 {
        return None;
    }
    Some((reader.number()?, reader.list(|r| Record::decode(r.bytes()?))?))
}

/// Reads a part of a State of the catalog.
pub(crate) fn decode_part(data: &[u8]) -> Option<Vec<Record>> {
    Reader::new(data).list(|r| Record::decode(r.bytes()?))
}

fn put_exchange(out: &mut Vec<u8>, exchange: &ExchangeDefinition) {
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

fn read_exchange(reader: &mut Reader<'_>) -> Option<ExchangeDefinition> {
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

fn put_queue(out: &mut Vec<u8>, queue: &QueueDefinition) {
    varint::put(out, queue.id.0);
    put_name(out, &queue.name);
    let weak = queue.durability == Durability::Os;
    [queue.durable, queue.exclusive, queue.auto_delete, weak].iter().for_each(|b| out.push(u8::from(*b)));
    put_policy(out, &queue.policy);
    put_headers(out, &queue.arguments);
}

fn read_queue(reader: &mut Reader<'_>) -> Option<QueueDefinition> {
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

fn put_binding(out: &mut Vec<u8>, binding: &BindingDefinition) {
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

fn read_binding(reader: &mut Reader<'_>) -> Option<BindingDefinition> {
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

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use narumq_model::{Headers, Value};

    fn records() -> Vec<Record> {
        let arguments = Headers(vec![(Bytes::from_static(b"k"), Value::I64(7))]);
        let policy = QueuePolicy {
            message_ttl_ms: Some(0),
            max_priority: Some(255),
            overflow: Overflow::Reject,
            dead_letter_exchange: Some("dlx".into()),
            dead_letter_key: Some(Bytes::from_static(b"\xff")),
            lease_by_key: true,
            ..QueuePolicy::default()
        };
        let queue = QueueDefinition {
            id: ObjectId(9),
            name: "q".into(),
            durable: true,
            exclusive: false,
            auto_delete: true,
            durability: Durability::Os,
            policy,
            arguments: arguments.clone(),
        };
        let exchange = ExchangeDefinition {
            id: ObjectId(10),
            name: "x".into(),
            kind: ExchangeKind::Topic,
            durable: true,
            auto_delete: false,
            internal: true,
            alternate: Some("other".into()),
            arguments: arguments.clone(),
        };
        let binding = BindingDefinition {
            source: "x".into(),
            destination: Destination::Queue("q".into()),
            key: Bytes::from_static(b"a.#"),
            arguments,
            header_match: HeaderMatch::AnyWithReserved,
        };
        vec![
            Record::Vhost("/".into()),
            Record::User("guest".into(), vec![1, 2, 3]),
            Record::Queue("/".into(), queue),
            Record::Exchange("/".into(), exchange),
            Record::Binding("/".into(), binding),
        ]
    }

    #[test]
    fn records_and_state_come_back() {
        for record in records() {
            let data = record.encode();
            assert_eq!(Record::decode(&data), Some(record));
            for cut in 0..data.len() {
                assert_eq!(Record::decode(&data[..cut]), None);
            }
        }
        let (state, parts) = encode_state(55, &records(), 0);
        assert_eq!((decode_state(&state), parts), (Some((55, records())), Vec::new()));
    }

    #[test]
    fn a_large_state_is_spread_over_parts_and_a_change_touches_one() {
        let many = |count: u64| (0..count).map(|n| Record::Vhost(format!("vhost-{n:040}").into())).collect::<Vec<_>>();
        let (root, parts) = encode_state(55, &many(20_000), 0);
        assert_eq!(decode_state(&root), Some((55, Vec::new())));
        assert!(parts.len().is_power_of_two() && parts.iter().all(|(_, data)| data.len() <= PART_MAX));
        let mut found: Vec<Vec<u8>> =
            parts.iter().flat_map(|(_, data)| decode_part(data).expect("a part")).map(|r| r.encode()).collect();
        found.sort_unstable();
        assert_eq!(found, many(20_000).iter().map(Record::encode).collect::<Vec<_>>());
        let (_, changed) = encode_state(56, &many(20_001), parts.len());
        assert_eq!(parts.iter().zip(&changed).filter(|(a, b)| a != b).count(), 1);
        assert_eq!(encode_state(55, &many(2_000), parts.len()).1.len(), 8);
    }
}
