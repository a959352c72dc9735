//! Vhosts, users, queues, exchanges, bindings: declared, listed, refused, deleted.

mod support;

use narumq_broker::{Declared, QueueSpec, Turn};
use narumq_model::SessionId;
use serde_json::{Value, json};
use support::{Client, Known, NOW, broker, door, vhost};

fn reason(answer: &support::Answer) -> Value {
    answer.json()["reason"].clone()
}

#[test]
fn logins_are_checked_and_tags_respected() {
    let (broker, door) = (broker(), door(&Known::default()));
    let mut client = Client::open(&broker, &door);
    assert_eq!(client.get("/api/whoami"), json!({"name": "guest", "tags": ["administrator"]}));
    client.login = "";
    let answer = client.ask("GET", "/api/overview", "");
    assert_eq!((answer.status, answer.body.as_str()), (401, ""));
    assert!(answer.head.contains("www-authenticate: Basic realm="));
    assert_eq!(client.ask("GET", "/healthz", "").status, 200);
    client.login = "Authorization: Basic Z3Vlc3Q6YmFk\r\n"; // guest:bad
    let answer = client.ask("GET", "/api/whoami", "");
    assert_eq!((answer.status, answer.body.as_str()), (401, r#"{"error":"not_authorized","reason":"Login failed"}"#));
    client.login = "Authorization: Basic bm9uZTp4\r\n"; // none:x
    assert_eq!(reason(&client.ask("GET", "/api/whoami", "")), "Not management user");
    client.login = "Authorization: Basic dHdvOng=\r\n"; // two:x
    assert_eq!(reason(&client.ask("GET", "/api/users", "")), "Not administrator user");
    assert_eq!(client.get("/api/queues"), json!([]));
    assert_eq!(client.get("/api/nodes")[0]["name"], "node1");
}

#[test]
fn a_queue_is_declared_listed_and_deleted() {
    let (broker, door) = (broker(), door(&Known::default()));
    let mut client = Client::open(&broker, &door);
    let body = r#"{"durable":true,"arguments":{"x-message-ttl":60000,"note":"n"}}"#;
    assert_eq!(client.ask("PUT", "/api/queues/%2F/a%20b", body).status, 201);
    assert_eq!(client.ask("PUT", "/api/queues/%2F/a%20b", body).status, 204);
    let queue = client.get("/api/queues/%2F/a%20b");
    for (field, value) in [
        ("name", json!("a b")),
        ("vhost", json!("/")),
        ("durable", json!(true)),
        ("auto_delete", json!(false)),
        ("exclusive", json!(false)),
        ("arguments", json!({"x-message-ttl": 60000, "note": "n"})),
        ("type", json!("classic")),
        ("state", json!("running")),
        ("node", json!("node1")),
        ("messages", json!(0)),
        ("messages_ready", json!(0)),
        ("messages_unacknowledged", json!(0)),
        ("consumers", json!(0)),
        ("policy", Value::Null),
        ("durability", json!("fsync")),
    ] {
        assert_eq!(queue[field], value, "{field}");
    }
    assert_eq!(client.get("/api/queues?columns=name"), json!([{"name": "a b"}]));
    assert_eq!(client.get("/api/queues/%2F?page=1&columns=name")["items"], json!([{"name": "a b"}]));
    assert_eq!(client.ask("DELETE", "/api/queues/%2F/a%20b", "").status, 204);
    let gone = client.ask("GET", "/api/queues/%2F/a%20b", "");
    assert_eq!((gone.status, gone.body.as_str()), (404, r#"{"error":"Object Not Found","reason":"Not Found"}"#));
    assert_eq!(client.ask("DELETE", "/api/queues/%2F/a%20b", "").status, 404);
    assert_eq!(client.ask("DELETE", "/api/queues/%2F/a%20b/contents", "").status, 404);
}

#[test]
fn declarations_are_refused_in_known_words() {
    let (broker, door) = (broker(), door(&Known::default()));
    let mut client = Client::open(&broker, &door);
    assert_eq!(client.ask("PUT", "/api/queues/%2F/q1", r#"{"durable":true}"#).status, 201);
    for (path, body, status, reason_wanted) in [
        (
            "queues/%2F/q1",
            "{}",
            400,
            json!("inequivalent arg 'durable' for queue 'q1' in vhost '/': received 'false' but current is 'true'"),
        ),
        (
            "queues/%2F/q1",
            r#"{"durable":true,"arguments":{"x-expires":5}}"#,
            400,
            json!(
                "inequivalent arg 'x-expires' for queue 'q1' in vhost '/': received the value '5' of type 'long' but \
                 current is none"
            ),
        ),
        ("queues/%2F/q2", "{bad", 400, json!("not_json")),
        ("queues/%2F/q2", "[]", 400, json!("not_json")),
        ("queues/%2F/q2", r#"{"durable":"yes"}"#, 400, json!(["not_boolean", "yes"])),
        ("queues/%2F/q2", r#"{"arguments":5}"#, 400, json!("arguments_not_an_object")),
        ("queues/%2F/amq.foo", "", 401, json!("Access refused.")),
        ("queues/nosuch/q2", "", 404, json!("vhost_not_found")),
        ("exchanges/%2F/e2", r#"{"type":"bogus"}"#, 400, json!("unknown exchange type 'bogus'")),
        ("exchanges/%2F/amq.default", "", 401, json!("Access refused.")),
        ("exchanges/%2F/amq.x", "", 401, json!("Access refused.")),
        (
            "exchanges/%2F/amq.topic",
            r#"{"type":"fanout","durable":true}"#,
            400,
            json!(
                "inequivalent arg 'type' for exchange 'amq.topic' in vhost '/': received 'fanout' but current is 'topic'"
            ),
        ),
        (
            "exchanges/%2F/e2",
            r#"{"arguments":{"alternate-exchange":5}}"#,
            400,
            json!("invalid type 'long' for arg 'alternate-exchange' in exchange 'e2' in vhost '/'"),
        ),
    ] {
        let answer = client.ask("PUT", &format!("/api/{path}"), body);
        assert_eq!((answer.status, reason(&answer)), (status, reason_wanted), "{path} {body}");
    }
    assert_eq!(client.ask("PUT", "/api/exchanges/%2F/amq.topic", r#"{"type":"topic","durable":true}"#).status, 204);
    assert_eq!(client.ask("DELETE", "/api/exchanges/%2F/amq.topic", "").status, 401);
}

#[test]
fn bindings_are_made_named_listed_and_removed() {
    let (broker, door) = (broker(), door(&Known::default()));
    let mut client = Client::open(&broker, &door);
    client.ask("PUT", "/api/queues/%2F/q1", "");
    client.ask("PUT", "/api/exchanges/%2F/logs", r#"{"type":"fanout"}"#);
    let path = "/api/bindings/%2F/e/logs/q/q1";
    let made = client.ask("POST", path, r#"{"routing_key":"a b","arguments":{}}"#);
    assert_eq!(made.status, 201);
    assert!(made.head.contains("\r\nlocation: q1/a%2Bb\r\n"), "{}", made.head);
    assert_eq!(client.ask("POST", path, "").status, 201);
    assert_eq!(client.ask("POST", path, r#"{"arguments":{"x":1}}"#).status, 201);
    let bindings = client.get(path);
    assert_eq!(
        bindings[2].to_string(),
        r#"{"source":"logs","vhost":"/","destination":"q1","destination_type":"queue","routing_key":"a b","arguments":{},"properties_key":"a+b"}"#
    );
    assert_eq!(bindings[0]["properties_key"], "~");
    for name in ["a+b", "a%20b", "a%2Bb", "a%2520b"] {
        assert_eq!(client.get(&format!("{path}/{name}"))["routing_key"], "a b", "{name}");
    }
    let listed = client.get("/api/bindings/%2F").as_array().unwrap().len();
    assert_eq!(listed, 4, "the queue's own one too");
    assert_eq!(client.get("/api/queues/%2F/q1/bindings").as_array().unwrap().len(), 4);
    assert_eq!(client.get("/api/exchanges/%2F/logs/bindings/source").as_array().unwrap().len(), 3);
    assert_eq!(client.get("/api/exchanges/%2F/logs/bindings/destination"), json!([]));
    let own = client.get("/api/bindings/%2F")[0].to_string();
    assert_eq!(
        own,
        r#"{"source":"","vhost":"/","destination":"q1","destination_type":"queue","routing_key":"q1","arguments":{},"properties_key":"q1"}"#
    );
    assert_eq!(client.get("/api/exchanges/%2F/amq.default/bindings/source").as_array().unwrap().len(), 1);
    assert_eq!(client.get("/api/exchanges/%2F/amq.default")["type"], "direct");
    let names = client.get("/api/exchanges/%2F?columns=name");
    assert_eq!(names, json!([{"name": ""}, {"name": "amq.fanout"}, {"name": "amq.topic"}, {"name": "logs"}]));
    let in_use = client.ask("DELETE", "/api/exchanges/%2F/logs?if-unused=true", "");
    assert_eq!(reason(&in_use), "exchange 'logs' in vhost '/' in use");
    let hashed = bindings.as_array().unwrap().iter().find(|b| b["arguments"] == json!({"x": 1})).unwrap();
    let key = hashed["properties_key"].as_str().unwrap().to_owned();
    for name in ["a+b", "~", &key] {
        assert_eq!(client.ask("DELETE", &format!("{path}/{name}"), "").status, 204, "{name}");
        assert_eq!(client.ask("DELETE", &format!("{path}/{name}"), "").status, 404, "{name}");
    }
    for (path, status, text) in [
        ("logs/q/nosuch", 404, "no queue 'nosuch' in vhost '/'"),
        ("nosuch/q/q1", 404, "no exchange 'nosuch' in vhost '/'"),
        ("amq.default/q/q1", 401, "Access refused."),
    ] {
        let answer = client.ask("POST", &format!("/api/bindings/%2F/e/{path}"), "{}");
        assert_eq!((answer.status, reason(&answer)), (status, json!(text)));
    }
}

#[test]
fn listings_show_connections_and_consumers() {
    let (broker, known) = (broker(), Known::default());
    let door = door(&known);
    let mut client = Client::open(&broker, &door);
    client.ask("PUT", "/api/queues/%2F/q1", "");
    let queue = broker.queues(&vhost(&broker))[0].id();
    let session = known.add_connection("guest", 40_001, queue, true);
    known.add_connection("two", 40_002, queue, false);
    let name = "127.0.0.1:40001 -> 127.0.0.1:5672";
    let connections = client.get("/api/connections?columns=name,user_provided_name,protocol,channels");
    assert_eq!(
        connections[0],
        json!({"name": name, "user_provided_name": "mine", "protocol": "AMQP 0-9-1", "channels": 1})
    );
    let path = format!("/api/connections/{}", narumq_door::http::percent_encode(name.as_bytes()));
    assert_eq!(client.get(&format!("{path}/channels"))[0]["name"], format!("{name} (1)"));
    assert_eq!(client.get("/api/channels").as_array().unwrap().len(), 2);
    let consumers = client.get("/api/consumers/%2F");
    assert_eq!(consumers[0]["queue"], json!({"name": "q1", "vhost": "/"}));
    assert_eq!(consumers[0]["channel_details"]["connection_name"], name);
    assert_eq!(client.get("/api/queues/%2F/q1")["exclusive_consumer_tag"], "tag1");
    assert_eq!(client.get("/api/queues/%2F/q1")["consumer_details"].as_array().unwrap().len(), 2);
    assert_eq!(client.get("/api/overview")["object_totals"]["channels"], 2);

    assert_eq!(client.ask("DELETE", "/api/connections/nosuch", "").status, 404);
    assert_eq!(client.ask("DELETE", &path, "").status, 204);
    let (to, event) = client.posted.pop().expect("an event for the connection");
    assert_eq!(to, session);
    assert!(matches!(event, narumq_broker::Event::Kick(reason) if reason == "Closed via management plugin"));
}

#[test]
fn what_a_door_keeps_for_itself_is_in_no_listing() {
    let (broker, known) = (broker(), Known::default());
    let door = door(&known);
    let mut client = Client::open(&broker, &door);
    client.ask("PUT", "/api/queues/%2F/q1", "");
    let owner = SessionId { worker: 0, index: 9, generation: 1 };
    let spec = QueueSpec { name: Some("amq.hidden.1".into()), exclusive: true, ..QueueSpec::default() };
    let (declared, _) = broker.declare_queue(&vhost(&broker), spec, owner, &mut Turn::new(NOW, None)).unwrap();
    let Declared::Created(hidden) = declared else { panic!("it is new") };
    known.add_connection("guest", 40_001, hidden.id(), false);

    assert_eq!(broker.queues(&vhost(&broker)).len(), 2, "it is there all the same");
    assert_eq!(client.get("/api/queues?columns=name"), json!([{"name": "q1"}]));
    assert_eq!(client.get("/api/queues/%2F?columns=name"), json!([{"name": "q1"}]));
    assert_eq!(client.get("/api/bindings?columns=destination"), json!([{"destination": "q1"}]));
    assert_eq!(client.get("/api/exchanges/%2F/amq.default/bindings/source").as_array().unwrap().len(), 1);
    assert_eq!(client.get("/api/consumers"), json!([]));
    assert_eq!(client.get("/api/overview")["object_totals"]["queues"], 1);
    assert!(client.ask("GET", "/metrics", "").body.contains("\nrabbitmq_queues 1\n"));
    for path in ["", "/bindings"] {
        assert_eq!(client.ask("GET", &format!("/api/queues/%2F/amq.hidden.1{path}"), "").status, 404);
    }
}

#[test]
fn paths_have_methods() {
    let (broker, door) = (broker(), door(&Known::default()));
    let mut client = Client::open(&broker, &door);
    let answer = client.ask("POST", "/api/overview", "{}");
    assert_eq!(answer.status, 405);
    assert!(answer.head.contains("allow: HEAD, GET, OPTIONS"));
    assert_eq!(client.ask("PUT", "/api/queues/%2F/", "{}").status, 405);
    assert_eq!(client.ask("OPTIONS", "/api/queues/%2F", "").status, 200);
    assert_eq!(client.ask("GET", "/api/bogus", "").status, 404);
    assert_eq!(client.ask("GET", "/bogus", "").status, 404);
    let head = client.ask("HEAD", "/api/whoami", "");
    assert!(head.status == 200 && head.body.is_empty() && head.head.contains("content-length: 41"), "{head:?}");
    let definitions = client.get("/api/definitions");
    assert_eq!(definitions["vhosts"], json!([{"name": "/"}]));
    assert_eq!(definitions["permissions"][0]["configure"], ".*");
    assert_eq!(definitions["exchanges"], json!([]));
    assert_eq!(client.get("/api/vhosts/%2F")["name"], "/");
    let two = client.get("/api/users/two");
    assert_eq!(two["tags"], json!(["monitoring"]));
    assert_eq!(two["password_hash"].as_str().map(|hash| (hash.len(), &hash[..5])), Some((48, "BwcHB")));
    assert_eq!(client.get("/api/permissions/%2F/guest")["read"], ".*");
    assert_eq!(client.ask("GET", "/api/permissions/%2F/nobody", "").status, 404);
}
