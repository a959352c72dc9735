//! The codec against another one: what the crate `amq-protocol` writes is read here as it was meant, and the reverse.
//!
//! Compared is what both can say: amq-protocol has short strings of UTF-8 only, tables sorted by name without
//! duplicates, one tag for 64-bit integers, and no fields for the arguments that the protocol reserves.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod codec_support;

use amq_protocol::frame::{AMQPContentHeader, AMQPFrame, WriteContext, gen_frame, parse_frame as oracle_parse};
use amq_protocol::protocol::{AMQPClass, basic, connection, queue};
use amq_protocol::types::{AMQPValue, ByteArray, DecimalValue, FieldArray, FieldTable, LongString, ShortString};
use codec_support::{Scalar, Tree, entries, entries_of, frame, payload_of, table_bytes};
use narumq_amqp::codec::*;
use proptest::collection::vec;
use proptest::prelude::*;

const FRAME_MAX: u32 = 131_072;

/// Arguments that amq-protocol does not keep, by method and name; it writes them as nothing.
fn is_reserved(method: &str, argument: &str) -> bool {
    matches!(argument, "ticket" | "prefetch_size" | "known_hosts" | "out_of_band" | "channel_id" | "cluster_id")
        || (method == "connection.open" && matches!(argument, "capabilities" | "insist"))
}

/// What amq-protocol writes.
fn oracle_bytes(frame: &AMQPFrame) -> Vec<u8> {
    gen_frame(frame)(WriteContext::from(Vec::new())).unwrap().into_inner().0
}

/// What amq-protocol reads from one whole frame.
fn oracle_frame(wire: &[u8]) -> AMQPFrame {
    let (rest, frame) = oracle_parse(wire).unwrap();
    assert!(rest.is_empty());
    frame
}

/// The value in the oracle's terms.
fn oracle_value(tree: &Tree) -> AMQPValue {
    match tree {
        Tree::LongString(bytes) => AMQPValue::LongString(LongString::from(bytes.clone())),
        Tree::Binary(bytes) => AMQPValue::ByteArray(ByteArray::from(bytes.clone())),
        Tree::Table(entries) => AMQPValue::FieldTable(oracle_table(entries)),
        Tree::Array(values) => {
            AMQPValue::FieldArray(FieldArray::from(values.iter().map(oracle_value).collect::<Vec<_>>()))
        }
        Tree::Scalar(Scalar(value)) => match *value {
            Value::Bool(n) => AMQPValue::Boolean(n),
            Value::Byte(n) => AMQPValue::ShortShortInt(n),
            Value::UnsignedByte(n) => AMQPValue::ShortShortUInt(n),
            Value::Short(n) => AMQPValue::ShortInt(n),
            Value::UnsignedShort(n) => AMQPValue::ShortUInt(n),
            Value::SignedInt(n) => AMQPValue::LongInt(n),
            Value::UnsignedInt(n) => AMQPValue::LongUInt(n),
            Value::Long(n) => AMQPValue::LongLongInt(n),
            Value::Timestamp(n) => AMQPValue::Timestamp(n),
            Value::Float(n) => AMQPValue::Float(n),
            Value::Double(n) => AMQPValue::Double(n),
            Value::Decimal { scale, value } => AMQPValue::DecimalValue(DecimalValue { scale, value }),
            Value::Void => AMQPValue::Void,
            other => panic!("no scalar: {other:?}"),
        },
    }
}

fn oracle_table(entries: &[(Vec<u8>, Tree)]) -> FieldTable {
    let mut table = FieldTable::default();
    for (name, tree) in entries {
        table.insert(short(std::str::from_utf8(name).unwrap()), oracle_value(tree));
    }
    table
}

fn short(text: &str) -> ShortString {
    ShortString::from(text)
}

/// Names as the oracle has them: ASCII, sorted, once each, at every level.
fn tame(tree: Tree) -> Tree {
    match tree {
        Tree::Table(entries) => Tree::Table(tame_entries(entries)),
        Tree::Array(values) => Tree::Array(values.into_iter().map(tame).collect()),
        other => other,
    }
}

fn tame_entries(entries: Vec<(Vec<u8>, Tree)>) -> Vec<(Vec<u8>, Tree)> {
    let ascii = |name: Vec<u8>| name.into_iter().map(|octet| b'a' + octet % 26).collect();
    let sorted: std::collections::BTreeMap<Vec<u8>, Tree> =
        entries.into_iter().map(|(name, tree)| (ascii(name), tame(tree))).collect();
    sorted.into_iter().collect()
}

#[test]
fn methods_of_the_oracle_are_read_by_their_fields() {
    let mut table = FieldTable::default();
    table.insert(short("x-max-length"), AMQPValue::LongInt(10));
    let declare = queue::AMQPMethod::Declare(queue::Declare {
        queue: short("q"),
        durable: true,
        auto_delete: true,
        arguments: table,
        ..Default::default()
    });
    let wire = oracle_bytes(&AMQPFrame::Method(1, AMQPClass::Queue(declare)));
    let arguments = Table::parse(b"\x0cx-max-lengthI\0\0\0\x0a").unwrap();
    let expected = QueueDeclare { queue: b"q", durable: true, auto_delete: true, arguments, ..Default::default() };
    assert_eq!(Method::decode(&wire[7..wire.len() - 1]), Ok(Method::QueueDeclare(expected)));

    let start_ok = connection::AMQPMethod::StartOk(connection::StartOk {
        client_properties: FieldTable::default(),
        mechanism: short("PLAIN"),
        response: LongString::from("\0guest\0guest"),
        locale: short("en_US"),
    });
    let wire = oracle_bytes(&AMQPFrame::Method(0, AMQPClass::Connection(start_ok)));
    let expected = ConnectionStartOk {
        client_properties: Table::EMPTY,
        mechanism: b"PLAIN",
        response: b"\0guest\0guest",
        locale: b"en_US",
    };
    assert_eq!(Method::decode(&wire[7..wire.len() - 1]), Ok(Method::ConnectionStartOk(expected)));
}

