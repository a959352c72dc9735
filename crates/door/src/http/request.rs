//! A request, read incrementally over one growing slice.

use super::chunked::{self, ChunkScan, Scanned};
use super::head::{self, Framing, Head};
use super::{Limits, RequestError};
use httparse::Header;
use std::borrow::Cow;

/// One request, borrowed from the input; only a chunked body is copied.
#[derive(Debug)]
pub struct Request<'a> {
    /// The method as sent; methods are case-sensitive.
    pub method: &'a str,
    /// The path as sent, percent escapes untouched.
    pub path: &'a str,
    /// What stands behind the `?`.
    pub query: Option<&'a str>,
    /// The minor version: 0 or 1.
    pub minor: u8,
    /// The body without its framing.
    pub body: Cow<'a, [u8]>,
    /// Whether the connection may carry another request after the answer.
    pub keep_alive: bool,
    headers: Vec<Header<'a>>,
}

impl<'a> Request<'a> {
    /// The value of the first header of this name (any case), without surrounding blanks.
    pub fn header(&self, name: &str) -> Option<&'a [u8]> {
        head::values(&self.headers, name).next()
    }

    /// All headers in their order, names as sent.
    pub fn headers(&self) -> impl Iterator<Item = (&'a str, &'a [u8])> + '_ {
        self.headers.iter().map(|h| (h.name, h.value))
    }
}

/// What a look at the input found.
#[derive(Debug)]
pub enum Parsed<'a> {
    /// No whole request yet.
    NeedMore {
        /// How many bytes of input there must be in all before looking again is of use; 0 = any more.
        needed: usize,
        /// The client waits for [`CONTINUE`](super::CONTINUE) before it sends the body; said once a request.
        send_continue: bool,
    },
    /// A whole request.
    Complete {
        /// The request.
        request: Request<'a>,
        /// How many bytes of input it took.
        consumed: usize,
    },
}

/// Reads the requests of one connection. It remembers only how far it has looked, never bytes.
#[derive(Debug, Default)]
pub struct RequestParser {
    chunks: Option<ChunkScan>,
    continue_said: bool,
}

impl RequestParser {
    /// Looks at `input`, which starts with the first byte of a request and holds all that has come since.
    pub fn parse<'a>(&mut self, input: &'a [u8], limits: &Limits) -> Result<Parsed<'a>, RequestError> {
        let blank = blank_len(input);
        if blank > limits.head_bytes {
            return Err(RequestError::HeadTooLarge);
        }
        let input = &input[blank..];
        let Some(head) = head::parse(input, limits)? else {
            return Ok(Parsed::NeedMore { needed: 0, send_continue: false });
        };
        let (body, end) = match head.framing {
            Framing::Length(length) if input.len() - head.len < length => {
                return Ok(self.need_more(blank + head.len + length, &head));
            }
            Framing::Length(length) => (Cow::Borrowed(&input[head.len..head.len + length]), head.len + length),
            Framing::Chunked => {
                let scan = self.chunks.get_or_insert_with(|| ChunkScan::new(head.len));
                match scan.advance(input, limits.body_bytes, limits.head_bytes)? {
                    Scanned::NeedMore(needed) => return Ok(self.need_more(blank + needed, &head)),
                    Scanned::End(end) => (Cow::Owned(chunked::decode(&input[head.len..end], scan.data_len())?), end),
                }
            }
        };
        *self = Self::default();
        Ok(Parsed::Complete { request: head.into_request(body), consumed: blank + end })
    }

    /// The head of the request that `input` starts with, as soon as it is whole; the body is left empty. Lets a server refuse
    /// before it takes a body in.
    pub fn peek<'a>(input: &'a [u8], limits: &Limits) -> Result<Option<Request<'a>>, RequestError> {
        let head = head::parse(&input[blank_len(input)..], limits)?;
        Ok(head.map(|head| head.into_request(Cow::Borrowed(b""))))
    }

    fn need_more<'a>(&mut self, needed: usize, head: &Head<'_>) -> Parsed<'a> {
        let send_continue = head.expects_continue && !std::mem::replace(&mut self.continue_said, true);
        Parsed::NeedMore { needed, send_continue }
    }
}

impl<'a> Head<'a> {
    fn into_request(self, body: Cow<'a, [u8]>) -> Request<'a> {
        let Head { method, path, query, minor, headers, keep_alive, .. } = self;
        Request { method, path, query, minor, body, keep_alive, headers }
    }
}

/// Empty lines before a request are skipped (RFC 9112, 2.2).
fn blank_len(input: &[u8]) -> usize {
    input.chunks_exact(2).take_while(|pair| *pair == b"\r\n").count() * 2
}

#[cfg(test)]
mod tests;
