//! Frames and the protocol header: whole, in pieces, and wrong.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod codec_support;

use codec_support::frame;
use narumq_amqp::codec::*;
use proptest::collection::vec;
use proptest::prelude::*;

const KINDS: [FrameKind; 3] = [FrameKind::Method, FrameKind::Header, FrameKind::Body];

#[test]
fn the_two_headers_are_taken_and_their_beginnings_waited_for() {
    let headers =
        [(*b"AMQP\x00\x00\x09\x01", ProtocolVersion::V0_9_1), (*b"AMQP\x01\x01\x00\x09", ProtocolVersion::V0_9)];
    for (header, version) in headers {
        assert_eq!(parse_protocol_header(&header), Ok(Some(version)));
        for len in 0..8 {
            assert_eq!(parse_protocol_header(&header[..len]), Ok(None));
        }
        assert_eq!(parse_protocol_header(&[&header[..], b"\x01\0\0"].concat()), Ok(Some(version)));
    }
    assert_eq!(PROTOCOL_HEADER, headers[0].0);
}

#[test]
fn other_headers_are_refused_at_the_first_wrong_byte() {
    let others: [&[u8]; 8] = [
        b"AMQP\x00\x01\x00\x00", // AMQP 1.0
        b"AMQP\x03",             // SASL of AMQP 1.0
        b"AMQP\x02\x01\x00\x00", // TLS of AMQP 1.0
        b"AMQP\x01\x01\x08\x00", // AMQP 0-8
        b"AMQP\x00\x00\x09\x00",
        b"GET / HTTP/1.1\r\n",
        b"\x16\x03\x01", // TLS
        b"amqp",
    ];
    for header in others {
        assert_eq!(parse_protocol_header(header), Err(CodecError::ProtocolHeader), "{}", header.escape_ascii());
    }
}

#[test]
fn a_heartbeat_is_eight_bytes_on_channel_zero() {
    let mut out = Vec::new();
    write_heartbeat(&mut out);
    assert_eq!(out, b"\x08\0\0\0\0\0\0\xce");
    let expected = Frame { kind: FrameKind::Heartbeat, channel: 0, payload: b"" };
    assert_eq!(parse_frame(&out, FRAME_MIN_SIZE), Ok(Parsed::Frame(expected)));
    let elsewhere = parse_frame(b"\x08\0\x07\0\0\0\0\xce", FRAME_MIN_SIZE).unwrap_err();
    assert_eq!((elsewhere, elsewhere.reply_code()), (CodecError::HeartbeatChannel(7), 505));
    let filled = parse_frame(b"\x08\0\0\0\0\0\x01", FRAME_MIN_SIZE).unwrap_err();
    assert_eq!((filled, filled.reply_code()), (CodecError::HeartbeatPayload(1), 501));
}

#[test]
fn an_unknown_type_is_refused_by_its_octet_alone() {
    for octet in (0..=255_u8).filter(|octet| ![1, 2, 3, 8].contains(octet)) {
        let error = parse_frame(&[octet], FRAME_MIN_SIZE).unwrap_err();
        assert_eq!((error, error.reply_code()), (CodecError::FrameKind(octet), 501));
    }
}

#[test]
fn a_frame_may_be_eight_bytes_over_the_limit() {
    let payload = vec![7; 4096];
    let longest = frame(3, 1, &payload);
    assert_eq!(longest.len(), 4096 + 8);
    let expected = Frame { kind: FrameKind::Body, channel: 1, payload: &payload };
    assert_eq!(parse_frame(&longest, 4096), Ok(Parsed::Frame(expected)));
    assert_eq!(expected.wire_len(), longest.len());
    // One more is refused by the head alone, before the payload has come.
    let error = parse_frame(&[3, 0, 1, 0, 0, 0x10, 0x01], 4096).unwrap_err();
    assert_eq!(error, CodecError::FrameTooLarge { size: 4097, limit: 4088 });
    assert_eq!(error.reply_code(), 501);
    let huge = parse_frame(b"\x01\0\0\xff\xff\xff\xff", 131_072);
    assert_eq!(huge, Err(CodecError::FrameTooLarge { size: u32::MAX, limit: 131_064 }));
}

#[test]
fn a_wrong_end_octet_is_refused() {
    for end in [0, 0xCD, 0xCF] {
        let mut wire = frame(1, 0, b"abc");
        *wire.last_mut().unwrap() = end;
        let error = parse_frame(&wire, FRAME_MIN_SIZE).unwrap_err();
        assert_eq!((error, error.reply_code()), (CodecError::FrameEnd(end), 501));
    }
}

#[test]
fn every_error_has_a_text_and_a_code_of_the_protocol() {
    let errors = [
        (CodecError::ProtocolHeader, 501, "unknown protocol header"),
        (CodecError::FrameKind(9), 501, "unknown frame type 9"),
        (CodecError::FrameTooLarge { size: 9, limit: 8 }, 501, "frame too large: payload of 9 bytes, limit is 8"),
        (CodecError::FrameEnd(0), 501, "invalid frame end marker 0"),
        (CodecError::HeartbeatChannel(3), 505, "heartbeat on channel 3"),
        (CodecError::HeartbeatPayload(3), 501, "heartbeat with a payload of 3 bytes"),
        (CodecError::UnknownMethod(MethodId { class: 60, method: 1 }), 540, "unknown method 60.1"),
        (CodecError::Truncated, 502, "a field runs past its end"),
        (CodecError::TrailingBytes, 502, "bytes after the last field"),
        (CodecError::FieldType(0xff), 502, "unknown field type '\\xff'"),
        (CodecError::TooDeep, 502, "tables nested too deep"),
        (CodecError::PropertyFlags(1), 502, "invalid property flags 0x0001"),
    ];
    for (error, code, text) in errors {
        assert_eq!((error.reply_code(), error.to_string().as_str()), (code, text));
    }
}

proptest! {
    #[test]
    fn frames_arrive_in_pieces(
        frames in vec((0..3_usize, any::<u16>(), vec(any::<u8>(), 0..200)), 1..6),
        cut in any::<prop::sample::Index>(),
    ) {
        let wire: Vec<u8> =
            frames.iter().flat_map(|(kind, channel, payload)| frame(KINDS[*kind] as u8, *channel, payload)).collect();
        let cut = cut.index(wire.len());
        let mut at = 0;
        for (kind, channel, payload) in &frames {
            let whole = at + payload.len() + FRAME_OVERHEAD;
            if at <= cut && cut < whole {
                // The piece that is there asks for no more than the frame, and for more than it has.
                let Ok(Parsed::NeedMore(total)) = parse_frame(&wire[at..cut], 4096) else { panic!("not a piece") };
                prop_assert!(cut - at < total && total <= payload.len() + FRAME_OVERHEAD);
                if cut - at >= FRAME_HEAD_LEN {
                    prop_assert_eq!(total, payload.len() + FRAME_OVERHEAD);
                }
            }
            let expected = Frame { kind: KINDS[*kind], channel: *channel, payload };
            prop_assert_eq!(parse_frame(&wire[at..], 4096), Ok(Parsed::Frame(expected)));
            at += expected.wire_len();
        }
        prop_assert_eq!(at, wire.len());
        prop_assert_eq!(parse_frame(&[], 4096), Ok(Parsed::NeedMore(8)));
    }
}
