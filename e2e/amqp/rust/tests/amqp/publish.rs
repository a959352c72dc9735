//! Publishing: confirms, mandatory returns, transactions, properties and field tables.

use lapin::options::{BasicPublishOptions, BasicRejectOptions, QueueDeclareOptions, QueueDeleteOptions};
use lapin::types::{AMQPValue, DecimalValue, FieldArray, FieldTable};
use lapin::{BasicProperties, Confirmation};
use narumq_e2e_lapin::{Session, ack, assert_protocol_error, declare, get, persistent, publish, table, unique, within};

#[tokio::test(flavor = "multi_thread")]
async fn every_message_is_confirmed() {
    let session = Session::open().await;
    let queue = unique("confirm");
    let arguments = table([("x-expires", AMQPValue::LongInt(60_000))]);
    declare(&session.channel, &queue, QueueDeclareOptions::durable(), arguments).await;
    let mut confirms = Vec::new();
    for number in 0..500 {
        let (options, body) = (BasicPublishOptions::default(), format!("{number}"));
        let publishing =
            session.channel.basic_publish("".into(), queue.as_str().into(), options, body.as_bytes(), persistent());
        confirms.push(publishing.await.unwrap());
    }
    for confirm in confirms {
        assert_eq!(within("confirm", confirm).await.unwrap(), Confirmation::Ack(None));
    }
    let deleted = session.channel.queue_delete(queue.into(), QueueDeleteOptions::default()).await.unwrap();
    assert_eq!(deleted, 500);
}

#[tokio::test(flavor = "multi_thread")]
async fn confirms_can_be_awaited_together() {
    let session = Session::open().await;
    let queue = session.temporary_queue(FieldTable::default()).await;
    let lost = unique("nowhere");
    let options = BasicPublishOptions { mandatory: true, ..Default::default() };
    for key in [&queue, &lost, &queue] {
        let publishing =
            session.channel.basic_publish("".into(), key.as_str().into(), options, b"m", BasicProperties::default());
        drop(publishing.await.unwrap());
    }
    let returned = within("confirms", session.channel.wait_for_confirms()).await.unwrap();
    assert_eq!(returned.len(), 1);
    assert_eq!(returned[0].delivery.routing_key.as_str(), lost);
    assert_eq!(session.ready(&queue).await, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unroutable_mandatory_message_is_returned_whole() {
    let session = Session::open().await;
    let properties = BasicProperties::default()
        .with_message_id("id".into())
        .with_headers(table([("attempt", AMQPValue::LongInt(1))]));
    let key = unique("nowhere");
    let confirmation = publish(&session.channel, "amq.direct", &key, b"come back", properties.clone()).await;
    let Confirmation::Ack(Some(returned)) = confirmation else { panic!("{confirmation:?}") };
    assert_eq!(returned.reply_code, 312);
    assert_eq!(returned.reply_text.as_str(), "NO_ROUTE");
    assert_eq!(returned.delivery.exchange.as_str(), "amq.direct");
    assert_eq!(returned.delivery.routing_key.as_str(), key);
    assert_eq!(returned.delivery.data, b"come back");
    assert_eq!(returned.delivery.properties, properties);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_queue_nacks() {
    let session = Session::open().await;
    let overflow = AMQPValue::LongString("reject-publish".into());
    let arguments = table([("x-max-length", AMQPValue::LongInt(1)), ("x-overflow", overflow)]);
    let queue = session.temporary_queue(arguments).await;
    assert!(publish(&session.channel, "", &queue, b"fits", BasicProperties::default()).await.is_ack());
    assert!(publish(&session.channel, "", &queue, b"too many", BasicProperties::default()).await.is_nack());
    assert_eq!(session.ready(&queue).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn transactions_commit_and_roll_back() {
    let session = Session::open().await;
    let queue = session.temporary_queue(FieldTable::default()).await;
    let tx = session.connection.create_channel().await.unwrap();
    tx.tx_select().await.unwrap();
    let send = async |body: &'static str| {
        let (options, properties) = (BasicPublishOptions::default(), BasicProperties::default());
        let publishing = tx.basic_publish("".into(), queue.as_str().into(), options, body.as_bytes(), properties);
        assert_eq!(publishing.await.unwrap().await.unwrap(), Confirmation::NotRequested);
    };
    send("rolled back").await;
    tx.tx_rollback().await.unwrap();
    send("committed").await;
    tx.tx_commit().await.unwrap();
    assert_eq!(session.ready(&queue).await, 1);

    let delivery = get(&tx, &queue, false).await;
    assert_eq!(delivery.data, b"committed");
    delivery.reject(BasicRejectOptions { requeue: true }).await.unwrap();
    tx.tx_commit().await.unwrap();
    let again = get(&tx, &queue, false).await;
    assert!(again.redelivered);
    ack(&again).await;
    tx.tx_commit().await.unwrap();
    assert_eq!(session.ready(&queue).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn confirms_and_transactions_exclude_each_other() {
    let session = Session::open().await;
    let refused = session.channel.tx_select().await.unwrap_err();
    assert_protocol_error(&refused, 406, "PRECONDITION_FAILED - cannot switch from confirm to tx mode");
}

#[tokio::test(flavor = "multi_thread")]
async fn properties_and_headers_arrive_as_sent() {
    let session = Session::open().await;
    let queue = session.temporary_queue(FieldTable::default()).await;
    let nested = table([("deeper", AMQPValue::FieldTable(table([("void", AMQPValue::Void)])))]);
    let mut array = FieldArray::default();
    array.push(AMQPValue::LongInt(1));
    array.push(AMQPValue::LongString("two".into()));
    array.push(AMQPValue::FieldArray(FieldArray::default()));
    let headers = table([
        ("bool", AMQPValue::Boolean(true)),
        ("i8", AMQPValue::ShortShortInt(i8::MIN)),
        ("u8", AMQPValue::ShortShortUInt(u8::MAX)),
        ("i16", AMQPValue::ShortInt(i16::MIN)),
        ("u16", AMQPValue::ShortUInt(u16::MAX)),
        ("i32", AMQPValue::LongInt(i32::MIN)),
        ("u32", AMQPValue::LongUInt(u32::MAX)),
        ("i64", AMQPValue::LongLongInt(i64::MIN)),
        ("f32", AMQPValue::Float(0.5)),
        ("f64", AMQPValue::Double(0.1)),
        ("decimal", AMQPValue::DecimalValue(DecimalValue { scale: 2, value: 1999 })),
        ("string", AMQPValue::LongString("naïve ☃".into())),
        ("bytes", AMQPValue::ByteArray(vec![0, 255, 1].into())),
        ("time", AMQPValue::Timestamp(1_700_000_000)),
        ("array", AMQPValue::FieldArray(array)),
        ("table", AMQPValue::FieldTable(nested)),
        ("void", AMQPValue::Void),
    ]);
    let properties = persistent()
        .with_content_type("text/plain".into())
        .with_content_encoding("utf-8".into())
        .with_headers(headers)
        .with_priority(9)
        .with_correlation_id("c".into())
        .with_reply_to("r".into())
        .with_expiration("600000".into())
        .with_message_id("m".into())
        .with_timestamp(1_700_000_000)
        .with_type("t".into())
        .with_user_id("guest".into())
        .with_app_id("a".into());
    assert!(publish(&session.channel, "", &queue, b"body", properties.clone()).await.is_ack());
    assert_eq!(get(&session.channel, &queue, true).await.properties, properties);
}
