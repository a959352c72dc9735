//! Frames (AMQP 0-9-1 §4.2.3), heartbeats (§4.2.7) and the protocol header (§4.2.2).
//!
//! ```text
//! 0      1         3             7                  size+7 size+8
//! +------+---------+-------------+------------------+------+
//! | type | channel | payload size|     payload      | 0xCE |
//! +------+---------+-------------+------------------+------+
//!   u8      u16          u32          size bytes       u8
//! ```

use super::CodecError;

/// The last octet of every frame.
pub const FRAME_END: u8 = 0xCE;

/// Bytes before the payload: type, channel, size.
pub const FRAME_HEAD_LEN: usize = 7;

/// Bytes of a frame that are not payload: the head and the end octet.
pub const FRAME_OVERHEAD: usize = FRAME_HEAD_LEN + 1;

/// The least `frame_max` that may be negotiated, in bytes (§4.2.3 `frame-min-size`).
pub const FRAME_MIN_SIZE: u32 = 4096;

/// A whole heartbeat frame.
pub const HEARTBEAT: [u8; FRAME_OVERHEAD] = [8, 0, 0, 0, 0, 0, 0, FRAME_END];

/// The header that opens a connection, and the one a server answers to a wrong one.
pub const PROTOCOL_HEADER: [u8; 8] = *b"AMQP\x00\x00\x09\x01";

/// The older spelling of the same protocol, still sent by some clients.
const PROTOCOL_HEADER_0_9: [u8; 8] = *b"AMQP\x01\x01\x00\x09";

/// What a frame carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum FrameKind {
    /// Class id, method id and arguments: see [`Method`](super::Method).
    Method = 1,
    /// Size and properties of a body: see [`ContentHeader`](super::ContentHeader).
    Header = 2,
    /// A part of a body.
    Body = 3,
    /// Nothing; says that the peer is alive.
    Heartbeat = 8,
}

impl FrameKind {
    /// The kind with this type octet.
    #[inline]
    const fn from_octet(octet: u8) -> Option<Self> {
        match octet {
            1 => Some(Self::Method),
            2 => Some(Self::Header),
            3 => Some(Self::Body),
            8 => Some(Self::Heartbeat),
            _ => None,
        }
    }
}

/// One whole frame, borrowed from the input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frame<'a> {
    /// What the payload is.
    pub kind: FrameKind,
    /// The channel; 0 for the connection itself.
    pub channel: u16,
    /// The bytes between head and end octet.
    pub payload: &'a [u8],
}

impl Frame<'_> {
    /// Bytes of input this frame took: payload and [`FRAME_OVERHEAD`].
    #[inline]
    pub const fn wire_len(&self) -> usize {
        self.payload.len() + FRAME_OVERHEAD
    }
}

/// What [`parse_frame`] found at the front of its input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Parsed<'a> {
    /// A whole frame; the next one begins [`Frame::wire_len`] bytes further on.
    Frame(Frame<'a>),
    /// The input has to grow to this many bytes, counted from its start, before another call can tell more.
    /// Never more than `frame_max` + 8.
    NeedMore(usize),
}

/// Looks at the frame at the front of `input`.
///
/// `frame_max` is the negotiated limit of a whole frame in bytes; as in RabbitMQ a frame may be 8 bytes longer, because
/// some clients count only the payload. Pass the limit of the server when none has been negotiated: 0 does not mean
/// "without limit" here.
///
/// The cost does not depend on the payload: only the head and the end octet are looked at. An impossible type or size
/// is refused as soon as its octets are there, before the payload has come.
///
/// # Errors
/// [`FrameKind`](CodecError::FrameKind), [`FrameTooLarge`](CodecError::FrameTooLarge),
/// [`FrameEnd`](CodecError::FrameEnd), [`HeartbeatChannel`](CodecError::HeartbeatChannel),
/// [`HeartbeatPayload`](CodecError::HeartbeatPayload).
#[inline]
pub fn parse_frame(input: &[u8], frame_max: u32) -> Result<Parsed<'_>, CodecError> {
    let Some(&octet) = input.first() else { return Ok(Parsed::NeedMore(FRAME_OVERHEAD)) };
    let kind = FrameKind::from_octet(octet).ok_or(CodecError::FrameKind(octet))?;
    let Some(&[_, c1, c0, s3, s2, s1, s0]) = input.first_chunk::<FRAME_HEAD_LEN>() else {
        return Ok(Parsed::NeedMore(FRAME_OVERHEAD));
    };
    let channel = u16::from_be_bytes([c1, c0]);
    let size = u32::from_be_bytes([s3, s2, s1, s0]);
    if size > frame_max {
        return Err(CodecError::FrameTooLarge { size, limit: frame_max.saturating_sub(FRAME_OVERHEAD as u32) });
    }
    if kind == FrameKind::Heartbeat {
        check_heartbeat(channel, size)?;
    }
    let end = FRAME_HEAD_LEN + size as usize;
    match input.get(end) {
        None => Ok(Parsed::NeedMore(end + 1)),
        Some(&FRAME_END) => Ok(Parsed::Frame(Frame { kind, channel, payload: &input[FRAME_HEAD_LEN..end] })),
        Some(&octet) => Err(CodecError::FrameEnd(octet)),
    }
}

/// A heartbeat belongs to channel 0 and is empty.
fn check_heartbeat(channel: u16, size: u32) -> Result<(), CodecError> {
    if channel != 0 {
        return Err(CodecError::HeartbeatChannel(channel));
    }
    if size != 0 {
        return Err(CodecError::HeartbeatPayload(size));
    }
    Ok(())
}

/// Which spelling of the protocol header a client sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProtocolVersion {
    /// `AMQP 0 0 9 1`.
    V0_9_1,
    /// `AMQP 1 1 0 9`, from which on the same protocol is spoken.
    V0_9,
}

/// Looks at the 8 bytes that open a connection; `None` while they may still become a known header.
///
/// # Errors
/// [`ProtocolHeader`](CodecError::ProtocolHeader) at the first byte that fits no known header. The answer is
/// [`PROTOCOL_HEADER`] and the end of the connection.
pub fn parse_protocol_header(input: &[u8]) -> Result<Option<ProtocolVersion>, CodecError> {
    let known = [(PROTOCOL_HEADER, ProtocolVersion::V0_9_1), (PROTOCOL_HEADER_0_9, ProtocolVersion::V0_9)];
    for (header, version) in known {
        if input.starts_with(&header) {
            return Ok(Some(version));
        }
        if header.starts_with(input) {
            return Ok(None);
        }
    }
    Err(CodecError::ProtocolHeader)
}
