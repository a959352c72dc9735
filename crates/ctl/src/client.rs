//! A small HTTP/1.1 client: one request a connection, no proxy, everything within a deadline.

use crate::Target;
use crate::error::{Failure, SOFTWARE, TEMPORARY, UNAVAILABLE, USAGE};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use std::io::{self, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::{Duration, Instant};

/// Most that an answer may hold, in bytes.
const ANSWER_MAX: u64 = 1 << 30;
/// Most that an answer's head may hold, in bytes.
const HEAD_MAX: usize = 64 << 10;

/// An answer: its status and its body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// The status code.
    pub status: u16,
    /// The body.
    pub body: Vec<u8>,
}

/// What the commands need of the broker.
pub trait Api {
    /// Sends a request, with a body of JSON if `body` is not empty; `path` is escaped and begins with `/api`.
    fn send(&mut self, method: &str, path: &str, body: &str) -> Result<Reply, Failure>;

    /// Sends a request without a body.
    fn request(&mut self, method: &str, path: &str) -> Result<Reply, Failure> {
        self.send(method, path, "")
    }
}

/// The API of a broker at an address.
pub(crate) struct HttpApi {
    authority: String,
    login: String,
    timeout: Duration,
    timeout_ms: u64,
}

impl HttpApi {
    /// A client for this target; nothing is sent yet.
    pub(crate) fn boxed(target: &Target) -> Result<Box<dyn Api>, Failure> {
        let login = STANDARD.encode(format!("{}:{}", target.user, target.password));
        let (timeout_ms, timeout) = (target.timeout_ms, Duration::from_millis(target.timeout_ms));
        Ok(Box::new(Self { authority: authority(&target.http)?, login, timeout, timeout_ms }))
    }

    fn exchange(&self, method: &str, path: &str, body: &str) -> io::Result<Reply> {
        #[allow(clippy::disallowed_methods, reason = "the command line waits for sockets against a deadline")]
        let deadline = Instant::now() + self.timeout;
        let mut stream = self.connect(deadline)?;
        stream.set_nodelay(true)?;
        stream.set_write_timeout(Some(remaining(deadline)?))?;
        let request = format!(
            "{method} {path} HTTP/1.1\r\nhost: {}\r\nauthorization: Basic {}\r\naccept: */*\r\n\
             connection: close\r\ncontent-length: {}\r\n\r\n{body}",
            self.authority,
            self.login,
            body.len()
        );
        stream.write_all(request.as_bytes())?;
        let mut bytes = Vec::new();
        let mut chunk = vec![0; 64 << 10];
        loop {
            stream.set_read_timeout(Some(remaining(deadline)?))?;
            match stream.read(&mut chunk) {
                Ok(0) => break,
                Ok(count) => bytes.extend_from_slice(&chunk[..count]),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
            if bytes.len() as u64 > ANSWER_MAX {
                return Err(malformed("answer too large"));
            }
        }
        parse(&bytes)
    }

    fn connect(&self, deadline: Instant) -> io::Result<TcpStream> {
        let mut last = io::Error::new(io::ErrorKind::NotFound, "no address");
        for address in self.authority.to_socket_addrs()? {
            match TcpStream::connect_timeout(&address, remaining(deadline)?) {
                Ok(stream) => return Ok(stream),
                Err(error) => last = error,
            }
        }
        Err(last)
    }
}

impl Api for HttpApi {
    fn send(&mut self, method: &str, path: &str, body: &str) -> Result<Reply, Failure> {
        self.exchange(method, path, body).map_err(|error| match error.kind() {
            io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => Failure::new(
                TEMPORARY,
                format!("operation at {} timed out. Timeout value used: {}", self.authority, self.timeout_ms),
            ),
            io::ErrorKind::InvalidData => Failure::new(SOFTWARE, format!("{}: {error}", self.authority)),
            _ => Failure::new(
                UNAVAILABLE,
                format!(
                    "unable to reach the broker at {}: {error}.\nIs it running? Another address is given by --http or \
                     NARUMQ_HTTP.",
                    self.authority
                ),
            ),
        })
    }
}

fn remaining(deadline: Instant) -> io::Result<Duration> {
    #[allow(clippy::disallowed_methods, reason = "the command line waits for sockets against a deadline")]
    let left = deadline.saturating_duration_since(Instant::now());
    if left.is_zero() { Err(io::ErrorKind::TimedOut.into()) } else { Ok(left) }
}

/// `host:port` of an address in any of the accepted forms.
fn authority(http: &str) -> Result<String, Failure> {
    let refuse = |reason: &str| Failure::new(USAGE, format!("--http {http}: {reason}"));
    if http.starts_with("https://") {
        return Err(refuse("only http is spoken"));
    }
    let rest = http.strip_prefix("http://").unwrap_or(http).trim_end_matches('/');
    let usable = |b: u8| b.is_ascii_alphanumeric() || b".-_:[]%".contains(&b);
    if rest.is_empty() || !rest.bytes().all(usable) {
        return Err(refuse("expected host:port"));
    }
    let has_port = match rest.rfind(']') {
        Some(end) => rest[end..].contains(':'),
        None => rest.contains(':'),
    };
    Ok(if has_port { rest.to_owned() } else { format!("{rest}:15672") })
}

fn malformed(reason: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("malformed answer: {reason}"))
}

