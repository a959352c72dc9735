//! One connection: a request, its answer; for the loads the socket and its receive buffer.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use super::answer;
use super::request::{self, correlate};
use super::versions::{self, Versions};
use super::wire::{Fields, LONGEST, split};
use crate::error::{Error, Result};

/// How long an answer is waited for.
const ANSWER_WITHIN: Duration = Duration::from_secs(60);
/// The receive buffer of a connection that carries short answers.
const SMALL: usize = 64 * 1024;

/// A connection to a broker that speaks what is needed.
pub(crate) struct Client {
    pub(crate) stream: TcpStream,
    pub(crate) input: Input,
    pub(crate) versions: Versions,
    correlation: i32,
}

impl Client {
    /// Connects and asks which versions are spoken.
    pub(crate) fn open(address: SocketAddr) -> Result<Client> {
        let what = format!("cannot connect to {address}");
        let stream = TcpStream::connect_timeout(&address, ANSWER_WITHIN).map_err(|error| Error::io(&what, error))?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(ANSWER_WITHIN))?;
        stream.set_write_timeout(Some(ANSWER_WITHIN))?;
        let mut client = Client { stream, input: Input::new(SMALL), versions: Versions::default(), correlation: 0 };
        let mut asked = request::api_versions();
        client.versions =
            client.exchange(&mut asked, versions::read).map_err(|error| Error::new(format!("{what}: {error}")))?;
        Ok(client)
    }

    /// Sends a request and reads its answer.
    pub(crate) fn call<T>(
        &mut self,
        mut request: Vec<u8>,
        read: impl FnOnce(&mut Fields<'_>) -> Result<T>,
    ) -> Result<T> {
        self.exchange(&mut request, |frame| read(&mut answer::open(frame)?.1))
    }

    fn exchange<T>(&mut self, request: &mut [u8], read: impl FnOnce(&[u8]) -> Result<T>) -> Result<T> {
        self.correlation = self.correlation.wrapping_add(1);
        correlate(request, self.correlation);
        self.stream.write_all(request)?;
        loop {
            if let Some(frame) = self.input.next()? {
                let correlation = Fields(frame).i32()?;
                if correlation != self.correlation {
                    return Err(Error::new(format!("answer {correlation} came, {} was due", self.correlation)));
                }
                return read(frame);
            }
            if self.input.fill(&mut self.stream)? == 0 {
                return Err(Error::new("the broker closed the connection"));
            }
        }
    }

    /// Reads and writes without waiting from now on; `room` octets are offered to a read at least.
    pub(crate) fn stream_mode(&mut self, room: usize) -> Result<()> {
        self.input = Input::new(room.max(SMALL));
        Ok(self.stream.set_nonblocking(true)?)
    }
}

/// A receive buffer, walked frame by frame. It grows to hold the frame that comes.
pub(crate) struct Input {
    buffer: Vec<u8>,
    start: usize,
    end: usize,
}

impl Input {
    /// A buffer of this many octets.
    pub(crate) fn new(octets: usize) -> Input {
        Input { buffer: vec![0; octets], start: 0, end: 0 }
    }

    /// Reads once from `source`; 0 means the peer closed.
    pub(crate) fn fill(&mut self, source: &mut impl Read) -> io::Result<usize> {
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
        }
        let size = self.buffer[self.start..self.end].first_chunk::<4>().map_or(0, |size| u32::from_be_bytes(*size));
        let whole = 4 + (size as usize).min(LONGEST);
        if self.end == self.buffer.len() || self.start + whole > self.buffer.len() {
            self.buffer.copy_within(self.start..self.end, 0);
            (self.start, self.end) = (0, self.end - self.start);
        }
        // Twice as much as is there, at most, so that a mere claim of a size takes no memory.
        let wanted = whole.min(2 * self.end + SMALL);
        if wanted > self.buffer.len() {
            self.buffer.resize(wanted, 0);
        }
        let read = source.read(&mut self.buffer[self.end..])?;
        self.end += read;
        Ok(read)
    }

    /// The next whole frame without its size, if it is there.
    #[inline]
    pub(crate) fn next(&mut self) -> Result<Option<&[u8]>> {
        match split(&self.buffer[self.start..self.end])? {
            Some((frame, length)) => {
                self.start += length;
                Ok(Some(frame))
            }
            None => Ok(None),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_come_whole_however_they_are_cut() {
        let mut stream = Vec::new();
        for size in [4usize, 100, 63_000, 64_001, 5, 300_000, 4] {
            stream.extend((size as u32).to_be_bytes());
            stream.extend(vec![size as u8; size]);
        }
        for step in [1, 7, 4096, 1_000_000] {
            let mut input = Input::new(64);
            let mut pieces = stream.chunks(step);
            let mut sizes = Vec::new();
            let mut piece: &[u8] = &[];
            loop {
                if piece.is_empty() {
                    let Some(next) = pieces.next() else { break };
                    piece = next;
                }
                assert!(input.fill(&mut piece).unwrap() > 0);
                while let Some(frame) = input.next().unwrap() {
                    assert!(frame.iter().all(|&octet| octet == frame.len() as u8));
                    sizes.push(frame.len());
                }
            }
            assert_eq!(sizes, [4, 100, 63_000, 64_001, 5, 300_000, 4], "{step}");
        }
    }

    #[test]
    fn a_claim_of_a_size_takes_no_memory() {
        let mut input = Input::new(64);
        let mut piece = &[0x0f, 0xff, 0xff, 0xff, 1, 2, 3][..];
        input.fill(&mut piece).unwrap();
        assert!(input.next().unwrap().is_none());
        let mut more = &[0; 9][..];
        input.fill(&mut more).unwrap();
        assert!(input.buffer.len() < 256 * 1024);
    }
}
