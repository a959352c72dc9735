//! The head of a request: its line and headers, and what they say about the body and the connection.

use super::{Limits, RequestError};
use httparse::{EMPTY_HEADER, Header, Status};

/// Where the body ends, as the head says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Framing {
    /// After so many bytes.
    Length(usize),
    /// Where its chunks end.
    Chunked,
}

/// A head that has come whole.
#[derive(Debug)]
pub(super) struct Head<'a> {
    pub(super) method: &'a str,
    pub(super) path: &'a str,
    pub(super) query: Option<&'a str>,
    pub(super) minor: u8,
    pub(super) headers: Vec<Header<'a>>,
    pub(super) len: usize,
    pub(super) framing: Framing,
    pub(super) keep_alive: bool,
    pub(super) expects_continue: bool,
}

/// Reads a head; `None` if it has not come whole.
pub(super) fn parse<'a>(input: &'a [u8], limits: &Limits) -> Result<Option<Head<'a>>, RequestError> {
    let window = &input[..input.len().min(limits.head_bytes)];
    let mut headers = vec![EMPTY_HEADER; limits.headers];
    let mut request = httparse::Request::new(&mut headers);
    let len = match request.parse(window) {
        Ok(Status::Complete(len)) => len,
        Ok(Status::Partial) if input.len() < limits.head_bytes => {
            return if has_bare_line_feed(window) { Err(RequestError::LineEnding) } else { Ok(None) };
        }
        Ok(Status::Partial) if window.contains(&b'\n') => return Err(RequestError::HeadTooLarge),
        Ok(Status::Partial) => return Err(RequestError::TargetTooLong),
        Err(httparse::Error::TooManyHeaders) => return Err(RequestError::HeadTooLarge),
        Err(httparse::Error::Version) => return Err(RequestError::Version),
        Err(_) => return Err(RequestError::Syntax),
    };
    if has_bare_line_feed(&window[..len]) {
        return Err(RequestError::LineEnding);
    }
    let (Some(method), Some(target), Some(minor)) = (request.method, request.path, request.version) else {
        return Err(RequestError::Syntax);
    };
    let count = request.headers.len();
    headers.truncate(count);
    let (path, query) = split_target(target, method)?;
    let hosts = values(&headers, "host").count();
    if hosts > 1 || (minor == 1 && hosts == 0) {
        return Err(RequestError::Host);
    }
    let framing = framing(&headers, minor, limits)?;
    let keep_alive = keep_alive(&headers, minor);
    let expects_continue = expects_continue(&headers, minor)?;
    Ok(Some(Head { method, path, query, minor, headers, len, framing, keep_alive, expects_continue }))
}

/// The values of all headers of this name, without surrounding blanks.
pub(super) fn values<'h, 'a>(headers: &'h [Header<'a>], name: &'h str) -> impl Iterator<Item = &'a [u8]> + 'h {
    headers.iter().filter(move |h| h.name.eq_ignore_ascii_case(name)).map(|h| h.value.trim_ascii())
}

/// The members of a comma-separated list that may be spread over several headers.
fn members<'h, 'a>(headers: &'h [Header<'a>], name: &'h str) -> impl Iterator<Item = &'a [u8]> + 'h {
    values(headers, name).flat_map(|value| value.split(|&b| b == b',')).map(<[u8]>::trim_ascii)
}

fn has_bare_line_feed(head: &[u8]) -> bool {
    head.iter().enumerate().any(|(at, &b)| b == b'\n' && (at == 0 || head[at - 1] != b'\r'))
}

/// Path and query of an origin-form or absolute-form target (RFC 9112, 3.2); `*` is left to `OPTIONS`.
fn split_target<'a>(target: &'a str, method: &str) -> Result<(&'a str, Option<&'a str>), RequestError> {
    let lower = target.get(..8).map(str::to_ascii_lowercase).unwrap_or_default();
    let origin = if target.starts_with('/') || (target == "*" && method == "OPTIONS") {
        target
    } else if lower.starts_with("http://") || lower == "https://" {
        let authority = &target[if lower == "https://" { 8 } else { 7 }..];
        match authority.find(['/', '?']) {
            Some(at) => &authority[at..],
            None => "/",
        }
    } else {
        return Err(RequestError::Syntax);
    };
    if origin.contains('#') {
        return Err(RequestError::Syntax);
    }
    let (path, query) = match origin.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (origin, None),
    };
    Ok((if path.is_empty() { "/" } else { path }, query))
}

fn framing(headers: &[Header<'_>], minor: u8, limits: &Limits) -> Result<Framing, RequestError> {
    let mut length: Option<u64> = None;
    for member in members(headers, "content-length") {
        let this = content_length(member)?;
        if length.is_some_and(|other| other != this) {
            return Err(RequestError::ContentLength);
        }
        length = Some(this);
    }
    let mut codings = members(headers, "transfer-encoding").peekable();
    if codings.peek().is_some() {
        if length.is_some() || minor == 0 {
            return Err(RequestError::AmbiguousBody);
        }
        let codings: Vec<_> = codings.collect();
        let chunked: Vec<_> = codings.iter().map(|c| c.eq_ignore_ascii_case(b"chunked")).collect();
        return match chunked.as_slice() {
            [true] => Ok(Framing::Chunked),
            [.., true] if !chunked[..chunked.len() - 1].contains(&true) => Err(RequestError::TransferCoding),
            [false] => Err(RequestError::TransferCoding),
            _ => Err(RequestError::AmbiguousBody),
        };
    }
    let length = length.unwrap_or(0);
    if length > limits.body_bytes as u64 {
        return Err(RequestError::BodyTooLarge);
    }
    Ok(Framing::Length(length as usize))
}

/// Digits only; a number beyond 64 bits is as good as the largest.
fn content_length(member: &[u8]) -> Result<u64, RequestError> {
    if member.is_empty() || !member.iter().all(u8::is_ascii_digit) {
        return Err(RequestError::ContentLength);
    }
    let add = |n: u64, &b: &u8| n.saturating_mul(10).saturating_add(u64::from(b - b'0'));
    Ok(member.iter().fold(0, add))
}

fn keep_alive(headers: &[Header<'_>], minor: u8) -> bool {
    let has = |option: &[u8]| members(headers, "connection").any(|m| m.eq_ignore_ascii_case(option));
    !has(b"close") && (minor == 1 || has(b"keep-alive"))
}

fn expects_continue(headers: &[Header<'_>], minor: u8) -> Result<bool, RequestError> {
    if minor == 0 {
        return Ok(false);
    }
    let mut expected = false;
    for member in members(headers, "expect") {
        if !member.eq_ignore_ascii_case(b"100-continue") {
            return Err(RequestError::Expectation);
        }
        expected = true;
    }
    Ok(expected)
}
