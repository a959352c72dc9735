//! The properties of a message: a word of flags, then those that are there, in this order.

use super::fields::Fields;
use serde_json::{Map, Value};

#[derive(Clone, Copy)]
enum Kind {
    Short,
    Table,
    Octet,
    Time,
}

const PROPERTIES: [(&str, Kind); 14] = [
    ("content_type", Kind::Short),
    ("content_encoding", Kind::Short),
    ("headers", Kind::Table),
    ("delivery_mode", Kind::Octet),
    ("priority", Kind::Octet),
    ("correlation_id", Kind::Short),
    ("reply_to", Kind::Short),
    ("expiration", Kind::Short),
    ("message_id", Kind::Short),
    ("timestamp", Kind::Time),
    ("type", Kind::Short),
    ("user_id", Kind::Short),
    ("app_id", Kind::Short),
    ("cluster_id", Kind::Short),
];

/// As an object with the names that the management API uses.
pub(super) fn read(mut fields: Fields<'_>) -> Option<Map<String, Value>> {
    let flags = fields.u16()?;
    let mut object = Map::new();
    for (at, (name, kind)) in PROPERTIES.iter().enumerate() {
        if flags & (0x8000 >> at) == 0 {
            continue;
        }
        let value = match kind {
            Kind::Short => fields.short()?.into(),
            Kind::Table => fields.table()?,
            Kind::Octet => fields.u8()?.into(),
            Kind::Time => fields.u64()?.into(),
        };
        object.insert((*name).to_owned(), value);
    }
    Some(object)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn those_that_are_there_are_read() {
        let bytes = [0x90, 0x40, 1, b'a', 2, 0, 0, 0, 0, 0, 0, 0, 9];
        let read = read(Fields(&bytes)).map(Value::Object);
        assert_eq!(read, Some(json!({"content_type": "a", "delivery_mode": 2, "timestamp": 9})));
        assert!(super::read(Fields(&bytes[..8])).is_none() && super::read(Fields(&[])).is_none());
    }
}
