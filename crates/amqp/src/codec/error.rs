//! What can be wrong with bytes from a peer.

use std::fmt;

use super::MethodId;

/// What was wrong with the bytes that were to be decoded.
///
/// All of these are errors of the connection, not of a channel: after one of them the position in the byte stream, or
/// the peer's understanding of the protocol, can no longer be trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CodecError {
    /// The connection did not begin with a protocol header that is spoken here (AMQP 0-9-1 §4.2.2).
    /// The answer is the server's own header, not a frame.
    ProtocolHeader,
    /// A frame began with an octet that is no frame type (§4.2.3).
    FrameKind(u8),
    /// A frame announced more payload than was negotiated.
    FrameTooLarge {
        /// The announced length of the payload, in bytes.
        size: u32,
        /// The longest payload that fits `frame_max`, in bytes.
        limit: u32,
    },
    /// A frame ended with another octet than 0xCE (§4.2.3).
    FrameEnd(u8),
    /// A heartbeat came on a channel other than 0 (§4.2.7).
    HeartbeatChannel(u16),
    /// A heartbeat carried a payload of this many bytes (§4.2.7).
    HeartbeatPayload(u32),
    /// The method is in no class known here.
    UnknownMethod(MethodId),
    /// A field ran past the end of what contains it.
    Truncated,
    /// Bytes were left after the last field.
    TrailingBytes,
    /// A field table or array held a value of an unknown type.
    FieldType(u8),
    /// Field tables and arrays were nested deeper than [`MAX_DEPTH`](super::MAX_DEPTH).
    TooDeep,
    /// The property flags had one of the two low bits set: the continuation bit, or the bit that has no property.
    PropertyFlags(u16),
}

impl CodecError {
    /// The reply code of the `connection.close` that fits: 501 FRAME_ERROR, 502 SYNTAX_ERROR, 505 UNEXPECTED_FRAME or
    /// 540 NOT_IMPLEMENTED (§1.2 of the specification's reply codes).
    ///
    /// [`ProtocolHeader`](Self::ProtocolHeader) has none in the protocol, as it is answered by a header; it counts as 501.
    pub const fn reply_code(self) -> u16 {
        match self {
            Self::ProtocolHeader
            | Self::FrameKind(_)
            | Self::FrameTooLarge { .. }
            | Self::FrameEnd(_)
            | Self::HeartbeatPayload(_) => 501,
            Self::Truncated | Self::TrailingBytes | Self::FieldType(_) | Self::TooDeep | Self::PropertyFlags(_) => 502,
            Self::HeartbeatChannel(_) => 505,
            Self::UnknownMethod(_) => 540,
        }
    }
}

impl fmt::Display for CodecError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::ProtocolHeader => write!(f, "unknown protocol header"),
            Self::FrameKind(kind) => write!(f, "unknown frame type {kind}"),
            Self::FrameTooLarge { size, limit } => {
                write!(f, "frame too large: payload of {size} bytes, limit is {limit}")
            }
            Self::FrameEnd(octet) => write!(f, "invalid frame end marker {octet}"),
            Self::HeartbeatChannel(channel) => write!(f, "heartbeat on channel {channel}"),
            Self::HeartbeatPayload(size) => write!(f, "heartbeat with a payload of {size} bytes"),
            Self::UnknownMethod(id) => write!(f, "unknown method {}.{}", id.class, id.method),
            Self::Truncated => write!(f, "a field runs past its end"),
            Self::TrailingBytes => write!(f, "bytes after the last field"),
            Self::FieldType(tag) => write!(f, "unknown field type '{}'", tag.escape_ascii()),
            Self::TooDeep => write!(f, "tables nested too deep"),
            Self::PropertyFlags(flags) => write!(f, "invalid property flags {flags:#06x}"),
        }
    }
}

impl std::error::Error for CodecError {}
