//! Consumer groups over the management API: shown with lag and age, reset, deleted.

mod support;

use bytes::Bytes;
use narumq_broker::Turn;
use narumq_broker::group::{Caller, CommitRequest, Identity, JoinRequest, OffsetCommit, Protocol, SyncRequest};
use narumq_model::SessionId;
use serde_json::{Value, json};
use support::{Answer, Client, Known, NOW, broker, door, vhost};

const T: &str = "/api/topics/%2F/t";

fn reason(answer: &Answer) -> String {
    answer.json()["reason"].as_str().unwrap_or_default().to_owned()
}

fn publish(client: &mut Client<'_>, records: &Value) -> Value {
    let answer = client.ask("POST", &format!("{T}/publish"), &json!({ "records": records }).to_string());
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()
}

/// A member of group `g` that has partition 0 of topic `t`.
fn join(broker: &narumq_broker::Broker) -> Turn {
    let caller = Caller { session: SessionId { worker: 0, index: 9, generation: 1 }, request: 1 };
    let mut turn = Turn::new(NOW, None);
    let protocol = Protocol { name: "range".into(), metadata: Bytes::from_static(b"m") };
    let request = JoinRequest {
        member_id: "".into(),
        instance_id: Some("static-1".into()),
        fresh_id: "member-1".into(),
        require_known_member: false,
        skip_assignment: false,
        client_id: "app".into(),
        client_host: "/127.0.0.1".into(),
        session_timeout_ms: 10_000,
        rebalance_timeout_ms: 60_000,
        protocol_type: "consumer".into(),
        protocols: vec![protocol],
        topics: None,
    };
    broker.join_group((&vhost(broker), "g"), request, caller, &mut turn);
    let generation = broker.describe_group(&vhost(broker), "g").expect("it is there").generation;
    let identity = Identity { member_id: "member-1", instance_id: Some("static-1"), generation };
    let assignments = vec![("member-1", Bytes::from_static(b"t:0"))];
    let request = SyncRequest { identity, protocol_type: None, protocol: None, assignments };
    broker.sync_group((&vhost(broker), "g"), request, caller, &mut turn);
    turn
}

fn commit(broker: &narumq_broker::Broker, offset: i64) {
    let topic = broker.topic(&vhost(broker), "t").expect("it is there").definition().id;
    let identity = Identity { member_id: "", instance_id: None, generation: -1 };
    let one = OffsetCommit { topic, partition: 0, offset, leader_epoch: -1, metadata: "note".into() };
    let request = CommitRequest { identity, expires_at: None, offsets: vec![one] };
    let mut turn = Turn::new(NOW, None);
    broker.commit_offsets((&vhost(broker), "g"), request, &mut turn).expect("nobody is in it");
    broker.end_turn(&mut turn);
}

