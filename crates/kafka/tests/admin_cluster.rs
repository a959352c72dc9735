//! The broker about itself: cluster, directories, access rules, epochs; and topics in pieces.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod harness;

use harness::Stage;
use harness::admin::{create, fine, topic};
use harness::records::{batch, produce};
use narumq_kafka::codec::messages::auth::{DescribeAclsRequest, DescribeAclsResponse};
use narumq_kafka::codec::messages::cluster::*;
use narumq_kafka::codec::messages::metadata::*;
use narumq_kafka::codec::messages::offsets::*;
use narumq_kafka::codec::messages::topics::{CreatableTopic, CreateTopicsRequest};
use narumq_kafka::records::Codec;

/// Topics with so many partitions.
fn stage(topics: &[(&str, i32)]) -> Stage {
    let mut stage = Stage::new();
    let topics = topics.iter().map(|(name, count)| CreatableTopic { num_partitions: *count, ..topic(name, &[]) });
    stage.call(7, &CreateTopicsRequest { topics: topics.collect(), ..Default::default() });
    stage
}

#[test]
fn all_that_is_answered_is_advertised() {
    let mut stage = Stage::new();
    let request = ApiVersionsRequest { client_software_name: "test", client_software_version: "1" };
    let answer = stage.call(3, &request);
    let response: ApiVersionsResponse<'_> = answer.read();
    for key in [19, 20, 23, 29, 32, 33, 35, 37, 44, 60, 75] {
        assert!(response.api_keys.iter().any(|told| told.api_key == key), "{key}");
    }
}

#[test]
fn the_cluster_is_one_broker() {
    let mut stage = Stage::new();
    for version in 0..=2 {
        let request =
            DescribeClusterRequest { include_cluster_authorized_operations: version > 0, ..Default::default() };
        let answer = stage.call(version, &request);
        let told: DescribeClusterResponse<'_> = answer.read();
        assert_eq!((told.error_code, told.cluster_id.len(), told.controller_id), (0, 22, 1));
        let broker = &told.brokers[0];
        assert_eq!((told.brokers.len(), broker.broker_id, broker.host, broker.port), (1, 1, "127.0.0.1", 9092));
        assert_eq!(told.cluster_authorized_operations, if version > 0 { 8096 } else { i32::MIN });
    }
    let wanted = "The request was sent to an endpoint of type BROKER, but we wanted an endpoint of type CONTROLLER";
    for (endpoint_type, code, text) in [(2, 114, wanted), (3, 115, "Unsupported endpoint type 3")] {
        let answer = stage.call(1, &DescribeClusterRequest { endpoint_type, ..Default::default() });
        let told: DescribeClusterResponse<'_> = answer.read();
        assert_eq!((told.error_code, told.error_message, told.brokers.len()), (code, Some(text), 0));
    }
}

#[test]
fn there_are_no_access_rules() {
    let mut stage = Stage::new();
    for version in 0..=3 {
        let answer = stage.call(version, &DescribeAclsRequest::default());
        let told: DescribeAclsResponse<'_> = answer.read();
        let text = Some("No Authorizer is configured on the broker");
        assert_eq!((told.error_code, told.error_message, told.resources.len()), (54, text, 0));
    }
}

