//! CreateTopics: names, partitions, replicas and settings, with the codes and texts that clients show.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod harness;

use harness::Stage;
use harness::admin::{DELETE, Outcome, SET, TOPIC, alter, create, create_all, fine, seen, topic, value};
use narumq_broker::{QueueSpec, Settings as BrokerSettings, Turn};
use narumq_kafka::Settings;
use narumq_kafka::codec::Uuid;
use narumq_kafka::codec::messages::metadata::{MetadataRequest, MetadataRequestTopic, MetadataResponse};
use narumq_kafka::codec::messages::topics::{
    CreatableReplicaAssignment, CreatableTopic, CreatableTopicConfig, CreateTopicsRequest, CreateTopicsResponse,
};
use narumq_model::{Durability, SessionId};

fn one(stage: &mut Stage, topic: CreatableTopic<'_>) -> Outcome {
    create_all(stage, vec![topic], false).remove(0)
}

fn refused(code: i16, text: &str) -> Outcome {
    (code, text.to_owned())
}

/// Partitions of a topic as clients are told; `None` if it is not there.
fn partitions(stage: &mut Stage, name: &str) -> Option<usize> {
    let asked = MetadataRequestTopic { name: Some(name), ..Default::default() };
    let request = MetadataRequest { topics: Some(vec![asked]), allow_auto_topic_creation: false, ..Default::default() };
    let answer = stage.call(12, &request);
    let response: MetadataResponse<'_> = answer.read();
    (response.topics[0].error_code == 0).then(|| response.topics[0].partitions.len())
}

#[test]
fn a_topic_is_told_with_all_its_settings_and_keeps_them_over_a_restart() {
    let mut stage = Stage::new();
    let settings = [("retention.ms", "1000"), ("cleanup.policy", "compact,delete"), ("validate", "records")];
    let asked = CreatableTopic { num_partitions: 3, ..topic("orders", &settings) };
    let answer = stage.call(7, &CreateTopicsRequest { topics: vec![asked], ..Default::default() });
    let response: CreateTopicsResponse<'_> = answer.read();
    let told = &response.topics[0];
    assert_eq!((told.error_code, told.num_partitions, told.replication_factor), (0, 3, 1));
    assert_ne!(told.topic_id, Uuid::NONE);
    let configs = told.configs.as_ref().unwrap();
    assert!(configs.is_sorted_by(|a, b| a.name < b.name));
    let given = configs.iter().filter(|c| c.config_source == 1).map(|c| (c.name, c.value.unwrap()));
    let mut expected = settings;
    expected.sort_unstable();
    assert!(given.eq(expected), "{configs:?}");
    assert!(configs.iter().any(|c| (c.name, c.value, c.config_source) == ("segment.bytes", Some("1073741824"), 5)));
    stage.restart();
    assert_eq!(partitions(&mut stage, "orders"), Some(3));
    assert_eq!(value(&mut stage, "orders", "cleanup.policy"), "compact,delete");
    assert_eq!(value(&mut stage, "orders", "validate"), "records");
}

#[test]
fn older_versions_are_answered_without_what_they_do_not_know() {
    let mut stage = Stage::new();
    for version in 0..=7 {
        let name = format!("v{version}");
        let request = CreateTopicsRequest { topics: vec![topic(&name, &[])], ..Default::default() };
        let answer = stage.call(version, &request);
        let response: CreateTopicsResponse<'_> = answer.read();
        let told = &response.topics[0];
        assert_eq!((told.name, told.error_code, told.num_partitions), (&*name, 0, if version < 5 { -1 } else { 1 }));
    }
}

#[test]
fn names_are_checked() {
    let mut stage = Stage::new();
    let long = "a".repeat(250);
    let characters = "contains one or more characters other than ASCII alphanumerics, '.', '_' and '-'";
    for (name, why) in [
        ("", "the empty string is not allowed".to_owned()),
        (".", "'.' is not allowed".to_owned()),
        ("..", "'..' is not allowed".to_owned()),
        (&long, format!("the length of '{long}' is longer than the max allowed length 249")),
        ("bad name", format!("'bad name' {characters}")),
        ("ü", format!("'ü' {characters}")),
    ] {
        let text = format!("Topic name is invalid: {why}");
        assert_eq!(create(&mut stage, name, &[]), refused(17, &text));
    }
    assert_eq!(create(&mut stage, &"a".repeat(249), &[]), fine());
}

