//! What can be wrong with a request, and the status that says so.

use std::fmt;

/// Why a request cannot be read. The connection ends after the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequestError {
    /// The request line or a header is not HTTP.
    Syntax,
    /// A line ends in a bare line feed, or a header is folded over lines.
    LineEnding,
    /// HTTP/1.1 without exactly one `Host` (RFC 9112, 3.2).
    Host,
    /// `Content-Length` is not a number, or given several times with different values.
    ContentLength,
    /// `Content-Length` beside `Transfer-Encoding`, or a transfer coding in HTTP/1.0, or `chunked` not last.
    AmbiguousBody,
    /// A chunk's size line, its end or a trailer is malformed.
    Chunk,
    /// A percent escape in the target is malformed.
    Escape,
    /// The request did not become whole in time.
    Timeout,
    /// The body exceeds the limit.
    BodyTooLarge,
    /// The request line alone exceeds the limit of the head.
    TargetTooLong,
    /// `Expect` asks for something other than `100-continue`.
    Expectation,
    /// Too many headers, or too many bytes of them.
    HeadTooLarge,
    /// A transfer coding other than `chunked`.
    TransferCoding,
    /// Not HTTP/1.0 or HTTP/1.1.
    Version,
}

impl RequestError {
    /// The status code of the answer.
    pub fn status(self) -> u16 {
        match self {
            Self::Syntax
            | Self::LineEnding
            | Self::Host
            | Self::ContentLength
            | Self::AmbiguousBody
            | Self::Chunk
            | Self::Escape => 400,
            Self::Timeout => 408,
            Self::BodyTooLarge => 413,
            Self::TargetTooLong => 414,
            Self::Expectation => 417,
            Self::HeadTooLarge => 431,
            Self::TransferCoding => 501,
            Self::Version => 505,
        }
    }
}

impl fmt::Display for RequestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Syntax => "malformed request",
            Self::LineEnding => "folded header or bare line feed",
            Self::Host => "exactly one Host header is required",
            Self::ContentLength => "malformed or contradictory Content-Length",
            Self::AmbiguousBody => "ambiguous body length",
            Self::Chunk => "malformed chunked body",
            Self::Escape => "malformed percent escape",
            Self::Timeout => "request not complete in time",
            Self::BodyTooLarge => "body too large",
            Self::TargetTooLong => "request target too long",
            Self::Expectation => "unknown expectation",
            Self::HeadTooLarge => "headers too large",
            Self::TransferCoding => "transfer coding not implemented",
            Self::Version => "HTTP version not supported",
        })
    }
}

impl std::error::Error for RequestError {}
