//! Walks AMQP 0-9-1 frames in a receive buffer without copying them.
//!
//! ```text
//!  0      1         3             7                  7+size   8+size
//! +------+---------+-------------+------------------+--------+
//! | type | channel | size        | payload          | 0xCE   |
//! +------+---------+-------------+------------------+--------+
//! ```

use std::io::{self, Read};

use crate::error::{Error, Result};

/// Frame type of a method.
pub(crate) const METHOD: u8 = 1;
/// Frame type of a content header.
pub(crate) const HEADER: u8 = 2;
/// Frame type of (a part of) a content body.
pub(crate) const BODY: u8 = 3;
/// The octet that ends every frame.
pub(crate) const END: u8 = 0xCE;
/// Octets of a frame around its payload.
pub(crate) const OVERHEAD: usize = 8;

/// Smallest room offered to one read: large reads are what keeps the generator cheap.
const READ_ROOM: usize = 256 * 1024;

/// One frame, its payload borrowed from the receive buffer.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Frame<'a> {
    /// [`METHOD`], [`HEADER`], [`BODY`] or another type octet as received.
    pub(crate) kind: u8,
    /// Channel number; 0 is the connection itself.
    pub(crate) channel: u16,
    /// What lies between the frame header and its end octet.
    pub(crate) payload: &'a [u8],
}

impl Frame<'_> {
    /// Class and method of a method frame as `class << 16 | method`; 0 for any other frame.
    #[inline]
    pub(crate) fn method(&self) -> u32 {
        match (self.kind, self.payload.first_chunk::<4>()) {
            (METHOD, Some(id)) => u32::from_be_bytes(*id),
            _ => 0,
        }
    }
}

/// Splits the first whole frame off `bytes`: the frame and its full length, or `None` when more
/// bytes are needed. A payload above `largest` or a missing end octet is an error.
#[inline]
pub(crate) fn split(bytes: &[u8], largest: usize) -> Result<Option<(Frame<'_>, usize)>> {
    let Some(head) = bytes.first_chunk::<7>() else { return Ok(None) };
    let size = u32::from_be_bytes([head[3], head[4], head[5], head[6]]) as usize;
    if size > largest {
        return Err(Error::new(format!("the broker sent a frame of {size} bytes, agreed were at most {largest}")));
    }
    let Some(&end) = bytes.get(7 + size) else { return Ok(None) };
    if end != END {
        return Err(Error::new(format!("the broker sent a frame that ends in {end:#04x}, not 0xce")));
    }
    let frame = Frame { kind: head[0], channel: u16::from_be_bytes([head[1], head[2]]), payload: &bytes[7..7 + size] };
    Ok(Some((frame, size + OVERHEAD)))
}

/// A receive buffer of one connection, walked frame by frame.
pub(crate) struct Input {
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    largest: usize,
}

impl Input {
    /// A buffer for a connection that carries only short answers: it takes 16 KiB.
    pub(crate) fn small() -> Input {
        Input { buffer: vec![0; 16 * 1024], start: 0, end: 0, largest: 8 * 1024 }
    }

    /// Accepts frames of up to `largest` payload bytes from now on, keeping what was received.
    pub(crate) fn resize(&mut self, largest: usize) {
        self.compact();
        self.buffer.resize(READ_ROOM + largest + OVERHEAD, 0);
        self.largest = largest;
    }

    /// Reads once from `source`; 0 means the peer closed.
    pub(crate) fn fill(&mut self, source: &mut impl Read) -> io::Result<usize> {
        if self.start == self.end || self.buffer.len() - self.end < self.buffer.len() / 2 {
            self.compact();
        }
        let read = source.read(&mut self.buffer[self.end..])?;
        self.end += read;
        Ok(read)
    }

    /// The next whole frame, or `None` when more bytes must be read first.
    #[inline]
    pub(crate) fn next(&mut self) -> Result<Option<Frame<'_>>> {
        match split(&self.buffer[self.start..self.end], self.largest)? {
            Some((frame, length)) => {
                self.start += length;
                Ok(Some(frame))
            }
            None => Ok(None),
        }
    }

    /// Whether the last read filled the buffer, so that more may be waiting.
    pub(crate) fn is_full(&self) -> bool {
        self.end == self.buffer.len()
    }

    fn compact(&mut self) {
        self.buffer.copy_within(self.start..self.end, 0);
        self.end -= self.start;
        self.start = 0;
    }
}

