//! Places in topics as people name them, found for many partitions, some of them by reading the disk.
//!
//! ```text
//! "earliest"   "latest"   {"offset": n}   {"time": milliseconds}   {"shift": ±n}   (the last one from where a group is)
//! ```

use crate::Shared;
use crate::error::Problem;
use narumq_broker::{FetchError, Lookup, PartitionHandle, TopicHandle};
use narumq_door::Context;
use narumq_model::SessionId;
use serde_json::Value;

/// A place, as people name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Position {
    Earliest,
    Latest,
    Offset(u64),
    /// The first record of this time, in milliseconds since the Unix epoch, or later; behind the last if there is none.
    Time(i64),
    /// So far from where the group is.
    Shift(i64),
}

impl Position {
    /// Reads one.
    pub(super) fn read(value: &Value) -> Result<Self, Problem> {
        let expected = || {
            let forms =
                "\"earliest\", \"latest\", {\"offset\": number}, {\"time\": milliseconds} or {\"shift\": number}";
            Problem::bad(format!("expected a position: {forms}"))
        };
        match value {
            Value::String(word) if word == "earliest" => Ok(Self::Earliest),
            Value::String(word) if word == "latest" => Ok(Self::Latest),
            Value::Object(object) if object.len() == 1 => {
                let (name, value) = object.iter().next().ok_or_else(expected)?;
                match name.as_str() {
                    "offset" => value.as_u64().map(Self::Offset),
                    "time" => value.as_u64().and_then(|time| i64::try_from(time).ok()).map(Self::Time),
                    "shift" => value.as_i64().map(Self::Shift),
                    _ => None,
                }
                .ok_or_else(expected)
            }
            _ => Err(expected()),
        }
    }
}

/// A partition in which a place is looked for.
#[derive(Clone, Debug)]
pub(super) struct Target {
    pub(super) topic: TopicHandle,
    pub(super) number: u32,
    partition: PartitionHandle,
    /// Where the group is, if it has been there.
    pub(super) before: Option<u64>,
    /// Where a search by time goes on.
    from: u64,
    pub(super) found: Option<u64>,
}

impl Target {
    /// A partition of a topic; refuses one that is not there.
    pub(super) fn new(topic: &TopicHandle, number: u32, before: Option<u64>) -> Result<Self, Problem> {
        let name = &topic.definition().name;
        let missing = || Problem::Missing(format!("topic '{name}' has no partition {number}"));
        let partition = topic.partition(number).ok_or_else(missing)?;
        Ok(Self { topic: topic.clone(), number, partition, before, from: 0, found: None })
    }

    /// The partition.
    pub(super) fn handle(&self) -> &PartitionHandle {
        &self.partition
    }

    /// Looks for the place. False: it is being read, and a `Ready` says when to go on.
    pub(super) fn find(
        &mut self,
        at: Position,
        shared: &Shared,
        session: SessionId,
        cx: &Context<'_>,
    ) -> Result<bool, Problem> {
        if self.found.is_some() {
            return Ok(true);
        }
        let offsets = cx.broker.offsets(&self.partition).ok_or(Problem::NotFound)?;
        self.found = Some(match at {
            Position::Earliest => offsets.start,
            Position::Latest => offsets.high,
            Position::Offset(offset) => offset,
            Position::Shift(by) => self.before.unwrap_or(offsets.start).saturating_add_signed(by),
            Position::Time(time) => match self.find_time(time, shared, session, cx)? {
                Some(found) => found,
                None => return Ok(false),
            },
        });
        Ok(true)
    }

    fn find_time(
        &mut self,
        time: i64,
        shared: &Shared,
        session: SessionId,
        cx: &Context<'_>,
    ) -> Result<Option<u64>, Problem> {
        let format = shared.topics_of(self.topic.definition().format)?;
        loop {
            let offsets = cx.broker.offsets(&self.partition).ok_or(Problem::NotFound)?;
            let start = self.from.max(offsets.start);
            match cx.broker.offset_at(&self.partition, (time, start), session).map_err(unreadable)? {
                Lookup::None => return Ok(Some(offsets.high)),
                Lookup::Reading => return Ok(None),
                Lookup::Batch { bytes, end, .. } => {
                    let mut found = None;
                    format.read(&bytes, &mut |record| {
                        let here = record.time >= time && record.offset >= start;
                        found = here.then_some(record.offset);
                        !here
                    });
                    if found.is_some() {
                        return Ok(found);
                    }
                    self.from = end;
                }
            }
        }
    }
}

/// What a failed read is to who asked.
pub(super) fn unreadable(error: FetchError) -> Problem {
    match error {
        FetchError::Deleted => Problem::NotFound,
        FetchError::OutOfRange { start, high } => {
            Problem::bad(format!("offset out of range: the partition has {start} to {high}"))
        }
        FetchError::Unreadable => Problem::Unavailable("a segment of the partition cannot be read".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn positions_have_five_forms() {
        for (value, position) in [
            (json!("earliest"), Position::Earliest),
            (json!("latest"), Position::Latest),
            (json!({"offset": 5}), Position::Offset(5)),
            (json!({"time": 5}), Position::Time(5)),
            (json!({"shift": -5}), Position::Shift(-5)),
        ] {
            assert_eq!(Position::read(&value).unwrap(), position);
        }
        for bad in [json!(null), json!("first"), json!(5), json!({}), json!({"offset": -1}), json!({"a": 1})] {
            assert!(Position::read(&bad).is_err(), "{bad}");
        }
        assert!(Position::read(&json!({"offset": 1, "time": 2})).is_err());
    }
}
