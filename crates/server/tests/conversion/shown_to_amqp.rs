//! What an AMQP client sees of Kafka's records.

use crate::kit::{Seen, TOPIC, batch, from_topic, headers, table, text};
use narumq_amqp::codec::PropertiesView;
use narumq_kafka::records::{Codec, set_log_append_time};
use narumq_model::{Headers, Message, Value};

fn record(timestamp: i64, key: Option<&[u8]>, value: Option<&[u8]>, headers: &[(&str, Option<&[u8]>)]) -> Seen {
    Seen {
        timestamp,
        key: key.map(<[u8]>::to_vec),
        value: value.map(<[u8]>::to_vec),
        headers: headers.iter().map(|(key, value)| (key.as_bytes().to_vec(), value.map(<[u8]>::to_vec))).collect(),
    }
}

fn shown(record: Seen, partitions: u32) -> Message {
    from_topic(&batch(Codec::None, &[record]), Some(partitions)).remove(0)
}

fn long(text: &str) -> Value {
    Value::from(text)
}

#[test]
fn key_time_and_place_are_headers() {
    let message = shown(record(1_500_000_001_999, Some(b"k"), Some(b"body"), &[("h", Some(b"v"))]), 3);
    let expected = table(&[
        ("x-stream-offset", Value::I64(40)),
        ("x-partition", Value::I32(1)),
        ("timestamp_in_ms", Value::I64(1_500_000_001_999)),
        ("x-kafka-key", long("k")),
        ("h", long("v")),
    ]);
    assert_eq!(headers(&message), expected);
    assert_eq!(PropertiesView::parse(message.props()).unwrap().timestamp(), Some(1_500_000_001));
    assert_eq!((message.exchange(), message.key(), message.payload()), (&b""[..], TOPIC.as_bytes(), &b"body"[..]));
    assert!(message.durable);
}

#[test]
fn a_tombstone_is_empty_and_says_so() {
    let message = shown(record(0, Some(b"\xff"), None, &[]), 1);
    let expected = table(&[
        ("x-stream-offset", Value::I64(40)),
        ("timestamp_in_ms", Value::I64(0)),
        ("x-kafka-key", Value::Binary(b"\xff"[..].into())),
        ("x-tombstone", Value::Bool(true)),
    ]);
    assert_eq!((headers(&message), message.payload()), (expected, &b""[..]));
    let empty = shown(record(0, None, Some(b""), &[]), 1);
    assert_eq!(headers(&empty).get(b"x-tombstone"), None);
}

#[test]
fn a_time_before_1970_is_in_the_header_only() {
    let message = shown(record(-1500, None, Some(b""), &[]), 1);
    assert_eq!(headers(&message).get(b"timestamp_in_ms"), Some(&Value::I64(-1500)));
    assert_eq!(PropertiesView::parse(message.props()).unwrap().timestamp(), None);
    let untold = shown(record(-1, None, Some(b""), &[]), 1);
    assert_eq!(headers(&untold).get(b"timestamp_in_ms"), None);
}

/// The headers behind those of a record without a key.
fn user_headers(message: &Message) -> Headers {
    Headers(headers(message).0.split_off(2))
}

#[test]
fn bytes_that_are_no_text_are_binary_and_null_is_void() {
    let message =
        shown(record(1, None, Some(b""), &[("t", Some("ü".as_bytes())), ("b", Some(b"\xff\x00")), ("n", None)]), 1);
    let expected = table(&[("t", long("ü")), ("b", Value::Binary(b"\xff\x00"[..].into())), ("n", Value::Void)]);
    assert_eq!(user_headers(&message), expected);
}

#[test]
fn of_a_name_that_comes_twice_the_last_is_shown_and_all_are_there() {
    let twice: [(&str, Option<&[u8]>); 3] = [("a", Some(b"1")), ("a", None), ("b", Some(b"2"))];
    let all = Value::Array(vec![long("1"), Value::Void]);
    let places = || ("x-dup-places", Value::Array(vec![Value::Array(vec![Value::I64(0)])]));
    let expected = table(&[places(), ("x-dup:a", all), ("a", Value::Void), ("b", long("2"))]);
    assert_eq!(user_headers(&shown(record(1, None, Some(b""), &twice), 1)), expected);

    let apart: [(&str, Option<&[u8]>); 3] = [("a", Some(b"1")), ("b", Some(b"2")), ("a", Some(b"3"))];
    let all = Value::Array(vec![long("1"), long("3")]);
    let expected = table(&[places(), ("x-dup:a", all), ("b", long("2")), ("a", long("3"))]);
    assert_eq!(user_headers(&shown(record(1, None, Some(b""), &apart), 1)), expected);
}

#[test]
fn reserved_names_set_properties() {
    let message = shown(
        record(
            1,
            None,
            Some(b"{}"),
            &[("amqp.priority", Some(b"7")), ("amqp.message_id", Some(b"m1")), ("h", Some(b"v"))],
        ),
        1,
    );
    let view = PropertiesView::parse(message.props()).unwrap();
    assert_eq!((view.message_id(), view.priority(), message.priority), (Some(&b"m1"[..]), Some(7), 7));
    assert_eq!(user_headers(&message), table(&[("h", long("v"))]));

    let message = shown(record(1, None, Some(b"{}"), &[("h", Some(b"v")), ("content-type", Some(b"text/json"))]), 1);
    let view = PropertiesView::parse(message.props()).unwrap();
    assert_eq!(view.content_type(), Some(&b"text/json"[..]));
    assert_eq!(user_headers(&message), table(&[("h", long("v")), ("content-type", long("text/json"))]));
}

#[test]
fn what_is_too_long_for_a_short_string_is_in_a_header() {
    let (id, name) = ("i".repeat(256), "n".repeat(256));
    let message = shown(
        record(1, None, Some(b""), &[("amqp.message_id", Some(id.as_bytes())), ("h", Some(b"v")), (&name, Some(b"w"))]),
        1,
    );
    assert_eq!(PropertiesView::parse(message.props()).unwrap().message_id(), None);
    let entry = table(&[("at", Value::I64(1)), ("name", long(&name)), ("value", long("w"))]);
    let expected = table(&[
        ("x-message-id", long(&id)),
        ("x-long-names", Value::Array(vec![Value::Table(entry)])),
        ("h", long("v")),
    ]);
    assert_eq!(user_headers(&message), expected);
}

#[test]
fn the_time_of_appending_counts_where_a_topic_says_so() {
    let mut bytes = batch(Codec::Gzip, &[record(1, None, Some(b"v"), &[])]).to_vec();
    set_log_append_time(&mut bytes, 77_000);
    let message = from_topic(&bytes.into(), Some(1)).remove(0);
    assert_eq!(headers(&message).get(b"timestamp_in_ms"), Some(&Value::I64(77_000)));
}

#[test]
fn types_that_a_client_names_are_understood() {
    let types: &[u8] = br#"{ "n": "i32", "l": "array" }"#;
    let message = shown(
        record(1, None, Some(b""), &[("x-types", Some(types)), ("n", Some(b"5")), ("l", Some(b"[1, \"x\"]"))]),
        1,
    );
    let list = Value::Array(vec![Value::I64(1), Value::Text(text("x"))]);
    assert_eq!(user_headers(&message), table(&[("n", Value::I32(5)), ("l", list)]));
}
