//! Batches of a format that only tests know.
//!
//! ```text
//! u32 length | u64 base | u32 epoch | u32 count | i64 latest time | u64 producer + 1 | u16 epoch | u32 sequence | u32 sum | bytes
//! ```

use super::{Rig, keyed, session, small};
use bytes::Bytes;
use narumq_broker::{
    AppendError, Appended, Batch, BatchFacts, BrokenBatch, Compacted, Dialect, Dialects, FetchError, Fetched,
    KeyedRecord, MessageDialect, PartitionHandle, ProducerRun, RecordPlace, Tombstones, TopicSpec,
};
use narumq_log::disk::faulty::FaultyDisk;
use narumq_model::{FormatId, Headers, Message, MessageBuilder, MessageParts, Record, Time, TopicPolicy};
use std::sync::Arc;

/// The format's id.
pub const FORMAT: FormatId = FormatId(200);
/// The format of messages of these tests.
pub const PLAIN: FormatId = FormatId(1);
pub(super) const HEADER: usize = 46;

#[derive(Debug)]
struct Toy;

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

pub(super) fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(bytes.get(at..at + 8)?.try_into().ok()?))
}

pub(super) fn sum(bytes: &[u8]) -> u32 {
    bytes.iter().fold(1, |sum, b| (sum ^ u32::from(*b)).wrapping_mul(16_777_619))
}

impl Dialect for Toy {
    fn batch(&self, bytes: &[u8]) -> Option<BatchFacts> {
        let producer = u64_at(bytes, 28)?.checked_sub(1);
        let epoch = u16::from_le_bytes(bytes.get(36..38)?.try_into().ok()?);
        let first = u32_at(bytes, 38)?;
        let len = u32_at(bytes, 0)? as usize;
        u32_at(bytes, 42)?;
        (len >= HEADER).then_some(BatchFacts {
            len,
            base: u64_at(bytes, 4)?,
            epoch: u32_at(bytes, 12)?,
            count: u32_at(bytes, 16)?,
            max_time: u64_at(bytes, 20)? as i64,
            producer: producer.map(|id| ProducerRun { id, epoch, first }),
        })
    }

    fn is_whole(&self, batch: &[u8]) -> bool {
        u32_at(batch, 42) == Some(sum(&batch[HEADER..]))
    }

    fn place(&self, batch: &mut [u8], base: u64, epoch: u32) {
        batch[4..12].copy_from_slice(&base.to_le_bytes());
        batch[12..16].copy_from_slice(&epoch.to_le_bytes());
    }

    fn expand(&self, batch: &Bytes, _: usize, each: &mut dyn FnMut(u64, Record)) -> Result<(), BrokenBatch> {
        let facts = self.batch(batch).expect("a batch");
        let body = batch.slice(HEADER..facts.len);
        let time = Some(facts.max_time);
        if !body.starts_with(RECORDS) {
            let record = |_| Record { time, body: Some(body.slice(..8)), ..Record::default() };
            (0..u64::from(facts.count)).for_each(|n| each(facts.base + n, record(n)));
            return Ok(());
        }
        let mut at = RECORDS.len();
        let field = |at: &mut usize| {
            let len = u32_at(&body, *at).ok_or(BrokenBatch("it ends too early".into()))? as usize;
            *at += 4 + len;
            if body.len() < *at { Err(BrokenBatch("it ends too early".into())) } else { Ok(body.slice(*at - len..*at)) }
        };
        for n in 0..u64::from(facts.count) {
            let (key, routing_key, payload) = (field(&mut at)?, field(&mut at)?, field(&mut at)?);
            let time = Some(u64_at(&field(&mut at)?, 0).expect("a time") as i64);
            let (key, routing_key) = (Some(key).filter(|key| !key.is_empty()), Some(routing_key));
            each(facts.base + n, Record { key, routing_key, time, body: Some(payload), ..Record::default() });
        }
        Ok(())
    }

    fn frame(&self, records: &[Record], _: &TopicPolicy, now: Time) -> Vec<u8> {
        let mut body = RECORDS.to_vec();
        let mut latest = 0;
        for record in records {
            let time = record.time.unwrap_or(now.0 as i64);
            latest = latest.max(time);
            let texts = [&record.key, &record.routing_key, &record.body].map(|text| text.clone().unwrap_or_default());
            for field in texts.iter().map(|text| &text[..]).chain([&time.to_le_bytes()[..]]) {
                body.extend_from_slice(&(field.len() as u32).to_le_bytes());
                body.extend_from_slice(field);
            }
        }
        with_body(latest, records.len() as u32, None, &body)
    }

