//! IncrementalAlterConfigs and AlterConfigs: settings of topics change, one by one or all at once.

use super::resource::{Resource, resource};
use crate::codec::ErrorCode;
use crate::codec::messages::configs::{
    AlterConfigsRequest, AlterConfigsResourceResponse, AlterConfigsResponse, AlterableConfig,
    IncrementalAlterConfigsRequest, IncrementalAlterConfigsResourceResponse, IncrementalAlterConfigsResponse,
    IncrementalAlterableConfig,
};
use crate::error::{Refusal, outcome};
use crate::link::{Call, Link, answer, hold};
use crate::settings::plan::{self, Given};
use crate::settings::topic::{self, DURABILITY};
use crate::settings::value::Kind;
use narumq_broker::Vhost;
use narumq_door::Context;
use narumq_model::TopicDefinition;
use std::collections::{HashMap, HashSet};

const SET: i8 = 0;
const DELETE: i8 = 1;
const APPEND: i8 = 2;
const SUBTRACT: i8 = 3;

/// `IncrementalAlterConfigs`
pub(in crate::commands) fn incremental(
    link: &mut Link,
    request: &IncrementalAlterConfigsRequest<'_>,
    call: Call,
    cx: &mut Context<'_>,
) {
    let Some(vhost) = link.vhost.clone() else { return };
    let twice = Repeated::of(request.resources.iter().map(|r| (r.resource_type, r.resource_name)));
    let mut done = Vec::new();
    for asked in &request.resources {
        let keys = asked.configs.iter().map(|c| (c.name, c.value.is_none() && c.config_operation != DELETE));
        let target = Target { kind: asked.resource_type, name: asked.resource_name, validate: request.validate_only };
        let change = |given: &Given| changed(given, &asked.configs);
        done.push(check(target, keys, &twice, link).and_then(|name| alter(&vhost, (name, target), change, cx)));
    }
    hold(cx.broker.last_catalog_lsn(), cx);
    let responses = request.resources.iter().zip(&done).map(|(asked, done)| {
        let (error_code, error_message) = outcome(done);
        let (resource_type, resource_name) = (asked.resource_type, asked.resource_name);
        IncrementalAlterConfigsResourceResponse { error_code, error_message, resource_type, resource_name }
    });
    let response = IncrementalAlterConfigsResponse { responses: responses.collect(), ..Default::default() };
    answer(call, &response, cx);
}

/// `AlterConfigs`
pub(in crate::commands) fn replace(
    link: &mut Link,
    request: &AlterConfigsRequest<'_>,
    call: Call,
    cx: &mut Context<'_>,
) {
    let Some(vhost) = link.vhost.clone() else { return };
    let twice = Repeated::of(request.resources.iter().map(|r| (r.resource_type, r.resource_name)));
    let mut done = Vec::new();
    for asked in &request.resources {
        let keys = asked.configs.iter().map(|c| (c.name, c.value.is_none()));
        let target = Target { kind: asked.resource_type, name: asked.resource_name, validate: request.validate_only };
        let change = |given: &Given| Ok(replaced(given, &asked.configs));
        done.push(check(target, keys, &twice, link).and_then(|name| alter(&vhost, (name, target), change, cx)));
    }
    hold(cx.broker.last_catalog_lsn(), cx);
    let responses = request.resources.iter().zip(&done).map(|(asked, done)| {
        let (error_code, error_message) = outcome(done);
        let (resource_type, resource_name) = (asked.resource_type, asked.resource_name);
        AlterConfigsResourceResponse { error_code, error_message, resource_type, resource_name }
    });
    let response = AlterConfigsResponse { responses: responses.collect(), ..Default::default() };
    answer(call, &response, cx);
}

/// The resources that are named more than once.
struct Repeated<'a>(HashMap<(i8, &'a str), u32>);

impl<'a> Repeated<'a> {
    fn of(resources: impl Iterator<Item = (i8, &'a str)>) -> Self {
        let mut times = HashMap::new();
        resources.for_each(|resource| *times.entry(resource).or_default() += 1);
        Self(times)
    }

    fn has(&self, resource: (i8, &str)) -> bool {
        self.0.get(&resource).is_some_and(|times| *times > 1)
    }
}

/// What is to be changed.
#[derive(Clone, Copy)]
struct Target<'a> {
    kind: i8,
    name: &'a str,
    /// It is not to be changed, only checked.
    validate: bool,
}

