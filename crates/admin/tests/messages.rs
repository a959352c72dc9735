//! Publishing, taking, durable answers, health and metrics.

mod support;

use narumq_model::Time;
use serde_json::json;
use support::{Client, Known, broker, door, sync, vhost};

#[test]
fn a_message_is_published_and_taken() {
    let (broker, door) = (broker(), door(&Known::default()));
    let mut client = Client::open(&broker, &door);
    client.ask("PUT", "/api/queues/%2F/q1", r#"{"durable":true}"#);
    let publish = "/api/exchanges/%2F/amq.default/publish";
    let body = r#"{"routing_key":"q1","payload":"aGk=","payload_encoding":"base64","properties":{"delivery_mode":2,"content_type":"a/b"}}"#;
    let answer = client.ask("POST", publish, body);
    assert_eq!((answer.status, answer.body.as_str()), (200, r#"{"routed":true}"#));
    let body = r#"{"routing_key":"q1","payload":"/w==","payload_encoding":"base64","properties":[]}"#;
    assert_eq!(client.ask("POST", publish, body).status, 200);
    let body = r#"{"routing_key":"nosuch","payload":"x","payload_encoding":"string","properties":{}}"#;
    assert_eq!(client.ask("POST", publish, body).json(), json!({"routed": false}));
    assert_eq!(client.get("/api/queues/%2F/q1")["messages_ready"], 2);

    let get = "/api/queues/%2F/q1/get";
    let peek = r#"{"count":5,"ackmode":"ack_requeue_true","encoding":"auto"}"#;
    assert_eq!(
        client.ask("POST", get, peek).body,
        concat!(
            r#"[{"payload_bytes":2,"redelivered":false,"exchange":"","routing_key":"q1","message_count":1,"#,
            r#""properties":{"delivery_mode":2,"content_type":"a/b"},"payload":"hi","payload_encoding":"string"},"#,
            r#"{"payload_bytes":1,"redelivered":false,"exchange":"","routing_key":"q1","message_count":0,"#,
            r#""properties":[],"payload":"/w==","payload_encoding":"base64"}]"#
        )
    );
    let cut = r#"{"count":"1","ackmode":"ack_requeue_true","encoding":"base64","truncate":1}"#;
    let row = client.ask("POST", get, cut).json()[0].clone();
    assert_eq!(
        (&row["payload"], &row["payload_bytes"], &row["redelivered"]),
        (&json!("aA=="), &json!(2), &json!(true))
    );
    let take = r#"{"count":1,"ackmode":"ack_requeue_false","encoding":"auto"}"#;
    assert_eq!(client.ask("POST", get, take).json()[0]["payload"], "hi");
    let reject = r#"{"count":9,"ackmode":"reject_requeue_false","encoding":"auto"}"#;
    assert_eq!(client.ask("POST", get, reject).json().as_array().unwrap().len(), 1);
    assert_eq!(client.ask("POST", get, take).body, "[]");
    let queue = client.get("/api/queues/%2F/q1");
    assert_eq!((&queue["messages"], &queue["messages_unacknowledged"]), (&json!(0), &json!(0)));

    client.ask("POST", publish, &body.replace("nosuch", "q1"));
    assert_eq!(client.ask("DELETE", "/api/queues/%2F/q1/contents", "").status, 204);
    assert_eq!(client.get("/api/queues/%2F/q1")["messages"], 0);
}

#[test]
fn publishes_and_gets_are_refused_in_known_words() {
    let (broker, door) = (broker(), door(&Known::default()));
    let mut client = Client::open(&broker, &door);
    client.ask("PUT", "/api/queues/%2F/q1", "");
    let full = |change: &str| {
        let mut body = json!({"routing_key": "q1", "payload": "x", "payload_encoding": "string", "properties": {}});
        let change: serde_json::Map<_, _> = serde_json::from_str(change).unwrap();
        body.as_object_mut().unwrap().extend(change);
        body.to_string()
    };
    for (exchange, body, reason) in [
        ("amq.default", full(r#"{"payload_encoding":"bogus"}"#), json!(["unsupported_encoding", "bogus"])),
        ("amq.default", full(r#"{"payload_encoding":"base64","payload":"*"}"#), json!(["not_base64", "*"])),
        ("amq.default", full(r#"{"payload":5}"#), json!("payload_not_string")),
        ("amq.default", full(r#"{"properties":{"priority":"x"}}"#), json!(["not_int", "priority"])),
        ("amq.default", full(r#"{"properties":{"content_type":5}}"#), json!(["not_string", "content_type"])),
        ("amq.default", full(r#"{"properties":{"bogus":5}}"#), json!(["unknown_property", "bogus"])),
        (
            "amq.default",
            full(r#"{"properties":{"expiration":"x"}}"#),
            json!("406 PRECONDITION_FAILED - invalid expiration 'x': no_integer"),
        ),
        (
            "amq.default",
            full(r#"{"properties":{"user_id":"x"}}"#),
            json!("406 PRECONDITION_FAILED - user_id property set to 'x' but authenticated user was 'guest'"),
        ),
        (
            "amq.default",
            r#"{"payload":"x"}"#.to_owned(),
            json!("[{key_missing,routing_key},\n {key_missing,properties},\n {key_missing,payload_encoding}]"),
        ),
        ("nosuch", full("{}"), json!("404 NOT_FOUND - no exchange 'nosuch' in vhost '/'")),
    ] {
        let answer = client.ask("POST", &format!("/api/exchanges/%2F/{exchange}/publish"), &body);
        assert_eq!((answer.status, answer.json()["reason"].clone()), (400, reason), "{body}");
    }
    for (queue, body, status, reason) in [
        ("q1", r#"{"count":1,"encoding":"auto"}"#, 400, "[{key_missing,ackmode}]"),
        ("q1", r#"{"count":1,"ackmode":"bogus","encoding":"auto"}"#, 400, "unknown ackmode"),
        (
            "q1",
            r#"{"count":1,"ackmode":"ack_requeue_true","encoding":"x"}"#,
            400,
            "Unsupported encoding. Please use auto or base64.",
        ),
        (
            "nosuch",
            r#"{"count":1,"ackmode":"ack_requeue_true","encoding":"auto"}"#,
            404,
            "NOT_FOUND - no queue 'nosuch' in vhost '/'",
        ),
    ] {
        let answer = client.ask("POST", &format!("/api/queues/%2F/{queue}/get"), body);
        assert_eq!((answer.status, answer.json()["reason"].as_str()), (status, Some(reason)));
    }
}

#[test]
fn an_answer_about_a_durable_change_waits_for_the_disk_and_later_ones_stay_behind_it() {
    let (broker, door) = (broker(), door(&Known::default()));
    let mut client = Client::open(&broker, &door);
    assert_eq!(client.send("PUT", "/api/queues/%2F/q1", r#"{"durable":true}"#), b"");
    assert_eq!(client.send("GET", "/api/whoami", ""), b"");
    sync(&broker);
    client.out.release(broker.durable());
    let bytes: Vec<u8> = client.out.chunks().flatten().copied().collect();
    let text = String::from_utf8(bytes).unwrap();
    let (created, whoami) = (text.find("201 Created").unwrap(), text.find(r#"{"name":"guest""#).unwrap());
    assert!(created < whoami);
}

#[test]
fn a_get_waits_for_bodies_that_are_being_read() {
    let (broker, door) = (broker(), door(&Known::default()));
    let mut client = Client::open(&broker, &door);
    client.ask("PUT", "/api/queues/%2F/q1", r#"{"durable":true}"#);
    // More than a queue keeps in memory.
    let (count, payload) = (100, "x".repeat(32 << 10));
    let properties = json!({"delivery_mode": 2});
    for n in 0..count {
        let payload = format!("{n}:{payload}");
        let body =
            json!({"routing_key": "q1", "payload": payload, "payload_encoding": "string", "properties": properties});
        assert_eq!(client.ask("POST", "/api/exchanges/%2F/amq.default/publish", &body.to_string()).status, 200);
    }
    let get = r#"{"count":200,"ackmode":"ack_requeue_true","encoding":"auto","truncate":2}"#;
    let request = format!(
        "POST /api/queues/%2F/q1/get HTTP/1.1\r\nHost: x\r\n{}Content-Length: {}\r\n\r\n{get}",
        client.login,
        get.len()
    );
    client.call(|session, cx| session.on_bytes(request.as_bytes(), cx));
    assert!(client.session.paused() && client.out.is_empty());
    let queue = broker.queues(&vhost(&broker)).remove(0);
    let leased = broker.counts(&queue).unsettled;
    assert!(0 < leased && leased < count, "{leased} were in memory");
    client.wait();
    let answer = client.answer();
    let rows = answer.json();
    let payloads: Vec<_> = rows.as_array().unwrap().iter().map(|row| row["payload"].as_str().unwrap()).collect();
    let expected: Vec<_> = (0..count).map(|n| format!("{n}:x")[..2].to_owned()).collect();
    assert_eq!(payloads, expected);
    assert_eq!((broker.counts(&queue).ready, broker.counts(&queue).unsettled), (count, 0));

    // Nobody waits any more: what is leased goes back.
    client.call(|session, cx| session.on_bytes(request.as_bytes(), cx));
    assert!(client.session.paused());
    client.call(|session, cx| session.on_close(narumq_door::Cause::Reset, cx));
    assert_eq!((broker.counts(&queue).ready, broker.counts(&queue).unsettled), (count, 0));
}

#[test]
fn health_readiness_and_metrics_need_no_login() {
    let (broker, known) = (broker(), Known::default());
    let door = door(&known);
    let mut client = Client::open(&broker, &door);
    client.login = "";
    assert_eq!(client.ask("GET", "/readyz", "").status, 503);
    known.ready.store(true, std::sync::atomic::Ordering::Release);
    assert_eq!(client.ask("GET", "/readyz", "").status, 200);
    assert_eq!(client.ask("GET", "/healthz", "").status, 200);
    assert_eq!(client.ask("POST", "/healthz", "").status, 405);

    let metrics = client.ask("GET", "/metrics", "");
    assert!(metrics.head.contains("content-type: text/plain; version=0.0.4; charset=utf-8"));
    for line in [
        "rabbitmq_queues 0",
        "rabbitmq_global_messages_received_total 41",
        "rabbitmq_connection_incoming_bytes_total 1234",
        "rabbitmq_process_open_fds 12",
        "rabbitmq_erlang_uptime_seconds 5",
        "narumq_log_failed 0",
        r#"rabbitmq_identity_info{rabbitmq_node="node1",rabbitmq_cluster="node1",rabbitmq_endpoint="127.0.0.1:15672"} 1"#,
        "# TYPE rabbitmq_queue_messages_ready gauge",
    ] {
        assert!(metrics.body.lines().any(|l| l == line), "{line} is not in\n{}", metrics.body);
    }
    assert!(!metrics.body.contains("rabbitmq_process_max_fds"), "what is not known is not told");
}

#[test]
fn transcripts() {
    for script in [include_str!("transcripts/connection.txt"), include_str!("transcripts/limits.txt")] {
        let (broker, door) = (broker(), door(&Known::default()));
        let outcome =
            narumq_door::transcript::run(&door, &broker, Time(784_111_777_000), &mut || sync(&broker), script);
        outcome.unwrap_or_else(|difference| panic!("{difference}"));
    }
}
