//! Produce and InitProducerId: batches are checked, appended, and answered when they are durable.

use crate::codec::messages::produce::{
    BatchIndexAndErrorMessage, InitProducerIdRequest, InitProducerIdResponse, PartitionProduceData,
    PartitionProduceResponse, ProduceRequest, ProduceResponse, TopicProduceResponse,
};
use crate::codec::{ErrorCode, One, Uuid};
use crate::dialect::producer_of;
use crate::error;
use crate::link::{Call, Link, answer, hold};
use crate::records::batch::Attributes;
use crate::records::{
    BatchError, Checked, Codec, INFLATED_MAX, Rules, TimestampRule, check, recompress_at, set_log_append_time,
    set_max_timestamp,
};
use crate::settings::plan;
use crate::topics::partition_of;
use narumq_broker::{Appended, Batch, TopicHandle};
use narumq_door::Context;
use narumq_model::{Time, TopicDefinition, TopicPolicy};
use std::borrow::Cow;

/// Why one batch was not taken.
struct Refused {
    code: ErrorCode,
    text: Option<String>,
    /// What is wrong with single records, by index.
    records: Vec<(u32, String)>,
}

impl From<ErrorCode> for Refused {
    fn from(code: ErrorCode) -> Self {
        Self { code, text: None, records: Vec::new() }
    }
}

impl From<BatchError> for Refused {
    fn from(batch: BatchError) -> Self {
        let records = match &batch {
            BatchError::Records { refused } => refused.iter().map(|r| (r.index, r.reason.to_string())).collect(),
            _ => Vec::new(),
        };
        Self { code: error::batch(&batch), text: Some(batch.to_string()), records }
    }
}

/// What became of one batch.
type Taken = Result<(Appended, Option<i64>), Refused>;

/// `Produce`
pub(super) fn produce(link: &mut Link, request: &ProduceRequest<'_>, call: Call, cx: &mut Context<'_>) {
    let mut taken: One<Taken> = One::new();
    for topic in &request.topic_data {
        let by_id = call.version >= 13;
        let asked = (topic.name, topic.topic_id);
        let handle = link.vhost.as_ref().and_then(|vhost| link.topics.asked(asked, by_id, vhost, cx.broker));
        for partition in &topic.partition_data {
            taken.push(match &handle {
                None => Err(unknown_topic(topic.topic_id, by_id).into()),
                Some(_) if !(-1..=1).contains(&request.acks) => Err(ErrorCode::InvalidRequiredAcks.into()),
                Some(_) if request.transactional_id.is_some() => {
                    Err(ErrorCode::TransactionalIdAuthorizationFailed.into())
                }
                Some(topic) => append(topic, partition, call.version, cx),
            });
        }
    }
    let last = taken.iter().flatten().map(|(appended, _)| appended.lsn).max().unwrap_or_default();
    if request.acks != 0 {
        hold(last, cx);
        return answer(call, &response(request, &taken), cx);
    }
    // Nothing is answered: an error can only be told by closing.
    if taken.iter().any(Result::is_err) {
        cx.out.close();
    }
}

fn response<'r>(request: &'r ProduceRequest<'_>, taken: &'r [Taken]) -> ProduceResponse<'r> {
    let mut response = ProduceResponse::default();
    let mut taken = taken.iter();
    for topic in &request.topic_data {
        let mut told = TopicProduceResponse { name: topic.name, topic_id: topic.topic_id, ..Default::default() };
        for (partition, taken) in topic.partition_data.iter().zip(&mut taken) {
            let mut one = PartitionProduceResponse { index: partition.index, ..Default::default() };
            match taken {
                Ok((appended, time)) => {
                    one.base_offset = appended.base as i64;
                    one.log_append_time_ms = time.unwrap_or(-1);
                    one.log_start_offset = appended.start as i64;
                }
                Err(Refused { code, text, records }) => {
                    one.base_offset = -1;
                    one.error_code = code.code();
                    one.error_message = text.as_deref();
                    let told = records.iter().map(|(index, text)| BatchIndexAndErrorMessage {
                        batch_index: *index as i32,
                        batch_index_error_message: Some(text),
                    });
                    one.record_errors = told.collect();
                }
            }
            told.partition_responses.push(one);
        }
        response.responses.push(told);
    }
    response
}

