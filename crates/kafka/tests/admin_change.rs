//! CreatePartitions and DeleteTopics: topics grow and go.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod harness;

use harness::Stage;
use harness::admin::{Outcome, create, fine, outcome};
use harness::records::{batch, produce};
use narumq_kafka::codec::Uuid;
use narumq_kafka::codec::messages::metadata::{MetadataRequest, MetadataResponse};
use narumq_kafka::codec::messages::topics::{
    CreatePartitionsAssignment, CreatePartitionsRequest, CreatePartitionsResponse, CreatePartitionsTopic,
    DeleteTopicState, DeleteTopicsRequest, DeleteTopicsResponse,
};
use narumq_kafka::records::Codec;

/// All topics: name, id, partitions.
fn topics(stage: &mut Stage) -> Vec<(String, Uuid, usize)> {
    let answer = stage.call(12, &MetadataRequest { topics: None, ..Default::default() });
    let told: MetadataResponse<'_> = answer.read();
    told.topics.iter().map(|t| (t.name.unwrap().to_owned(), t.topic_id, t.partitions.len())).collect()
}

fn refused(code: i16, text: &str) -> Outcome {
    (code, text.to_owned())
}

/// A topic, how many partitions it shall have, and the brokers of the new ones.
type More<'a> = (&'a str, i32, Option<&'a [&'a [i32]]>);

