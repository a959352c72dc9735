//! Zstandard, RFC 8878: one frame or several, back to back, decoded straight into the output.

use super::BatchError;
use zstd_safe::{CCtx, DCtx, compress_bound, get_frame_content_size};

/// The library's own default.
const LEVEL: i32 = 3;
/// How the library says that the output is full: its error 70, negated.
const OUTPUT_FULL: usize = 70_usize.wrapping_neg();
/// The first attempt takes this many times the compressed size, each further one four times as much.
const RATIO_FIRST: usize = 8;
const OUTPUT_BYTES_FIRST: usize = 16 * 1024;

/// Puts what `section` inflates to into `out`, which is empty; at most `bytes_max` bytes.
///
/// The whole is decoded at once and into one piece, so that the window, which the bytes may say is 128 MiB, is the
/// output itself and takes no memory of its own.
pub(super) fn inflate(section: &[u8], bytes_max: usize, out: &mut Vec<u8>) -> Result<(), BatchError> {
    let told = get_frame_content_size(section).map_err(|_| BatchError::Compression)?;
    if told.is_some_and(|bytes| bytes > bytes_max as u64) {
        return Err(BatchError::InflatedTooLarge { bytes_max });
    }
    let mut context = DCtx::create();
    let mut room = (section.len() * RATIO_FIRST).max(OUTPUT_BYTES_FIRST);
    loop {
        room = room.min(bytes_max);
        out.reserve_exact(room);
        match context.decompress(out, section) {
            Ok(_) => return Ok(()),
            Err(OUTPUT_FULL) if room < bytes_max => room *= 4,
            Err(OUTPUT_FULL) => return Err(BatchError::InflatedTooLarge { bytes_max }),
            Err(_) => return Err(BatchError::Compression),
        }
    }
}

/// Appends `section` as one frame; levels that the library does not have are the nearest that it has.
pub(super) fn compress(section: &[u8], level: Option<i32>, out: &mut Vec<u8>) {
    let start = out.len();
    out.resize(start + compress_bound(section.len()), 0);
    let written = CCtx::create()
        .compress(&mut out[start..], section, level.unwrap_or(LEVEL))
        .expect("there is room for any outcome");
    out.truncate(start + written);
}
