//! What transactions count as.

mod session_support;

use narumq_amqp::codec::*;
use session_support::*;

#[test]
fn committed_publishes_count_and_forgotten_ones_do_not() {
    let mut stage = Stage::new();
    let peer = stage.connect();
    stage.send(peer, 1, &declare("q"));
    stage.answer(peer);
    stage.send(peer, 1, &TxSelect);
    stage.answer(peer);
    stage.publish(peer, 1, &to("q", b"forgotten"));
    stage.publish(peer, 1, &to("nowhere", b"forgotten"));
    stage.send(peer, 1, &TxRollback);
    stage.answer(peer);
    let before = stage.broker.counts_since_start();
    assert_eq!((before.received, before.routed, before.unroutable_dropped), (0, 0, 0));
    stage.publish(peer, 1, &to("q", b"one"));
    stage.publish(peer, 1, &to("q", b"two"));
    stage.publish(peer, 1, &to("nowhere", b"dropped"));
    stage.publish(peer, 1, &Message { mandatory: true, ..to("nowhere", b"given back") });
    stage.send(peer, 1, &TxCommit);
    stage.sync();
    let heard = stage.heard(peer);
    assert_eq!(heard.last().map(String::as_str), Some("1 tx.commit-ok"), "{heard:?}");
    let counts = stage.broker.counts_since_start();
    assert_eq!((counts.received, counts.routed), (4, 2));
    assert_eq!((counts.unroutable_dropped, counts.unroutable_returned), (1, 1));
}
