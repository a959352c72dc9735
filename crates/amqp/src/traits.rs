//! What the properties of a published message say to the broker: durability, priority, age, further keys.

use crate::codec::{Array, PropertiesView, PropertyEdits, Table, TableWriter, Value};
use crate::deaths::{self, Told};
use crate::error::Refused;
use crate::names::REPLY_TO;
use bytes::Bytes;
use narumq_model::{Envelope, Message, Time};

/// What a message asks of the broker.
#[derive(Debug, Default)]
pub(crate) struct Traits {
    durable: bool,
    priority: u8,
    /// Milliseconds to live.
    ttl_ms: Option<u64>,
    /// What only few messages have.
    pub(crate) extras: Option<Box<Extras>>,
}

/// What only few messages have.
#[derive(Debug, Default)]
pub(crate) struct Extras {
    /// The property bytes to keep in place of those sent.
    pub(crate) properties: Option<Vec<u8>>,
    /// Further routing keys that consumers see.
    pub(crate) keys: Vec<Bytes>,
    /// Further routing keys that they do not see.
    pub(crate) blind_keys: Vec<Bytes>,
    /// Deaths that the publisher tells of.
    deaths: Option<Told>,
}

/// Who publishes.
pub(crate) struct Publisher<'a> {
    /// The login.
    pub(crate) user: &'a str,
    /// Whether it may publish in others' names.
    pub(crate) impersonates: bool,
    /// The queue behind the channel's pseudo queue of direct replies, if it consumes it.
    pub(crate) replies: Option<&'a str>,
}

impl Traits {
    /// Reads properties, and refuses those that cannot be.
    #[inline]
    pub(crate) fn read(properties: &[u8], publisher: &Publisher<'_>) -> Result<Self, Refused> {
        if properties == [0, 0] {
            return Ok(Self::default());
        }
        let view = PropertiesView::parse(properties)?;
        let mut traits = Self {
            durable: view.delivery_mode() == Some(2),
            priority: view.priority().unwrap_or(0),
            ttl_ms: None,
            extras: None,
        };
        let reply = reply_address(&view, publisher)?;
        check_user(&view, publisher)?;
        traits.ttl_ms = view.expiration().map(expiration).transpose()?;
        if reply.is_some() || view.headers().is_some() {
            traits.extras = Extras::read(&view, reply)?.map(Box::new);
        }
        Ok(traits)
    }

    /// The property bytes to keep, if not those sent.
    pub(crate) fn properties(&self) -> Option<&[u8]> {
        self.extras.as_ref()?.properties.as_deref()
    }

    /// Gives a message what it asks for.
    #[inline]
    pub(crate) fn apply(&mut self, message: &mut Message, now: Time) {
        message.durable = self.durable;
        message.priority = self.priority;
        if let Some(ttl) = self.ttl_ms {
            message.expires_at = now.plus(ttl);
        }
        if let Some(extras) = &mut self.extras {
            extras.apply(message);
        }
    }
}

impl Extras {
    fn read(view: &PropertiesView<'_>, reply: Option<&str>) -> Result<Option<Self>, Refused> {
        let headers = view.headers().unwrap_or_default();
        let mut extras = Self::default();
        let (mut blind, mut died) = (false, false);
        for (name, value) in headers {
            match name {
                b"CC" if extras.keys.is_empty() => extras.keys = keys("CC", value)?,
                b"BCC" => {
                    if !blind {
                        extras.blind_keys = keys("BCC", value)?;
                    }
                    blind = true;
                }
                b"x-death" => died = true,
                _ => {}
            }
        }
        if died {
            extras.deaths = deaths::told(headers);
        }
        if blind || reply.is_some() {
            extras.properties = Some(edited(view, headers, blind, reply));
        }
        let needed = extras.properties.is_some() || extras.deaths.is_some() || !extras.keys.is_empty();
        Ok(needed.then_some(extras))
    }

    fn apply(&mut self, message: &mut Message) {
        if self.keys.is_empty() && self.deaths.is_none() {
            return;
        }
        let mut envelope = Envelope::default();
        if !self.keys.is_empty() {
            envelope.keys = message.keys();
            envelope.keys.append(&mut self.keys);
        }
        if let Some(Told { deaths, first }) = self.deaths.take() {
            envelope.deaths = deaths;
            envelope.first_death = first;
        }
        message.set_envelope(envelope);
    }
}