#[test]
fn a_group_is_shown_with_lag_and_age_reset_and_deleted() {
    let (broker, door) = (broker(), door(&Known::default()));
    let mut client = Client::open(&broker, &door);
    client.ask("PUT", T, "{}");
    publish(&mut client, &(0..10).map(|n| json!({"payload": "x", "timestamp": n * 1000})).collect());
    commit(&broker, 4);
    let group = client.get("/api/groups/%2F/g");
    for (field, value) in [
        ("state", json!("empty")),
        ("members", json!(0)),
        ("lag", json!(6)),
        ("oldest_age_ms", json!(0)),
        ("oldest_age_exact", json!(true)),
        ("partitions", json!(1)),
    ] {
        assert_eq!(group[field], value, "{field}");
    }
    let cursor = &group["cursors"][0];
    assert_eq!(
        (&cursor["topic"], &cursor["committed_offset"], &cursor["end_offset"]),
        (&json!("t"), &json!(4), &json!(10))
    );
    assert_eq!(cursor["metadata"], "note");
    assert_eq!(client.get("/api/groups")[0]["name"], "g");

    let reset = |client: &mut Client<'_>, body: &str| client.ask("POST", "/api/groups/%2F/g/offsets", body);
    for (body, offset) in [
        (r#"{"to":"latest","dry_run":true}"#, 10),
        (r#"{"to":{"shift":-3},"dry_run":true}"#, 1),
        (r#"{"to":{"shift":-30},"dry_run":true}"#, 0),
        (r#"{"to":{"time":2500},"dry_run":true}"#, 3),
        (r#"{"to":{"time":99000},"dry_run":true}"#, 10),
        (r#"{"to":{"offset":7},"topics":{"t":[0]}}"#, 7),
    ] {
        let answer = reset(&mut client, body);
        let row = json!({"topic": "t", "partition": 0, "before": 4, "offset": offset, "lag": 10 - offset});
        assert_eq!(answer.json(), json!([row]), "{body}");
    }
    assert_eq!(client.get("/api/groups/%2F/g")["lag"], 3);
    for (path, body, status, why) in [
        ("g", r#"{"to":"latest","topics":{"u":null}}"#, 404, "no topic 'u' in vhost '/'"),
        ("g", r#"{"to":"latest","topics":{"t":[1]}}"#, 404, "topic 't' has no partition 1"),
        ("h", r#"{"to":"latest"}"#, 404, "no group 'h' in vhost '/'"),
    ] {
        let answer = client.ask("POST", &format!("/api/groups/%2F/{path}/offsets"), body);
        assert_eq!((answer.status, reason(&answer).as_str()), (status, why));
    }
    assert_eq!(
        client.ask("POST", "/api/groups/%2F/new/offsets", r#"{"to":"earliest","topics":{"t":null}}"#).status,
        200
    );
    assert_eq!(client.get("/api/groups/%2F/new")["lag"], 10);
    assert_eq!(client.ask("DELETE", "/api/groups/%2F/new", "").status, 204);
    assert_eq!(client.ask("DELETE", "/api/groups/%2F/new", "").status, 404);
}

#[test]
fn a_group_with_members_is_neither_reset_nor_deleted() {
    let (broker, door) = (broker(), door(&Known::default()));
    let mut client = Client::open(&broker, &door);
    client.ask("PUT", T, "{}");
    commit(&broker, 0);
    let mut turn = join(&broker);
    broker.end_turn(&mut turn);
    let group = client.get("/api/groups/%2F/g");
    assert_eq!(
        (&group["state"], &group["protocol"], &group["members"]),
        (&json!("stable"), &json!("range"), &json!(1))
    );
    let member = &group["member_details"][0];
    assert_eq!((&member["member_id"], &member["instance_id"]), (&json!("member-1"), &json!("static-1")));
    assert_eq!(member["assignment"], json!([{"topic": "t", "partitions": [0]}]));
    let why = "group 'g' in vhost '/' has members: they must leave first";
    let reset = client.ask("POST", "/api/groups/%2F/g/offsets", r#"{"to":"latest"}"#);
    assert_eq!((reset.status, reason(&reset).as_str()), (400, why));
    let deleted = client.ask("DELETE", "/api/groups/%2F/g", "");
    assert_eq!((deleted.status, reason(&deleted).as_str()), (400, why));
}

#[test]
fn partitions_cursors_and_queues_have_metrics_under_both_names() {
    let (broker, door) = (broker(), door(&Known::default()));
    let mut client = Client::open(&broker, &door);
    client.ask("PUT", T, r#"{"partitions":2}"#);
    client.ask("PUT", "/api/queues/%2F/a%22b", "{}");
    let records: Value = (0..10).map(|_| json!({"payload": "x", "partition": 0})).collect();
    client.ask("POST", &format!("{T}/publish"), &json!({ "records": records }).to_string());
    client.ask("POST", &format!("{T}/trim"), r#"{"before":{"offset":2},"partitions":[0]}"#);
    commit(&broker, 4);
    let metrics = client.ask("GET", "/metrics", "").body;
    for line in [
        r#"narumq_topic_partition_start_offset{vhost="/",topic="t",partition="0"} 2"#,
        r#"narumq_topic_partition_end_offset{vhost="/",topic="t",partition="0"} 10"#,
        r#"narumq_topic_partition_end_offset{vhost="/",topic="t",partition="1"} 0"#,
        r#"narumq_group_lag{vhost="/",group="g",topic="t",partition="0"} 6"#,
        r#"narumq_group_oldest_age_seconds{vhost="/",group="g",topic="t",partition="0"} 0.000"#,
        r#"narumq_queue_lag{vhost="/",queue="a\"b"} 0"#,
        r#"narumq_queue_oldest_age_seconds{vhost="/",queue="a\"b"} 0.000"#,
        r#"kafka_topic_partition_oldest_offset{partition="0",topic="t"} 2"#,
        r#"kafka_topic_partition_current_offset{partition="0",topic="t"} 10"#,
        r#"kafka_topic_partitions{topic="t"} 2"#,
        r#"kafka_consumergroup_current_offset{consumergroup="g",partition="0",topic="t"} 4"#,
        r#"kafka_consumergroup_lag{consumergroup="g",partition="0",topic="t"} 6"#,
        r#"kafka_consumergroup_members{consumergroup="g"} 0"#,
        "kafka_brokers 1",
        "narumq_topic_partitions_untold 0",
        "# TYPE kafka_consumergroup_lag gauge",
    ] {
        assert!(metrics.lines().any(|l| l == line), "{line} is not in\n{metrics}");
    }
    let names: Vec<&str> =
        metrics.lines().filter(|l| !l.starts_with('#')).filter_map(|l| l.split(['{', ' ']).next()).collect();
    let mut families = names.clone();
    families.dedup();
    let all = families.len();
    families.sort_unstable();
    families.dedup();
    assert_eq!(families.len(), all, "all values of a name stand together");
}

#[test]
fn what_is_told_one_by_one_is_bounded() {
    let (broker, door) = (broker(), door(&Known::default()));
    let mut client = Client::open(&broker, &door);
    client.ask("PUT", T, r#"{"partitions":10000}"#);
    client.ask("PUT", "/api/topics/%2F/u", r#"{"partitions":7}"#);
    let metrics = client.ask("GET", "/metrics", "").body;
    assert!(metrics.contains("\nnarumq_topic_partitions_untold 7\n"));
    assert_eq!(metrics.lines().filter(|l| l.starts_with("kafka_topic_partition_current_offset{")).count(), 10_000);
}
