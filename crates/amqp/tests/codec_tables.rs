//! Field tables and arrays: every type by its bytes, round trips, and the bound on depth.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod codec_support;

use codec_support::{entries, entries_of, table_bytes};
use narumq_amqp::codec::*;
use proptest::prelude::*;

/// The value behind the name `k` in a table of one entry.
fn only_value(value: &[u8]) -> Value<'_> {
    // The entry is leaked: a test may.
    let bytes: &'static [u8] = Box::leak([b"\x01k", value].concat().into_boxed_slice());
    Table::parse(bytes).unwrap().get(b"k").unwrap()
}

#[test]
fn every_type_has_its_bytes_its_name_and_its_tag() {
    let cases: [(&[u8], Value<'_>, &str); 17] = [
        (b"S\0\0\0\x02hi", Value::LongString(b"hi"), "longstr"),
        (b"x\0\0\0\x02\xff\0", Value::Binary(b"\xff\0"), "binary"),
        (b"I\xff\xff\xff\xfe", Value::SignedInt(-2), "signedint"),
        (b"i\xff\xff\xff\xfe", Value::UnsignedInt(4_294_967_294), "unsignedint"),
        (b"l\xff\xff\xff\xff\xff\xff\xff\xfe", Value::Long(-2), "long"),
        (b"s\xff\xfe", Value::Short(-2), "short"),
        (b"u\xff\xfe", Value::UnsignedShort(65534), "unsignedshort"),
        (b"b\xfe", Value::Byte(-2), "byte"),
        (b"B\xfe", Value::UnsignedByte(254), "unsignedbyte"),
        (b"t\x01", Value::Bool(true), "bool"),
        (b"t\0", Value::Bool(false), "bool"),
        (b"T\0\0\0\0\x65\x53\xf1\0", Value::Timestamp(1_700_000_000), "timestamp"),
        (b"d\x3f\xf8\0\0\0\0\0\0", Value::Double(1.5), "double"),
        (b"f\x3f\xc0\0\0", Value::Float(1.5), "float"),
        (b"D\x02\0\0\x01\x3a", Value::Decimal { scale: 2, value: 314 }, "decimal"),
        (b"V", Value::Void, "void"),
        (b"F\0\0\0\x04\x01at\x01", Value::Table(Table::parse(b"\x01at\x01").unwrap()), "table"),
    ];
    for (bytes, value, type_name) in &cases {
        assert_eq!(only_value(bytes), *value);
        assert_eq!((value.type_name(), value.tag()), (*type_name, bytes[0]));
        let mut written = Vec::new();
        TableWriter::new(&mut written).entry(b"k", *value);
        assert_eq!(&written[2..], *bytes, "{type_name}");
    }
    let array = only_value(b"A\0\0\0\x06VI\0\0\0\x07");
    assert_eq!(array.type_name(), "array");
    assert_eq!(array.as_array().unwrap().iter().collect::<Vec<_>>(), [Value::Void, Value::SignedInt(7)]);
}

#[test]
fn two_tags_mean_long_and_any_octet_but_zero_is_true() {
    assert_eq!(only_value(b"L\xff\xff\xff\xff\xff\xff\xff\xfe"), Value::Long(-2));
    assert_eq!(only_value(b"t\x80"), Value::Bool(true));
}

#[test]
fn all_integers_are_comparable() {
    let sevens: [&[u8]; 8] = [
        b"b\x07",
        b"B\x07",
        b"s\0\x07",
        b"u\0\x07",
        b"I\0\0\0\x07",
        b"i\0\0\0\x07",
        b"l\0\0\0\0\0\0\0\x07",
        b"L\0\0\0\0\0\0\0\x07",
    ];
    assert!(sevens.iter().all(|bytes| only_value(bytes).as_integer() == Some(7)));
    for other in [b"T\0\0\0\0\0\0\0\x07".as_slice(), b"t\x07", b"S\0\0\0\x017", b"V", b"d\x40\x1c\0\0\0\0\0\0"] {
        assert_eq!(only_value(other).as_integer(), None);
    }
}

#[test]
fn types_that_are_not_ours_are_refused() {
    let known = b"tbBsuIilLfdDSAFTxV";
    for tag in (0..=255_u8).filter(|tag| !known.contains(tag)) {
        let bytes = [1, b'k', tag, 0, 0, 0, 0, 0, 0, 0, 0];
        assert_eq!(validate_table(&bytes), Err(CodecError::FieldType(tag)));
        assert_eq!(validate_array(&bytes[2..]), Err(CodecError::FieldType(tag)));
    }
    assert_eq!(CodecError::FieldType(b'U').reply_code(), 502);
}

#[test]
fn order_and_duplicates_stay_and_the_first_is_found() {
    let bytes = b"\x01bI\0\0\0\x01\x01aI\0\0\0\x02\x01bI\0\0\0\x03";
    let table = Table::parse(bytes).unwrap();
    let names: Vec<_> = table.iter().map(|(name, value)| (name, value.as_integer().unwrap())).collect();
    assert_eq!(names, [(b"b".as_slice(), 1), (b"a", 2), (b"b", 3)]);
    assert_eq!(table.get(b"b"), Some(Value::SignedInt(1)));
    assert_eq!(table.get(b"c"), None);
}

#[test]
fn raw_entries_are_copied_byte_for_byte() {
    // L would be written as l, and t 0x80 as t 1, if the values were copied instead.
    let bytes = b"\x01aL\0\0\0\0\0\0\0\x07\x01bt\x80\x01cV";
    let table = Table::parse(bytes).unwrap();
    let mut copied = Vec::new();
    let mut writer = TableWriter::new(&mut copied);
    for entry in table.raw_entries().filter(|entry| entry.name() != b"b") {
        writer.raw_entry(entry);
    }
    assert_eq!(writer.finish().as_bytes(), b"\x01aL\0\0\0\0\0\0\0\x07\x01cV");
}

#[test]
fn names_over_255_bytes_are_cut() {
    let mut bytes = Vec::new();
    let mut writer = TableWriter::new(&mut bytes);
    writer.entry(&[b'n'; 300], Value::Void);
    let names: Vec<_> = writer.finish().iter().map(|(name, _)| name.to_vec()).collect();
    assert_eq!(names, [vec![b'n'; 255]]);
}

/// A table in a table in a table, or arrays, or both in turn: `levels` of them.
fn nested(levels: usize, tag: impl Fn(usize) -> u8) -> Vec<u8> {
    let mut bytes = Vec::new();
    // From the inside out: each level puts a head in front of what there is.
    for level in (1..levels).rev() {
        let mut outer = Vec::new();
        if tag(level - 1) == b'F' {
            outer.extend_from_slice(b"\x01n");
        }
        outer.push(tag(level));
        outer.extend_from_slice(&u32::try_from(bytes.len()).unwrap().to_be_bytes());
        outer.extend_from_slice(&bytes);
        bytes = outer;
    }
    bytes
}

#[test]
fn a_hundred_levels_are_read_and_no_more() {
    let shapes: [fn(usize) -> u8; 3] =
        [|_| b'F', |level| if level == 0 { b'F' } else { b'A' }, |level| if level % 2 == 0 { b'F' } else { b'A' }];
    for shape in shapes {
        let deep = nested(MAX_DEPTH, shape);
        let table = Table::parse(&deep).unwrap();
        assert!(format!("{table:?}").len() > MAX_DEPTH);
        assert_eq!(Table::parse(&nested(MAX_DEPTH + 1, shape)), Err(CodecError::TooDeep));
    }
    let arrays = nested(MAX_DEPTH, |_| b'A');
    assert!(Array::parse(&arrays).is_ok());
    assert_eq!(Array::parse(&nested(MAX_DEPTH + 1, |_| b'A')), Err(CodecError::TooDeep));
}

#[test]
fn thousands_of_levels_do_not_end_a_small_stack() {
    let on_small_stack = || {
        for levels in [3_000, 20_000] {
            for tag in [b'F', b'A'] {
                let deep = nested(levels, |level| if level == 0 { b'F' } else { tag });
                assert_eq!(validate_table(&deep), Err(CodecError::TooDeep));
                let mut properties = vec![0x20, 0];
                properties.extend_from_slice(&u32::try_from(deep.len()).unwrap().to_be_bytes());
                properties.extend_from_slice(&deep);
                assert_eq!(PropertiesView::parse(&properties), Err(CodecError::TooDeep));
                let start_ok =
                    [&ConnectionStartOk::ID.to_bytes(), &properties[2..], b"\0\0\0\0\0\0".as_slice()].concat();
                assert_eq!(Method::decode(&start_ok), Err(CodecError::TooDeep));
            }
        }
        // And the deepest that is taken is read and printed, on the same stack.
        let deep = nested(MAX_DEPTH, |_| b'F');
        assert_eq!(entries_of(Table::parse(&deep).unwrap()).len(), 1);
    };
    std::thread::Builder::new().stack_size(256 * 1024).spawn(on_small_stack).unwrap().join().unwrap();
}

#[test]
fn lengths_beyond_the_bytes_are_refused() {
    for bytes in [
        b"\x05ab".as_slice(),
        b"\x01k",
        b"\x01kS",
        b"\x01kS\0\0\0",
        b"\x01kS\xff\xff\xff\xffab",
        b"\x01kF\xff\xff\xff\xff",
        b"\x01kA\0\0\0\x02V",
        b"\x01kx\x80\0\0\0",
        b"\x01kD\x01\0\0\0",
        b"\x01kF\0\0\0\x03\x05ab\x01kV",
    ] {
        assert_eq!(validate_table(bytes), Err(CodecError::Truncated), "{}", bytes.escape_ascii());
    }
}

proptest! {
    #[test]
    fn tables_come_back_as_they_went(entries in entries()) {
        let bytes = table_bytes(&entries);
        let table = Table::parse(&bytes).unwrap();
        prop_assert_eq!(entries_of(table), entries);
        // Written again from what was decoded, value by value and entry by entry, the bytes are the same.
        let mut by_value = Vec::new();
        let mut writer = TableWriter::new(&mut by_value);
        table.iter().for_each(|(name, value)| { writer.entry(name, value); });
        prop_assert_eq!(&by_value, &bytes);
        let mut by_entry = Vec::new();
        let mut writer = TableWriter::new(&mut by_entry);
        table.raw_entries().for_each(|entry| { writer.raw_entry(entry); });
        prop_assert_eq!(&by_entry, &bytes);
    }

    #[test]
    fn a_cut_table_is_never_whole_in_its_middle(entries in entries(), cut in any::<prop::sample::Index>()) {
        let bytes = table_bytes(&entries);
        prop_assume!(!bytes.is_empty());
        let cut = cut.index(bytes.len());
        match Table::parse(&bytes[..cut]) {
            // Only at the border of an entry.
            Ok(table) => prop_assert!(entries.starts_with(&entries_of(table))),
            Err(error) => prop_assert_eq!(error, CodecError::Truncated),
        }
    }
}
