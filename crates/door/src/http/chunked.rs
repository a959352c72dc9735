//! The chunked transfer coding (RFC 9112, 7.1): where a body ends, and what is in it.
//!
//! ```text
//! 5;ext=1 CRLF  hello CRLF  0 CRLF  trailer: x CRLF  CRLF
//! └ size line ┘ └ data    ┘ └last ┘ └ trailers, dropped ┘
//! ```

use super::RequestError;

/// Longest size line, extensions included.
const SIZE_LINE_MAX: usize = 256;
/// Framing may cost this much, and `FRAMING_PER_BYTE` times the data: a body of tiny chunks passes, one of endless extensions
/// does not.
const FRAMING_MAX: usize = 4 << 10;
const FRAMING_PER_BYTE: usize = 8;

/// How far the chunks of a body have been looked at; it goes on where it stopped when more bytes have come.
#[derive(Clone, Debug)]
pub(super) struct ChunkScan {
    at: usize,
    start: usize,
    data: usize,
    trailers: bool,
}

/// What a scan found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scanned {
    /// The body goes on; so many bytes of input are needed at least.
    NeedMore(usize),
    /// The body ends before this position.
    End(usize),
}

impl ChunkScan {
    /// A scan of the body that starts at `start` of the input.
    pub(super) fn new(start: usize) -> Self {
        Self { at: start, start, data: 0, trailers: false }
    }

    /// Goes on. `input` is all that has come, from the request's first byte.
    pub(super) fn advance(
        &mut self,
        input: &[u8],
        body_max: usize,
        trailer_max: usize,
    ) -> Result<Scanned, RequestError> {
        while !self.trailers {
            let Some((size, line)) = size_line(&input[self.at.min(input.len())..])? else {
                return Ok(Scanned::NeedMore(input.len() + 1));
            };
            if size > (body_max - self.data) as u64 {
                return Err(RequestError::BodyTooLarge);
            }
            let size = size as usize;
            if size == 0 {
                self.at += line;
                self.trailers = true;
                break;
            }
            let end = self.at + line + size + 2;
            if input.len() < end {
                return Ok(Scanned::NeedMore(end));
            }
            if &input[end - 2..end] != b"\r\n" {
                return Err(RequestError::Chunk);
            }
            self.at = end;
            self.data += size;
            let framing = self.at - self.start - self.data;
            if framing > FRAMING_MAX + self.data.saturating_mul(FRAMING_PER_BYTE) {
                return Err(RequestError::Chunk);
            }
        }
        self.trailer_section(input, trailer_max)
    }

    /// Bytes of data between the framing.
    pub(super) fn data_len(&self) -> usize {
        self.data
    }

    fn trailer_section(&self, input: &[u8], trailer_max: usize) -> Result<Scanned, RequestError> {
        let mut at = self.at;
        loop {
            let rest = &input[at..];
            let Some(line) = crlf_line(rest, trailer_max)? else {
                return Ok(Scanned::NeedMore(input.len() + 1));
            };
            at += line.len() + 2;
            if at - self.at > trailer_max {
                return Err(RequestError::HeadTooLarge);
            }
            if line.is_empty() {
                return Ok(Scanned::End(at));
            }
            let name = line.split(|&b| b == b':').next().unwrap_or_default();
            if name.len() == line.len() || name.is_empty() || name.iter().any(|b| b.is_ascii_whitespace()) {
                return Err(RequestError::Chunk);
            }
        }
    }
}

/// Copies the data of a body that a scan found to be whole.
pub(super) fn decode(mut body: &[u8], data_len: usize) -> Result<Vec<u8>, RequestError> {
    let mut data = Vec::with_capacity(data_len.min(body.len()));
    while let Some((size, line)) = size_line(body)? {
        let end = line + size as usize;
        if size == 0 {
            break;
        }
        data.extend_from_slice(body.get(line..end).ok_or(RequestError::Chunk)?);
        body = body.get(end + 2..).ok_or(RequestError::Chunk)?;
    }
    Ok(data)
}

