//! Every refusal of a command, to the letter: which end closes, with which code and text, blamed on which method.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod session_support;

use narumq_amqp::Settings as DoorSettings;
use narumq_amqp::codec::*;
use narumq_broker::Settings;
use session_support::refusals::{closed, one, refused};
use session_support::*;

fn arguments(fill: impl FnOnce(&mut TableWriter<'_>)) -> Vec<u8> {
    let mut buffer = Vec::new();
    fill(&mut TableWriter::new(&mut buffer));
    buffer
}

fn argued(fill: impl FnOnce(&mut TableWriter<'_>), why: &str) {
    let buffer = arguments(fill);
    let arguments = Table::parse(&buffer).unwrap();
    one(&QueueDeclare { arguments, ..declare("n") }, &format!("channel 406 50.10 PRECONDITION_FAILED - {why}"));
}

#[test]
fn what_is_missing() {
    let no_queue = "NOT_FOUND - no queue 'n' in vhost '/'";
    let no_exchange = "NOT_FOUND - no exchange 'n' in vhost '/'";
    one(&QueueDeclare { passive: true, ..declare("n") }, &format!("channel 404 50.10 {no_queue}"));
    one(&consume("n", "t"), &format!("channel 404 60.20 {no_queue}"));
    one(&get("n"), &format!("channel 404 60.70 {no_queue}"));
    one(&QueuePurge { queue: b"n", ..Default::default() }, &format!("channel 404 50.30 {no_queue}"));
    let bind = QueueBind { queue: b"n", exchange: b"amq.direct", ..Default::default() };
    one(&bind, &format!("channel 404 50.20 {no_queue}"));
    one(&QueueBind { queue: b"q", exchange: b"n", ..bind }, &format!("channel 404 50.20 {no_exchange}"));
    let passive = ExchangeDeclare { exchange: b"n", passive: true, ..Default::default() };
    one(&passive, &format!("channel 404 40.10 {no_exchange}"));
    let publish = Message { exchange: "n", ..to("k", b"m") };
    refused(|bytes| publish.write(1, bytes), &format!("channel 404 60.40 {no_exchange}"));
    let bind = ExchangeBind { source: b"n", destination: b"amq.direct", ..Default::default() };
    one(&bind, &format!("channel 404 40.30 {no_exchange}"));
    let mut stage = Stage::new();
    let peer = stage.connect();
    stage.send(peer, 1, &QueueBind { exchange: b"amq.direct", ..Default::default() });
    assert_eq!(closed(&mut stage, peer), "channel 404 50.20 NOT_FOUND - no previously declared queue");
}

#[test]
fn deleting_and_unbinding_what_is_not_there_is_fine() {
    let mut stage = Stage::new();
    let peer = stage.connect();
    stage.send(peer, 1, &QueueDelete { queue: b"n", ..Default::default() });
    assert_eq!(stage.answer(peer), "1 queue.delete-ok message_count=0");
    stage.send(peer, 1, &ExchangeDelete { exchange: b"n", ..Default::default() });
    assert_eq!(stage.answer(peer), "1 exchange.delete-ok");
    stage.send(peer, 1, &QueueUnbind { queue: b"n", exchange: b"n", ..Default::default() });
    assert_eq!(stage.answer(peer), "1 queue.unbind-ok");
    stage.send(peer, 1, &ExchangeUnbind { source: b"n", destination: b"n", ..Default::default() });
    assert_eq!(stage.answer(peer), "1 exchange.unbind-ok");
    stage.send(peer, 1, &BasicCancel { consumer_tag: b"nobody", nowait: false });
    assert_eq!(stage.answer(peer), "1 basic.cancel-ok consumer_tag=nobody");
    stage.send(peer, 1, &AccessRequest::default());
    assert_eq!(stage.answer(peer), "1 access.request-ok ticket=1");
    stage.send(peer, 1, &ChannelFlow { active: true });
    assert_eq!(stage.answer(peer), "1 channel.flow-ok active=1");
}

#[test]
fn reserved_names_and_the_default_exchange() {
    let default = "ACCESS_REFUSED - operation not permitted on the default exchange";
    one(
        &declare("amq.foo"),
        "channel 403 50.10 ACCESS_REFUSED - queue name 'amq.foo' contains reserved prefix 'amq.*'",
    );
    let exchange = ExchangeDeclare { exchange: b"amq.foo", kind: b"direct", ..Default::default() };
    one(&exchange, "channel 403 40.10 ACCESS_REFUSED - exchange name 'amq.foo' contains reserved prefix 'amq.*'");
    one(&ExchangeDeclare { exchange: b"", ..exchange }, &format!("channel 403 40.10 {default}"));
    one(&ExchangeDelete::default(), &format!("channel 403 40.20 {default}"));
    one(&QueueBind { queue: b"q", ..Default::default() }, &format!("channel 403 50.20 {default}"));
    one(&QueueUnbind { queue: b"q", ..Default::default() }, &format!("channel 403 50.50 {default}"));
    one(&ExchangeBind { source: b"amq.direct", ..Default::default() }, &format!("channel 403 40.30 {default}"));
    one(
        &ExchangeDelete { exchange: b"amq.direct", ..Default::default() },
        "channel 403 40.20 ACCESS_REFUSED - deletion of system exchange 'amq.direct' in vhost '/' not allowed",
    );
    one(
        &ExchangeDeclare { exchange: b"x", kind: b"bogus", ..Default::default() },
        "channel 406 40.10 PRECONDITION_FAILED - unknown exchange type 'bogus'",
    );
}

#[test]
fn declaring_again_otherwise() {
    let fails = |what: &str| format!("channel 406 50.10 PRECONDITION_FAILED - inequivalent arg {what}");
    let durable = QueueDeclare { durable: true, ..declare("q") };
    one(&durable, &fails("'durable' for queue 'q' in vhost '/': received 'true' but current is 'false'"));
    let auto_delete = QueueDeclare { auto_delete: true, ..declare("q") };
    one(&auto_delete, &fails("'auto_delete' for queue 'q' in vhost '/': received 'true' but current is 'false'"));
    let buffer = arguments(|table| {
        table.entry(b"x-message-ttl", Value::Short(1000));
    });
    let ttl = QueueDeclare { arguments: Table::parse(&buffer).unwrap(), ..declare("q") };
    one(
        &ttl,
        &fails(
            "'x-message-ttl' for queue 'q' in vhost '/': received the value '1000' of type 'short' but current is none",
        ),
    );
    let locked = "channel 405 50.10 RESOURCE_LOCKED - cannot obtain exclusive access to locked queue 'q' in vhost '/'. It could \
                  be originally declared on another connection or the exclusive property value does not match that of the \
                  original declaration.";
    one(&QueueDeclare { exclusive: true, ..declare("q") }, locked);
    let again = |second: ExchangeDeclare<'_>, what: &str| {
        refused(
            |bytes| {
                write_method(bytes, 1, &ExchangeDeclare { exchange: b"x", kind: b"direct", ..Default::default() });
                write_method(bytes, 1, &ExchangeDeclare { exchange: b"x", ..second });
            },
            &format!("channel 406 40.10 PRECONDITION_FAILED - inequivalent arg {what}"),
        );
    };
    again(
        ExchangeDeclare { kind: b"fanout", ..Default::default() },
        "'type' for exchange 'x' in vhost '/': received 'fanout' but current is 'direct'",
    );
    again(
        ExchangeDeclare { kind: b"direct", internal: true, ..Default::default() },
        "'internal' for exchange 'x' in vhost '/': received 'true' but current is 'false'",
    );
    let buffer = arguments(|table| {
        table.long_string(b"alternate-exchange", b"y");
    });
    again(
        ExchangeDeclare { kind: b"direct", arguments: Table::parse(&buffer).unwrap(), ..Default::default() },
        "'alternate-exchange' for exchange 'x' in vhost '/': received the value 'y' of type 'longstr' but current is none",
    );
}

#[test]
fn the_same_declare_again_is_fine_in_any_width() {
    let mut stage = Stage::new();
    let peer = stage.connect();
    for value in [Value::Byte(5), Value::UnsignedByte(5), Value::Short(5), Value::SignedInt(5), Value::Long(5)] {
        let buffer = arguments(|table| {
            table.entry(b"x-max-priority", value).entry(b"x-unknown", Value::Void);
        });
        stage.send(peer, 1, &QueueDeclare { arguments: Table::parse(&buffer).unwrap(), ..declare("p") });
        assert_eq!(stage.answer(peer), "1 queue.declare-ok queue=p message_count=0 consumer_count=0");
    }
    let buffer = arguments(|table| {
        table.long_string(b"x-queue-type", b"classic");
    });
    stage.send(peer, 1, &declare("c"));
    stage.answer(peer);
    stage.send(peer, 1, &QueueDeclare { arguments: Table::parse(&buffer).unwrap(), ..declare("c") });
    assert_eq!(stage.answer(peer), "1 queue.declare-ok queue=c message_count=0 consumer_count=0");
}

#[test]
fn arguments_of_queues() {
    let for_queue = |argument: &str, why: &str| format!("invalid arg '{argument}' for queue 'n' in vhost '/': {why}");
    let rows: [(&str, Value<'_>, &str); 15] = [
        ("x-max-priority", Value::SignedInt(300), "{max_value_exceeded,300}"),
        ("x-max-priority", Value::Byte(-1), "{value_negative,-1}"),
        ("x-max-priority", Value::LongString(b"high"), "\"expected integer, got longstr\""),
        ("x-expires", Value::Long(0), "{value_zero,0}"),
        ("x-expires", Value::Bool(true), "\"expected integer, got bool\""),
        ("x-message-ttl", Value::SignedInt(-1), "{value_negative,-1}"),
        ("x-max-length", Value::SignedInt(-5), "{value_negative,-5}"),
        ("x-max-length-bytes", Value::Double(1.0), "\"expected integer, got double\""),
        ("x-overflow", Value::LongString(b"explode"), "invalid_overflow"),
        ("x-overflow", Value::SignedInt(1), "{unacceptable_type,signedint}"),
        ("x-queue-mode", Value::LongString(b"busy"), "\"invalid queue mode 'busy'\""),
        ("x-dead-letter-routing-key", Value::LongString(b"k"), "routing_key_but_no_dlx_defined"),
        ("x-single-active-consumer", Value::LongString(b"yes"), "{unacceptable_type,longstr}"),
        ("x-queue-type", Value::LongString(b"zz"), "\"unsupported queue type 'zz'\""),
        ("x-delivery-limit", Value::Void, "\"expected integer, got void\""),
    ];
    for (name, value, why) in rows {
        argued(
            |table| {
                table.entry(name.as_bytes(), value);
            },
            &for_queue(name, why),
        );
    }
    argued(
        |table| {
            table.entry(b"x-dead-letter-exchange", Value::SignedInt(5));
        },
        "invalid type 'signedint' for arg 'x-dead-letter-exchange' in queue 'n' in vhost '/'",
    );
    argued(
        |table| {
            table.long_string(b"x-queue-type", b"quorum");
        },
        "invalid property 'non-durable' for queue 'n' in vhost '/'",
    );
    argued(
        |table| {
            table.long_string(b"x-queue-type", b"quorum").entry(b"x-max-priority", Value::Byte(5));
        },
        "invalid arg 'x-max-priority' for queue 'n' in vhost '/' of queue type rabbit_quorum_queue",
    );
    let buffer = arguments(|table| {
        table.long_string(b"x-queue-type", b"stream");
    });
    one(
        &QueueDeclare { arguments: Table::parse(&buffer).unwrap(), durable: true, ..declare("n") },
        "connection 540 50.10 NOT_IMPLEMENTED - queue type 'stream' is not supported yet",
    );
    let buffer = arguments(|table| {
        table.long_string(b"x-match", b"zz");
    });
    let arguments = Table::parse(&buffer).unwrap();
    one(
        &QueueBind { queue: b"q", exchange: b"amq.headers", arguments, ..Default::default() },
        "channel 406 50.20 PRECONDITION_FAILED - Invalid x-match field value <<\"zz\">>; expected all, any, all-with-x, or \
         any-with-x",
    );
}

#[test]
fn queues_of_another_connection() {
    let mut stage = Stage::new();
    let owner = stage.connect();
    stage.send(owner, 1, &QueueDeclare { exclusive: true, ..declare("mine") });
    stage.answer(owner);
    let methods: [(Method<'_>, &str); 6] = [
        (QueueDeclare { passive: true, ..declare("mine") }.into(), "50.10"),
        (consume("mine", "t").into(), "60.20"),
        (get("mine").into(), "60.70"),
        (QueuePurge { queue: b"mine", ..Default::default() }.into(), "50.30"),
        (QueueDelete { queue: b"mine", ..Default::default() }.into(), "50.40"),
        (QueueBind { queue: b"mine", exchange: b"amq.direct", ..Default::default() }.into(), "50.20"),
    ];
    for (method, ids) in methods {
        let peer = stage.connect();
        stage.send(peer, 1, &method);
        let told = closed(&mut stage, peer);
        let begin =
            format!("channel 405 {ids} RESOURCE_LOCKED - cannot obtain exclusive access to locked queue 'mine'");
        assert!(told.starts_with(&begin), "{told}");
    }
    let other = stage.connect();
    stage.send(owner, 1, &QueueDeclare { passive: true, ..declare("mine") });
    assert_eq!(stage.answer(owner), "1 queue.declare-ok queue=mine message_count=0 consumer_count=0");
    stage.send(owner, 0, &ConnectionClose::default());
    assert_eq!(stage.answer(owner), "0 connection.close-ok");
    stage.send(other, 1, &QueueDeclare { exclusive: true, ..declare("mine") });
    assert_eq!(stage.answer(other), "1 queue.declare-ok queue=mine message_count=0 consumer_count=0");
}

#[test]
fn in_use_and_not_empty() {
    let failed = |ids: &str, why: &str| format!("channel 406 {ids} PRECONDITION_FAILED - {why}");
    refused(
        |bytes| {
            write_method(bytes, 1, &consume("q", "t"));
            write_method(bytes, 1, &QueueDelete { queue: b"q", if_unused: true, ..Default::default() });
        },
        &failed("50.40", "queue 'q' in vhost '/' in use"),
    );
    refused(
        |bytes| {
            to("q", b"m").write(1, bytes);
            write_method(bytes, 1, &QueueDelete { queue: b"q", if_empty: true, ..Default::default() });
        },
        &failed("50.40", "queue 'q' in vhost '/' not empty"),
    );
    refused(
        |bytes| {
            write_method(bytes, 1, &ExchangeDeclare { exchange: b"x", kind: b"fanout", ..Default::default() });
            write_method(bytes, 1, &QueueBind { queue: b"q", exchange: b"x", ..Default::default() });
            write_method(bytes, 1, &ExchangeDelete { exchange: b"x", if_unused: true, ..Default::default() });
        },
        &failed("40.20", "exchange 'x' in vhost '/' in use"),
    );
    refused(
        |bytes| {
            write_method(bytes, 1, &BasicConsume { exclusive: true, ..consume("q", "a") });
            write_method(bytes, 1, &consume("q", "b"));
        },
        "channel 403 60.20 ACCESS_REFUSED - queue 'q' in vhost '/' in exclusive use",
    );
    refused(
        |bytes| {
            write_method(bytes, 1, &consume("q", "a"));
            write_method(bytes, 1, &consume("q", "a"));
        },
        "connection 530 60.20 NOT_ALLOWED - attempt to reuse consumer tag 'a'",
    );
}

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
