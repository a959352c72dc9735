//! Fields of methods and tables: read within their bytes, written as they are.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Number, Value, json};

/// Deepest nesting of tables that is read.
const DEPTH_MAX: u32 = 100;

/// Bytes that are read from the front.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fields<'a>(pub(super) &'a [u8]);

impl<'a> Fields<'a> {
    pub(super) fn fixed<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (head, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*head)
    }

    pub(super) fn u8(&mut self) -> Option<u8> {
        self.fixed::<1>().map(|[byte]| byte)
    }

    pub(super) fn u16(&mut self) -> Option<u16> {
        self.fixed().map(u16::from_be_bytes)
    }

    pub(super) fn u32(&mut self) -> Option<u32> {
        self.fixed().map(u32::from_be_bytes)
    }

    pub(super) fn u64(&mut self) -> Option<u64> {
        self.fixed().map(u64::from_be_bytes)
    }

    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (head, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(head)
    }

    pub(super) fn short(&mut self) -> Option<String> {
        let length = self.u8()?;
        self.take(length.into()).map(|bytes| String::from_utf8_lossy(bytes).into_owned())
    }

    fn long(&mut self) -> Option<&'a [u8]> {
        let length = self.u32()?;
        self.take(usize::try_from(length).ok()?)
    }

    /// A table as an object; of several entries with one name the first is shown.
    pub(super) fn table(&mut self) -> Option<Value> {
        Fields(self.long()?).entries(0)
    }

    fn entries(mut self, depth: u32) -> Option<Value> {
        let mut object = Map::new();
        while !self.0.is_empty() {
            let name = self.short()?;
            let value = self.value(depth)?;
            if !object.contains_key(&name) {
                object.insert(name, value);
            }
        }
        Some(Value::Object(object))
    }

    fn value(&mut self, depth: u32) -> Option<Value> {
        if depth > DEPTH_MAX {
            return None;
        }
        let float = |number: f64| Number::from_f64(number).map_or(Value::Null, Value::Number);
        Some(match self.u8()? {
            b't' => (self.u8()? != 0).into(),
            b'b' => i8::from_be_bytes(self.fixed()?).into(),
            b'B' => self.u8()?.into(),
            b's' => i16::from_be_bytes(self.fixed()?).into(),
            b'u' => self.u16()?.into(),
            b'I' => i32::from_be_bytes(self.fixed()?).into(),
            b'i' => self.u32()?.into(),
            b'l' => i64::from_be_bytes(self.fixed()?).into(),
            b'f' => float(f64::from(f32::from_be_bytes(self.fixed()?))),
            b'd' => float(f64::from_be_bytes(self.fixed()?)),
            b'D' => {
                let (scale, value) = (self.u8()?, self.u32()?.cast_signed());
                float(f64::from(value) / 10f64.powi(scale.into()))
            }
            b'S' | b'x' => shown(self.long()?),
            b'T' => self.u64()?.into(),
            b'F' => Fields(self.long()?).entries(depth + 1)?,
            b'A' => {
                let mut list = Fields(self.long()?);
                let mut values = Vec::new();
                while !list.0.is_empty() {
                    values.push(list.value(depth + 1)?);
                }
                Value::Array(values)
            }
            b'V' => Value::Null,
            _ => return None,
        })
    }
}

/// Text where it is UTF-8, else `{"base64": text}`.
pub(super) fn shown(bytes: &[u8]) -> Value {
    match std::str::from_utf8(bytes) {
        Ok(text) => text.into(),
        Err(_) => json!({ "base64": STANDARD.encode(bytes) }),
    }
}

/// Puts a short text; `None` if it is too long for one.
pub(super) fn put_short(out: &mut Vec<u8>, text: &str) -> Option<()> {
    out.push(u8::try_from(text.len()).ok()?);
    out.extend_from_slice(text.as_bytes());
    Some(())
}

/// Puts a long text.
pub(super) fn put_long(out: &mut Vec<u8>, bytes: &[u8]) {
    out.extend_from_slice(&(bytes.len() as u32).to_be_bytes());
    out.extend_from_slice(bytes);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_read_within_their_bytes() {
        let bytes = b"\0\0\0\x13\x01aS\0\0\0\x02hi\x01bI\xff\xff\xff\xff\x01cV";
        assert_eq!(Fields(bytes).table(), Some(json!({"a": "hi", "b": -1, "c": null})));
        for end in 0..bytes.len() {
            assert_eq!(Fields(&bytes[..end]).table(), None);
        }
        assert_eq!(Fields(b"\0\0\0\x03\x01a?").table(), None);
        assert_eq!(Fields(b"\xff\xff\xff\xff").table(), None);
        let mut nested = Vec::new();
        for _ in 0..200 {
            let mut outer = b"\x01aF".to_vec();
            put_long(&mut outer, &nested);
            nested = outer;
        }
        let mut table = Vec::new();
        put_long(&mut table, &nested);
        assert_eq!(Fields(&table).table(), None);
    }
}
