//! Property bytes written again with some properties set or removed, all others byte for byte as they were.
//!
//! Dead-lettering replaces the headers and removes the expiration, direct reply-to rewrites `reply_to`; starting from
//! [`PropertiesView::EMPTY`] the same edits make properties for a message that came from elsewhere.

use super::arguments::write_short_string;
use super::properties::PROPERTIES;
use super::value::write_long_string;
use super::{PropertiesView, Property, Table};

/// What becomes of one property.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Edit<'e> {
    Keep,
    Remove,
    ShortString(&'e [u8]),
    Table(Table<'e>),
    Octet(u8),
    LongLong(u64),
}

/// A set of changes to properties.
#[derive(Debug, Clone, PartialEq)]
pub struct PropertyEdits<'e> {
    edits: [Edit<'e>; PROPERTIES],
}

impl Default for PropertyEdits<'_> {
    fn default() -> Self {
        Self::new()
    }
}

/// The setters of short strings, which differ in nothing but the property.
macro_rules! short_string_setters {
    ($($(#[$doc:meta])* $name:ident $property:ident,)+) => {
        $($(#[$doc])* pub fn $name(&mut self, text: &'e [u8]) -> &mut Self {
            self.set(Property::$property, Edit::ShortString(text))
        })+
    };
}

impl<'e> PropertyEdits<'e> {
    /// No change.
    pub const fn new() -> Self {
        Self { edits: [Edit::Keep; PROPERTIES] }
    }

    /// Takes a property away; nothing happens if it is not there.
    pub fn remove(&mut self, property: Property) -> &mut Self {
        self.set(property, Edit::Remove)
    }

    /// Sets the headers.
    pub fn headers(&mut self, headers: Table<'e>) -> &mut Self {
        self.set(Property::Headers, Edit::Table(headers))
    }

    /// Sets the delivery mode; 2 is persistent.
    pub fn delivery_mode(&mut self, mode: u8) -> &mut Self {
        self.set(Property::DeliveryMode, Edit::Octet(mode))
    }

    /// Sets the priority.
    pub fn priority(&mut self, priority: u8) -> &mut Self {
        self.set(Property::Priority, Edit::Octet(priority))
    }

    /// Sets the timestamp, in seconds since 1970.
    pub fn timestamp(&mut self, seconds: u64) -> &mut Self {
        self.set(Property::Timestamp, Edit::LongLong(seconds))
    }

    short_string_setters! {
        /// Sets the content type; like all the texts here it is cut at 255 bytes.
        content_type ContentType,
        /// Sets the content encoding.
        content_encoding ContentEncoding,
        /// Sets the correlation id.
        correlation_id CorrelationId,
        /// Sets where an answer should go.
        reply_to ReplyTo,
        /// Sets the time to live: milliseconds in decimal digits.
        expiration Expiration,
        /// Sets the message id.
        message_id MessageId,
        /// Sets the property `type`.
        message_type Type,
        /// Sets the user id.
        user_id UserId,
        /// Sets the application id.
        app_id AppId,
        /// Sets the cluster id, which is deprecated.
        cluster_id ClusterId,
    }

    /// Sets a property that is a short string, by its number.
    pub(crate) fn short_string(&mut self, property: Property, text: &'e [u8]) -> &mut Self {
        self.set(property, Edit::ShortString(text))
    }

    fn set(&mut self, property: Property, edit: Edit<'e>) -> &mut Self {
        self.edits[property as usize] = edit;
        self
    }

    /// Appends the property bytes of `original`, changed, to `out`.
    pub fn write(&self, original: &PropertiesView<'_>, out: &mut Vec<u8>) {
        let flags_at = out.len();
        out.reserve(original.as_bytes().len());
        out.extend_from_slice(&[0, 0]);
        let mut flags = 0;
        for property in Property::ALL {
            if self.write_property(property, original, out) {
                flags |= property.flag();
            }
        }
        out[flags_at..flags_at + 2].copy_from_slice(&flags.to_be_bytes());
    }

    /// Appends one property; false if it is absent.
    fn write_property(&self, property: Property, original: &PropertiesView<'_>, out: &mut Vec<u8>) -> bool {
        match self.edits[property as usize] {
            Edit::Remove => return false,
            Edit::Keep => match original.raw(property) {
                Some(bytes) => out.extend_from_slice(bytes),
                None => return false,
            },
            Edit::ShortString(text) => write_short_string(out, text),
            Edit::Table(table) => write_long_string(out, table.as_bytes()),
            Edit::Octet(octet) => out.push(octet),
            Edit::LongLong(number) => out.extend_from_slice(&number.to_be_bytes()),
        }
        true
    }
}
