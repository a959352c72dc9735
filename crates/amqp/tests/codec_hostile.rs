//! Bytes changed, cut and invented: every decoder gives an answer, and what it accepts is consistent.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod codec_support;

use codec_support::{entries, entries_of, frame, method_payload, property_bytes, table_bytes};
use narumq_amqp::codec::*;
use proptest::collection::vec;
use proptest::prelude::*;

const FRAME_MAX: u32 = 131_072;

/// Overwrites, inserts or takes away a byte.
#[derive(Debug, Clone)]
enum Mutation {
    Set(prop::sample::Index, u8),
    Insert(prop::sample::Index, u8),
    Delete(prop::sample::Index),
    Cut(prop::sample::Index),
}

fn mutations() -> impl Strategy<Value = Vec<Mutation>> {
    let index = any::<prop::sample::Index>;
    // Lengths at their limits are what goes wrong most.
    let octet = prop_oneof![any::<u8>(), Just(0), Just(0xFF), Just(0x7F), Just(0x80)];
    let one = prop_oneof![
        4 => (index(), octet.clone()).prop_map(|(at, octet)| Mutation::Set(at, octet)),
        1 => (index(), octet).prop_map(|(at, octet)| Mutation::Insert(at, octet)),
        1 => index().prop_map(Mutation::Delete),
        1 => index().prop_map(Mutation::Cut),
    ];
    vec(one, 1..5)
}

fn mutate(mut bytes: Vec<u8>, mutations: &[Mutation]) -> Vec<u8> {
    for mutation in mutations {
        if bytes.is_empty() {
            break;
        }
        let len = bytes.len();
        match mutation {
            Mutation::Set(at, octet) => bytes[at.index(len)] = *octet,
            Mutation::Insert(at, octet) => bytes.insert(at.index(len), *octet),
            Mutation::Delete(at) => {
                bytes.remove(at.index(len));
            }
            Mutation::Cut(at) => bytes.truncate(at.index(len)),
        }
    }
    bytes
}

/// A table that is accepted is read to its last byte.
fn read_table(bytes: &[u8]) {
    if let Ok(table) = Table::parse(bytes) {
        let raw: usize = table.raw_entries().map(|entry| entry.as_bytes().len()).sum();
        assert_eq!(raw, bytes.len());
        assert_eq!(entries_of(table).len(), table.raw_entries().count());
        assert!(!format!("{table:?}").is_empty());
    }
    if let Ok(array) = Array::parse(bytes) {
        let mut again = Vec::new();
        let mut writer = ArrayWriter::new(&mut again);
        array.iter().for_each(|value| {
            writer.value(value);
        });
        assert_eq!(again.len(), bytes.len());
    }
}

/// Properties that are accepted are written again as they were, and every accessor answers.
fn read_properties(raw: &[u8]) {
    let Ok(view) = PropertiesView::parse(raw) else { return };
    let mut written = Vec::new();
    PropertyEdits::new().write(&view, &mut written);
    assert_eq!(written, raw);
    for property in Property::ALL {
        assert_eq!(view.contains(property), view.raw(property).is_some());
    }
    assert_eq!(view.contains(Property::Headers), view.headers().is_some());
    assert_eq!(view.contains(Property::Timestamp), view.timestamp().is_some());
    assert_eq!(view.contains(Property::ClusterId), view.cluster_id().is_some());
    view.headers().iter().for_each(|headers| read_table(headers.as_bytes()));
}

/// A method that is accepted is written in as many bytes; only unused bits of a bit octet may differ.
fn read_method(payload: &[u8]) {
    let Ok(method) = Method::decode(payload) else { return };
    let mut written = Vec::new();
    write_method(&mut written, 1, &method);
    assert_eq!(written.len(), payload.len() + FRAME_OVERHEAD);
    assert_eq!(Method::decode(&written[FRAME_HEAD_LEN..written.len() - 1]), Ok(method));
}

