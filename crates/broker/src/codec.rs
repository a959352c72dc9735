//! How names, values and definitions are written into the log: length-prefixed, in field order, numbers as varints.
//!
//! Reading is bounded by the bytes that are there: no allocation by a number in them, nesting at most
//! [`TABLE_DEPTH_MAX`](narumq_model::limits::TABLE_DEPTH_MAX) deep.

use bytes::Bytes;
use narumq_log::varint;
use narumq_model::limits::TABLE_DEPTH_MAX;
use narumq_model::{Headers, Name, Value};

/// A cursor over bytes of the log. Every read is `None` where the bytes do not hold what is asked.
pub(crate) struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    pub(crate) fn u8(&mut self) -> Option<u8> {
        let byte = *self.bytes.get(self.at)?;
        self.at += 1;
        Some(byte)
    }

    pub(crate) fn bool(&mut self) -> Option<bool> {
        self.u8().map(|b| b != 0)
    }

    pub(crate) fn number(&mut self) -> Option<u64> {
        varint::get(self.bytes, &mut self.at)
    }

    pub(crate) fn bytes(&mut self) -> Option<&'a [u8]> {
        varint::get_bytes(self.bytes, &mut self.at)
    }

    pub(crate) fn shared(&mut self) -> Option<Bytes> {
        self.bytes().map(Bytes::copy_from_slice)
    }

    pub(crate) fn name(&mut self) -> Option<Name> {
        std::str::from_utf8(self.bytes()?).ok().map(Name::from)
    }

    /// `Some(None)` where the writer wrote none.
    pub(crate) fn option<T>(&mut self, read: impl FnOnce(&mut Self) -> Option<T>) -> Option<Option<T>> {
        if self.bool()? { read(self).map(Some) } else { Some(None) }
    }

    /// A counted list; the count is never trusted with memory.
    pub(crate) fn list<T>(&mut self, mut read: impl FnMut(&mut Self) -> Option<T>) -> Option<Vec<T>> {
        let count = self.number()?;
        let mut items = Vec::new();
        for _ in 0..count {
            items.push(read(self)?);
        }
        Some(items)
    }

    pub(crate) fn headers(&mut self) -> Option<Headers> {
        self.headers_at(0)
    }

    fn headers_at(&mut self, depth: usize) -> Option<Headers> {
        if depth > TABLE_DEPTH_MAX {
            return None;
        }
        self.list(|r| Some((r.shared()?, r.value(depth)?))).map(Headers)
    }

    pub(crate) fn fixed<const N: usize>(&mut self) -> Option<[u8; N]> {
        let taken = self.bytes.get(self.at..self.at + N)?.try_into().ok()?;
        self.at += N;
        Some(taken)
    }

    fn value(&mut self, depth: usize) -> Option<Value> {
        Some(match self.u8()? {
            0 => Value::Void,
            1 => Value::Bool(self.bool()?),
            2 => Value::I8(i8::from_le_bytes(self.fixed()?)),
            3 => Value::U8(self.u8()?),
            4 => Value::I16(i16::from_le_bytes(self.fixed()?)),
            5 => Value::U16(u16::from_le_bytes(self.fixed()?)),
            6 => Value::I32(i32::from_le_bytes(self.fixed()?)),
            7 => Value::U32(u32::from_le_bytes(self.fixed()?)),
            8 => Value::I64(i64::from_le_bytes(self.fixed()?)),
            9 => Value::F32(u32::from_le_bytes(self.fixed()?)),
            10 => Value::F64(u64::from_le_bytes(self.fixed()?)),
            11 => Value::Decimal { scale: self.u8()?, value: u32::from_le_bytes(self.fixed()?) },
            12 => Value::Text(self.shared()?),
            13 => Value::Binary(self.shared()?),
            14 => Value::Timestamp(u64::from_le_bytes(self.fixed()?)),
            15 if depth < TABLE_DEPTH_MAX => Value::Array(self.list(|r| r.value(depth + 1))?),
            16 => Value::Table(self.headers_at(depth + 1)?),
            _ => return None,
        })
    }
}

