//! The history of a message's deaths as headers: `x-death`, `x-first-death-*`, `x-last-death-*`, in both directions.
//!
//! ```text
//! x-death: [ {count l, reason S, queue S, time T, exchange S, routing-keys [S], original-expiration S?}, ... ]  newest first
//! ```

use crate::codec::Property;
use crate::codec::{Array, PropertiesView, PropertyEdits, Table, TableWriter, Value};
use bytes::Bytes;
use narumq_model::{Death, DeathReason, Envelope, Message, Name, Time};

/// The headers that are ours: what the client wrote under these names is replaced.
const OURS: [&[u8]; 8] = [
    b"x-death",
    b"x-first-death-exchange",
    b"x-first-death-queue",
    b"x-first-death-reason",
    b"x-last-death-exchange",
    b"x-last-death-queue",
    b"x-last-death-reason",
    b"x-delivery-count",
];

/// Deaths more than this in a published header are left out: no message dies in so many places.
const TOLD_MAX: usize = 256;

/// What a publisher tells of deaths, when it publishes again what it was delivered.
#[derive(Debug)]
pub(crate) struct Told {
    /// Newest first.
    pub(crate) deaths: Vec<Death>,
    /// The very first one.
    pub(crate) first: Option<(Name, DeathReason, Bytes)>,
}

fn reason_name(reason: DeathReason) -> &'static str {
    match reason {
        DeathReason::Rejected => "rejected",
        DeathReason::Expired => "expired",
        DeathReason::MaxLength => "maxlen",
        DeathReason::DeliveryLimit => "delivery_limit",
    }
}

fn reason_of(name: &[u8]) -> Option<DeathReason> {
    let reasons = [DeathReason::Rejected, DeathReason::Expired, DeathReason::MaxLength, DeathReason::DeliveryLimit];
    reasons.into_iter().find(|reason| reason_name(*reason).as_bytes() == name)
}

fn text<'a>(table: Table<'a>, name: &[u8]) -> Option<&'a [u8]> {
    table.get(name)?.as_long_string()
}

fn name(table: Table<'_>, key: &[u8]) -> Option<Name> {
    std::str::from_utf8(text(table, key)?).ok().map(Name::from)
}

/// Reads the history out of published headers; entries that are none are left out.
pub(crate) fn told(headers: Table<'_>) -> Option<Told> {
    let entries = headers.get(b"x-death")?.as_array()?;
    let deaths: Vec<Death> = entries.iter().filter_map(|v| death(v.as_table()?)).take(TOLD_MAX).collect();
    if deaths.is_empty() {
        return None;
    }
    let first = || {
        let reason = reason_of(text(headers, b"x-first-death-reason")?)?;
        let exchange = Bytes::copy_from_slice(text(headers, b"x-first-death-exchange")?);
        Some((name(headers, b"x-first-death-queue")?, reason, exchange))
    };
    Some(Told { first: first(), deaths })
}

fn death(entry: Table<'_>) -> Option<Death> {
    let keys = entry.get(b"routing-keys").and_then(|v| v.as_array()).unwrap_or_default();
    let seconds = match entry.get(b"time") {
        Some(Value::Timestamp(seconds)) => seconds,
        _ => 0,
    };
    Some(Death {
        queue: name(entry, b"queue")?,
        reason: reason_of(text(entry, b"reason")?)?,
        count: entry.get(b"count")?.as_integer().and_then(|n| u64::try_from(n).ok())?.min(1 << 53),
        time: Time(seconds.saturating_mul(1000)),
        exchange: Bytes::copy_from_slice(text(entry, b"exchange").unwrap_or_default()),
        keys: long_strings(keys),
    })
}

fn long_strings(array: Array<'_>) -> Vec<Bytes> {
    array.iter().filter_map(|v| v.as_long_string()).map(Bytes::copy_from_slice).collect()
}

/// Whether a message must be shown with other properties than those it came with: it has died here.
#[inline]
pub(crate) fn has_died(message: &Message) -> bool {
    message.envelope().is_some_and(|envelope| envelope.exchange.is_some() && !envelope.deaths.is_empty())
}

/// Appends the properties of a message with its history, and with the count of failed deliveries if there is one.
pub(crate) fn write_properties(message: &Message, failures: Option<u16>, out: &mut Vec<u8>) {
    // Bytes that were validated when they came in; were they damaged all the same, the message has no properties.
    let view = PropertiesView::parse(message.props()).unwrap_or(PropertiesView::EMPTY);
    let mut table = Vec::new();
    let mut writer = TableWriter::new(&mut table);
    let died = message.envelope().filter(|_| has_died(message));
    for entry in view.headers().unwrap_or_default().raw_entries() {
        let ours = if died.is_some() { OURS.contains(&entry.name()) } else { entry.name() == b"x-delivery-count" };
        if !ours {
            writer.raw_entry(entry);
        }
    }
    if let Some(failures) = failures {
        writer.entry(b"x-delivery-count", Value::Long(failures.into()));
    }
    let mut edits = PropertyEdits::new();
    if let Some(envelope) = died {
        write_history(envelope, view.expiration(), &mut writer);
        edits.remove(Property::Expiration);
    }
    edits.headers(writer.finish());
    edits.write(&view, out);
}

