//! DescribeConfigs: settings of topics and of the broker, their sources, and what is refused.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod harness;

use harness::Stage;
use harness::admin::{BROKER, TOPIC, alter_all, create, fine, seen};
use narumq_broker::Settings as BrokerSettings;
use narumq_broker::group::GroupSettings;
use narumq_kafka::codec::messages::configs::{
    DescribeConfigsRequest, DescribeConfigsResource, DescribeConfigsResponse, DescribeConfigsResult,
};
use narumq_kafka::{Advertised, Sasl, Settings};
use std::sync::Arc;

fn resource<'a>((kind, name): (i8, &'a str), keys: Option<&[&'a str]>) -> DescribeConfigsResource<'a> {
    let configuration_keys = keys.map(<[&str]>::to_vec);
    DescribeConfigsResource { resource_type: kind, resource_name: name, configuration_keys }
}

fn describe<T>(
    stage: &mut Stage,
    version: i16,
    asked: DescribeConfigsResource<'_>,
    look: impl FnOnce(&DescribeConfigsResult<'_>) -> T,
) -> T {
    let request =
        DescribeConfigsRequest { resources: vec![asked], include_synonyms: true, include_documentation: true };
    let answer = stage.call(version, &request);
    let response: DescribeConfigsResponse<'_> = answer.read();
    look(&response.results[0])
}

fn stage() -> Stage {
    let mut stage = Stage::new();
    assert_eq!(create(&mut stage, "t", &[("cleanup.policy", "compact"), ("retention.ms", "5")]), fine());
    stage
}

#[test]
fn every_setting_of_a_topic_has_a_type_and_a_text() {
    let mut stage = stage();
    describe(&mut stage, 4, resource((TOPIC, "t"), None), |told| {
        assert_eq!((told.error_code, told.error_message, told.configs.len()), (0, None, 37));
        for config in &told.configs {
            assert!((1..=7).contains(&config.config_type), "{config:?}");
            assert!(config.documentation.is_some_and(|text| text.len() > 20), "{config:?}");
            assert_eq!((config.is_sensitive, config.read_only), (false, config.name == "durability"));
        }
    });
}

#[test]
fn values_come_from_the_topic_or_by_default_from_the_broker() {
    let mut stage = stage();
    let keys = ["cleanup.policy", "retention.ms", "segment.bytes", "no.such"];
    describe(&mut stage, 4, resource((TOPIC, "t"), Some(&keys)), |told| {
        let row = |at: usize| {
            let config = &told.configs[at];
            let synonyms = config.synonyms.iter().map(|s| (s.name, s.value.unwrap(), s.source)).collect();
            (config.name, config.value.unwrap(), config.config_source, config.config_type, synonyms)
        };
        let policy = vec![("cleanup.policy", "compact", 1), ("log.cleanup.policy", "delete", 5)];
        assert_eq!(row(0), ("cleanup.policy", "compact", 1, 7, policy));
        assert_eq!(row(1), ("retention.ms", "5", 1, 5, vec![("retention.ms", "5", 1)]));
        let bytes = vec![("log.segment.bytes", "1073741824", 5)];
        assert_eq!(row(2), ("segment.bytes", "1073741824", 5, 3, bytes));
        assert_eq!(told.configs.len(), 3);
    });
}

#[test]
fn each_version_tells_what_it_knows() {
    let mut stage = stage();
    for version in 0..=4 {
        let keys = ["retention.ms", "segment.ms"];
        describe(&mut stage, version, resource((TOPIC, "t"), Some(&keys)), |told| {
            let [given, default] = &told.configs[..] else { panic!("{told:?}") };
            assert_eq!((given.value, default.value), (Some("5"), Some("604800000")));
            assert_eq!((given.is_default, default.is_default), (false, version == 0));
            let sources = if version == 0 { (-1, -1) } else { (1, 5) };
            assert_eq!((given.config_source, default.config_source), sources);
            assert_eq!(given.synonyms.len(), usize::from(version > 0));
            assert_eq!(
                (given.config_type, given.documentation.is_some()),
                if version < 3 { (0, false) } else { (5, true) }
            );
        });
    }
}

#[test]
fn what_is_not_asked_for_is_left_out() {
    let mut stage = stage();
    let resources = vec![resource((TOPIC, "t"), Some(&["retention.ms"])), resource((BROKER, "1"), Some(&[]))];
    let answer = stage.call(4, &DescribeConfigsRequest { resources, ..Default::default() });
    let response: DescribeConfigsResponse<'_> = answer.read();
    let config = &response.results[0].configs[0];
    assert!(config.synonyms.is_empty() && config.documentation.is_none());
    assert_eq!((response.results[1].error_code, response.results[1].configs.len()), (0, 0));
}

#[test]
fn the_broker_tells_what_tools_ask_for() {
    let settings = Settings {
        partitions: 4,
        auto_create: false,
        node_id: 7,
        log_dir: "/data/log".into(),
        advertised: Some(Advertised { host: "::1".into(), port: 19_092 }),
        ..Settings::default()
    };
    let mut stage = Stage::with(settings, Default::default());
    let mut told = |name: &str| seen(&mut stage, (BROKER, "7"), name);
    let text = |value: &str| Some(value.to_owned());
    for (name, value, source) in [
        ("message.max.bytes", text("1048588"), 5),
        ("log.retention.hours", text("168"), 5),
        ("log.retention.ms", None, 5),
        ("auto.create.topics.enable", text("false"), 4),
        ("num.partitions", text("4"), 4),
        ("default.replication.factor", text("1"), 5),
        ("offsets.retention.minutes", text("10080"), 5),
        ("node.id", text("7"), 4),
        ("log.dirs", text("/data/log"), 4),
        ("advertised.listeners", text("PLAINTEXT://[::1]:19092"), 4),
        ("delete.topic.enable", text("true"), 5),
        ("min.insync.replicas", text("1"), 5),
    ] {
        assert_eq!(told(name), (value, source, true), "{name}");
    }
    describe(&mut stage, 4, resource((BROKER, "7"), Some(&["num.partitions"])), |told| {
        let synonyms: Vec<_> = told.configs[0].synonyms.iter().map(|s| (s.name, s.value.unwrap(), s.source)).collect();
        assert_eq!(synonyms, [("num.partitions", "4", 4), ("num.partitions", "1", 5)]);
    });
}

#[test]
fn how_one_logs_in_and_where_one_is_is_told() {
    let text = |value: &str| Some(value.to_owned());
    let advertised = Some(Advertised { host: "broker.example".into(), port: 19_092 });
    for (sasl, mechanisms, source, scheme) in
        [(Sasl::Off, "", 4, "PLAINTEXT"), (Sasl::RequiredFromAfar, "PLAIN,SCRAM-SHA-256,SCRAM-SHA-512", 4, "PLAINTEXT")]
    {
        let settings = Settings { sasl, advertised: advertised.clone(), ..Settings::default() };
        let mut stage = Stage::with(settings, BrokerSettings::default());
        let mut told = |name: &str| seen(&mut stage, (BROKER, "1"), name);
        assert_eq!(told("sasl.enabled.mechanisms"), (text(mechanisms), source, true));
        assert_eq!(told("sasl.server.max.receive.size"), (text("524288"), 5, true));
        assert_eq!(told("connections.max.reauth.ms"), (text("0"), 5, true));
        assert_eq!(told("advertised.listeners").0, text(&format!("{scheme}://broker.example:19092")));
        assert_eq!(told("listeners").0, text(&format!("{scheme}://127.0.0.1:9092")));
    }
}

#[test]
fn what_groups_may_do_is_told_as_it_is() {
    let groups =
        Arc::new(GroupSettings { session_timeout_ms_min: 50, offsets_retention_ms: 60_000, ..Default::default() });
    let mut stage = Stage::with(Settings::default(), BrokerSettings { groups, ..BrokerSettings::default() });
    for (name, value) in [("group.min.session.timeout.ms", "50"), ("offsets.retention.minutes", "1")] {
        assert_eq!(seen(&mut stage, (BROKER, "1"), name), (Some(value.into()), 4, true));
    }
}

#[test]
fn what_is_given_to_all_brokers_is_nothing() {
    let mut stage = stage();
    describe(&mut stage, 4, resource((BROKER, ""), None), |told| {
        assert_eq!((told.error_code, told.configs.len()), (0, 0));
    });
}

#[test]
fn what_has_no_settings_is_refused() {
    let mut stage = stage();
    for (asked, code, text) in [
        ((TOPIC, "nope"), 3, "This server does not host this topic-partition."),
        ((TOPIC, ""), 17, "Topic name is invalid: the empty string is not allowed"),
        ((BROKER, "7"), 42, "Unexpected broker id, expected 1 or empty string, but received 7"),
        ((BROKER, "x"), 42, "Broker id must be an integer, but it is: x"),
        ((8, "1"), 42, "Unsupported resource type BROKER_LOGGER: loggers have no levels here"),
        ((16, "m"), 42, "Unsupported resource type CLIENT_METRICS: clients are not asked for metrics"),
        ((32, "g"), 42, "Unsupported resource type GROUP: groups have no settings of their own"),
        ((0, "x"), 42, "Unknown resource type 0"),
        ((-1, "x"), 42, "Unknown resource type -1"),
    ] {
        describe(&mut stage, 4, resource(asked, None), |told| {
            assert_eq!((told.error_code, told.error_message), (code, Some(text)));
            assert_eq!((told.resource_type, told.resource_name, told.configs.len()), (asked.0, asked.1, 0));
        });
    }
}

#[test]
fn an_answer_has_an_end_however_much_is_asked_for() {
    let mut stage = stage();
    let long = "0:1,".repeat(8_000) + "0:1";
    let throttled = ["leader.replication.throttled.replicas", "follower.replication.throttled.replicas"];
    let changes = throttled.map(|name| (name, 0, Some(&*long)));
    assert_eq!(alter_all(&mut stage, &[(TOPIC, "t", &changes)], false), [fine()]);
    let resources = vec![resource((TOPIC, "t"), None); 3_000];
    let answer = stage.call(4, &DescribeConfigsRequest { resources, ..Default::default() });
    let response: DescribeConfigsResponse<'_> = answer.read();
    assert_eq!((response.results.len(), response.results[0].error_code), (3_000, 0));
    let last = &response.results[2_999];
    assert_eq!((last.error_code, last.error_message), (42, Some("Too many resources in one request.")));
}
