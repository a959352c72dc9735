//! Publishes encoded once: a run of messages of equal length, stamped in place before each write.
//!
//! ```text
//! message:  basic.publish frame | content header frame | body frame(s)      (equal for each slot)
//! stamp, the first 16 octets of a body of at least 16:
//!  0                8          10        12               16
//! +----------------+----------+---------+----------------+----------
//! | nanoseconds    | producer | queue   | number         | padding
//! +----------------+----------+---------+----------------+----------
//! the number counts the messages of this producer to this queue, from 0
//! ```

use std::ops::Range;

use crate::encode::{self, CHANNEL, id};
use crate::frame::{BODY, HEADER, OVERHEAD};

/// Octets of a stamp; smaller bodies travel without one.
pub(crate) const STAMP: usize = 16;
/// A run of messages is about this long: one write of it costs little per message.
const RUN_BYTES: usize = 64 * 1024;

/// What a message says about itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stamp {
    /// When it was (or should have been) published, nanoseconds since the generator's epoch.
    pub(crate) nanoseconds: u64,
    pub(crate) producer: u16,
    pub(crate) queue: u16,
    pub(crate) number: u32,
}

impl Stamp {
    /// Reads the stamp off the head of a body.
    #[inline]
    pub(crate) fn read(body: &[u8]) -> Option<Stamp> {
        let (time, rest) = body.split_first_chunk::<8>()?;
        let (producer, rest) = rest.split_first_chunk::<2>()?;
        let (queue, rest) = rest.split_first_chunk::<2>()?;
        let number = rest.first_chunk::<4>()?;
        Some(Stamp {
            nanoseconds: u64::from_le_bytes(*time),
            producer: u16::from_le_bytes(*producer),
            queue: u16::from_le_bytes(*queue),
            number: u32::from_le_bytes(*number),
        })
    }

    #[inline]
    fn write(self, body: &mut [u8; STAMP]) {
        body[..8].copy_from_slice(&self.nanoseconds.to_le_bytes());
        body[8..10].copy_from_slice(&self.producer.to_le_bytes());
        body[10..12].copy_from_slice(&self.queue.to_le_bytes());
        body[12..].copy_from_slice(&self.number.to_le_bytes());
    }
}

/// What all messages of a producer have in common.
pub(crate) struct Shape<'a> {
    pub(crate) exchange: &'a str,
    /// Routing keys of equal length, used in turn.
    pub(crate) keys: &'a [String],
    /// Octets of a body.
    pub(crate) size: usize,
    /// delivery-mode 2.
    pub(crate) persistent: bool,
    /// Largest payload of one frame.
    pub(crate) largest: usize,
}

/// The encoded run. It begins with the first key and holds each key equally often.
pub(crate) struct Template {
    bytes: Vec<u8>,
    stride: usize,
    body_at: usize,
    keys: usize,
    producer: u16,
    stamped: bool,
}

impl Template {
    /// Encodes the run of one producer. `shape.keys` must not be empty.
    pub(crate) fn new(shape: &Shape<'_>, producer: u16) -> Template {
        let mut bytes = Vec::new();
        let mut body_at = 0;
        for key in shape.keys {
            body_at = encode_message(&mut bytes, shape, key);
        }
        let round = bytes.len();
        let stride = round / shape.keys.len();
        let rounds = (RUN_BYTES / round.max(1)).max(1);
        bytes = bytes.repeat(rounds);
        let body_at = body_at - (round - stride);
        Template { bytes, stride, body_at, keys: shape.keys.len(), producer, stamped: shape.size >= STAMP }
    }

    /// How many messages the run holds.
    pub(crate) fn slots(&self) -> usize {
        self.bytes.len() / self.stride
    }

    /// The octets of these slots.
    pub(crate) fn octets(&self, slots: Range<usize>) -> Range<usize> {
        slots.start * self.stride..slots.end * self.stride
    }

