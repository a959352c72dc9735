//! `narumq pub` and `narumq sub` against a running broker: topics, queues, exchanges.
#![allow(clippy::unwrap_used, reason = "a test ends where something unexpected is")]

mod support;

use serde_json::{Value, json};
use std::io::{BufRead, BufReader};
use std::process::Stdio;
use support::Broker;

fn lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn records_go_to_a_topic_and_come_back() {
    let broker = Broker::start();
    broker.good(&["topics", "create", "orders"]);
    let said = broker.good(&["pub", "orders", "-m", "{\"id\":1}", "-H", "k=v", "--key", "K"]);
    assert_eq!(said, "1 message sent.\npartition 0: offsets 0 to 0\n");
    let said = broker.feed(&["pub", "orders", "--lines", "-o", "json"], b"one\ntwo\r\n\xff\n");
    let place = json!({"partition": 0, "first_offset": 1, "last_offset": 3});
    assert_eq!(lines(&said.out), [json!({"sent": 3, "unrouted": 0, "places": [place]})]);
    broker.good(&["pub", "orders", "--tombstone", "--key", "K"]);
    let records = lines(&broker.good(&["sub", "orders", "--from", "earliest", "--until-end", "-o", "json"]));
    let payloads: Vec<&Value> = records.iter().map(|record| &record["payload"]).collect();
    let expected = [json!("{\"id\":1}"), json!("one"), json!("two"), json!({"base64": "/w=="}), Value::Null];
    assert_eq!(payloads, expected.iter().collect::<Vec<_>>());
    assert_eq!((&records[0]["key"], &records[0]["headers"]), (&json!("K"), &json!([["k", "v"]])));
    let text = broker.good(&["sub", "orders", "--from", "offset:1", "-n", "1"]);
    assert!(text.starts_with("orders/0@1 20") && text.ends_with("\none\n"), "{text}");
    // Who follows from the end sees what comes then: records are sent until it has seen one.
    let mut child = broker.command(&["sub", "orders", "-n", "1"]).stdout(Stdio::piped()).spawn().unwrap();
    while child.try_wait().unwrap().is_none() {
        broker.good(&["pub", "orders", "-m", "late"]);
    }
    let mut seen = String::new();
    std::io::Read::read_to_string(&mut child.stdout.take().unwrap(), &mut seen).unwrap();
    assert!(seen.ends_with("\nlate\n"), "{seen}");
}

#[test]
fn messages_go_through_a_queue_and_are_gone_when_shown() {
    let broker = Broker::start();
    let sub = |words: &[&str]| broker.good(&[words, &["--amqp", &broker.amqp]].concat());
    let said = broker.run(&["pub", "q", "-m", "x"]);
    assert_eq!(said.code, Some(69), "{said:?}");
    assert!(said.err.starts_with("Error: there is no topic and no queue 'q'\n"), "{}", said.err);
    http_put(&broker, "/api/queues/%2F/q", r#"{"durable":true}"#);
    broker.good(&["pub", "q", "-m", "a", "-m", "b", "-H", "h=1", "-P", "content_type=text/plain", "-P", "priority=3"]);
    let lag = broker.json(&["groups", "lag", "q"]);
    assert_eq!((&lag[0]["kind"], &lag[0]["lag"]), (&json!("queue"), &json!(2)));
    let kept = lines(&sub(&["sub", "q", "-n", "2", "--keep", "-o", "json"]));
    assert_eq!(
        kept[0]["properties"],
        json!({"content_type": "text/plain", "headers": {"h": "1"}, "delivery_mode": 2, "priority": 3})
    );
    let shown = sub(&["sub", "q", "-n", "2"]);
    assert!(
        shown.contains("(default) q redelivered") && shown.contains(" h=1\na\n") && shown.ends_with("\nb\n"),
        "{shown}"
    );
    assert_eq!(broker.json(&["groups", "lag", "q"])[0]["lag"], 0);
    let refused = broker.run(&["sub", "q", "--from", "earliest", "--amqp", &broker.amqp]);
    assert_eq!(refused.code, Some(65));
    let nobody = broker.run(&["sub", "q", "--amqp", "127.0.0.1:1"]);
    assert!(nobody.code == Some(69) && nobody.err.contains("--amqp"), "{nobody:?}");
}

#[test]
fn an_exchange_is_followed_through_a_queue_of_ones_own() {
    let broker = Broker::start();
    let dropped = broker.run(&["pub", "--exchange", "amq.topic", "--routing-key", "a.b", "-m", "x"]);
    assert!(dropped.code == Some(65) && dropped.err.contains("no queue is bound"), "{dropped:?}");
    let words =
        ["sub", "--exchange", "amq.topic", "--routing-key", "a.#", "-n", "1", "-o", "json", "--amqp", &broker.amqp];
    let mut child = broker.command(&words).stdout(Stdio::piped()).spawn().unwrap();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    // Until it is bound nothing is routed.
    while broker.run(&["pub", "--exchange", "amq.topic", "--routing-key", "a.b", "-m", "hi"]).code != Some(0) {}
    let mut line = String::new();
    out.read_line(&mut line).unwrap();
    let message: Value = serde_json::from_str(&line).unwrap();
    assert_eq!((&message["exchange"], &message["routing_key"]), (&json!("amq.topic"), &json!("a.b")));
    assert_eq!(message["payload"], "hi");
    assert!(child.wait().unwrap().success());
    let unknown = broker.run(&["sub", "--exchange", "nope", "--amqp", &broker.amqp]);
    assert!(unknown.code == Some(65) && unknown.err.contains("no exchange 'nope'"), "{unknown:?}");
}

#[test]
fn arguments_that_make_no_sense_are_refused() {
    let broker = Broker::start();
    broker.good(&["topics", "create", "t"]);
    for (words, code) in [
        (&["pub"][..], 2),
        (&["pub", "t", "--exchange", "x"], 2),
        (&["pub", "t", "--tombstone"], 2),
        (&["sub"], 2),
        (&["pub", "t", "-m", "x", "-P", "priority=1"], 65),
        (&["pub", "t", "-m", "x", "--partition", "7"], 65),
        (&["sub", "t", "--keep"], 65),
        (&["pub", "t", "--file", "/nowhere/at/all"], 65),
    ] {
        let said = broker.run(words);
        assert!(said.code == Some(code) && said.out.is_empty() && !said.err.is_empty(), "{words:?}: {said:?}");
    }
}

fn http_put(broker: &Broker, path: &str, body: &str) {
    use std::io::{Read, Write};
    let mut stream = std::net::TcpStream::connect(&broker.http).unwrap();
    let login = "authorization: Basic Z3Vlc3Q6Z3Vlc3Q=";
    let head = format!(
        "PUT {path} HTTP/1.1\r\nhost: x\r\n{login}\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all((head + body).as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 201"), "{answer}");
}