    fn keys(&self, batch: &[u8], each: &mut dyn FnMut(KeyedRecord<'_>)) -> Result<(), BrokenBatch> {
        for record in keyed::records(batch)?.iter() {
            each(record.told());
        }
        Ok(())
    }

    fn compact(
        &self,
        batch: &[u8],
        when: Tombstones,
        stays: &mut dyn FnMut(KeyedRecord<'_>) -> bool,
    ) -> Result<Compacted, BrokenBatch> {
        keyed::compact(batch, when, stays)
    }
}

/// How the bodies of batches begin that were framed of records.
const RECORDS: &[u8] = b"records!";

/// Messages whose properties say nothing, as those of these tests.
struct Plain;

impl MessageDialect for Plain {
    fn read(&self, message: &Message) -> Record {
        let (routing_key, body) = (Bytes::copy_from_slice(message.key()), message.payload_bytes());
        let exchange = Some(Bytes::copy_from_slice(message.exchange()));
        Record { exchange, routing_key: Some(routing_key), body: Some(body), ..Record::default() }
    }

    fn headers(&self, _: &Message) -> Headers {
        Headers::default()
    }

    fn write(&self, record: &Record, place: Option<RecordPlace<'_>>, builder: &mut MessageBuilder) -> Message {
        let place = place.expect("it comes out of a topic");
        let key = record.routing_key.as_deref().unwrap_or(place.topic.as_bytes());
        let props = format!("{}/{}@{}", place.partition, place.partitions, place.offset);
        let payload = record.body.as_deref().unwrap_or_default();
        builder.build(&MessageParts { exchange: b"", key, props: props.as_bytes(), payload }, PLAIN)
    }
}

pub fn dialects() -> Dialects {
    let mut dialects = Dialects::default();
    dialects.register(FORMAT, Arc::new(Toy));
    dialects.register_messages(PLAIN, Arc::new(Plain));
    dialects
}

/// A batch of `count` records of which the bytes tell `id`, which is its time, too.
pub fn bytes(id: u64, count: u32, len: usize, producer: Option<ProducerRun>) -> Vec<u8> {
    full((id, id as i64), count, len, producer)
}

/// The same without a producer, at this time.
pub fn timed(id: u64, count: u32, len: usize, time: i64) -> Vec<u8> {
    full((id, time), count, len, None)
}

/// The same at this time.
pub fn full((id, time): (u64, i64), count: u32, len: usize, producer: Option<ProducerRun>) -> Vec<u8> {
    let mut body: Vec<u8> = (0..len.max(8)).map(|n| (n as u64 * 31 + id) as u8).collect();
    body[..8].copy_from_slice(&id.to_le_bytes());
    with_body(time, count, producer, &body)
}

fn with_body(time: i64, count: u32, producer: Option<ProducerRun>, body: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    out.extend_from_slice(&((HEADER + body.len()) as u32).to_le_bytes());
    out.extend_from_slice(&[0; 12]);
    out.extend_from_slice(&count.to_le_bytes());
    out.extend_from_slice(&time.to_le_bytes());
    out.extend_from_slice(&producer.map_or(0, |p| p.id + 1).to_le_bytes());
    out.extend_from_slice(&producer.map_or(0, |p| p.epoch).to_le_bytes());
    out.extend_from_slice(&producer.map_or(0, |p| p.first).to_le_bytes());
    out.extend_from_slice(&sum(body).to_le_bytes());
    out.extend(body);
    out
}

/// The same as it is appended.
pub fn batch(bytes: &[u8]) -> Batch<'_> {
    let facts = Toy.batch(bytes).expect("a batch");
    Batch { bytes, count: facts.count, max_time: facts.max_time, producer: facts.producer }
}

/// Offset, count and id of each whole batch; what they hold is checked.
pub fn read(bytes: &[u8]) -> Vec<(u64, u32, u64)> {
    let (mut at, mut out) = (0, Vec::new());
    while let Some(facts) = Toy.batch(&bytes[at..]).filter(|facts| facts.len <= bytes.len() - at) {
        let one = &bytes[at..at + facts.len];
        assert!(Toy.is_whole(one), "batch {} is damaged", facts.base);
        out.push((facts.base, facts.count, u64_at(one, HEADER).expect("an id")));
        at += facts.len;
    }
    assert_eq!(at, bytes.len(), "no half batches");
    out
}

/// A topic of this format.
pub fn topic(name: &str, partitions: u32, policy: TopicPolicy) -> TopicSpec {
    TopicSpec {
        name: name.into(),
        uuid: 1 + name.len() as u128,
        format: FORMAT,
        partitions,
        durability: None,
        policy,
        settings: Vec::new(),
    }
}

/// A broker over this disk.
pub fn open(disk: &FaultyDisk) -> Rig {
    Rig::open(Arc::new(disk.clone()), small(), Time(1_000))
}

/// Makes a topic.
pub fn create(rig: &mut Rig, name: &str, partitions: u32, policy: TopicPolicy) {
    create_spec(rig, topic(name, partitions, policy));
}

/// Makes this topic.
pub fn create_spec(rig: &mut Rig, spec: TopicSpec) {
    let (_, lsn) = rig.turn(|rig, turn| rig.broker.create_topic(&rig.vhost, spec, turn)).expect("it is new");
    rig.durable(lsn);
}

/// A partition by topic and number.
pub fn partition(rig: &Rig, name: &str, number: u32) -> PartitionHandle {
    rig.broker.topic(&rig.vhost, name).and_then(|t| t.partition(number)).expect("it is there")
}

/// Appends one batch.
pub fn append(rig: &mut Rig, to: &PartitionHandle, bytes: &[u8]) -> Result<Appended, AppendError> {
    rig.turn(|rig, turn| rig.broker.append(to, batch(bytes), turn))
}

/// Batches from `offset` on, waiting for the disk if need be.
pub fn fetch(rig: &mut Rig, from: &PartitionHandle, offset: u64, max: u64) -> Result<Fetched, FetchError> {
    loop {
        let fetched = rig.turn(|rig, turn| rig.broker.fetch(from, (offset, max, true), session(1), turn))?;
        if !fetched.reading {
            return Ok(fetched);
        }
        rig.wait("a piece is read", |rig| rig.broker.reading() == 0);
    }
}

/// All batches from `offset` on, `max` bytes at a time.
pub fn drain(rig: &mut Rig, from: &PartitionHandle, mut offset: u64, max: u64) -> Vec<(u64, u32, u64)> {
    let mut all = Vec::new();
    loop {
        let fetched = fetch(rig, from, offset, max).expect("it can be read");
        if fetched.is_empty() {
            assert_eq!(offset, fetched.high);
            return all;
        }
        let batches = read(&fetched.bytes.concat());
        all.extend(batches.iter().copied());
        offset = batches.last().map_or(offset, |(base, count, _)| base + u64::from(*count));
    }
}
