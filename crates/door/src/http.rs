//! A pure HTTP/1.1 server codec on `httparse`: requests from bytes, answers into bytes (RFC 9110, RFC 9112).
//!
//! ```text
//! request   METHOD SP target SP HTTP/1.x CRLF  *(name: value CRLF)  CRLF  [body]
//! body      content-length bytes, or chunked:  *(hex-size[;ext] CRLF data CRLF)  0 CRLF  *(trailer CRLF)  CRLF
//! target    /path?query     the path is split at '/' first and percent-decoded after, so %2F stays within a segment
//! ```
//! [`RequestParser`] is asked again and again over the same growing slice until a request is whole. What could be read
//! in two ways is refused, so that no proxy in front sees other requests than we do: a length *and* a transfer coding,
//! lengths that differ, folded lines, bare line feeds, a body whose end is not exactly where it should be.
//! After an error the connection has to be closed: where the next request begins is unknown.

mod chunked;
mod date;
mod error;
mod head;
mod request;
mod response;
mod target;

pub use error::RequestError;
pub use request::{Parsed, Request, RequestParser};
pub use response::{CONTINUE, Response, reason_phrase};
pub use target::{BadEscape, QueryPair, percent_decode, percent_encode, query_pairs, segments};

/// Caps on one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of request line and headers together, the empty line included.
    pub head_bytes: usize,
    /// Number of header lines.
    pub headers: usize,
    /// Bytes of the decoded body.
    pub body_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { head_bytes: 16 << 10, headers: 100, body_bytes: 1 << 20 }
    }
}