#[test]
fn names_that_exist_or_collide_are_refused() {
    let mut stage = Stage::new();
    assert_eq!(create(&mut stage, "a.b_c", &[]), fine());
    assert_eq!(create(&mut stage, "a.b_c", &[]), refused(36, "Topic 'a.b_c' already exists."));
    let text = "Topic 'a_b.c' collides with existing topic: a.b_c";
    assert_eq!(create(&mut stage, "a_b.c", &[]), refused(17, text));
    assert_eq!(create(&mut stage, "a-b-c", &[]), fine());
    let twice = create_all(&mut stage, vec![topic("twice", &[]), topic("twice", &[])], false);
    assert_eq!(twice, [refused(42, "Duplicate topic name.")]);
    assert_eq!(partitions(&mut stage, "twice"), None);
}

#[test]
fn the_name_of_a_queue_of_another_kind_is_taken() {
    let mut stage = Stage::new();
    let mut turn = Turn::new(stage.now, Some(0));
    let vhost = stage.broker.default_vhost().unwrap();
    let spec = QueueSpec { name: Some("jobs".into()), durable: true, ..QueueSpec::default() };
    let session = SessionId { worker: 0, index: 0, generation: 1 };
    stage.broker.declare_queue(&vhost, spec, session, &mut turn).unwrap();
    stage.broker.end_turn(&mut turn);
    let text = "Topic 'jobs' cannot be created: a queue of another kind has this name";
    assert_eq!(create(&mut stage, "jobs", &[]), refused(17, text));
}

#[test]
fn partitions_are_counted() {
    let mut stage = Stage::new();
    let mut asked = |num_partitions| one(&mut stage, CreatableTopic { num_partitions, ..topic("t", &[]) });
    let text = "Number of partitions was set to an invalid non-positive value.";
    assert_eq!([asked(0), asked(-2)], [refused(37, text), refused(37, text)]);
    assert_eq!(asked(10_001), refused(44, "Excessively large number of partitions per request."));
    assert_eq!(asked(12), fine());
    assert_eq!(partitions(&mut stage, "t"), Some(12));
    let halves = ["a", "b"].map(|name| CreatableTopic { num_partitions: 5_001, ..topic(name, &[]) });
    let many = create_all(&mut stage, halves.to_vec(), false);
    assert!(many.iter().all(|(code, _)| *code == 44), "{many:?}");
}

#[test]
fn partitions_are_assigned_to_this_broker_only() {
    let mut stage = Stage::new();
    let mut asked = |assigned: &[(i32, &[i32])], numbers: (i32, i16)| {
        let assignment = |(partition_index, brokers): &(i32, &[i32])| CreatableReplicaAssignment {
            partition_index: *partition_index,
            broker_ids: brokers.to_vec(),
        };
        let assignments = assigned.iter().map(assignment).collect();
        let (num_partitions, replication_factor) = numbers;
        one(&mut stage, CreatableTopic { num_partitions, replication_factor, assignments, ..topic("t", &[]) })
    };
    let unset = (-1, -1);
    let what = "A manual partition assignment was specified, but";
    let includes = "The manual partition assignment includes";
    for (assigned, numbers, code, text) in [
        (&[(0, &[1][..])][..], (1, -1), 42, format!("{what} numPartitions was not set to -1.")),
        (&[(0, &[1])], (-1, 1), 42, format!("{what} replication factor was not set to -1.")),
        (&[(0, &[1]), (2, &[1])], unset, 39, "partitions should be a consecutive 0-based integer sequence".into()),
        (&[(0, &[1]), (0, &[1])], unset, 39, "Found multiple manual partition assignments for partition 0".into()),
        (&[(0, &[7])], unset, 39, format!("{includes} broker 7, but no such broker is registered.")),
        (&[(0, &[1, 1])], unset, 39, format!("{includes} the broker 1 more than once.")),
        (&[(0, &[])], unset, 39, format!("{includes} an empty replica list.")),
    ] {
        assert_eq!(asked(assigned, numbers), refused(code, &text));
    }
    assert_eq!(asked(&[(1, &[1]), (0, &[1])], unset), fine());
    assert_eq!(partitions(&mut stage, "t"), Some(2));
}

