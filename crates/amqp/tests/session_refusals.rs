//! Refusals of what concerns exchanges, queues and bindings, to the letter: which end closes, with which code and text.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod session_support;

use narumq_amqp::codec::*;
use session_support::refusals::{arguments, closed, one, refused};
use session_support::*;

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
fn arguments_of_streams() {
    argued(
        |table| {
            table.long_string(b"x-queue-type", b"stream");
        },
        "invalid property 'non-durable' for queue 'n' in vhost '/'",
    );
    argued(
        |table| {
            table.long_string(b"x-queue-type", b"stream").entry(b"x-max-priority", Value::Byte(5));
        },
        "invalid arg 'x-max-priority' for queue 'n' in vhost '/' of queue type rabbit_stream_queue",
    );
    argued(
        |table| {
            table.long_string(b"x-queue-type", b"stream").long_string(b"x-max-age", b"5 days");
        },
        "invalid arg 'x-max-age' for queue 'n' in vhost '/': invalid_max_age",
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
