//! Refusals as the wire knows them: a reply code and a text, for the channel or the connection.

use crate::codec::{CodecError, MethodId};
use narumq_broker::{
    AuthenticateError, BindError, ConsumeError, DeleteExchangeError, DeleteQueueError, ExchangeInUse, ExclusiveUse,
    InternalExchange, NoSuchExchange, NoSuchQueue, OpenVhostError, QueueError, QueueInUse, QueueLocked, QueueNotEmpty,
    RouteError, SingleActiveConsumer,
};
use std::fmt::Display;

/// The reply codes in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u16)]
pub(crate) enum Code {
    ConnectionForced = 320,
    AccessRefused = 403,
    NotFound = 404,
    ResourceLocked = 405,
    PreconditionFailed = 406,
    FrameError = 501,
    SyntaxError = 502,
    CommandInvalid = 503,
    ChannelError = 504,
    UnexpectedFrame = 505,
    ResourceError = 506,
    NotAllowed = 530,
    NotImplemented = 540,
}

impl Code {
    /// The name in front of every text.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::ConnectionForced => "CONNECTION_FORCED",
            Self::AccessRefused => "ACCESS_REFUSED",
            Self::NotFound => "NOT_FOUND",
            Self::ResourceLocked => "RESOURCE_LOCKED",
            Self::PreconditionFailed => "PRECONDITION_FAILED",
            Self::FrameError => "FRAME_ERROR",
            Self::SyntaxError => "SYNTAX_ERROR",
            Self::CommandInvalid => "COMMAND_INVALID",
            Self::ChannelError => "CHANNEL_ERROR",
            Self::UnexpectedFrame => "UNEXPECTED_FRAME",
            Self::ResourceError => "RESOURCE_ERROR",
            Self::NotAllowed => "NOT_ALLOWED",
            Self::NotImplemented => "NOT_IMPLEMENTED",
        }
    }

    /// Whether it ends the connection: a hard error.
    pub(crate) const fn is_hard(self) -> bool {
        match self {
            Self::AccessRefused | Self::NotFound | Self::ResourceLocked | Self::PreconditionFailed => false,
            Self::ConnectionForced
            | Self::FrameError
            | Self::SyntaxError
            | Self::CommandInvalid
            | Self::ChannelError
            | Self::UnexpectedFrame
            | Self::ResourceError
            | Self::NotAllowed
            | Self::NotImplemented => true,
        }
    }
}

/// A no that the client is told: boxed by its rarity, small on the way of what succeeds.
#[derive(Debug)]
pub(crate) struct Refused(Box<Inner>);

#[derive(Debug)]
struct Inner {
    code: Code,
    text: String,
    method: Option<MethodId>,
    whole: bool,
}

impl Refused {
    /// A refusal with this text behind the code's name.
    pub(crate) fn new(code: Code, text: impl Into<String>) -> Self {
        Self(Box::new(Inner { code, text: text.into(), method: None, whole: code.is_hard() }))
    }

    /// 406.
    pub(crate) fn failed(text: impl Into<String>) -> Self {
        Self::new(Code::PreconditionFailed, text)
    }

    /// 404.
    pub(crate) fn not_found(text: impl Into<String>) -> Self {
        Self::new(Code::NotFound, text)
    }

    /// 403.
    pub(crate) fn access(text: impl Into<String>) -> Self {
        Self::new(Code::AccessRefused, text)
    }

    /// Names the method that is to blame, if it is not the one being served.
    pub(crate) fn by(mut self, method: MethodId) -> Self {
        self.0.method = Some(method);
        self
    }

    /// Ends the connection, whatever the code.
    pub(crate) fn whole(mut self) -> Self {
        self.0.whole = true;
        self
    }

    /// The reply code.
    pub(crate) fn code(&self) -> Code {
        self.0.code
    }

    /// Whether the connection ends, not just the channel.
    pub(crate) fn ends_connection(&self) -> bool {
        self.0.whole
    }

    /// The method to blame, if one was named.
    pub(crate) fn method(&self) -> Option<MethodId> {
        self.0.method
    }

    /// The reply text.
    pub(crate) fn text(&self) -> String {
        format!("{} - {}", self.0.code.name(), self.0.text)
    }
}

/// A queue in texts.
pub(crate) fn queue_in(queue: impl Display, vhost: impl Display) -> String {
    format!("queue '{queue}' in vhost '{vhost}'")
}

/// An exchange in texts.
pub(crate) fn exchange_in(exchange: impl Display, vhost: impl Display) -> String {
    format!("exchange '{exchange}' in vhost '{vhost}'")
}

impl From<CodecError> for Refused {
    fn from(error: CodecError) -> Self {
        let code = match error {
            CodecError::UnknownMethod(_) => Code::CommandInvalid,
            CodecError::ProtocolHeader
            | CodecError::FrameKind(_)
            | CodecError::FrameTooLarge { .. }
            | CodecError::FrameEnd(_)
            | CodecError::HeartbeatPayload(_) => Code::FrameError,
            CodecError::HeartbeatChannel(_) => Code::UnexpectedFrame,
            CodecError::Truncated
            | CodecError::TrailingBytes
            | CodecError::FieldType(_)
            | CodecError::TooDeep
            | CodecError::PropertyFlags(_) => Code::SyntaxError,
        };
        Self::new(code, error.to_string())
    }
}

