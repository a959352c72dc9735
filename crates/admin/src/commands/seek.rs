//! Looking for places in topics, and what is done with them: told, trimmed up to, committed for a group.

use super::positions::{Position, Target};
use super::topics::known_keys;
use super::{Answer, Call, Outcome};
use crate::Shared;
use crate::error::Problem;
use crate::waiting::Waiting;
use narumq_broker::group::{CommitRequest, GroupRefusal, Identity, OffsetCommit};
use narumq_broker::{TopicHandle, TrimError, Vhost};
use narumq_door::Context;
use narumq_model::{Lsn, SessionId};
use serde_json::{Map, Value, json};

/// What is done with the places once all are known.
enum Then {
    Tell,
    Trim,
    Commit { vhost: Vhost, group: String, dry_run: bool },
}

/// A search under way.
struct Seek {
    targets: Vec<Target>,
    at: Position,
    then: Then,
}

/// Tells the offsets of a position in a topic's partitions.
pub(super) fn offsets(call: &mut Call<'_, '_>, path: &[&str]) -> Result<Outcome, Problem> {
    let (_, topic) = call.topic(path)?;
    let body = call.body()?;
    known_keys(&body, &["at", "partitions"])?;
    start(&topic, &body, "at", Then::Tell)
}

/// Removes the records before a position.
pub(super) fn trim(call: &mut Call<'_, '_>, path: &[&str]) -> Result<Outcome, Problem> {
    let (_, topic) = call.topic(path)?;
    let body = call.body()?;
    known_keys(&body, &["before", "partitions"])?;
    if !topic.definition().policy.deletes {
        // It keeps the last record of every key.
        return Err(Problem::bad(format!("topic '{}' is only compacted: nothing may be trimmed from it", path[2])));
    }
    start(&topic, &body, "before", Then::Trim)
}

fn start(topic: &TopicHandle, body: &Map<String, Value>, name: &str, then: Then) -> Result<Outcome, Problem> {
    let at = Position::read(body.get(name).unwrap_or(&Value::Null))?;
    if matches!(at, Position::Shift(_)) {
        return Err(Problem::bad("a shift is from where a group is: topics have no such place"));
    }
    let numbers = numbers(body.get("partitions"), topic)?;
    let targets = numbers.into_iter().map(|number| Target::new(topic, number, None)).collect::<Result<_, _>>()?;
    Ok(Outcome::Wait(Box::new(Seek { targets, at, then })))
}

/// The partitions that a body names; all of the topic's if it names none.
fn numbers(value: Option<&Value>, topic: &TopicHandle) -> Result<Vec<u32>, Problem> {
    let wrong = || Problem::bad("partitions must be a list of numbers");
    match value {
        None | Some(Value::Null) => Ok((0..topic.partition_count()).collect()),
        Some(Value::Array(list)) if !list.is_empty() => {
            let number = |value: &Value| value.as_u64().and_then(|n| u32::try_from(n).ok()).ok_or_else(wrong);
            let mut numbers = list.iter().map(number).collect::<Result<Vec<u32>, Problem>>()?;
            numbers.sort_unstable();
            numbers.dedup();
            Ok(numbers)
        }
        Some(_) => Err(wrong()),
    }
}

/// Sets where a group goes on. Only while nobody is in it.
pub(super) fn reset(call: &mut Call<'_, '_>, path: &[&str]) -> Result<Outcome, Problem> {
    let (vhost, group) = (call.vhost(path[1])?, path[2]);
    let body = call.body()?;
    known_keys(&body, &["to", "topics", "dry_run"])?;
    let at = Position::read(body.get("to").unwrap_or(&Value::Null))?;
    let dry_run = super::boolean(&body, "dry_run")?;
    if let Some(there) = call.cx.broker.describe_group(&vhost, group)
        && !there.members.is_empty()
    {
        return Err(in_use(group, &vhost));
    }
    let targets = targets(call, &vhost, group, body.get("topics"))?;
    let then = Then::Commit { vhost, group: group.to_owned(), dry_run };
    Ok(Outcome::Wait(Box::new(Seek { targets, at, then })))
}

