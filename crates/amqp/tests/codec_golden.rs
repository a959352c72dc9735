//! Every method against bytes that an independent client library wrote, in both directions.
//!
//! The expected frames were made with pika's encoder on channel 0x0304. Strings hold the name of their argument, numbers
//! differ from one another, and each bit is set alone, so that no two arguments can be exchanged unnoticed.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::cell::RefCell;
use std::collections::BTreeSet;

use narumq_amqp::codec::*;

thread_local! {
    /// Names of the methods this thread has checked.
    static CHECKED: RefCell<BTreeSet<&'static str>> = const { RefCell::new(BTreeSet::new()) };
}

fn hex(text: &str) -> Vec<u8> {
    text.as_bytes()
        .chunks_exact(2)
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect()
}

/// The table `{"k": true}`.
fn table() -> Table<'static> {
    Table::parse(b"\x01kt\x01").unwrap()
}

/// Encodes `method` to exactly these bytes, and decodes it from them.
fn golden<'a>(method: impl Into<Method<'a>> + WireMethod + Copy, wire: &str) {
    let expected = hex(wire);
    let id = method.id();
    let mut direct = Vec::new();
    write_method(&mut direct, 0x0304, &method);
    let method: Method<'_> = method.into();
    assert_eq!(direct, expected, "{}", method.name());
    let mut through_enum = Vec::new();
    write_method(&mut through_enum, 0x0304, &method);
    assert_eq!(through_enum, expected, "{}", method.name());

    let Ok(Parsed::Frame(frame)) = parse_frame(&expected, FRAME_MIN_SIZE) else { panic!("no frame: {wire}") };
    assert_eq!((frame.kind, frame.channel, frame.wire_len()), (FrameKind::Method, 0x0304, expected.len()));
    assert_eq!(Method::decode(frame.payload), Ok(method));
    assert_eq!(MethodId::of_payload(frame.payload), Some(id));
    assert_eq!((method.id(), id.name()), (id, Some(method.name())));
    CHECKED.with_borrow_mut(|checked| checked.insert(method.name()));

    // One byte less is cut short, one byte more is too much; neither is taken for the method.
    if frame.payload.len() > 4 {
        assert_eq!(Method::decode(&frame.payload[..frame.payload.len() - 1]), Err(CodecError::Truncated));
    }
    let mut longer = frame.payload.to_vec();
    longer.push(0);
    assert_eq!(Method::decode(&longer), Err(CodecError::TrailingBytes));
}

#[test]
fn every_method_of_the_table_is_checked() {
    connection_methods();
    channel_methods();
    access_methods();
    exchange_methods();
    queue_methods();
    basic_methods();
    basic_methods_of_acknowledgement();
    confirm_methods();
    tx_methods();
    let all: BTreeSet<_> = METHODS.iter().map(|row| row.name).collect();
    assert_eq!(all.len(), 66);
    assert_eq!(CHECKED.take(), all);
}

#[test]
fn ids_outside_the_table_are_unknown() {
    for (class, method) in
        [(0, 0), (10, 12), (10, 62), (40, 41), (50, 60), (60, 121), (70, 10), (110, 10), (60, 0xffff)]
    {
        let id = MethodId { class, method };
        assert_eq!(id.name(), None);
        let error = Method::decode(&id.to_bytes()).unwrap_err();
        assert_eq!((error, error.reply_code()), (CodecError::UnknownMethod(id), 540));
    }
    assert_eq!(Method::decode(&[0, 60, 0]), Err(CodecError::Truncated));
}

#[test]
fn four_methods_carry_content() {
    let with_content: Vec<_> = METHODS.iter().filter(|row| row.id.carries_content()).map(|row| row.name).collect();
    assert_eq!(with_content, ["basic.publish", "basic.return", "basic.deliver", "basic.get-ok"]);
}

