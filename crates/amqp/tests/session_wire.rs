//! Frames that make no sense, content that does not follow, handshakes that fail: each with its code and text.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod session_support;

use narumq_amqp::codec::*;
use session_support::refusals::{closed, one, refused};
use session_support::*;

fn frame(kind: u8, channel: u16, payload: &[u8], end: u8) -> Vec<u8> {
    let mut frame = vec![kind];
    frame.extend_from_slice(&channel.to_be_bytes());
    frame.extend_from_slice(&(payload.len() as u32).to_be_bytes());
    frame.extend_from_slice(payload);
    frame.push(end);
    frame
}

#[test]
fn frames_that_make_no_sense() {
    let raw = |bytes: Vec<u8>, expected: &str| refused(|out| out.extend_from_slice(&bytes), expected);
    raw(frame(1, 1, &[0, 60, 0, 10], 0), "connection 501 0.0 FRAME_ERROR - invalid frame end marker 0");
    raw(frame(7, 1, b"", 0xCE), "connection 501 0.0 FRAME_ERROR - unknown frame type 7");
    raw(frame(8, 1, b"", 0xCE), "connection 505 0.0 UNEXPECTED_FRAME - heartbeat on channel 1");
    raw(
        frame(3, 1, b"stray", 0xCE),
        "connection 505 0.0 UNEXPECTED_FRAME - expected method frame, got non method frame instead",
    );
    raw(
        frame(2, 1, &[0, 60, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], 0xCE),
        "connection 505 0.0 UNEXPECTED_FRAME - expected method frame, got non method frame instead",
    );
    raw(
        frame(1, 1, &[0, 50, 0, 10, 0, 0, 32, 97], 0xCE),
        "connection 502 50.10 SYNTAX_ERROR - a field runs past its end",
    );
    raw(frame(1, 1, &[3, 9, 0, 10], 0xCE), "connection 503 777.10 COMMAND_INVALID - unknown method 777.10");
    raw(frame(1, 1, b"", 0xCE), "connection 502 0.0 SYNTAX_ERROR - a field runs past its end");
    let mut large = vec![3, 0, 1];
    large.extend_from_slice(&131_073u32.to_be_bytes());
    raw(large, "connection 501 0.0 FRAME_ERROR - frame too large: payload of 131073 bytes, limit is 131064");
    one(
        &QueueDeclare { queue: b"\xFF", ..Default::default() },
        "connection 502 50.10 SYNTAX_ERROR - a name is not UTF-8",
    );
    one(&ChannelOpen::default(), "connection 504 20.10 CHANNEL_ERROR - second 'channel.open' seen");
    one(&ConnectionClose::default(), "connection 503 10.50 COMMAND_INVALID - unimplemented method");
    one(&QueueDeclareOk::default(), "connection 503 50.11 COMMAND_INVALID - unimplemented method");
    let elsewhere = |channel: u16, method: Method<'_>, expected: &str| {
        refused(|bytes| write_method(bytes, channel, &method), expected);
    };
    let qos = BasicQos::default();
    elsewhere(5, qos.into(), "connection 504 60.10 CHANNEL_ERROR - expected 'channel.open'");
    elsewhere(0, qos.into(), "connection 504 60.10 CHANNEL_ERROR - channel 0 is for the connection alone");
    elsewhere(
        0,
        ConnectionTuneOk::default().into(),
        "connection 504 10.31 CHANNEL_ERROR - unexpected method in connection state running",
    );
}

#[test]
fn content_that_does_not_follow() {
    let publish = BasicPublish { routing_key: b"q", ..Default::default() };
    let with = |rest: &dyn Fn(&mut Vec<u8>), expected: &str| {
        refused(
            |bytes| {
                write_method(bytes, 1, &publish);
                rest(bytes);
            },
            expected,
        );
    };
    let unexpected = |what: &str| format!("connection 505 60.40 UNEXPECTED_FRAME - {what}");
    with(
        &|bytes| write_method(bytes, 1, &BasicQos::default()),
        &unexpected("expected content header for class 60, got non content header frame instead"),
    );
    with(
        &|bytes| write_body(bytes, 1, b"early", 4096),
        &unexpected("expected content header for class 60, got non content header frame instead"),
    );
    with(
        &|bytes| bytes.extend(frame(2, 1, &[0, 10, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], 0xCE)),
        &unexpected("expected content header for class 60, got one for class 10 instead"),
    );
    with(
        &|bytes| {
            write_content_header(bytes, 1, &[0, 0], 3);
            write_method(bytes, 1, &BasicQos::default());
        },
        &unexpected("expected content body, got non content body frame instead"),
    );
    with(
        &|bytes| {
            write_content_header(bytes, 1, &[0, 0], 3);
            write_body(bytes, 1, b"four", 4096);
        },
        "connection 501 60.40 FRAME_ERROR - body frame of 4 bytes where 3 remain",
    );
    with(
        &|bytes| write_content_header(bytes, 1, &[0x20, 0, 0, 0, 0, 9], 0),
        "connection 502 60.40 SYNTAX_ERROR - a field runs past its end",
    );
}

