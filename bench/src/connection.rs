//! One AMQP connection with one channel: the handshake, requests with an answer, and the close.

use std::io::Write;
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use crate::encode::{self, CHANNEL, id};
use crate::error::{Error, Result};
use crate::frame::{Fields, Frame, Input, METHOD, OVERHEAD};
use crate::uri::Uri;

/// The largest frame agreed to, octets in all; brokers offer the same by default.
const FRAME_MAX: u32 = 131_072;
/// How long an answer is waited for.
const ANSWER_WITHIN: Duration = Duration::from_secs(60);

/// What the broker says it is (server-properties of connection.start).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Peer {
    pub(crate) product: String,
    pub(crate) version: String,
}

/// An open connection with channel 1 open on it.
pub(crate) struct Connection {
    pub(crate) stream: TcpStream,
    pub(crate) input: Input,
    pub(crate) peer: Peer,
    /// Largest payload of one frame, octets.
    pub(crate) largest: usize,
}

impl Connection {
    /// Connects, logs in, opens the virtual host and channel 1. Receives into a small buffer.
    pub(crate) fn open(address: SocketAddr, uri: &Uri) -> Result<Connection> {
        let what = format!("cannot connect to {uri}");
        let stream = TcpStream::connect_timeout(&address, ANSWER_WITHIN).map_err(|error| Error::io(&what, error))?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(ANSWER_WITHIN))?;
        stream.set_write_timeout(Some(ANSWER_WITHIN))?;
        let mut connection = Connection { stream, input: Input::small(), peer: Peer::default(), largest: 4096 };
        connection.handshake(uri).map_err(|error| Error::new(format!("{what}: {error}")))?;
        Ok(connection)
    }

    fn handshake(&mut self, uri: &Uri) -> Result<()> {
        let start = self.call(b"AMQP\0\0\x09\x01", id::CONNECTION_START)?;
        self.peer = peer(&start)?;
        let tune = self.call(&encode::start_ok(&uri.user, &uri.password), id::CONNECTION_TUNE)?;
        let mut tune = Fields(&tune);
        let (channel_max, frame_max) = (tune.u16()?, tune.u32()?);
        let frame_max = if frame_max == 0 { FRAME_MAX } else { frame_max.min(FRAME_MAX) };
        if frame_max < 4096 {
            return Err(Error::new(format!("the broker offers frames of {frame_max} bytes, the least is 4096")));
        }
        self.largest = frame_max as usize - OVERHEAD;
        self.call(&encode::tune_ok_and_open(channel_max, frame_max, &uri.vhost), id::CONNECTION_OPEN_OK)?;
        self.call(&encode::on_channel(id::CHANNEL_OPEN, |arguments| arguments.push(0)), id::CHANNEL_OPEN_OK)?;
        Ok(())
    }

    /// Sends a request and waits for its answer, whose arguments are returned. Deliveries and
    /// confirms that come before it are passed over.
    pub(crate) fn call(&mut self, request: &[u8], answer: u32) -> Result<Vec<u8>> {
        self.stream.write_all(request)?;
        loop {
            while let Some(frame) = self.input.next()? {
                if frame.kind == METHOD && frame.method() == answer {
                    return Ok(frame.payload[4..].to_vec());
                }
                refusal(&frame)?;
            }
            if self.input.fill(&mut self.stream)? == 0 {
                return Err(Error::new("the broker closed the connection"));
            }
        }
    }

    /// Messages ready in a queue, by a passive queue.declare.
    pub(crate) fn ready_in(&mut self, queue: &str) -> Result<u64> {
        let answer = self.call(&encode::queue_declare(queue, true, false, None), id::QUEUE_DECLARE_OK)?;
        let mut fields = Fields(&answer);
        fields.short_string()?;
        Ok(u64::from(fields.u32()?))
    }

    /// Reads and writes without waiting from now on.
    pub(crate) fn stream_mode(&mut self) -> Result<()> {
        Ok(self.stream.set_nonblocking(true)?)
    }

    /// Makes room for frames of the agreed size: for a consumer.
    pub(crate) fn take_messages(&mut self) {
        self.input.resize(self.largest);
    }

    /// Waits for answers again.
    pub(crate) fn request_mode(&mut self) -> Result<()> {
        Ok(self.stream.set_nonblocking(false)?)
    }

    /// Closes as the protocol wants it; a broker that is gone already is no failure here.
    pub(crate) fn close(mut self) {
        let closed = self.request_mode().and_then(|()| {
            self.stream.set_read_timeout(Some(Duration::from_secs(5)))?;
            self.call(&encode::connection_close(), id::CONNECTION_CLOSE_OK)
        });
        drop(closed);
    }
}

