//! Writing frames to the end of a buffer: methods, content headers, bodies, and by hand the ones that are written most.
//!
//! ```text
//! basic.deliver, a message of n bytes:
//!   | 1 | channel | size | 0 60 0 60 | consumer tag | delivery tag | redelivered | exchange | routing key | 0xCE |
//!   | 2 | channel | size | 0 60 0 0  | n            | properties as published | 0xCE |
//!   | 3 | channel | size | part of the body | 0xCE |         repeated, at most frame_max - 8 bytes each; none if n is 0
//! ```
//! The properties go into one frame whatever their length: the protocol has no way to split a content header.

use std::ops::Range;

use super::arguments::{cut_short_string, write_short_string};
use super::frame::{FRAME_END, FRAME_HEAD_LEN, FRAME_OVERHEAD};
use super::{
    ArgumentWriter, BasicAck, BasicDeliver, BasicGetOk, BasicNack, BasicReturn, ContentHeader, FrameKind, HEARTBEAT,
    WireMethod,
};

/// The head of a frame whose payload has `size` bytes.
#[inline]
const fn frame_head(kind: FrameKind, channel: u16, size: u32) -> [u8; FRAME_HEAD_LEN] {
    let [c1, c0] = channel.to_be_bytes();
    let [s3, s2, s1, s0] = size.to_be_bytes();
    [kind as u8, c1, c0, s3, s2, s1, s0]
}

/// Appends the frame of any method.
pub fn write_method(out: &mut Vec<u8>, channel: u16, method: &impl WireMethod) {
    let start = out.len();
    out.reserve(64);
    out.extend_from_slice(&frame_head(FrameKind::Method, channel, 0));
    out.extend_from_slice(&method.id().to_bytes());
    method.write_arguments(&mut ArgumentWriter::new(out));
    // Arguments are a few short strings and at most one table that came in a frame: the length fits.
    let size = (out.len() - start - FRAME_HEAD_LEN) as u32;
    out[start + 3..start + FRAME_HEAD_LEN].copy_from_slice(&size.to_be_bytes());
    out.push(FRAME_END);
}

/// Appends a heartbeat.
pub fn write_heartbeat(out: &mut Vec<u8>) {
    out.extend_from_slice(&HEARTBEAT);
}

/// Appends a content header of class basic. `properties` are the flags and what follows them.
#[inline]
pub fn write_content_header(out: &mut Vec<u8>, channel: u16, properties: &[u8], body_size: u64) {
    let size = ContentHeader::FIXED_LEN + properties.len();
    out.reserve(size + FRAME_OVERHEAD);
    let mut head = [0; FRAME_HEAD_LEN + ContentHeader::FIXED_LEN];
    head[..7].copy_from_slice(&frame_head(FrameKind::Header, channel, size as u32));
    head[7..11].copy_from_slice(&[0, 60, 0, 0]);
    head[11..].copy_from_slice(&body_size.to_be_bytes());
    out.extend_from_slice(&head);
    out.extend_from_slice(properties);
    out.push(FRAME_END);
}

/// The head of a body frame that carries `len` bytes; [`FRAME_END`] has to follow them.
///
/// For a body that is sent from where it lies: write the head, hand the part over to the socket, write the end octet
/// and the next head.
#[inline]
pub const fn body_frame_head(channel: u16, len: u32) -> [u8; FRAME_HEAD_LEN] {
    frame_head(FrameKind::Body, channel, len)
}

/// The parts of a body of `len` bytes that go into a frame each, for frames of at most `frame_max` bytes (overhead
/// included). None for an empty body.
#[inline]
pub const fn body_parts(len: usize, frame_max: u32) -> BodyParts {
    let part = (frame_max as usize).saturating_sub(FRAME_OVERHEAD);
    // A limit below one frame is never negotiated; parts of one byte at least end.
    BodyParts { next: 0, len, part: if part == 0 { 1 } else { part } }
}

/// Ranges of a body, one for every body frame: see [`body_parts`].
#[derive(Debug, Clone)]
pub struct BodyParts {
    next: usize,
    len: usize,
    part: usize,
}

impl Iterator for BodyParts {
    type Item = Range<usize>;

    #[inline]
    fn next(&mut self) -> Option<Range<usize>> {
        if self.next == self.len {
            return None;
        }
        let start = self.next;
        self.next += self.part.min(self.len - start);
        Some(start..self.next)
    }
}

