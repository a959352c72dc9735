//! Messages through a session: published, delivered, fetched, settled, returned, confirmed.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod session_support;

use narumq_amqp::codec::*;
use session_support::*;

const TAG: &str = "t";

fn with_queue() -> (Stage, usize) {
    let mut stage = Stage::new();
    let peer = stage.connect();
    stage.send(peer, 1, &declare("q"));
    assert_eq!(stage.answer(peer), "1 queue.declare-ok queue=q message_count=0 consumer_count=0");
    (stage, peer)
}

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
    let (mut stage, peer) = with_queue();
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
    let (mut stage, peer) = with_queue();
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
    let (mut stage, peer) = with_queue();
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
    let (mut stage, peer) = with_queue();
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
    let (mut stage, peer) = with_queue();
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
    let (mut stage, peer) = with_queue();
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

#[test]
fn properties_pass_untouched_unless_there_is_something_to_tell() {
    let (mut stage, peer) = with_queue();
    let mut table = Vec::new();
    TableWriter::new(&mut table).long_string(b"CC", b"x").entry(b"a", Value::Float(1.5));
    // CC must be an array; under another name anything goes, and comes back byte for byte.
    let table = [&b"\x02cc"[..], &table[3..]].concat();
    let mut properties = Vec::new();
    let mut edits = PropertyEdits::new();
    edits.headers(Table::parse(&table).unwrap()).priority(9).expiration(b"60000").app_id(b"app");
    edits.write(&PropertiesView::EMPTY, &mut properties);
    stage.publish(peer, 1, &Message { properties: &properties, ..to("q", b"m") });
    stage.send(peer, 1, &get("q"));
    let hex: String = properties.iter().map(|b| format!("{b:02x}")).collect();
    assert_eq!(stage.heard(peer)[1], format!("1 header 1 {hex}"));
}

#[test]
fn copies_go_to_further_keys_and_the_blind_ones_are_not_told() {
    let (mut stage, peer) = with_queue();
    for queue in ["cc", "bcc"] {
        stage.send(peer, 1, &declare(queue));
        stage.answer(peer);
    }
    let mut table = Vec::new();
    let mut writer = TableWriter::new(&mut table);
    writer.array(b"CC", |keys| {
        keys.value(Value::LongString(b"cc")).value(Value::LongString(b"q"));
    });
    writer.long_string(b"kept", b"1");
    let kept = writer.finish().as_bytes().to_vec();
    TableWriter::new(&mut table).array(b"BCC", |keys| {
        keys.value(Value::LongString(b"bcc"));
    });
    let properties = |table: &[u8]| {
        let mut properties = Vec::new();
        let table = Table::parse(table).unwrap();
        PropertyEdits::new().headers(table).write(&PropertiesView::EMPTY, &mut properties);
        properties
    };
    let (sent, told) = (properties(&table), properties(&kept));
    stage.publish(peer, 1, &Message { properties: &sent, ..to("q", b"m") });
    let hex: String = told.iter().map(|b| format!("{b:02x}")).collect();
    for queue in ["q", "cc", "bcc"] {
        stage.send(peer, 1, &get(queue));
        let heard = stage.heard(peer);
        assert!(heard[0].contains("routing_key=q message_count=0"), "{heard:?}");
        assert_eq!(heard[1], format!("1 header 1 {hex}"));
    }
}

#[test]
fn direct_replies_find_their_way() {
    let (mut stage, server) = with_queue();
    let client = stage.connect();
    stage.send(client, 1, &BasicConsume { no_ack: true, ..consume("amq.rabbitmq.reply-to", TAG) });
    assert_eq!(stage.answer(client), "1 basic.consume-ok consumer_tag=t");
    let mut properties = Vec::new();
    PropertyEdits::new().reply_to(b"amq.rabbitmq.reply-to").write(&PropertiesView::EMPTY, &mut properties);
    stage.publish(client, 1, &Message { properties: &properties, ..to("q", b"ping") });
    stage.send(server, 1, &BasicGet { no_ack: true, ..get("q") });
    let seen = stage.seen(server);
    let Ok(Parsed::Frame(method)) = parse_frame(&seen, 131_072) else { panic!("a frame") };
    let Ok(Parsed::Frame(header)) = parse_frame(&seen[method.wire_len()..], 131_072) else { panic!("a frame") };
    let header = ContentHeader::parse(header.payload).unwrap();
    let view = PropertiesView::parse(header.properties).unwrap();
    let address = std::str::from_utf8(view.reply_to().unwrap()).unwrap().to_owned();
    assert!(address.starts_with("amq.rabbitmq.reply-to.") && address.len() > 40, "{address}");
    stage.send(server, 1, &QueueDeclare { passive: true, ..declare(&address) });
    assert_eq!(stage.answer(server), format!("1 queue.declare-ok queue={address} message_count=0 consumer_count=1"));
    stage.publish(server, 1, &to(&address, b"pong"));
    let heard = stage.heard(client);
    assert_eq!(heard[2], "1 body pong");
    assert!(heard[0].ends_with(&format!("redelivered=0 exchange= routing_key={address}")), "{heard:?}");
    stage.vanish(client);
    stage.publish(server, 1, &Message { mandatory: true, ..to(&address, b"late") });
    assert!(stage.heard(server)[0].starts_with("1 basic.return reply_code=312"));
}

#[test]
fn deaths_are_told_in_headers() {
    let mut stage = Stage::new();
    let peer = stage.connect();
    stage.send(peer, 1, &declare("grave"));
    let mut buffer = Vec::new();
    let mut table = TableWriter::new(&mut buffer);
    table.long_string(b"x-dead-letter-exchange", b"").long_string(b"x-dead-letter-routing-key", b"grave");
    stage.send(peer, 1, &QueueDeclare { arguments: table.finish(), ..declare("q") });
    stage.sync();
    stage.heard(peer);
    stage.publish(peer, 1, &to("q", b"m"));
    stage.send(peer, 1, &get("q"));
    stage.send(peer, 1, &BasicReject { delivery_tag: 1, requeue: false });
    stage.heard(peer);
    stage.send(peer, 1, &get("grave"));
    let seen = stage.seen(peer);
    let Ok(Parsed::Frame(method)) = parse_frame(&seen, 131_072) else { panic!("a frame") };
    let Ok(Parsed::Frame(header)) = parse_frame(&seen[method.wire_len()..], 131_072) else { panic!("a frame") };
    let view = PropertiesView::parse(ContentHeader::parse(header.payload).unwrap().properties).unwrap();
    let headers = view.headers().unwrap();
    assert_eq!(headers.get(b"x-first-death-queue"), Some(Value::LongString(b"q")));
    let deaths = headers.get(b"x-death").and_then(|value| value.as_array()).unwrap();
    let death = deaths.iter().next().and_then(|value| value.as_table()).unwrap();
    assert_eq!(death.get(b"count"), Some(Value::Long(1)));
    assert_eq!(death.get(b"reason"), Some(Value::LongString(b"rejected")));
    assert_eq!(death.get(b"time"), Some(Value::Timestamp(1)));
}