    /// The encoded octets.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Stamps the slots, of which the first is the producer's message `first` (from 0);
    /// `time_of` tells the time of the n-th of them.
    #[inline]
    pub(crate) fn stamp(&mut self, slots: Range<usize>, first: u64, time_of: impl Fn(u64) -> u64) {
        if !self.stamped {
            return;
        }
        let mut queue = (first % self.keys as u64) as u16;
        let mut number = (first / self.keys as u64) as u32;
        let run = &mut self.bytes[slots.start * self.stride..slots.end * self.stride];
        for (nth, message) in run.chunks_exact_mut(self.stride).enumerate() {
            if let Some(body) = message[self.body_at..].first_chunk_mut::<STAMP>() {
                let nanoseconds = time_of(nth as u64);
                Stamp { nanoseconds, producer: self.producer, queue, number }.write(body);
            }
            queue += 1;
            if usize::from(queue) == self.keys {
                queue = 0;
                number += 1;
            }
        }
    }
}

/// Appends one publish; returns where its body begins.
fn encode_message(out: &mut Vec<u8>, shape: &Shape<'_>, key: &str) -> usize {
    encode::method(out, CHANNEL, id::BASIC_PUBLISH, |arguments| {
        arguments.extend([0, 0]);
        encode::short_string(arguments, shape.exchange);
        encode::short_string(arguments, key);
        arguments.push(0);
    });
    encode::frame(out, HEADER, CHANNEL, |header| {
        header.extend([0, 60, 0, 0]);
        header.extend((shape.size as u64).to_be_bytes());
        if shape.persistent {
            header.extend([0x10, 0, 2]);
        } else {
            header.extend([0, 0]);
        }
    });
    let body_at = out.len() + OVERHEAD - 1;
    let mut left = shape.size;
    while left > 0 {
        let piece = left.min(shape.largest);
        encode::frame(out, BODY, CHANNEL, |body| body.resize(body.len() + piece, b'.'));
        left -= piece;
    }
    body_at
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame;

    fn template(keys: &[&str], size: usize, largest: usize) -> Template {
        let keys: Vec<String> = keys.iter().map(ToString::to_string).collect();
        Template::new(&Shape { exchange: "", keys: &keys, size, persistent: true, largest }, 3)
    }

    /// Every frame of the run as (kind, payload).
    fn frames(template: &Template, slots: Range<usize>) -> Vec<(u8, Vec<u8>)> {
        let mut bytes = &template.bytes()[template.octets(slots)];
        let mut found = Vec::new();
        while let Some((frame, length)) = frame::split(bytes, 200_000).unwrap() {
            found.push((frame.kind, frame.payload.to_vec()));
            bytes = &bytes[length..];
        }
        assert!(bytes.is_empty());
        found
    }

    #[test]
    fn stamps_follow_producer_queue_and_number() {
        let mut run = template(&["a", "b", "c"], 20, 4000);
        let slots = run.slots();
        assert!(slots > 300 && slots.is_multiple_of(3));
        run.stamp(0..slots, 6 * slots as u64, |nth| 1000 + nth);
        let frames = frames(&run, 0..slots);
        assert_eq!(frames.len(), 3 * slots);
        for (slot, message) in frames.chunks(3).enumerate() {
            let key = message[0].1[8];
            assert_eq!(key, b"abc"[slot % 3]);
            assert_eq!(message[1].1, [0, 60, 0, 0, 0, 0, 0, 0, 0, 0, 0, 20, 0x10, 0, 2]);
            let stamp = Stamp::read(&message[2].1).unwrap();
            let number = (6 * slots / 3 + slot / 3) as u32;
            let expected = Stamp { nanoseconds: 1000 + slot as u64, producer: 3, queue: (slot % 3) as u16, number };
            assert_eq!(stamp, expected);
        }
    }

    #[test]
    fn a_large_body_spans_frames_and_a_small_one_has_no_stamp() {
        let mut large = template(&["k"], 10_000, 4088);
        assert_eq!(large.slots(), 6);
        large.stamp(1..2, 1, |_| 7);
        let frames = frames(&large, 1..2);
        let lengths: Vec<usize> = frames[2..].iter().map(|(_, payload)| payload.len()).collect();
        assert_eq!(lengths, [4088, 4088, 1824]);
        assert_eq!(Stamp::read(&frames[2].1).unwrap().number, 1);
        let mut small = template(&["k"], 15, 4088);
        let before = small.bytes().to_vec();
        small.stamp(0..9, 0, |_| 7);
        assert_eq!(small.bytes(), before);
        let empty = template(&["k"], 0, 4088);
        assert_eq!(self::frames(&empty, 0..1).len(), 2, "an empty body has no body frame");
    }
}
