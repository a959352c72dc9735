//! Whatever a message says, it says again when it has been where other clients read it.

use crate::kit::{self, Seen, batch, from_topic, seen, to_topic};
use bytes::Bytes;
use narumq_amqp::codec::{PropertyEdits, validate_table};
use narumq_kafka::records::Codec;
use narumq_model::{Headers, Message, Value};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

/// Names that mean something on one side or the other, and some that look like it.
const NAMES: [&str; 34] = [
    "a",
    "a",
    "b",
    "",
    "grüße",
    "amqp.exchange",
    "amqp.routing_key",
    "amqp.message_id",
    "amqp.content_type",
    "amqp.priority",
    "amqp.timestamp",
    "amqp.cluster_id",
    "amqp.foo",
    "content-type",
    "x-types",
    "x-types",
    "x-kafka-key",
    "x-kafka-key",
    "timestamp_in_ms",
    "timestamp_in_ms",
    "x-tombstone",
    "x-dup:a",
    "x-dup:",
    "x-dup-places",
    "x-long-names",
    "x-message-id",
    "x-exchange",
    "x-routing-key",
    "x-type",
    "x-name%E9",
    "x-name%x-name%25E9",
    "x-death",
    "@time",
    "@@key",
];
const TEXTS: [&str; 12] = [
    "",
    "{}",
    "{\"a\":\"i32\",\"b\":[null,\"table\"]}",
    "{\"@time\":5,\"@key\":0}",
    "[1,2.5]",
    "7",
    "007",
    "1500",
    "text",
    "k",
    "1700000000000",
    "true",
];

fn bytes() -> impl Strategy<Value = Bytes> {
    prop_oneof![
        3 => proptest::sample::select(&TEXTS[..]).prop_map(|text| Bytes::from_static(text.as_bytes())),
        1 => ".{0,8}".prop_map(Bytes::from),
        2 => vec(any::<u8>(), 0..6).prop_map(Bytes::from),
        1 => (254usize..300).prop_map(|len| Bytes::from(vec![b'l'; len])),
    ]
}

fn name() -> impl Strategy<Value = Bytes> {
    prop_oneof![
        8 => proptest::sample::select(&NAMES[..]).prop_map(|name| Bytes::from_static(name.as_bytes())),
        1 => ".{0,6}".prop_map(Bytes::from),
        1 => vec(any::<u8>(), 0..5).prop_map(Bytes::from),
        1 => (245usize..256).prop_map(|len| Bytes::from(vec![b'n'; len])),
    ]
}

/// Numbers, among them those that other parts of a message say too.
fn number() -> impl Strategy<Value = i64> {
    prop_oneof![Just(5000), Just(5999), Just(-1), Just(-1500), Just(0), any::<i64>()]
}

fn leaf() -> impl Strategy<Value = Value> {
    prop_oneof![
        1 => Just(Value::Void),
        1 => any::<bool>().prop_map(Value::Bool),
        1 => any::<i8>().prop_map(Value::I8),
        1 => any::<u8>().prop_map(Value::U8),
        1 => any::<i16>().prop_map(Value::I16),
        1 => any::<u16>().prop_map(Value::U16),
        1 => any::<i32>().prop_map(Value::I32),
        1 => any::<u32>().prop_map(Value::U32),
        3 => number().prop_map(Value::I64),
        1 => prop_oneof![any::<u32>(), 0x7f80_0000u32..=0x7fff_ffff].prop_map(Value::F32),
        1 => prop_oneof![any::<u64>(), 0x7ff0_0000_0000_0000u64..=0x7fff_ffff_ffff_ffff, Just(0x4000_0000_0000_0000)]
            .prop_map(Value::F64),
        1 => (any::<u8>(), any::<u32>()).prop_map(|(scale, value)| Value::Decimal { scale, value }),
        6 => bytes().prop_map(Value::Text),
        3 => bytes().prop_map(Value::Binary),
        1 => prop_oneof![Just(5), any::<u64>()].prop_map(Value::Timestamp),
    ]
}

fn value() -> impl Strategy<Value = Value> {
    leaf().prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Value::Array),
            vec((name(), inner), 0..4).prop_map(|entries| Value::Table(Headers(entries))),
        ]
    })
}

/// Of the texts, those that were chosen; of the numbers too.
#[derive(Clone, Debug)]
struct Chosen {
    texts: Vec<Option<Bytes>>,
    octets: (Option<u8>, Option<u8>),
    timestamp: Option<u64>,
}

fn chosen() -> impl Strategy<Value = Chosen> {
    let text = bytes().prop_map(|bytes| bytes.slice(..bytes.len().min(255)));
    let timestamp = option::of(prop_oneof![Just(5u64), Just(0), any::<u64>()]);
    (vec(option::weighted(0.3, text), 10), (option::of(any::<u8>()), option::of(any::<u8>())), timestamp)
        .prop_map(|(texts, octets, timestamp)| Chosen { texts, octets, timestamp })
}

