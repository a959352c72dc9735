//! Writing the protocol's primitive types, with cuts where bytes follow that are not copied.
//!
//! ```text
//! out:   ...headers, lengths... | ...fields of the next partition... | ...end
//! cuts:                         ^ position, length, index            ^ position, length, index
//! wire:  ...headers, lengths... RECORDS ...fields of the next partition... RECORDS ...end
//! ```

use super::Form;
use super::reader::STRING_MAX;

/// A place in encoded bytes where the caller sends bytes of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cut {
    /// How many bytes of the output stand before it.
    pub position: usize,
    /// How many bytes belong there.
    pub length: u32,
    /// The number that [`Records::Elsewhere`](super::Records::Elsewhere) was given.
    pub index: u32,
}

/// Where messages are encoded to: appended to `out`, with the cuts in ascending order.
#[derive(Debug)]
pub struct Writer<'w> {
    out: &'w mut Vec<u8>,
    cuts: &'w mut Vec<Cut>,
}

impl<'w> Writer<'w> {
    /// Appends to both; neither is cleared.
    #[inline]
    pub const fn new(out: &'w mut Vec<u8>, cuts: &'w mut Vec<Cut>) -> Self {
        Self { out, cuts }
    }

    #[inline]
    pub(super) fn put(&mut self, bytes: &[u8]) {
        self.out.extend_from_slice(bytes);
    }

    /// An unsigned varint.
    #[inline]
    pub(super) fn varint(&mut self, mut value: u32) {
        while value >= 0x80 {
            self.out.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.out.push(value as u8);
    }

    /// The length in front of bytes or of an array; `None` is null.
    #[inline]
    pub(super) fn length(&mut self, form: Form, length: Option<usize>) {
        // A frame is below 2 GiB, and what goes into it is bounded far below that by those who fill it.
        debug_assert!(length.is_none_or(|length| i32::try_from(length).is_ok()));
        if form.flexible {
            self.varint(length.map_or(0, |length| length as u32 + 1));
        } else {
            self.put(&length.map_or(-1, |length| length as i32).to_be_bytes());
        }
    }

    /// A string or null. What is above the protocol's 32,767 bytes is cut off after a whole character.
    #[inline]
    pub(super) fn string(&mut self, form: Form, string: Option<&str>) {
        let bytes = string.map(|string| &string.as_bytes()[..string.floor_char_boundary(STRING_MAX)]);
        let length = bytes.map(<[u8]>::len);
        if form.flexible {
            self.varint(length.map_or(0, |length| length as u32 + 1));
        } else {
            self.put(&length.map_or(-1, |length| length as i16).to_be_bytes());
        }
        self.put(bytes.unwrap_or_default());
    }

    /// Bytes or null.
    #[inline]
    pub(super) fn bytes(&mut self, form: Form, bytes: Option<&[u8]>) {
        self.length(form, bytes.map(<[u8]>::len));
        self.put(bytes.unwrap_or_default());
    }

    /// Leaves a place for bytes that the caller sends.
    #[inline]
    pub(super) fn cut(&mut self, length: u32, index: u32) {
        self.cuts.push(Cut { position: self.out.len(), length, index });
    }

    /// A tagged field: its tag, the size of its content, and the content, which has no cuts.
    pub(super) fn tagged_field(&mut self, tag: u32, content: impl FnOnce(&mut Self)) {
        self.varint(tag);
        let start = self.out.len();
        content(self);
        let end = self.out.len();
        self.varint((end - start) as u32);
        // The size was not known before: it was written behind the content and changes places with it.
        let size_length = self.out.len() - end;
        self.out[start..].rotate_right(size_length);
    }
}
