//! The broker is killed with SIGKILL while messages are in flight and started again on its data: every message it
//! confirmed must be there, in order and once.

use std::collections::{BTreeSet, VecDeque};
use std::io::Write;
use std::time::Duration;

use futures_util::StreamExt;
use lapin::message::Delivery;
use lapin::options::{
    BasicConsumeOptions, BasicGetOptions, BasicPublishOptions, BasicQosOptions, ConfirmSelectOptions,
    ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions,
};
use lapin::types::FieldTable;
use lapin::{BasicProperties, Channel, Connection, ConnectionProperties, Consumer, ExchangeKind, PublisherConfirm};
use narumq_e2e_lapin::{
    Broker, ack, assert_protocol_error, bodies, declare, external_uri, persistent, publish, take, unique, within,
};

const WINDOW: usize = 200;

/// Starts a broker the test may kill; says so and returns none where the broker is external.
#[expect(clippy::explicit_write, reason = "the test runner keeps what eprintln writes to itself")]
async fn own_broker(test: &str) -> Option<Broker> {
    if external_uri().is_some() {
        let reason = "NARUMQ_E2E_AMQP names an external broker, which must not be killed; set NARUMQ_BIN to run it";
        writeln!(std::io::stderr(), "{test} NOT RUN: {reason}").unwrap();
        return None;
    }
    Some(Broker::start().await)
}

async fn confirming(connection: &Connection) -> Channel {
    let channel = connection.create_channel().await.unwrap();
    channel.confirm_select(ConfirmSelectOptions::default()).await.unwrap();
    channel
}

async fn connect(broker: &Broker) -> (Connection, Channel) {
    let uri = format!("{}/%2f", broker.uri());
    let connection = within("connection", Connection::connect(&uri, ConnectionProperties::default())).await.unwrap();
    let channel = confirming(&connection).await;
    (connection, channel)
}

async fn consume(channel: &Channel, queue: &str) -> Consumer {
    let options = BasicConsumeOptions::default();
    channel.basic_consume(queue.into(), "".into(), options, FieldTable::default()).await.unwrap()
}

/// Publishes 0, 1, 2, … with at most `WINDOW` unconfirmed, kills the broker when `enough` are confirmed and goes on
/// until the connection is lost. Returns the confirmed ones and how many were published.
async fn publish_and_kill(
    broker: &mut Broker,
    channel: &Channel,
    exchange: &str,
    enough: usize,
) -> (BTreeSet<u64>, u64) {
    let mut waiting: VecDeque<(u64, PublisherConfirm)> = VecDeque::new();
    let mut confirmed = BTreeSet::new();
    let mut published = 0;
    let mut lost = false;
    while !lost || !waiting.is_empty() {
        if !lost && waiting.len() < WINDOW {
            let (options, body) = (BasicPublishOptions::default(), published.to_string());
            let publishing = channel.basic_publish(exchange.into(), "k".into(), options, body.as_bytes(), persistent());
            match publishing.await {
                Ok(confirm) => waiting.push_back((published, confirm)),
                Err(_) => lost = true,
            }
            published += 1;
            continue;
        }
        let (number, confirm) = waiting.pop_front().expect("the window is full or the rest is awaited");
        match within("confirm or the end of the connection", confirm).await {
            Ok(confirmation) if confirmation.is_ack() => confirmed.insert(number),
            Ok(confirmation) => panic!("{confirmation:?}"),
            Err(_) => {
                lost = true;
                continue;
            }
        };
        if confirmed.len() == enough {
            broker.kill();
        }
    }
    (confirmed, published)
}

