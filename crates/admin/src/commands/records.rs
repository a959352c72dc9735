//! Records of topics: reading from offsets on, waiting for those to come, and appending.

use super::positions::unreadable;
use super::topics::known_keys;
use super::{Answer, Call, Outcome};
use crate::Shared;
use crate::error::Problem;
use crate::limits::{GET_BYTES_MAX, GET_COUNT_MAX, RECORD_WAIT_MS_MAX};
use crate::mapping::topics as objects;
use crate::topics::{NewTopicRecord, TopicBatch};
use crate::waiting::Waiting;
use narumq_broker::{Batch, PartitionHandle, TopicHandle, partition_of};
use narumq_door::Context;
use narumq_model::{Lsn, SessionId};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// Bytes that one look into a partition brings.
const FETCH_BYTES: u64 = 1 << 20;
/// Records read unless the request says otherwise.
const COUNT: u64 = 500;
/// Bytes that a record takes in its batch beside key, body and headers, at most; the same for each header.
const OVERHEAD: usize = 64;

/// One partition that is read.
struct Reader {
    number: u32,
    partition: PartitionHandle,
    next: u64,
}

/// A `get` under way.
struct Poll {
    topic: TopicHandle,
    readers: Vec<Reader>,
    left: u64,
    bytes: usize,
    wait_ms: u64,
    /// What must be durable before readers see more.
    pending: Lsn,
    watching: bool,
    rows: Vec<Value>,
}

/// Starts reading.
pub(super) fn get(call: &mut Call<'_, '_>, path: &[&str]) -> Result<Outcome, Problem> {
    let (_, topic) = call.topic(path)?;
    let body = call.body()?;
    known_keys(&body, &["offsets", "count", "wait_ms"])?;
    let number = |name: &str, usual: u64, most: u64| match body.get(name) {
        None | Some(Value::Null) => Ok(usual),
        Some(value) => value
            .as_u64()
            .filter(|number| *number <= most)
            .ok_or_else(|| Problem::bad(format!("{name} must be a number up to {most}"))),
    };
    let (left, wait_ms) = (number("count", COUNT, GET_COUNT_MAX)?, number("wait_ms", 0, RECORD_WAIT_MS_MAX)?);
    let readers = readers(&topic, &body)?;
    let (bytes, pending, watching, rows) = (0, Lsn(0), false, Vec::new());
    Ok(Outcome::Wait(Box::new(Poll { topic, readers, left, bytes, wait_ms, pending, watching, rows })))
}

fn readers(topic: &TopicHandle, body: &Map<String, Value>) -> Result<Vec<Reader>, Problem> {
    let wrong = || Problem::bad("offsets must be an object of partitions and the offsets to begin at");
    let object = body.get("offsets").and_then(Value::as_object).filter(|object| !object.is_empty());
    let of = |(number, next): (&String, &Value)| {
        let (number, next) = (number.parse::<u32>().map_err(|_| wrong())?, next.as_u64().ok_or_else(wrong)?);
        let missing = || Problem::Missing(format!("topic '{}' has no partition {number}", topic.definition().name));
        Ok(Reader { number, partition: topic.partition(number).ok_or_else(missing)?, next })
    };
    object.ok_or_else(wrong)?.iter().map(of).collect()
}

impl Waiting for Poll {
    fn advance(
        &mut self,
        shared: &Shared,
        session: SessionId,
        cx: &mut Context<'_>,
    ) -> Result<Option<Answer>, Problem> {
        let reading = self.read_all(shared, session, cx)?;
        if self.is_done(reading) {
            return Ok(Some(self.answer()));
        }
        self.watching = true;
        self.readers.iter().for_each(|reader| cx.broker.watch(&reader.partition, session));
        // Something may have come before it was watched for.
        let reading = self.read_all(shared, session, cx)?;
        if self.is_done(reading) {
            return Ok(Some(self.answer()));
        }
        if self.pending > Lsn(0) {
            cx.turn.want_sync(self.pending);
        }
        Ok(None)
    }

    fn give_back(&mut self, session: SessionId, cx: &mut Context<'_>) {
        if self.watching {
            self.readers.iter().for_each(|reader| cx.broker.unwatch(&reader.partition, session));
        }
    }

    fn patience_ms(&self) -> u64 {
        if self.wait_ms == 0 { crate::limits::GET_MS } else { self.wait_ms }
    }

    fn late(&mut self) -> Result<Answer, Problem> {
        Ok(self.answer())
    }

    fn waits_for(&self) -> Option<Lsn> {
        (self.pending > Lsn(0)).then_some(self.pending)
    }
}

impl Poll {
    /// Reads what there is. True if some of it is being read from the disk.
    fn read_all(&mut self, shared: &Shared, session: SessionId, cx: &mut Context<'_>) -> Result<bool, Problem> {
        let mut reading = false;
        self.pending = Lsn(0);
        let count = self.readers.len() as u64;
        for at in 0..self.readers.len() {
            // Each partition gets its share, so that a full one does not hide the others.
            let share = (self.left / (count - at as u64)).max(1).min(self.left);
            reading |= self.read(at, share, shared, session, cx)?;
        }
        Ok(reading)
    }

    fn is_done(&self, reading: bool) -> bool {
        !self.rows.is_empty() || self.left == 0 || (self.wait_ms == 0 && !reading)
    }

