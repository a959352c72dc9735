//! What a message says as a record.

use super::duplicates;
use super::reserved::{self, EXCHANGE, KEY, LONG_NAMES, PARTITION, ROUTING_KEY};
use super::reserved::{STREAM_OFFSET, TEXTS, TIME, TOMBSTONE};
use crate::codec::{MAX_SHORT_STRING, PropertiesView};
use crate::{FORMAT, deaths, mapping};
use bytes::Bytes;
use narumq_model::{Headers, Message, Properties, Record, Value};

type Entry = (Bytes, Value);

/// Reads the message.
pub(super) fn read(message: &Message) -> Record {
    let body = Some(message.payload_bytes());
    let mut record = Record { body, ..Record::default() };
    if message.format == FORMAT {
        let bytes = property_bytes(message);
        // Bytes that were validated when they came in; were they damaged all the same, the message has no properties.
        let view = PropertiesView::parse(&bytes).unwrap_or(PropertiesView::EMPTY);
        let own = |part: &[u8]| bytes.slice_ref(part);
        record.properties = properties(&view, &own);
        record.headers = view.headers().map_or_else(Headers::default, |table| mapping::headers_by(table, &own));
    }
    if published_nowhere(message)
        && let Some(found) = find(&record, message, false)
        && let Some(headers) = duplicates::restore(&record.headers.0[found.at..])
        && headers.iter().all(|(name, _)| name.len() <= reserved::name_bytes_max(false))
        && found.fits(headers.len())
    {
        return found.with(headers);
    }
    let Some(found) = find(&record, message, true) else { return record };
    record.headers.0.drain(..found.at);
    found.with(record.headers.0)
}

/// The property bytes, with the history of its deaths if it has one.
fn property_bytes(message: &Message) -> Bytes {
    if !deaths::has_died(message) {
        return Bytes::copy_from_slice(message.props());
    }
    let mut bytes = Vec::with_capacity(message.props().len() + 256);
    deaths::write_properties(message, None, &mut bytes);
    bytes.into()
}

fn properties(view: &PropertiesView<'_>, own: &impl Fn(&[u8]) -> Bytes) -> Properties {
    let mut properties = Properties {
        delivery_mode: view.delivery_mode(),
        priority: view.priority(),
        timestamp: view.timestamp(),
        ..Properties::default()
    };
    for ((property, _), text) in TEXTS.into_iter().zip(reserved::texts_mut(&mut properties)) {
        *text = view.short_string(property).map(own);
    }
    properties
}

/// Whether no exchange but the default one is known of it.
fn published_nowhere(message: &Message) -> bool {
    message.published_names().0.is_empty() && message.envelope().is_none_or(|envelope| envelope.exchange.is_none())
}

/// What stands in front of the headers.
struct Found {
    /// All but the headers.
    record: Record,
    /// How many of the headers it is.
    at: usize,
    /// Headers with long names, and their places, ascending.
    long: Vec<(usize, Bytes, Value)>,
}

impl Found {
    /// Whether the places of headers with long names are among so many others.
    fn fits(&self, others: usize) -> bool {
        self.long.iter().enumerate().all(|(before, (at, ..))| *at <= others + before)
    }

    fn with(mut self, mut headers: Vec<Entry>) -> Record {
        self.long.into_iter().for_each(|(at, name, value)| headers.insert(at, (name, value)));
        self.record.headers = Headers(headers);
        self.record
    }
}

/// Reads what stands in front of the headers; none if the record must know an exchange.
fn find(read: &Record, message: &Message, knows_exchange: bool) -> Option<Found> {
    let record = Record { body: read.body.clone(), properties: read.properties.clone(), ..Record::default() };
    let mut lead = Lead { all: &read.headers.0, at: 0, record };
    lead.skip_place();
    lead.time(knows_exchange)?;
    lead.key();
    lead.tombstone();
    lead.names(message, knows_exchange)?;
    lead.texts();
    let before = lead.at;
    let long = lead.long_names(reserved::name_bytes_max(knows_exchange));
    let Lead { all, at, record } = lead;
    let found = Found { record, at, long };
    if knows_exchange && !found.fits(all.len() - at) {
        return Some(Found { at: before, long: Vec::new(), ..found });
    }
    Some(found)
}

/// What stands in front of the headers, read from its beginning.
struct Lead<'a> {
    all: &'a [Entry],
    at: usize,
    record: Record,
}

impl<'a> Lead<'a> {
    /// The value of the next header if it has this name, and those behind it.
    fn next(&self, name: &[u8]) -> Option<(&'a Value, &'a [Entry])> {
        let ((found, value), rest) = self.all[self.at..].split_first()?;
        (found == name).then_some((value, rest))
    }

