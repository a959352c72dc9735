//! The request target: path segments, query pairs, percent escapes (RFC 3986, 2.1).

use super::RequestError;
use super::chunked::hex_digit;
use std::borrow::Cow;

/// A `%` that no two hexadecimal digits follow, or escapes that are not UTF-8 where text is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadEscape;

impl From<BadEscape> for RequestError {
    fn from(_: BadEscape) -> Self {
        Self::Escape
    }
}

/// Decodes percent escapes; `plus` also turns `+` into a space, as forms and query strings want it.
pub fn percent_decode(text: &[u8], plus: bool) -> Result<Cow<'_, [u8]>, BadEscape> {
    if !text.iter().any(|&b| b == b'%' || (plus && b == b'+')) {
        return Ok(Cow::Borrowed(text));
    }
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text.iter();
    while let Some(&byte) = rest.next() {
        decoded.push(match byte {
            b'%' => {
                let mut digit = || rest.next().and_then(|&b| hex_digit(b)).ok_or(BadEscape);
                digit()? << 4 | digit()?
            }
            b'+' if plus => b' ',
            other => other,
        });
    }
    Ok(Cow::Owned(decoded))
}

/// Escapes all but the unreserved characters (RFC 3986, 2.3).
pub fn percent_encode(bytes: &[u8]) -> String {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    let mut text = String::with_capacity(bytes.len());
    for &byte in bytes {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            text.push(char::from(byte));
        } else {
            text.push('%');
            text.push(char::from(HEX[usize::from(byte >> 4)]));
            text.push(char::from(HEX[usize::from(byte & 15)]));
        }
    }
    text
}

/// The segments of a path behind its leading `/`, each decoded by itself. `/` is one empty segment.
pub fn segments(path: &str) -> Result<Vec<Cow<'_, str>>, BadEscape> {
    path.strip_prefix('/').unwrap_or(path).split('/').map(|segment| decode_text(segment, false)).collect()
}

/// Name and value of a part of a query string, decoded.
pub type QueryPair<'a> = (Cow<'a, str>, Cow<'a, str>);

/// The pairs of a query string in their order; a part without `=` has an empty value, empty parts are skipped.
pub fn query_pairs(query: &str) -> Result<Vec<QueryPair<'_>>, BadEscape> {
    let parts = query.split('&').filter(|part| !part.is_empty());
    parts
        .map(|part| {
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            Ok((decode_text(name, true)?, decode_text(value, true)?))
        })
        .collect()
}

fn decode_text(text: &str, plus: bool) -> Result<Cow<'_, str>, BadEscape> {
    match percent_decode(text.as_bytes(), plus)? {
        Cow::Borrowed(_) => Ok(Cow::Borrowed(text)),
        Cow::Owned(bytes) => String::from_utf8(bytes).map(Cow::Owned).map_err(|_| BadEscape),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_split_before_it_is_decoded() {
        assert_eq!(segments("/api/queues/%2F/a%20b+c").unwrap(), ["api", "queues", "/", "a b+c"]);
        assert_eq!(segments("/").unwrap(), [""]);
        assert_eq!(segments("/a/").unwrap(), ["a", ""]);
        assert_eq!(segments("/%ED%95%9C").unwrap(), ["한"]);
        for bad in ["/%", "/%4", "/%zz", "/%ff", "/%C3"] {
            assert_eq!(segments(bad), Err(BadEscape), "{bad}");
        }
    }

    #[test]
    fn a_query_is_a_form() {
        let pairs = query_pairs("a=1+2&b&&c=%26%3D&a=").unwrap();
        let plain: Vec<_> = pairs.iter().map(|(n, v)| (n.as_ref(), v.as_ref())).collect();
        assert_eq!(plain, [("a", "1 2"), ("b", ""), ("c", "&="), ("a", "")]);
        assert_eq!(query_pairs("a=%"), Err(BadEscape));
    }

    #[test]
    fn encoding_and_decoding_are_inverse() {
        let all: Vec<u8> = (0..=255).collect();
        let text = percent_encode(&all);
        assert_eq!(percent_decode(text.as_bytes(), true).unwrap(), all);
        assert!(text.is_ascii() && text.contains("-.") && text.contains("%2F") && text.contains("~"));
    }
}