    /// Reads up to `share` records of one partition. True if they are being read from the disk.
    fn read(
        &mut self,
        at: usize,
        share: u64,
        shared: &Shared,
        session: SessionId,
        cx: &mut Context<'_>,
    ) -> Result<bool, Problem> {
        let format = shared.topics_of(self.topic.definition().format)?;
        let reader = &mut self.readers[at];
        let mut share = share;
        while share > 0 && self.bytes < GET_BYTES_MAX {
            let start = cx.broker.offsets(&reader.partition).ok_or(Problem::NotFound)?.start;
            reader.next = reader.next.max(start);
            let wanted = (reader.next, FETCH_BYTES, true);
            let fetched = cx.broker.fetch(&reader.partition, wanted, session, cx.turn).map_err(unreadable)?;
            self.pending = self.pending.max(fetched.pending);
            if fetched.reading {
                return Ok(true);
            }
            let bytes = match fetched.bytes.as_slice() {
                [] => break,
                [one] => one.clone(),
                several => several.concat().into(),
            };
            let (rows, held, next) = (&mut self.rows, &mut self.bytes, reader.next);
            let behind = format.read(&bytes, &mut |record| {
                if record.offset < next {
                    return true;
                }
                if share == 0 || *held >= GET_BYTES_MAX {
                    return false;
                }
                share -= 1;
                self.left -= 1;
                *held += record.body.map_or(0, <[u8]>::len) + record.key.map_or(0, <[u8]>::len);
                rows.push(objects::record(reader.number, record));
                true
            });
            match behind {
                Some(behind) if behind > reader.next => reader.next = behind,
                _ => break,
            }
        }
        Ok(false)
    }

    /// What was read, and where to go on.
    fn answer(&mut self) -> Answer {
        let next = self.readers.iter().map(|reader| (reader.number.to_string(), reader.next.into()));
        let next: Map<String, Value> = next.collect();
        Answer::json(&json!({ "records": std::mem::take(&mut self.rows), "next": next }))
    }
}

/// Appends records; says where each one went, once all of them are durable. All are taken, or none.
pub(super) fn publish(call: &mut Call<'_, '_>, path: &[&str]) -> Result<Outcome, Problem> {
    let (_, topic) = call.topic(path)?;
    let body = call.body()?;
    known_keys(&body, &["records"])?;
    let Some(Value::Array(list)) = body.get("records") else { return Err(Problem::bad("records must be a list")) };
    if call.cx.broker.pressure().disk || call.cx.broker.congested() {
        return Err(Problem::Unavailable("the disk is short of space or behind: try again later".into()));
    }
    let definition = topic.definition();
    let format = call.shared.topics_of(definition.format)?;
    // Records without a key stay together.
    let sticky = (call.unique % u128::from(topic.partition_count().max(1))) as u32;
    let mut lists: BTreeMap<u32, Vec<(usize, NewTopicRecord)>> = BTreeMap::new();
    for (index, value) in list.iter().enumerate() {
        let wrong = |why: String| Problem::bad(format!("record {index}: {why}"));
        let (record, partition) = objects::new_record(value).map_err(wrong)?;
        let by_key = || record.key.as_ref().map_or(sticky, |key| partition_of(key, topic.partition_count()));
        let partition = partition.unwrap_or_else(by_key);
        if partition >= topic.partition_count() {
            return Err(Problem::bad(format!("record {index}: topic '{}' has no partition {partition}", path[2])));
        }
        lists.entry(partition).or_default().push((index, record));
    }
    let most = definition.policy.batch_bytes_max as usize;
    let mut batches: Vec<(u32, Vec<usize>, TopicBatch)> = Vec::new();
    for (partition, list) in lists {
        for (indexes, records) in divide(list, most) {
            let written = format.write(&records, &definition, call.cx.turn.now).map_err(Problem::bad)?;
            batches.push((partition, indexes, written));
        }
    }
    append(call, &topic, batches, list.len())
}

/// Batches of no more than `most` bytes, as far as single records allow.
fn divide(list: Vec<(usize, NewTopicRecord)>, most: usize) -> Vec<(Vec<usize>, Vec<NewTopicRecord>)> {
    let mut batches: Vec<(Vec<usize>, Vec<NewTopicRecord>)> = Vec::new();
    let mut room = 0;
    for (index, record) in list {
        let length = |bytes: &Option<bytes::Bytes>| bytes.as_ref().map_or(0, bytes::Bytes::len);
        let headers = record.headers.iter().map(|(name, value)| name.len() + length(value) + OVERHEAD);
        let size = length(&record.key) + length(&record.body) + headers.sum::<usize>() + OVERHEAD;
        match batches.last_mut() {
            Some((indexes, records)) if size <= room => {
                indexes.push(index);
                records.push(record);
            }
            _ => {
                room = most.saturating_sub(2 * OVERHEAD);
                batches.push((vec![index], vec![record]));
            }
        }
        room = room.saturating_sub(size);
    }
    batches
}

fn append(
    call: &mut Call<'_, '_>,
    topic: &TopicHandle,
    batches: Vec<(u32, Vec<usize>, TopicBatch)>,
    count: usize,
) -> Result<Outcome, Problem> {
    let (mut rows, mut last) = (vec![Value::Null; count], Lsn(0));
    for (number, indexes, TopicBatch { bytes, count, max_time }) in batches {
        let partition = topic.partition(number).ok_or(Problem::NotFound)?;
        let batch = Batch { bytes: &bytes, count, max_time, producer: None };
        let appended = call.cx.broker.append(&partition, batch, call.cx.turn).map_err(|_| Problem::NotFound)?;
        last = last.max(appended.lsn);
        for (offset, index) in (appended.base..).zip(indexes) {
            rows[index] = json!({ "partition": number, "offset": offset });
        }
    }
    Ok(Outcome::Answer(Answer::json(&Value::Array(rows)).after(last)))
}
