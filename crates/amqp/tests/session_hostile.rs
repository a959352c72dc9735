//! Whole conversations cut anywhere, and with any byte wrong: the same answers, or an end, but never a panic.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod session_support;

use narumq_amqp::codec::*;
use proptest::prelude::*;
use session_support::*;

/// All that a client may say, from the protocol header to its goodbye.
fn conversation(consumes: bool) -> Vec<u8> {
    let mut bytes = PROTOCOL_HEADER.to_vec();
    write_method(&mut bytes, 0, &login(&capabilities(&mut Vec::new()), b"guest"));
    write_method(&mut bytes, 0, &ConnectionTuneOk { channel_max: 9, frame_max: 4096, heartbeat: 30 });
    write_method(&mut bytes, 0, &ConnectionOpen { virtual_host: b"/", ..Default::default() });
    for channel in 1..4 {
        write_method(&mut bytes, channel, &ChannelOpen::default());
    }
    objects(&mut bytes);
    messages(&mut bytes);
    if consumes {
        write_method(&mut bytes, 3, &ConfirmSelect { nowait: false });
        write_method(&mut bytes, 3, &BasicQos { prefetch_count: 2, global: true, ..Default::default() });
        write_method(&mut bytes, 3, &consume("h-q", "c"));
        to("h-q", b"to the consumer").write(3, &mut bytes);
        write_method(&mut bytes, 3, &BasicConsume { no_ack: true, ..consume("amq.rabbitmq.reply-to", "r") });
        let mut properties = Vec::new();
        PropertyEdits::new().reply_to(b"amq.rabbitmq.reply-to").write(&PropertiesView::EMPTY, &mut properties);
        Message { properties: &properties, ..to("h-q", b"with an address") }.write(3, &mut bytes);
        write_method(&mut bytes, 3, &BasicCancel { consumer_tag: b"c", nowait: false });
        write_method(&mut bytes, 3, &BasicRecover { requeue: true });
    }
    write_method(&mut bytes, 2, &BasicAck { delivery_tag: 77, multiple: true });
    to("h-q", b"ignored").write(2, &mut bytes);
    write_method(&mut bytes, 2, &ChannelCloseOk);
    write_method(&mut bytes, 1, &QueueDelete { queue: b"h-q", ..Default::default() });
    write_method(&mut bytes, 1, &ChannelClose { reply_code: 200, ..Default::default() });
    bytes.extend_from_slice(&HEARTBEAT);
    write_method(&mut bytes, 0, &ConnectionClose { reply_code: 200, ..Default::default() });
    bytes
}

fn objects(bytes: &mut Vec<u8>) {
    let mut buffer = Vec::new();
    let mut table = TableWriter::new(&mut buffer);
    table
        .entry(b"x-max-priority", Value::Byte(5))
        .entry(b"x-message-ttl", Value::SignedInt(60_000))
        .long_string(b"x-dead-letter-exchange", b"amq.fanout")
        .table(b"nested", |table| {
            table.array(b"array", |array| {
                array.value(Value::Void).value(Value::Decimal { scale: 2, value: 314 });
            });
        });
    write_method(bytes, 1, &QueueDeclare { arguments: table.finish(), ..declare("h-q") });
    let exchange = ExchangeDeclare { exchange: b"h-x", kind: b"headers", auto_delete: true, ..Default::default() };
    write_method(bytes, 1, &exchange);
    let mut buffer = Vec::new();
    let mut table = TableWriter::new(&mut buffer);
    table.long_string(b"x-match", b"any").entry(b"a", Value::Byte(1));
    let arguments = table.finish();
    write_method(bytes, 1, &QueueBind { queue: b"h-q", exchange: b"h-x", arguments, ..Default::default() });
    write_method(bytes, 1, &ExchangeBind { source: b"amq.topic", destination: b"h-x", ..Default::default() });
}

