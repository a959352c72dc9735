//! An answer, written head first into a buffer.

use super::date::write_date;
use narumq_model::Time;
use std::io::Write;

/// The interim answer that lets a waiting client send its body.
pub const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";

/// An answer under way: status line and headers so far are in the buffer, [`body`](Self::body) ends it.
#[derive(Debug)]
pub struct Response<'a> {
    out: &'a mut Vec<u8>,
    status: u16,
}

impl<'a> Response<'a> {
    /// Starts an answer at the end of `out`.
    pub fn start(out: &'a mut Vec<u8>, status: u16) -> Self {
        write!(out, "HTTP/1.1 {status} {}\r\n", reason_phrase(status)).expect("a Vec takes every write");
        Self { out, status }
    }

    /// Adds a header. Bytes of the value that would end the line or are not allowed in it are left out.
    pub fn header(self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.out.extend_from_slice(name.as_bytes());
        self.out.extend_from_slice(b": ");
        let printable = |b: &u8| matches!(b, b'\t' | b' '..=b'~' | 0x80..);
        self.out.extend(value.as_ref().iter().copied().filter(|b| printable(b)));
        self.out.extend_from_slice(b"\r\n");
        self
    }

    /// Adds the date.
    pub fn date(self, now: Time) -> Self {
        self.out.extend_from_slice(b"date: ");
        write_date(self.out, now);
        self.out.extend_from_slice(b"\r\n");
        self
    }

    /// Says that the connection ends behind this answer.
    pub fn close(self) -> Self {
        self.header("connection", "close")
    }

    /// Says that the connection lives on, which an HTTP/1.0 client wants to be told.
    pub fn keep_alive(self) -> Self {
        self.header("connection", "keep-alive")
    }

    /// Ends the answer with a body. For `head_only` (an answer to `HEAD`) its length is told but not its bytes; 1xx, 204 and
    /// 304 have neither (RFC 9110, 6.4.1).
    pub fn body(self, body: &[u8], head_only: bool) {
        let bodiless = matches!(self.status, 100..=199 | 204 | 304);
        if !bodiless {
            write!(self.out, "content-length: {}\r\n", body.len()).expect("a Vec takes every write");
        }
        self.out.extend_from_slice(b"\r\n");
        if !bodiless && !head_only {
            self.out.extend_from_slice(body);
        }
    }

    /// Ends the answer without a body.
    pub fn empty(self) {
        self.body(b"", false);
    }
}

/// The words that go with a status code; empty if it has none here.
pub fn reason_phrase(status: u16) -> &'static str {
    match status {
        100 => "Continue",
        200 => "OK",
        201 => "Created",
        204 => "No Content",
        304 => "Not Modified",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        408 => "Request Timeout",
        409 => "Conflict",
        413 => "Content Too Large",
        414 => "URI Too Long",
        417 => "Expectation Failed",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        500 => "Internal Server Error",
        501 => "Not Implemented",
        503 => "Service Unavailable",
        505 => "HTTP Version Not Supported",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(write: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = b"before|".to_vec();
        write(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn answers_have_a_length_unless_they_cannot() {
        let full = text(|out| Response::start(out, 200).header("content-type", "a/b").date(Time(0)).body(b"hi", false));
        assert_eq!(
            full,
            "before|HTTP/1.1 200 OK\r\ncontent-type: a/b\r\ndate: Thu, 01 Jan 1970 00:00:00 GMT\r\n\
             content-length: 2\r\n\r\nhi"
        );
        let head = text(|out| Response::start(out, 200).close().body(b"hi", true));
        assert_eq!(head, "before|HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\n");
        assert_eq!(text(|out| Response::start(out, 204).empty()), "before|HTTP/1.1 204 No Content\r\n\r\n");
        assert_eq!(text(|out| Response::start(out, 299).empty()), "before|HTTP/1.1 299 \r\ncontent-length: 0\r\n\r\n");
    }

    #[test]
    fn a_header_value_cannot_end_its_line() {
        let split = text(|out| Response::start(out, 201).header("location", "a\r\nset-cookie: b\0").empty());
        assert!(split.contains("location: aset-cookie: b\r\ncontent-length"), "{split}");
    }
}
