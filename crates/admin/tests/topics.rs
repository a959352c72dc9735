//! Topics over the management API: set up, altered, read, waited for, trimmed.

mod support;

use narumq_broker::Turn;
use serde_json::{Value, json};
use support::{Answer, Client, Known, NOW, broker, door};

const T: &str = "/api/topics/%2F/t";

fn reason(answer: &Answer) -> String {
    answer.json()["reason"].as_str().unwrap_or_default().to_owned()
}

fn publish(client: &mut Client<'_>, records: &Value) -> Value {
    let answer = client.ask("POST", &format!("{T}/publish"), &json!({ "records": records }).to_string());
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()
}

#[test]
fn a_topic_is_created_shown_altered_and_deleted() {
    let (broker, door) = (broker(), door(&Known::default()));
    let mut client = Client::open(&broker, &door);
    let body = r#"{"partitions":3,"settings":{"retention.ms":5000}}"#;
    assert_eq!(client.ask("PUT", T, body).status, 201);
    assert_eq!(client.ask("PUT", T, body).status, 204);
    let other = client.ask("PUT", T, r#"{"partitions":2}"#);
    assert_eq!(reason(&other), "topic 't' in vhost '/' exists with other partitions or settings");
    let topic = client.get(T);
    for (field, value) in [
        ("name", json!("t")),
        ("vhost", json!("/")),
        ("partitions", json!(3)),
        ("durability", json!("fsync")),
        ("created", json!(NOW.0)),
        ("records", json!(0)),
        ("settings", json!({"retention.ms": "5000"})),
    ] {
        assert_eq!(topic[field], value, "{field}");
    }
    assert_eq!(topic["id"].as_str().map(str::len), Some(22));
    assert_eq!(topic["partition_details"][2]["partition"], 2);
    let setting =
        json!({"name": "retention.ms", "value": "5000", "default": false, "fixed": false, "about": "how long"});
    assert_eq!(topic["setting_details"], json!([setting]));
    assert_eq!(client.get("/api/topics").as_array().map(Vec::len), Some(1));
    assert_eq!(client.get("/api/topics/%2F?columns=name"), json!([{"name": "t"}]));

    assert_eq!(client.ask("POST", &format!("{T}/settings"), r#"{"retention.ms":null}"#).status, 204);
    assert_eq!(client.get(T)["settings"], json!({}));
    let refused = client.ask("POST", &format!("{T}/settings"), r#"{"bogus":1}"#);
    assert_eq!((refused.status, reason(&refused).as_str()), (400, "unknown setting bogus"));
    assert_eq!(client.ask("POST", &format!("{T}/partitions"), r#"{"count":5}"#).status, 204);
    assert_eq!(client.get(T)["partitions"], 5);
    let fewer = client.ask("POST", &format!("{T}/partitions"), r#"{"count":5}"#);
    assert_eq!(reason(&fewer), "topic 't' has 5 partitions already: count must be larger");
    assert_eq!(client.ask("DELETE", T, "").status, 204);
    for (method, path) in [("GET", T.to_owned()), ("DELETE", T.to_owned()), ("POST", format!("{T}/settings"))] {
        assert_eq!(client.ask(method, &path, "{}").status, 404, "{method} {path}");
    }
}

#[test]
fn what_makes_no_topic_is_refused_in_words() {
    let (broker, door) = (broker(), door(&Known::default()));
    let mut client = Client::open(&broker, &door);
    client.ask("PUT", "/api/queues/%2F/q", "{}");
    for (name, body, why) in [
        ("a%20b", "{}", "no spaces"),
        ("q", "{}", "a queue of another kind has this name"),
        ("t", r#"{"partitions":0}"#, "partitions must be a number from 1 to 10000"),
        ("t", r#"{"partitions":10001}"#, "partitions must be a number from 1 to 10000"),
        ("t", r#"{"partition":1}"#, "unknown key partition: expected partitions, settings"),
        ("t", r#"{"settings":5}"#, "settings must be an object of names and values"),
        ("t", r#"{"settings":{"retention.ms":"x"}}"#, "retention.ms is no number"),
    ] {
        let answer = client.ask("PUT", &format!("/api/topics/%2F/{name}"), body);
        assert_eq!((answer.status, reason(&answer).as_str()), (400, why), "{body}");
    }
    assert_eq!(client.ask("PUT", "/api/topics/nowhere/t", "{}").status, 404);
    assert_eq!(client.ask("PATCH", T, "{}").status, 405);
}

#[test]
fn records_go_where_their_keys_belong_and_are_read_from_offsets_on() {
    let (broker, door) = (broker(), door(&Known::default()));
    let mut client = Client::open(&broker, &door);
    client.ask("PUT", T, r#"{"partitions":2}"#);
    let records = json!([
        {"key": "d", "payload": "one", "headers": {"h": "v"}, "timestamp": 1000},
        {"key": "b", "payload": "two", "timestamp": 2000},
        {"key": "d", "payload": null, "timestamp": 3000},
        {"partition": 0, "payload": "four", "timestamp": 500},
    ]);
    let places = publish(&mut client, &records);
    let place = |partition: u32, offset: u64| json!({"partition": partition, "offset": offset});
    assert_eq!(places, json!([place(1, 0), place(0, 0), place(1, 1), place(0, 1)]));
    let get = format!("{T}/get");
    let read = client.ask("POST", &get, r#"{"offsets":{"0":1,"1":0}}"#).json();
    assert_eq!(read["next"], json!({"0": 2, "1": 2}));
    let row =
        json!({"partition": 1, "offset": 0, "timestamp": 1000, "key": "d", "headers": [["h", "v"]], "payload": "one"});
    assert_eq!((&read["records"][1], &read["records"][2]["payload"]), (&row, &Value::Null));
    assert_eq!(read["records"].as_array().map(Vec::len), Some(3));
    let read = client.ask("POST", &get, r#"{"offsets":{"1":0},"count":1}"#).json();
    assert_eq!((&read["next"], read["records"].as_array().map(Vec::len)), (&json!({"1": 1}), Some(1)));
    assert_eq!(client.ask("POST", &get, r#"{"offsets":{"1":2}}"#).json()["records"], json!([]));

    let offsets = |client: &mut Client<'_>, body: &str| client.ask("POST", &format!("{T}/offsets"), body).json();
    let told = |zero: u64, one: u64| json!([{"partition": 0, "offset": zero}, {"partition": 1, "offset": one}]);
    assert_eq!(offsets(&mut client, r#"{"at":{"time":1500}}"#), told(0, 1));
    assert_eq!(offsets(&mut client, r#"{"at":"latest"}"#), told(2, 2));
    for (body, status, why) in [
        (r#"{"offsets":{"7":0}}"#, 404, "topic 't' has no partition 7"),
        (r#"{"offsets":{"0":9}}"#, 400, "offset out of range: the partition has 0 to 2"),
        (r#"{"offsets":{}}"#, 400, "offsets must be an object of partitions and the offsets to begin at"),
        (r#"{"offsets":{"0":0},"wait_ms":60000}"#, 400, "wait_ms must be a number up to 30000"),
    ] {
        let answer = client.ask("POST", &get, body);
        assert_eq!((answer.status, reason(&answer).as_str()), (status, why));
    }
    for (record, why) in [
        (json!({"partition": 2}), "record 1: topic 't' has no partition 2"),
        (json!({"payload": 5}), "record 1: payload must be a text, null, or {\"base64\": text}"),
        (json!({"payload": "x".repeat(2 << 20)}), "too large"),
    ] {
        let body = json!({"records": [{"payload": "good", "partition": 1}, record]}).to_string();
        assert_eq!(reason(&client.ask("POST", &format!("{T}/publish"), &body)), why);
    }
    assert_eq!(client.get(T)["records"], 4, "all are taken, or none");
}

#[test]
fn a_reader_waits_for_what_is_to_come() {
    let (broker, door) = (broker(), door(&Known::default()));
    let (mut client, mut other) = (Client::open(&broker, &door), Client::open(&broker, &door));
    client.ask("PUT", T, "{}");
    let body = r#"{"offsets":{"0":0},"wait_ms":30000}"#;
    let request =
        format!("POST {T}/get HTTP/1.1\r\nHost: x\r\n{}Content-Length: {}\r\n\r\n{body}", client.login, body.len());
    client.call(|session, cx| session.on_bytes(request.as_bytes(), cx));
    assert!(client.session.paused());
    publish(&mut other, &json!([{"payload": "late"}]));
    // Both have the same address here: what was posted for the reader the other one has not taken, or it is told again.
    client.call(|session, cx| session.on_event(narumq_broker::Event::Durable(cx.broker.durable()), cx));
    assert!(!client.session.paused());
    assert_eq!(client.answer().json()["records"][0]["payload"], "late");

    let request = request.replace(r#""0":0"#, r#""0":1"#);
    client.call(|session, cx| session.on_bytes(request.as_bytes(), cx));
    let deadline = client.session.next_tick().expect("it does not wait forever");
    assert_eq!(deadline, NOW.plus(30_000));
    let mut turn = Turn::new(deadline, Some(0));
    let mut cx = narumq_door::Context { broker: &broker, turn: &mut turn, out: &mut client.out };
    client.session.on_tick(&mut cx);
    broker.end_turn(&mut turn);
    assert_eq!(client.answer().json(), json!({"records": [], "next": {"0": 1}}));
}

#[test]
fn a_topic_is_trimmed_up_to_an_offset_or_a_time() {
    let (broker, door) = (broker(), door(&Known::default()));
    let mut client = Client::open(&broker, &door);
    client.ask("PUT", T, r#"{"partitions":2}"#);
    let record = |n: u64| json!({"partition": n % 2, "payload": "x", "timestamp": n * 1000});
    publish(&mut client, &(0..10).map(record).collect());
    let mut trim = |body: &str| client.ask("POST", &format!("{T}/trim"), body);
    let row = |partition: u32, before: u64, start: u64| json!({"partition": partition, "before": before, "start_offset": start});
    assert_eq!(trim(r#"{"before":{"offset":1},"partitions":[1]}"#).json(), json!([row(1, 0, 1)]));
    assert_eq!(trim(r#"{"before":{"time":4000}}"#).json(), json!([row(0, 0, 2), row(1, 1, 2)]));
    let beyond = trim(r#"{"before":{"offset":6}}"#);
    assert_eq!(
        (beyond.status, reason(&beyond).as_str()),
        (400, "offset 6 lies behind the end of partition 0, which is 5")
    );
    assert_eq!(trim(r#"{"before":{"shift":1}}"#).status, 400);
    assert_eq!(trim(r#"{"before":"latest"}"#).json(), json!([row(0, 2, 5), row(1, 2, 5)]));
    assert_eq!(client.get(T)["records"], 0);
    client.ask("POST", &format!("{T}/settings"), r#"{"compact":true}"#);
    let refused = client.ask("POST", &format!("{T}/trim"), r#"{"before":"latest"}"#);
    assert_eq!(reason(&refused), "topic 't' is only compacted: nothing may be trimmed from it");
}

#[test]
fn a_topic_is_a_queue_of_type_stream_for_those_who_list_queues() {
    let (broker, door) = (broker(), door(&Known::default()));
    let mut client = Client::open(&broker, &door);
    client.ask("PUT", T, r#"{"partitions":2}"#);
    publish(&mut client, &json!([{"payload": "one"}, {"payload": "two"}, {"payload": "three"}]));
    let queues = client.get("/api/queues");
    let stream = queues.as_array().and_then(|queues| queues.iter().find(|queue| queue["name"] == "t"));
    let stream = stream.expect("it is listed");
    let told = ["type", "durable", "messages", "consumers", "arguments"].map(|name| stream[name].clone());
    assert_eq!(told, [json!("stream"), json!(true), json!(3), json!(0), json!({"x-queue-type": "stream"})]);
    assert_eq!(client.get("/api/queues/%2F/t")["messages"], 3);
    assert_eq!(client.ask("DELETE", "/api/queues/%2F/t", "").status, 204);
    assert_eq!(client.ask("GET", T, "").status, 404);
}