fn write_history(envelope: &Envelope, expiration: Option<&[u8]>, writer: &mut TableWriter<'_>) {
    let oldest = envelope.deaths.len() - 1;
    writer.array(b"x-death", |array| {
        for (at, death) in envelope.deaths.iter().enumerate() {
            let expiration = expiration.filter(|_| at == oldest);
            array.table(|entry| write_death(death, expiration, entry));
        }
    });
    if let Some((queue, reason, exchange)) = &envelope.first_death {
        writer
            .long_string(b"x-first-death-exchange", exchange)
            .long_string(b"x-first-death-queue", queue.as_bytes())
            .long_string(b"x-first-death-reason", reason_name(*reason).as_bytes());
    }
    if let Some(last) = envelope.deaths.first() {
        writer
            .long_string(b"x-last-death-exchange", &last.exchange)
            .long_string(b"x-last-death-queue", last.queue.as_bytes())
            .long_string(b"x-last-death-reason", reason_name(last.reason).as_bytes());
    }
}

fn write_death(death: &Death, expiration: Option<&[u8]>, entry: &mut TableWriter<'_>) {
    entry
        .entry(b"count", Value::Long(i64::try_from(death.count).unwrap_or(i64::MAX)))
        .long_string(b"reason", reason_name(death.reason).as_bytes())
        .long_string(b"queue", death.queue.as_bytes())
        .entry(b"time", Value::Timestamp(death.time.0 / 1000))
        .long_string(b"exchange", &death.exchange)
        .array(b"routing-keys", |keys| {
            for key in &death.keys {
                keys.value(Value::LongString(key));
            }
        });
    if let Some(expiration) = expiration {
        entry.long_string(b"original-expiration", expiration);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::FORMAT;
    use narumq_model::{MessageBuilder, MessageParts};

    fn dead(properties: &[u8]) -> Message {
        let parts = MessageParts { exchange: b"x", key: b"k", props: properties, payload: b"" };
        let mut message = MessageBuilder::default().build(&parts, FORMAT);
        let death = |queue: &str, reason, count| Death {
            queue: queue.into(),
            reason,
            count,
            time: Time(5_000),
            exchange: Bytes::from_static(b"x"),
            keys: vec![Bytes::from_static(b"k"), Bytes::from_static(b"cc")],
        };
        message.set_envelope(Envelope {
            exchange: Some(Bytes::from_static(b"dlx")),
            keys: Vec::new(),
            deaths: vec![death("new", DeathReason::Rejected, 2), death("old", DeathReason::Expired, 1)],
            first_death: Some(("old".into(), DeathReason::Expired, Bytes::from_static(b"x"))),
        });
        message
    }

    #[test]
    fn history_is_written_and_read_back() {
        let mut table = Vec::new();
        let headers = {
            let mut writer = TableWriter::new(&mut table);
            writer.long_string(b"mine", b"1").long_string(b"x-death", b"mine, too");
            writer.finish()
        };
        let mut properties = Vec::new();
        PropertyEdits::new().headers(headers).expiration(b"50").write(&PropertiesView::EMPTY, &mut properties);
        let message = dead(&properties);
        let mut out = Vec::new();
        write_properties(&message, Some(3), &mut out);
        let view = PropertiesView::parse(&out).unwrap();
        assert_eq!(view.expiration(), None);
        let headers = view.headers().unwrap();
        assert_eq!(text(headers, b"mine"), Some(&b"1"[..]));
        assert_eq!(headers.get(b"x-delivery-count"), Some(Value::Long(3)));
        assert_eq!(text(headers, b"x-last-death-queue"), Some(&b"new"[..]));
        assert_eq!(text(headers, b"x-first-death-reason"), Some(&b"expired"[..]));
        let Told { deaths, first } = told(headers).unwrap();
        let envelope = message.envelope().unwrap();
        assert_eq!((&deaths, &first), (&envelope.deaths, &envelope.first_death));
        let array = headers.get(b"x-death").and_then(|v| v.as_array()).unwrap();
        let expirations: Vec<_> =
            array.iter().map(|entry| text(entry.as_table().unwrap(), b"original-expiration")).collect();
        assert_eq!(expirations, [None, Some(&b"50"[..])]);
    }

    #[test]
    fn entries_that_are_none_are_left_out() {
        let mut table = Vec::new();
        let mut writer = TableWriter::new(&mut table);
        writer.array(b"x-death", |array| {
            array.value(Value::Void).table(|entry| {
                entry.long_string(b"queue", b"q").long_string(b"reason", b"boredom").entry(b"count", Value::Byte(1));
            });
        });
        assert!(told(writer.finish()).is_none());
    }
}
