//! How each type of the protocol is read and written: numbers, strings, bytes, arrays, nulls.

use smallvec::SmallVec;
use std::fmt;

use super::{DecodeError, Reader, Writer};

/// An array that mostly has one element, which then needs no allocation.
pub type One<T> = SmallVec<[T; 1]>;

/// Elements for which there is room before the first is decoded. The rest is allocated as they are decoded.
const FIRST_ROOM: usize = 16;

/// The form of a message: everything that depends on the version and not on the field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Form {
    /// The version of the API.
    pub version: i16,
    /// Whether the version has compact lengths and tagged fields (KIP-482).
    pub flexible: bool,
}

/// An id of 16 bytes, as topics have one; all zero is none.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Uuid(pub [u8; 16]);

impl Uuid {
    /// The id that stands for none.
    pub const NONE: Self = Self([0; 16]);
}

impl fmt::Debug for Uuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// A type that stands on the wire.
pub trait Wire<'a>: Sized {
    /// Whether null is a value of the length that stands in front anyway, and takes no byte of its own.
    const NULL_IN_LENGTH: bool = false;

    /// The fewest bytes a value takes in this form.
    fn size_min(form: Form) -> usize;

    /// Reads a value.
    ///
    /// # Errors
    /// When the bytes are not such a value.
    fn read(reader: &mut Reader<'a>, form: Form) -> Result<Self, DecodeError>;

    /// Appends the value.
    fn write(&self, writer: &mut Writer<'_>, form: Form);

    /// Reads a value or null: a byte below 0 in front of a structure.
    ///
    /// # Errors
    /// When the bytes are neither.
    #[inline]
    fn read_nullable(reader: &mut Reader<'a>, form: Form) -> Result<Option<Self>, DecodeError> {
        if reader.i8()? < 0 { Ok(None) } else { Self::read(reader, form).map(Some) }
    }

    /// Appends the value or null.
    #[inline]
    fn write_nullable(value: Option<&Self>, writer: &mut Writer<'_>, form: Form) {
        writer.put(if value.is_some() { &[1] } else { &[0xFF] });
        if let Some(value) = value {
            value.write(writer, form);
        }
    }

    /// A random value, for tests.
    #[cfg(test)]
    fn random(random: &mut super::random::Random, form: Form) -> Self;
}

/// Numbers of a fixed size, most significant byte first.
macro_rules! numbers {
    ($($number:ty)*) => { $(
        impl Wire<'_> for $number {
            #[inline]
            fn size_min(_: Form) -> usize {
                size_of::<Self>()
            }

            #[inline]
            fn read(reader: &mut Reader<'_>, _: Form) -> Result<Self, DecodeError> {
                reader.array().map(Self::from_be_bytes)
            }

            #[inline]
            fn write(&self, writer: &mut Writer<'_>, _: Form) {
                writer.put(&self.to_be_bytes());
            }

            #[cfg(test)]
            fn random(random: &mut super::random::Random, _: Form) -> Self {
                random.number() as Self
            }
        }
    )* };
}

numbers! { i8 i16 i32 i64 u16 u32 f64 }

impl Wire<'_> for bool {
    #[inline]
    fn size_min(_: Form) -> usize {
        1
    }

    #[inline]
    fn read(reader: &mut Reader<'_>, _: Form) -> Result<Self, DecodeError> {
        reader.i8().map(|byte| byte != 0)
    }

    #[inline]
    fn write(&self, writer: &mut Writer<'_>, _: Form) {
        writer.put(&[u8::from(*self)]);
    }

    #[cfg(test)]
    fn random(random: &mut super::random::Random, _: Form) -> Self {
        random.below(2) == 1
    }
}

impl Wire<'_> for Uuid {
    #[inline]
    fn size_min(_: Form) -> usize {
        16
    }

    #[inline]
    fn read(reader: &mut Reader<'_>, _: Form) -> Result<Self, DecodeError> {
        reader.array().map(Self)
    }

    #[inline]
    fn write(&self, writer: &mut Writer<'_>, _: Form) {
        writer.put(&self.0);
    }

    #[cfg(test)]
    fn random(random: &mut super::random::Random, _: Form) -> Self {
        Self(std::array::from_fn(|_| random.below(256) as u8))
    }
}

