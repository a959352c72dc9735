//! Field tables and arrays (AMQP 0-9-1 §4.2.5.5): validated once as bytes, then read lazily.
//!
//! ```text
//! table: +----------+------+-----+-------+--- next entry        array: +-----+-------+--- next value
//!        | name len | name | tag | value |                             | tag | value |
//!        +----------+------+-----+-------+                             +-----+-------+
//!            u8               u8
//! ```
//! The length in front of a table on the wire (u32) is not part of the bytes held here.

use std::fmt;

use super::reader::Reader;
use super::{CodecError, Value};

/// How many tables and arrays may lie in one another, the outermost included.
pub const MAX_DEPTH: usize = 100;

/// A field table whose bytes are known to be well formed: order, duplicates and the sender's choice of types are kept.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct Table<'a> {
    bytes: &'a [u8],
}

impl<'a> Table<'a> {
    /// The table without entries.
    pub const EMPTY: Table<'static> = Table { bytes: &[] };

    /// Validates `bytes`, the entries without the length in front of them.
    ///
    /// # Errors
    /// See [`validate_table`].
    #[inline]
    pub fn parse(bytes: &'a [u8]) -> Result<Self, CodecError> {
        validate_table(bytes)?;
        Ok(Self { bytes })
    }

    /// Takes bytes that were part of a validated table, or were written by a writer.
    #[inline]
    pub(super) const fn from_validated(bytes: &'a [u8]) -> Self {
        Self { bytes }
    }

    /// The entries as on the wire, without the length in front of them.
    #[inline]
    pub const fn as_bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// True when there is no entry.
    #[inline]
    pub const fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Names and values in the sender's order.
    #[inline]
    pub const fn iter(&self) -> TableIter<'a> {
        TableIter { reader: Reader::new(self.bytes) }
    }

    /// The entries as on the wire, to be copied with [`TableWriter::raw_entry`](super::TableWriter::raw_entry).
    #[inline]
    pub const fn raw_entries(&self) -> RawEntries<'a> {
        RawEntries { reader: Reader::new(self.bytes) }
    }

    /// The value of the first entry with this name.
    pub fn get(&self, name: &[u8]) -> Option<Value<'a>> {
        self.iter().find(|(candidate, _)| *candidate == name).map(|(_, value)| value)
    }
}

impl<'a> IntoIterator for Table<'a> {
    type Item = (&'a [u8], Value<'a>);
    type IntoIter = TableIter<'a>;

    fn into_iter(self) -> TableIter<'a> {
        self.iter()
    }
}

impl fmt::Debug for Table<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter().map(|(name, value)| (String::from_utf8_lossy(name), value))).finish()
    }
}

/// Names and values of a [`Table`].
#[derive(Clone)]
pub struct TableIter<'a> {
    reader: Reader<'a>,
}

impl<'a> Iterator for TableIter<'a> {
    type Item = (&'a [u8], Value<'a>);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        // Validated bytes give no error; were they wrong all the same, the table would end here.
        let name = self.reader.short_string().ok()?;
        let value = Value::read_validated(&mut self.reader).ok()?;
        Some((name, value))
    }
}

/// One entry of a [`Table`] as on the wire: name, type octet, value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RawEntry<'a> {
    name: &'a [u8],
    bytes: &'a [u8],
}

impl<'a> RawEntry<'a> {
    /// The name alone.
    pub const fn name(&self) -> &'a [u8] {
        self.name
    }

    /// The whole entry.
    pub const fn as_bytes(&self) -> &'a [u8] {
        self.bytes
    }
}

/// The raw entries of a [`Table`].
#[derive(Clone)]
pub struct RawEntries<'a> {
    reader: Reader<'a>,
}

impl<'a> Iterator for RawEntries<'a> {
    type Item = RawEntry<'a>;

    fn next(&mut self) -> Option<RawEntry<'a>> {
        let before = self.reader.rest();
        let name = self.reader.short_string().ok()?;
        Value::read_validated(&mut self.reader).ok()?;
        Some(RawEntry { name, bytes: &before[..before.len() - self.reader.rest().len()] })
    }
}

/// A field array whose bytes are known to be well formed.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct Array<'a> {
    bytes: &'a [u8],
}

impl<'a> Array<'a> {
    /// Validates `bytes`, the values without the length in front of them.
    ///
    /// # Errors
    /// See [`validate_array`].
    pub fn parse(bytes: &'a [u8]) -> Result<Self, CodecError> {
        validate_array(bytes)?;
        Ok(Self { bytes })
    }

    /// Takes bytes that were part of a validated table, or were written by a writer.
    #[inline]
    pub(super) const fn from_validated(bytes: &'a [u8]) -> Self {
        Self { bytes }
    }

    /// The values as on the wire, without the length in front of them.
    #[inline]
    pub const fn as_bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// True when there is no value.
    #[inline]
    pub const fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// The values in order.
    #[inline]
    pub const fn iter(&self) -> ArrayIter<'a> {
        ArrayIter { reader: Reader::new(self.bytes) }
    }
}

impl<'a> IntoIterator for Array<'a> {
    type Item = Value<'a>;
    type IntoIter = ArrayIter<'a>;

    fn into_iter(self) -> ArrayIter<'a> {
        self.iter()
    }
}

impl fmt::Debug for Array<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

/// Values of an [`Array`].
#[derive(Clone)]
pub struct ArrayIter<'a> {
    reader: Reader<'a>,
}

impl<'a> Iterator for ArrayIter<'a> {
    type Item = Value<'a>;

    #[inline]
    fn next(&mut self) -> Option<Value<'a>> {
        Value::read_validated(&mut self.reader).ok()
    }
}

/// Checks the bytes of a table (without the length in front of it) to the last nested value.
///
/// # Errors
/// [`Truncated`](CodecError::Truncated) when a name or value runs past its end,
/// [`FieldType`](CodecError::FieldType) for an unknown type octet, [`TooDeep`](CodecError::TooDeep) beyond
/// [`MAX_DEPTH`].
#[inline]
pub fn validate_table(bytes: &[u8]) -> Result<(), CodecError> {
    check(bytes, true, MAX_DEPTH - 1)
}

/// Checks the bytes of an array (without the length in front of it) to the last nested value.
///
/// # Errors
/// As [`validate_table`].
#[inline]
pub fn validate_array(bytes: &[u8]) -> Result<(), CodecError> {
    check(bytes, false, MAX_DEPTH - 1)
}

/// Checks all entries of a table (`named`) or values of an array; `levels` more may lie inside.
fn check(bytes: &[u8], named: bool, levels: usize) -> Result<(), CodecError> {
    let mut reader = Reader::new(bytes);
    while !reader.is_empty() {
        if named {
            reader.short_string()?;
        }
        let size = match reader.octet()? {
            b'S' | b'x' => {
                reader.long_string()?;
                continue;
            }
            tag @ (b'F' | b'A') => {
                let inner = reader.long_string()?;
                // The bound is what keeps this recursion, and that of every reader of the table, off the stack's end.
                let levels = levels.checked_sub(1).ok_or(CodecError::TooDeep)?;
                check(inner, tag == b'F', levels)?;
                continue;
            }
            b'I' | b'i' | b'f' => 4,
            b'l' | b'L' | b'd' | b'T' => 8,
            b't' | b'b' | b'B' => 1,
            b's' | b'u' => 2,
            b'D' => 5,
            b'V' => 0,
            tag => return Err(CodecError::FieldType(tag)),
        };
        reader.take(size)?;
    }
    Ok(())
}
