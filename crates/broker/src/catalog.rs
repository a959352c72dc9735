//! The catalog in the log: every durable vhost, exchange, queue, binding and user as a record.
//!
//! ```text
//! Define / Delete entry of object 1, data:   u8 tag | fields
//!   1 vhost     name                          2 user      name | opaque
//!   3 exchange  vhost | definition            4 queue     vhost | definition          5 binding   vhost | definition
//!   6 topic     vhost | definition            7 group     vhost | definition          8 producers "" | varint next id
//! State of object 1:  u8 version = 2 | varint next object id | records
//!   part:             records
//!   records:          varint count, then per record: varint len, data of its Define
//! ```
//! A large State keeps its records in parts: they are spread by a hash of their key over a power of two of parts, 32 of
//! them as parts 32 to 63. That number changes when parts become too large or too small.

mod definitions;
mod topics;

use crate::codec::{Reader, put_name};
use crate::parts::{INLINE_MAX, PART_MAX, hash};
use crate::users::Account;
use definitions::{put_binding, put_exchange, put_queue, read_binding, read_exchange, read_queue};
use narumq_log::varint;
use narumq_model::{
    BindingDefinition, ExchangeDefinition, GroupDefinition, Name, ObjectId, QueueDefinition, TopicDefinition,
};
use topics::{put_group, put_topic, read_group, read_topic};

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
    Topic(Name, TopicDefinition),
    Group(Name, GroupDefinition),
    /// Ids of producers below this one may have been given.
    Producers(u64),
}

impl Record {
    /// A user's.
    pub(crate) fn user(account: &Account) -> Self {
        let mut opaque = Vec::new();
        account.encode(&mut opaque);
        Record::User(account.name().clone(), opaque)
    }

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
            Record::Topic(vhost, topic) => {
                out.push(6);
                put_name(&mut out, vhost);
                put_topic(&mut out, topic);
            }
            Record::Group(vhost, group) => {
                out.push(7);
                put_name(&mut out, vhost);
                put_group(&mut out, group);
            }
            Record::Producers(next) => {
                out.push(8);
                put_name(&mut out, "");
                varint::put(&mut out, *next);
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
            6 => Record::Topic(first, read_topic(&mut reader)?),
            7 => Record::Group(first, read_group(&mut reader)?),
            8 => Record::Producers(reader.number()?),
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
            Record::Topic(vhost, topic) => keyed(6, vhost, &topic.name),
            Record::Group(vhost, group) => keyed(7, vhost, &group.name),
            Record::Producers(_) => vec![8],
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

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use narumq_model::{Destination, Durability, ExchangeKind, HeaderMatch, Headers, Overflow, QueuePolicy, Value};

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
            Record::Topic("/".into(), topics::sample()),
            Record::Group("/".into(), GroupDefinition { id: ObjectId(77), name: "g".into() }),
            Record::Producers(4_000),
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