/// The properties without blind keys, and with the address of direct replies.
fn edited(view: &PropertiesView<'_>, headers: Table<'_>, blind: bool, reply: Option<&str>) -> Vec<u8> {
    let mut edits = PropertyEdits::new();
    let mut table = Vec::new();
    if blind {
        let mut writer = TableWriter::new(&mut table);
        for entry in headers.raw_entries().filter(|entry| entry.name() != b"BCC") {
            writer.raw_entry(entry);
        }
        edits.headers(writer.finish());
    }
    if let Some(reply) = reply {
        edits.reply_to(reply.as_bytes());
    }
    let mut properties = Vec::with_capacity(view.as_bytes().len() + 32);
    edits.write(view, &mut properties);
    properties
}

fn keys(header: &str, value: Value<'_>) -> Result<Vec<Bytes>, Refused> {
    let Some(array) = value.as_array() else {
        let kind = value.type_name();
        return Err(Refused::failed(format!("invalid message: {{unacceptable_type_in_header,\"{header}\",{kind}}}")));
    };
    let long_strings = |array: Array<'_>| -> Vec<Bytes> {
        // A routing key is a short string; a longer one could match nothing and be shown to no consumer.
        array.iter().filter_map(|v| v.as_long_string().filter(|k| k.len() <= 255)).map(Bytes::copy_from_slice).collect()
    };
    Ok(long_strings(array))
}

fn reply_address<'a>(view: &PropertiesView<'_>, publisher: &Publisher<'a>) -> Result<Option<&'a str>, Refused> {
    if view.reply_to() != Some(REPLY_TO.as_bytes()) {
        return Ok(None);
    }
    let refused = || Refused::failed("fast reply consumer does not exist");
    publisher.replies.map(Some).ok_or_else(refused)
}

fn check_user(view: &PropertiesView<'_>, publisher: &Publisher<'_>) -> Result<(), Refused> {
    match view.user_id() {
        Some(user) if user != publisher.user.as_bytes() && !publisher.impersonates => Err(Refused::failed(format!(
            "user_id property set to '{}' but authenticated user was '{}'",
            String::from_utf8_lossy(user),
            publisher.user
        ))),
        _ => Ok(()),
    }
}

/// Milliseconds in decimal digits, with or without a sign.
fn expiration(text: &[u8]) -> Result<u64, Refused> {
    let refused =
        |why: String| Refused::failed(format!("invalid expiration '{}': {why}", String::from_utf8_lossy(text)));
    let (negative, digits) = match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        _ => (false, text),
    };
    let count = digits.iter().take_while(|byte| byte.is_ascii_digit()).count();
    if count == 0 {
        return Err(refused("no_integer".into()));
    }
    if count < digits.len() {
        let rest = String::from_utf8_lossy(&digits[count..]);
        return Err(refused(format!("{{leftover_string,{rest:?}}}")));
    }
    let millis = digits.iter().fold(0u64, |n, digit| n.saturating_mul(10).saturating_add(u64::from(digit - b'0')));
    if negative && millis > 0 {
        return Err(refused(format!("{{value_negative,-{millis}}}")));
    }
    Ok(millis)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expirations_are_numbers_that_are_not_negative() {
        for (text, millis) in [("0", 0), ("60000", 60_000), ("+5", 5), ("-0", 0), ("99999999999999999999", u64::MAX)] {
            assert_eq!(expiration(text.as_bytes()).ok(), Some(millis), "{text}");
        }
        for (text, why) in [
            ("", "no_integer"),
            ("abc", "no_integer"),
            ("-", "no_integer"),
            ("-1", "{value_negative,-1}"),
            ("10ms", "{leftover_string,\"ms\"}"),
        ] {
            let told = expiration(text.as_bytes()).unwrap_err().text();
            assert_eq!(told, format!("PRECONDITION_FAILED - invalid expiration '{text}': {why}"));
        }
    }
}