#[tokio::test(flavor = "multi_thread")]
async fn confirmed_messages_survive_sigkill() {
    let Some(mut broker) = own_broker("confirmed_messages_survive_sigkill").await else { return };
    let (_connection, channel) = connect(&broker).await;
    let (exchange, queue, transient) = (unique("exchange"), unique("durable"), unique("transient"));
    let durable = ExchangeDeclareOptions { durable: true, ..Default::default() };
    let direct = ExchangeKind::Direct;
    channel.exchange_declare(exchange.as_str().into(), direct, durable, FieldTable::default()).await.unwrap();
    declare(&channel, &queue, QueueDeclareOptions::durable(), FieldTable::default()).await;
    let (name, from, options) = (queue.as_str().into(), exchange.as_str().into(), QueueBindOptions::default());
    channel.queue_bind(name, from, "k".into(), options, FieldTable::default()).await.unwrap();
    declare(&channel, &transient, QueueDeclareOptions::default(), FieldTable::default()).await;

    let (mut confirmed, published) = publish_and_kill(&mut broker, &channel, &exchange, 1000).await;
    broker.restart().await;

    let (_again, channel) = connect(&broker).await;
    let passive = QueueDeclareOptions { passive: true, ..Default::default() };
    let count = u64::from(declare(&channel, &queue, passive, FieldTable::default()).await.message_count());
    assert!((confirmed.len() as u64..=published).contains(&count), "{count} of {} to {published}", confirmed.len());
    channel.basic_qos(100, BasicQosOptions::default()).await.unwrap();
    let mut consumer = consume(&channel, &queue).await;
    let mut next = 0;
    for _ in 0..count {
        let delivery = take(&mut consumer).await;
        ack(&delivery).await;
        let number: u64 = std::str::from_utf8(&delivery.data).unwrap().parse().unwrap();
        assert!(number >= next, "{number} where {next} or later was due");
        next = number + 1;
        confirmed.remove(&number);
    }
    assert!(confirmed.is_empty(), "confirmed and lost: {confirmed:?}");
    let empty = channel.basic_get(queue.as_str().into(), BasicGetOptions::default()).await.unwrap();
    assert!(empty.is_none());
    publish(&channel, &exchange, "k", b"the binding is there", BasicProperties::default()).await;
    bodies(&mut consumer, &["the binding is there"]).await;
    let gone = channel.queue_declare(transient.as_str().into(), passive, FieldTable::default()).await;
    assert_protocol_error(&gone.unwrap_err(), 404, &transient);
}

/// The next delivery of a consumer whose connection may be lost and recovered meanwhile.
async fn take_recovering(channel: &Channel, consumer: &mut Consumer) -> Delivery {
    loop {
        match within("delivery", consumer.next()).await.expect("the stream goes on") {
            Ok(delivery) => return delivery,
            Err(error) => within("recovery", channel.wait_for_recovery(error)).await.unwrap(),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_recovering_connection_consumes_on() {
    let Some(mut broker) = own_broker("the_recovering_connection_consumes_on").await else { return };
    let properties = ConnectionProperties::default()
        .configure_backoff(|backoff| {
            let (shortest, longest) = (Duration::from_millis(20), Duration::from_millis(100));
            backoff.with_min_delay(shortest).with_max_delay(longest).with_max_times(1000)
        })
        .enable_auto_recover();
    let uri = format!("{}/%2f", broker.uri());
    let connection = within("connection", Connection::connect(&uri, properties)).await.unwrap();
    let channel = confirming(&connection).await;
    let queue = unique("recovering");
    declare(&channel, &queue, QueueDeclareOptions::durable(), FieldTable::default()).await;
    channel.basic_qos(5, BasicQosOptions::default()).await.unwrap();
    for number in 0..20 {
        let body = number.to_string();
        assert!(publish(&channel, "", &queue, body.as_bytes(), persistent()).await.is_ack());
    }
    let mut consumer = consume(&channel, &queue).await;
    bodies(&mut consumer, &["0", "1", "2", "3", "4"]).await; // held, not acknowledged: they must come again

    broker.kill();
    broker.restart().await;
    for number in 0..20 {
        let delivery = take_recovering(&channel, &mut consumer).await;
        assert_eq!(String::from_utf8_lossy(&delivery.data), number.to_string());
        ack(&delivery).await;
    }
    assert!(publish(&channel, "", &queue, b"after", persistent()).await.is_ack());
    bodies(&mut consumer, &["after"]).await;
}
