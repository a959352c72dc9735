//! Time, prefetch, credit and shortage: who waits for whom, and for how long.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod session_support;

use narumq_amqp::codec::*;
use narumq_broker::{Event, Pressure};
use session_support::*;

fn deliveries(heard: &[String]) -> usize {
    heard.iter().filter(|word| word.contains("basic.deliver")).count()
}

fn filled(count: usize, body: &[u8]) -> (Stage, usize) {
    let mut stage = Stage::new();
    let peer = stage.connect();
    stage.send(peer, 1, &declare("q"));
    (0..count).for_each(|_| stage.publish(peer, 1, &to("q", body)));
    stage.heard(peer);
    (stage, peer)
}

#[test]
fn heartbeats_are_sent_at_half_the_interval_and_missed_after_two() {
    let mut stage = Stage::new();
    let peer = stage.connect_with(ConnectionTuneOk { channel_max: 1, frame_max: 4096, heartbeat: 10 });
    stage.pass(4_999);
    assert_eq!(stage.heard(peer), [""; 0]);
    stage.pass(1);
    assert_eq!(stage.heard(peer), ["heartbeat"]);
    stage.pass(10_000);
    assert_eq!(stage.heard(peer), ["heartbeat", "heartbeat"]);
    stage.bytes(peer, &HEARTBEAT);
    stage.pass(19_999);
    assert!(!stage.peer(peer).out.is_closing());
    stage.pass(1);
    assert!(stage.peer(peer).out.is_closing());
}

#[test]
fn a_client_must_log_in_in_time_and_answer_a_close_in_time() {
    let mut stage = Stage::new();
    let peer = stage.dial();
    stage.bytes(peer, &PROTOCOL_HEADER);
    stage.pass(9_999);
    assert!(!stage.peer(peer).out.is_closing());
    stage.pass(1);
    assert!(stage.peer(peer).out.is_closing());
    let peer = stage.connect();
    stage.pass(1 << 40);
    stage.event(peer, Event::Kick("bye".into()));
    let forced = "0 connection.close reply_code=320 reply_text=CONNECTION_FORCED - bye class_id=0 method_id=0";
    assert_eq!(stage.heard(peer), [forced]);
    stage.pass(9_999);
    assert!(!stage.peer(peer).out.is_closing());
    stage.pass(1);
    assert!(stage.peer(peer).out.is_closing());
}

#[test]
fn a_stop_says_goodbye() {
    let mut stage = Stage::new();
    let (running, starting) = (stage.connect(), stage.dial());
    stage.bytes(starting, &PROTOCOL_HEADER);
    stage.heard(starting);
    for peer in [running, starting] {
        stage.event(peer, Event::Stop);
    }
    let told = "0 connection.close reply_code=320 reply_text=CONNECTION_FORCED - broker forced connection closure with \
                reason 'shutdown' class_id=0 method_id=0";
    assert_eq!(stage.heard(running), [told]);
    assert_eq!((stage.heard(starting), stage.peer(starting).out.is_closing()), (Vec::new(), true));
    stage.send(running, 0, &ConnectionClose::default());
    assert_eq!(stage.heard(running), ["0 connection.close-ok"]);
    assert!(stage.peer(running).out.is_closing());
}

#[test]
fn prefetch_counts_by_consumer_and_an_ack_frees_a_place() {
    let (mut stage, peer) = filled(10, b"m");
    stage.send(peer, 1, &BasicQos { prefetch_count: 2, ..Default::default() });
    stage.send(peer, 1, &consume("q", "a"));
    stage.send(peer, 1, &BasicQos { prefetch_count: 3, ..Default::default() });
    stage.send(peer, 1, &consume("q", "b"));
    assert_eq!(deliveries(&stage.heard(peer)), 5);
    stage.send(peer, 1, &BasicAck { delivery_tag: 1, multiple: false });
    assert_eq!(deliveries(&stage.heard(peer)), 1);
    stage.send(peer, 1, &BasicNack { delivery_tag: 0, multiple: true, requeue: true });
    assert_eq!(deliveries(&stage.heard(peer)), 5);
}

