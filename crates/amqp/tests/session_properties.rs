//! Properties and headers through a session: untouched, read for copies and direct replies, written for deaths.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod session_support;

use narumq_amqp::codec::*;
use session_support::*;

#[test]
fn properties_pass_untouched_unless_there_is_something_to_tell() {
    let (mut stage, peer) = Stage::with_queue();
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
    let (mut stage, peer) = Stage::with_queue();
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
    let (mut stage, server) = Stage::with_queue();
    let client = stage.connect();
    stage.send(client, 1, &BasicConsume { no_ack: true, ..consume("amq.rabbitmq.reply-to", "t") });
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
