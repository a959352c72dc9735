//! Refusals as the wire knows them: a reply code and a text, for the channel or the connection.

pub(crate) mod broker;

use crate::codec::{CodecError, MethodId};
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
