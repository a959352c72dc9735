//! Declaring, binding and deleting exchanges and queues.

use lapin::options::{
    ExchangeBindOptions, ExchangeDeleteOptions, ExchangeUnbindOptions, QueueBindOptions, QueueDeclareOptions,
    QueueDeleteOptions, QueuePurgeOptions,
};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{BasicProperties, Confirmation, ExchangeKind};
use narumq_e2e_lapin::{Session, assert_protocol_error, declare, publish, table, unique};

async fn bind(session: &Session, queue: &str, exchange: &str, key: &str, arguments: FieldTable) {
    let options = QueueBindOptions::default();
    session.channel.queue_bind(queue.into(), exchange.into(), key.into(), options, arguments).await.unwrap();
}

/// Publishes and returns whether the message was routed to a queue.
async fn routed(session: &Session, exchange: &str, key: &str, properties: BasicProperties) -> bool {
    match publish(&session.channel, exchange, key, b"", properties).await {
        Confirmation::Ack(returned) => returned.is_none(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn direct_exchange_routes_by_its_bindings() {
    let session = Session::open().await;
    let exchange = session.temporary_exchange(ExchangeKind::Direct, FieldTable::default()).await;
    let queue = session.temporary_queue(FieldTable::default()).await;
    bind(&session, &queue, &exchange, "yes", FieldTable::default()).await;
    assert!(routed(&session, &exchange, "yes", BasicProperties::default()).await);
    assert!(!routed(&session, &exchange, "no", BasicProperties::default()).await);
    assert_eq!(session.ready(&queue).await, 1);
    let purged = session.channel.queue_purge(queue.as_str().into(), QueuePurgeOptions::default()).await.unwrap();
    assert_eq!(purged, 1);
    let deleted = session.channel.queue_delete(queue.into(), QueueDeleteOptions::default()).await.unwrap();
    assert_eq!(deleted, 0);
    session.channel.exchange_delete(exchange.into(), ExchangeDeleteOptions::default()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn topic_patterns() {
    let session = Session::open().await;
    for (pattern, matching, other) in [
        ("a.*.c", "a.b.c", "a.b.b.c"),
        ("a.#", "a", "b.a"),
        ("#.z", "x.y.z", "z.y"),
        ("*", "one", "one.two"),
        ("#.b.*", "a.b.c", "a.b"),
    ] {
        let exchange = session.temporary_exchange(ExchangeKind::Topic, FieldTable::default()).await;
        let queue = session.temporary_queue(FieldTable::default()).await;
        bind(&session, &queue, &exchange, pattern, FieldTable::default()).await;
        assert!(routed(&session, &exchange, matching, BasicProperties::default()).await, "{pattern} {matching}");
        assert!(!routed(&session, &exchange, other, BasicProperties::default()).await, "{pattern} {other}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn headers_exchange_matches_all_or_any() {
    let session = Session::open().await;
    let (kind, size) = (AMQPValue::LongString("pdf".into()), AMQPValue::LongInt(3));
    let both = BasicProperties::default().with_headers(table([("kind", kind.clone()), ("size", size.clone())]));
    let one = BasicProperties::default().with_headers(table([("kind", kind.clone())]));
    let none = BasicProperties::default().with_headers(table([("kind", size.clone())]));
    for (rule, expected) in [("all", [true, false, false]), ("any", [true, true, false])] {
        let exchange = session.temporary_exchange(ExchangeKind::Headers, FieldTable::default()).await;
        let queue = session.temporary_queue(FieldTable::default()).await;
        let arguments =
            [("x-match", AMQPValue::LongString(rule.into())), ("kind", kind.clone()), ("size", size.clone())];
        bind(&session, &queue, &exchange, "", table(arguments)).await;
        for (properties, expected) in [&both, &one, &none].into_iter().zip(expected) {
            assert_eq!(routed(&session, &exchange, "", properties.clone()).await, expected, "{rule} {properties:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn exchanges_bind_to_exchanges() {
    let session = Session::open().await;
    let source = session.temporary_exchange(ExchangeKind::Direct, FieldTable::default()).await;
    let target = session.temporary_exchange(ExchangeKind::Fanout, FieldTable::default()).await;
    let queue = session.temporary_queue(FieldTable::default()).await;
    bind(&session, &queue, &target, "", FieldTable::default()).await;
    let (from, to) = (source.as_str(), target.as_str());
    let (bound, unbound) = (ExchangeBindOptions::default(), ExchangeUnbindOptions::default());
    session.channel.exchange_bind(to.into(), from.into(), "k".into(), bound, FieldTable::default()).await.unwrap();
    session.channel.exchange_bind(to.into(), from.into(), "l".into(), bound, FieldTable::default()).await.unwrap();
    assert!(routed(&session, &source, "k", BasicProperties::default()).await);
    assert!(!routed(&session, &source, "other", BasicProperties::default()).await);
    session.channel.exchange_unbind(to.into(), from.into(), "k".into(), unbound, FieldTable::default()).await.unwrap();
    assert!(!routed(&session, &source, "k", BasicProperties::default()).await);
    assert!(routed(&session, &source, "l", BasicProperties::default()).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_differing_declaration_is_refused() {
    let session = Session::open().await;
    let name = unique("redeclare");
    let arguments = table([("x-max-length", AMQPValue::LongInt(5))]);
    declare(&session.channel, &name, QueueDeclareOptions::exclusive(), arguments.clone()).await;
    declare(&session.channel, &name, QueueDeclareOptions::exclusive(), arguments).await;
    let failing = session.connection.create_channel().await.unwrap();
    let differing = table([("x-max-length", AMQPValue::LongInt(6))]);
    let refused = failing.queue_declare(name.as_str().into(), QueueDeclareOptions::exclusive(), differing).await;
    let text = format!(
        "PRECONDITION_FAILED - inequivalent arg 'x-max-length' for queue '{name}' in vhost '/': received '6' but current is '5'"
    );
    assert_protocol_error(&refused.unwrap_err(), 406, &text);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_alternate_exchange_takes_what_is_not_routed() {
    let session = Session::open().await;
    let fallback = session.temporary_exchange(ExchangeKind::Fanout, FieldTable::default()).await;
    let queue = session.temporary_queue(FieldTable::default()).await;
    bind(&session, &queue, &fallback, "", FieldTable::default()).await;
    let arguments = table([("alternate-exchange", AMQPValue::LongString(fallback.as_str().into()))]);
    let exchange = session.temporary_exchange(ExchangeKind::Direct, arguments).await;
    assert!(routed(&session, &exchange, "nobody", BasicProperties::default()).await);
    assert_eq!(session.ready(&queue).await, 1);
}
