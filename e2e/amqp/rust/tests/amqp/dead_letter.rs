//! Time to live and dead-lettering, with the history kept in x-death.

use lapin::message::Delivery;
use lapin::options::{BasicRejectOptions, QueueBindOptions, QueueDeclareOptions};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{BasicProperties, Consumer, ExchangeKind};
use narumq_e2e_lapin::{Session, bodies, declare, get, publish, table, unique};

fn long_string(text: &str) -> AMQPValue {
    AMQPValue::LongString(text.into())
}

/// Declares a work queue whose dead messages arrive at the returned consumer.
async fn dead_lettering(session: &Session, mut arguments: FieldTable) -> (String, Consumer) {
    let exchange = session.temporary_exchange(ExchangeKind::Fanout, FieldTable::default()).await;
    let dead = session.temporary_queue(FieldTable::default()).await;
    let binding = session.channel.queue_bind(
        dead.as_str().into(),
        exchange.as_str().into(),
        "".into(),
        QueueBindOptions::default(),
        FieldTable::default(),
    );
    binding.await.unwrap();
    arguments.insert("x-dead-letter-exchange".into(), long_string(&exchange));
    (session.temporary_queue(arguments).await, session.consume(&dead, true).await)
}

/// The entries of x-death, newest first.
fn deaths(delivery: &Delivery) -> Vec<FieldTable> {
    let headers = delivery.properties.headers().as_ref().unwrap().inner();
    let AMQPValue::FieldArray(entries) = &headers["x-death"] else { panic!("{headers:?}") };
    let entries = entries.as_slice().iter().map(|entry| match entry {
        AMQPValue::FieldTable(table) => table.clone(),
        other => panic!("{other:?}"),
    });
    entries.collect()
}

/// Checks the only x-death entry of a message that died in `queue`, and returns it.
fn check_death(delivery: &Delivery, reason: &str, queue: &str) -> FieldTable {
    let deaths = deaths(delivery);
    assert_eq!(deaths.len(), 1);
    let death = deaths[0].inner();
    assert_eq!(death["count"], AMQPValue::LongLongInt(1));
    assert_eq!(death["reason"], long_string(reason));
    assert_eq!(death["queue"], long_string(queue));
    assert_eq!(death["exchange"], long_string(""));
    assert_eq!(death["routing-keys"], AMQPValue::FieldArray(vec![long_string(queue)].into()));
    // Seconds, not milliseconds: between 2020 and 2100.
    assert!(matches!(death["time"], AMQPValue::Timestamp(1_577_836_800..4_102_444_800)), "{:?}", death["time"]);
    let headers = delivery.properties.headers().as_ref().unwrap().inner();
    assert_eq!(headers["x-first-death-reason"], long_string(reason));
    assert_eq!(headers["x-first-death-queue"], long_string(queue));
    assert_eq!(headers["x-first-death-exchange"], long_string(""));
    deaths[0].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rejected_message_is_dead_lettered() {
    let session = Session::open().await;
    let (work, mut dead) = dead_lettering(&session, FieldTable::default()).await;
    let properties = BasicProperties::default().with_headers(table([("mine", AMQPValue::LongInt(7))]));
    publish(&session.channel, "", &work, b"bad", properties).await;
    get(&session.channel, &work, false).await.reject(BasicRejectOptions { requeue: false }).await.unwrap();
    let delivery = bodies(&mut dead, &["bad"]).await.remove(0);
    check_death(&delivery, "rejected", &work);
    assert_eq!(delivery.routing_key.as_str(), work);
    assert_eq!(delivery.properties.headers().as_ref().unwrap().inner()["mine"], AMQPValue::LongInt(7));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_time_to_live_of_a_queue() {
    let session = Session::open().await;
    let arguments = [("x-message-ttl", AMQPValue::LongInt(50)), ("x-dead-letter-routing-key", long_string("new.key"))];
    let (work, mut dead) = dead_lettering(&session, table(arguments)).await;
    publish(&session.channel, "", &work, b"old", BasicProperties::default()).await;
    let delivery = bodies(&mut dead, &["old"]).await.remove(0);
    check_death(&delivery, "expired", &work);
    assert_eq!(delivery.routing_key.as_str(), "new.key");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_expiration_of_a_message() {
    let session = Session::open().await;
    let (work, mut dead) = dead_lettering(&session, FieldTable::default()).await;
    publish(&session.channel, "", &work, b"short", BasicProperties::default().with_expiration("50".into())).await;
    let delivery = bodies(&mut dead, &["short"]).await.remove(0);
    let death = check_death(&delivery, "expired", &work);
    assert_eq!(death.inner()["original-expiration"], long_string("50"));
    assert!(delivery.properties.expiration().is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_maximum_length_of_a_queue() {
    let session = Session::open().await;
    let (work, mut dead) = dead_lettering(&session, table([("x-max-length", AMQPValue::LongInt(1))])).await;
    session.fill(&work, 2).await;
    check_death(&bodies(&mut dead, &["m1"]).await[0], "maxlen", &work);
    assert_eq!(get(&session.channel, &work, true).await.data, b"m2");
}

#[tokio::test(flavor = "multi_thread")]
async fn repeated_deaths_are_counted() {
    let session = Session::open().await;
    let (work, retry) = (unique("work"), unique("retry"));
    let to = |queue: &str| {
        table([("x-dead-letter-exchange", long_string("")), ("x-dead-letter-routing-key", long_string(queue))])
    };
    let mut delayed = to(&work);
    delayed.insert("x-message-ttl".into(), AMQPValue::LongInt(20));
    declare(&session.channel, &work, QueueDeclareOptions::exclusive(), to(&retry)).await;
    declare(&session.channel, &retry, QueueDeclareOptions::exclusive(), delayed).await;
    let mut consumer = session.consume(&work, false).await;
    session.fill(&work, 1).await;
    for _ in 0..3 {
        bodies(&mut consumer, &["m1"]).await[0].reject(BasicRejectOptions { requeue: false }).await.unwrap();
    }
    let deaths = deaths(&bodies(&mut consumer, &["m1"]).await[0]);
    assert_eq!(deaths.len(), 2);
    for (death, (queue, reason)) in deaths.iter().zip([(&retry, "expired"), (&work, "rejected")]) {
        assert_eq!(death.inner()["queue"], long_string(queue));
        assert_eq!(death.inner()["reason"], long_string(reason));
        assert_eq!(death.inner()["count"], AMQPValue::LongLongInt(3));
    }
}