#[test]
fn connection_methods() {
    golden(
        ConnectionStart {
            version_major: 1,
            version_minor: 2,
            server_properties: table(),
            mechanisms: b"mechanisms",
            locales: b"locales",
        },
        "01030400000027000a000a010200000004016b74010000000a6d656368616e69736d73000000076c6f63616c6573ce",
    );
    golden(
        ConnectionStartOk {
            client_properties: table(),
            mechanism: b"mechanism",
            response: b"response",
            locale: b"locale",
        },
        "01030400000029000a000b00000004016b7401096d656368616e69736d00000008726573706f6e7365066c6f63616c65ce",
    );
    golden(ConnectionSecure { challenge: b"challenge" }, "01030400000011000a0014000000096368616c6c656e6765ce");
    golden(ConnectionSecureOk { response: b"response" }, "01030400000010000a001500000008726573706f6e7365ce");
    golden(
        ConnectionTune { channel_max: 0x102, frame_max: 0x1020302, heartbeat: 0x304 },
        "0103040000000c000a001e0102010203020304ce",
    );
    golden(
        ConnectionTuneOk { channel_max: 0x102, frame_max: 0x1020302, heartbeat: 0x304 },
        "0103040000000c000a001f0102010203020304ce",
    );
    let plain = ConnectionOpen { virtual_host: b"virtual-host", capabilities: b"capabilities", ..Default::default() };
    golden(plain, "0103040000001f000a00280c7669727475616c2d686f73740c6361706162696c697469657300ce");
    golden(
        ConnectionOpen { insist: true, ..plain },
        "0103040000001f000a00280c7669727475616c2d686f73740c6361706162696c697469657301ce",
    );
    golden(ConnectionOpenOk { known_hosts: b"known-hosts" }, "01030400000010000a00290b6b6e6f776e2d686f737473ce");
    golden(
        ConnectionClose { reply_code: 0x102, reply_text: b"reply-text", class_id: 0x304, method_id: 0x405 },
        "01030400000015000a003201020a7265706c792d7465787403040405ce",
    );
    golden(ConnectionCloseOk, "01030400000004000a0033ce");
    golden(ConnectionBlocked { reason: b"reason" }, "0103040000000b000a003c06726561736f6ece");
    golden(ConnectionUnblocked, "01030400000004000a003dce");
    golden(
        ConnectionUpdateSecret { new_secret: b"new-secret", reason: b"reason" },
        "01030400000019000a00460000000a6e65772d73656372657406726561736f6ece",
    );
    golden(ConnectionUpdateSecretOk, "01030400000004000a0047ce");
}

#[test]
fn channel_methods() {
    golden(ChannelOpen { out_of_band: b"out-of-band" }, "010304000000100014000a0b6f75742d6f662d62616e64ce");
    golden(ChannelOpenOk { channel_id: b"channel-id" }, "010304000000120014000b0000000a6368616e6e656c2d6964ce");
    golden(ChannelFlow { active: false }, "010304000000050014001400ce");
    golden(ChannelFlow { active: true }, "010304000000050014001401ce");
    golden(ChannelFlowOk { active: false }, "010304000000050014001500ce");
    golden(ChannelFlowOk { active: true }, "010304000000050014001501ce");
    golden(
        ChannelClose { reply_code: 0x102, reply_text: b"reply-text", class_id: 0x304, method_id: 0x405 },
        "010304000000150014002801020a7265706c792d7465787403040405ce",
    );
    golden(ChannelCloseOk, "0103040000000400140029ce");
}

#[test]
fn access_methods() {
    let plain = AccessRequest { realm: b"realm", ..Default::default() };
    golden(plain, "0103040000000b001e000a057265616c6d00ce");
    golden(AccessRequest { exclusive: true, ..plain }, "0103040000000b001e000a057265616c6d01ce");
    golden(AccessRequest { passive: true, ..plain }, "0103040000000b001e000a057265616c6d02ce");
    golden(AccessRequest { active: true, ..plain }, "0103040000000b001e000a057265616c6d04ce");
    golden(AccessRequest { write: true, ..plain }, "0103040000000b001e000a057265616c6d08ce");
    golden(AccessRequest { read: true, ..plain }, "0103040000000b001e000a057265616c6d10ce");
    golden(AccessRequestOk { ticket: 0x102 }, "01030400000006001e000b0102ce");
}

