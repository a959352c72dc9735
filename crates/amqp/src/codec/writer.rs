//! Building field tables and arrays, in the order of the calls.

use super::arguments::write_short_string;
use super::{Array, RawEntry, Table, Value};

/// Appends the entries of a table to a buffer; the length in front of the table is left to what embeds it.
///
/// A name longer than 255 bytes is cut. Nothing here counts levels: tables built deeper than
/// [`MAX_DEPTH`](super::MAX_DEPTH) are well formed but will be refused by a decoder.
pub struct TableWriter<'o> {
    out: &'o mut Vec<u8>,
    start: usize,
}

impl<'o> TableWriter<'o> {
    /// Writes behind what `out` holds already.
    pub fn new(out: &'o mut Vec<u8>) -> Self {
        let start = out.len();
        Self { out, start }
    }

    /// Adds an entry. Entries of the same name are kept, all of them.
    pub fn entry(&mut self, name: &[u8], value: Value<'_>) -> &mut Self {
        write_short_string(self.out, name);
        value.write(self.out);
        self
    }

    /// Adds a long string, the commonest value.
    pub fn long_string(&mut self, name: &[u8], text: &[u8]) -> &mut Self {
        self.entry(name, Value::LongString(text))
    }

    /// Copies an entry from [`Table::raw_entries`], byte for byte.
    pub fn raw_entry(&mut self, entry: RawEntry<'_>) -> &mut Self {
        self.out.extend_from_slice(entry.as_bytes());
        self
    }

    /// Adds a table and has `fill` write its entries.
    pub fn table(&mut self, name: &[u8], fill: impl FnOnce(&mut TableWriter<'_>)) -> &mut Self {
        write_short_string(self.out, name);
        write_nested(self.out, b'F', |out| fill(&mut TableWriter::new(out)));
        self
    }

    /// Adds an array and has `fill` write its values.
    pub fn array(&mut self, name: &[u8], fill: impl FnOnce(&mut ArrayWriter<'_>)) -> &mut Self {
        write_short_string(self.out, name);
        write_nested(self.out, b'A', |out| fill(&mut ArrayWriter::new(out)));
        self
    }

    /// What has been written, as a table.
    pub fn finish(self) -> Table<'o> {
        Table::from_validated(&self.out[self.start..])
    }
}

/// Appends the values of an array to a buffer; the length in front of the array is left to what embeds it.
pub struct ArrayWriter<'o> {
    out: &'o mut Vec<u8>,
    start: usize,
}

impl<'o> ArrayWriter<'o> {
    /// Writes behind what `out` holds already.
    pub fn new(out: &'o mut Vec<u8>) -> Self {
        let start = out.len();
        Self { out, start }
    }

    /// Adds a value.
    pub fn value(&mut self, value: Value<'_>) -> &mut Self {
        value.write(self.out);
        self
    }

    /// Adds a table and has `fill` write its entries.
    pub fn table(&mut self, fill: impl FnOnce(&mut TableWriter<'_>)) -> &mut Self {
        write_nested(self.out, b'F', |out| fill(&mut TableWriter::new(out)));
        self
    }

    /// Adds an array and has `fill` write its values.
    pub fn array(&mut self, fill: impl FnOnce(&mut ArrayWriter<'_>)) -> &mut Self {
        write_nested(self.out, b'A', |out| fill(&mut ArrayWriter::new(out)));
        self
    }

    /// What has been written, as an array.
    pub fn finish(self) -> Array<'o> {
        Array::from_validated(&self.out[self.start..])
    }
}

/// Appends the type octet, a length, and what `fill` writes; the length is filled in afterwards.
fn write_nested(out: &mut Vec<u8>, tag: u8, fill: impl FnOnce(&mut Vec<u8>)) {
    out.push(tag);
    let length_at = out.len();
    out.extend_from_slice(&[0; 4]);
    fill(out);
    let len = u32::try_from(out.len() - length_at - 4).expect("a table of 4 GiB is never built");
    out[length_at..length_at + 4].copy_from_slice(&len.to_be_bytes());
}