    /// Where it was read says nothing of a message.
    fn skip_place(&mut self) {
        if let Some((Value::I64(_), _)) = self.next(STREAM_OFFSET) {
            self.at += 1;
            if let Some((Value::I32(_), _)) = self.next(PARTITION) {
                self.at += 1;
            }
        }
    }

    /// None if the record must know an exchange.
    fn time(&mut self, knows_exchange: bool) -> Option<()> {
        let property = self.record.properties.timestamp;
        let found = self.next(TIME).and_then(|(value, rest)| match value {
            Value::Void => Some((None, rest)),
            Value::I64(ms) => Some((Some(*ms), rest)),
            _ => None,
        });
        let taken = found.and_then(|(time, rest)| {
            let made = reserved::whole_seconds(time);
            let remains = property.filter(|_| property != made);
            // Without the property it was not written here: that would have set it.
            let written = made.is_none() || property.is_some();
            let told = knows_exchange && reserved::time_of(rest, remains) == time;
            let may_be = knows_exchange || time.is_some();
            (written && may_be && !told).then_some((time, remains))
        });
        match taken {
            Some((time, remains)) => {
                self.at += 1;
                self.record.time = time;
                self.record.properties.timestamp = remains;
            }
            None if knows_exchange => self.record.time = reserved::time_of(&self.all[self.at..], property),
            None => return None,
        }
        Some(())
    }

    fn key(&mut self) {
        self.record.key = reserved::key_of(&self.all[self.at..]).cloned();
        let Some((value, rest)) = self.next(KEY) else { return };
        let key = match value {
            Value::Text(key) | Value::Binary(key) => Some(key),
            Value::Void => None,
            _ => return,
        };
        if reserved::key_value(key) == *value && reserved::key_of(rest) != key {
            self.record.key = key.cloned();
            self.at += 1;
        }
    }

    fn tombstone(&mut self) {
        if self.record.body.as_ref().is_none_or(|body| !body.is_empty()) {
            return;
        }
        let told = reserved::is_tombstone(&self.all[self.at..]);
        if told {
            self.record.body = None;
        }
        if let Some((Value::Bool(truth), rest)) = self.next(TOMBSTONE)
            && reserved::is_tombstone(rest) != *truth
        {
            self.at += 1;
        }
    }

    /// Exchange and routing key; none if there is an exchange where none may be.
    fn names(&mut self, message: &Message, knows_exchange: bool) -> Option<()> {
        let exchange = self.long_text(EXCHANGE, message.exchange().is_empty());
        if exchange.is_some() && !knows_exchange {
            return None;
        }
        let own = |name: &[u8]| Some(Bytes::copy_from_slice(name));
        self.record.exchange = if knows_exchange { exchange.or(own(message.exchange())) } else { None };
        let key = self.long_text(ROUTING_KEY, message.key().is_empty());
        let is_told = knows_exchange || !message.key().is_empty();
        self.record.routing_key = key.or(if is_told { own(message.key()) } else { None });
        Some(())
    }

    fn texts(&mut self) {
        for (place, (_, header)) in TEXTS.into_iter().enumerate() {
            let absent = reserved::texts(&self.record.properties)[place].is_none();
            if let Some(text) = self.long_text(header, absent) {
                *reserved::texts_mut(&mut self.record.properties)[place] = Some(text);
            }
        }
    }

    /// A text that was too long for its own place, which must be free.
    fn long_text(&mut self, header: &[u8], absent: bool) -> Option<Bytes> {
        match self.next(header) {
            Some((Value::Text(text), _)) if absent && text.len() > MAX_SHORT_STRING => {
                self.at += 1;
                Some(text.clone())
            }
            _ => None,
        }
    }

    /// Headers with longer names than this, and their places, ascending.
    fn long_names(&mut self, name_bytes_max: usize) -> Vec<(usize, Bytes, Value)> {
        let Some((Value::Array(entries), _)) = self.next(LONG_NAMES) else { return Vec::new() };
        let read = |entry: &Value| {
            let Value::Table(Headers(parts)) = entry else { return None };
            let [(at, Value::I64(place)), (name, Value::Text(long)), (value, held)] = &parts[..] else { return None };
            let named = at == "at" && name == "name" && value == "value" && long.len() > name_bytes_max;
            Some((usize::try_from(*place).ok().filter(|_| named)?, long.clone(), held.clone()))
        };
        let Some(long) = entries.iter().map(read).collect::<Option<Vec<_>>>() else { return Vec::new() };
        if long.is_empty() || !long.is_sorted_by(|a, b| a.0 < b.0) {
            return Vec::new();
        }
        self.at += 1;
        long
    }
}