#[test]
fn exchange_methods() {
    let plain = ExchangeDeclare {
        ticket: 0x102,
        exchange: b"exchange",
        kind: b"kind",
        arguments: table(),
        ..Default::default()
    };
    golden(plain, "0103040000001d0028000a01020865786368616e6765046b696e640000000004016b7401ce");
    golden(
        ExchangeDeclare { passive: true, ..plain },
        "0103040000001d0028000a01020865786368616e6765046b696e640100000004016b7401ce",
    );
    golden(
        ExchangeDeclare { durable: true, ..plain },
        "0103040000001d0028000a01020865786368616e6765046b696e640200000004016b7401ce",
    );
    golden(
        ExchangeDeclare { auto_delete: true, ..plain },
        "0103040000001d0028000a01020865786368616e6765046b696e640400000004016b7401ce",
    );
    golden(
        ExchangeDeclare { internal: true, ..plain },
        "0103040000001d0028000a01020865786368616e6765046b696e640800000004016b7401ce",
    );
    golden(
        ExchangeDeclare { nowait: true, ..plain },
        "0103040000001d0028000a01020865786368616e6765046b696e641000000004016b7401ce",
    );
    golden(ExchangeDeclareOk, "010304000000040028000bce");
    let plain = ExchangeDelete { ticket: 0x102, exchange: b"exchange", ..Default::default() };
    golden(plain, "010304000000100028001401020865786368616e676500ce");
    golden(ExchangeDelete { if_unused: true, ..plain }, "010304000000100028001401020865786368616e676501ce");
    golden(ExchangeDelete { nowait: true, ..plain }, "010304000000100028001401020865786368616e676502ce");
    golden(ExchangeDeleteOk, "0103040000000400280015ce");
    let plain = ExchangeBind {
        ticket: 0x102,
        destination: b"destination",
        source: b"source",
        routing_key: b"routing-key",
        arguments: table(),
        ..Default::default()
    };
    golden(
        plain,
        "0103040000002e0028001e01020b64657374696e6174696f6e06736f757263650b726f7574696e672d6b65790000000004016b7401ce",
    );
    golden(
        ExchangeBind { nowait: true, ..plain },
        "0103040000002e0028001e01020b64657374696e6174696f6e06736f757263650b726f7574696e672d6b65790100000004016b7401ce",
    );
    golden(ExchangeBindOk, "010304000000040028001fce");
    let plain = ExchangeUnbind {
        ticket: 0x102,
        destination: b"destination",
        source: b"source",
        routing_key: b"routing-key",
        arguments: table(),
        ..Default::default()
    };
    golden(
        plain,
        "0103040000002e0028002801020b64657374696e6174696f6e06736f757263650b726f7574696e672d6b65790000000004016b7401ce",
    );
    golden(
        ExchangeUnbind { nowait: true, ..plain },
        "0103040000002e0028002801020b64657374696e6174696f6e06736f757263650b726f7574696e672d6b65790100000004016b7401ce",
    );
    golden(ExchangeUnbindOk, "0103040000000400280033ce");
}

