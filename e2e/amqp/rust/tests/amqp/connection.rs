//! Opening connections and channels, tuning, and errors that close them.

use lapin::options::{BasicPublishOptions, QueueDeclareOptions};
use lapin::types::FieldTable;
use lapin::{BasicProperties, Connection, ConnectionProperties};
use narumq_e2e_lapin::{Session, assert_protocol_error, get, publish, shared_uri, unique, within};

#[tokio::test(flavor = "multi_thread")]
async fn tuning_takes_the_smaller_value() {
    let session = Session::with_query("?frame_max=4096&channel_max=2&heartbeat=5").await;
    let configuration = session.connection.configuration();
    assert_eq!(configuration.frame_max(), 4096);
    assert_eq!(configuration.channel_max(), 2);
    assert_eq!(configuration.heartbeat(), 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_survive_frames_of_4096_bytes() {
    let session = Session::with_query("?frame_max=4096").await;
    let queue = session.temporary_queue(FieldTable::default()).await;
    for size in [0_usize, 1, 4087, 4088, 4089, 8176, 1_000_000] {
        let body: Vec<u8> = (0..size).map(|at| (at * 31 + size) as u8).collect();
        assert!(publish(&session.channel, "", &queue, &body, BasicProperties::default()).await.is_ack());
        assert!(get(&session.channel, &queue, true).await.data == body, "body of {size} bytes");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_is_refused() {
    let (uri, _broker) = shared_uri().await;
    let uri = uri.replace("guest:guest", "guest:wrong");
    let refused = within("refusal", Connection::connect(&uri, ConnectionProperties::default())).await;
    assert_protocol_error(&refused.err().unwrap(), 403, "ACCESS_REFUSED");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_virtual_host_is_refused() {
    let (uri, _broker) = shared_uri().await;
    let refused =
        within("refusal", Connection::connect(&format!("{uri}/missing"), ConnectionProperties::default())).await;
    assert_protocol_error(&refused.err().unwrap(), 530, "vhost missing not found");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_channel_error_leaves_the_connection_open() {
    let session = Session::open().await;
    let missing = unique("missing");
    let failing = session.connection.create_channel().await.unwrap();
    let options = QueueDeclareOptions { passive: true, ..Default::default() };
    let error = failing.queue_declare(missing.as_str().into(), options, FieldTable::default()).await.unwrap_err();
    assert_protocol_error(&error, 404, &format!("NOT_FOUND - no queue '{missing}' in vhost '/'"));
    assert!(!failing.status().connected());
    assert!(session.connection.status().connected());
    session.temporary_queue(FieldTable::default()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn publishing_to_a_missing_exchange_fails_its_confirm() {
    let session = Session::open().await;
    let missing = unique("missing");
    let (options, properties) = (BasicPublishOptions::default(), BasicProperties::default());
    let publishing = session.channel.basic_publish(missing.as_str().into(), "key".into(), options, b"lost", properties);
    let error = within("failure", publishing.await.unwrap()).await.unwrap_err();
    assert_protocol_error(&error, 404, &format!("NOT_FOUND - no exchange '{missing}' in vhost '/'"));
    assert!(session.connection.status().connected());
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_and_channels_close_in_order() {
    let session = Session::open().await;
    session.channel.close(200, "done".into()).await.unwrap();
    let channel = session.connection.create_channel().await.unwrap();
    channel.close(200, "done".into()).await.unwrap();
    session.connection.close(200, "done".into()).await.unwrap();
    assert!(!session.connection.status().connected());
}
