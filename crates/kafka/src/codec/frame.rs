//! Frames: how requests and responses follow one another in the byte stream.
//!
//! ```text
//! +------------+-----------------------+
//! | size (i32) | size bytes: header, body |
//! +------------+-----------------------+
//! ```

use super::{Cut, DecodeError};

/// How many bytes the size in front of a frame takes.
pub const FRAME_HEAD: usize = 4;

/// The largest frame that a broker accepts unless it is told otherwise, in bytes (`socket.request.max.bytes`).
pub const FRAME_MAX: usize = 100 << 20;

/// The size of the frame that begins at `input`, without the four bytes that say it; `None` until they are there.
///
/// # Errors
/// When the size is negative or above `max`.
#[inline]
pub fn frame_size(input: &[u8], max: usize) -> Result<Option<usize>, DecodeError> {
    let Some(head) = input.first_chunk::<FRAME_HEAD>() else { return Ok(None) };
    let size = i32::from_be_bytes(*head);
    match usize::try_from(size) {
        Ok(length) if length <= max => Ok(Some(length)),
        _ => Err(DecodeError::FrameSize(size)),
    }
}

/// A frame split from the bytes it came with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frame<'a> {
    /// Header and body, without the size.
    pub content: &'a [u8],
    /// What follows the frame.
    pub rest: &'a [u8],
}

/// Splits the first frame from `input`; `None` while bytes are missing.
///
/// # Errors
/// When the size is negative or above `max`, as soon as the size is there.
#[inline]
pub fn split_frame(input: &[u8], max: usize) -> Result<Option<Frame<'_>>, DecodeError> {
    let Some(size) = frame_size(input, max)? else { return Ok(None) };
    Ok(input[FRAME_HEAD..].split_at_checked(size).map(|(content, rest)| Frame { content, rest }))
}

/// Leaves room for the size of a frame at the end of `out`; what it returns goes to [`end_frame`].
#[inline]
pub(super) fn begin_frame(out: &mut Vec<u8>) -> usize {
    let start = out.len();
    out.extend_from_slice(&[0; FRAME_HEAD]);
    start
}

/// Writes the size of the frame that began at `start`: what was appended since, and the bytes of its cuts.
///
/// # Panics
/// When the frame is 2 GiB or larger, which no size can say.
#[inline]
pub(super) fn end_frame(out: &mut [u8], start: usize, cuts: &[Cut]) {
    let beside = cuts.iter().map(|cut| cut.length as usize).sum::<usize>();
    let size = i32::try_from(out.len() - start - FRAME_HEAD + beside).expect("a frame below 2 GiB");
    out[start..start + FRAME_HEAD].copy_from_slice(&size.to_be_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_is_split_when_all_of_it_is_there() {
        let input = [0, 0, 0, 2, 7, 8, 0, 0];
        for length in 0..6 {
            assert_eq!(split_frame(&input[..length], 100), Ok(None), "{length} bytes");
        }
        assert_eq!(split_frame(&input, 100), Ok(Some(Frame { content: &[7, 8], rest: &[0, 0] })));
    }

    #[test]
    fn a_size_that_cannot_be_is_refused_before_the_frame_is_there() {
        assert_eq!(split_frame(&[0, 0, 0, 3], 2), Err(DecodeError::FrameSize(3)));
        assert_eq!(split_frame(&[0xFF; 4], FRAME_MAX), Err(DecodeError::FrameSize(-1)));
        assert_eq!(split_frame(b"GET / HTTP/1.1", FRAME_MAX), Err(DecodeError::FrameSize(0x4745_5420)));
    }
}
