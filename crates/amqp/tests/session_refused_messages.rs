//! Refusals of what concerns messages, to the letter: properties, sizes, delivery tags, modes of a channel.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod session_support;

use narumq_amqp::Settings as DoorSettings;
use narumq_amqp::codec::*;
use narumq_broker::Settings;
use session_support::refusals::{arguments, closed, one, refused};
use session_support::*;

#[test]
fn properties_that_cannot_be() {
    let publish = |edit: &dyn Fn(&mut PropertyEdits<'_>), why: &str| {
        let mut properties = Vec::new();
        let mut edits = PropertyEdits::new();
        edit(&mut edits);
        edits.write(&PropertiesView::EMPTY, &mut properties);
        let message = Message { properties: &properties, ..to("q", b"m") };
        let expected = format!("channel 406 60.40 PRECONDITION_FAILED - {why}");
        refused(|bytes| message.write(1, bytes), &expected);
    };
    publish(
        &|edits| {
            edits.expiration(b"abc");
        },
        "invalid expiration 'abc': no_integer",
    );
    publish(
        &|edits| {
            edits.expiration(b"-1");
        },
        "invalid expiration '-1': {value_negative,-1}",
    );
    publish(
        &|edits| {
            edits.expiration(b"10ms");
        },
        "invalid expiration '10ms': {leftover_string,\"ms\"}",
    );
    publish(
        &|edits| {
            edits.user_id(b"bob");
        },
        "user_id property set to 'bob' but authenticated user was 'guest'",
    );
    publish(
        &|edits| {
            edits.reply_to(b"amq.rabbitmq.reply-to");
        },
        "fast reply consumer does not exist",
    );
    for (name, value, kind) in [("CC", Value::LongString(b"k"), "longstr"), ("BCC", Value::SignedInt(5), "signedint")] {
        let buffer = arguments(|table| {
            table.entry(name.as_bytes(), value);
        });
        let why = format!("invalid message: {{unacceptable_type_in_header,\"{name}\",{kind}}}");
        let mut properties = Vec::new();
        let mut edits = PropertyEdits::new();
        edits.headers(Table::parse(&buffer).unwrap()).write(&PropertiesView::EMPTY, &mut properties);
        let message = Message { properties: &properties, ..to("q", b"m") };
        refused(|bytes| message.write(1, bytes), &format!("channel 406 60.40 PRECONDITION_FAILED - {why}"));
    }
    let internal = ExchangeDeclare { exchange: b"x", kind: b"fanout", internal: true, ..Default::default() };
    refused(
        |bytes| {
            write_method(bytes, 1, &internal);
            Message { exchange: "x", ..to("", b"m") }.write(1, bytes);
        },
        "channel 403 60.40 ACCESS_REFUSED - cannot publish to internal exchange 'x' in vhost '/'",
    );
    let immediate = BasicPublish { routing_key: b"q", immediate: true, ..Default::default() };
    one(&immediate, "connection 540 60.40 NOT_IMPLEMENTED - immediate=true");
}

#[test]
fn messages_beyond_the_size() {
    for whole in [true, false] {
        let settings = Settings { message_bytes_max: 100, ..Settings::default() };
        let mut stage = Stage::with(DoorSettings::default(), settings);
        let peer = stage.connect();
        let body = vec![b'x'; 101];
        let mut bytes = Vec::new();
        to("q", &body).write(1, &mut bytes);
        if !whole {
            // The size alone is told: nothing of the body needs to come.
            bytes.truncate(bytes.len() - 109);
        }
        stage.bytes(peer, &bytes);
        let expected =
            "channel 406 60.40 PRECONDITION_FAILED - message size 101 is larger than configured max size 100";
        assert_eq!(closed(&mut stage, peer), expected);
    }
}

#[test]
fn tags_that_are_not_there() {
    let unknown = |ids: &str, tag: u64| format!("channel 406 {ids} PRECONDITION_FAILED - unknown delivery tag {tag}");
    one(&BasicAck { delivery_tag: 99, multiple: false }, &unknown("60.80", 99));
    one(&BasicAck { delivery_tag: 0, multiple: false }, &unknown("60.80", 0));
    one(&BasicNack { delivery_tag: 9, multiple: true, requeue: true }, &unknown("60.120", 9));
    one(&BasicReject { delivery_tag: 9, requeue: true }, &unknown("60.90", 9));
    for second in [true, false] {
        refused(
            |bytes| {
                for _ in 0..2 {
                    to("q", b"m").write(1, bytes);
                    write_method(bytes, 1, &get("q"));
                }
                write_method(bytes, 1, &BasicAck { delivery_tag: 1, multiple: false });
                write_method(bytes, 1, &BasicAck { delivery_tag: 1, multiple: second });
            },
            &unknown("60.80", 1),
        );
    }
    let mut stage = Stage::new();
    let peer = stage.connect();
    stage.send(peer, 1, &BasicAck { delivery_tag: 0, multiple: true });
    stage.send(peer, 1, &BasicNack { delivery_tag: 0, multiple: true, requeue: true });
    stage.send(peer, 1, &BasicQos::default());
    assert_eq!(stage.answer(peer), "1 basic.qos-ok");
}

#[test]
fn modes_and_what_is_not_implemented() {
    let failed = |ids: &str, why: &str| format!("channel 406 {ids} PRECONDITION_FAILED - {why}");
    one(&TxCommit, &failed("90.20", "channel is not transactional"));
    one(&TxRollback, &failed("90.30", "channel is not transactional"));
    let both = |first: Method<'_>, second: Method<'_>, expected: &str| {
        refused(
            |bytes| {
                write_method(bytes, 1, &first);
                write_method(bytes, 1, &second);
            },
            expected,
        );
    };
    let confirm = ConfirmSelect { nowait: false };
    both(TxSelect.into(), confirm.into(), &failed("85.10", "cannot switch from tx to confirm mode"));
    both(confirm.into(), TxSelect.into(), &failed("90.10", "cannot switch from confirm to tx mode"));
    let reply = BasicConsume { no_ack: true, ..consume("amq.rabbitmq.reply-to", "") };
    both(reply.into(), reply.into(), &failed("60.20", "reply consumer already set"));
    one(&BasicConsume { no_ack: false, ..reply }, &failed("60.20", "reply consumer cannot acknowledge"));
    let not = |ids: &str, why: &str| format!("connection 540 {ids} NOT_IMPLEMENTED - {why}");
    one(&BasicQos { prefetch_size: 10, ..Default::default() }, &not("60.10", "prefetch_size!=0 (10)"));
    one(&BasicRecover { requeue: false }, &not("60.110", "requeue=false"));
    one(&ChannelFlow { active: false }, &not("20.20", "active=false"));
    let buffer = arguments(|table| {
        table.entry(b"x-single-active-consumer", Value::Bool(true));
    });
    let single = QueueDeclare { arguments: Table::parse(&buffer).unwrap(), ..declare("s") };
    both(
        single.into(),
        get("s").into(),
        "channel 405 60.70 RESOURCE_LOCKED - cannot obtain access to locked queue 's' in vhost '/'. basic.get operations are \
         not supported by classic queues with single active consumer",
    );
    both(
        single.into(),
        BasicConsume { exclusive: true, ..consume("s", "t") }.into(),
        "channel 403 60.20 ACCESS_REFUSED - queue 's' in vhost '/' in exclusive use",
    );
}