impl Chosen {
    fn set<'e>(&'e self, edits: &mut PropertyEdits<'e>) {
        let setters: [fn(&mut PropertyEdits<'e>, &'e [u8]); 10] = [
            |edits, text| _ = edits.content_type(text),
            |edits, text| _ = edits.content_encoding(text),
            |edits, text| _ = edits.correlation_id(text),
            |edits, text| _ = edits.reply_to(text),
            |edits, text| _ = edits.expiration(text),
            |edits, text| _ = edits.message_id(text),
            |edits, text| _ = edits.message_type(text),
            |edits, text| _ = edits.user_id(text),
            |edits, text| _ = edits.app_id(text),
            |edits, text| _ = edits.cluster_id(text),
        ];
        for (set, text) in setters.iter().zip(&self.texts) {
            text.iter().for_each(|text| set(edits, text));
        }
        self.octets.0.iter().for_each(|mode| _ = edits.delivery_mode(*mode));
        self.octets.1.iter().for_each(|priority| _ = edits.priority(*priority));
        self.timestamp.iter().for_each(|seconds| _ = edits.timestamp(*seconds));
    }
}

fn message() -> impl Strategy<Value = Message> {
    let names =
        (proptest::sample::select(&["", "", "e", "amq.topic"][..]), proptest::sample::select(&["", "k", "a.b"][..]));
    let payload = prop_oneof![Just(Vec::new()), vec(any::<u8>(), 0..9)];
    (names, chosen(), vec((name(), value()), 0..6), payload).prop_map(|((exchange, key), chosen, headers, payload)| {
        kit::message(exchange, key, &Headers(headers), &payload, |edits| chosen.set(edits))
    })
}

fn record() -> impl Strategy<Value = Seen> {
    let key = prop_oneof![
        8 => name().prop_filter("keys of headers are text", |name| std::str::from_utf8(name).is_ok()),
        1 => (245usize..400).prop_map(|len| Bytes::from(vec![b'n'; len])),
    ];
    let header =
        (key, option::weighted(0.8, bytes())).prop_map(|(key, value)| (key.to_vec(), value.map(|v| v.to_vec())));
    (number(), option::of(bytes()), option::of(bytes()), vec(header, 0..7)).prop_map(
        |(timestamp, key, value, headers)| Seen {
            timestamp,
            key: key.map(|key| key.to_vec()),
            value: value.map(|value| value.to_vec()),
            headers,
        },
    )
}

/// What a message says, as bytes.
fn said(message: &Message) -> (&[u8], &[u8], &[u8], &[u8]) {
    (message.exchange(), message.key(), message.props(), message.payload())
}

/// Records that claim what only a broker writes: they are read as what they claim to be.
fn claims(record: &Seen) -> bool {
    let says_again = |(name, value): &(Vec<u8>, Option<Vec<u8>>)| {
        let long = value.as_ref().is_some_and(|value| value.len() > 255);
        name == b"x-kafka-key" && *value == record.key
            || name == b"amqp.timestamp"
            || name == b"amqp.routing_key" && value.as_ref().is_some_and(Vec::is_empty)
            || name.starts_with(b"x-") && long
    };
    record.timestamp == -1
        || record.headers.iter().any(says_again)
        || record.headers.iter().any(|(key, _)| key == b"x-types")
        || record.headers.first().is_some_and(|(key, _)| key == b"amqp.exchange")
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    #[test]
    fn a_message_comes_back_from_a_topic_field_by_field(messages in vec(message(), 1..4)) {
        let back = from_topic(&to_topic(&messages), None);
        prop_assert_eq!(back.len(), messages.len());
        for (back, message) in back.iter().zip(&messages) {
            prop_assert_eq!(said(back), said(message), "{:?}", kit::headers(message));
        }
    }

    #[test]
    fn a_record_comes_back_from_a_message_byte_by_byte(
        records in vec(record().prop_filter("claims", |record| !claims(record)), 1..4), partitions in option::of(1u32..3),
    ) {
        let batch = batch(Codec::None, &records);
        let messages = from_topic(&batch, partitions);
        for message in &messages {
            prop_assert!(message.durable);
            let view = narumq_amqp::codec::PropertiesView::parse(message.props()).unwrap();
            prop_assert!(view.headers().is_some());
        }
        prop_assert_eq!(seen(&to_topic(&messages)), seen(&batch));
        prop_assert_eq!(to_topic(&messages), batch);
    }

    #[test]
    fn a_record_that_claims_to_be_another_is_read_all_the_same(records in vec(record(), 1..4)) {
        let messages = from_topic(&batch(Codec::Zstd, &records), Some(2));
        let again = to_topic(&messages);
        for (record, again) in records.iter().zip(seen(&again)) {
            prop_assert_eq!((&record.key, &record.value), (&again.key, &again.value));
        }
        // Once read it stays as it is.
        let twice = from_topic(&again, Some(2));
        prop_assert_eq!(seen(&to_topic(&twice)), seen(&again));
    }
}

/// A value in so many arrays and tables.
fn nest(levels: usize) -> Value {
    (0..levels).fold(Value::U8(1), |inner, level| match level % 2 {
        0 => Value::Array(vec![inner, Value::Void]),
        _ => Value::Table(Headers(vec![(Bytes::from_static(b"\xff"), inner)])),
    })
}

#[test]
fn tables_may_be_as_deep_as_they_are_accepted() {
    let headers = Headers(vec![(kit::text("deep"), nest(99)), (kit::text("deep"), nest(98))]);
    let message = kit::message("e", "k", &headers, b"", |_| {});
    let bytes = narumq_amqp::codec::PropertiesView::parse(message.props()).unwrap().headers().unwrap();
    assert!(validate_table(bytes.as_bytes()).is_ok());
    let back = from_topic(&to_topic(std::slice::from_ref(&message)), None);
    assert_eq!(said(&back[0]), said(&message));
}
