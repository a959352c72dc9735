//! The primitive types of the protocol, read and written: big-endian integers, compact strings and arrays, tags.
//!
//! ```text
//! frame, both ways:     size i32 | header | body
//! compact string:       length + 1 as varint (0 is null) | octets
//! compact array:        count + 1 as varint (0 is null)  | elements
//! tags:                 count as varint | (tag varint | size varint | octets) ...
//! varint:               7 bits an octet, the lowest first, the high bit says that more follow
//! ```

use crate::error::{Error, Result};

/// The largest frame taken: no answer that was asked for is near it.
pub(crate) const LONGEST: usize = 256 << 20;

/// What is left of a frame.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fields<'a>(pub(crate) &'a [u8]);

impl<'a> Fields<'a> {
    /// The next octets; an error if there are fewer.
    #[inline]
    pub(crate) fn take(&mut self, count: usize) -> Result<&'a [u8]> {
        let (head, tail) = self.0.split_at_checked(count).ok_or_else(cut)?;
        self.0 = tail;
        Ok(head)
    }

    #[inline]
    fn chunk<const N: usize>(&mut self) -> Result<[u8; N]> {
        let (head, tail) = self.0.split_first_chunk::<N>().ok_or_else(cut)?;
        self.0 = tail;
        Ok(*head)
    }

    #[inline]
    pub(crate) fn i8(&mut self) -> Result<i8> {
        Ok(i8::from_be_bytes(self.chunk()?))
    }

    #[inline]
    pub(crate) fn i16(&mut self) -> Result<i16> {
        Ok(i16::from_be_bytes(self.chunk()?))
    }

    #[inline]
    pub(crate) fn i32(&mut self) -> Result<i32> {
        Ok(i32::from_be_bytes(self.chunk()?))
    }

    #[inline]
    pub(crate) fn i64(&mut self) -> Result<i64> {
        Ok(i64::from_be_bytes(self.chunk()?))
    }

    /// An unsigned varint of at most 32 bits.
    #[inline]
    pub(crate) fn varint(&mut self) -> Result<u32> {
        let mut value = 0u64;
        for shift in (0..35).step_by(7) {
            let [octet] = self.chunk()?;
            value |= u64::from(octet & 0x7f) << shift;
            if octet & 0x80 == 0 {
                return u32::try_from(value).map_err(|_| Error::new("an answer holds a varint of more than 32 bits"));
            }
        }
        Err(Error::new("an answer holds a varint that does not end"))
    }

    /// Compact octets; `None` if they are null.
    #[inline]
    pub(crate) fn octets(&mut self) -> Result<Option<&'a [u8]>> {
        match self.varint()? {
            0 => Ok(None),
            length => self.take(length as usize - 1).map(Some),
        }
    }

    /// A compact string; empty if it is null.
    #[inline]
    pub(crate) fn string(&mut self) -> Result<&'a str> {
        let octets = self.octets()?.unwrap_or_default();
        std::str::from_utf8(octets).map_err(|_| Error::new("an answer holds a text that is no UTF-8"))
    }

    /// How many elements a compact array has; 0 if it is null. No more than octets are left.
    #[inline]
    pub(crate) fn array(&mut self) -> Result<usize> {
        let count = self.varint()?.saturating_sub(1) as usize;
        if count > self.0.len() { Err(cut()) } else { Ok(count) }
    }

    /// Passes over tags.
    #[inline]
    pub(crate) fn tags(&mut self) -> Result<()> {
        for _ in 0..self.varint()? {
            self.varint()?;
            let size = self.varint()? as usize;
            self.take(size)?;
        }
        Ok(())
    }

    /// Passes over an array of elements of one size.
    pub(crate) fn pass_array(&mut self, size: usize) -> Result<()> {
        let count = self.array()?;
        self.take(count * size).map(drop)
    }
}

fn cut() -> Error {
    Error::new("an answer ends before its last field")
}

/// Splits the first whole frame off: what follows its size, and its length with the size; `None` while more is needed.
#[inline]
pub(crate) fn split(bytes: &[u8]) -> Result<Option<(&[u8], usize)>> {
    let Some((size, rest)) = bytes.split_first_chunk::<4>() else { return Ok(None) };
    let size = i32::from_be_bytes(*size);
    match usize::try_from(size) {
        Ok(size) if (4..=LONGEST).contains(&size) => Ok(rest.get(..size).map(|frame| (frame, size + 4))),
        _ => Err(Error::new(format!("the broker sent a frame of {size} bytes"))),
    }
}

/// Appends an unsigned varint.
pub(crate) fn put_varint(out: &mut Vec<u8>, mut value: u32) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Appends a compact string.
pub(crate) fn put_string(out: &mut Vec<u8>, text: &str) {
    put_varint(out, text.len() as u32 + 1);
    out.extend_from_slice(text.as_bytes());
}

/// Appends a compact array whose elements `put` writes, each with no tags of its own at its end.
pub(crate) fn put_array<T>(out: &mut Vec<u8>, elements: &[T], mut put: impl FnMut(&mut Vec<u8>, &T)) {
    put_varint(out, elements.len() as u32 + 1);
    for element in elements {
        put(out, element);
        out.push(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn varints_of_every_length_come_back() {
        for value in [0, 1, 127, 128, 300, 16_383, 16_384, 2_097_151, 2_097_152, u32::MAX] {
            let mut out = Vec::new();
            put_varint(&mut out, value);
            assert_eq!(Fields(&out).varint().unwrap(), value);
            assert!(Fields(&out[..out.len() - 1]).varint().is_err(), "{value} cut");
        }
        assert!(Fields(&[0xff; 9]).varint().is_err());
        assert!(Fields(&[0xff, 0xff, 0xff, 0xff, 0x7f]).varint().is_err(), "35 bits");
    }

    #[test]
    fn strings_arrays_and_tags_are_walked() {
        let mut out = Vec::new();
        put_string(&mut out, "name");
        put_array(&mut out, &[7i32, 8], |out, number| out.extend(number.to_be_bytes()));
        out.extend([0, 2, 0, 1, b'x', 5, 2, b'y', b'z', 0]);
        let mut fields = Fields(&out);
        assert_eq!(fields.string().unwrap(), "name");
        assert_eq!(fields.array().unwrap(), 2);
        for number in [7, 8] {
            assert_eq!(fields.i32().unwrap(), number);
            fields.tags().unwrap();
        }
        assert_eq!(fields.octets().unwrap(), None);
        fields.tags().unwrap();
        assert_eq!(fields.string().unwrap(), "", "null");
        assert!(fields.0.is_empty());
    }

    #[test]
    fn hostile_numbers_allocate_nothing() {
        assert!(Fields(&[0xff, 0xff, 0xff, 0xff, 0x0f, 0]).array().is_err());
        assert!(Fields(&[0xff, 0xff, 0xff, 0xff, 0x0f, 0]).octets().is_err());
        assert!(
            split(&[0x7f, 0xff, 0xff, 0xff]).is_err() && split(&[0xff; 4]).is_err() && split(&[0, 0, 0, 3]).is_err()
        );
        assert!(split(&[0, 0, 0, 9, 0]).unwrap().is_none() && split(&[0, 0]).unwrap().is_none());
        assert_eq!(split(&[0, 0, 0, 4, 1, 2, 3, 4, 5]).unwrap(), Some((&[1u8, 2, 3, 4][..], 8)));
    }
}
