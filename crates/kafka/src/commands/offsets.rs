//! ListOffsets and DeleteRecords: the first, the last, those by time; and where partitions begin.

use super::epochs::check_leader_epoch;
use crate::codec::messages::offsets::{
    DeleteRecordsPartition, DeleteRecordsPartitionResult, DeleteRecordsRequest, DeleteRecordsResponse,
    DeleteRecordsTopicResult, ListOffsetsPartition, ListOffsetsPartitionResponse, ListOffsetsRequest,
    ListOffsetsResponse, ListOffsetsTopicResponse,
};
use crate::codec::{ErrorCode, Reader, Wire};
use crate::error;
use crate::link::{Call, Link, answer, hold};
use crate::records::{BatchHeader, HEADER_BYTES, INFLATED_MAX, Records, inflate};
use crate::topics::partition_of;
use bytes::Bytes;
use narumq_broker::{Lookup, PartitionHandle, TopicHandle, TrimError};
use narumq_door::Context;
use narumq_model::Lsn;

const LATEST: i64 = -1;
const EARLIEST: i64 = -2;
const MAX_TIME: i64 = -3;
const EARLIEST_LOCAL: i64 = -4;
const LATEST_TIERED: i64 = -5;
const EARLIEST_PENDING: i64 = -6;

/// Offsets that are looked for on the disk.
#[derive(Debug)]
pub(crate) struct Searching {
    call: Call,
    /// The request as it came: it is read again when more is known.
    request: Bytes,
}

/// What one partition is told.
enum Told {
    Answer(ListOffsetsPartitionResponse),
    /// It is being looked for.
    Reading,
}

/// `ListOffsets`; `body` is the request's own bytes.
pub(super) fn list_offsets(
    link: &mut Link,
    request: &ListOffsetsRequest<'_>,
    (call, body): (Call, &[u8]),
    cx: &mut Context<'_>,
) -> Option<Searching> {
    let vhost = link.vhost.clone()?;
    let (mut topics, mut reading) = (Vec::new(), false);
    for topic in &request.topics {
        let handle = link.topics.named(topic.name, &vhost, cx.broker);
        let mut partitions = Vec::new();
        for asked in &topic.partitions {
            match one(link, handle.as_ref(), asked, call.version, cx) {
                Told::Answer(one) => partitions.push(one),
                Told::Reading => reading = true,
            }
        }
        topics.push(ListOffsetsTopicResponse { name: topic.name, partitions });
    }
    if reading {
        return Some(Searching { call, request: Bytes::copy_from_slice(body) });
    }
    answer(call, &ListOffsetsResponse { topics, ..Default::default() }, cx);
    None
}

impl Searching {
    /// Looks again.
    pub(crate) fn again(self, link: &mut Link, cx: &mut Context<'_>) -> Option<Self> {
        let Ok(form) = crate::codec::ApiKey::ListOffsets.form(self.call.version) else { return None };
        let request = ListOffsetsRequest::read(&mut Reader::new(&self.request), form).ok()?;
        list_offsets(link, &request, (self.call, &self.request), cx)
    }
}

fn one(link: &Link, topic: Option<&TopicHandle>, asked: &ListOffsetsPartition, version: i16, cx: &Context<'_>) -> Told {
    let partition_index = asked.partition_index;
    let refused = |code: ErrorCode| {
        Told::Answer(ListOffsetsPartitionResponse { partition_index, error_code: code.code(), ..Default::default() })
    };
    let partition = partition_of(topic, partition_index);
    let Some((partition, offsets)) = partition.and_then(|p| cx.broker.offsets(&p).map(|offsets| (p, offsets))) else {
        return refused(ErrorCode::UnknownTopicOrPartition);
    };
    if let Err(code) = check_leader_epoch(asked.current_leader_epoch, cx.broker) {
        return refused(code);
    }
    let found = match asked.timestamp {
        LATEST => Ok(Some((offsets.high as i64, -1))),
        EARLIEST | EARLIEST_LOCAL => Ok(Some((offsets.start as i64, -1))),
        MAX_TIME if version >= 7 => latest(link, &partition, offsets.start, cx),
        // Nothing lies on another tier.
        LATEST_TIERED | EARLIEST_PENDING => Ok(None),
        time if time >= 0 => by_time(link, &partition, time, offsets.start, cx),
        _ => return refused(ErrorCode::UnsupportedVersion),
    };
    let mut told = ListOffsetsPartitionResponse { partition_index, ..Default::default() };
    match found {
        Err(Missing::Reading) => return Told::Reading,
        Err(Missing::Refused(code)) => return refused(code),
        Ok(None) => {}
        Ok(Some((offset, timestamp))) => {
            (told.offset, told.timestamp) = (offset, timestamp);
            told.leader_epoch = cx.broker.leader_epoch() as i32;
            told.old_style_offsets = vec![offset];
        }
    }
    Told::Answer(told)
}