#[test]
fn a_message_of_the_oracle_is_read_and_a_delivery_is_read_by_it() {
    let publish =
        basic::Publish { exchange: short("ex"), routing_key: short("key"), mandatory: true, immediate: false };
    let properties = basic::AMQPProperties::default().with_delivery_mode(2).with_reply_to(short("back"));
    let header = AMQPContentHeader { class_id: 60, body_size: 5, properties: properties.clone() };
    let frames = [
        AMQPFrame::Method(7, AMQPClass::Basic(basic::AMQPMethod::Publish(publish))),
        AMQPFrame::Header(7, header.clone()),
        AMQPFrame::Body(7, b"hello".to_vec()),
    ];
    let wire: Vec<u8> = frames.iter().flat_map(oracle_bytes).collect();
    let message = parse_published(&wire, FRAME_MAX).unwrap();
    assert_eq!((message.publish.exchange, message.publish.routing_key), (b"ex".as_slice(), b"key".as_slice()));
    assert!(message.publish.mandatory && !message.publish.immediate);
    assert_eq!((message.publish.channel, message.body, message.wire_len), (7, b"hello".as_slice(), wire.len()));
    let view = PropertiesView::parse(message.properties).unwrap();
    assert_eq!((view.delivery_mode(), view.reply_to()), (Some(2), Some(b"back".as_slice())));

    let deliver =
        BasicDeliver { consumer_tag: b"tag", delivery_tag: 9, redelivered: true, exchange: b"ex", routing_key: b"key" };
    let mut out = Vec::new();
    write_deliver(&mut out, 7, &deliver, message.properties, message.body, FRAME_MAX);
    let (rest, method) = oracle_parse(&out[..]).unwrap();
    let theirs = basic::Deliver {
        consumer_tag: short("tag"),
        delivery_tag: 9,
        redelivered: true,
        exchange: short("ex"),
        routing_key: short("key"),
    };
    assert_eq!(method, AMQPFrame::Method(7, AMQPClass::Basic(basic::AMQPMethod::Deliver(theirs))));
    let (rest, second) = oracle_parse(rest).unwrap();
    assert_eq!(second, AMQPFrame::Header(7, header));
    assert_eq!(oracle_frame(rest), AMQPFrame::Body(7, b"hello".to_vec()));
}

proptest! {
    #[test]
    fn every_method_survives_the_oracle(
        row in 0..METHODS.len(), channel in 1..u16::MAX,
        mut numbers in vec(any::<u64>(), 12), texts in vec("[ -~]{0,60}", 12), entries in entries(),
    ) {
        let MethodSchema { name, arguments, .. } = METHODS[row];
        let mut texts: Vec<Vec<u8>> = texts.into_iter().map(String::into_bytes).collect();
        for (i, (argument, _)) in arguments.iter().enumerate() {
            if is_reserved(name, argument) {
                // The one ticket that is not written as 0 is the one that is handed out.
                (numbers[i], texts[i]) = (u64::from(name == "access.request-ok"), Vec::new());
            }
        }
        let entries = tame_entries(entries);
        let wire = frame(1, channel, &payload_of(row, &numbers, &texts, &table_bytes(&entries)));
        let Ok(Parsed::Frame(ours)) = parse_frame(&wire, FRAME_MAX) else { panic!("no frame") };
        let method = Method::decode(ours.payload).unwrap();
        let mut out = Vec::new();
        write_method(&mut out, channel, &method);
        prop_assert_eq!(&out, &wire);

        let theirs = oracle_frame(&out);
        let AMQPFrame::Method(their_channel, _) = &theirs else { panic!("no method: {theirs:?}") };
        prop_assert_eq!(*their_channel, channel);
        prop_assert_eq!(oracle_bytes(&theirs), wire, "{}", name);
    }

    #[test]
    fn tables_are_the_oracles_tables(entries in entries()) {
        let entries = tame_entries(entries);
        let properties = basic::AMQPProperties::default().with_headers(oracle_table(&entries));
        let header = AMQPFrame::Header(1, AMQPContentHeader { class_id: 60, body_size: 0, properties });
        let theirs = oracle_bytes(&header);

        let bytes = table_bytes(&entries);
        let mut raw = Vec::new();
        PropertyEdits::new().headers(Table::parse(&bytes).unwrap()).write(&PropertiesView::EMPTY, &mut raw);
        let mut ours = Vec::new();
        write_content_header(&mut ours, 1, &raw, 0);
        prop_assert_eq!(&ours, &theirs);
        prop_assert_eq!(oracle_frame(&ours), header);

        let Ok(Parsed::Frame(read)) = parse_frame(&theirs, FRAME_MAX) else { panic!("no frame") };
        let content = ContentHeader::parse(read.payload).unwrap();
        let view = PropertiesView::parse(content.properties).unwrap();
        prop_assert_eq!(entries_of(view.headers().unwrap()), entries);
    }
}