impl<'a> Wire<'a> for &'a str {
    const NULL_IN_LENGTH: bool = true;

    #[inline]
    fn size_min(form: Form) -> usize {
        if form.flexible { 1 } else { 2 }
    }

    #[inline]
    fn read(reader: &mut Reader<'a>, form: Form) -> Result<Self, DecodeError> {
        reader.string(form)?.ok_or(DecodeError::Null)
    }

    #[inline]
    fn write(&self, writer: &mut Writer<'_>, form: Form) {
        writer.string(form, Some(self));
    }

    #[inline]
    fn read_nullable(reader: &mut Reader<'a>, form: Form) -> Result<Option<Self>, DecodeError> {
        reader.string(form)
    }

    #[inline]
    fn write_nullable(value: Option<&Self>, writer: &mut Writer<'_>, form: Form) {
        writer.string(form, value.copied());
    }

    #[cfg(test)]
    fn random(random: &mut super::random::Random, _: Form) -> Self {
        random.string()
    }
}

impl<'a> Wire<'a> for &'a [u8] {
    const NULL_IN_LENGTH: bool = true;

    #[inline]
    fn size_min(form: Form) -> usize {
        if form.flexible { 1 } else { 4 }
    }

    #[inline]
    fn read(reader: &mut Reader<'a>, form: Form) -> Result<Self, DecodeError> {
        reader.bytes(form)?.ok_or(DecodeError::Null)
    }

    #[inline]
    fn write(&self, writer: &mut Writer<'_>, form: Form) {
        writer.bytes(form, Some(self));
    }

    #[inline]
    fn read_nullable(reader: &mut Reader<'a>, form: Form) -> Result<Option<Self>, DecodeError> {
        reader.bytes(form)
    }

    #[inline]
    fn write_nullable(value: Option<&Self>, writer: &mut Writer<'_>, form: Form) {
        writer.bytes(form, value.copied());
    }

    #[cfg(test)]
    fn random(random: &mut super::random::Random, _: Form) -> Self {
        random.string().as_bytes()
    }
}

impl<'a, T: Wire<'a>> Wire<'a> for Option<T> {
    #[inline]
    fn size_min(form: Form) -> usize {
        if T::NULL_IN_LENGTH { T::size_min(form) } else { 1 }
    }

    #[inline]
    fn read(reader: &mut Reader<'a>, form: Form) -> Result<Self, DecodeError> {
        T::read_nullable(reader, form)
    }

    #[inline]
    fn write(&self, writer: &mut Writer<'_>, form: Form) {
        T::write_nullable(self.as_ref(), writer, form);
    }

    #[cfg(test)]
    fn random(random: &mut super::random::Random, form: Form) -> Self {
        (random.below(3) > 0).then(|| T::random(random, form))
    }
}

/// Arrays: a number of elements, then the elements.
macro_rules! arrays {
    ($($array:ty),*) => { $(
        impl<'a, T: Wire<'a>> Wire<'a> for $array {
            const NULL_IN_LENGTH: bool = true;

            #[inline]
            fn size_min(form: Form) -> usize {
                if form.flexible { 1 } else { 4 }
            }

            #[inline]
            fn read(reader: &mut Reader<'a>, form: Form) -> Result<Self, DecodeError> {
                Self::read_nullable(reader, form)?.ok_or(DecodeError::Null)
            }

            #[inline]
            fn write(&self, writer: &mut Writer<'_>, form: Form) {
                Self::write_nullable(Some(self), writer, form);
            }

            #[inline]
            fn read_nullable(reader: &mut Reader<'a>, form: Form) -> Result<Option<Self>, DecodeError> {
                let Some(count) = reader.count(form, T::size_min(form), size_of::<T>())? else { return Ok(None) };
                let mut elements = Self::with_capacity(count.min(FIRST_ROOM));
                for _ in 0..count {
                    elements.push(T::read(reader, form)?);
                }
                Ok(Some(elements))
            }

            #[inline]
            fn write_nullable(value: Option<&Self>, writer: &mut Writer<'_>, form: Form) {
                writer.length(form, value.map(|elements| elements.len()));
                for element in value.into_iter().flatten() {
                    element.write(writer, form);
                }
            }

            #[cfg(test)]
            fn random(random: &mut super::random::Random, form: Form) -> Self {
                (0..random.below(4)).map(|_| T::random(random, form)).collect()
            }
        }
    )* };
}

arrays! { Vec<T>, One<T> }

/// Writes a field that may be null in other versions but not in this one: a null becomes the empty value.
#[inline]
pub(super) fn write_required<'a, T: Wire<'a> + Default>(value: &Option<T>, writer: &mut Writer<'_>, form: Form) {
    match value {
        Some(value) => value.write(writer, form),
        None => T::default().write(writer, form),
    }
}