#[test]
fn the_shared_limit_is_seen_by_running_consumers() {
    let (mut stage, peer) = filled(10, b"m");
    stage.send(peer, 1, &BasicQos { prefetch_count: 3, global: true, ..Default::default() });
    for tag in ["a", "b"] {
        stage.send(peer, 1, &consume("q", tag));
    }
    assert_eq!(deliveries(&stage.heard(peer)), 3);
    stage.send(peer, 1, &BasicQos { prefetch_count: 5, global: true, ..Default::default() });
    assert_eq!(deliveries(&stage.heard(peer)), 2);
    stage.send(peer, 1, &BasicAck { delivery_tag: 2, multiple: true });
    assert_eq!(deliveries(&stage.heard(peer)), 2);
    stage.send(peer, 1, &BasicQos { prefetch_count: 0, global: true, ..Default::default() });
    assert_eq!(deliveries(&stage.heard(peer)), 3);
}

#[test]
fn a_place_freed_in_one_queue_serves_another() {
    let (mut stage, peer) = filled(1, b"m");
    stage.send(peer, 1, &declare("other"));
    for _ in 0..2 {
        stage.publish(peer, 1, &to("other", b"n"));
    }
    stage.send(peer, 1, &BasicQos { prefetch_count: 1, global: true, ..Default::default() });
    stage.send(peer, 1, &consume("q", "a"));
    stage.send(peer, 1, &consume("other", "b"));
    assert_eq!(deliveries(&stage.heard(peer)), 1);
    for tag in 1..3 {
        stage.send(peer, 1, &BasicAck { delivery_tag: tag, multiple: false });
        assert_eq!(deliveries(&stage.heard(peer)), 1);
    }
}

#[test]
fn who_does_not_read_gets_no_more_than_its_credit() {
    let (mut stage, peer) = filled(64, &vec![b'x'; 64 << 10]);
    stage.peer(peer).stalled = true;
    stage.send(peer, 1, &BasicConsume { no_ack: true, ..consume("q", "t") });
    let ready = stage.peer(peer).out.ready_len();
    assert!((1 << 20..2 << 20).contains(&ready), "{ready}");
    stage.peer(peer).stalled = false;
    stage.run();
    assert_eq!(deliveries(&stage.heard(peer)), 64);
}

#[test]
fn publishers_wait_in_a_shortage_and_are_told() {
    let (mut stage, publisher) = filled(1, b"m");
    let consumer = stage.connect();
    let pressure = |memory, disk| Event::Pressure(Pressure { memory, disk });
    for peer in [publisher, consumer] {
        stage.event(peer, pressure(true, true));
    }
    assert_eq!(stage.heard(publisher), ["0 connection.blocked reason=low on memory & low on disk"]);
    stage.publish(publisher, 1, &to("q", b"waits"));
    stage.send(publisher, 1, &BasicQos::default());
    assert_eq!(stage.heard(publisher), [""; 0]);
    // Who only consumes goes on.
    stage.send(consumer, 1, &BasicConsume { no_ack: true, ..consume("q", "t") });
    assert_eq!(deliveries(&stage.heard(consumer)), 1);
    stage.event(publisher, pressure(false, false));
    assert_eq!(stage.heard(publisher), ["0 connection.unblocked", "1 basic.qos-ok"]);
    assert_eq!(stage.heard(consumer)[2], "1 body waits");
}

#[test]
fn a_consumer_is_told_when_its_queue_goes() {
    let (mut stage, peer) = filled(0, b"");
    stage.send(peer, 1, &consume("q", "t"));
    stage.heard(peer);
    stage.send(peer, 1, &QueueDelete { queue: b"q", ..Default::default() });
    let expected = ["1 queue.delete-ok message_count=0", "1 basic.cancel consumer_tag=t nowait=1"];
    assert_eq!(stage.heard(peer), expected);
    // The tag is free.
    stage.send(peer, 1, &declare("q"));
    stage.send(peer, 1, &consume("q", "t"));
    assert_eq!(stage.heard(peer)[1], "1 basic.consume-ok consumer_tag=t");
}

