//! The session of the transcripts, by lapin.

#![forbid(unsafe_code)]

use futures_util::StreamExt;
use lapin::options::{
    BasicAckOptions, BasicCancelOptions, BasicConsumeOptions, BasicGetOptions, BasicPublishOptions, BasicQosOptions,
    ConfirmSelectOptions, ExchangeDeclareOptions, ExchangeDeleteOptions, QueueBindOptions, QueueDeclareOptions,
    QueueDeleteOptions,
};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{BasicProperties, Channel, Connection, ConnectionProperties, Error, ExchangeKind};

#[tokio::main]
async fn main() -> Result<(), Error> {
    let uri = std::env::var("TRANSCRIPT_URL").expect("TRANSCRIPT_URL names the recorder");
    let connection = Connection::connect(&uri, ConnectionProperties::default()).await?;
    let channel = connection.create_channel().await?;
    let durable = ExchangeDeclareOptions { durable: true, ..Default::default() };
    channel.exchange_declare("t.exchange".into(), ExchangeKind::Topic, durable, FieldTable::default()).await?;
    let mut arguments = FieldTable::default();
    arguments.insert("x-max-length".into(), AMQPValue::LongInt(10));
    let durable = QueueDeclareOptions { durable: true, ..Default::default() };
    channel.queue_declare("t.queue".into(), durable, arguments).await?;
    let (queue, exchange, key) = ("t.queue".into(), "t.exchange".into(), "a.*".into());
    channel.queue_bind(queue, exchange, key, QueueBindOptions::default(), FieldTable::default()).await?;
    channel.confirm_select(ConfirmSelectOptions::default()).await?;
    publish_two(&channel).await?;
    channel.queue_declare("".into(), QueueDeclareOptions::exclusive(), FieldTable::default()).await?;
    channel.basic_qos(2, BasicQosOptions::default()).await?;
    let options = BasicConsumeOptions::default();
    let mut consumer = channel.basic_consume("t.queue".into(), "".into(), options, FieldTable::default()).await?;
    let delivery = consumer.next().await.expect("a message waits")?;
    delivery.ack(BasicAckOptions::default()).await?;
    channel.basic_cancel(consumer.tag(), BasicCancelOptions::default()).await?;
    assert!(channel.basic_get("t.queue".into(), BasicGetOptions::default()).await?.is_none());
    channel.queue_delete("t.queue".into(), QueueDeleteOptions::default()).await?;
    channel.exchange_delete("t.exchange".into(), ExchangeDeleteOptions::default()).await?;
    let passive = QueueDeclareOptions { passive: true, ..Default::default() };
    assert!(channel.queue_declare("t.absent".into(), passive, FieldTable::default()).await.is_err());
    connection.close(200, "goodbye".into()).await
}

/// One message that is routed and one that comes back.
async fn publish_two(channel: &Channel) -> Result<(), Error> {
    let mut headers = FieldTable::default();
    headers.insert("text".into(), AMQPValue::LongString("t".into()));
    headers.insert("number".into(), AMQPValue::LongInt(7));
    headers.insert("flag".into(), AMQPValue::Boolean(true));
    let properties = BasicProperties::default()
        .with_content_type("text/plain".into())
        .with_headers(headers)
        .with_delivery_mode(2)
        .with_priority(3)
        .with_correlation_id("c-1".into())
        .with_message_id("m-1".into());
    let options = BasicPublishOptions::default();
    let (exchange, key) = ("t.exchange".into(), "a.b".into());
    assert!(channel.basic_publish(exchange, key, options, b"hello", properties).await?.await?.is_ack());
    let options = BasicPublishOptions { mandatory: true, ..Default::default() };
    let (exchange, key) = ("t.exchange".into(), "nobody".into());
    let returned = channel.basic_publish(exchange, key, options, b"lost", BasicProperties::default()).await?.await?;
    assert!(returned.take_message().is_some());
    Ok(())
}
