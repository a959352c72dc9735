//! What a topic may be called.

use crate::codec::ErrorCode;
use crate::error::Refusal;
use narumq_broker::{Broker, CreateTopicError, TopicHandle, TopicSpec, Vhost};
use narumq_door::Context;
use narumq_model::Lsn;

/// Longest name of a topic, in bytes.
const NAME_MAX: usize = 249;

/// Whether a topic may have this name.
pub(in crate::commands) fn check_name(name: &str) -> Result<(), Refusal> {
    let legal = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
    let why = match name {
        "" => "the empty string is not allowed".to_owned(),
        "." | ".." => format!("'{name}' is not allowed"),
        _ if name.len() > NAME_MAX => {
            format!("the length of '{name}' is longer than the max allowed length {NAME_MAX}")
        }
        _ if !name.bytes().all(legal) => {
            format!("'{name}' contains one or more characters other than ASCII alphanumerics, '.', '_' and '-'")
        }
        _ => return Ok(()),
    };
    Err(Refusal::new(ErrorCode::InvalidTopicException, format!("Topic name is invalid: {why}")))
}

/// The code of a name that no topic has: whether one could.
pub(in crate::commands) fn code_of_unknown(name: &str) -> ErrorCode {
    check_name(name).map_or_else(|refusal| refusal.code, |()| ErrorCode::UnknownTopicOrPartition)
}

/// Whether two names are the same once `.` is written as `_`.
fn collide(name: &str, other: &str) -> bool {
    let plain = |b: u8| if b == b'.' { b'_' } else { b };
    other.len() == name.len() && other.bytes().map(plain).eq(name.bytes().map(plain))
}

/// Creates a topic whose name has been checked. What another client created since the check is refused here.
pub(in crate::commands) fn create_checked(
    vhost: &Vhost,
    spec: TopicSpec,
    cx: &mut Context<'_>,
) -> Result<(TopicHandle, Lsn), CreateTopicError> {
    let name = spec.name.clone();
    if !name.contains(['.', '_']) {
        return cx.broker.create_topic(vhost, spec, cx.turn);
    }
    cx.broker.create_topic_beside(vhost, spec, |other| collide(&name, other), cx.turn)
}

/// Whether a topic of this name may come: the name is free, and no other is the same once `.` is written as `_`, as names
/// of metrics are.
pub(crate) fn check_new_name(name: &str, vhost: &Vhost, broker: &Broker) -> Result<(), Refusal> {
    check_name(name)?;
    broker.may_create_topic(vhost, name).map_err(|error| match error {
        CreateTopicError::Exists => {
            Refusal::new(ErrorCode::TopicAlreadyExists, format!("Topic '{name}' already exists."))
        }
        CreateTopicError::IsQueue => Refusal::new(
            ErrorCode::InvalidTopicException,
            format!("Topic '{name}' cannot be created: a queue of another kind has this name"),
        ),
        CreateTopicError::Format
        | CreateTopicError::Unknown
        | CreateTopicError::Partitions
        | CreateTopicError::Collides => error.into(),
    })?;
    if !name.contains(['.', '_']) {
        return Ok(());
    }
    broker.find_topic(vhost, |other| collide(name, other)).map_or(Ok(()), |other| {
        let text = format!("Topic '{name}' collides with existing topic: {other}");
        Err(Refusal::new(ErrorCode::InvalidTopicException, text))
    })
}
