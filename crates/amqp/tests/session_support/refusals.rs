//! Provoking a refusal and comparing it to the letter.

use super::{Stage, declare, to};
use narumq_amqp::codec::*;

/// The close that the client hears last, in short: `channel 404 50.10 NOT_FOUND - …`.
pub fn closed(stage: &mut Stage, peer: usize) -> String {
    stage.sync();
    let heard = stage.heard(peer);
    let last = heard.last().map(String::as_str).unwrap_or_default();
    for (begin, word) in [("0 connection.close reply_code=", "connection"), ("1 channel.close reply_code=", "channel")]
    {
        if let Some(rest) = last.strip_prefix(begin) {
            let (code, rest) = rest.split_once(" reply_text=").unwrap();
            let (text, ids) = rest.rsplit_once(" class_id=").unwrap();
            return format!("{word} {code} {} {text}", ids.replace(" method_id=", "."));
        }
    }
    format!("no close: {heard:?}")
}

/// A queue `q` is there; `frames` are the client's; then it must be closed so.
pub fn refused(frames: impl FnOnce(&mut Vec<u8>), expected: &str) {
    let mut stage = Stage::new();
    let peer = stage.connect();
    stage.send(peer, 1, &declare("q"));
    stage.answer(peer);
    let mut bytes = Vec::new();
    frames(&mut bytes);
    stage.bytes(peer, &bytes);
    assert_eq!(closed(&mut stage, peer), expected);
    // A channel that was closed is quiet until it is open again; nothing else has suffered.
    if expected.starts_with("channel") {
        stage.publish(peer, 1, &to("q", b"ignored"));
        stage.send(peer, 1, &BasicQos::default());
        assert_eq!(stage.heard(peer), [""; 0]);
        stage.send(peer, 1, &ChannelCloseOk);
        stage.open(peer, 1);
        stage.open(peer, 2);
        stage.send(peer, 2, &BasicQos::default());
        assert_eq!(stage.answer(peer), "2 basic.qos-ok");
    } else {
        stage.send(peer, 0, &ConnectionCloseOk);
        assert!(stage.peer(peer).out.is_closing());
    }
}

/// One method, and how it is refused.
pub fn one(method: &impl WireMethod, expected: &str) {
    refused(|bytes| write_method(bytes, 1, method), expected);
}

/// A table of arguments, encoded.
pub fn arguments(fill: impl FnOnce(&mut TableWriter<'_>)) -> Vec<u8> {
    let mut buffer = Vec::new();
    fill(&mut TableWriter::new(&mut buffer));
    buffer
}