/// The chunk size and the length of its line with the line end; `None` if the line is not whole yet.
fn size_line(input: &[u8]) -> Result<Option<(u64, usize)>, RequestError> {
    let Some(line) = crlf_line(input, SIZE_LINE_MAX)? else {
        let digits = input.iter().take_while(|b| b.is_ascii_hexdigit()).count();
        let plausible = digits > 0 || input.is_empty();
        return if plausible { Ok(None) } else { Err(RequestError::Chunk) };
    };
    let digits = line.iter().take_while(|b| b.is_ascii_hexdigit()).count();
    let rest = &line[digits..];
    if digits == 0 || digits > 16 || !(rest.is_empty() || matches!(rest[0], b';' | b' ' | b'\t')) {
        return Err(RequestError::Chunk);
    }
    if !rest.is_empty() && rest.trim_ascii_start().first() != Some(&b';') {
        return Err(RequestError::Chunk);
    }
    let size = line[..digits].iter().fold(0u64, |n, &b| n << 4 | u64::from(hex_digit(b).unwrap_or(0)));
    Ok(Some((size, line.len() + 2)))
}

/// The value of a hexadecimal digit.
pub(super) fn hex_digit(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        _ => None,
    }
}

/// The first line without its CRLF; `None` if it has not come whole; control bytes and bare CR or LF are refused.
fn crlf_line(input: &[u8], max: usize) -> Result<Option<&[u8]>, RequestError> {
    for (at, &byte) in input.iter().enumerate() {
        if at > max {
            return Err(RequestError::Chunk);
        }
        match byte {
            b'\r' => {
                return match input.get(at + 1) {
                    None => Ok(None),
                    Some(b'\n') => Ok(Some(&input[..at])),
                    Some(_) => Err(RequestError::Chunk),
                };
            }
            b'\t' | 0x20..=0x7e | 0x80.. => {}
            _ => return Err(RequestError::Chunk),
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scan(input: &[u8]) -> Result<Scanned, RequestError> {
        ChunkScan::new(0).advance(input, 100, 100)
    }

    #[test]
    fn a_body_ends_behind_its_trailers_and_extensions_are_dropped() {
        let body = b"5;a=b\r\nhello\r\n6 ;x\r\n world\r\n0\r\nx: y\r\n\r\nGET";
        assert_eq!(scan(body), Ok(Scanned::End(body.len() - 3)));
        assert_eq!(decode(body, 11).unwrap(), b"hello world");
    }

    #[test]
    fn a_scan_goes_on_where_it_stopped_at_every_split() {
        let body = b"5\r\nhello\r\nA\r\n0123456789\r\n0\r\n\r\n";
        let mut scan = ChunkScan::new(0);
        for end in 0..body.len() {
            match scan.advance(&body[..end], 100, 100) {
                Ok(Scanned::NeedMore(needed)) => assert!(needed > end && needed <= body.len(), "{needed} at {end}"),
                other => panic!("{other:?} at {end}"),
            }
        }
        assert_eq!(scan.advance(body, 100, 100), Ok(Scanned::End(body.len())));
        assert_eq!(scan.data_len(), 15);
    }

    #[test]
    fn malformed_framing_is_refused() {
        for bad in [
            &b"\r\n"[..],
            b"g\r\n",
            b"5\nhello\r\n",
            b"5\r\nhelloX\r\n",
            b"5 5\r\nhello\r\n",
            b" 5\r\nhello\r\n",
            b"+5\r\nhello\r\n",
            b"0x5\r\nhello\r\n",
            b"00000000000000005\r\nhello\r\n",
            b"0\r\nno colon\r\n\r\n",
            b"0\r\n: x\r\n\r\n",
            b"0\r\na\rb: x\r\n\r\n",
        ] {
            assert_eq!(scan(bad), Err(RequestError::Chunk), "{:?}", String::from_utf8_lossy(bad));
        }
        assert_eq!(scan(b"65\r\n"), Err(RequestError::BodyTooLarge));
        assert_eq!(scan(b"ffffffffffffffff\r\n"), Err(RequestError::BodyTooLarge));
    }

    #[test]
    fn framing_may_not_outweigh_the_data() {
        let mut body = Vec::new();
        (0..90).for_each(|_| body.extend_from_slice(format!("1;{}\r\nx\r\n", "e".repeat(200)).as_bytes()));
        assert_eq!(scan(&body), Err(RequestError::Chunk));
        let long = [b"5;".as_slice(), &[b'e'; 300]].concat();
        assert_eq!(scan(&long), Err(RequestError::Chunk));
    }
}