fn add(stage: &mut Stage, topics: &[More<'_>], validate_only: bool) -> Vec<Outcome> {
    let topics = topics.iter().map(|(name, count, assigned)| CreatePartitionsTopic {
        name,
        count: *count,
        assignments: assigned
            .map(|all| all.iter().map(|brokers| CreatePartitionsAssignment { broker_ids: brokers.to_vec() }).collect()),
    });
    let request = CreatePartitionsRequest { topics: topics.collect(), timeout_ms: 1000, validate_only };
    let answer = stage.call(3, &request);
    let told: CreatePartitionsResponse<'_> = answer.read();
    told.results.iter().map(|topic| outcome(topic.error_code, topic.error_message)).collect()
}

#[test]
fn a_topic_gets_more_partitions() {
    let mut stage = Stage::new();
    assert_eq!(create(&mut stage, "t", &[]), fine());
    let records = batch(Codec::None, stage.now.0 as i64, &[("k", "v")]);
    assert_eq!(produce(&mut stage, "t", &records).offset, 0);
    assert_eq!(add(&mut stage, &[("t", 9, None)], true), [fine()]);
    assert_eq!(topics(&mut stage)[0].2, 1);
    assert_eq!(add(&mut stage, &[("t", 3, None)], false), [fine()]);
    assert_eq!(add(&mut stage, &[("t", 4, Some(&[&[1]]))], false), [fine()]);
    stage.restart();
    assert_eq!(topics(&mut stage)[0].2, 4);
    assert_eq!(produce(&mut stage, "t", &records).offset, 1, "what is there stays");
}

#[test]
fn more_partitions_that_may_not_be_are_refused() {
    let mut stage = Stage::new();
    assert_eq!(create(&mut stage, "t", &[]), fine());
    assert_eq!(add(&mut stage, &[("t", 3, None)], false), [fine()]);
    let includes = "The manual partition assignment includes";
    let fewer = |count| format!("The topic t currently has 3 partition(s); {count} would not be an increase.");
    for (topic, code, text) in [
        (("t", 3, None), 37, "Topic already has 3 partition(s).".to_owned()),
        (("t", 1, None), 37, fewer(1)),
        (("t", -1, None), 37, fewer(-1)),
        (("t", 10_004, None), 44, "Excessively large number of partitions per request.".into()),
        (("t", i32::MAX, None), 44, "Excessively large number of partitions per request.".into()),
        (("nope", 3, None), 3, "This server does not host this topic-partition.".into()),
        (("t", 4, Some(&[&[7][..]][..])), 39, format!("{includes} broker 7, but no such broker is registered.")),
        (("t", 4, Some(&[&[]])), 39, format!("{includes} an empty replica list.")),
        (("t", 4, Some(&[&[1, 1]])), 39, format!("{includes} the broker 1 more than once.")),
        (
            ("t", 5, Some(&[&[1]])),
            39,
            "Attempted to add 2 additional partition(s), but only 1 assignment(s) were specified.".into(),
        ),
    ] {
        assert_eq!(add(&mut stage, &[topic], false), [refused(code, &text)]);
    }
    let twice = add(&mut stage, &[("t", 4, None), ("t", 5, None)], false);
    assert_eq!(twice, [refused(42, "Duplicate topic name.")]);
    assert_eq!(topics(&mut stage)[0].2, 3);
}

fn delete(stage: &mut Stage, asked: &[(Option<&str>, Uuid)]) -> Vec<(Option<String>, Uuid, Outcome)> {
    let topics = asked.iter().map(|(name, topic_id)| DeleteTopicState { name: *name, topic_id: *topic_id });
    let answer = stage.call(6, &DeleteTopicsRequest { topics: topics.collect(), ..Default::default() });
    let told: DeleteTopicsResponse<'_> = answer.read();
    let told = told.responses.iter();
    told.map(|t| (t.name.map(str::to_owned), t.topic_id, outcome(t.error_code, t.error_message))).collect()
}

#[test]
fn topics_go_by_name_and_by_id() {
    let mut stage = Stage::new();
    for name in ["a", "b", "c"] {
        assert_eq!(create(&mut stage, name, &[]), fine());
    }
    let ids: Vec<Uuid> = topics(&mut stage).iter().map(|topic| topic.1).collect();
    let told = delete(&mut stage, &[(Some("a"), Uuid::NONE), (None, ids[1])]);
    assert_eq!(told, [(Some("a".into()), ids[0], fine()), (Some("b".into()), ids[1], fine())]);
    stage.restart();
    assert_eq!(topics(&mut stage), [("c".into(), ids[2], 1)]);
    assert_eq!(create(&mut stage, "a", &[]), fine());
    assert_ne!(topics(&mut stage)[0].1, ids[0], "a topic that comes again is another one");
    assert_eq!(delete(&mut stage, &[(None, ids[0])])[0].2.0, 100);
}

#[test]
fn topics_that_cannot_go_are_told() {
    let mut stage = Stage::new();
    assert_eq!(create(&mut stage, "t", &[]), fine());
    let id = topics(&mut stage)[0].1;
    let other = Uuid([7; 16]);
    for (asked, code, text) in [
        ((Some("nope"), Uuid::NONE), 3, "This server does not host this topic-partition."),
        ((Some("a b"), Uuid::NONE), 3, "This server does not host this topic-partition."),
        ((None, other), 100, "This server does not host this topic ID."),
        ((None, Uuid::NONE), 42, "Neither topic name nor id were specified."),
        ((Some("t"), id), 42, "You may not specify both topic name and topic id."),
    ] {
        assert_eq!(delete(&mut stage, &[asked])[0].2, refused(code, text));
    }
    let name = (Some("t"), Uuid::NONE);
    assert_eq!(
        delete(&mut stage, &[name, name]).iter().map(|t| &t.2).collect::<Vec<_>>(),
        [&refused(42, "Duplicate topic name.")]
    );
    assert_eq!(delete(&mut stage, &[(None, id), (None, id)])[0].2, refused(42, "Duplicate topic id."));
    assert_eq!(topics(&mut stage).len(), 1);
    let request = DeleteTopicsRequest { topic_names: vec!["nope", "t"], ..Default::default() };
    let answer = stage.call(5, &request);
    let told: DeleteTopicsResponse<'_> = answer.read();
    assert_eq!(
        told.responses.iter().map(|t| (t.name, t.error_code)).collect::<Vec<_>>(),
        [(Some("nope"), 3), (Some("t"), 0)]
    );
}