pub(crate) fn put_name(out: &mut Vec<u8>, name: &str) {
    varint::put_bytes(out, name.as_bytes());
}

pub(crate) fn put_option<T>(out: &mut Vec<u8>, option: Option<T>, put: impl FnOnce(&mut Vec<u8>, T)) {
    out.push(u8::from(option.is_some()));
    if let Some(value) = option {
        put(out, value);
    }
}

pub(crate) fn put_headers(out: &mut Vec<u8>, headers: &Headers) {
    varint::put(out, headers.0.len() as u64);
    for (name, value) in &headers.0 {
        varint::put_bytes(out, name);
        put_value(out, value);
    }
}

fn put_value(out: &mut Vec<u8>, value: &Value) {
    let mut tagged = |tag: u8, bytes: &[u8]| {
        out.push(tag);
        out.extend_from_slice(bytes);
    };
    match value {
        Value::Void => tagged(0, &[]),
        Value::Bool(b) => tagged(1, &[u8::from(*b)]),
        Value::I8(n) => tagged(2, &n.to_le_bytes()),
        Value::U8(n) => tagged(3, &[*n]),
        Value::I16(n) => tagged(4, &n.to_le_bytes()),
        Value::U16(n) => tagged(5, &n.to_le_bytes()),
        Value::I32(n) => tagged(6, &n.to_le_bytes()),
        Value::U32(n) => tagged(7, &n.to_le_bytes()),
        Value::I64(n) => tagged(8, &n.to_le_bytes()),
        Value::F32(n) => tagged(9, &n.to_le_bytes()),
        Value::F64(n) => tagged(10, &n.to_le_bytes()),
        Value::Decimal { scale, value } => {
            tagged(11, &[*scale]);
            out.extend_from_slice(&value.to_le_bytes());
        }
        Value::Text(bytes) => {
            tagged(12, &[]);
            varint::put_bytes(out, bytes);
        }
        Value::Binary(bytes) => {
            tagged(13, &[]);
            varint::put_bytes(out, bytes);
        }
        Value::Timestamp(n) => tagged(14, &n.to_le_bytes()),
        Value::Array(values) => {
            tagged(15, &[]);
            varint::put(out, values.len() as u64);
            values.iter().for_each(|v| put_value(out, v));
        }
        Value::Table(headers) => {
            tagged(16, &[]);
            put_headers(out, headers);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Headers {
        let text = |s: &'static str| Bytes::from_static(s.as_bytes());
        Headers(vec![
            (text("a"), Value::I32(-5)),
            (text("a"), Value::Text(text("again"))),
            (text("n"), Value::Table(Headers(vec![(text("x"), Value::Array(vec![Value::Void, Value::Bool(true)]))]))),
            (text("d"), Value::Decimal { scale: 2, value: 314 }),
            (text("f"), Value::F64(f64::NAN.to_bits())),
            (text("t"), Value::Timestamp(u64::MAX)),
        ])
    }

    #[test]
    fn headers_come_back_in_order_with_types_and_duplicates() {
        let mut out = Vec::new();
        put_headers(&mut out, &sample());
        assert_eq!(Reader::new(&out).headers(), Some(sample()));
        for cut in 0..out.len() {
            assert_eq!(Reader::new(&out[..cut]).headers(), None);
        }
    }

    #[test]
    fn deep_or_lying_bytes_are_refused() {
        let deep: Vec<u8> = std::iter::repeat_n([1u8, 1, b'k', 16], 5_000).flatten().collect();
        assert_eq!(Reader::new(&deep).headers(), None);
        assert_eq!(Reader::new(&[0xff, 0xff, 0xff, 0xff, 0x0f]).headers(), None);
    }
}
