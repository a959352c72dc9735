//! Refusals of the core and of record batches as the protocol's codes.

use crate::codec::ErrorCode;
use crate::records::{BatchError, RecordRefusalReason};
use crate::settings::plan::InvalidSettings;
use narumq_broker::group::GroupRefusal;
use narumq_broker::{AppendError, CreateTopicError, FetchError};

/// The code of a batch that was refused.
pub(crate) fn batch(error: &BatchError) -> ErrorCode {
    match error {
        BatchError::Length { .. } | BatchError::UnknownFormat { .. } | BatchError::Checksum { .. } => {
            ErrorCode::CorruptMessage
        }
        BatchError::TooLarge { .. } | BatchError::InflatedTooLarge { .. } => ErrorCode::MessageTooLarge,
        BatchError::UnknownCodec { .. } | BatchError::ZstdTooEarly => ErrorCode::UnsupportedCompressionType,
        BatchError::LogAppendTime => ErrorCode::InvalidTimestamp,
        BatchError::Records { refused } => {
            let timed = |reason| matches!(reason, RecordRefusalReason::Timestamp { .. });
            if refused.iter().any(|r| timed(r.reason)) { ErrorCode::InvalidTimestamp } else { ErrorCode::InvalidRecord }
        }
        BatchError::Empty
        | BatchError::Truncated { .. }
        | BatchError::OldFormat { .. }
        | BatchError::SeveralBatches { .. }
        | BatchError::Count { .. }
        | BatchError::OffsetRange { .. }
        | BatchError::Control
        | BatchError::DeleteHorizon
        | BatchError::BaseSequence { .. }
        | BatchError::ProducerEpoch { .. }
        | BatchError::TransactionWithoutProducer
        | BatchError::Compression
        | BatchError::Malformed { .. }
        | BatchError::OffsetDelta { .. }
        | BatchError::LeftOver { .. } => ErrorCode::InvalidRecord,
    }
}

/// The code of an append that was refused.
pub(crate) fn append(error: AppendError) -> ErrorCode {
    match error {
        AppendError::Deleted => ErrorCode::UnknownTopicOrPartition,
        // What is older than what is remembered is out of order to Apache Kafka, too.
        AppendError::DuplicateSequence | AppendError::OutOfOrderSequence => ErrorCode::OutOfOrderSequenceNumber,
        AppendError::ProducerFenced => ErrorCode::InvalidProducerEpoch,
    }
}

/// The code of a fetch that was refused.
pub(crate) fn fetch(error: FetchError) -> ErrorCode {
    match error {
        FetchError::Deleted => ErrorCode::UnknownTopicOrPartition,
        FetchError::OutOfRange { .. } => ErrorCode::OffsetOutOfRange,
        FetchError::Unreadable => ErrorCode::KafkaStorageError,
    }
}

/// The code of what a group refuses.
pub(crate) fn group(refusal: &GroupRefusal) -> ErrorCode {
    match refusal {
        GroupRefusal::UnknownMember => ErrorCode::UnknownMemberId,
        GroupRefusal::IllegalGeneration => ErrorCode::IllegalGeneration,
        GroupRefusal::RebalanceInProgress => ErrorCode::RebalanceInProgress,
        GroupRefusal::InconsistentProtocol => ErrorCode::InconsistentGroupProtocol,
        GroupRefusal::InvalidSessionTimeout => ErrorCode::InvalidSessionTimeout,
        GroupRefusal::MemberIdRequired(_) => ErrorCode::MemberIdRequired,
        GroupRefusal::FencedInstance => ErrorCode::FencedInstanceId,
        GroupRefusal::GroupMaxSizeReached => ErrorCode::GroupMaxSizeReached,
        GroupRefusal::InvalidGroupId => ErrorCode::InvalidGroupId,
        GroupRefusal::NotEmpty => ErrorCode::NonEmptyGroup,
        GroupRefusal::NotFound => ErrorCode::GroupIdNotFound,
        GroupRefusal::SubscribedToTopic => ErrorCode::GroupSubscribedToTopic,
        GroupRefusal::MetadataTooLarge => ErrorCode::OffsetMetadataTooLarge,
        GroupRefusal::Dead => ErrorCode::CoordinatorNotAvailable,
    }
}

/// The code of what a group says to one thing that it is asked.
pub(crate) fn of_group(said: &Result<(), GroupRefusal>) -> ErrorCode {
    said.as_ref().map_or_else(group, |()| ErrorCode::None)
}

/// The code of a topic that is not created or changed.
pub(crate) fn create(error: CreateTopicError) -> ErrorCode {
    match error {
        CreateTopicError::Exists => ErrorCode::TopicAlreadyExists,
        CreateTopicError::IsQueue | CreateTopicError::Collides => ErrorCode::InvalidTopicException,
        CreateTopicError::Format => ErrorCode::UnsupportedForMessageFormat,
        CreateTopicError::Unknown => ErrorCode::UnknownTopicOrPartition,
        CreateTopicError::Partitions => ErrorCode::InvalidPartitions,
    }
}

/// A refusal as a client is told of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) code: ErrorCode,
    pub(crate) text: String,
}

impl Refusal {
    pub(crate) fn new(code: ErrorCode, text: impl Into<String>) -> Self {
        Self { code, text: text.into() }
    }

    /// There is no topic of this name, or no such partition.
    pub(crate) fn unknown_topic() -> Self {
        Self::new(ErrorCode::UnknownTopicOrPartition, "This server does not host this topic-partition.")
    }
}

/// Code and text of what was done, or refused.
pub(crate) fn outcome(done: &Result<(), Refusal>) -> (i16, Option<&str>) {
    match done {
        Ok(()) => (ErrorCode::None.code(), None),
        Err(Refusal { code, text }) => (code.code(), Some(text)),
    }
}

impl From<CreateTopicError> for Refusal {
    fn from(error: CreateTopicError) -> Self {
        let text = match error {
            CreateTopicError::Unknown => return Self::unknown_topic(),
            CreateTopicError::Exists
            | CreateTopicError::IsQueue
            | CreateTopicError::Format
            | CreateTopicError::Partitions
            | CreateTopicError::Collides => error.to_string(),
        };
        Self { code: create(error), text }
    }
}

impl From<InvalidSettings> for Refusal {
    fn from(invalid: InvalidSettings) -> Self {
        Self::new(ErrorCode::InvalidConfig, invalid.to_string())
    }
}

/// There is no topic of this id.
pub(crate) const UNKNOWN_ID: &str = "This server does not host this topic ID.";
