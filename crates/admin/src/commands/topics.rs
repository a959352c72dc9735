//! Topics: listing, creating, altering, adding partitions, deleting.

use super::queues::enter;
use super::{Call, Outcome, done};
use crate::Shared;
use crate::error::Problem;
use crate::mapping::topics as objects;
use crate::topics::TopicFormat;
use narumq_broker::{CreateTopicError, TopicHandle, TopicSettings, TopicSpec, Vhost};
use narumq_model::{FormatId, Name, TopicDefinition};
use serde_json::{Map, Value, json};

/// Partitions that a topic may have.
const PARTITIONS_MAX: u64 = 10_000;

impl Shared {
    /// Who knows this format of topics.
    pub(super) fn topics_of(&self, format: FormatId) -> Result<&dyn TopicFormat, Problem> {
        let found = self.config.topics.iter().find(|known| known.format() == format);
        found.map(AsRef::as_ref).ok_or_else(|| Problem::Unavailable("nobody knows the format of this topic".into()))
    }
}

impl Call<'_, '_> {
    /// A topic of the vhost that the path names.
    pub(super) fn topic(&self, path: &[&str]) -> Result<(Vhost, TopicHandle), Problem> {
        let vhost = self.vhost(path[1])?;
        let topic = self.cx.broker.topic(&vhost, path[2]).ok_or(Problem::NotFound)?;
        Ok((vhost, topic))
    }

    fn topic_object(&self, topic: &TopicHandle) -> Value {
        objects::topic(&topic.definition(), topic.vhost(), &self.cx.broker.all_offsets(topic))
    }
}

/// The topics of all vhosts, or of one, by name.
pub(super) fn list(call: &mut Call<'_, '_>, path: &[&str]) -> Result<Outcome, Problem> {
    let mut items = Vec::new();
    for vhost in call.vhosts(path.get(1))? {
        items.extend(call.cx.broker.topics(&vhost).iter().map(|topic| call.topic_object(topic)));
    }
    call.listing(items)
}

/// One topic, with its partitions and all its settings.
pub(super) fn show(call: &mut Call<'_, '_>, path: &[&str]) -> Result<Outcome, Problem> {
    let (_, topic) = call.topic(path)?;
    let definition = topic.definition();
    let offsets = call.cx.broker.all_offsets(&topic);
    let mut object = objects::topic(&definition, topic.vhost(), &offsets);
    object["partition_details"] = offsets.iter().enumerate().map(|(n, o)| objects::partition(n, o)).collect();
    object["setting_details"] = objects::settings(call.shared.topics_of(definition.format)?, &definition);
    call.object(&object)
}

/// Creates a topic: 201 if it is new, 204 if it stands as asked.
pub(super) fn declare(call: &mut Call<'_, '_>, path: &[&str]) -> Result<Outcome, Problem> {
    let (vhost, name) = (enter(call, path[1])?, path[2]);
    let body = call.body()?;
    known_keys(&body, &["partitions", "settings"])?;
    let partitions = match body.get("partitions") {
        None | Some(Value::Null) => 1,
        Some(value) => count(value, "partitions")?,
    };
    let settings = settings(&body)?;
    let given: Vec<(Name, Name)> = settings.into_iter().filter_map(|(name, value)| Some((name, value?))).collect();
    let format = call.shared.config.topics.first();
    let format = format.ok_or_else(|| Problem::Unavailable("no protocol to keep topics for".into()))?;
    let ((policy, given), durability) = format.plan(&given, call.cx.broker.durability()).map_err(Problem::bad)?;
    if let Some(stands) = call.cx.broker.topic(&vhost, name) {
        let stands = stands.definition();
        let same = stands.partitions.len() == partitions as usize && stands.settings == given;
        return match same {
            true => done(204, call.cx.broker.last_catalog_lsn()),
            false => Err(Problem::bad(format!(
                "topic '{name}' in vhost '{}' exists with other partitions or settings",
                vhost.name()
            ))),
        };
    }
    format.check_name(name, &vhost, call.cx.broker).map_err(Problem::bad)?;
    let (name, uuid, format, settings) = (name.into(), call.unique, format.format(), given);
    let spec = TopicSpec { name, uuid, format, partitions, durability, policy, settings };
    let (_, lsn) = call.cx.broker.create_topic(&vhost, spec, call.cx.turn).map_err(|e| problem(e, &vhost, path[2]))?;
    done(201, lsn)
}