#[test]
fn partitions_are_weighed() {
    let mut stage = stage(&[("a", 2), ("b", 1)]);
    let produced = batch(Codec::None, stage.now.0 as i64, &[("k", "v")]);
    assert_eq!(produce(&mut stage, "b", &produced).code, 0);
    let sizes = |stage: &mut Stage, topics| {
        let answer = stage.call(4, &DescribeLogDirsRequest { topics });
        let told: DescribeLogDirsResponse<'_> = answer.read();
        let [directory] = &told.results[..] else { panic!("{told:?}") };
        assert_eq!((told.error_code, directory.error_code, directory.log_dir), (0, 0, "log"));
        let sizes = |t: &DescribeLogDirsTopic<'_>| {
            t.partitions.iter().map(|p| (p.partition_index, p.partition_size)).collect::<Vec<_>>()
        };
        directory.topics.iter().map(|t| (t.name.to_owned(), sizes(t))).collect::<Vec<_>>()
    };
    let length = produced.len() as i64;
    assert_eq!(sizes(&mut stage, None), [("a".into(), vec![(0, 0), (1, 0)]), ("b".into(), vec![(0, length)])]);
    let asked = |topic, partitions: &[i32]| DescribableLogDirTopic { topic, partitions: partitions.to_vec() };
    let some = vec![asked("a", &[1, 7, -1]), asked("nope", &[0]), asked("b", &[9])];
    assert_eq!(sizes(&mut stage, Some(some)), [("a".into(), vec![(1, 0)])]);
    assert_eq!(sizes(&mut stage, Some(Vec::new())), []);
}

type Piece = (Vec<(i16, String, Vec<i32>)>, Option<(String, i32)>);

fn piece(stage: &mut Stage, names: &[&str], limit: i32, cursor: Option<(&str, i32)>) -> Piece {
    let request = DescribeTopicPartitionsRequest {
        topics: names.iter().map(|name| TopicRequest { name }).collect(),
        response_partition_limit: limit,
        cursor: cursor.map(|(topic_name, partition_index)| Cursor { topic_name, partition_index }),
    };
    let answer = stage.call(0, &request);
    let told: DescribeTopicPartitionsResponse<'_> = answer.read();
    let topics = told.topics.iter().map(|topic| {
        assert!(topic.partitions.iter().all(|p| p.leader_id == 1 && p.isr_nodes == [1] && p.replica_nodes == [1]));
        let numbers = topic.partitions.iter().map(|p| p.partition_index).collect();
        (topic.error_code, topic.name.unwrap_or_default().to_owned(), numbers)
    });
    (topics.collect(), told.next_cursor.as_ref().map(|c| (c.topic_name.to_owned(), c.partition_index)))
}

#[test]
fn topics_are_told_in_pieces() {
    let mut stage = stage(&[("a", 2), ("b", 4), ("c", 1)]);
    let whole = |name: &str, numbers: std::ops::Range<i32>| (0, name.to_owned(), numbers.collect::<Vec<_>>());
    let next = |name: &str, number| Some((name.to_owned(), number));
    let all = vec![whole("a", 0..2), whole("b", 0..4), whole("c", 0..1)];
    assert_eq!(piece(&mut stage, &[], 2000, None), (all.clone(), None));
    assert_eq!(piece(&mut stage, &["c", "b", "a", "b"], 2000, None), (all, None));
    assert_eq!(piece(&mut stage, &[], 3, None), (vec![whole("a", 0..2), whole("b", 0..1)], next("b", 1)));
    assert_eq!(piece(&mut stage, &[], 3, Some(("b", 1))), (vec![whole("b", 1..4)], next("c", 0)));
    assert_eq!(piece(&mut stage, &[], 3, Some(("c", 0))), (vec![whole("c", 0..1)], None));
    assert_eq!(piece(&mut stage, &["a", "b"], 2, None), (vec![whole("a", 0..2)], next("b", 0)));
    for limit in [0, -1] {
        assert_eq!(piece(&mut stage, &["a"], limit, None), (vec![whole("a", 0..1)], next("a", 1)));
    }
    // A topic that has gone, or partitions beyond the last: the listing goes on behind them.
    assert_eq!(piece(&mut stage, &[], 9, Some(("bb", 7))), (vec![whole("c", 0..1)], None));
    assert_eq!(piece(&mut stage, &["a"], 9, Some(("a", i32::MAX))), (vec![whole("a", 2..2)], None));
}

