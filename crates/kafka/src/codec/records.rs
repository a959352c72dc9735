//! The records field of a response: bytes at hand, or a place for bytes that are sent beside the encoded ones.

use super::{DecodeError, Form, Reader, Wire, Writer};

/// Record batches of one partition, as they are in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Records<'a> {
    /// A null.
    #[default]
    Null,
    /// These bytes: what decoding gives. Encoding copies them.
    Here(&'a [u8]),
    /// Bytes that the caller sends: encoding writes their length and leaves a [`Cut`](super::Cut) with this index.
    /// Their place is part of the message, they are not.
    Elsewhere {
        /// How many bytes there will be.
        length: u32,
        /// The caller's own number for them.
        index: u32,
    },
}

impl<'a> Wire<'a> for Records<'a> {
    #[inline]
    fn size_min(form: Form) -> usize {
        <&[u8]>::size_min(form)
    }

    #[inline]
    fn read(reader: &mut Reader<'a>, form: Form) -> Result<Self, DecodeError> {
        reader.bytes(form).map(|bytes| bytes.map_or(Self::Null, Self::Here))
    }

    #[inline]
    fn write(&self, writer: &mut Writer<'_>, form: Form) {
        match *self {
            Self::Null => writer.bytes(form, None),
            Self::Here(bytes) => writer.bytes(form, Some(bytes)),
            Self::Elsewhere { length, index } => {
                writer.length(form, Some(length as usize));
                writer.cut(length, index);
            }
        }
    }

    #[cfg(test)]
    fn random(random: &mut super::random::Random, _: Form) -> Self {
        match random.below(3) {
            0 => Self::Null,
            _ => Self::Here(random.string().as_bytes()),
        }
    }
}