#[test]
fn the_handshake() {
    let tuned = |channel_max, frame_max, expected: &str| {
        let mut stage = Stage::new();
        let peer = stage.dial();
        stage.bytes(peer, &PROTOCOL_HEADER);
        stage.send(peer, 0, &login(&Table::EMPTY, b"guest"));
        stage.send(peer, 0, &ConnectionTuneOk { channel_max, frame_max, heartbeat: 0 });
        assert_eq!(closed(&mut stage, peer), format!("connection 530 10.30 NOT_ALLOWED - negotiated {expected}"));
    };
    tuned(1, 4095, "frame_max = 4095 is lower than the minimum allowed value (4096)");
    tuned(1, 131_073, "frame_max = 131073 is higher than the maximum allowed value (131072)");
    tuned(1, 0, "frame_max = 0 is higher than the maximum allowed value (131072)");
    tuned(2048, 4096, "channel_max = 2048 is higher than the maximum allowed value (2047)");
    tuned(0, 4096, "channel_max = 0 (no limit) is higher than the maximum allowed value (2047)");

    let mut stage = Stage::new();
    let peer = stage.dial();
    stage.bytes(peer, &PROTOCOL_HEADER);
    let mut buffer = Vec::new();
    stage.send(peer, 0, &login(&capabilities(&mut buffer), b"wrong"));
    assert_eq!(
        closed(&mut stage, peer),
        "connection 403 10.11 ACCESS_REFUSED - Login was refused using authentication mechanism PLAIN. For details see the \
         broker logfile."
    );
    let peer = stage.dial();
    stage.bytes(peer, &PROTOCOL_HEADER);
    stage.heard(peer);
    stage.send(peer, 0, &login(&Table::EMPTY, b"wrong"));
    stage.pass(500);
    assert_eq!((stage.heard(peer), stage.peer(peer).out.is_closing()), (Vec::new(), false));
    stage.pass(501);
    assert_eq!((stage.heard(peer), stage.peer(peer).out.is_closing()), (Vec::new(), true));

    let peer = stage.dial();
    stage.bytes(peer, &PROTOCOL_HEADER);
    stage.send(peer, 0, &login(&Table::EMPTY, b"guest"));
    stage.send(peer, 0, &ConnectionTuneOk { channel_max: 2, frame_max: 4096, heartbeat: 0 });
    stage.send(peer, 0, &ConnectionOpen { virtual_host: b"nope", ..Default::default() });
    assert_eq!(closed(&mut stage, peer), "connection 530 10.40 NOT_ALLOWED - vhost nope not found");

    let peer = stage.connect_with(ConnectionTuneOk { channel_max: 2, frame_max: 4096, heartbeat: 0 });
    stage.open(peer, 7);
    stage.open(peer, 9);
    stage.send(peer, 1, &ChannelOpen::default());
    assert_eq!(
        closed(&mut stage, peer),
        "connection 530 20.10 NOT_ALLOWED - number of channels opened (2) has reached the negotiated channel_max (2)"
    );
}

#[test]
fn other_protocols_are_told_which_one_is_spoken() {
    for header in [&b"GET / HT"[..], b"AMQP\0\x01\0\0", b"AMQP\0\0\x09\x02", b"x"] {
        let mut stage = Stage::new();
        let peer = stage.dial();
        stage.bytes(peer, header);
        assert_eq!((stage.seen(peer), stage.peer(peer).out.is_closing()), (PROTOCOL_HEADER.to_vec(), true));
    }
}
