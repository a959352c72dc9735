//! Messages through a session: published, delivered, fetched, settled, returned, confirmed.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod session_support;

use narumq_amqp::codec::*;
use session_support::*;

const TAG: &str = "t";

fn fill(stage: &mut Stage, peer: usize, bodies: &[&str]) {
    bodies.iter().for_each(|body| stage.publish(peer, 1, &to("q", body.as_bytes())));
    assert_eq!(stage.heard(peer), [""; 0]);
}

fn delivered(tag: u64, body: &str, redelivered: bool) -> Vec<String> {
    let again = u8::from(redelivered);
    vec![
        format!("1 basic.deliver consumer_tag=t delivery_tag={tag} redelivered={again} exchange= routing_key=q"),
        format!("1 header {} 0000", body.len()),
        format!("1 body {body}"),
    ]
}

fn ready(stage: &mut Stage, peer: usize) -> String {
    stage.send(peer, 1, &QueueDeclare { passive: true, ..declare("q") });
    let answer = stage.answer(peer);
    answer.strip_prefix("1 queue.declare-ok queue=q ").unwrap_or(&answer).to_owned()
}

#[test]
fn the_server_introduces_itself() {
    let mut stage = Stage::new();
    let peer = stage.dial();
    stage.bytes(peer, b"AMQP\x00");
    assert_eq!(stage.heard(peer), [""; 0]);
    stage.bytes(peer, b"\x00\x09\x01");
    let seen = stage.seen(peer);
    assert!(seen.windows(6).any(|bytes| bytes == b"NaruMQ"));
    let start = words(&seen).concat();
    for word in ["version_minor=9", "publisher_confirms", "mechanisms=PLAIN AMQPLAIN", "locales=en_US"] {
        assert!(start.contains(word), "{start}");
    }
    stage.send(peer, 0, &login(&Table::EMPTY, b"guest"));
    assert_eq!(stage.answer(peer), "0 connection.tune channel_max=2047 frame_max=131072 heartbeat=60");
    stage.send(peer, 0, &ConnectionTuneOk { channel_max: 10, frame_max: 4096, heartbeat: 0 });
    stage.send(peer, 0, &ConnectionOpen { virtual_host: b"/", ..Default::default() });
    assert_eq!(stage.answer(peer), "0 connection.open-ok known_hosts=");
    stage.send(peer, 0, &ConnectionClose { reply_code: 200, ..Default::default() });
    assert_eq!(stage.answer(peer), "0 connection.close-ok");
    assert!(stage.peer(peer).out.is_closing());
}

#[test]
fn hello_world() {
    let (mut stage, peer) = Stage::with_queue();
    fill(&mut stage, peer, &["hello"]);
    stage.send(peer, 1, &consume("q", TAG));
    let mut expected = vec!["1 basic.consume-ok consumer_tag=t".to_owned()];
    expected.extend(delivered(1, "hello", false));
    assert_eq!(stage.heard(peer), expected);
    stage.publish(peer, 1, &to("q", b"again"));
    assert_eq!(stage.heard(peer), delivered(2, "again", false));
    stage.send(peer, 1, &BasicAck { delivery_tag: 2, multiple: true });
    stage.send(peer, 1, &BasicCancel { consumer_tag: b"t", nowait: false });
    assert_eq!(stage.heard(peer), ["1 basic.cancel-ok consumer_tag=t"]);
    assert_eq!(ready(&mut stage, peer), "message_count=0 consumer_count=0");
}

