//! Refusals and what they look like on the wire: `{"error": kind, "reason": text}` and a status.

use narumq_broker::{
    BindError, DeleteExchangeError, DeleteQueueError, NoSuchExchange, NoSuchQueue, QueueError, QueueLocked, RouteError,
};
use narumq_door::http::{BadEscape, RequestError};
use serde_json::{Value, json};

/// Why a request is not answered with what it asked for.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Problem {
    /// No login in the request.
    LoginMissing,
    /// The login is wrong.
    LoginFailed,
    /// The user may not do this.
    Refused(String),
    /// There is no such thing.
    NotFound,
    /// There is no such thing, in words.
    Missing(String),
    /// The request makes no sense.
    Bad(Value),
    /// The request makes no sense, under another heading.
    BadAs(&'static str, String),
    /// The path has other methods.
    Method(&'static [&'static str]),
    /// Not now.
    Unavailable(String),
    /// The bytes are no request; the connection ends.
    Malformed(RequestError),
}

impl Problem {
    /// A bad request, in words.
    pub(crate) fn bad(reason: impl Into<String>) -> Self {
        Self::Bad(Value::String(reason.into()))
    }

    /// The status and the body, if it has one.
    pub(crate) fn answer(&self) -> (u16, Option<Value>) {
        let body = |error: &str, reason: &Value| Some(json!({ "error": error, "reason": reason }));
        let text = |error: &str, reason: &str| Some(json!({ "error": error, "reason": reason }));
        match self {
            Self::LoginMissing => (401, None),
            Self::LoginFailed => (401, text("not_authorized", "Login failed")),
            Self::Refused(reason) => (401, text("not_authorised", reason)),
            Self::NotFound => (404, text("Object Not Found", "Not Found")),
            Self::Missing(reason) => (404, text("not_found", reason)),
            Self::Bad(reason) => (400, body("bad_request", reason)),
            Self::BadAs(error, reason) => (400, text(error, reason)),
            Self::Method(_) => (405, None),
            Self::Unavailable(reason) => (503, text("unavailable", reason)),
            Self::Malformed(error) => (error.status(), text("bad_request", &error.to_string())),
        }
    }
}

fn no_queue(refusal: &NoSuchQueue) -> String {
    format!("no queue '{}' in vhost '{}'", refusal.queue, refusal.vhost)
}

fn no_exchange(refusal: &NoSuchExchange) -> String {
    format!("no exchange '{}' in vhost '{}'", refusal.exchange, refusal.vhost)
}

fn locked(refusal: &QueueLocked) -> Problem {
    Problem::bad(format!(
        "cannot obtain exclusive access to locked queue '{}' in vhost '{}'. It could be originally declared on another \
         connection or the exclusive property value does not match that of the original declaration.",
        refusal.queue, refusal.vhost
    ))
}

impl From<RequestError> for Problem {
    fn from(error: RequestError) -> Self {
        Self::Malformed(error)
    }
}

impl From<BadEscape> for Problem {
    fn from(_: BadEscape) -> Self {
        Self::bad("malformed percent escape")
    }
}

impl From<QueueError> for Problem {
    fn from(error: QueueError) -> Self {
        match error {
            QueueError::NoSuchQueue(refusal) => Self::Missing(format!("NOT_FOUND - {}", no_queue(&refusal))),
            QueueError::QueueLocked(refusal) => locked(&refusal),
            QueueError::SingleActiveConsumer(refusal) => Self::bad(format!(
                "queue '{}' in vhost '{}' serves a single active consumer and cannot be asked for messages",
                refusal.queue, refusal.vhost
            )),
            QueueError::NameOfTopic(refusal) => Self::bad(format!(
                "inequivalent arg 'x-queue-type' for queue '{}' in vhost '{}': received 'classic' but current is 'stream'",
                refusal.topic, refusal.vhost
            )),
        }
    }
}

impl From<DeleteQueueError> for Problem {
    fn from(error: DeleteQueueError) -> Self {
        match error {
            DeleteQueueError::NoSuchQueue(_) => Self::NotFound,
            DeleteQueueError::QueueLocked(refusal) => locked(&refusal),
            DeleteQueueError::QueueInUse(r) => Self::bad(format!("queue '{}' in vhost '{}' in use", r.queue, r.vhost)),
            DeleteQueueError::QueueNotEmpty(r) => {
                Self::bad(format!("queue '{}' in vhost '{}' not empty", r.queue, r.vhost))
            }
        }
    }
}

impl From<DeleteExchangeError> for Problem {
    fn from(error: DeleteExchangeError) -> Self {
        let DeleteExchangeError::ExchangeInUse(r) = error;
        Self::bad(format!("exchange '{}' in vhost '{}' in use", r.exchange, r.vhost))
    }
}

impl From<BindError> for Problem {
    fn from(error: BindError) -> Self {
        match error {
            BindError::NoSuchQueue(refusal) => Self::Missing(no_queue(&refusal)),
            BindError::NoSuchExchange(refusal) => Self::Missing(no_exchange(&refusal)),
            BindError::QueueLocked(refusal) => locked(&refusal),
        }
    }
}

impl From<RouteError> for Problem {
    fn from(error: RouteError) -> Self {
        match error {
            RouteError::NoSuchExchange(refusal) => Self::bad(format!("404 NOT_FOUND - {}", no_exchange(&refusal))),
            RouteError::InternalExchange(r) => Self::bad(format!(
                "403 ACCESS_REFUSED - cannot publish to internal exchange '{}' in vhost '{}'",
                r.exchange, r.vhost
            )),
        }
    }
}