/// An error if the frame is the broker's close of the channel or the connection.
pub(crate) fn refusal(frame: &Frame<'_>) -> Result<()> {
    let what = match frame.method() {
        id::CONNECTION_CLOSE => "connection",
        id::CHANNEL_CLOSE if frame.channel == CHANNEL => "channel",
        _ => return Ok(()),
    };
    let mut fields = Fields(&frame.payload[4..]);
    let (code, text) = (fields.u16()?, fields.short_string()?);
    Err(Error::new(format!("the broker closed the {what}: {code} {text}")))
}

/// Product and version out of connection.start's arguments.
fn peer(arguments: &[u8]) -> Result<Peer> {
    let mut fields = Fields(arguments);
    fields.take(2)?;
    let mut table = Fields(fields.long()?);
    // A broker may call itself by another's name for its clients' sake, and say who it is beside it.
    let (mut peer, mut actual) = (Peer::default(), Peer::default());
    while !table.0.is_empty() {
        let name = table.short_string()?;
        let value = match table.u8()? {
            b'S' | b'x' | b'F' | b'A' => table.long()?,
            b't' | b'b' | b'B' => table.take(1)?,
            b's' | b'u' => table.take(2)?,
            b'I' | b'i' | b'f' => table.take(4)?,
            b'D' => table.take(5)?,
            b'l' | b'd' | b'T' => table.take(8)?,
            b'V' => &[],
            other => return Err(Error::new(format!("server-properties hold a field of unknown type {other:#04x}"))),
        };
        let text = || String::from_utf8_lossy(value).into_owned();
        match name.as_str() {
            "product" => peer.product = text(),
            "version" => peer.version = text(),
            "actual_product" => actual.product = text(),
            "actual_version" => actual.version = text(),
            _ => {}
        }
    }
    Ok(if actual.product.is_empty() { peer } else { actual })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_peer_is_read_past_fields_of_any_type() {
        let fields = [
            ("capabilities", b'F', &[0, 0, 0, 4, 1, b'x', b't', 1][..]),
            ("product", b'S', &[0, 0, 0, 2, b'X', b'Y']),
            ("seven", b'D', &[1, 0, 0, 0, 70]),
            ("void", b'V', &[]),
            ("version", b'S', &[0, 0, 0, 3, b'1', b'.', b'2']),
        ];
        let arguments = arguments(&fields);
        let expected = Peer { product: "XY".to_owned(), version: "1.2".to_owned() };
        assert_eq!(peer(&arguments).unwrap(), expected);
        assert!(peer(&arguments[..arguments.len() - 1]).is_err(), "a cut table is an error");
    }

    #[test]
    fn what_a_broker_really_is_counts() {
        let fields = [
            ("actual_product", b'S', &[0, 0, 0, 1, b'N'][..]),
            ("actual_version", b'S', &[0, 0, 0, 1, b'1']),
            ("product", b'S', &[0, 0, 0, 1, b'R']),
            ("version", b'S', &[0, 0, 0, 1, b'3']),
        ];
        let expected = Peer { product: "N".to_owned(), version: "1".to_owned() };
        assert_eq!(peer(&arguments(&fields)).unwrap(), expected);
    }

    /// The front of connection.start's arguments with this table.
    fn arguments(fields: &[(&str, u8, &[u8])]) -> Vec<u8> {
        let mut table = Vec::new();
        for (name, kind, value) in fields {
            encode::short_string(&mut table, name);
            table.push(*kind);
            table.extend(*value);
        }
        let mut arguments = vec![0, 9];
        encode::long_string(&mut arguments, &table);
        arguments
    }

    #[test]
    fn a_close_is_told_with_code_and_text() {
        let bytes = encode::connection_close();
        let (frame, _) = crate::frame::split(&bytes, 1000).unwrap().unwrap();
        assert_eq!(refusal(&frame).unwrap_err().to_string(), "the broker closed the connection: 200 goodbye");
    }
}
