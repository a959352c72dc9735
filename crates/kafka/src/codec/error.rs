//! What can be wrong with bytes from a peer.

use std::fmt;

/// What was wrong with the bytes that were to be decoded.
///
/// None of these can be answered in the protocol's own terms, except [`Version`](Self::Version) of ApiVersions: the
/// connection is closed, as the peer's understanding of the protocol can no longer be trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DecodeError {
    /// A field ran past the end of what contains it.
    Truncated,
    /// A length below -1, a number in more bytes than it may have, or a tagged field whose length is not that of its
    /// content.
    BadLength,
    /// A null where the version has none.
    Null,
    /// A string that is not UTF-8.
    NotUtf8,
    /// An array of more elements than the bytes that follow can hold, or than may be held in memory.
    TooMany,
    /// A frame whose length is negative or above the limit; the length is given.
    FrameSize(i32),
    /// An API that is not in the table; its key is given.
    Api(i16),
    /// A version of a known API that is not in the table; it is given.
    Version(i16),
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Truncated => f.write_str("a field runs past the end"),
            Self::BadLength => f.write_str("a length that cannot be"),
            Self::Null => f.write_str("a null where none is allowed"),
            Self::NotUtf8 => f.write_str("a string that is not UTF-8"),
            Self::TooMany => f.write_str("an array of more elements than there can be"),
            Self::FrameSize(size) => write!(f, "a frame of {size} bytes"),
            Self::Api(key) => write!(f, "API key {key} is not known"),
            Self::Version(version) => write!(f, "version {version} of the API is not known"),
        }
    }
}

impl std::error::Error for DecodeError {}