#[test]
fn more_replicas_are_accepted_and_kept_out_of_sight_or_refused() {
    let mut stage = Stage::new();
    let three = || CreatableTopic { replication_factor: 3, ..topic("t", &[]) };
    let answer = stage.call(7, &CreateTopicsRequest { topics: vec![three()], ..Default::default() });
    let response: CreateTopicsResponse<'_> = answer.read();
    assert_eq!((response.topics[0].error_code, response.topics[0].replication_factor), (0, 3));
    let names: Vec<&str> = response.topics[0].configs.iter().flatten().map(|config| config.name).collect();
    assert!(names.iter().all(|name| !name.contains("replication.factor")), "{names:?}");
    let kept = |stage: &Stage| {
        let topic = stage.broker.topic(&stage.broker.default_vhost().unwrap(), "t").unwrap();
        topic.definition().settings.clone()
    };
    let replicas = (".replication.factor".into(), "3".into());
    assert_eq!(kept(&stage), std::slice::from_ref(&replicas));
    assert_eq!(alter(&mut stage, (TOPIC, "t"), &[("flush.ms", SET, Some("7"))]), fine());
    assert_eq!(alter(&mut stage, (TOPIC, "t"), &[(".replication.factor", DELETE, None)]), fine());
    assert_eq!(kept(&stage), [replicas, ("flush.ms".into(), "7".into())]);
    let hidden = create(&mut stage, "u", &[(".replication.factor", "9")]);
    assert_eq!(hidden, refused(40, "Unknown topic config name: .replication.factor"));
    for replication_factor in [0, -2] {
        let text = "Replication factor must be larger than 0, or -1 to use the default value.";
        assert_eq!(
            one(&mut stage, CreatableTopic { replication_factor, ..three() }),
            refused(36, "Topic 't' already exists.")
        );
        assert_eq!(one(&mut stage, CreatableTopic { name: "u", replication_factor, ..three() }), refused(38, text));
    }
    let strict = Settings { strict_replication: true, ..Settings::default() };
    let mut stage = Stage::with(strict, BrokerSettings::default());
    let text = "Unable to replicate the partition 3 time(s): The target replication factor of 3 cannot be reached \
                because only 1 broker(s) are registered.";
    assert_eq!(one(&mut stage, three()), refused(38, text));
}

#[test]
fn what_is_only_validated_does_not_come_to_be() {
    let mut stage = Stage::new();
    assert_eq!(create_all(&mut stage, vec![topic("t", &[("retention.ms", "5")])], true), [fine()]);
    assert_eq!(partitions(&mut stage, "t"), None);
    let invalid = create_all(&mut stage, vec![topic("t", &[("retention.ms", "x")])], true);
    assert_eq!(invalid[0].0, 40);
}

#[test]
fn a_setting_without_a_value_is_refused_and_of_two_the_last_counts() {
    let mut stage = Stage::new();
    let mut asked = topic("t", &[("retention.ms", "1"), ("retention.ms", "2")]);
    assert_eq!(one(&mut stage, asked.clone()), fine());
    assert_eq!(value(&mut stage, "t", "retention.ms"), "2");
    asked.name = "u";
    asked.configs.push(CreatableTopicConfig { name: "segment.ms", value: None });
    asked.configs.push(CreatableTopicConfig { name: "flush.ms", value: None });
    assert_eq!(one(&mut stage, asked), refused(40, "Null value not supported for topic configs: segment.ms,flush.ms"));
}

#[test]
fn durability_is_no_stronger_than_the_brokers() {
    let mut stage = Stage::new();
    assert_eq!(create(&mut stage, "weak", &[("durability", "os")]), fine());
    assert_eq!(seen(&mut stage, (TOPIC, "weak"), "durability"), (Some("os".into()), 1, true));
    assert_eq!(create(&mut stage, "usual", &[]), fine());
    assert_eq!(seen(&mut stage, (TOPIC, "usual"), "durability"), (Some("fsync".into()), 5, true));
    let settings = BrokerSettings { durability: Durability::Os, ..BrokerSettings::default() };
    let mut stage = Stage::with(Settings::default(), settings);
    let text = "The broker runs with durability os: no topic can promise fsync";
    assert_eq!(create(&mut stage, "strong", &[("durability", "fsync")]), refused(40, text));
    assert_eq!(create(&mut stage, "usual", &[]), fine());
    assert_eq!(seen(&mut stage, (TOPIC, "usual"), "durability"), (Some("os".into()), 4, true));
}
