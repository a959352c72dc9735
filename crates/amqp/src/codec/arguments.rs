//! Reading and writing the arguments of a method (AMQP 0-9-1 §4.2.5).
//!
//! Arguments follow one another without padding, except that neighbouring bits share octets, the first bit lowest:
//! ```text
//! queue.declare:  ticket u16 | len u8, queue | 0 0 0 nowait auto-delete exclusive durable passive | len u32, arguments
//!                                            bit 7                                         bit 0
//! ```

use super::reader::Reader;
use super::value::write_long_string;
use super::{CodecError, Table};

/// The longest short string, in bytes.
pub const MAX_SHORT_STRING: usize = 255;

/// Takes arguments off the payload of a method frame, in order.
pub struct ArgumentReader<'a> {
    reader: Reader<'a>,
    /// The octet of bits that was read last.
    bits: u8,
    /// Marks the next bit in `bits`; 0 when a bit has to begin a new octet.
    mask: u8,
}

impl<'a> ArgumentReader<'a> {
    /// Reads from the first byte behind class and method id.
    #[inline]
    pub const fn new(arguments: &'a [u8]) -> Self {
        Self { reader: Reader::new(arguments), bits: 0, mask: 0 }
    }

    /// A `bit`.
    ///
    /// # Errors
    /// This and all that follow: [`Truncated`](CodecError::Truncated) when the argument runs past the end.
    #[inline]
    pub fn bit(&mut self) -> Result<bool, CodecError> {
        if self.mask == 0 {
            self.bits = self.reader.octet()?;
            self.mask = 1;
        }
        let bit = self.bits & self.mask != 0;
        self.mask <<= 1;
        Ok(bit)
    }

    /// An `octet`.
    #[inline]
    pub fn octet(&mut self) -> Result<u8, CodecError> {
        self.mask = 0;
        self.reader.octet()
    }

    /// A `short`: 16 bits.
    #[inline]
    pub fn short(&mut self) -> Result<u16, CodecError> {
        self.mask = 0;
        self.reader.short()
    }

    /// A `long`: 32 bits.
    #[inline]
    pub fn long(&mut self) -> Result<u32, CodecError> {
        self.mask = 0;
        self.reader.long()
    }

    /// A `longlong`: 64 bits.
    #[inline]
    pub fn longlong(&mut self) -> Result<u64, CodecError> {
        self.mask = 0;
        self.reader.long_long()
    }

    /// A `shortstr`: up to 255 bytes.
    #[inline]
    pub fn shortstr(&mut self) -> Result<&'a [u8], CodecError> {
        self.mask = 0;
        self.reader.short_string()
    }

    /// A `longstr`.
    #[inline]
    pub fn longstr(&mut self) -> Result<&'a [u8], CodecError> {
        self.mask = 0;
        self.reader.long_string()
    }

    /// A `table`, validated.
    ///
    /// # Errors
    /// Also those of [`validate_table`](super::validate_table).
    #[inline]
    pub fn table(&mut self) -> Result<Table<'a>, CodecError> {
        Table::parse(self.longstr()?)
    }

    /// Ends the reading.
    ///
    /// # Errors
    /// [`TrailingBytes`](CodecError::TrailingBytes) when not everything has been read.
    #[inline]
    pub fn finish(self) -> Result<(), CodecError> {
        if self.reader.is_empty() { Ok(()) } else { Err(CodecError::TrailingBytes) }
    }
}

/// Appends arguments to a method frame, in order.
pub struct ArgumentWriter<'o> {
    out: &'o mut Vec<u8>,
    /// Marks the next bit in the last octet of `out`; 0 when a bit has to begin a new octet.
    mask: u8,
}

impl<'o> ArgumentWriter<'o> {
    /// Writes behind what `out` holds already.
    #[inline]
    pub const fn new(out: &'o mut Vec<u8>) -> Self {
        Self { out, mask: 0 }
    }

    /// A `bit`.
    #[inline]
    pub fn bit(&mut self, bit: bool) {
        if self.mask == 0 {
            self.out.push(0);
            self.mask = 1;
        }
        if bit && let Some(octet) = self.out.last_mut() {
            *octet |= self.mask;
        }
        self.mask <<= 1;
    }

    /// An `octet`.
    #[inline]
    pub fn octet(&mut self, octet: u8) {
        self.mask = 0;
        self.out.push(octet);
    }

    /// A `short`: 16 bits.
    #[inline]
    pub fn short(&mut self, number: u16) {
        self.mask = 0;
        self.out.extend_from_slice(&number.to_be_bytes());
    }

    /// A `long`: 32 bits.
    #[inline]
    pub fn long(&mut self, number: u32) {
        self.mask = 0;
        self.out.extend_from_slice(&number.to_be_bytes());
    }

    /// A `longlong`: 64 bits.
    #[inline]
    pub fn longlong(&mut self, number: u64) {
        self.mask = 0;
        self.out.extend_from_slice(&number.to_be_bytes());
    }

    /// A `shortstr`; what is longer than 255 bytes is cut, before a UTF-8 sequence rather than inside one.
    #[inline]
    pub fn shortstr(&mut self, bytes: &[u8]) {
        self.mask = 0;
        write_short_string(self.out, bytes);
    }

    /// A `longstr`.
    #[inline]
    pub fn longstr(&mut self, bytes: &[u8]) {
        self.mask = 0;
        write_long_string(self.out, bytes);
    }

    /// A `table`.
    #[inline]
    pub fn table(&mut self, table: Table<'_>) {
        self.longstr(table.as_bytes());
    }
}

/// Appends a length octet and the bytes, cut as [`cut_short_string`] says.
#[inline]
pub(super) fn write_short_string(out: &mut Vec<u8>, bytes: &[u8]) {
    let bytes = cut_short_string(bytes);
    out.push(bytes.len() as u8);
    out.extend_from_slice(bytes);
}

/// The part of `bytes` that a short string can hold. Texts over 255 bytes are composed here (a reply text with two long
/// names in it), never decoded, and clients decode reply texts as UTF-8: so no sequence is cut in its middle.
#[inline]
pub(super) fn cut_short_string(bytes: &[u8]) -> &[u8] {
    if bytes.len() <= MAX_SHORT_STRING {
        return bytes;
    }
    // A sequence has at most three continuation octets (0b10xxxxxx).
    let continued = bytes[..=MAX_SHORT_STRING].iter().rev().take(3).take_while(|&&octet| octet & 0xC0 == 0x80).count();
    &bytes[..MAX_SHORT_STRING - continued]
}
