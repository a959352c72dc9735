//! A format of topics that keeps records as lines of JSON, for tests of what the door makes of them.
//!
//! ```text
//! length u32 | base offset u64 | epoch u32 | count u32 | latest time i64 | lines of [time, key, body, headers]
//! ```

use bytes::Bytes;
use narumq_admin::{NewTopicRecord, TopicBatch, TopicFormat, TopicRecord, TopicSetting};
use narumq_broker::{
    BatchFacts, BrokenBatch, Broker, Compacted, Dialect, KeyedRecord, Tombstones, TopicSettings, Vhost,
};
use narumq_model::{Durability, FormatId, Name, Record, Time, TopicDefinition, TopicPolicy};
use serde_json::{Value, json};

const HEAD: usize = 28;
pub const FORMAT: FormatId = FormatId(9);

/// The format, for the core and for the door. It has the settings `retention.ms`, a number, and `compact`, anything.
pub struct JsonLines;

fn number<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    bytes[at..at + N].try_into().expect("as many bytes")
}

impl Dialect for JsonLines {
    fn batch(&self, bytes: &[u8]) -> Option<BatchFacts> {
        let head = bytes.get(..HEAD)?;
        Some(BatchFacts {
            len: u32::from_be_bytes(number(head, 0)) as usize,
            base: u64::from_be_bytes(number(head, 4)),
            epoch: u32::from_be_bytes(number(head, 12)),
            count: u32::from_be_bytes(number(head, 16)),
            max_time: i64::from_be_bytes(number(head, 20)),
            producer: None,
        })
    }

    fn is_whole(&self, batch: &[u8]) -> bool {
        self.batch(batch).is_some_and(|facts| facts.len == batch.len())
    }

    fn place(&self, batch: &mut [u8], base: u64, epoch: u32) {
        batch[4..12].copy_from_slice(&base.to_be_bytes());
        batch[12..16].copy_from_slice(&epoch.to_be_bytes());
    }

    // No other door reads these topics, and nothing compacts them here.

    fn expand(&self, _: &Bytes, _: usize, _: &mut dyn FnMut(u64, Record)) -> Result<(), BrokenBatch> {
        Err(BrokenBatch("not read".into()))
    }

    fn frame(&self, _: &[Record], _: &TopicPolicy, _: Time) -> Vec<u8> {
        panic!("nobody publishes to these topics through an exchange")
    }

    fn keys(&self, _: &[u8], _: &mut dyn FnMut(KeyedRecord<'_>)) -> Result<(), BrokenBatch> {
        Err(BrokenBatch("not compacted".into()))
    }

    fn compact(
        &self,
        _: &[u8],
        _: Tombstones,
        _: &mut dyn FnMut(KeyedRecord<'_>) -> bool,
    ) -> Result<Compacted, BrokenBatch> {
        Err(BrokenBatch("not compacted".into()))
    }
}

fn policy(given: &[(Name, Name)]) -> Result<TopicPolicy, String> {
    let mut policy = TopicPolicy::default();
    for (name, value) in given {
        match &**name {
            "retention.ms" => policy.retention_ms = Some(value.parse().map_err(|_| format!("{name} is no number"))?),
            "compact" => policy.deletes = false,
            _ => return Err(format!("unknown setting {name}")),
        }
    }
    Ok(policy)
}

fn text(value: &Value) -> Option<&[u8]> {
    value.as_str().map(str::as_bytes)
}

impl TopicFormat for JsonLines {
    fn format(&self) -> FormatId {
        FORMAT
    }

    fn check_name(&self, name: &str, vhost: &Vhost, broker: &Broker) -> Result<(), String> {
        if name.contains(' ') {
            return Err("no spaces".into());
        }
        broker.may_create_topic(vhost, name).map_err(|error| error.to_string())
    }

    fn plan(&self, given: &[(Name, Name)], _: Durability) -> Result<(TopicSettings, Option<Durability>), String> {
        Ok(((policy(given)?, given.to_vec()), None))
    }

    fn change(
        &self,
        before: &TopicDefinition,
        changes: &[(Name, Option<Name>)],
        _: Durability,
    ) -> Result<TopicSettings, String> {
        let mut given = before.settings.clone();
        for (name, value) in changes {
            given.retain(|(known, _)| known != name);
            given.extend(value.clone().map(|value| (name.clone(), value)));
        }
        Ok((policy(&given)?, given))
    }

    fn settings(&self, topic: &TopicDefinition) -> Vec<TopicSetting> {
        let given = topic.settings.iter().find(|(name, _)| &**name == "retention.ms");
        let value = given.map_or("604800000", |(_, value)| value).to_owned();
        let (name, about) = ("retention.ms".to_owned(), "how long".to_owned());
        vec![TopicSetting { name, value, given: given.is_some(), fixed: false, about }]
    }

    fn partition_of(&self, key: &[u8], partitions: u32) -> u32 {
        key.iter().map(|b| u32::from(*b)).sum::<u32>() % partitions
    }

    fn assignment(&self, bytes: &[u8]) -> Option<Vec<(String, Vec<u32>)>> {
        (bytes == b"t:0").then(|| vec![("t".to_owned(), vec![0])])
    }

    fn read(&self, batches: &[u8], each: &mut dyn FnMut(&TopicRecord<'_>) -> bool) -> Option<u64> {
        let (mut rest, mut next) = (batches, None);
        while let Some(facts) = self.batch(rest) {
            let (batch, behind) = rest.split_at(facts.len);
            for (offset, line) in (facts.base..).zip(batch[HEAD..].split_inclusive(|b| *b == b'\n')) {
                let line: Value = serde_json::from_slice(line).expect("a line of JSON");
                let pairs = line[3].as_array().expect("headers").iter();
                let headers = pairs.map(|two| (text(&two[0]).expect("a name"), text(&two[1]))).collect();
                let time = line[0].as_i64().expect("a time");
                if !each(&TopicRecord { offset, time, key: text(&line[1]), body: text(&line[2]), headers }) {
                    return Some(offset);
                }
            }
            (rest, next) = (behind, Some(facts.base + u64::from(facts.count)));
        }
        next
    }

    fn write(&self, records: &[NewTopicRecord], topic: &TopicDefinition, now: Time) -> Result<TopicBatch, String> {
        let shown = |bytes: &Option<Bytes>| bytes.as_ref().map(|b| String::from_utf8_lossy(b).into_owned());
        let (mut bytes, mut max_time) = (vec![0; HEAD], i64::MIN);
        for record in records {
            let time = record.time.unwrap_or(now.0 as i64);
            max_time = max_time.max(time);
            let headers = record.headers.iter().map(|(name, value)| json!([shown(&Some(name.clone())), shown(value)]));
            let headers: Vec<Value> = headers.collect();
            bytes.extend(json!([time, shown(&record.key), shown(&record.body), headers]).to_string().bytes());
            bytes.push(b'\n');
        }
        if bytes.len() > topic.policy.batch_bytes_max as usize {
            return Err("too large".into());
        }
        let length = bytes.len() as u32;
        bytes[..4].copy_from_slice(&length.to_be_bytes());
        bytes[16..20].copy_from_slice(&(records.len() as u32).to_be_bytes());
        bytes[20..28].copy_from_slice(&max_time.to_be_bytes());
        Ok(TopicBatch { bytes, count: records.len() as u32, max_time })
    }
}
