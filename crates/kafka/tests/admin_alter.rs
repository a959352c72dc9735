//! IncrementalAlterConfigs and AlterConfigs: settings change, one by one or all at once.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod harness;

use harness::Stage;
use harness::admin::{APPEND, BROKER, Change, DELETE, Outcome, SET, SUBTRACT, TOPIC};
use harness::admin::{alter, alter_all, create, fine, outcome, seen, value};
use narumq_kafka::codec::messages::configs::{
    AlterConfigsRequest, AlterConfigsResource, AlterConfigsResponse, AlterableConfig,
};

const T: (i8, &str) = (TOPIC, "t");

fn stage() -> Stage {
    let mut stage = Stage::new();
    assert_eq!(create(&mut stage, "t", &[]), fine());
    stage
}

fn refused(code: i16, text: &str) -> Outcome {
    (code, text.to_owned())
}

fn replace(stage: &mut Stage, resource: (i8, &str), settings: &[(&str, Option<&str>)], validate: bool) -> Outcome {
    let configs = settings.iter().map(|(name, value)| AlterableConfig { name, value: *value }).collect();
    let resource = AlterConfigsResource { resource_type: resource.0, resource_name: resource.1, configs };
    let answer = stage.call(2, &AlterConfigsRequest { resources: vec![resource], validate_only: validate });
    let response: AlterConfigsResponse<'_> = answer.read();
    outcome(response.responses[0].error_code, response.responses[0].error_message)
}

#[test]
fn a_setting_is_set_and_goes_back_to_its_default() {
    let mut stage = stage();
    assert_eq!(alter(&mut stage, T, &[("retention.ms", SET, Some("5000"))]), fine());
    assert_eq!(seen(&mut stage, T, "retention.ms"), (Some("5000".into()), 1, false));
    stage.restart();
    assert_eq!(value(&mut stage, "t", "retention.ms"), "5000");
    assert_eq!(alter(&mut stage, T, &[("retention.ms", DELETE, None)]), fine());
    assert_eq!(seen(&mut stage, T, "retention.ms"), (Some("604800000".into()), 5, false));
    assert_eq!(alter(&mut stage, T, &[("retention.ms", DELETE, None), ("never.was", DELETE, None)]), fine());
}

#[test]
fn words_come_to_a_list_and_go() {
    let mut stage = stage();
    for (operation, word, list) in [
        (APPEND, "compact", "delete,compact"),
        (APPEND, "compact", "delete,compact"),
        (SUBTRACT, "delete", "compact"),
        (SUBTRACT, "delete", "compact"),
        (SUBTRACT, "compact", ""),
        (APPEND, "delete , compact", "delete,compact"),
    ] {
        assert_eq!(alter(&mut stage, T, &[("cleanup.policy", operation, Some(word))]), fine());
        assert_eq!(value(&mut stage, "t", "cleanup.policy"), list);
    }
    for (name, operation, verb) in
        [("retention.ms", APPEND, "APPEND"), ("retention.ms", SUBTRACT, "SUBTRACT"), ("foo", APPEND, "APPEND")]
    {
        let text = format!("Can't {verb} to key {name} because its type is not LIST.");
        assert_eq!(alter(&mut stage, T, &[(name, operation, Some("1"))]), refused(40, &text));
    }
}

