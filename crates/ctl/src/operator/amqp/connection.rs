//! One connection with one channel.

use super::fields::{Fields, put_long, put_short, shown};
use super::properties;
use serde_json::{Map, Value};
use std::io::{self, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::Duration;

const METHOD: u8 = 1;
const HEADER: u8 = 2;
const BODY: u8 = 3;
const END: u8 = 0xce;
/// Largest frame that is offered, in bytes.
const FRAME_MAX: u32 = 128 << 10;
/// Largest body that is taken in, in bytes.
const BODY_MAX: u64 = 1 << 30;
/// How long an answer to one of our own methods may take.
const ANSWER: Duration = Duration::from_secs(30);

/// Class and method numbers (AMQP 0-9-1, 1.4).
mod id {
    pub(super) const START: u32 = 10 << 16 | 10;
    pub(super) const START_OK: u32 = 10 << 16 | 11;
    pub(super) const TUNE: u32 = 10 << 16 | 30;
    pub(super) const TUNE_OK: u32 = 10 << 16 | 31;
    pub(super) const OPEN: u32 = 10 << 16 | 40;
    pub(super) const OPEN_OK: u32 = 10 << 16 | 41;
    pub(super) const CLOSE: u32 = 10 << 16 | 50;
    pub(super) const CHANNEL_OPEN: u32 = 20 << 16 | 10;
    pub(super) const CHANNEL_OPEN_OK: u32 = 20 << 16 | 11;
    pub(super) const CHANNEL_CLOSE: u32 = 20 << 16 | 40;
    pub(super) const QUEUE_DECLARE: u32 = 50 << 16 | 10;
    pub(super) const QUEUE_DECLARE_OK: u32 = 50 << 16 | 11;
    pub(super) const QUEUE_BIND: u32 = 50 << 16 | 20;
    pub(super) const QUEUE_BIND_OK: u32 = 50 << 16 | 21;
    pub(super) const QOS: u32 = 60 << 16 | 10;
    pub(super) const QOS_OK: u32 = 60 << 16 | 11;
    pub(super) const CONSUME: u32 = 60 << 16 | 20;
    pub(super) const CONSUME_OK: u32 = 60 << 16 | 21;
    pub(super) const CANCEL: u32 = 60 << 16 | 30;
    pub(super) const DELIVER: u32 = 60 << 16 | 60;
    pub(super) const ACK: u32 = 60 << 16 | 80;
}

/// Why it does not go on.
#[derive(Debug)]
pub(crate) enum Failed {
    /// The other end, or the way there.
    Broken(io::Error),
    /// The broker says no, in its words.
    Refused(String),
    /// The bytes make no sense.
    Malformed,
}

impl From<io::Error> for Failed {
    fn from(error: io::Error) -> Self {
        Self::Broken(error)
    }
}

/// A message.
#[derive(Clone, Debug)]
pub(crate) struct Delivery {
    pub(crate) tag: u64,
    pub(crate) redelivered: bool,
    pub(crate) exchange: String,
    pub(crate) routing_key: String,
    pub(crate) properties: Map<String, Value>,
    pub(crate) body: Value,
}

/// A connection.
pub(crate) struct Connection {
    stream: TcpStream,
    input: Vec<u8>,
    /// Deliveries that came while an answer was waited for: method, header and body frames in order.
    early: std::collections::VecDeque<(u8, Vec<u8>)>,
}

impl Connection {
    /// Logs in, enters the vhost, opens a channel.
    pub(crate) fn open(address: &str, (user, password): (&str, &str), vhost: &str) -> Result<Self, Failed> {
        let mut last = io::Error::new(io::ErrorKind::NotFound, "no address");
        let stream = address
            .to_socket_addrs()?
            .find_map(|to| TcpStream::connect_timeout(&to, ANSWER).map_err(|error| last = error).ok());
        let stream = stream.ok_or(last)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(ANSWER))?;
        let mut this = Self { stream, input: Vec::new(), early: std::collections::VecDeque::new() };
        this.stream.write_all(b"AMQP\0\0\x09\x01")?;
        this.expect(id::START)?;
        let mut login = Vec::new();
        put_long(&mut login, b"");
        put_short(&mut login, "PLAIN").ok_or(Failed::Malformed)?;
        put_long(&mut login, format!("\0{user}\0{password}").as_bytes());
        put_short(&mut login, "en_US").ok_or(Failed::Malformed)?;
        this.send(0, id::START_OK, &login)?;
        this.expect(id::TUNE)?;
        let tune = [&1_u16.to_be_bytes()[..], &FRAME_MAX.to_be_bytes(), &[0, 0]].concat();
        this.send(0, id::TUNE_OK, &tune)?;
        let mut open = Vec::new();
        put_short(&mut open, vhost).ok_or_else(|| Failed::Refused("the vhost's name is too long".into()))?;
        open.extend_from_slice(&[0, 0]);
        this.send(0, id::OPEN, &open)?;
        this.expect(id::OPEN_OK)?;
        this.send(1, id::CHANNEL_OPEN, &[0])?;
        this.expect(id::CHANNEL_OPEN_OK)?;
        Ok(this)
    }

    /// Declares a queue for this connection alone, with a name of the broker's; binds it.
    pub(crate) fn bind_own(&mut self, exchange: &str, key: &str) -> Result<String, Failed> {
        let too_long = || Failed::Refused("a name is too long".into());
        // No name; exclusive and auto-delete.
        let declare = [&[0, 0, 0, 0b0000_1100][..], &[0; 4]].concat();
        self.send(1, id::QUEUE_DECLARE, &declare)?;
        let answer = self.expect(id::QUEUE_DECLARE_OK)?;
        let queue = Fields(&answer).short().ok_or(Failed::Malformed)?;
        let mut bind = vec![0, 0];
        for text in [&queue, exchange, key] {
            put_short(&mut bind, text).ok_or_else(too_long)?;
        }
        bind.extend_from_slice(&[0; 5]);
        self.send(1, id::QUEUE_BIND, &bind)?;
        self.expect(id::QUEUE_BIND_OK)?;
        Ok(queue)
    }

    /// Starts to consume, with acknowledgements; at most `prefetch` messages are on their way, 0 = any number.
    pub(crate) fn consume(&mut self, queue: &str, prefetch: u16) -> Result<(), Failed> {
        self.send(1, id::QOS, &[&[0; 4][..], &prefetch.to_be_bytes(), &[0]].concat())?;
        self.expect(id::QOS_OK)?;
        let mut consume = vec![0, 0];
        put_short(&mut consume, queue).ok_or_else(|| Failed::Refused("the queue's name is too long".into()))?;
        consume.extend_from_slice(&[0, 0, 0, 0, 0, 0]);
        self.send(1, id::CONSUME, &consume)?;
        self.expect(id::CONSUME_OK)?;
        // Messages may be long in coming.
        self.stream.set_read_timeout(None)?;
        Ok(())
    }

    /// Accepts a message, and all before it.
    pub(crate) fn acknowledge(&mut self, tag: u64) -> Result<(), Failed> {
        self.send(1, id::ACK, &[&tag.to_be_bytes()[..], &[1]].concat())
    }

    /// Waits until the broker has taken what was sent: a round trip.
    pub(crate) fn settle(&mut self) -> Result<(), Failed> {
        self.stream.set_read_timeout(Some(ANSWER))?;
        self.send(1, id::QOS, &[0; 7])?;
        self.expect(id::QOS_OK).map(drop)
    }

    /// Whether a message is here already.
    pub(crate) fn has_more(&self) -> bool {
        !self.early.is_empty() || !self.input.is_empty()
    }

    /// The next message; waits for it.
    pub(crate) fn next(&mut self) -> Result<Delivery, Failed> {
        loop {
            let (kind, payload) = match self.early.pop_front() {
                Some(frame) => frame,
                None => self.frame()?,
            };
            let mut fields = Fields(&payload);
            if kind != METHOD || self.judge(&mut fields)? != id::DELIVER {
                continue;
            }
            fields.short().ok_or(Failed::Malformed)?;
            let (tag, redelivered) = (fields.u64(), fields.u8());
            let (exchange, routing_key) = (fields.short(), fields.short());
            let header = self.follow(HEADER)?;
            let mut fields = Fields(&header);
            fields.u32().ok_or(Failed::Malformed)?;
            let size = fields.u64().filter(|size| *size <= BODY_MAX).ok_or(Failed::Malformed)?;
            let properties = properties::read(fields).ok_or(Failed::Malformed)?;
            let mut body = Vec::new();
            while (body.len() as u64) < size {
                body.extend(self.follow(BODY)?);
            }
            return Ok(Delivery {
                tag: tag.ok_or(Failed::Malformed)?,
                redelivered: redelivered.ok_or(Failed::Malformed)? & 1 == 1,
                exchange: exchange.ok_or(Failed::Malformed)?,
                routing_key: routing_key.ok_or(Failed::Malformed)?,
                properties,
                body: shown(&body),
            });
        }
    }

    /// The frame that must follow, heartbeats apart.
    fn follow(&mut self, wanted: u8) -> Result<Vec<u8>, Failed> {
        let (kind, payload) = match self.early.pop_front() {
            Some(frame) => frame,
            None => self.frame()?,
        };
        if kind == wanted { Ok(payload) } else { Err(Failed::Malformed) }
    }

    /// The arguments of a method that must come; what comes before it is kept.
    fn expect(&mut self, wanted: u32) -> Result<Vec<u8>, Failed> {
        loop {
            let (kind, payload) = self.frame()?;
            if kind == METHOD {
                let mut fields = Fields(&payload);
                if self.judge(&mut fields)? == wanted {
                    return Ok(fields.0.to_vec());
                }
            }
            self.early.push_back((kind, payload));
        }
    }

    /// The method's number, unless it ends what goes on here.
    fn judge(&self, fields: &mut Fields<'_>) -> Result<u32, Failed> {
        let method = fields.u32().ok_or(Failed::Malformed)?;
        match method {
            id::CLOSE | id::CHANNEL_CLOSE => {
                fields.u16().ok_or(Failed::Malformed)?;
                Err(Failed::Refused(fields.short().ok_or(Failed::Malformed)?))
            }
            id::CANCEL => Err(Failed::Refused("the queue is gone".into())),
            other => Ok(other),
        }
    }

    fn send(&mut self, channel: u16, method: u32, arguments: &[u8]) -> Result<(), Failed> {
        let mut frame = vec![METHOD];
        frame.extend_from_slice(&channel.to_be_bytes());
        frame.extend_from_slice(&(arguments.len() as u32 + 4).to_be_bytes());
        frame.extend_from_slice(&method.to_be_bytes());
        frame.extend_from_slice(arguments);
        frame.push(END);
        Ok(self.stream.write_all(&frame)?)
    }

    /// The next frame that is no heartbeat.
    fn frame(&mut self) -> Result<(u8, Vec<u8>), Failed> {
        loop {
            if let Some((head, _)) = self.input.split_first_chunk::<7>() {
                let size = u32::from_be_bytes([head[3], head[4], head[5], head[6]]);
                if size > FRAME_MAX || head[0] == b'A' {
                    return Err(Failed::Malformed);
                }
                let (kind, whole) = (head[0], size as usize + 8);
                if self.input.len() >= whole {
                    let payload = self.input[7..whole - 1].to_vec();
                    let end = self.input[whole - 1];
                    self.input.drain(..whole);
                    match (end, kind) {
                        (END, METHOD | HEADER | BODY) => return Ok((kind, payload)),
                        (END, 8) => continue,
                        _ => return Err(Failed::Malformed),
                    }
                }
            }
            let mut chunk = [0; 64 << 10];
            match self.stream.read(&mut chunk) {
                Ok(0) => return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into()),
                Ok(count) => self.input.extend_from_slice(&chunk[..count]),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
}