#[test]
fn what_is_wrong_with_a_listing_is_told() {
    let mut stage = stage(&[("a", 1)]);
    let told = piece(&mut stage, &["nope", "a", "a b"], 9, None).0;
    assert_eq!(told, [(0, "a".into(), vec![0]), (17, "a b".into(), vec![]), (3, "nope".into(), vec![])]);
    for cursor in [("nope", 0), ("a", -1)] {
        assert_eq!(piece(&mut stage, &["a"], 9, Some(cursor)), (vec![(42, "a".into(), vec![])], None));
    }
}

#[test]
fn epochs_end_where_the_next_one_begins() {
    let mut stage = stage(&[("t", 1)]);
    let write = |stage: &mut Stage| {
        let records = batch(Codec::None, stage.now.0 as i64, &[("k", "v"), ("k", "w")]);
        assert_eq!(produce(stage, "t", &records).code, 0);
    };
    let ask = |stage: &mut Stage, (topic, partition): (&str, i32), (current, asked): (i32, i32)| {
        let partition = OffsetForLeaderPartition { partition, current_leader_epoch: current, leader_epoch: asked };
        let topics = vec![OffsetForLeaderTopic { topic, partitions: vec![partition] }];
        let answer = stage.call(4, &OffsetForLeaderEpochRequest { replica_id: -1, topics });
        let told: OffsetForLeaderEpochResponse<'_> = answer.read();
        let told = &told.topics[0].partitions[0];
        (told.error_code, told.leader_epoch, told.end_offset)
    };
    let t = ("t", 0);
    let first = stage.broker.leader_epoch() as i32;
    assert_eq!(ask(&mut stage, t, (-1, first)), (0, first, 0));
    assert_eq!(ask(&mut stage, t, (-1, first - 1)), (0, -1, -1));
    write(&mut stage);
    stage.restart();
    let second = stage.broker.leader_epoch() as i32;
    assert_eq!(ask(&mut stage, t, (-1, second)), (0, second, 2), "nothing has been written in it yet");
    write(&mut stage);
    assert_eq!(ask(&mut stage, t, (-1, first)), (0, first, 2));
    assert_eq!(ask(&mut stage, t, (second, second)), (0, second, 4));
    assert_eq!(ask(&mut stage, t, (-1, first - 1)), (0, first - 1, 0));
    assert_eq!(ask(&mut stage, t, (-1, second + 9)), (0, -1, -1));
    assert_eq!(ask(&mut stage, t, (-1, -1)), (0, -1, -1));
    assert_eq!(ask(&mut stage, t, (first, first)), (74, -1, -1));
    assert_eq!(ask(&mut stage, t, (second + 1, first)), (75, -1, -1));
    assert_eq!(ask(&mut stage, ("t", 7), (-1, 0)), (3, -1, -1));
    assert_eq!(ask(&mut stage, ("nope", 0), (-1, 0)), (3, -1, -1));
}

#[test]
fn topics_come_by_being_asked_for_unless_their_name_collides() {
    let mut stage = Stage::new();
    assert_eq!(create(&mut stage, "a.b", &[]), fine());
    let ask = |stage: &mut Stage, names: &[&str], create| {
        let asked = names.iter().map(|name| MetadataRequestTopic { name: Some(name), ..Default::default() });
        let request = MetadataRequest {
            topics: Some(asked.collect()),
            allow_auto_topic_creation: create,
            include_topic_authorized_operations: true,
            include_cluster_authorized_operations: true,
        };
        let answer = stage.call(9, &request);
        let told: MetadataResponse<'_> = answer.read();
        assert_eq!(told.cluster_authorized_operations, 8096);
        assert!(told.topics.iter().all(|topic| topic.topic_authorized_operations == 3576 && !topic.is_internal));
        told.topics.iter().map(|topic| (topic.error_code, topic.partitions.len())).collect::<Vec<_>>()
    };
    assert_eq!(ask(&mut stage, &["a_b", "a b", "new", "new"], true), [(17, 0), (17, 0), (0, 1)]);
    assert_eq!(ask(&mut stage, &["a_b", "a b", "new", "other"], false), [(3, 0), (17, 0), (0, 1), (3, 0)]);
}