/// The partitions whose offsets are set: those of the topics named, or all that the group has committed.
fn targets(call: &Call<'_, '_>, vhost: &Vhost, group: &str, topics: Option<&Value>) -> Result<Vec<Target>, Problem> {
    let committed = call.cx.broker.cursors(vhost, group);
    let known = committed.as_deref().unwrap_or_default();
    let before = |topic: &TopicHandle, number: u32| {
        let is = |c: &&narumq_broker::CursorListing| {
            c.partition == number && call.cx.broker.topic_id(&c.topic) == call.cx.broker.topic_id(topic)
        };
        known.iter().find(is).and_then(|cursor| u64::try_from(cursor.committed.offset).ok())
    };
    let mut targets = Vec::new();
    match topics {
        None | Some(Value::Null) => {
            if committed.is_none() {
                return Err(Problem::Missing(format!("no group '{group}' in vhost '{}'", vhost.name())));
            }
            for cursor in known {
                targets.push(Target::new(&cursor.topic, cursor.partition, before(&cursor.topic, cursor.partition))?);
            }
        }
        Some(Value::Object(object)) => {
            for (name, partitions) in object {
                let missing = || Problem::Missing(format!("no topic '{name}' in vhost '{}'", vhost.name()));
                let topic = call.cx.broker.topic(vhost, name).ok_or_else(missing)?;
                for number in numbers(Some(partitions), &topic)? {
                    targets.push(Target::new(&topic, number, before(&topic, number))?);
                }
            }
        }
        Some(_) => return Err(Problem::bad("topics must be an object: names, each with a list of partitions or null")),
    }
    Ok(targets)
}

/// The group has members, who would go on elsewhere all the same.
pub(super) fn in_use(group: &str, vhost: &Vhost) -> Problem {
    Problem::bad(format!("group '{group}' in vhost '{}' has members: they must leave first", vhost.name()))
}

impl Waiting for Seek {
    fn advance(
        &mut self,
        shared: &Shared,
        session: SessionId,
        cx: &mut Context<'_>,
    ) -> Result<Option<Answer>, Problem> {
        let mut all = true;
        for target in &mut self.targets {
            all &= target.find(self.at, shared, session, cx)?;
        }
        if !all {
            return Ok(None);
        }
        let (rows, lsn) = match &self.then {
            Then::Tell => (self.targets.iter().map(told).collect::<Vec<Value>>(), Lsn(0)),
            Then::Trim => self.trim(cx)?,
            Then::Commit { vhost, group, dry_run } => self.commit((vhost, group), *dry_run, cx)?,
        };
        Ok(Some(Answer::json(&Value::Array(rows)).after(lsn)))
    }
}

fn told(target: &Target) -> Value {
    json!({ "partition": target.number, "offset": target.found })
}

impl Seek {
    /// Nothing is trimmed unless all of it can be.
    fn trim(&self, cx: &mut Context<'_>) -> Result<(Vec<Value>, Lsn), Problem> {
        let mut starts = Vec::with_capacity(self.targets.len());
        for target in &self.targets {
            let offsets = cx.broker.offsets(target.handle()).ok_or(Problem::NotFound)?;
            let wanted = target.found.unwrap_or(0);
            if wanted > offsets.high {
                return Err(beyond(wanted, target.number, offsets.high));
            }
            starts.push((target, offsets.start, wanted));
        }
        let (mut rows, mut last) = (Vec::new(), Lsn(0));
        for (target, before, wanted) in starts {
            let (start, lsn) = cx.broker.trim(target.handle(), wanted, cx.turn).map_err(|error| match error {
                TrimError::Deleted => Problem::NotFound,
                TrimError::OutOfRange { high } => beyond(wanted, target.number, high),
            })?;
            last = last.max(lsn);
            rows.push(json!({ "partition": target.number, "before": before, "start_offset": start }));
        }
        Ok((rows, last))
    }

    /// Offsets are brought into what the partitions have.
    fn commit(
        &self,
        (vhost, group): (&Vhost, &str),
        dry_run: bool,
        cx: &mut Context<'_>,
    ) -> Result<(Vec<Value>, Lsn), Problem> {
        let (mut rows, mut commits) = (Vec::new(), Vec::new());
        for target in &self.targets {
            let offsets = cx.broker.offsets(target.handle()).ok_or(Problem::NotFound)?;
            let offset = target.found.unwrap_or(0).clamp(offsets.start, offsets.high);
            let topic = target.topic.definition();
            rows.push(json!({
                "topic": &*topic.name, "partition": target.number, "before": target.before, "offset": offset,
                "lag": offsets.high - offset,
            }));
            commits.push(OffsetCommit {
                topic: topic.id,
                partition: target.number,
                offset: offset.cast_signed(),
                leader_epoch: -1,
                metadata: "".into(),
            });
        }
        if dry_run || commits.is_empty() {
            return Ok((rows, Lsn(0)));
        }
        let identity = Identity { member_id: "", instance_id: None, generation: -1 };
        let request = CommitRequest { identity, expires_at: None, offsets: commits };
        match cx.broker.commit_offsets((vhost, group), request, cx.turn) {
            Ok((_, lsn)) => Ok((rows, lsn)),
            Err(GroupRefusal::Dead) => Err(Problem::Unavailable("the group is being dropped: try again".into())),
            // Somebody joined while places were looked for.
            Err(_) => Err(in_use(group, vhost)),
        }
    }
}

fn beyond(wanted: u64, partition: u32, high: u64) -> Problem {
    Problem::bad(format!("offset {wanted} lies behind the end of partition {partition}, which is {high}"))
}
