//! A connection with a confirming channel, and the small steps the tests are made of.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use lapin::message::Delivery;
use lapin::options::{
    BasicAckOptions, BasicConsumeOptions, BasicGetOptions, BasicPublishOptions, ConfirmSelectOptions,
    ExchangeDeclareOptions, QueueDeclareOptions,
};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{BasicProperties, Channel, Confirmation, Connection, ConnectionProperties, Consumer, Error, ErrorKind};
use lapin::{ExchangeKind, Queue};

use crate::broker::{Broker, random, shared_uri};

/// Longest wait for one event, generous for a loaded machine.
pub const DEADLINE: Duration = Duration::from_secs(20);

/// A connection to the shared broker with one channel that has publisher confirms.
pub struct Session {
    /// The channel most tests work on.
    pub channel: Channel,
    /// The connection, for tests that open more channels.
    pub connection: Connection,
    _broker: Option<Arc<Broker>>, // dropped last: it may end the process
}

impl Session {
    /// Connects to the shared broker.
    pub async fn open() -> Self {
        Self::with_query("").await
    }

    /// Connects with tuning in the query of the address, such as `?frame_max=4096`.
    pub async fn with_query(query: &str) -> Self {
        let (uri, broker) = shared_uri().await;
        let properties = ConnectionProperties::default().with_connection_name("e2e lapin".into());
        let uri = format!("{uri}/%2f{query}");
        let connection = within("connection", Connection::connect(&uri, properties)).await.unwrap();
        let channel = connection.create_channel().await.unwrap();
        channel.confirm_select(ConfirmSelectOptions::default()).await.unwrap();
        Self { channel, connection, _broker: broker }
    }

    /// A server-named exclusive queue: it goes away with the connection.
    pub async fn temporary_queue(&self, arguments: FieldTable) -> String {
        declare(&self.channel, "", QueueDeclareOptions::exclusive(), arguments).await.name().to_string()
    }

    /// An exchange that goes away with its last binding.
    pub async fn temporary_exchange(&self, kind: ExchangeKind, arguments: FieldTable) -> String {
        let name = unique("exchange");
        let options = ExchangeDeclareOptions { auto_delete: true, ..Default::default() };
        self.channel.exchange_declare(name.as_str().into(), kind, options, arguments).await.unwrap();
        name
    }

    /// Publishes m1, m2, … to a queue and waits for the confirms.
    pub async fn fill(&self, queue: &str, count: usize) {
        for number in 1..=count {
            let body = format!("m{number}");
            assert!(publish(&self.channel, "", queue, body.as_bytes(), BasicProperties::default()).await.is_ack());
        }
    }

    /// The number of messages ready for delivery.
    pub async fn ready(&self, queue: &str) -> u32 {
        let options = QueueDeclareOptions { passive: true, ..Default::default() };
        declare(&self.channel, queue, options, FieldTable::default()).await.message_count()
    }

    /// Starts a consumer with a tag the server makes.
    pub async fn consume(&self, queue: &str, no_ack: bool) -> Consumer {
        let options = BasicConsumeOptions { no_ack, ..Default::default() };
        self.channel.basic_consume(queue.into(), "".into(), options, FieldTable::default()).await.unwrap()
    }
}

/// A name no other test or earlier run has used.
pub fn unique(what: &str) -> String {
    format!("e2e.lapin.{what}.{:016x}", random())
}

/// Awaits an event; panics when it does not come in time.
pub async fn within<T>(what: &str, event: impl Future<Output = T>) -> T {
    match tokio::time::timeout(DEADLINE, event).await {
        Ok(value) => value,
        Err(_) => panic!("no {what} within {DEADLINE:?}"),
    }
}

/// Declares a queue.
pub async fn declare(channel: &Channel, name: &str, options: QueueDeclareOptions, arguments: FieldTable) -> Queue {
    within("declare-ok", channel.queue_declare(name.into(), options, arguments)).await.unwrap()
}

/// A field table of these fields.
pub fn table<const N: usize>(fields: [(&str, AMQPValue); N]) -> FieldTable {
    let mut table = FieldTable::default();
    for (name, value) in fields {
        table.insert(name.into(), value);
    }
    table
}

/// Properties of a persistent message.
pub fn persistent() -> BasicProperties {
    BasicProperties::default().with_delivery_mode(2)
}

/// Publishes a mandatory message and waits for its confirm.
pub async fn publish(
    channel: &Channel,
    exchange: &str,
    key: &str,
    body: &[u8],
    properties: BasicProperties,
) -> Confirmation {
    let options = BasicPublishOptions { mandatory: true, ..Default::default() };
    let confirm = channel.basic_publish(exchange.into(), key.into(), options, body, properties).await.unwrap();
    within("confirm", confirm).await.unwrap()
}

/// Takes one message by basic.get, which must be there.
pub async fn get(channel: &Channel, queue: &str, no_ack: bool) -> Delivery {
    let message = within("get-ok", channel.basic_get(queue.into(), BasicGetOptions { no_ack })).await.unwrap();
    message.unwrap_or_else(|| panic!("{queue} is empty")).delivery
}

/// The next delivery of the consumer's stream.
pub async fn take(consumer: &mut Consumer) -> Delivery {
    within("delivery", consumer.next()).await.expect("the stream goes on").expect("the channel is open")
}

/// The next deliveries, whose bodies must be these.
pub async fn bodies(consumer: &mut Consumer, expected: &[&str]) -> Vec<Delivery> {
    let mut deliveries = Vec::new();
    for body in expected {
        let delivery = take(consumer).await;
        assert_eq!(String::from_utf8_lossy(&delivery.data), *body);
        deliveries.push(delivery);
    }
    deliveries
}

/// Acknowledges one delivery.
pub async fn ack(delivery: &Delivery) {
    assert!(delivery.ack(BasicAckOptions::default()).await.unwrap());
}

/// Acknowledges a delivery and all before it.
pub async fn ack_all(delivery: &Delivery) {
    assert!(delivery.ack(BasicAckOptions { multiple: true }).await.unwrap());
}

/// Checks the reply code and a part of the reply text of an error the server sent.
pub fn assert_protocol_error(error: &Error, code: u16, part: &str) {
    let ErrorKind::ProtocolError(error) = error.kind() else { panic!("expected {code} {part}, got {error:?}") };
    assert_eq!(error.get_id(), code, "{error}");
    assert!(error.get_message().as_str().contains(part), "{error}");
}
