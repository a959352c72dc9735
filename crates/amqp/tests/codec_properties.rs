//! Basic properties: reading, refusing, and writing again with changes.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod codec_support;

use codec_support::property_bytes;
use narumq_amqp::codec::*;
use proptest::prelude::*;

/// All 14 properties as an independent client (pika) writes them.
const ALL: &[u8] = b"\xff\xfc\x0ccontent-type\x10content-encoding\x00\x00\x00\x04\x01kt\x01\x02\x09\x0ecorrelation-id\
\x08reply-to\x0560000\x0amessage-id\x00\x00\x00\x00\x65\x53\xf1\x00\x04type\x07user-id\x06app-id\x0acluster-id";

fn headers() -> Table<'static> {
    Table::parse(b"\x01kt\x01").unwrap()
}

#[test]
fn all_fourteen_are_read() {
    let view = PropertiesView::parse(ALL).unwrap();
    assert_eq!(view.content_type(), Some(b"content-type".as_slice()));
    assert_eq!(view.content_encoding(), Some(b"content-encoding".as_slice()));
    assert_eq!(view.headers(), Some(headers()));
    assert_eq!(view.delivery_mode(), Some(2));
    assert_eq!(view.priority(), Some(9));
    assert_eq!(view.correlation_id(), Some(b"correlation-id".as_slice()));
    assert_eq!(view.reply_to(), Some(b"reply-to".as_slice()));
    assert_eq!(view.expiration(), Some(b"60000".as_slice()));
    assert_eq!(view.message_id(), Some(b"message-id".as_slice()));
    assert_eq!(view.timestamp(), Some(1_700_000_000));
    assert_eq!(view.message_type(), Some(b"type".as_slice()));
    assert_eq!(view.user_id(), Some(b"user-id".as_slice()));
    assert_eq!(view.app_id(), Some(b"app-id".as_slice()));
    assert_eq!(view.cluster_id(), Some(b"cluster-id".as_slice()));
    assert_eq!(view.as_bytes(), ALL);
    let raw: Vec<u8> = Property::ALL.into_iter().flat_map(|property| view.raw(property).unwrap().to_vec()).collect();
    assert_eq!(raw, &ALL[2..]);
}

#[test]
fn absent_is_not_empty() {
    let none = PropertiesView::parse(b"\0\0").unwrap();
    assert_eq!(none, PropertiesView::EMPTY);
    assert!(Property::ALL.into_iter().all(|property| !none.contains(property) && none.raw(property).is_none()));
    assert_eq!((none.headers(), none.reply_to(), none.priority(), none.timestamp()), (None, None, None, None));
    let empty = PropertiesView::parse(b"\x22\0\0\0\0\0\0").unwrap();
    assert_eq!((empty.headers(), empty.reply_to()), (Some(Table::EMPTY), Some(b"".as_slice())));
}

#[test]
fn wrong_bytes_are_refused() {
    let cases: [(&[u8], CodecError); 9] = [
        (b"", CodecError::Truncated),
        (b"\0", CodecError::Truncated),
        (b"\0\x01\0\0", CodecError::PropertyFlags(1)),
        (b"\x10\x02\x02", CodecError::PropertyFlags(0x1002)),
        (b"\0\0\0", CodecError::TrailingBytes),
        (b"\x80\0\x05abcd", CodecError::Truncated),
        (b"\x20\0\0\0\0\x04\x01kt", CodecError::Truncated),
        (b"\x20\0\0\0\0\x04\x01kU\0", CodecError::FieldType(b'U')),
        (b"\0\x40\0\0\0\0\0\0\0", CodecError::Truncated),
    ];
    for (raw, error) in cases {
        assert_eq!(PropertiesView::parse(raw), Err(error), "{}", raw.escape_ascii());
        assert_eq!(error.reply_code(), 502);
    }
    for len in 0..ALL.len() {
        assert_eq!(PropertiesView::parse(&ALL[..len]), Err(CodecError::Truncated), "{len}");
    }
}

#[test]
fn dead_lettering_changes_headers_and_expiration_only() {
    let mut bytes = Vec::new();
    let mut table = TableWriter::new(&mut bytes);
    headers().raw_entries().for_each(|entry| {
        table.raw_entry(entry);
    });
    table.array(b"x-death", |deaths| {
        deaths.table(|death| {
            death.long_string(b"reason", b"expired").entry(b"count", Value::Long(1));
        });
    });
    let mut written = vec![0xAA];
    let mut edits = PropertyEdits::new();
    edits
        .headers(table.finish())
        .remove(Property::Expiration)
        .write(&PropertiesView::parse(ALL).unwrap(), &mut written);
    let expected =
        b"\xfe\xfc\x0ccontent-type\x10content-encoding\x00\x00\x00\x38\x01kt\x01\x07x-deathA\x00\x00\x00\x27\
F\x00\x00\x00\x22\x06reasonS\x00\x00\x00\x07expired\x05countl\x00\x00\x00\x00\x00\x00\x00\x01\x02\x09\x0ecorrelation-id\
\x08reply-to\x0amessage-id\x00\x00\x00\x00\x65\x53\xf1\x00\x04type\x07user-id\x06app-id\x0acluster-id";
    assert_eq!(written[1..].escape_ascii().to_string(), expected.escape_ascii().to_string());
    assert_eq!(written[0], 0xAA, "what the buffer held stays");
}

#[test]
fn edits_of_nothing_make_properties() {
    let mut edits = PropertyEdits::new();
    edits.cluster_id(b"cluster-id").app_id(b"app-id").user_id(b"user-id").message_type(b"type");
    edits.timestamp(1_700_000_000).message_id(b"message-id").expiration(b"60000").reply_to(b"reply-to");
    edits.correlation_id(b"correlation-id").priority(9).delivery_mode(2).headers(headers());
    edits.content_encoding(b"content-encoding").content_type(b"content-type");
    let mut written = Vec::new();
    edits.write(&PropertiesView::EMPTY, &mut written);
    assert_eq!(written, ALL);
    // And away again, each of them.
    let mut edits = PropertyEdits::new();
    Property::ALL.into_iter().for_each(|property| {
        edits.remove(property);
    });
    let mut emptied = Vec::new();
    edits.write(&PropertiesView::parse(&written).unwrap(), &mut emptied);
    assert_eq!(emptied, b"\0\0");
}

proptest! {
    #[test]
    fn properties_without_edits_are_written_as_they_came(raw in property_bytes()) {
        let view = PropertiesView::parse(&raw).unwrap();
        let mut written = Vec::new();
        PropertyEdits::new().write(&view, &mut written);
        prop_assert_eq!(&written, &raw);
    }

    #[test]
    fn one_edit_leaves_thirteen_alone(raw in property_bytes(), text in proptest::collection::vec(any::<u8>(), 0..256)) {
        let before = PropertiesView::parse(&raw).unwrap();
        let mut written = Vec::new();
        PropertyEdits::new().reply_to(&text).write(&before, &mut written);
        let after = PropertiesView::parse(&written).unwrap();
        prop_assert_eq!(after.reply_to(), Some(&text[..]));
        for property in Property::ALL.into_iter().filter(|property| *property != Property::ReplyTo) {
            prop_assert_eq!(after.raw(property), before.raw(property));
        }
        let mut restored = Vec::new();
        match before.reply_to() {
            Some(old) => PropertyEdits::new().reply_to(old).write(&after, &mut restored),
            None => PropertyEdits::new().remove(Property::ReplyTo).write(&after, &mut restored),
        }
        prop_assert_eq!(restored, raw);
    }
}