/// Appends a body in as many frames as it takes.
#[inline]
pub fn write_body(out: &mut Vec<u8>, channel: u16, body: &[u8], frame_max: u32) {
    for part in body_parts(body.len(), frame_max) {
        let part = &body[part];
        out.reserve(part.len() + FRAME_OVERHEAD);
        out.extend_from_slice(&body_frame_head(channel, part.len() as u32));
        out.extend_from_slice(part);
        out.push(FRAME_END);
    }
}

/// Appends a whole delivery: method, content header and body.
#[inline]
pub fn write_deliver(
    out: &mut Vec<u8>,
    channel: u16,
    deliver: &BasicDeliver<'_>,
    properties: &[u8],
    body: &[u8],
    frame_max: u32,
) {
    // Names are short; one look at the capacity covers everything but the further frames of a split body.
    out.reserve(1024 + properties.len() + body.len());
    write_deliver_head(out, channel, deliver, properties, body.len() as u64);
    write_body(out, channel, body, frame_max);
}

/// Appends method and content header of a delivery: all of it if `body_size` is 0, else the body frames have to follow
/// (see [`body_parts`] and [`body_frame_head`]).
#[inline]
pub fn write_deliver_head(
    out: &mut Vec<u8>,
    channel: u16,
    deliver: &BasicDeliver<'_>,
    properties: &[u8],
    body_size: u64,
) {
    let tag = cut_short_string(deliver.consumer_tag);
    let exchange = cut_short_string(deliver.exchange);
    let routing_key = cut_short_string(deliver.routing_key);
    let size = 4 + 1 + tag.len() + 8 + 1 + 1 + exchange.len() + 1 + routing_key.len();
    out.reserve(size + FRAME_OVERHEAD);

    let mut head = [0; FRAME_HEAD_LEN + 5];
    head[..7].copy_from_slice(&frame_head(FrameKind::Method, channel, size as u32));
    head[7..11].copy_from_slice(&BasicDeliver::ID.to_bytes());
    head[11] = tag.len() as u8;
    out.extend_from_slice(&head);
    out.extend_from_slice(tag);

    let mut middle = [0; 10];
    middle[..8].copy_from_slice(&deliver.delivery_tag.to_be_bytes());
    middle[8] = u8::from(deliver.redelivered);
    middle[9] = exchange.len() as u8;
    out.extend_from_slice(&middle);
    out.extend_from_slice(exchange);
    write_short_string(out, routing_key);
    out.push(FRAME_END);

    write_content_header(out, channel, properties, body_size);
}

/// Appends a whole basic.return: method, content header and body.
pub fn write_return(
    out: &mut Vec<u8>,
    channel: u16,
    method: &BasicReturn<'_>,
    properties: &[u8],
    body: &[u8],
    frame_max: u32,
) {
    write_method(out, channel, method);
    write_content_header(out, channel, properties, body.len() as u64);
    write_body(out, channel, body, frame_max);
}

/// Appends a whole basic.get-ok: method, content header and body.
pub fn write_get_ok(
    out: &mut Vec<u8>,
    channel: u16,
    method: &BasicGetOk<'_>,
    properties: &[u8],
    body: &[u8],
    frame_max: u32,
) {
    write_method(out, channel, method);
    write_content_header(out, channel, properties, body.len() as u64);
    write_body(out, channel, body, frame_max);
}

/// Appends a basic.ack, as a confirm of publishes.
#[inline]
pub fn write_ack(out: &mut Vec<u8>, channel: u16, delivery_tag: u64, multiple: bool) {
    write_settlement(out, channel, BasicAck::ID.to_bytes(), delivery_tag, u8::from(multiple));
}

/// Appends a basic.nack, as a refusal of publishes; its `requeue` means nothing to a publisher and is false.
#[inline]
pub fn write_nack(out: &mut Vec<u8>, channel: u16, delivery_tag: u64, multiple: bool) {
    write_settlement(out, channel, BasicNack::ID.to_bytes(), delivery_tag, u8::from(multiple));
}

/// Appends the frame of a method whose arguments are a delivery tag and an octet of bits.
#[inline]
fn write_settlement(out: &mut Vec<u8>, channel: u16, id: [u8; 4], delivery_tag: u64, bits: u8) {
    let mut frame = [0; FRAME_OVERHEAD + 13];
    frame[..7].copy_from_slice(&frame_head(FrameKind::Method, channel, 13));
    frame[7..11].copy_from_slice(&id);
    frame[11..19].copy_from_slice(&delivery_tag.to_be_bytes());
    frame[19] = bits;
    frame[20] = FRAME_END;
    out.extend_from_slice(&frame);
}