#[test]
fn queue_methods() {
    let plain = QueueDeclare { ticket: 0x102, queue: b"queue", arguments: table(), ..Default::default() };
    golden(plain, "010304000000150032000a01020571756575650000000004016b7401ce");
    golden(QueueDeclare { passive: true, ..plain }, "010304000000150032000a01020571756575650100000004016b7401ce");
    golden(QueueDeclare { durable: true, ..plain }, "010304000000150032000a01020571756575650200000004016b7401ce");
    golden(QueueDeclare { exclusive: true, ..plain }, "010304000000150032000a01020571756575650400000004016b7401ce");
    golden(QueueDeclare { auto_delete: true, ..plain }, "010304000000150032000a01020571756575650800000004016b7401ce");
    golden(QueueDeclare { nowait: true, ..plain }, "010304000000150032000a01020571756575651000000004016b7401ce");
    golden(
        QueueDeclareOk { queue: b"queue", message_count: 0x1020302, consumer_count: 0x1020303 },
        "010304000000120032000b0571756575650102030201020303ce",
    );
    let plain = QueueBind {
        ticket: 0x102,
        queue: b"queue",
        exchange: b"exchange",
        routing_key: b"routing-key",
        arguments: table(),
        ..Default::default()
    };
    golden(
        plain,
        "0103040000002a0032001401020571756575650865786368616e67650b726f7574696e672d6b65790000000004016b7401ce",
    );
    golden(
        QueueBind { nowait: true, ..plain },
        "0103040000002a0032001401020571756575650865786368616e67650b726f7574696e672d6b65790100000004016b7401ce",
    );
    golden(QueueBindOk, "0103040000000400320015ce");
    let plain = QueuePurge { ticket: 0x102, queue: b"queue", ..Default::default() };
    golden(plain, "0103040000000d0032001e010205717565756500ce");
    golden(QueuePurge { nowait: true, ..plain }, "0103040000000d0032001e010205717565756501ce");
    golden(QueuePurgeOk { message_count: 0x1020301 }, "010304000000080032001f01020301ce");
    let plain = QueueDelete { ticket: 0x102, queue: b"queue", ..Default::default() };
    golden(plain, "0103040000000d00320028010205717565756500ce");
    golden(QueueDelete { if_unused: true, ..plain }, "0103040000000d00320028010205717565756501ce");
    golden(QueueDelete { if_empty: true, ..plain }, "0103040000000d00320028010205717565756502ce");
    golden(QueueDelete { nowait: true, ..plain }, "0103040000000d00320028010205717565756504ce");
    golden(QueueDeleteOk { message_count: 0x1020301 }, "010304000000080032002901020301ce");
    golden(
        QueueUnbind {
            ticket: 0x102,
            queue: b"queue",
            exchange: b"exchange",
            routing_key: b"routing-key",
            arguments: table(),
        },
        "010304000000290032003201020571756575650865786368616e67650b726f7574696e672d6b657900000004016b7401ce",
    );
    golden(QueueUnbindOk, "0103040000000400320033ce");
}

#[test]
fn basic_methods() {
    let plain = BasicQos { prefetch_size: 0x1020301, prefetch_count: 0x203, ..Default::default() };
    golden(plain, "0103040000000b003c000a01020301020300ce");
    golden(BasicQos { global: true, ..plain }, "0103040000000b003c000a01020301020301ce");
    golden(BasicQosOk, "01030400000004003c000bce");
    let plain = BasicConsume {
        ticket: 0x102,
        queue: b"queue",
        consumer_tag: b"consumer-tag",
        arguments: table(),
        ..Default::default()
    };
    golden(plain, "01030400000022003c001401020571756575650c636f6e73756d65722d7461670000000004016b7401ce");
    golden(
        BasicConsume { no_local: true, ..plain },
        "01030400000022003c001401020571756575650c636f6e73756d65722d7461670100000004016b7401ce",
    );
    golden(
        BasicConsume { no_ack: true, ..plain },
        "01030400000022003c001401020571756575650c636f6e73756d65722d7461670200000004016b7401ce",
    );
    golden(
        BasicConsume { exclusive: true, ..plain },
        "01030400000022003c001401020571756575650c636f6e73756d65722d7461670400000004016b7401ce",
    );
    golden(
        BasicConsume { nowait: true, ..plain },
        "01030400000022003c001401020571756575650c636f6e73756d65722d7461670800000004016b7401ce",
    );
    golden(BasicConsumeOk { consumer_tag: b"consumer-tag" }, "01030400000011003c00150c636f6e73756d65722d746167ce");
    let plain = BasicCancel { consumer_tag: b"consumer-tag", ..Default::default() };
    golden(plain, "01030400000012003c001e0c636f6e73756d65722d74616700ce");
    golden(BasicCancel { nowait: true, ..plain }, "01030400000012003c001e0c636f6e73756d65722d74616701ce");
    golden(BasicCancelOk { consumer_tag: b"consumer-tag" }, "01030400000011003c001f0c636f6e73756d65722d746167ce");
    let plain =
        BasicPublish { ticket: 0x102, exchange: b"exchange", routing_key: b"routing-key", ..Default::default() };
    golden(plain, "0103040000001c003c002801020865786368616e67650b726f7574696e672d6b657900ce");
    golden(
        BasicPublish { mandatory: true, ..plain },
        "0103040000001c003c002801020865786368616e67650b726f7574696e672d6b657901ce",
    );
    golden(
        BasicPublish { immediate: true, ..plain },
        "0103040000001c003c002801020865786368616e67650b726f7574696e672d6b657902ce",
    );
    golden(
        BasicReturn {
            reply_code: 0x102,
            reply_text: b"reply-text",
            exchange: b"exchange",
            routing_key: b"routing-key",
        },
        "01030400000026003c003201020a7265706c792d746578740865786368616e67650b726f7574696e672d6b6579ce",
    );
    let plain = BasicDeliver {
        consumer_tag: b"consumer-tag",
        delivery_tag: 0x102030405060702,
        exchange: b"exchange",
        routing_key: b"routing-key",
        ..Default::default()
    };
    golden(
        plain,
        "0103040000002f003c003c0c636f6e73756d65722d7461670102030405060702000865786368616e67650b726f7574696e672d6b6579ce",
    );
    golden(
        BasicDeliver { redelivered: true, ..plain },
        "0103040000002f003c003c0c636f6e73756d65722d7461670102030405060702010865786368616e67650b726f7574696e672d6b6579ce",
    );
}

