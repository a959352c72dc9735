//! Typed values of headers and arguments: ordered, duplicates allowed, nothing collapsed.

use bytes::Bytes;

/// An ordered list of named values, as a client sent it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Headers(pub Vec<(Bytes, Value)>);

/// One typed value. The variants keep what the widest protocol can tell apart.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// No value.
    Void,
    /// A truth value.
    Bool(bool),
    /// 8 bits, signed.
    I8(i8),
    /// 8 bits, unsigned.
    U8(u8),
    /// 16 bits, signed.
    I16(i16),
    /// 16 bits, unsigned.
    U16(u16),
    /// 32 bits, signed.
    I32(i32),
    /// 32 bits, unsigned.
    U32(u32),
    /// 64 bits, signed.
    I64(i64),
    /// A binary32, by its bits, so that NaNs keep their payload.
    F32(u32),
    /// A binary64, by its bits.
    F64(u64),
    /// `value / 10^scale`.
    Decimal {
        /// Digits behind the point.
        scale: u8,
        /// The digits.
        value: u32,
    },
    /// Text or bytes; not necessarily UTF-8.
    Text(Bytes),
    /// Bytes that are not meant as text.
    Binary(Bytes),
    /// Seconds since the Unix epoch.
    Timestamp(u64),
    /// A list.
    Array(Vec<Value>),
    /// A nested table.
    Table(Headers),
}

impl Headers {
    /// The first value under `name`.
    pub fn get(&self, name: &[u8]) -> Option<&Value> {
        self.0.iter().find(|(n, _)| n.as_ref() == name).map(|(_, v)| v)
    }

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Value {
    /// Any of the integer widths as an `i64`.
    pub fn as_integer(&self) -> Option<i64> {
        Some(match *self {
            Value::I8(n) => n.into(),
            Value::U8(n) => n.into(),
            Value::I16(n) => n.into(),
            Value::U16(n) => n.into(),
            Value::I32(n) => n.into(),
            Value::U32(n) => n.into(),
            Value::I64(n) => n,
            _ => return None,
        })
    }

    /// The bytes of a text.
    pub fn as_text(&self) -> Option<&Bytes> {
        match self {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// Equal in meaning: all integer widths compare by number, everything else by type and value.
    pub fn same(&self, other: &Value) -> bool {
        match (self.as_integer(), other.as_integer()) {
            (Some(a), Some(b)) => a == b,
            _ => self == other,
        }
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Value::Text(Bytes::copy_from_slice(text.as_bytes()))
    }
}