impl From<NoSuchQueue> for Refused {
    fn from(refusal: NoSuchQueue) -> Self {
        Self::not_found(format!("no {}", queue_in(&refusal.queue, &refusal.vhost)))
    }
}

impl From<NoSuchExchange> for Refused {
    fn from(refusal: NoSuchExchange) -> Self {
        Self::not_found(format!("no {}", exchange_in(&refusal.exchange, &refusal.vhost)))
    }
}

impl From<QueueLocked> for Refused {
    fn from(refusal: QueueLocked) -> Self {
        let text = format!(
            "cannot obtain exclusive access to locked {}. It could be originally declared on another connection or the \
             exclusive property value does not match that of the original declaration.",
            queue_in(&refusal.queue, &refusal.vhost)
        );
        Self::new(Code::ResourceLocked, text)
    }
}

impl From<SingleActiveConsumer> for Refused {
    fn from(refusal: SingleActiveConsumer) -> Self {
        let text = format!(
            "cannot obtain access to locked {}. basic.get operations are not supported by classic queues with single \
             active consumer",
            queue_in(&refusal.queue, &refusal.vhost)
        );
        Self::new(Code::ResourceLocked, text)
    }
}

impl From<QueueInUse> for Refused {
    fn from(refusal: QueueInUse) -> Self {
        Self::failed(format!("{} in use", queue_in(&refusal.queue, &refusal.vhost)))
    }
}

impl From<QueueNotEmpty> for Refused {
    fn from(refusal: QueueNotEmpty) -> Self {
        Self::failed(format!("{} not empty", queue_in(&refusal.queue, &refusal.vhost)))
    }
}

impl From<ExchangeInUse> for Refused {
    fn from(refusal: ExchangeInUse) -> Self {
        Self::failed(format!("{} in use", exchange_in(&refusal.exchange, &refusal.vhost)))
    }
}

impl From<ExclusiveUse> for Refused {
    fn from(refusal: ExclusiveUse) -> Self {
        Self::access(format!("{} in exclusive use", queue_in(&refusal.queue, &refusal.vhost)))
    }
}

impl From<InternalExchange> for Refused {
    fn from(refusal: InternalExchange) -> Self {
        Self::access(format!("cannot publish to internal {}", exchange_in(&refusal.exchange, &refusal.vhost)))
    }
}

impl From<QueueError> for Refused {
    fn from(error: QueueError) -> Self {
        match error {
            QueueError::NoSuchQueue(refusal) => refusal.into(),
            QueueError::QueueLocked(refusal) => refusal.into(),
            QueueError::SingleActiveConsumer(refusal) => refusal.into(),
        }
    }
}

impl From<DeleteQueueError> for Refused {
    fn from(error: DeleteQueueError) -> Self {
        match error {
            DeleteQueueError::NoSuchQueue(refusal) => refusal.into(),
            DeleteQueueError::QueueLocked(refusal) => refusal.into(),
            DeleteQueueError::QueueInUse(refusal) => refusal.into(),
            DeleteQueueError::QueueNotEmpty(refusal) => refusal.into(),
        }
    }
}

impl From<DeleteExchangeError> for Refused {
    fn from(error: DeleteExchangeError) -> Self {
        match error {
            DeleteExchangeError::ExchangeInUse(refusal) => refusal.into(),
        }
    }
}

impl From<BindError> for Refused {
    fn from(error: BindError) -> Self {
        match error {
            BindError::NoSuchQueue(refusal) => refusal.into(),
            BindError::NoSuchExchange(refusal) => refusal.into(),
            BindError::QueueLocked(refusal) => refusal.into(),
        }
    }
}

impl From<RouteError> for Refused {
    fn from(error: RouteError) -> Self {
        match error {
            RouteError::NoSuchExchange(refusal) => refusal.into(),
            RouteError::InternalExchange(refusal) => refusal.into(),
        }
    }
}

impl From<ConsumeError> for Refused {
    fn from(error: ConsumeError) -> Self {
        match error {
            ConsumeError::NoSuchQueue(refusal) => refusal.into(),
            ConsumeError::QueueLocked(refusal) => refusal.into(),
            ConsumeError::ExclusiveUse(refusal) => refusal.into(),
        }
    }
}

impl From<OpenVhostError> for Refused {
    fn from(error: OpenVhostError) -> Self {
        match error {
            OpenVhostError::NoSuchVhost(refusal) => {
                Self::new(Code::NotAllowed, format!("vhost {} not found", refusal.vhost))
            }
            OpenVhostError::VhostRefused(refusal) => Self::new(
                Code::NotAllowed,
                format!("access to vhost '{}' refused for user '{}'", refusal.vhost, refusal.user),
            ),
        }
    }
}

/// Every failed login is told the same, so that a stranger does not learn which part was wrong.
pub(crate) fn login_refused(error: AuthenticateError, mechanism: &str) -> Refused {
    match error {
        AuthenticateError::WrongCredentials(_) | AuthenticateError::LoopbackOnly(_) => Refused::access(format!(
            "Login was refused using authentication mechanism {mechanism}. For details see the broker logfile."
        ))
        .whole(),
    }
}