#[test]
fn an_empty_body_has_no_frame_and_a_large_one_has_many() {
    let mut stage = Stage::new();
    let peer = stage.connect_with(ConnectionTuneOk { channel_max: 1, frame_max: 4096, heartbeat: 0 });
    stage.open(peer, 1);
    stage.send(peer, 1, &declare("q"));
    stage.answer(peer);
    stage.publish(peer, 1, &to("q", b""));
    let large: Vec<u8> = (0..100_000u32).map(|n| n as u8).collect();
    let mut bytes = Vec::new();
    to("q", b"").write(1, &mut bytes);
    bytes.truncate(bytes.len() - 22);
    write_content_header(&mut bytes, 1, &[0, 0], large.len() as u64);
    // In pieces of any size, also of none.
    let mut rest = &large[..];
    for size in [1, 0, 4088, 17].into_iter().chain(std::iter::repeat(4088)) {
        let (piece, behind) = rest.split_at(size.min(rest.len()));
        bytes.extend_from_slice(&body_frame_head(1, piece.len() as u32));
        bytes.extend_from_slice(piece);
        bytes.push(FRAME_END);
        rest = behind;
        if rest.is_empty() {
            break;
        }
    }
    stage.bytes(peer, &bytes);
    stage.send(peer, 1, &BasicConsume { no_ack: true, ..consume("q", TAG) });
    let seen = stage.seen(peer);
    let mut bodies = Vec::new();
    let mut frames = 0;
    let mut rest = &seen[..];
    while let Ok(Parsed::Frame(frame)) = parse_frame(rest, 4096) {
        if frame.kind == FrameKind::Body {
            assert!(frame.payload.len() <= 4088);
            bodies.extend_from_slice(frame.payload);
            frames += 1;
        }
        rest = &rest[frame.wire_len()..];
    }
    assert!(rest.is_empty());
    assert_eq!((frames, bodies == large), (25, true));
}

#[test]
fn fetches_count_what_remains_and_share_the_tags() {
    let (mut stage, peer) = Stage::with_queue();
    fill(&mut stage, peer, &["a", "b"]);
    for (tag, remaining, body) in [(1, 1, "a"), (2, 0, "b")] {
        stage.send(peer, 1, &get("q"));
        let method = format!(
            "1 basic.get-ok delivery_tag={tag} redelivered=0 exchange= routing_key=q message_count={remaining}"
        );
        assert_eq!(stage.heard(peer), [method, "1 header 1 0000".into(), format!("1 body {body}")]);
    }
    stage.send(peer, 1, &get("q"));
    assert_eq!(stage.answer(peer), "1 basic.get-empty cluster_id=");
}

#[test]
fn what_goes_back_comes_again_in_its_place() {
    let (mut stage, peer) = Stage::with_queue();
    fill(&mut stage, peer, &["a", "b", "c"]);
    for _ in 0..3 {
        stage.send(peer, 1, &get("q"));
    }
    stage.heard(peer);
    stage.send(peer, 1, &BasicReject { delivery_tag: 2, requeue: true });
    stage.send(peer, 1, &BasicNack { delivery_tag: 1, multiple: false, requeue: true });
    stage.send(peer, 1, &BasicReject { delivery_tag: 3, requeue: false });
    stage.send(peer, 1, &consume("q", TAG));
    let expected = [delivered(4, "a", true), delivered(5, "b", true)].concat();
    assert_eq!(stage.heard(peer)[1..], expected);
    stage.send(peer, 1, &BasicRecover { requeue: true });
    let heard = stage.heard(peer);
    assert_eq!(heard[0], "1 basic.recover-ok");
    assert_eq!(heard[1..], [delivered(6, "a", true), delivered(7, "b", true)].concat());
}

#[test]
fn what_a_closed_channel_or_a_lost_client_held_comes_back() {
    let (mut stage, peer) = Stage::with_queue();
    fill(&mut stage, peer, &["a", "b"]);
    let other = stage.connect();
    stage.send(other, 1, &consume("q", TAG));
    stage.heard(other);
    assert_eq!(ready(&mut stage, peer), "message_count=0 consumer_count=1");
    stage.send(other, 1, &ChannelClose { reply_code: 200, ..Default::default() });
    assert_eq!(stage.heard(other), ["1 channel.close-ok"]);
    assert_eq!(ready(&mut stage, peer), "message_count=2 consumer_count=0");
    stage.open(other, 1);
    stage.send(other, 1, &consume("q", TAG));
    assert_eq!(stage.heard(other)[1..], [delivered(1, "a", true), delivered(2, "b", true)].concat());
    stage.vanish(other);
    assert_eq!(ready(&mut stage, peer), "message_count=2 consumer_count=0");
}