fn messages(bytes: &mut Vec<u8>) {
    let mut buffer = Vec::new();
    let mut table = TableWriter::new(&mut buffer);
    table.entry(b"a", Value::Long(1)).array(b"CC", |keys| {
        keys.value(Value::LongString(b"h-q"));
    });
    table.array(b"BCC", |keys| {
        keys.value(Value::LongString(b"h-q"));
    });
    let mut properties = Vec::new();
    let mut edits = PropertyEdits::new();
    edits.headers(table.finish()).priority(3).expiration(b"5000").user_id(b"guest").delivery_mode(2);
    edits.write(&PropertiesView::EMPTY, &mut properties);
    Message { exchange: "h-x", properties: &properties, ..to("k", b"by headers") }.write(1, bytes);
    Message { mandatory: true, ..to("nowhere", &[b'x'; 3000]) }.write(1, bytes);
    to("h-q", b"").write(1, bytes);
    write_method(bytes, 1, &get("h-q"));
    write_method(bytes, 1, &get("h-q"));
    write_method(bytes, 1, &BasicNack { delivery_tag: 2, multiple: true, requeue: true });
    write_method(bytes, 1, &get("h-q"));
    write_method(bytes, 1, &BasicReject { delivery_tag: 3, requeue: false });
    write_method(bytes, 2, &TxSelect);
    to("h-q", b"in a transaction").write(2, bytes);
    write_method(bytes, 2, &TxCommit);
    to("h-q", b"never").write(2, bytes);
    write_method(bytes, 2, &TxRollback);
}

/// What the server says to these bytes, cut at these places.
fn answers(stage: &mut Stage, bytes: &[u8], cuts: &[usize]) -> Vec<u8> {
    let peer = stage.dial();
    let mut from = 0;
    for &cut in cuts.iter().chain([&bytes.len()]) {
        stage.bytes(peer, &bytes[from..cut.max(from)]);
        from = cut.max(from);
    }
    stage.sync();
    stage.seen(peer)
}

#[test]
fn byte_by_byte_is_as_good_as_at_once() {
    let bytes = conversation(false);
    let whole = answers(&mut Stage::new(), &bytes, &[]);
    assert!(words(&whole).last().is_some_and(|word| word == "0 connection.close-ok"));
    let cuts: Vec<usize> = (0..bytes.len()).collect();
    assert_eq!(words(&answers(&mut Stage::new(), &bytes, &cuts)), words(&whole));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn cuts_change_nothing(mut cuts in prop::collection::vec(0..8_000usize, 1..12)) {
        let bytes = conversation(false);
        cuts.sort_unstable();
        cuts.retain(|cut| *cut < bytes.len());
        let whole = answers(&mut Stage::new(), &bytes, &[]);
        prop_assert_eq!(answers(&mut Stage::new(), &bytes, &cuts), whole);
    }
}

/// A small generator: the cases are many, and the same in every run.
struct Dice(u64);

impl Dice {
    fn throw(&mut self, below: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % below
    }
}

fn spoiled(bytes: &[u8], dice: &mut Dice) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for _ in 0..=dice.throw(3) {
        let at = dice.throw(bytes.len());
        match dice.throw(5) {
            0 => bytes[at] = dice.throw(256) as u8,
            1 => bytes[at] ^= 1 << dice.throw(8),
            2 => drop(bytes.remove(at)),
            3 => bytes.insert(at, dice.throw(256) as u8),
            _ => {
                // A stretch again: commands twice, or from their middle.
                let end = (at + dice.throw(200)).min(bytes.len());
                let copy = bytes[at..end].to_vec();
                bytes.splice(at..at, copy);
            }
        }
    }
    bytes
}

#[test]
fn wrong_bytes_end_a_connection_and_nothing_else() {
    let bytes = conversation(true);
    let mut dice = Dice(7);
    for _ in 0..8 {
        let mut stage = Stage::new();
        for _ in 0..250 {
            let spoiled = spoiled(&bytes, &mut dice);
            let peer = stage.dial();
            let half = dice.throw(spoiled.len());
            stage.bytes(peer, &spoiled[..half]);
            stage.bytes(peer, &spoiled[half..]);
            stage.sync();
            words(&stage.seen(peer));
            stage.vanish(peer);
        }
        // Nobody is left, so nobody holds anything; and who comes next is served.
        let vhost = stage.broker.vhosts().remove(0);
        for queue in stage.broker.queues(&vhost) {
            let counts = stage.broker.counts(&queue);
            assert_eq!((counts.unsettled, counts.consumers), (0, 0), "{}", queue.name());
        }
        assert!(stage.broker.connections().is_empty());
        stage.connect();
    }
}
