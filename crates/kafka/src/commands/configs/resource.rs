//! What settings belong to: a topic, or the broker.

use crate::codec::ErrorCode;
use crate::error::Refusal;

/// Something that has settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Resource<'a> {
    Topic(&'a str),
    /// By its number; `None` = all brokers of the cluster.
    Broker(Option<i32>),
}

/// The resource of a type and a name.
pub(super) fn resource(kind: i8, name: &str) -> Result<Resource<'_>, Refusal> {
    let refuse = |text: String| Err(Refusal::new(ErrorCode::InvalidRequest, text));
    match kind {
        2 => Ok(Resource::Topic(name)),
        4 if name.is_empty() => Ok(Resource::Broker(None)),
        4 => match name.parse() {
            Ok(node) => Ok(Resource::Broker(Some(node))),
            Err(_) => refuse(format!("Broker id must be an integer, but it is: {name}")),
        },
        8 => refuse("Unsupported resource type BROKER_LOGGER: loggers have no levels here".into()),
        16 => refuse("Unsupported resource type CLIENT_METRICS: clients are not asked for metrics".into()),
        32 => refuse("Unsupported resource type GROUP: groups have no settings of their own".into()),
        _ => refuse(format!("Unknown resource type {kind}")),
    }
}
