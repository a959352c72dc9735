//! Reading the protocol's primitive types from a byte slice, without copying.
//!
//! ```text
//! unsigned varint:  1xxxxxxx 1xxxxxxx 0xxxxxxx     least significant 7 bits first, at most 5 bytes
//! length:           classic i16 (strings) or i32, -1 = null       flexible varint of length + 1, 0 = null
//! tagged fields:    varint count, then count times: varint tag, varint size, size bytes
//! ```

use super::{DecodeError, Form};

/// The longest string of the protocol in any version, in bytes.
pub const STRING_MAX: usize = i16::MAX as usize;

/// How much memory the arrays of one message may take, in bytes. A frame of the largest size could ask for many times as
/// much, as an element may take two bytes on the wire and forty here.
pub const ARRAY_MEMORY_MAX: usize = 64 << 20;

/// A position in the bytes of one message.
#[derive(Debug, Clone)]
pub struct Reader<'a> {
    rest: &'a [u8],
    array_memory: usize,
}

impl<'a> Reader<'a> {
    /// Begins at the first byte.
    #[inline]
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes, array_memory: 0 }
    }

    /// The bytes that have not been read.
    #[inline]
    pub const fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// What the elements of all arrays read so far take in memory, in bytes; at most [`ARRAY_MEMORY_MAX`].
    #[inline]
    pub const fn array_memory(&self) -> usize {
        self.array_memory
    }

    /// The next `length` bytes.
    #[inline]
    pub(super) fn take(&mut self, length: usize) -> Result<&'a [u8], DecodeError> {
        let (taken, rest) = self.rest.split_at_checked(length).ok_or(DecodeError::Truncated)?;
        self.rest = rest;
        Ok(taken)
    }

    /// The next `N` bytes, for a number of that size.
    #[inline]
    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        let (taken, rest) = self.rest.split_first_chunk::<N>().ok_or(DecodeError::Truncated)?;
        self.rest = rest;
        Ok(*taken)
    }

    #[inline]
    pub(super) fn i8(&mut self) -> Result<i8, DecodeError> {
        self.array().map(i8::from_be_bytes)
    }

    #[inline]
    pub(super) fn i16(&mut self) -> Result<i16, DecodeError> {
        self.array().map(i16::from_be_bytes)
    }

    #[inline]
    pub(super) fn i32(&mut self) -> Result<i32, DecodeError> {
        self.array().map(i32::from_be_bytes)
    }

    /// An unsigned varint of at most 32 bits.
    #[inline]
    pub(super) fn varint(&mut self) -> Result<u32, DecodeError> {
        match self.rest {
            [byte, rest @ ..] if *byte < 0x80 => {
                self.rest = rest;
                Ok(u32::from(*byte))
            }
            _ => self.long_varint(),
        }
    }

    fn long_varint(&mut self) -> Result<u32, DecodeError> {
        let mut value = 0_u32;
        for shift in [0, 7, 14, 21, 28] {
            let [byte] = self.array()?;
            if shift == 28 && byte > 0x0F {
                return Err(DecodeError::BadLength);
            }
            value |= u32::from(byte & 0x7F) << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(DecodeError::BadLength)
    }

    /// The length in front of bytes or of an array; `None` is null.
    #[inline]
    pub(super) fn length(&mut self, form: Form) -> Result<Option<usize>, DecodeError> {
        if form.flexible {
            return Ok((self.varint()? as usize).checked_sub(1));
        }
        let length = self.i32()?;
        nullable(length, usize::try_from(length).ok())
    }

    /// The length in front of a string; `None` is null.
    #[inline]
    fn string_length(&mut self, form: Form) -> Result<Option<usize>, DecodeError> {
        if form.flexible {
            return Ok((self.varint()? as usize).checked_sub(1));
        }
        let length = self.i16()?;
        nullable(i32::from(length), usize::try_from(length).ok())
    }

    /// A string or null.
    #[inline]
    pub(super) fn string(&mut self, form: Form) -> Result<Option<&'a str>, DecodeError> {
        let Some(length) = self.string_length(form)? else { return Ok(None) };
        if length > STRING_MAX {
            return Err(DecodeError::BadLength);
        }
        let bytes = self.take(length)?;
        std::str::from_utf8(bytes).map(Some).map_err(|_| DecodeError::NotUtf8)
    }

    /// Bytes or null.
    #[inline]
    pub(super) fn bytes(&mut self, form: Form) -> Result<Option<&'a [u8]>, DecodeError> {
        match self.length(form)? {
            Some(length) => self.take(length).map(Some),
            None => Ok(None),
        }
    }

    /// The number of elements of an array; `None` is null. An element takes at least `size_min` bytes on the wire and
    /// `memory` bytes here: a number for which there are not enough of either is refused before anything is allocated.
    #[inline]
    pub(super) fn count(&mut self, form: Form, size_min: usize, memory: usize) -> Result<Option<usize>, DecodeError> {
        let Some(count) = self.length(form)? else { return Ok(None) };
        if count > self.rest.len() / size_min.max(1) {
            return Err(DecodeError::TooMany);
        }
        // No overflow: the count is at most that of the bytes of a slice, and an element is far from 2^31 bytes.
        let total = (count as u64) * (memory as u64) + self.array_memory as u64;
        if total > ARRAY_MEMORY_MAX as u64 {
            return Err(DecodeError::TooMany);
        }
        self.array_memory = usize::try_from(total).map_err(|_| DecodeError::TooMany)?;
        Ok(Some(count))
    }

    /// The tagged fields at the end of a structure. `known` reads the content of a tag it knows from the reader it gets
    /// and returns true, or returns false: then the content is skipped.
    #[inline]
    pub(super) fn tagged_fields<F>(&mut self, mut known: F) -> Result<(), DecodeError>
    where
        F: FnMut(u32, &mut Reader<'a>) -> Result<bool, DecodeError>,
    {
        let count = self.varint()?;
        // No memory is held for them, and each takes two bytes: the loop ends with the input.
        for _ in 0..count {
            let tag = self.varint()?;
            let size = self.varint()? as usize;
            let mut content = Reader { rest: self.take(size)?, array_memory: self.array_memory };
            let read = known(tag, &mut content)?;
            if read && !content.rest.is_empty() {
                return Err(DecodeError::BadLength);
            }
            self.array_memory = content.array_memory;
        }
        Ok(())
    }
}

/// What a length of the classic form says: -1 is null, less is nonsense.
#[inline]
fn nullable(length: i32, checked: Option<usize>) -> Result<Option<usize>, DecodeError> {
    if length < -1 { Err(DecodeError::BadLength) } else { Ok(checked) }
}
