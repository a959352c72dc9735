//! Consuming: the stream, prefetch, ack, nack, reject, get and cancel.

use futures_util::StreamExt;
use lapin::BasicProperties;
use lapin::options::{
    BasicCancelOptions, BasicConsumeOptions, BasicGetOptions, BasicNackOptions, BasicQosOptions, BasicRecoverOptions,
    BasicRejectOptions, QueueDeleteOptions,
};
use lapin::types::{AMQPValue, FieldTable};
use narumq_e2e_lapin::{Session, ack, ack_all, assert_protocol_error, bodies, get, publish, table, take, within};

#[tokio::test(flavor = "multi_thread")]
async fn prefetch_bounds_what_is_unacknowledged() {
    let session = Session::open().await;
    let queue = session.temporary_queue(FieldTable::default()).await;
    session.fill(&queue, 7).await;
    session.channel.basic_qos(3, BasicQosOptions::default()).await.unwrap();
    let mut consumer = session.consume(&queue, false).await;
    let first = bodies(&mut consumer, &["m1", "m2", "m3"]).await;
    assert_eq!(session.ready(&queue).await, 4);
    ack_all(&first[1]).await;
    bodies(&mut consumer, &["m4", "m5"]).await;
    assert_eq!(session.ready(&queue).await, 2);
    first[2].nack(BasicNackOptions::default()).await.unwrap();
    bodies(&mut consumer, &["m6"]).await;
    assert_eq!(session.ready(&queue).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn nack_and_reject_requeue_or_drop() {
    let session = Session::open().await;
    let queue = session.temporary_queue(FieldTable::default()).await;
    session.fill(&queue, 3).await;
    let mut held = Vec::new();
    for _ in 0..3 {
        held.push(get(&session.channel, &queue, false).await);
    }
    assert!(held.iter().all(|delivery| !delivery.redelivered));
    held[2].nack(BasicNackOptions { requeue: true, ..Default::default() }).await.unwrap();
    held[1].reject(BasicRejectOptions { requeue: false }).await.unwrap();
    held[0].reject(BasicRejectOptions { requeue: true }).await.unwrap();
    let mut consumer = session.consume(&queue, false).await;
    let again = bodies(&mut consumer, &["m1", "m3"]).await;
    assert!(again.iter().all(|delivery| delivery.redelivered));
    assert_eq!(session.ready(&queue).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn basic_get_counts_down_and_ends_empty() {
    let session = Session::open().await;
    let queue = session.temporary_queue(FieldTable::default()).await;
    session.fill(&queue, 2).await;
    let no_ack = BasicGetOptions { no_ack: true };
    for (body, remaining) in [("m1", 1), ("m2", 0)] {
        let message = session.channel.basic_get(queue.as_str().into(), no_ack).await.unwrap().unwrap();
        assert_eq!(message.delivery.data, body.as_bytes());
        assert_eq!(message.delivery.routing_key.as_str(), queue);
        assert_eq!(message.message_count, remaining);
    }
    assert!(session.channel.basic_get(queue.as_str().into(), no_ack).await.unwrap().is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_closed_channel_gives_back_what_it_held() {
    let session = Session::open().await;
    let queue = session.temporary_queue(FieldTable::default()).await;
    session.fill(&queue, 3).await;
    let holder = session.connection.create_channel().await.unwrap();
    let options = BasicConsumeOptions::default();
    let starting = holder.basic_consume(queue.as_str().into(), "holder".into(), options, FieldTable::default());
    let mut holding = starting.await.unwrap();
    bodies(&mut holding, &["m1", "m2", "m3"]).await;
    holder.close(200, "done".into()).await.unwrap();
    let mut consumer = session.consume(&queue, false).await;
    for delivery in bodies(&mut consumer, &["m1", "m2", "m3"]).await {
        assert!(delivery.redelivered);
        ack(&delivery).await;
    }
    assert_eq!(session.ready(&queue).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn recover_gives_the_unacknowledged_back() {
    let session = Session::open().await;
    let queue = session.temporary_queue(FieldTable::default()).await;
    session.fill(&queue, 2).await;
    let mut consumer = session.consume(&queue, false).await;
    bodies(&mut consumer, &["m1", "m2"]).await;
    session.channel.basic_recover(BasicRecoverOptions { requeue: true }).await.unwrap();
    let again = bodies(&mut consumer, &["m1", "m2"]).await;
    assert!(again.iter().all(|delivery| delivery.redelivered));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_stream_ends_when_the_consumer_is_cancelled() {
    let session = Session::open().await;
    let queue = session.temporary_queue(FieldTable::default()).await;
    let mut cancelled = session.consume(&queue, true).await;
    session.channel.basic_cancel(cancelled.tag(), BasicCancelOptions::default()).await.unwrap();
    session.fill(&queue, 1).await;
    assert!(within("end of the stream", cancelled.next()).await.is_none());
    assert_eq!(session.ready(&queue).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_stream_ends_when_the_queue_is_deleted() {
    let session = Session::open().await;
    let queue = session.temporary_queue(FieldTable::default()).await;
    let mut consumer = session.consume(&queue, true).await;
    session.fill(&queue, 1).await;
    bodies(&mut consumer, &["m1"]).await;
    session.channel.queue_delete(queue.into(), QueueDeleteOptions::default()).await.unwrap();
    assert!(within("end of the stream", consumer.next()).await.is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_exclusive_consumer_keeps_others_out() {
    let session = Session::open().await;
    let queue = session.temporary_queue(FieldTable::default()).await;
    let exclusive = BasicConsumeOptions { exclusive: true, ..Default::default() };
    let starting = session.channel.basic_consume(queue.as_str().into(), "".into(), exclusive, FieldTable::default());
    let _consumer = starting.await.unwrap();
    let other = session.connection.create_channel().await.unwrap();
    let options = BasicConsumeOptions::default();
    let refused = other.basic_consume(queue.as_str().into(), "".into(), options, FieldTable::default()).await;
    assert_protocol_error(&refused.err().unwrap(), 403, &format!("queue '{queue}' in vhost '/' in exclusive use"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_highest_priority_is_delivered_first() {
    let session = Session::open().await;
    let queue = session.temporary_queue(table([("x-max-priority", AMQPValue::LongInt(3))])).await;
    for priority in [0, 3, 1, 3] {
        let properties = BasicProperties::default().with_priority(priority);
        assert!(publish(&session.channel, "", &queue, &[priority], properties).await.is_ack());
    }
    let mut consumer = session.consume(&queue, true).await;
    for priority in [3, 3, 1, 0] {
        assert_eq!(take(&mut consumer).await.data, [priority]);
    }
}