#[test]
fn basic_methods_of_acknowledgement() {
    let plain = BasicGet { ticket: 0x102, queue: b"queue", ..Default::default() };
    golden(plain, "0103040000000d003c0046010205717565756500ce");
    golden(BasicGet { no_ack: true, ..plain }, "0103040000000d003c0046010205717565756501ce");
    let plain = BasicGetOk {
        delivery_tag: 0x102030405060701,
        exchange: b"exchange",
        routing_key: b"routing-key",
        message_count: 0x1020305,
        ..Default::default()
    };
    golden(plain, "01030400000026003c00470102030405060701000865786368616e67650b726f7574696e672d6b657901020305ce");
    golden(
        BasicGetOk { redelivered: true, ..plain },
        "01030400000026003c00470102030405060701010865786368616e67650b726f7574696e672d6b657901020305ce",
    );
    golden(BasicGetEmpty { cluster_id: b"cluster-id" }, "0103040000000f003c00480a636c75737465722d6964ce");
    let plain = BasicAck { delivery_tag: 0x102030405060701, ..Default::default() };
    golden(plain, "0103040000000d003c0050010203040506070100ce");
    golden(BasicAck { multiple: true, ..plain }, "0103040000000d003c0050010203040506070101ce");
    let plain = BasicReject { delivery_tag: 0x102030405060701, ..Default::default() };
    golden(plain, "0103040000000d003c005a010203040506070100ce");
    golden(BasicReject { requeue: true, ..plain }, "0103040000000d003c005a010203040506070101ce");
    golden(BasicRecoverAsync { requeue: false }, "01030400000005003c006400ce");
    golden(BasicRecoverAsync { requeue: true }, "01030400000005003c006401ce");
    golden(BasicRecover { requeue: false }, "01030400000005003c006e00ce");
    golden(BasicRecover { requeue: true }, "01030400000005003c006e01ce");
    golden(BasicRecoverOk, "01030400000004003c006fce");
    let plain = BasicNack { delivery_tag: 0x102030405060701, ..Default::default() };
    golden(plain, "0103040000000d003c0078010203040506070100ce");
    golden(BasicNack { multiple: true, ..plain }, "0103040000000d003c0078010203040506070101ce");
    golden(BasicNack { requeue: true, ..plain }, "0103040000000d003c0078010203040506070102ce");
}

#[test]
fn confirm_methods() {
    golden(ConfirmSelect { nowait: false }, "010304000000050055000a00ce");
    golden(ConfirmSelect { nowait: true }, "010304000000050055000a01ce");
    golden(ConfirmSelectOk, "010304000000040055000bce");
}

#[test]
fn tx_methods() {
    golden(TxSelect, "01030400000004005a000ace");
    golden(TxSelectOk, "01030400000004005a000bce");
    golden(TxCommit, "01030400000004005a0014ce");
    golden(TxCommitOk, "01030400000004005a0015ce");
    golden(TxRollback, "01030400000004005a001ece");
    golden(TxRollbackOk, "01030400000004005a001fce");
}
