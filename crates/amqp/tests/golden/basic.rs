//! Golden bytes of the class `basic`.

use super::{golden, table};
use narumq_amqp::codec::*;

#[test]
pub fn basic_methods() {
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
pub fn basic_methods_of_acknowledgement() {
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
