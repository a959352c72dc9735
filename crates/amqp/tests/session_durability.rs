//! What waits for the disk, what does not, and what may not overtake what.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod session_support;

use narumq_amqp::codec::*;
use session_support::*;

const NOTHING: [&str; 0] = [];

fn durable(queue: &str) -> QueueDeclare<'_> {
    QueueDeclare { durable: true, ..declare(queue) }
}

#[test]
fn answers_about_durable_things_wait_and_others_pass_on_other_channels() {
    let mut stage = Stage::new();
    let peer = stage.connect();
    stage.open(peer, 2);
    stage.disk.shut();
    stage.send(peer, 1, &durable("d"));
    stage.send(peer, 1, &declare("t"));
    stage.send(peer, 2, &declare("u"));
    let told = |channel: u16, queue: &str| {
        format!("{channel} queue.declare-ok queue={queue} message_count=0 consumer_count=0")
    };
    assert_eq!(stage.heard(peer), [told(2, "u")]);
    stage.disk.open_up();
    stage.sync();
    assert_eq!(stage.heard(peer), [told(1, "d"), told(1, "t")]);
}

#[test]
fn every_change_of_a_durable_thing_waits() {
    let mut stage = Stage::new();
    let peer = stage.connect();
    stage.send(peer, 1, &durable("d"));
    stage.publish(peer, 1, &Message { properties: PERSISTENT, ..to("d", b"m") });
    stage.sync();
    stage.heard(peer);
    let exchange = ExchangeDeclare { exchange: b"x", kind: b"topic", durable: true, ..Default::default() };
    let bind = QueueBind { queue: b"d", exchange: b"x", routing_key: b"k", ..Default::default() };
    let unbind = QueueUnbind { queue: b"d", exchange: b"x", routing_key: b"k", ..Default::default() };
    let steps: [(Method<'_>, &str); 6] = [
        (exchange.into(), "1 exchange.declare-ok"),
        (bind.into(), "1 queue.bind-ok"),
        (QueuePurge { queue: b"d", ..Default::default() }.into(), "1 queue.purge-ok message_count=1"),
        (unbind.into(), "1 queue.unbind-ok"),
        (ExchangeDelete { exchange: b"x", ..Default::default() }.into(), "1 exchange.delete-ok"),
        (QueueDelete { queue: b"d", ..Default::default() }.into(), "1 queue.delete-ok message_count=0"),
    ];
    for (method, answer) in steps {
        stage.disk.shut();
        stage.send(peer, 1, &method);
        assert_eq!(stage.heard(peer), NOTHING, "{answer} came too early");
        stage.disk.open_up();
        stage.sync();
        assert_eq!(stage.heard(peer), [answer]);
    }
}

#[test]
fn confirms_wait_for_durable_publishes_only_and_keep_their_order() {
    let mut stage = Stage::new();
    let peer = stage.connect();
    stage.send(peer, 1, &durable("d"));
    stage.send(peer, 1, &ConfirmSelect { nowait: false });
    stage.sync();
    stage.heard(peer);
    stage.disk.shut();
    let mut bytes = Vec::new();
    to("d", b"transient").write(1, &mut bytes);
    Message { properties: PERSISTENT, ..to("d", b"m") }.write(1, &mut bytes);
    to("d", b"transient").write(1, &mut bytes);
    stage.bytes(peer, &bytes);
    assert_eq!(stage.heard(peer), ["1 basic.ack delivery_tag=1 multiple=0"]);
    // Answers and deliveries do not wait for confirms.
    stage.send(peer, 1, &BasicConsume { no_ack: true, ..consume("d", "t") });
    assert_eq!(stage.heard(peer).iter().filter(|word| word.contains("deliver")).count(), 3);
    assert!(stage.peer(peer).session.as_ref().unwrap().waits_for().is_some());
    stage.disk.open_up();
    stage.sync();
    assert_eq!(stage.heard(peer), ["1 basic.ack delivery_tag=3 multiple=1"]);
}

#[test]
fn no_delivery_overtakes_its_consume_ok_nor_an_earlier_tag() {
    let mut stage = Stage::new();
    let peer = stage.connect();
    for queue in ["a", "b"] {
        stage.send(peer, 1, &declare(queue));
    }
    stage.publish(peer, 1, &to("a", b"one"));
    stage.publish(peer, 1, &to("b", b"two"));
    stage.sync();
    stage.heard(peer);
    stage.disk.shut();
    stage.send(peer, 1, &durable("d"));
    stage.send(peer, 1, &consume("a", "a"));
    stage.send(peer, 1, &get("b"));
    stage.send(peer, 1, &BasicCancel { consumer_tag: b"a", nowait: false });
    assert_eq!(stage.heard(peer), NOTHING);
    stage.disk.open_up();
    stage.sync();
    let expected = [
        "1 queue.declare-ok queue=d message_count=0 consumer_count=0",
        "1 basic.consume-ok consumer_tag=a",
        "1 basic.deliver consumer_tag=a delivery_tag=1 redelivered=0 exchange= routing_key=a",
        "1 header 3 0000",
        "1 body one",
        "1 basic.get-ok delivery_tag=2 redelivered=0 exchange= routing_key=b message_count=0",
        "1 header 3 0000",
        "1 body two",
        "1 basic.cancel-ok consumer_tag=a",
    ];
    assert_eq!(stage.heard(peer), expected);
}

#[test]
fn close_oks_wait_for_everything_and_bring_the_last_confirms() {
    let mut stage = Stage::new();
    let peer = stage.connect();
    stage.send(peer, 1, &durable("d"));
    stage.send(peer, 1, &ConfirmSelect { nowait: true });
    stage.sync();
    stage.heard(peer);
    stage.disk.shut();
    for _ in 0..2 {
        stage.publish(peer, 1, &Message { properties: PERSISTENT, ..to("d", b"m") });
    }
    stage.send(peer, 1, &ChannelClose::default());
    // The number is free at once; what follows stays behind.
    stage.send(peer, 1, &ChannelOpen::default());
    stage.send(peer, 1, &QueueDeclare { passive: true, ..declare("d") });
    stage.send(peer, 0, &ConnectionClose::default());
    assert_eq!(stage.heard(peer), NOTHING);
    stage.disk.open_up();
    stage.sync();
    let expected = [
        "1 basic.ack delivery_tag=2 multiple=1",
        "1 channel.close-ok",
        "1 channel.open-ok channel_id=",
        "1 queue.declare-ok queue=d message_count=2 consumer_count=0",
        "0 connection.close-ok",
    ];
    assert_eq!(stage.heard(peer), expected);
    assert!(stage.peer(peer).out.is_closing());
}

#[test]
fn a_channel_error_does_not_wait_and_nothing_comes_behind_it() {
    let mut stage = Stage::new();
    let peer = stage.connect();
    stage.send(peer, 1, &durable("d"));
    stage.send(peer, 1, &ConfirmSelect { nowait: true });
    stage.sync();
    stage.heard(peer);
    stage.disk.shut();
    stage.publish(peer, 1, &Message { properties: PERSISTENT, ..to("d", b"m") });
    stage.publish(peer, 1, &Message { exchange: "nope", ..to("d", b"m") });
    let heard = stage.heard(peer);
    assert!(heard.len() == 1 && heard[0].starts_with("1 channel.close reply_code=404"), "{heard:?}");
    stage.disk.open_up();
    stage.sync();
    assert_eq!(stage.heard(peer), NOTHING);
}

#[test]
fn a_commit_waits_and_a_rejected_message_is_moved_before_close_ok() {
    let mut stage = Stage::new();
    let peer = stage.connect();
    stage.send(peer, 1, &durable("grave"));
    let mut buffer = Vec::new();
    let mut table = TableWriter::new(&mut buffer);
    table.long_string(b"x-dead-letter-exchange", b"").long_string(b"x-dead-letter-routing-key", b"grave");
    stage.send(peer, 1, &QueueDeclare { arguments: table.finish(), ..durable("d") });
    stage.send(peer, 1, &TxSelect);
    stage.publish(peer, 1, &Message { properties: PERSISTENT, ..to("d", b"m") });
    stage.sync();
    stage.heard(peer);
    stage.disk.shut();
    stage.send(peer, 1, &TxCommit);
    assert_eq!(stage.heard(peer), NOTHING);
    stage.disk.open_up();
    stage.sync();
    assert_eq!(stage.heard(peer), ["1 tx.commit-ok"]);
    stage.open(peer, 2);
    stage.disk.shut();
    stage.send(peer, 2, &get("d"));
    stage.send(peer, 2, &BasicReject { delivery_tag: 1, requeue: false });
    stage.heard(peer);
    stage.send(peer, 2, &ChannelClose::default());
    assert_eq!(stage.heard(peer), NOTHING);
    stage.disk.open_up();
    stage.sync();
    assert_eq!(stage.heard(peer), ["2 channel.close-ok"]);
}

#[test]
fn close_oks_speak_also_for_what_was_not_answered_and_for_channels_that_failed() {
    let mut stage = Stage::new();
    let peer = stage.connect();
    stage.disk.shut();
    stage.send(peer, 1, &QueueDeclare { nowait: true, ..durable("d") });
    stage.send(peer, 1, &ChannelClose::default());
    assert_eq!(stage.heard(peer), NOTHING);
    stage.disk.open_up();
    stage.sync();
    assert_eq!(stage.heard(peer), ["1 channel.close-ok"]);
    stage.open(peer, 1);
    stage.disk.shut();
    stage.publish(peer, 1, &Message { properties: PERSISTENT, ..to("d", b"m") });
    stage.publish(peer, 1, &Message { exchange: "nope", ..to("d", b"m") });
    assert!(stage.heard(peer)[0].starts_with("1 channel.close reply_code=404"));
    stage.send(peer, 1, &ChannelCloseOk);
    stage.send(peer, 0, &ConnectionClose::default());
    assert_eq!(stage.heard(peer), NOTHING, "a message of the failed channel is not on the disk");
    stage.disk.open_up();
    stage.sync();
    assert_eq!(stage.heard(peer), ["0 connection.close-ok"]);
}

#[test]
fn what_is_gone_already_waits_for_the_one_who_made_it_go() {
    let mut stage = Stage::new();
    let (first, second) = (stage.connect(), stage.connect());
    stage.send(first, 1, &durable("d"));
    stage.send(first, 1, &ExchangeDeclare { exchange: b"x", kind: b"topic", durable: true, ..Default::default() });
    stage.send(first, 1, &QueueBind { queue: b"d", exchange: b"x", routing_key: b"k", ..Default::default() });
    stage.sync();
    stage.heard(first);
    let unbind = QueueUnbind { queue: b"d", exchange: b"x", routing_key: b"k", ..Default::default() };
    let steps: [(Method<'_>, &str); 3] = [
        (unbind.into(), "1 queue.unbind-ok"),
        (ExchangeDelete { exchange: b"x", ..Default::default() }.into(), "1 exchange.delete-ok"),
        (QueueDelete { queue: b"d", ..Default::default() }.into(), "1 queue.delete-ok message_count=0"),
    ];
    for (method, answer) in steps {
        stage.disk.shut();
        stage.send(first, 1, &method);
        stage.send(second, 1, &method);
        assert_eq!((stage.heard(first), stage.heard(second)), (Vec::new(), Vec::new()), "{answer} came too early");
        stage.disk.open_up();
        stage.sync();
        assert_eq!((stage.heard(first), stage.heard(second)), (vec![answer.to_owned()], vec![answer.to_owned()]));
    }
}

#[test]
fn what_was_emptied_already_waits_for_the_one_who_emptied_it() {
    let purge = || QueuePurge { queue: b"d", ..Default::default() };
    let delete = || QueueDelete { queue: b"d", if_empty: true, ..Default::default() };
    for emptied_by in ["purge", "ack", "get"] {
        for (asked, answer) in [
            (Method::from(purge()), "1 queue.purge-ok message_count=0"),
            (Method::from(delete()), "1 queue.delete-ok message_count=0"),
        ] {
            let mut stage = Stage::new();
            let (first, second) = (stage.connect(), stage.connect());
            stage.send(first, 1, &durable("d"));
            stage.publish(first, 1, &Message { properties: PERSISTENT, ..to("d", b"m") });
            stage.sync();
            stage.heard(first);
            stage.disk.shut();
            match emptied_by {
                "purge" => stage.send(first, 1, &purge()),
                "ack" => {
                    stage.send(first, 1, &get("d"));
                    stage.send(first, 1, &BasicAck { delivery_tag: 1, multiple: false });
                }
                _ => stage.send(first, 1, &BasicGet { no_ack: true, ..get("d") }),
            }
            stage.send(second, 1, &asked);
            assert_eq!(stage.heard(second), NOTHING, "{answer} after {emptied_by} came too early");
            stage.disk.open_up();
            stage.sync();
            assert_eq!(stage.heard(second), [answer]);
        }
    }
}
