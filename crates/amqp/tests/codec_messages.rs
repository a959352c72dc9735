//! Messages in both directions: the fast paths against the general ones, splitting, and every method's round trip.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod codec_support;

use codec_support::{frame, method_payload, property_bytes};
use narumq_amqp::codec::*;
use proptest::collection::vec;
use proptest::prelude::*;

const FRAME_MAX: u32 = 131_072;

/// The whole frames in `wire`, each with its bytes.
fn frames(mut wire: &[u8]) -> Vec<Frame<'_>> {
    let mut frames = Vec::new();
    while !wire.is_empty() {
        let Ok(Parsed::Frame(frame)) = parse_frame(wire, FRAME_MAX) else { panic!("{}", wire.escape_ascii()) };
        frames.push(frame);
        wire = &wire[frame.wire_len()..];
    }
    frames
}

fn deliver() -> BasicDeliver<'static> {
    BasicDeliver { consumer_tag: b"ctag", delivery_tag: 258, redelivered: true, exchange: b"ex", routing_key: b"key" }
}

#[test]
fn a_delivery_by_its_bytes() {
    let mut out = b"before".to_vec();
    write_deliver(&mut out, 3, &deliver(), b"\x10\0\x02", b"hello", FRAME_MAX);
    let expected = b"before\
\x01\x00\x03\x00\x00\x00\x19\x00\x3c\x00\x3c\x04ctag\x00\x00\x00\x00\x00\x00\x01\x02\x01\x02ex\x03key\xce\
\x02\x00\x03\x00\x00\x00\x0f\x00\x3c\x00\x00\x00\x00\x00\x00\x00\x00\x00\x05\x10\x00\x02\xce\
\x03\x00\x03\x00\x00\x00\x05hello\xce";
    assert_eq!(out.escape_ascii().to_string(), expected.escape_ascii().to_string());
}

#[test]
fn an_empty_body_has_no_frame() {
    let (mut whole, mut head) = (Vec::new(), Vec::new());
    write_deliver(&mut whole, 1, &deliver(), b"\0\0", b"", FRAME_MAX);
    write_deliver_head(&mut head, 1, &deliver(), b"\0\0", 0);
    assert_eq!(whole, head);
    let kinds: Vec<_> = frames(&whole).iter().map(|frame| frame.kind).collect();
    assert_eq!(kinds, [FrameKind::Method, FrameKind::Header]);
    assert_eq!(body_parts(0, 4096).next(), None);
}

#[test]
fn a_body_is_split_where_the_limit_says() {
    for (len, parts) in [(1, 1), (4087, 1), (4088, 1), (4089, 2), (8176, 2), (8177, 3)] {
        let body = vec![0x5A; len];
        let mut out = Vec::new();
        write_body(&mut out, 9, &body, 4096);
        let frames = frames(&out);
        assert_eq!(frames.len(), parts, "{len}");
        assert!(
            frames.iter().all(|frame| frame.kind == FrameKind::Body && frame.channel == 9 && frame.wire_len() <= 4096)
        );
        assert_eq!(frames.iter().map(|frame| frame.payload.len()).sum::<usize>(), len);
        assert_eq!(body_parts(len, 4096).map(|part| part.len()).max(), Some(len.min(4088)));
    }
    // A limit no frame fits into is never negotiated; the parts end all the same.
    assert_eq!(body_parts(3, 0).collect::<Vec<_>>(), [0..1, 1..2, 2..3]);
}

#[test]
fn heads_and_parts_make_the_same_bytes_as_the_copy() {
    let body: Vec<u8> = (0..10_000_u32).map(|n| n as u8).collect();
    let (mut copied, mut gathered) = (Vec::new(), Vec::new());
    write_deliver(&mut copied, 5, &deliver(), b"\0\0", &body, 4096);
    write_deliver_head(&mut gathered, 5, &deliver(), b"\0\0", body.len() as u64);
    for part in body_parts(body.len(), 4096) {
        gathered.extend_from_slice(&body_frame_head(5, part.len() as u32));
        gathered.extend_from_slice(&body[part]);
        gathered.push(FRAME_END);
    }
    assert_eq!(copied, gathered);
}

