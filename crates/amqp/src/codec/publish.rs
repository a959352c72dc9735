//! The fast path of incoming messages: basic.publish, content header and body straight from the input.
//!
//! ```text
//! method frame  | 1 | channel | size | 0 60 0 40 | ticket | exchange | routing key | bits | 0xCE |
//! header frame  | 2 | channel | size | 0 60 | weight | body size | properties | 0xCE |
//! body frame    | 3 | channel | size | body | 0xCE |              (none if the body size is 0, more if it is split)
//! ```
//! Nothing here reports an error: what is not a whole, well-formed message is left to
//! [`parse_frame`](super::parse_frame) and [`Method::decode`](super::Method::decode), which say what is wrong or missing.

use super::frame::{FRAME_END, FRAME_HEAD_LEN, FRAME_OVERHEAD};
use super::reader::Reader;
use super::{BasicPublish, CodecError, FrameKind};

/// The method frame of a basic.publish.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PublishFrame<'a> {
    /// The channel, as the frame says; may be 0, which the session refuses.
    pub channel: u16,
    /// Name of the exchange; empty for the default exchange.
    pub exchange: &'a [u8],
    /// Routing key.
    pub routing_key: &'a [u8],
    /// Return the message if it cannot be routed.
    pub mandatory: bool,
    /// Return the message if it cannot be delivered at once.
    pub immediate: bool,
    /// Bytes of input that the frame took.
    pub wire_len: usize,
}

/// Reads the frame at the front of `input` if it is a whole, well-formed basic.publish of at most `frame_max` bytes
/// (with the tolerance of [`parse_frame`](super::parse_frame)).
#[inline]
pub fn parse_publish(input: &[u8], frame_max: u32) -> Option<PublishFrame<'_>> {
    let &[1, c1, c0, s3, s2, s1, s0, 0, 60, 0, 40] = input.first_chunk::<11>()? else { return None };
    let size = u32::from_be_bytes([s3, s2, s1, s0]);
    if size > frame_max {
        return None;
    }
    let end = FRAME_HEAD_LEN + size as usize;
    if *input.get(end)? != FRAME_END {
        return None;
    }
    // Behind class, method and ticket; at the end the octet of bits.
    let arguments = input.get(FRAME_HEAD_LEN + 6..end)?;
    let (&exchange_len, rest) = arguments.split_first()?;
    let (exchange, rest) = rest.split_at_checked(usize::from(exchange_len))?;
    let (&key_len, rest) = rest.split_first()?;
    let (routing_key, bits) = rest.split_at_checked(usize::from(key_len))?;
    let &[bits] = bits else { return None };
    Some(PublishFrame {
        channel: u16::from_be_bytes([c1, c0]),
        exchange,
        routing_key,
        mandatory: bits & 1 != 0,
        immediate: bits & 2 != 0,
        wire_len: end + 1,
    })
}

/// The payload of a content header frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ContentHeader<'a> {
    /// Has to be that of the method before; 60 for every message.
    pub class_id: u16,
    /// Reserved, has to be 0.
    pub weight: u16,
    /// Bytes of body that will follow. A number of the peer's: not to be allocated without a look at the limits.
    pub body_size: u64,
    /// Flags and properties, not validated: see [`PropertiesView`](super::PropertiesView).
    pub properties: &'a [u8],
}

impl<'a> ContentHeader<'a> {
    /// Bytes in front of the properties.
    pub(super) const FIXED_LEN: usize = 12;

    /// Reads the payload of a header frame.
    ///
    /// # Errors
    /// [`Truncated`](CodecError::Truncated) when it is too short to hold the property flags.
    #[inline]
    pub fn parse(payload: &'a [u8]) -> Result<Self, CodecError> {
        let mut reader = Reader::new(payload);
        let header = Self {
            class_id: reader.short()?,
            weight: reader.short()?,
            body_size: reader.long_long()?,
            properties: reader.rest(),
        };
        if header.properties.len() < 2 {
            return Err(CodecError::Truncated);
        }
        Ok(header)
    }
}

/// A whole message: basic.publish, content header and the body in at most one frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Published<'a> {
    /// The method.
    pub publish: PublishFrame<'a>,
    /// Flags and properties, not validated: see [`PropertiesView`](super::PropertiesView).
    pub properties: &'a [u8],
    /// The whole body.
    pub body: &'a [u8],
    /// Bytes of input that all frames took.
    pub wire_len: usize,
}

/// Reads a whole message at the front of `input`, if there is one, well formed, on one channel, and its body is not split.
#[inline]
pub fn parse_published(input: &[u8], frame_max: u32) -> Option<Published<'_>> {
    let publish = parse_publish(input, frame_max)?;
    let rest = &input[publish.wire_len..];
    let header = payload_of(rest, FrameKind::Header, publish.channel, frame_max)?;
    let mut wire_len = publish.wire_len + header.len() + FRAME_OVERHEAD;
    let header = ContentHeader::parse(header).ok()?;
    if (header.class_id, header.weight) != (BasicPublish::ID.class, 0) {
        return None;
    }
    let body: &[u8] = if header.body_size == 0 {
        &[]
    } else {
        let body = payload_of(&input[wire_len..], FrameKind::Body, publish.channel, frame_max)?;
        wire_len += body.len() + FRAME_OVERHEAD;
        body
    };
    if body.len() as u64 != header.body_size {
        return None;
    }
    Some(Published { publish, properties: header.properties, body, wire_len })
}

/// The payload of the frame at the front of `input`, if it is whole, well formed, and of this kind and channel.
#[inline]
fn payload_of(input: &[u8], kind: FrameKind, channel: u16, frame_max: u32) -> Option<&[u8]> {
    let &[octet, c1, c0, s3, s2, s1, s0] = input.first_chunk::<FRAME_HEAD_LEN>()?;
    let size = u32::from_be_bytes([s3, s2, s1, s0]);
    if octet != kind as u8 || u16::from_be_bytes([c1, c0]) != channel || size > frame_max {
        return None;
    }
    let (payload, rest) = input[FRAME_HEAD_LEN..].split_at_checked(size as usize)?;
    (rest.first() == Some(&FRAME_END)).then_some(payload)
}