#[test]
fn confirms_come_once_a_stretch_and_behind_returns() {
    let (mut stage, peer) = Stage::with_queue();
    stage.send(peer, 1, &ConfirmSelect { nowait: false });
    assert_eq!(stage.answer(peer), "1 confirm.select-ok");
    let mut bytes = Vec::new();
    for _ in 0..3 {
        to("q", b"m").write(1, &mut bytes);
    }
    Message { mandatory: true, ..to("nowhere", b"lost") }.write(1, &mut bytes);
    stage.bytes(peer, &bytes);
    let expected = [
        "1 basic.return reply_code=312 reply_text=NO_ROUTE exchange= routing_key=nowhere",
        "1 header 4 0000",
        "1 body lost",
        "1 basic.ack delivery_tag=4 multiple=1",
    ];
    assert_eq!(stage.heard(peer), expected);
    stage.publish(peer, 1, &to("nowhere", b"dropped"));
    assert_eq!(stage.heard(peer), ["1 basic.ack delivery_tag=5 multiple=0"]);
}

#[test]
fn a_full_queue_refuses_and_the_publisher_hears_nack() {
    let mut stage = Stage::new();
    let peer = stage.connect();
    let mut buffer = Vec::new();
    let mut table = TableWriter::new(&mut buffer);
    table.entry(b"x-max-length", Value::Byte(1)).long_string(b"x-overflow", b"reject-publish");
    stage.send(peer, 1, &QueueDeclare { arguments: table.finish(), ..declare("q") });
    stage.send(peer, 1, &ConfirmSelect { nowait: true });
    stage.answer(peer);
    let mut bytes = Vec::new();
    for _ in 0..3 {
        to("q", b"m").write(1, &mut bytes);
    }
    stage.bytes(peer, &bytes);
    let expected = [
        "1 basic.ack delivery_tag=1 multiple=0",
        "1 basic.nack delivery_tag=2 multiple=0 requeue=0",
        "1 basic.nack delivery_tag=3 multiple=0 requeue=0",
    ];
    assert_eq!(stage.heard(peer), expected);
}

#[test]
fn a_transaction_is_whole_or_nothing() {
    let (mut stage, peer) = Stage::with_queue();
    fill(&mut stage, peer, &["first"]);
    stage.send(peer, 1, &TxSelect);
    stage.send(peer, 1, &get("q"));
    stage.heard(peer);
    stage.publish(peer, 1, &to("q", b"second"));
    stage.publish(peer, 1, &Message { mandatory: true, ..to("nowhere", b"lost") });
    stage.send(peer, 1, &BasicAck { delivery_tag: 1, multiple: false });
    assert_eq!(ready(&mut stage, peer), "message_count=0 consumer_count=0");
    stage.send(peer, 1, &TxRollback);
    assert_eq!(stage.answer(peer), "1 tx.rollback-ok");
    stage.publish(peer, 1, &Message { mandatory: true, ..to("nowhere", b"lost") });
    stage.publish(peer, 1, &to("q", b"second"));
    stage.send(peer, 1, &BasicAck { delivery_tag: 1, multiple: false });
    stage.send(peer, 1, &TxCommit);
    stage.sync();
    let heard = stage.heard(peer);
    assert_eq!(heard.len(), 4);
    assert!(heard[0].starts_with("1 basic.return reply_code=312"), "{heard:?}");
    assert_eq!(heard[3], "1 tx.commit-ok");
    assert_eq!(ready(&mut stage, peer), "message_count=1 consumer_count=0");
}
