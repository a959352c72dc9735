//! Golden bytes of the classes `exchange` and `queue`.

use super::{golden, table};
use narumq_amqp::codec::*;

#[test]
pub fn exchange_methods() {
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
pub fn queue_methods() {
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