#[test]
fn return_get_ok_and_confirms_are_their_methods() {
    let returned = BasicReturn { reply_code: 312, reply_text: b"NO_ROUTE", exchange: b"ex", routing_key: b"key" };
    let got = BasicGetOk { delivery_tag: 1, redelivered: false, exchange: b"", routing_key: b"q", message_count: 7 };
    let (mut first, mut second) = (Vec::new(), Vec::new());
    write_return(&mut first, 2, &returned, b"\0\0", b"body", FRAME_MAX);
    write_get_ok(&mut second, 2, &got, b"\0\0", b"body", FRAME_MAX);
    for (wire, method) in [(first, Method::from(returned)), (second, Method::from(got))] {
        let frames = frames(&wire);
        assert_eq!(Method::decode(frames[0].payload), Ok(method));
        let header = ContentHeader::parse(frames[1].payload).unwrap();
        assert_eq!(header, ContentHeader { class_id: 60, weight: 0, body_size: 4, properties: b"\0\0" });
        assert_eq!((frames[2].kind, frames[2].payload, frames.len()), (FrameKind::Body, b"body".as_slice(), 3));
    }
    for multiple in [false, true] {
        let (mut direct, mut general) = (Vec::new(), Vec::new());
        write_ack(&mut direct, 7, u64::MAX - 1, multiple);
        write_nack(&mut direct, 7, 3, multiple);
        write_method(&mut general, 7, &BasicAck { delivery_tag: u64::MAX - 1, multiple });
        write_method(&mut general, 7, &BasicNack { delivery_tag: 3, multiple, requeue: false });
        assert_eq!(direct, general);
    }
}

#[test]
fn long_texts_are_cut_between_characters() {
    // 254 octets, then a character of two, three or four: it does not fit, and is left out as a whole.
    for (character, kept) in [("a", 255), ("\u{e9}", 254), ("\u{20ac}", 254), ("\u{1f407}", 254)] {
        let text = "x".repeat(254) + character + "tail";
        let mut out = Vec::new();
        write_method(&mut out, 0, &ConnectionBlocked { reason: text.as_bytes() });
        let Ok(Method::ConnectionBlocked(read)) = Method::decode(frames(&out)[0].payload) else { panic!("{out:?}") };
        assert_eq!(read.reason, &text.as_bytes()[..kept]);
    }
    // Three octets of a character of four would fit.
    let text = "x".repeat(252) + "\u{1f407}";
    let mut out = Vec::new();
    write_method(&mut out, 0, &ConnectionBlocked { reason: text.as_bytes() });
    let Ok(Method::ConnectionBlocked(read)) = Method::decode(frames(&out)[0].payload) else { panic!("{out:?}") };
    assert_eq!(read.reason, &text.as_bytes()[..252]);
    // Bytes that are no text at all are cut at the limit's neighbourhood, never beyond it.
    let mut out = Vec::new();
    write_deliver_head(&mut out, 0, &BasicDeliver { exchange: &[0x80; 300], ..deliver() }, b"\0\0", 0);
    let Ok(Method::BasicDeliver(read)) = Method::decode(frames(&out)[0].payload) else { panic!("{out:?}") };
    assert_eq!((read.exchange.len(), read.routing_key), (252, b"key".as_slice()));
}