#[test]
fn a_change_that_may_not_be_changes_nothing() {
    let mut stage = stage();
    let invalid = "Invalid value x for configuration segment.bytes: Not a number of type INT";
    let cases: &[(&[Change<'_>], i16, &str)] = &[
        (&[("retention.ms", SET, Some("7")), ("segment.bytes", SET, Some("x"))], 40, invalid),
        (&[("foo", SET, Some("x"))], 40, "Unknown topic config name: foo"),
        (&[(".replication.factor", SET, Some("2"))], 40, "Unknown topic config name: .replication.factor"),
        (&[("retention.ms", 9, Some("7"))], 42, "Unknown operation type 9"),
        (&[("retention.ms", SET, None)], 42, "Null value not supported for : retention.ms"),
        (
            &[("retention.ms", SET, None), ("segment.ms", APPEND, None)],
            42,
            "Null value not supported for : retention.ms, segment.ms",
        ),
        (
            &[("retention.ms", SET, Some("7")), ("retention.ms", SET, Some("8"))],
            42,
            "Error due to duplicate config keys",
        ),
        (
            &[("min.compaction.lag.ms", SET, Some("9")), ("max.compaction.lag.ms", SET, Some("8"))],
            40,
            "conflict topic config setting min.compaction.lag.ms (9) > max.compaction.lag.ms (8)",
        ),
        (&[("durability", SET, Some("os"))], 40, "durability is fixed when a topic is created"),
    ];
    for (changes, code, text) in cases {
        assert_eq!(alter(&mut stage, T, changes), refused(*code, text));
    }
    assert_eq!(seen(&mut stage, T, "retention.ms"), (Some("604800000".into()), 5, false));
}

#[test]
fn durability_may_be_named_as_it_is() {
    let mut stage = Stage::new();
    assert_eq!(create(&mut stage, "t", &[("durability", "os")]), fine());
    assert_eq!(alter(&mut stage, T, &[("durability", SET, Some("os")), ("flush.ms", SET, Some("1"))]), fine());
    let fixed = refused(40, "durability is fixed when a topic is created");
    assert_eq!(alter(&mut stage, T, &[("durability", DELETE, None)]), fixed);
    assert_eq!(replace(&mut stage, T, &[("durability", Some("fsync"))], false), fixed);
    assert_eq!(replace(&mut stage, T, &[], false), fine());
    assert_eq!(seen(&mut stage, T, "durability"), (Some("os".into()), 1, true));
}

#[test]
fn each_resource_stands_for_itself() {
    let mut stage = stage();
    let set: &[Change<'_>] = &[("retention.ms", SET, Some("7"))];
    let told = alter_all(&mut stage, &[(TOPIC, "nope", set), (TOPIC, "t", set)], false);
    assert_eq!(told, [refused(3, "The topic 'nope' does not exist."), fine()]);
    assert_eq!(value(&mut stage, "t", "retention.ms"), "7");
    let told = alter_all(&mut stage, &[(TOPIC, "t", set), (TOPIC, "t", set)], false);
    assert_eq!(told, vec![refused(42, "Each resource must appear at most once."); 2]);
}

#[test]
fn only_topics_have_settings_that_change() {
    let mut stage = stage();
    let name = "Topic name is invalid: 'a b' contains one or more characters other than ASCII alphanumerics, '.', \
                '_' and '-'";
    for (resource, code, text) in [
        ((TOPIC, ""), 42, "Default topic resources are not allowed."),
        ((TOPIC, "a b"), 17, name),
        ((BROKER, "1"), 42, "Cannot update these configs dynamically: Set(retention.ms)"),
        ((BROKER, ""), 42, "Cannot update these configs dynamically: Set(retention.ms)"),
        ((BROKER, "7"), 42, "Unexpected broker id, expected 1, but received 7"),
        ((BROKER, "x"), 42, "Broker id must be an integer, but it is: x"),
        ((8, "1"), 42, "Unsupported resource type BROKER_LOGGER: loggers have no levels here"),
        ((16, "m"), 42, "Unsupported resource type CLIENT_METRICS: clients are not asked for metrics"),
        ((32, "g"), 42, "Unsupported resource type GROUP: groups have no settings of their own"),
        ((99, "x"), 42, "Unknown resource type 99"),
    ] {
        assert_eq!(alter(&mut stage, resource, &[("retention.ms", SET, Some("7"))]), refused(code, text));
        assert_eq!(replace(&mut stage, resource, &[("retention.ms", Some("7"))], false), refused(code, text));
    }
}

#[test]
fn what_is_only_validated_changes_nothing() {
    let mut stage = stage();
    let set = |value| [("retention.ms", SET, Some(value))];
    assert_eq!(alter_all(&mut stage, &[(TOPIC, "t", &set("7"))], true), [fine()]);
    assert_eq!(alter_all(&mut stage, &[(TOPIC, "t", &set("x"))], true)[0].0, 40);
    assert_eq!(alter_all(&mut stage, &[(TOPIC, "nope", &set("7"))], true)[0].0, 3);
    assert_eq!(replace(&mut stage, T, &[("retention.ms", Some("7"))], true), fine());
    assert_eq!(value(&mut stage, "t", "retention.ms"), "604800000");
}

#[test]
fn all_settings_are_replaced_at_once() {
    let mut stage = Stage::new();
    assert_eq!(create(&mut stage, "t", &[("segment.ms", "9"), ("retention.ms", "8")]), fine());
    assert_eq!(replace(&mut stage, T, &[("retention.ms", Some("4000"))], false), fine());
    assert_eq!(seen(&mut stage, T, "retention.ms"), (Some("4000".into()), 1, false));
    assert_eq!(seen(&mut stage, T, "segment.ms"), (Some("604800000".into()), 5, false));
    let invalid = "Invalid value x for configuration retention.ms: Not a number of type LONG";
    for (settings, code, text) in [
        (&[("retention.ms", Some("x"))][..], 40, invalid),
        (&[("foo", Some("x"))], 40, "Unknown topic config name: foo"),
        (&[("retention.ms", None)], 42, "Null value not supported for : retention.ms"),
        (&[("retention.ms", Some("1")), ("retention.ms", Some("2"))], 42, "Error due to duplicate config keys"),
    ] {
        assert_eq!(replace(&mut stage, T, settings, false), refused(code, text));
    }
    assert_eq!(value(&mut stage, "t", "retention.ms"), "4000");
    let unknown = refused(3, "The topic 'nope' does not exist.");
    assert_eq!(replace(&mut stage, (TOPIC, "nope"), &[], false), unknown);
}
