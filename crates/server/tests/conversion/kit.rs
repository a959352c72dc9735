//! Messages, batches, and the way between them.

use bytes::Bytes;
use narumq_amqp::codec::{PropertiesView, PropertyEdits, TableWriter};
use narumq_amqp::{BasicMessages, write_headers};
use narumq_broker::{Dialect, MessageDialect, RecordPlace};
use narumq_kafka::RecordBatches;
use narumq_kafka::records::{BatchBuilder, BatchHeader, Codec, Header, NewRecord, Records, inflate};
use narumq_model::{Headers, Message, MessageBuilder, MessageParts, Record, Time, TopicPolicy, Value};

/// When a topic gets a message that tells no time.
pub const NOW: Time = Time(1_700_000_000_000);
/// The offset of the first record.
pub const BASE: u64 = 40;

/// A record as a Kafka client sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    pub timestamp: i64,
    pub key: Option<Vec<u8>>,
    pub value: Option<Vec<u8>>,
    pub headers: Vec<(Vec<u8>, Option<Vec<u8>>)>,
}

pub fn text(text: &str) -> Bytes {
    Bytes::copy_from_slice(text.as_bytes())
}

/// Headers by their names.
pub fn table(entries: &[(&str, Value)]) -> Headers {
    Headers(entries.iter().map(|(name, value)| (text(name), value.clone())).collect())
}

/// A message with these headers, and properties set by `set`.
pub fn message<'e>(
    exchange: &str,
    key: &str,
    headers: &Headers,
    payload: &[u8],
    set: impl FnOnce(&mut PropertyEdits<'e>),
) -> Message {
    let (mut plain, mut edits) = (Vec::new(), PropertyEdits::new());
    set(&mut edits);
    edits.write(&PropertiesView::EMPTY, &mut plain);
    let (mut table, mut edits) = (Vec::new(), PropertyEdits::new());
    if !headers.is_empty() {
        let mut writer = TableWriter::new(&mut table);
        write_headers(headers, &mut writer);
        edits.headers(writer.finish());
    }
    let mut props = Vec::new();
    edits.write(&PropertiesView::parse(&plain).unwrap(), &mut props);
    let parts = MessageParts { exchange: exchange.as_bytes(), key: key.as_bytes(), props: &props, payload };
    let mut message = MessageBuilder::default().build(&parts, narumq_amqp::FORMAT);
    let view = PropertiesView::parse(message.props()).unwrap();
    let (durable, priority) = (view.delivery_mode() == Some(2), view.priority().unwrap_or(0));
    (message.durable, message.priority) = (durable, priority);
    message
}

/// The headers of a message.
pub fn headers(message: &Message) -> Headers {
    narumq_amqp::headers_of(message.props())
}

/// One batch of these records, as a client makes it.
pub fn batch(codec: Codec, records: &[Seen]) -> Bytes {
    let mut builder = BatchBuilder::new(codec, 1 << 24);
    for record in records {
        let headers: Vec<_> =
            record.headers.iter().map(|(key, value)| Header { key, value: value.as_deref() }).collect();
        let (key, value) = (record.key.as_deref(), record.value.as_deref());
        assert!(builder.push(&NewRecord { timestamp: record.timestamp, key, value, headers: &headers }));
    }
    placed(builder.finish().unwrap())
}

fn placed(mut batch: Vec<u8>) -> Bytes {
    RecordBatches.place(&mut batch, BASE, 3);
    batch.into()
}

/// All records of a batch, as a client sees them.
pub fn seen(batch: &[u8]) -> Vec<Seen> {
    let section = inflate(batch, 1 << 24).unwrap();
    let owned = |record: narumq_kafka::records::Record<'_>| Seen {
        timestamp: record.timestamp,
        key: record.key.map(<[u8]>::to_vec),
        value: record.value.map(<[u8]>::to_vec),
        headers: record.headers.map(|header| (header.key.to_vec(), header.value.map(<[u8]>::to_vec))).collect(),
    };
    Records::new(&BatchHeader::read(batch).unwrap(), &section).map(|record| owned(record.unwrap())).collect()
}

/// What a batch says.
pub fn expanded(batch: &Bytes) -> Vec<Record> {
    let mut records = Vec::new();
    RecordBatches
        .expand(batch, 1 << 24, &mut |offset, record| {
            assert_eq!(offset, BASE + records.len() as u64);
            records.push(record);
        })
        .unwrap();
    records
}

/// Messages on their way into a topic, sent to it by its name if they came from where there are no exchanges.
pub fn to_topic(messages: &[Message]) -> Bytes {
    let by_name =
        |record: &Record| record.exchange.is_none() && record.routing_key.as_deref() == Some(TOPIC.as_bytes());
    let read = |message: &Message| match BasicMessages.read(message) {
        record if by_name(&record) => Record { routing_key: None, ..record },
        record => record,
    };
    let records: Vec<_> = messages.iter().map(read).collect();
    placed(RecordBatches.frame(&records, &TopicPolicy::default(), NOW))
}

/// The topic's name.
pub const TOPIC: &str = "topic";

/// Records on their way out of a topic with so many partitions; none: nothing is said of where they lie.
pub fn from_topic(batch: &Bytes, partitions: Option<u32>) -> Vec<Message> {
    let mut builder = MessageBuilder::default();
    let at = |at: usize, partitions| RecordPlace { topic: TOPIC, partition: 1, offset: BASE + at as u64, partitions };
    let place = |number: usize| partitions.map(|partitions| at(number, partitions));
    let write = |(at, record): (usize, &Record)| BasicMessages.write(record, place(at), &mut builder);
    expanded(batch).iter().enumerate().map(write).collect()
}
