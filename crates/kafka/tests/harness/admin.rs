//! Topics and their settings, through requests.

use super::Stage;
use narumq_kafka::codec::messages::configs::{
    DescribeConfigsRequest, DescribeConfigsResource, DescribeConfigsResponse, IncrementalAlterConfigsRequest,
    IncrementalAlterConfigsResource, IncrementalAlterConfigsResponse, IncrementalAlterableConfig,
};
use narumq_kafka::codec::messages::topics::{
    CreatableTopic, CreatableTopicConfig, CreateTopicsRequest, CreateTopicsResponse,
};

/// Settings of topics.
pub const TOPIC: i8 = 2;
/// Settings of the broker.
pub const BROKER: i8 = 4;

pub const SET: i8 = 0;
pub const DELETE: i8 = 1;
pub const APPEND: i8 = 2;
pub const SUBTRACT: i8 = 3;

/// A code and the text beside it.
pub type Outcome = (i16, String);

/// All went well.
pub fn fine() -> Outcome {
    (0, String::new())
}

pub fn outcome(code: i16, text: Option<&str>) -> Outcome {
    (code, text.unwrap_or_default().to_owned())
}

/// A topic to be created, with the usual number of everything.
pub fn topic<'a>(name: &'a str, settings: &[(&'a str, &'a str)]) -> CreatableTopic<'a> {
    let configs = settings.iter().map(|(name, value)| CreatableTopicConfig { name, value: Some(value) });
    let (num_partitions, replication_factor) = (-1, -1);
    CreatableTopic { name, num_partitions, replication_factor, configs: configs.collect(), ..Default::default() }
}

/// Asks for topics, and tells what became of each.
pub fn create_all(stage: &mut Stage, topics: Vec<CreatableTopic<'_>>, validate_only: bool) -> Vec<Outcome> {
    let answer = stage.call(7, &CreateTopicsRequest { topics, timeout_ms: 1000, validate_only });
    let response: CreateTopicsResponse<'_> = answer.read();
    response.topics.iter().map(|topic| outcome(topic.error_code, topic.error_message)).collect()
}

/// Asks for one topic.
pub fn create(stage: &mut Stage, name: &str, settings: &[(&str, &str)]) -> Outcome {
    create_all(stage, vec![topic(name, settings)], false).remove(0)
}

/// What clients are told of a setting: value, source, whether it is read-only.
pub type Seen = (Option<String>, i8, bool);

/// One setting of a resource.
pub fn seen(stage: &mut Stage, (kind, name): (i8, &str), key: &str) -> Seen {
    let resource =
        DescribeConfigsResource { resource_type: kind, resource_name: name, configuration_keys: Some(vec![key]) };
    let request = DescribeConfigsRequest { resources: vec![resource], ..Default::default() };
    let answer = stage.call(4, &request);
    let response: DescribeConfigsResponse<'_> = answer.read();
    let [config] = &response.results[0].configs[..] else { panic!("{response:?}") };
    assert_eq!(config.name, key);
    (config.value.map(str::to_owned), config.config_source, config.read_only)
}

/// The value of a setting of a topic.
pub fn value(stage: &mut Stage, topic: &str, key: &str) -> String {
    seen(stage, (TOPIC, topic), key).0.unwrap()
}

/// A change: name, operation, value.
pub type Change<'a> = (&'a str, i8, Option<&'a str>);

/// Changes settings of a resource.
pub fn alter(stage: &mut Stage, (kind, name): (i8, &str), changes: &[Change<'_>]) -> Outcome {
    alter_all(stage, &[(kind, name, changes)], false).remove(0)
}

/// Changes settings of several resources.
pub fn alter_all(stage: &mut Stage, all: &[(i8, &str, &[Change<'_>])], validate_only: bool) -> Vec<Outcome> {
    let resources = all.iter().map(|(kind, name, changes)| IncrementalAlterConfigsResource {
        resource_type: *kind,
        resource_name: name,
        configs: changes
            .iter()
            .map(|(name, operation, value)| IncrementalAlterableConfig {
                name,
                config_operation: *operation,
                value: *value,
            })
            .collect(),
    });
    let answer = stage.call(1, &IncrementalAlterConfigsRequest { resources: resources.collect(), validate_only });
    let response: IncrementalAlterConfigsResponse<'_> = answer.read();
    response.responses.iter().map(|told| outcome(told.error_code, told.error_message)).collect()
}