/// The topic to be changed, if the request may. `keys`: names, and whether a value is missing.
fn check<'a, 'k>(
    target: Target<'a>,
    keys: impl Iterator<Item = (&'k str, bool)>,
    twice: &Repeated<'_>,
    link: &Link,
) -> Result<&'a str, Refusal> {
    let refuse = |text: String| Err(Refusal::new(ErrorCode::InvalidRequest, text));
    if twice.has((target.kind, target.name)) {
        return refuse("Each resource must appear at most once.".into());
    }
    let (mut names, mut nulls, mut again) = (HashSet::new(), Vec::new(), false);
    for (name, is_null) in keys {
        again |= !names.insert(name);
        nulls.extend(is_null.then_some(name));
    }
    if again {
        return refuse("Error due to duplicate config keys".into());
    }
    if !nulls.is_empty() {
        return refuse(format!("Null value not supported for : {}", nulls.join(", ")));
    }
    match resource(target.kind, target.name)? {
        Resource::Topic("") => refuse("Default topic resources are not allowed.".into()),
        Resource::Topic(name) => super::super::topics::check_name(name).map(|()| name),
        Resource::Broker(Some(node)) if node != link.settings.node_id => {
            refuse(format!("Unexpected broker id, expected {}, but received {node}", link.settings.node_id))
        }
        Resource::Broker(_) => {
            let mut names: Vec<&str> = names.into_iter().collect();
            names.sort_unstable();
            refuse(format!("Cannot update these configs dynamically: Set({})", names.join(", ")))
        }
    }
}

fn alter(
    vhost: &Vhost,
    (name, target): (&str, Target<'_>),
    change: impl FnOnce(&Given) -> Result<Given, Refusal>,
    cx: &mut Context<'_>,
) -> Result<(), Refusal> {
    let unknown = || Refusal::new(ErrorCode::UnknownTopicOrPartition, format!("The topic '{name}' does not exist."));
    let usual = cx.broker.durability();
    let planned = |definition: &TopicDefinition| plan::changed(definition, usual, change);
    let topic = cx.broker.topic(vhost, name).ok_or_else(unknown)?;
    if target.validate {
        return planned(&topic.definition()).map(drop);
    }
    cx.broker.change_topic(vhost, name, planned, cx.turn).map(drop)
}

/// The settings with single changes.
fn changed(given: &Given, changes: &[IncrementalAlterableConfig<'_>]) -> Result<Given, Refusal> {
    let mut after = given.clone();
    for change in changes {
        let (name, value) = (change.name, change.value.unwrap_or_default());
        match change.config_operation {
            SET => {
                after.insert(name.into(), value.into());
            }
            DELETE => {
                after.remove(name);
            }
            operation @ (APPEND | SUBTRACT) => {
                let list = edited(after.get(name).map(|v| &**v), name, (operation, value))?;
                after.insert(name.into(), list.into());
            }
            operation => {
                return Err(Refusal::new(ErrorCode::InvalidRequest, format!("Unknown operation type {operation}")));
            }
        }
    }
    Ok(after)
}

/// A list with words more or less.
fn edited(current: Option<&str>, name: &str, (operation, value): (i8, &str)) -> Result<String, Refusal> {
    let Some(row) = topic::find(name).filter(|row| row.kind == Kind::List) else {
        let operation = if operation == APPEND { "APPEND" } else { "SUBTRACT" };
        let text = format!("Can't {operation} to key {name} because its type is not LIST.");
        return Err(Refusal::new(ErrorCode::InvalidConfig, text));
    };
    fn words(list: &str) -> impl Iterator<Item = &str> {
        list.split(',').map(str::trim).filter(|word| !word.is_empty())
    }
    let mut list: Vec<&str> = words(current.unwrap_or(row.default)).collect();
    if operation == APPEND {
        let mut seen: HashSet<&str> = list.iter().copied().collect();
        list.extend(words(value).filter(|word| seen.insert(word)));
    } else {
        let gone: HashSet<&str> = words(value).collect();
        list.retain(|word| !gone.contains(word));
    }
    Ok(list.join(","))
}

/// All settings anew. What is fixed stays, named or not.
fn replaced(given: &Given, configs: &[AlterableConfig<'_>]) -> Given {
    let mut after: Given = configs.iter().filter_map(|c| Some((c.name.into(), c.value?.into()))).collect();
    if let Some(durability) = given.get(DURABILITY) {
        after.entry(DURABILITY.into()).or_insert_with(|| durability.clone());
    }
    after
}
