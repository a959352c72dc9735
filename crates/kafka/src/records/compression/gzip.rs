//! Gzip, RFC 1952: one member or several, back to back.

use super::BatchError;
use flate2::Compression;
use flate2::bufread::MultiGzDecoder;
use flate2::write::GzEncoder;
use std::io::{Read, Write};

/// Appends what `section` inflates to, at most one byte more than `bytes_max`.
pub(super) fn inflate(section: &[u8], bytes_max: usize, out: &mut Vec<u8>) -> Result<(), BatchError> {
    out.reserve(bytes_max.min(section.len() * 4));
    let mut reader = MultiGzDecoder::new(section).take((bytes_max as u64).saturating_add(1));
    reader.read_to_end(out).map(|_| ()).map_err(|_| BatchError::Compression)
}

/// Appends `section` as one member; at level 1 to 9, any other is the library's own.
pub(super) fn compress(section: &[u8], level: Option<i32>, out: &mut Vec<u8>) {
    let level = level.filter(|level| (1..=9).contains(level));
    let level = level.map_or(Compression::default(), |level| Compression::new(level as u32));
    let mut encoder = GzEncoder::new(out, level);
    let written = encoder.write_all(section).and_then(|()| encoder.finish().map(|_| ()));
    written.expect("a vector takes all that is written");
}
