//! Reading big-endian fields off the front of a slice, never past its end.

use super::CodecError;

/// A slice that shrinks from the front as fields are taken off it.
#[derive(Clone, Copy)]
pub(super) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// Reads from the first byte of `bytes`.
    #[inline]
    pub(super) const fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// What has not been read yet.
    #[inline]
    pub(super) const fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// True when all has been read.
    #[inline]
    pub(super) const fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// The next `len` bytes.
    #[inline]
    pub(super) fn take(&mut self, len: usize) -> Result<&'a [u8], CodecError> {
        let (taken, rest) = self.rest.split_at_checked(len).ok_or(CodecError::Truncated)?;
        self.rest = rest;
        Ok(taken)
    }

    /// The next `N` bytes as an array.
    #[inline]
    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], CodecError> {
        let (taken, rest) = self.rest.split_first_chunk::<N>().ok_or(CodecError::Truncated)?;
        self.rest = rest;
        Ok(*taken)
    }

    /// One octet.
    #[inline]
    pub(super) fn octet(&mut self) -> Result<u8, CodecError> {
        Ok(self.array::<1>()?[0])
    }

    /// Two octets, most significant first.
    #[inline]
    pub(super) fn short(&mut self) -> Result<u16, CodecError> {
        Ok(u16::from_be_bytes(self.array()?))
    }

    /// Four octets, most significant first.
    #[inline]
    pub(super) fn long(&mut self) -> Result<u32, CodecError> {
        Ok(u32::from_be_bytes(self.array()?))
    }

    /// Eight octets, most significant first.
    #[inline]
    pub(super) fn long_long(&mut self) -> Result<u64, CodecError> {
        Ok(u64::from_be_bytes(self.array()?))
    }

    /// A length octet and as many bytes.
    #[inline]
    pub(super) fn short_string(&mut self) -> Result<&'a [u8], CodecError> {
        let len = self.octet()?;
        self.take(usize::from(len))
    }

    /// A length of four octets and as many bytes.
    #[inline]
    pub(super) fn long_string(&mut self) -> Result<&'a [u8], CodecError> {
        let len = self.long()?;
        // A length that does not fit usize is longer than any slice.
        self.take(usize::try_from(len).map_err(|_| CodecError::Truncated)?)
    }
}