/// Why an offset is not known.
enum Missing {
    Reading,
    Refused(ErrorCode),
}

/// An offset and its record's time, if there is one.
type Found = Result<Option<(i64, i64)>, Missing>;

/// The first record of this time or later.
fn by_time(link: &Link, partition: &PartitionHandle, time: i64, start: u64, cx: &Context<'_>) -> Found {
    let mut from = start;
    loop {
        let looked = cx.broker.offset_at(partition, (time, from), link.info.id);
        match looked.map_err(|refused| Missing::Refused(error::fetch(refused)))? {
            Lookup::None => return Ok(None),
            Lookup::Reading => return Err(Missing::Reading),
            Lookup::Batch { bytes, end, .. } => {
                let first = records(&bytes).find(|(offset, at)| *at >= time && *offset >= start as i64);
                if let Some(found) = first {
                    return Ok(Some(found));
                }
                from = end;
            }
        }
    }
}

/// The first of the records with the latest time. That of the first batch may lie below the first offset: then it is the latest
/// of what is left of that batch and all behind it.
fn latest(link: &Link, partition: &PartitionHandle, start: u64, cx: &Context<'_>) -> Found {
    let (mut from, mut latest) = (start, None);
    loop {
        let looked = cx.broker.latest_batch(partition, from, link.info.id);
        match looked.map_err(|refused| Missing::Refused(error::fetch(refused)))? {
            Lookup::None => return Ok(latest),
            Lookup::Reading => return Err(Missing::Reading),
            Lookup::Batch { bytes, base, end } => {
                let there = records(&bytes).filter(|(offset, _)| *offset >= start as i64);
                latest = latest.into_iter().chain(there).reduce(|best, one| if one.1 > best.1 { one } else { best });
                if base >= start {
                    return Ok(latest);
                }
                from = end;
            }
        }
    }
}

/// Offset and time of each record of a batch, as far as it can be read.
fn records(batch: &[u8]) -> impl Iterator<Item = (i64, i64)> {
    let found: Vec<(i64, i64)> = match (BatchHeader::read(batch), inflate(batch, INFLATED_MAX)) {
        (Ok(header), Ok(section)) => {
            let records = Records::new(&header, &section);
            records.map_while(Result::ok).map(|record| (record.offset, record.timestamp)).collect()
        }
        _ => Vec::new(),
    };
    debug_assert!(batch.len() >= HEADER_BYTES);
    found.into_iter()
}

/// `DeleteRecords`
pub(super) fn delete_records(link: &mut Link, request: &DeleteRecordsRequest<'_>, call: Call, cx: &mut Context<'_>) {
    let Some(vhost) = link.vhost.clone() else { return };
    let mut last = Lsn(0);
    let mut topics = Vec::new();
    for topic in &request.topics {
        let handle = link.topics.named(topic.name, &vhost, cx.broker);
        let mut partitions = Vec::new();
        for asked in &topic.partitions {
            let (low_watermark, code) = match trim(handle.as_ref(), asked, cx) {
                Ok((start, lsn)) => {
                    last = last.max(lsn);
                    (start as i64, ErrorCode::None)
                }
                Err(code) => (-1, code),
            };
            let (partition_index, error_code) = (asked.partition_index, code.code());
            partitions.push(DeleteRecordsPartitionResult { partition_index, low_watermark, error_code });
        }
        topics.push(DeleteRecordsTopicResult { name: topic.name, partitions });
    }
    hold(last, cx);
    answer(call, &DeleteRecordsResponse { topics, ..Default::default() }, cx);
}

fn trim(
    topic: Option<&TopicHandle>,
    asked: &DeleteRecordsPartition,
    cx: &mut Context<'_>,
) -> Result<(u64, Lsn), ErrorCode> {
    let partition = partition_of(topic, asked.partition_index).ok_or(ErrorCode::UnknownTopicOrPartition)?;
    if topic.is_some_and(|topic| !topic.definition().policy.deletes) {
        // A topic that is only compacted keeps the last record of every key.
        return Err(ErrorCode::PolicyViolation);
    }
    let high = cx.broker.offsets(&partition).ok_or(ErrorCode::UnknownTopicOrPartition)?.high;
    let offset = match asked.offset {
        -1 => high,
        offset => u64::try_from(offset).map_err(|_| ErrorCode::OffsetOutOfRange)?,
    };
    cx.broker.trim(&partition, offset, cx.turn).map_err(|refused| match refused {
        TrimError::Deleted => ErrorCode::UnknownTopicOrPartition,
        TrimError::OutOfRange { .. } => ErrorCode::OffsetOutOfRange,
    })
}