fn unknown_topic(id: Uuid, by_id: bool) -> ErrorCode {
    if by_id && id != Uuid::NONE { ErrorCode::UnknownTopicId } else { ErrorCode::UnknownTopicOrPartition }
}

/// Appends one batch; also the time it was given, where the broker gives times.
fn append(topic: &TopicHandle, data: &PartitionProduceData<'_>, version: i16, cx: &mut Context<'_>) -> Taken {
    let partition = partition_of(Some(topic), data.index).ok_or(ErrorCode::UnknownTopicOrPartition)?;
    if cx.broker.pressure().disk {
        return Err(ErrorCode::KafkaStorageError.into());
    }
    let definition = topic.definition();
    let policy = &definition.policy;
    let now = cx.turn.now;
    let records = data.records.unwrap_or_default();
    let checked = check(records, &rules(policy, version, now))?;
    if checked.header.attributes.has(Attributes::TRANSACTIONAL) {
        return Err(ErrorCode::TransactionalIdAuthorizationFailed.into());
    }
    let bytes = prepare(records, &checked, &definition, now)?;
    let batch = Batch {
        bytes: &bytes,
        count: checked.header.count as u32,
        max_time: if policy.arrival_time { now.0 as i64 } else { checked.max_timestamp() },
        producer: producer_of(&checked.header),
    };
    let appended = cx.broker.append(&partition, batch, cx.turn).map_err(error::append)?;
    Ok((appended, policy.arrival_time.then_some(appended.max_time)))
}

/// The batch as the topic wants it: under its codec, with the time of its arrival. Mostly it is that already.
pub(crate) fn prepare<'r>(
    records: &'r [u8],
    checked: &Checked,
    definition: &TopicDefinition,
    now: Time,
) -> Result<Cow<'r, [u8]>, BatchError> {
    let (policy, mut batch) = (&definition.policy, Cow::Borrowed(records));
    if let Some(codec) = policy.recompress.and_then(Codec::from_id)
        && checked.header.attributes.codec() != Ok(codec)
    {
        batch = recompress_at(records, codec, plan::level(&definition.settings, codec), INFLATED_MAX)?;
        let (bytes, bytes_max) = (batch.len(), policy.batch_bytes_max as usize);
        if bytes > bytes_max {
            return Err(BatchError::TooLarge { bytes, bytes_max });
        }
    }
    if policy.arrival_time {
        set_log_append_time(batch.to_mut(), now.0 as i64);
    } else if checked.max_timestamp() != checked.header.max_timestamp {
        // What the header says wrongly of its records' times is put right, as Kafka does.
        set_max_timestamp(batch.to_mut(), checked.max_timestamp());
    }
    Ok(batch)
}

/// What is asked of batches of a topic, whoever sends them.
pub(crate) fn rules_of(policy: &TopicPolicy, now: Time) -> Rules {
    rules(policy, i16::MAX, now)
}

fn rules(policy: &TopicPolicy, version: i16, now: Time) -> Rules {
    let now = now.0 as i64;
    let bound = |ms: Option<u64>| ms.and_then(|ms| i64::try_from(ms).ok()).unwrap_or(i64::MAX);
    let timestamps = match policy.arrival_time {
        true => TimestampRule::LogAppendTime,
        false => TimestampRule::CreateTime {
            earliest: now.saturating_sub(bound(policy.time_before_ms)),
            latest: now.saturating_add(bound(policy.time_after_ms)),
        },
    };
    Rules {
        bytes_max: policy.batch_bytes_max as usize,
        zstd: version >= 7,
        timestamps,
        compacted: policy.compacts,
        inflate: policy.checks_records || policy.compacts,
        inflated_bytes_max: INFLATED_MAX,
    }
}

/// `InitProducerId`
pub(super) fn init_producer_id(request: &InitProducerIdRequest<'_>, call: Call, cx: &mut Context<'_>) {
    if request.transactional_id.is_some() {
        let error_code = ErrorCode::TransactionalIdAuthorizationFailed.code();
        return answer(call, &InitProducerIdResponse { error_code, ..Default::default() }, cx);
    }
    let (id, lsn) = cx.broker.new_producer(cx.turn);
    hold(lsn, cx);
    let response = InitProducerIdResponse { producer_id: id as i64, producer_epoch: 0, ..Default::default() };
    answer(call, &response, cx);
}
