//! The 14 properties of class basic (AMQP 0-9-1 §4.2.6.1), validated once and then read where they lie.
//!
//! ```text
//! +--------------------------+-------------+-------------+---
//! | flags u16                | first set   | next set    | ...   the property of bit 15 first, of bit 2 last;
//! | 15 content-type ... 0    | property    | property    |       absent ones take no bytes
//! +--------------------------+-------------+-------------+---
//! ```
//! Bit 1 belongs to no property, bit 0 would announce a second word of flags; both have to be 0.
//! A broker keeps these bytes as they came and delivers them unchanged.

use super::reader::Reader;
use super::{CodecError, Table};

/// How many properties class basic has.
pub(super) const PROPERTIES: usize = 14;

/// A property of class basic, numbered by its place: the flag of number n is bit 15 - n.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Property {
    /// MIME type of the body.
    ContentType,
    /// MIME encoding of the body.
    ContentEncoding,
    /// Field table of the application.
    Headers,
    /// 2 is persistent.
    DeliveryMode,
    /// Greater goes first.
    Priority,
    /// Ties an answer to a question.
    CorrelationId,
    /// Where an answer should go.
    ReplyTo,
    /// Milliseconds to live, in decimal digits.
    Expiration,
    /// Name of the message.
    MessageId,
    /// Seconds since 1970.
    Timestamp,
    /// Name of the kind of message.
    Type,
    /// Who published; the broker checks it.
    UserId,
    /// What published.
    AppId,
    /// Deprecated.
    ClusterId,
}

impl Property {
    /// All of them, in their order on the wire.
    pub const ALL: [Self; PROPERTIES] = [
        Self::ContentType,
        Self::ContentEncoding,
        Self::Headers,
        Self::DeliveryMode,
        Self::Priority,
        Self::CorrelationId,
        Self::ReplyTo,
        Self::Expiration,
        Self::MessageId,
        Self::Timestamp,
        Self::Type,
        Self::UserId,
        Self::AppId,
        Self::ClusterId,
    ];

    /// The bit that says that this property is there.
    pub const fn flag(self) -> u16 {
        0x8000 >> self as u8
    }
}

/// Reads one property, checking it.
#[inline]
fn skip(reader: &mut Reader<'_>, property: Property) -> Result<(), CodecError> {
    match property {
        Property::Headers => {
            Table::parse(reader.long_string()?)?;
        }
        Property::DeliveryMode | Property::Priority => {
            reader.octet()?;
        }
        Property::Timestamp => {
            reader.long_long()?;
        }
        _ => {
            reader.short_string()?;
        }
    }
    Ok(())
}

/// Property bytes that are known to be well formed, with the places of the properties in them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PropertiesView<'a> {
    raw: &'a [u8],
    /// Where each property begins in `raw`; 0, where the flags are, for one that is absent.
    starts: [u32; PROPERTIES],
}

impl<'a> PropertiesView<'a> {
    /// No property at all.
    pub const EMPTY: PropertiesView<'static> = PropertiesView { raw: &[0, 0], starts: [0; PROPERTIES] };

    /// Validates property bytes: the flags and all that follows them, to the end of the content header.
    ///
    /// # Errors
    /// [`PropertyFlags`](CodecError::PropertyFlags) for flag bits that mean no property,
    /// [`Truncated`](CodecError::Truncated) and [`TrailingBytes`](CodecError::TrailingBytes) when lengths do not add up,
    /// and for the headers those of [`validate_table`](super::validate_table).
    #[inline]
    pub fn parse(raw: &'a [u8]) -> Result<Self, CodecError> {
        let mut reader = Reader::new(raw);
        let flags = reader.short()?;
        if flags & 0b11 != 0 {
            return Err(CodecError::PropertyFlags(flags));
        }
        let mut starts = [0; PROPERTIES];
        let mut left = flags;
        while left != 0 {
            let number = left.leading_zeros() as usize;
            let property = Property::ALL[number];
            left &= !property.flag();
            // Longer than u32 would be longer than any frame: the cut start would only be of bytes never accepted.
            starts[number] = (raw.len() - reader.rest().len()) as u32;
            skip(&mut reader, property)?;
        }
        if !reader.is_empty() {
            return Err(CodecError::TrailingBytes);
        }
        Ok(Self { raw, starts })
    }

