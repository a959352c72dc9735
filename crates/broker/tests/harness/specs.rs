//! What brokers, queues, consumers and messages of the tests are made with.

use bytes::Bytes;
use narumq_broker::{ConsumerSpec, Credit, ExchangeSpec, PartitionSettings};
use narumq_log::Options;
use narumq_model::{
    BindingDefinition, Destination, ExchangeKind, FormatId, HeaderMatch, Headers, Message, MessageBuilder,
    MessageParts, Name, QueuePolicy, SessionId,
};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

/// Small files, so that sealing, rounds and recycling happen all the time.
pub fn small() -> Options {
    Options { file_bytes: 64 << 10, first_file_bytes: 64 << 10, chunk_bytes: 8 << 10, ..Options::default() }
}

/// The session with this number.
pub fn session(index: u32) -> SessionId {
    SessionId { worker: 0, index, generation: 1 }
}

/// A number that was never given before: a file of the log that is opened again must not look like the one it was.
pub fn unique() -> u64 {
    static GIVEN: AtomicU64 = AtomicU64::new(0);
    let mut number = GIVEN.fetch_add(1, Ordering::Relaxed).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    number = (number ^ (number >> 32)).wrapping_mul(0xd6e8_feb8_6659_fd93);
    number ^ (number >> 32)
}

/// A consumer that may have everything.
pub fn consumer(session: SessionId, key: u32) -> ConsumerSpec {
    ConsumerSpec {
        session,
        key,
        channel: 0,
        tag: Bytes::new(),
        prefetch: 0,
        takes: false,
        exclusive: false,
        priority: 0,
        bytes: credit(1 << 60),
        shared: None,
        arguments: Headers::default(),
    }
}

/// An allowance.
pub fn credit(amount: i64) -> Credit {
    Arc::new(AtomicI64::new(amount))
}

/// A durable exchange.
pub fn exchange(name: &str, kind: ExchangeKind) -> ExchangeSpec {
    ExchangeSpec {
        name: name.into(),
        kind,
        durable: true,
        auto_delete: false,
        internal: false,
        alternate: None,
        arguments: Headers::default(),
    }
}

/// A binding of a queue.
pub fn binding(source: &str, queue: &str, key: &str) -> BindingDefinition {
    BindingDefinition {
        source: source.into(),
        destination: Destination::Queue(queue.into()),
        key: Bytes::copy_from_slice(key.as_bytes()),
        arguments: Headers::default(),
        header_match: HeaderMatch::All,
    }
}

/// The payload of message `id`: its number, then bytes that follow from it.
pub fn payload(id: u64, len: usize) -> Vec<u8> {
    let mut bytes = id.to_le_bytes().to_vec();
    bytes.extend((8..len).map(|at| (id as usize).wrapping_mul(31).wrapping_add(at) as u8));
    bytes
}

/// A message with this number and payload length, as published to (exchange, key).
pub fn message(
    builder: &mut MessageBuilder,
    id: u64,
    len: usize,
    (exchange, key): (&str, &str),
    durable: bool,
) -> Message {
    let payload = payload(id, len);
    let props = [0x10, 0, 1 + u8::from(durable)];
    let parts = MessageParts { exchange: exchange.as_bytes(), key: key.as_bytes(), props: &props, payload: &payload };
    let mut message = builder.build(&parts, FormatId(1));
    message.durable = durable;
    message
}

/// The number of a message, its payload checked.
pub fn id_of(message: &Message) -> u64 {
    let bytes = message.payload();
    let id = u64::from_le_bytes(bytes[..8].try_into().expect("8 bytes"));
    assert_eq!(bytes, payload(id, bytes.len()), "the payload of message {id}");
    assert_eq!(message.props(), [0x10, 0, 1 + u8::from(message.durable)], "the properties of message {id}");
    id
}

/// A policy that sends the dead to `exchange`.
pub fn buries(exchange: &str) -> QueuePolicy {
    QueuePolicy { dead_letter_exchange: Some(Name::from(exchange)), ..QueuePolicy::default() }
}

/// Settings of topics under which little memory is much.
pub fn topics() -> PartitionSettings {
    PartitionSettings {
        check_ms: 1_000,
        copy_bytes: 16 << 10,
        tail_bytes: 1 << 20,
        read_bytes: 4 << 20,
        compact_ms: 1_000,
        compact_bytes: 4_800,
    }
}
