//! What a Kafka client sees of AMQP's messages.

use crate::kit::{self, NOW, Seen, seen, table, to_topic};
use narumq_model::{Headers, Message, Value};

fn shown(message: Message) -> Seen {
    seen(&to_topic(&[message])).remove(0)
}

fn headers(seen: &Seen) -> Vec<(String, Option<String>)> {
    let text = |bytes: &Vec<u8>| String::from_utf8(bytes.clone()).unwrap();
    seen.headers.iter().map(|(key, value)| (text(key), value.as_ref().map(text))).collect()
}

fn expected(headers: &[(&str, &str)]) -> Vec<(String, Option<String>)> {
    headers.iter().map(|(key, value)| ((*key).to_owned(), Some((*value).to_owned()))).collect()
}

#[test]
fn a_plain_message_has_plain_headers() {
    let told = table(&[("h", Value::from("v"))]);
    let message = kit::message("logs", "a.b", &told, b"hello", |edits| {
        edits.delivery_mode(2).timestamp(1_600_000_000).message_id(b"m1").content_type(b"text/plain");
    });
    let seen = shown(message);
    assert_eq!((seen.timestamp, &seen.key, &seen.value), (1_600_000_000_000, &None, &Some(b"hello".to_vec())));
    let names = [
        ("amqp.exchange", "logs"),
        ("amqp.routing_key", "a.b"),
        ("amqp.content_type", "text/plain"),
        ("amqp.delivery_mode", "2"),
        ("amqp.message_id", "m1"),
        ("amqp.timestamp", "1600000000000"),
        ("h", "v"),
    ];
    assert_eq!(headers(&seen), expected(&names));
}

#[test]
fn every_type_is_text_and_named() {
    let nested = table(&[("n", Value::I64(1)), ("n", Value::I32(2)), ("s", Value::from("x\"y"))]);
    let told = table(&[
        ("text", Value::from("ü")),
        ("i32", Value::I32(-5)),
        ("i64", Value::I64(6)),
        ("u8", Value::U8(7)),
        ("bool", Value::Bool(true)),
        ("f64", Value::F64(1.5f64.to_bits())),
        ("nan", Value::F32(0x7fc0_0001)),
        ("decimal", Value::Decimal { scale: 2, value: 105 }),
        ("time", Value::Timestamp(7)),
        ("binary", Value::Binary(b"bin"[..].into())),
        ("array", Value::Array(vec![Value::I64(1), Value::from("x"), Value::Void, Value::F64(2f64.to_bits())])),
        ("table", Value::Table(nested)),
    ]);
    let seen = shown(kit::message("", "t", &told, b"", |_| {}));
    let types =
        r#"{"i32":"i32","i64":"i64","u8":"u8","bool":"bool","f64":"f64","nan":"f32:7fc00001","decimal":"decimal","#
            .to_owned()
            + r#""time":"timestamp","binary":"binary","array":"array","table":{"table":[null,"i32",null]}}"#;
    let names = [
        ("amqp.exchange", ""),
        ("amqp.routing_key", "t"),
        ("x-types", &types),
        ("text", "ü"),
        ("i32", "-5"),
        ("i64", "6"),
        ("u8", "7"),
        ("bool", "true"),
        ("f64", "1.5"),
        ("nan", "NaN"),
        ("decimal", "1.05"),
        ("time", "7000"),
        ("binary", "bin"),
        ("array", r#"[1,"x",null,2.0]"#),
        ("table", r#"{"n":1,"n":2,"s":"x\"y"}"#),
    ];
    assert_eq!(headers(&seen), expected(&names));
    assert_eq!(seen.timestamp, NOW.0 as i64);
}

#[test]
fn the_key_is_the_key_wherever_it_stood() {
    let key = || ("x-kafka-key", Value::from("k"));
    let other = || ("h", Value::from("v"));
    for told in [table(&[key(), other()]), table(&[other(), key()])] {
        let seen = shown(kit::message("e", "r", &told, b"", |_| {}));
        assert_eq!(seen.key.as_deref(), Some(&b"k"[..]));
        assert!(seen.headers.iter().all(|(name, _)| name != b"x-kafka-key"), "{:?}", headers(&seen));
    }
    let bytes = table(&[("x-kafka-key", Value::Binary(b"\xff"[..].into()))]);
    assert_eq!(shown(kit::message("e", "r", &bytes, b"", |_| {})).key.as_deref(), Some(&b"\xff"[..]));
}

#[test]
fn a_message_can_be_a_tombstone_and_tell_its_time() {
    let told = table(&[("timestamp_in_ms", Value::I64(5_123)), ("x-tombstone", Value::Bool(true))]);
    let seen = shown(kit::message("e", "r", &told, b"", |edits| _ = edits.timestamp(5)));
    assert_eq!((seen.timestamp, seen.value), (5_123, None));
    let told = table(&[("x-tombstone", Value::Bool(true))]);
    assert_eq!(shown(kit::message("e", "r", &told, b"x", |_| {})).value.as_deref(), Some(&b"x"[..]));
}

#[test]
fn names_that_are_no_text_are_spelt_out() {
    let told = Headers(vec![(b"caf\xe9"[..].into(), Value::from("v"))]);
    let seen = shown(kit::message("e", "r", &told, b"", |_| {}));
    assert_eq!(headers(&seen)[2], ("x-name%caf%E9".to_owned(), Some("v".to_owned())));
}

#[test]
fn names_that_are_reserved_stay_the_users() {
    let told = table(&[("amqp.type", Value::from("mine")), ("x-types", Value::from("{}")), ("amqp.foo", Value::Void)]);
    let seen = shown(kit::message("e", "r", &told, b"", |_| {}));
    let names: Vec<_> = headers(&seen).into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["amqp.exchange", "amqp.routing_key", "x-types", "amqp.type", "x-types", "amqp.foo"]);
}