/// Reads fields off a method's payload; every read past the end is an error, never a panic.
pub(crate) struct Fields<'a>(pub(crate) &'a [u8]);

impl<'a> Fields<'a> {
    /// The next `count` octets.
    pub(crate) fn take(&mut self, count: usize) -> Result<&'a [u8]> {
        let (taken, rest) =
            self.0.split_at_checked(count).ok_or_else(|| Error::new("the broker sent a short frame"))?;
        self.0 = rest;
        Ok(taken)
    }

    #[inline]
    fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        let (taken, rest) = self.0.split_first_chunk().ok_or_else(|| Error::new("the broker sent a short frame"))?;
        self.0 = rest;
        Ok(*taken)
    }

    /// One octet.
    #[inline]
    pub(crate) fn u8(&mut self) -> Result<u8> {
        Ok(u8::from_be_bytes(self.array()?))
    }

    /// Two octets, network order.
    #[inline]
    pub(crate) fn u16(&mut self) -> Result<u16> {
        Ok(u16::from_be_bytes(self.array()?))
    }

    /// Four octets, network order.
    #[inline]
    pub(crate) fn u32(&mut self) -> Result<u32> {
        Ok(u32::from_be_bytes(self.array()?))
    }

    /// Eight octets, network order.
    #[inline]
    pub(crate) fn u64(&mut self) -> Result<u64> {
        Ok(u64::from_be_bytes(self.array()?))
    }

    /// A string of at most 255 octets; octets that are no UTF-8 are replaced.
    pub(crate) fn short_string(&mut self) -> Result<String> {
        let length = usize::from(self.u8()?);
        Ok(String::from_utf8_lossy(self.take(length)?).into_owned())
    }

    /// Octets with a four-octet length before them (long string or field table).
    pub(crate) fn long(&mut self) -> Result<&'a [u8]> {
        let length = self.u32()? as usize;
        self.take(length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEARTBEAT: [u8; 8] = [8, 0, 0, 0, 0, 0, 0, END];
    const CHANNEL_OPEN: [u8; 13] = [1, 0, 1, 0, 0, 0, 5, 0, 20, 0, 10, 0, END];

    #[test]
    fn a_frame_is_split_at_every_cut() {
        for cut in 0..CHANNEL_OPEN.len() {
            assert_eq!(split(&CHANNEL_OPEN[..cut], 100).unwrap(), None);
        }
        let (frame, length) = split(&CHANNEL_OPEN, 100).unwrap().unwrap();
        assert_eq!((frame.kind, frame.channel, length), (METHOD, 1, 13));
        assert_eq!(frame.method(), 20 << 16 | 10);
        assert_eq!(split(&HEARTBEAT, 100).unwrap().unwrap().0.method(), 0);
    }

    #[test]
    fn a_wrong_end_and_an_oversized_frame_are_refused() {
        let mut wrong = CHANNEL_OPEN;
        wrong[12] = 0xCF;
        assert!(split(&wrong, 100).unwrap_err().to_string().contains("0xcf"));
        assert!(split(&CHANNEL_OPEN, 4).unwrap_err().to_string().contains("at most 4"));
        assert!(split(&[1, 0, 1, 0xFF, 0xFF, 0xFF, 0xFF], 131_064).is_err(), "refused before it is waited for");
    }

    #[test]
    fn frames_survive_reads_of_any_size() {
        let stream: Vec<u8> = (0..500).flat_map(|_| [&CHANNEL_OPEN[..], &HEARTBEAT].concat()).collect();
        for step in [1, 3, 7, 1000] {
            let (mut input, mut frames) = (Input::small(), 0);
            for piece in stream.chunks(step) {
                let mut piece = piece;
                while !piece.is_empty() {
                    input.fill(&mut piece).unwrap();
                }
                while let Some(frame) = input.next().unwrap() {
                    assert_eq!(frame.kind, if frames % 2 == 0 { METHOD } else { 8 });
                    frames += 1;
                }
            }
            assert_eq!(frames, 1000, "reads of {step}");
        }
    }

    #[test]
    fn fields_end_with_an_error_not_a_panic() {
        let mut fields = Fields(&[2, b'o', b'k', 0, 9, 0, 0, 0, 99]);
        assert_eq!(fields.short_string().unwrap(), "ok");
        assert_eq!(fields.u16().unwrap(), 9);
        assert!(fields.long().is_err());
        assert!(Fields(&[1, 2, 3]).u64().is_err());
    }
}