#[test]
fn cancel_ok_is_the_last_word_of_a_consumer_and_nothing_is_lost() {
    for no_ack in [false, true] {
        let (mut stage, peer) = filled(100, b"m");
        let mut bytes = Vec::new();
        write_method(&mut bytes, 1, &BasicConsume { no_ack, ..consume("q", "t") });
        write_method(&mut bytes, 1, &BasicCancel { consumer_tag: b"t", nowait: false });
        write_method(&mut bytes, 1, &QueueDeclare { passive: true, ..declare("q") });
        stage.bytes(peer, &bytes);
        let heard = stage.heard(peer);
        assert_eq!(heard[0], "1 basic.consume-ok consumer_tag=t");
        assert_eq!(deliveries(&heard), 100);
        let end = &heard[heard.len() - 2..];
        assert_eq!(
            end,
            ["1 basic.cancel-ok consumer_tag=t", "1 queue.declare-ok queue=q message_count=0 consumer_count=0"]
        );
    }
}

#[test]
fn what_was_on_its_way_to_a_lost_client_is_not_lost() {
    let (mut stage, peer) = filled(10, b"m");
    let other = stage.connect();
    // Its deliveries lie in the mailbox when the connection breaks: the verbs run by hand, without the mail between.
    let mut bytes = Vec::new();
    write_method(&mut bytes, 1, &consume("q", "t"));
    let id = stage.peer(other).id;
    let mut session = stage.peer(other).session.take().unwrap();
    let mut out = std::mem::take(&mut stage.peer(other).out);
    let mut turn = narumq_broker::Turn::new(stage.now, Some(0));
    let broker = stage.broker.clone();
    let mut cx = narumq_door::Context { broker: &broker, turn: &mut turn, out: &mut out };
    session.on_bytes(&bytes, &mut cx);
    session.on_close(narumq_door::Cause::Reset, &mut cx);
    broker.end_turn(&mut turn);
    assert_eq!(id.index, 1);
    stage.run();
    stage.send(peer, 1, &QueueDeclare { passive: true, ..declare("q") });
    assert_eq!(stage.answer(peer), "1 queue.declare-ok queue=q message_count=10 consumer_count=0");
}

#[test]
fn connections_are_listed_while_they_last() {
    let (mut stage, peer) = filled(3, b"m");
    stage.send(peer, 1, &BasicQos { prefetch_count: 7, ..Default::default() });
    stage.send(peer, 1, &consume("q", "t"));
    stage.send(peer, 1, &ConfirmSelect { nowait: false });
    let connections = stage.broker.connections();
    let listing = &connections[0];
    assert_eq!((connections.len(), &*listing.user, &*listing.vhost, listing.state), (1, "guest", "/", "running"));
    assert_eq!((listing.protocol, listing.mechanism, listing.channels.len()), ("AMQP 0-9-1", "PLAIN", 1));
    let channel = &listing.channels[0];
    assert_eq!((channel.number, channel.confirm, channel.consumers, channel.prefetch), (1, true, 1, 7));
    listing.traffic.add_received(11);
    listing.traffic.add_received(1);
    listing.traffic.add_sent(34);
    assert_eq!(stage.broker.traffic(), (12, 34));
    stage.vanish(peer);
    assert!(stage.broker.connections().is_empty());
    assert_eq!(stage.broker.traffic(), (12, 34), "what went over it stays counted");
    let counts = stage.broker.counts_since_start();
    assert_eq!((counts.connections_opened, counts.connections_closed), (1, 1));
    assert_eq!((counts.channels_opened, counts.channels_closed), (1, 1));
}