/// A whole answer, as it stood on the connection until its end.
fn parse(bytes: &[u8]) -> io::Result<Reply> {
    let end = bytes.windows(4).take(HEAD_MAX).position(|four| four == b"\r\n\r\n");
    let end = end.ok_or_else(|| malformed(if bytes.is_empty() { "connection closed" } else { "no head" }))?;
    let head = String::from_utf8_lossy(&bytes[..end]);
    let mut lines = head.split("\r\n");
    let mut words = lines.next().unwrap_or("").split(' ');
    let version = words.next().unwrap_or("");
    let status = words.next().and_then(|word| word.parse::<u16>().ok());
    let status = status.filter(|_| version.starts_with("HTTP/1.")).ok_or_else(|| malformed("no status line"))?;
    let header = |wanted: &str| {
        let mut pairs = lines.clone().filter_map(|line| line.split_once(':'));
        pairs.find(|(name, _)| name.eq_ignore_ascii_case(wanted)).map(|(_, value)| value.trim().to_owned())
    };
    let body = &bytes[end + 4..];
    let chunked = header("transfer-encoding").is_some_and(|coding| coding.eq_ignore_ascii_case("chunked"));
    let body = match header("content-length") {
        _ if chunked => unchunk(body)?,
        Some(length) => {
            let length = length.parse::<usize>().map_err(|_| malformed("content-length"))?;
            body.get(..length).ok_or_else(|| malformed("cut short"))?.to_vec()
        }
        None => body.to_vec(),
    };
    Ok(Reply { status, body })
}

fn unchunk(mut rest: &[u8]) -> io::Result<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let line = rest.windows(2).position(|two| two == b"\r\n").ok_or_else(|| malformed("cut short"))?;
        let size = String::from_utf8_lossy(&rest[..line]);
        let size = size.split(';').next().unwrap_or("").trim();
        let size = usize::from_str_radix(size, 16).map_err(|_| malformed("chunk size"))?;
        rest = &rest[line + 2..];
        if size == 0 {
            return Ok(body);
        }
        let past = size.checked_add(2).ok_or_else(|| malformed("chunk size"))?;
        let data = rest.get(..past).ok_or_else(|| malformed("cut short"))?;
        body.extend_from_slice(&data[..size]);
        rest = &rest[past..];
    }
}

/// One segment of a path.
pub(crate) fn escape(segment: &str) -> String {
    let mut text = String::new();
    for byte in segment.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            text.push(char::from(byte));
        } else {
            text += &format!("%{byte:02X}");
        }
    }
    text
}

#[cfg(test)]
mod tests;