/// Changes settings of a topic; null takes one back to its default.
pub(super) fn alter(call: &mut Call<'_, '_>, path: &[&str]) -> Result<Outcome, Problem> {
    let (vhost, topic) = call.topic(path)?;
    let changes = settings_in(&call.body()?)?;
    let format = call.shared.topics_of(topic.definition().format)?;
    let usual = call.cx.broker.durability();
    let change = |before: &TopicDefinition| -> Result<TopicSettings, Problem> {
        format.change(before, &changes, usual).map_err(Problem::bad)
    };
    let lsn = call.cx.broker.change_topic(&vhost, path[2], change, call.cx.turn)?;
    done(204, lsn)
}

/// Gives a topic more partitions, `count` in all.
pub(super) fn add_partitions(call: &mut Call<'_, '_>, path: &[&str]) -> Result<Outcome, Problem> {
    let (vhost, topic) = call.topic(path)?;
    let body = call.body()?;
    known_keys(&body, &["count"])?;
    let (wanted, present) = (count(body.get("count").unwrap_or(&Value::Null), "count")?, topic.partition_count());
    if wanted <= present {
        let more = format!("topic '{}' has {present} partitions already: count must be larger", path[2]);
        return Err(Problem::bad(more));
    }
    let added = call.cx.broker.add_partitions(&vhost, path[2], wanted, call.cx.turn);
    done(204, added.map_err(|error| problem(error, &vhost, path[2]))?)
}

/// Deletes a topic and all it holds.
pub(super) fn delete(call: &mut Call<'_, '_>, path: &[&str]) -> Result<Outcome, Problem> {
    let vhost = call.vhost(path[1])?;
    let lsn = call.cx.broker.delete_topic(&vhost, path[2], call.cx.turn).ok_or(Problem::NotFound)?;
    done(204, lsn)
}

impl From<CreateTopicError> for Problem {
    fn from(error: CreateTopicError) -> Self {
        match error {
            CreateTopicError::Unknown => Self::NotFound,
            CreateTopicError::Exists
            | CreateTopicError::Collides
            | CreateTopicError::IsQueue
            | CreateTopicError::Format
            | CreateTopicError::Partitions => Self::bad(error.to_string()),
        }
    }
}

fn problem(error: CreateTopicError, vhost: &Vhost, name: &str) -> Problem {
    match Problem::from(error) {
        Problem::Bad(Value::String(why)) => Problem::bad(format!("topic '{name}' in vhost '{}': {why}", vhost.name())),
        other => other,
    }
}

/// Refuses what nobody would look at.
pub(super) fn known_keys(body: &Map<String, Value>, known: &[&str]) -> Result<(), Problem> {
    match body.keys().find(|key| !known.contains(&key.as_str())) {
        None => Ok(()),
        Some(key) => Err(Problem::bad(format!("unknown key {key}: expected {}", known.join(", ")))),
    }
}

fn count(value: &Value, name: &str) -> Result<u32, Problem> {
    let number = value.as_u64().filter(|number| (1..=PARTITIONS_MAX).contains(number));
    let number = number.and_then(|number| u32::try_from(number).ok());
    number.ok_or_else(|| Problem::bad(format!("{name} must be a number from 1 to {PARTITIONS_MAX}")))
}

fn settings(body: &Map<String, Value>) -> Result<Vec<(Name, Option<Name>)>, Problem> {
    match body.get("settings") {
        None | Some(Value::Null) => Ok(Vec::new()),
        Some(Value::Object(settings)) => settings_in(settings),
        Some(_) => Err(Problem::bad("settings must be an object of names and values")),
    }
}

/// Settings by name: texts, numbers, truth values, or null.
fn settings_in(object: &Map<String, Value>) -> Result<Vec<(Name, Option<Name>)>, Problem> {
    let of = |(name, value): (&String, &Value)| {
        let value: Option<Name> = match value {
            Value::Null => None,
            Value::String(text) => Some(text.as_str().into()),
            Value::Bool(_) | Value::Number(_) => Some(value.to_string().into()),
            Value::Array(_) | Value::Object(_) => {
                return Err(Problem::Bad(json!(["setting_not_text", name])));
            }
        };
        Ok((name.as_str().into(), value))
    };
    object.iter().map(of).collect()
}