/// Both paths over a stream of bytes: what the fast one accepts, the general one reads alike.
fn read_stream(mut input: &[u8]) {
    loop {
        let published = parse_published(input, FRAME_MAX);
        let publish = parse_publish(input, FRAME_MAX);
        let _ = parse_protocol_header(input);
        let frame = match parse_frame(input, FRAME_MAX) {
            Ok(Parsed::Frame(frame)) => frame,
            Ok(Parsed::NeedMore(total)) => {
                assert!(total > input.len() && total <= FRAME_MAX as usize + FRAME_OVERHEAD);
                assert_eq!((publish, published), (None, None));
                return;
            }
            Err(error) => {
                assert!([501, 505].contains(&error.reply_code()));
                assert_eq!((publish, published), (None, None));
                return;
            }
        };
        let general = match frame.kind {
            FrameKind::Method => Method::decode(frame.payload).ok(),
            _ => None,
        };
        match (publish, general) {
            (Some(fast), Some(Method::BasicPublish(general))) => {
                assert_eq!((fast.channel, fast.wire_len), (frame.channel, frame.wire_len()));
                assert_eq!((fast.exchange, fast.routing_key), (general.exchange, general.routing_key));
                assert_eq!((fast.mandatory, fast.immediate), (general.mandatory, general.immediate));
            }
            (fast, general) => assert_eq!((fast, matches!(general, Some(Method::BasicPublish(_)))), (None, false)),
        }
        if let Some(whole) = published {
            assert_eq!(Some(whole.publish), publish);
            read_properties(whole.properties);
        }
        read_method(frame.payload);
        if let Ok(header) = ContentHeader::parse(frame.payload) {
            read_properties(header.properties);
        }
        input = &input[frame.wire_len()..];
    }
}

/// A publish with all its frames, and a frame after it.
fn message(properties: &[u8], body: &[u8], method: &[u8]) -> Vec<u8> {
    let mut wire = Vec::new();
    write_method(&mut wire, 1, &BasicPublish { exchange: b"amq.topic", routing_key: b"a.b", ..Default::default() });
    write_content_header(&mut wire, 1, properties, body.len() as u64);
    write_body(&mut wire, 1, body, FRAME_MAX);
    wire.extend_from_slice(&frame(1, 1, method));
    wire
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn changed_tables_are_answered(entries in entries(), mutations in mutations()) {
        read_table(&mutate(table_bytes(&entries), &mutations));
    }

    #[test]
    fn changed_properties_are_answered(raw in property_bytes(), mutations in mutations()) {
        read_properties(&mutate(raw, &mutations));
    }

    #[test]
    fn changed_methods_are_answered(payload in method_payload(), mutations in mutations()) {
        read_method(&mutate(payload, &mutations));
    }

    #[test]
    fn changed_streams_are_answered(
        properties in property_bytes(), body in vec(any::<u8>(), 0..50), method in method_payload(), mutations in mutations(),
    ) {
        read_stream(&mutate(message(&properties, &body, &method), &mutations));
    }

    #[test]
    fn invented_bytes_are_answered(bytes in vec(any::<u8>(), 0..200), row in 0..METHODS.len()) {
        read_table(&bytes);
        read_properties(&bytes);
        read_stream(&bytes);
        let payload = [&METHODS[row].id.to_bytes(), &bytes[..]].concat();
        read_method(&payload);
        read_stream(&frame(1, 1, &payload));
        read_stream(&frame(2, 1, &bytes));
    }
}

#[test]
fn every_prefix_of_a_stream_is_answered() {
    let properties = b"\x38\0\0\0\0\x0b\x01kF\0\0\0\x04\x01at\x01\x02\x09";
    assert!(PropertiesView::parse(properties).is_ok());
    let wire = message(properties, b"hello", b"\0\x32\0\x0a\0\0\x01q\x02\0\0\0\x04\x01kt\x01");
    for len in 0..=wire.len() {
        read_stream(&wire[..len]);
    }
    // Each byte with each of its values.
    for at in 0..wire.len() {
        let mut changed = wire.clone();
        for octet in 0..=255 {
            changed[at] = octet;
            read_stream(&changed);
        }
    }
}
