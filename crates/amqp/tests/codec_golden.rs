//! Every method against bytes that an independent client library wrote, in both directions.
//!
//! The expected frames were made with pika's encoder on channel 0x0304. Strings hold the name of their argument, numbers
//! differ from one another, and each bit is set alone, so that no two arguments can be exchanged unnoticed.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod golden;

use golden::basic::{basic_methods, basic_methods_of_acknowledgement};
use golden::topology::{exchange_methods, queue_methods};
use golden::{CHECKED, golden, table};
use narumq_amqp::codec::*;
use std::collections::BTreeSet;

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