#[test]
fn the_fast_path_leaves_what_is_not_whole_to_the_general_one() {
    let message = BasicPublish { exchange: b"ex", routing_key: b"key", mandatory: true, ..Default::default() };
    let mut wire = Vec::new();
    write_method(&mut wire, 1, &message);
    write_content_header(&mut wire, 1, b"\0\0", 5);
    write_body(&mut wire, 1, b"hello", FRAME_MAX);
    for len in 0..wire.len() {
        assert_eq!(parse_published(&wire[..len], FRAME_MAX), None);
    }
    let whole = parse_published(&wire, FRAME_MAX).unwrap();
    assert_eq!((whole.body, whole.wire_len, whole.publish.mandatory), (b"hello".as_slice(), wire.len(), true));

    let method = &wire[..whole.publish.wire_len];
    let header = |class: u8, weight: u8, size: u8| frame(2, 1, &[0, class, 0, weight, 0, 0, 0, 0, 0, 0, 0, size, 0, 0]);
    let body = frame(3, 1, b"hello");
    let wrong: [Vec<u8>; 8] = [
        [method, &header(50, 0, 5), &body].concat(),
        [method, &header(60, 1, 5), &body].concat(),
        [method, &header(60, 0, 6), &body].concat(),
        [method, &header(60, 0, 4), &body].concat(),
        [method, &frame(2, 2, &[0, 60, 0, 0, 0, 0, 0, 0, 0, 0, 0, 5, 0, 0]), &body].concat(),
        [method, &header(60, 0, 5), &frame(3, 2, b"hello")].concat(),
        [method, &frame(2, 1, &[0, 60, 0, 0, 0, 0, 0, 0, 0, 0, 0, 5, 0]), &body].concat(),
        [method, &body, &body].concat(),
    ];
    for wire in wrong {
        assert_eq!(parse_published(&wire, FRAME_MAX), None, "{}", wire.escape_ascii());
    }
    // Method frames of other methods, of other limits, with other ends or with bytes too many.
    assert_eq!(parse_publish(&frame(1, 1, &[0, 60, 0, 80, 0, 0, 0, 0, 0, 0, 0, 1, 0]), FRAME_MAX), None);
    assert_eq!(parse_publish(method, 10), None);
    assert_eq!(parse_publish(&frame(1, 1, &[0, 60, 0, 40, 0, 0, 0, 0, 0, 0]), FRAME_MAX), None);
    assert_eq!(parse_publish(&[&method[..method.len() - 1], &[0]].concat(), FRAME_MAX), None);
}

proptest! {
    #[test]
    fn every_method_is_written_as_it_was_read(payload in method_payload(), channel: u16) {
        let method = Method::decode(&payload).unwrap();
        let mut out = b"before".to_vec();
        write_method(&mut out, channel, &method);
        prop_assert_eq!(&out[6..], &frame(1, channel, &payload)[..]);
    }

    #[test]
    fn the_hand_written_delivery_is_the_general_one(
        channel: u16, delivery_tag: u64, redelivered: bool,
        names in vec(vec(any::<u8>(), 0..300), 3), properties in property_bytes(), body in vec(any::<u8>(), 0..9000),
    ) {
        let method =
            BasicDeliver { consumer_tag: &names[0], delivery_tag, redelivered, exchange: &names[1], routing_key: &names[2] };
        let (mut by_hand, mut general) = (Vec::new(), Vec::new());
        write_deliver(&mut by_hand, channel, &method, &properties, &body, 4096);
        write_method(&mut general, channel, &method);
        write_content_header(&mut general, channel, &properties, body.len() as u64);
        write_body(&mut general, channel, &body, 4096);
        prop_assert_eq!(by_hand, general);
    }

    #[test]
    fn a_message_is_read_alike_by_both_paths(
        channel: u16, mandatory: bool, immediate: bool, names in vec(vec(any::<u8>(), 0..256), 2),
        properties in property_bytes(), body in vec(any::<u8>(), 0..2000), after in vec(any::<u8>(), 0..20),
    ) {
        let publish = BasicPublish { ticket: 0, exchange: &names[0], routing_key: &names[1], mandatory, immediate };
        let mut wire = Vec::new();
        write_method(&mut wire, channel, &publish);
        let method_len = wire.len();
        write_content_header(&mut wire, channel, &properties, body.len() as u64);
        write_body(&mut wire, channel, &body, FRAME_MAX);
        let wire_len = wire.len();
        let general = frames(&wire);
        prop_assert_eq!(Method::decode(general[0].payload), Ok(Method::BasicPublish(publish)));
        wire.extend_from_slice(&after);

        let fast = parse_published(&wire, FRAME_MAX).unwrap();
        let expected = PublishFrame {
            channel, exchange: &names[0], routing_key: &names[1], mandatory, immediate, wire_len: method_len,
        };
        prop_assert_eq!(fast.publish, expected);
        prop_assert_eq!(parse_publish(&wire, FRAME_MAX), Some(expected));
        prop_assert_eq!(fast, Published { publish: expected, properties: &properties, body: &body, wire_len });
    }
}