    /// The bytes as they came, flags first.
    #[inline]
    pub const fn as_bytes(&self) -> &'a [u8] {
        self.raw
    }

    /// True if the property is there.
    #[inline]
    pub const fn contains(&self, property: Property) -> bool {
        self.starts[property as usize] != 0
    }

    /// The bytes of a property as on the wire, its length in front where it has one.
    #[inline]
    pub fn raw(&self, property: Property) -> Option<&'a [u8]> {
        let mut reader = self.reader(property)?;
        let before = reader.rest();
        skip_validated(&mut reader, property)?;
        Some(&before[..before.len() - reader.rest().len()])
    }

    /// Reads from the start of a property that is there.
    #[inline]
    fn reader(&self, property: Property) -> Option<Reader<'a>> {
        match self.starts[property as usize] {
            0 => None,
            start => self.raw.get(start as usize..).map(Reader::new),
        }
    }

    /// A property that is a short string, by its number.
    #[inline]
    pub(crate) fn short_string(&self, property: Property) -> Option<&'a [u8]> {
        self.reader(property)?.short_string().ok()
    }

    /// MIME type of the body.
    pub fn content_type(&self) -> Option<&'a [u8]> {
        self.short_string(Property::ContentType)
    }

    /// MIME encoding of the body.
    pub fn content_encoding(&self) -> Option<&'a [u8]> {
        self.short_string(Property::ContentEncoding)
    }

    /// The application's table; `None` when absent, which is not the same as empty.
    #[inline]
    pub fn headers(&self) -> Option<Table<'a>> {
        self.reader(Property::Headers)?.long_string().ok().map(Table::from_validated)
    }

    /// 2 is persistent; anything else, or nothing, is transient.
    #[inline]
    pub fn delivery_mode(&self) -> Option<u8> {
        self.reader(Property::DeliveryMode)?.octet().ok()
    }

    /// Greater goes first.
    #[inline]
    pub fn priority(&self) -> Option<u8> {
        self.reader(Property::Priority)?.octet().ok()
    }

    /// Ties an answer to a question.
    pub fn correlation_id(&self) -> Option<&'a [u8]> {
        self.short_string(Property::CorrelationId)
    }

    /// Where an answer should go.
    #[inline]
    pub fn reply_to(&self) -> Option<&'a [u8]> {
        self.short_string(Property::ReplyTo)
    }

    /// Milliseconds to live in decimal digits, as sent: not checked here.
    #[inline]
    pub fn expiration(&self) -> Option<&'a [u8]> {
        self.short_string(Property::Expiration)
    }

    /// Name of the message.
    pub fn message_id(&self) -> Option<&'a [u8]> {
        self.short_string(Property::MessageId)
    }

    /// Seconds since 1970.
    pub fn timestamp(&self) -> Option<u64> {
        self.reader(Property::Timestamp)?.long_long().ok()
    }

    /// Name of the kind of message: the property `type`.
    pub fn message_type(&self) -> Option<&'a [u8]> {
        self.short_string(Property::Type)
    }

    /// Who published, as the publisher says.
    #[inline]
    pub fn user_id(&self) -> Option<&'a [u8]> {
        self.short_string(Property::UserId)
    }

    /// What published.
    pub fn app_id(&self) -> Option<&'a [u8]> {
        self.short_string(Property::AppId)
    }

    /// Deprecated.
    pub fn cluster_id(&self) -> Option<&'a [u8]> {
        self.short_string(Property::ClusterId)
    }
}

/// Steps over a property without looking into the headers again.
#[inline]
fn skip_validated(reader: &mut Reader<'_>, property: Property) -> Option<()> {
    match property {
        Property::Headers => reader.long_string().ok().map(|_| ()),
        _ => skip(reader, property).ok(),
    }
}
