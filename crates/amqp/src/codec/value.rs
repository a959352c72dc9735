//! One value of a field table (AMQP 0-9-1 §4.2.5.5, with the type octets as RabbitMQ reads them).
//!
//! ```text
//! +-----+---------+      t bool u8    b byte i8     B unsignedbyte u8   s short i16   u unsignedshort u16
//! | tag |  value  |      I signedint i32            i unsignedint u32   l, L long i64
//! +-----+---------+      f float f32  d double f64  D decimal: scale u8, value u32    T timestamp u64  V void, no bytes
//!   u8                   S longstr, x binary, F table, A array: length u32, then as many bytes
//! ```

use super::reader::Reader;
use super::{Array, CodecError, Table};

/// One value of a field table or array, borrowed from its bytes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Value<'a> {
    /// `S`: bytes, mostly text, in no promised encoding.
    LongString(&'a [u8]),
    /// `I`: signed, 32 bits.
    SignedInt(i32),
    /// `l`, and `L` when decoding: signed, 64 bits.
    Long(i64),
    /// `t`: any octet but 0 is true.
    Bool(bool),
    /// `F`: a table in the table.
    Table(Table<'a>),
    /// `A`: values without names.
    Array(Array<'a>),
    /// `T`: seconds since 1970.
    Timestamp(u64),
    /// `s`: signed, 16 bits (a short string in the letter of the specification, in no implementation).
    Short(i16),
    /// `u`: unsigned, 16 bits.
    UnsignedShort(u16),
    /// `i`: unsigned, 32 bits.
    UnsignedInt(u32),
    /// `b`: signed, 8 bits.
    Byte(i8),
    /// `B`: unsigned, 8 bits.
    UnsignedByte(u8),
    /// `d`: 64 bits.
    Double(f64),
    /// `f`: 32 bits.
    Float(f32),
    /// `D`: `value` / 10^`scale`.
    Decimal {
        /// Digits behind the point.
        scale: u8,
        /// All digits.
        value: u32,
    },
    /// `x`: bytes that are no text.
    Binary(&'a [u8]),
    /// `V`: nothing.
    Void,
}

impl<'a> Value<'a> {
    /// The name of the type in error texts, as RabbitMQ's clients know it: `longstr`, `signedint`, ...
    pub const fn type_name(&self) -> &'static str {
        match self {
            Self::LongString(_) => "longstr",
            Self::SignedInt(_) => "signedint",
            Self::Long(_) => "long",
            Self::Bool(_) => "bool",
            Self::Table(_) => "table",
            Self::Array(_) => "array",
            Self::Timestamp(_) => "timestamp",
            Self::Short(_) => "short",
            Self::UnsignedShort(_) => "unsignedshort",
            Self::UnsignedInt(_) => "unsignedint",
            Self::Byte(_) => "byte",
            Self::UnsignedByte(_) => "unsignedbyte",
            Self::Double(_) => "double",
            Self::Float(_) => "float",
            Self::Decimal { .. } => "decimal",
            Self::Binary(_) => "binary",
            Self::Void => "void",
        }
    }

    /// The type octet this value is written with.
    pub const fn tag(&self) -> u8 {
        match self {
            Self::LongString(_) => b'S',
            Self::SignedInt(_) => b'I',
            Self::Long(_) => b'l',
            Self::Bool(_) => b't',
            Self::Table(_) => b'F',
            Self::Array(_) => b'A',
            Self::Timestamp(_) => b'T',
            Self::Short(_) => b's',
            Self::UnsignedShort(_) => b'u',
            Self::UnsignedInt(_) => b'i',
            Self::Byte(_) => b'b',
            Self::UnsignedByte(_) => b'B',
            Self::Double(_) => b'd',
            Self::Float(_) => b'f',
            Self::Decimal { .. } => b'D',
            Self::Binary(_) => b'x',
            Self::Void => b'V',
        }
    }

    /// The number, if this is an integer of any width; clients write the same argument in different widths.
    pub const fn as_integer(&self) -> Option<i64> {
        match *self {
            Self::SignedInt(n) => Some(n as i64),
            Self::Long(n) => Some(n),
            Self::Short(n) => Some(n as i64),
            Self::UnsignedShort(n) => Some(n as i64),
            Self::UnsignedInt(n) => Some(n as i64),
            Self::Byte(n) => Some(n as i64),
            Self::UnsignedByte(n) => Some(n as i64),
            _ => None,
        }
    }

    /// The bytes, if this is a long string.
    pub const fn as_long_string(&self) -> Option<&'a [u8]> {
        match *self {
            Self::LongString(bytes) => Some(bytes),
            _ => None,
        }
    }

    /// The truth, if this is a bool.
    pub const fn as_bool(&self) -> Option<bool> {
        match *self {
            Self::Bool(truth) => Some(truth),
            _ => None,
        }
    }

    /// The table, if this is one.
    pub const fn as_table(&self) -> Option<Table<'a>> {
        match *self {
            Self::Table(table) => Some(table),
            _ => None,
        }
    }

    /// The array, if this is one.
    pub const fn as_array(&self) -> Option<Array<'a>> {
        match *self {
            Self::Array(array) => Some(array),
            _ => None,
        }
    }

    /// Reads a type octet and its value. Tables and arrays in it are taken as they are: call only on bytes that have
    /// been validated as a whole.
    pub(super) fn read_validated(reader: &mut Reader<'a>) -> Result<Self, CodecError> {
        Ok(match reader.octet()? {
            b'S' => Self::LongString(reader.long_string()?),
            b'I' => Self::SignedInt(reader.long()?.cast_signed()),
            b'l' | b'L' => Self::Long(reader.long_long()?.cast_signed()),
            b't' => Self::Bool(reader.octet()? != 0),
            b'F' => Self::Table(Table::from_validated(reader.long_string()?)),
            b'A' => Self::Array(Array::from_validated(reader.long_string()?)),
            b'T' => Self::Timestamp(reader.long_long()?),
            b's' => Self::Short(reader.short()?.cast_signed()),
            b'u' => Self::UnsignedShort(reader.short()?),
            b'i' => Self::UnsignedInt(reader.long()?),
            b'b' => Self::Byte(reader.octet()?.cast_signed()),
            b'B' => Self::UnsignedByte(reader.octet()?),
            b'd' => Self::Double(f64::from_be_bytes(reader.array()?)),
            b'f' => Self::Float(f32::from_be_bytes(reader.array()?)),
            b'D' => Self::Decimal { scale: reader.octet()?, value: reader.long()? },
            b'x' => Self::Binary(reader.long_string()?),
            b'V' => Self::Void,
            tag => return Err(CodecError::FieldType(tag)),
        })
    }

    /// Appends type octet and value.
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        out.push(self.tag());
        match *self {
            Self::LongString(bytes) | Self::Binary(bytes) => write_long_string(out, bytes),
            Self::Table(table) => write_long_string(out, table.as_bytes()),
            Self::Array(array) => write_long_string(out, array.as_bytes()),
            Self::SignedInt(n) => out.extend_from_slice(&n.to_be_bytes()),
            Self::UnsignedInt(n) => out.extend_from_slice(&n.to_be_bytes()),
            Self::Long(n) => out.extend_from_slice(&n.to_be_bytes()),
            Self::Timestamp(n) => out.extend_from_slice(&n.to_be_bytes()),
            Self::Short(n) => out.extend_from_slice(&n.to_be_bytes()),
            Self::UnsignedShort(n) => out.extend_from_slice(&n.to_be_bytes()),
            Self::Byte(n) => out.push(n.cast_unsigned()),
            Self::UnsignedByte(n) => out.push(n),
            Self::Bool(truth) => out.push(u8::from(truth)),
            Self::Double(n) => out.extend_from_slice(&n.to_be_bytes()),
            Self::Float(n) => out.extend_from_slice(&n.to_be_bytes()),
            Self::Decimal { scale, value } => {
                out.push(scale);
                out.extend_from_slice(&value.to_be_bytes());
            }
            Self::Void => {}
        }
    }
}

/// Appends a length of four octets and the bytes.
pub(super) fn write_long_string(out: &mut Vec<u8>, bytes: &[u8]) {
    let len = u32::try_from(bytes.len()).expect("a string of 4 GiB cannot come from a frame, nor fit into one");
    out.extend_from_slice(&len.to_be_bytes());
    out.extend_from_slice(bytes);
}
