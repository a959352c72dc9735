//! CreateTopics: partitions, replicas and settings are checked, the topic is created, and told as it is.

use super::{PARTITIONS_MAX, assign, check_new_name, create_checked, too_many};
use crate::FORMAT;
use crate::codec::messages::topics::{
    CreatableTopic, CreatableTopicConfigs, CreatableTopicResult, CreateTopicsRequest, CreateTopicsResponse,
};
use crate::codec::{ErrorCode, Uuid};
use crate::error::Refusal;
use crate::link::{Call, Link, answer, hold};
use crate::settings::plan::{Given, Plan, with_replicas};
use crate::settings::shown::shown;
use crate::topics::id_of;
use narumq_broker::{TopicSpec, Vhost};
use narumq_door::Context;
use narumq_model::{Durability, Name};
use std::collections::HashMap;

/// A topic with the usual settings.
pub(in crate::commands) fn default_spec(link: &mut Link, name: &str) -> TopicSpec {
    TopicSpec {
        name: name.into(),
        uuid: link.unique(),
        format: FORMAT,
        partitions: link.settings.partitions,
        durability: None,
        policy: Plan::default().policy,
        settings: Vec::new(),
    }
}

/// A topic as it was created, or would be.
struct Created {
    id: Uuid,
    partitions: u32,
    replicas: i16,
    durability: Durability,
    settings: Vec<(Name, Name)>,
}

/// `CreateTopics`
pub(in crate::commands) fn create(
    link: &mut Link,
    request: &CreateTopicsRequest<'_>,
    call: Call,
    cx: &mut Context<'_>,
) {
    let Some(vhost) = link.vhost.clone() else { return };
    let mut times: HashMap<&str, u32> = HashMap::new();
    request.topics.iter().for_each(|topic| *times.entry(topic.name).or_default() += 1);
    let many = request.topics.iter().map(|topic| asked_partitions(topic, link)).sum::<u64>() > PARTITIONS_MAX;
    let mut done: Vec<(&str, Result<Created, Refusal>)> = Vec::new();
    for topic in &request.topics {
        let created = match times.remove(topic.name) {
            // It has been answered where it was named first.
            None => continue,
            Some(2..) => Err(Refusal::new(ErrorCode::InvalidRequest, "Duplicate topic name.")),
            Some(_) if many => Err(too_many()),
            Some(_) => create_one(link, &vhost, topic, request.validate_only, cx),
        };
        done.push((topic.name, created));
    }
    hold(cx.broker.last_catalog_lsn(), cx);
    let topics = done.iter().map(|(name, created)| told(name, created)).collect();
    answer(call, &CreateTopicsResponse { topics, ..Default::default() }, cx);
}

/// How many partitions a topic is to get, as far as that can be said before it is looked at.
fn asked_partitions(topic: &CreatableTopic<'_>, link: &Link) -> u64 {
    let count =
        if topic.num_partitions == -1 { link.settings.partitions.into() } else { topic.num_partitions.max(1) as u64 };
    count.max(topic.assignments.len() as u64)
}

fn told<'a>(name: &'a str, created: &'a Result<Created, Refusal>) -> CreatableTopicResult<'a> {
    let created = match created {
        Ok(created) => created,
        Err(Refusal { code, text }) => {
            let (error_code, error_message) = (code.code(), Some(text.as_str()));
            let configs = Some(Vec::new());
            return CreatableTopicResult { name, error_code, error_message, configs, ..Default::default() };
        }
    };
    let configs = shown(&created.settings, created.durability).map(|setting| CreatableTopicConfigs {
        name: setting.row.name,
        value: Some(setting.value),
        read_only: setting.is_read_only(),
        config_source: setting.source(),
        is_sensitive: false,
    });
    CreatableTopicResult {
        name,
        topic_id: created.id,
        num_partitions: created.partitions as i32,
        replication_factor: created.replicas,
        configs: Some(configs.collect()),
        ..Default::default()
    }
}

fn create_one(
    link: &mut Link,
    vhost: &Vhost,
    topic: &CreatableTopic<'_>,
    validate_only: bool,
    cx: &mut Context<'_>,
) -> Result<Created, Refusal> {
    check_new_name(topic.name, vhost, cx.broker)?;
    let (partitions, replicas) = shape(topic, link)?;
    let given = given(topic)?;
    let plan = Plan::of_new(&given, cx.broker.durability())?;
    let settings = with_replicas(given, (replicas > 1).then(|| replicas.to_string().into()));
    let durability = plan.durability.unwrap_or(cx.broker.durability());
    let mut created = Created { id: Uuid::NONE, partitions, replicas, durability, settings: settings.clone() };
    if !validate_only {
        let usual = default_spec(link, topic.name);
        let spec = TopicSpec { partitions, durability: plan.durability, policy: plan.policy, settings, ..usual };
        let (topic, _) = create_checked(vhost, spec, cx)?;
        created.id = id_of(&topic);
    }
    Ok(created)
}

/// How many partitions and replicas a topic is to have.
fn shape(topic: &CreatableTopic<'_>, link: &Link) -> Result<(u32, i16), Refusal> {
    let refuse = |code, text: &str| Err(Refusal::new(code, text));
    if !topic.assignments.is_empty() {
        let what = "A manual partition assignment was specified, but";
        if topic.replication_factor != -1 {
            return refuse(ErrorCode::InvalidRequest, &format!("{what} replication factor was not set to -1."));
        }
        if topic.num_partitions != -1 {
            return refuse(ErrorCode::InvalidRequest, &format!("{what} numPartitions was not set to -1."));
        }
        return Ok((assign::count(&topic.assignments, link.settings.node_id)?, 1));
    }
    let replicas = match topic.replication_factor {
        -1 => 1,
        count @ 1.. => count,
        _ => {
            let text = "Replication factor must be larger than 0, or -1 to use the default value.";
            return refuse(ErrorCode::InvalidReplicationFactor, text);
        }
    };
    let partitions = match topic.num_partitions {
        -1 => link.settings.partitions,
        count @ 1.. => count as u32,
        _ => {
            let text = "Number of partitions was set to an invalid non-positive value.";
            return refuse(ErrorCode::InvalidPartitions, text);
        }
    };
    if replicas > 1 && link.settings.strict_replication {
        let text = format!(
            "Unable to replicate the partition {replicas} time(s): The target replication factor of {replicas} cannot \
             be reached because only 1 broker(s) are registered."
        );
        return refuse(ErrorCode::InvalidReplicationFactor, &text);
    }
    Ok((partitions, replicas))
}

/// The settings of a new topic; of those given twice the last counts.
fn given(topic: &CreatableTopic<'_>) -> Result<Given, Refusal> {
    let nulls: Vec<&str> = topic.configs.iter().filter(|c| c.value.is_none()).map(|c| c.name).collect();
    if !nulls.is_empty() {
        let text = format!("Null value not supported for topic configs: {}", nulls.join(","));
        return Err(Refusal::new(ErrorCode::InvalidConfig, text));
    }
    Ok(topic.configs.iter().filter_map(|config| Some((config.name.into(), config.value?.into()))).collect())
}
