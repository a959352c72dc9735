//! Random values, tables, properties and method payloads for the codec's tests.
#![allow(clippy::unwrap_used, reason = "a test may panic")]
#![allow(dead_code, reason = "no test file uses all of it")]

use narumq_amqp::codec::*;
use proptest::collection::vec;
use proptest::prelude::*;

/// A field value that owns what it holds.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Tree {
    Scalar(Scalar),
    LongString(Vec<u8>),
    Binary(Vec<u8>),
    Table(Vec<(Vec<u8>, Tree)>),
    Array(Vec<Tree>),
}

/// A value of fixed size.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Scalar(pub(crate) Value<'static>);

/// Any scalar; floats are numbers, so that they equal themselves.
pub(crate) fn scalar() -> impl Strategy<Value = Scalar> {
    prop_oneof![
        any::<bool>().prop_map(Value::Bool),
        any::<i8>().prop_map(Value::Byte),
        any::<u8>().prop_map(Value::UnsignedByte),
        any::<i16>().prop_map(Value::Short),
        any::<u16>().prop_map(Value::UnsignedShort),
        any::<i32>().prop_map(Value::SignedInt),
        any::<u32>().prop_map(Value::UnsignedInt),
        any::<i64>().prop_map(Value::Long),
        any::<u64>().prop_map(Value::Timestamp),
        any::<f32>().prop_filter("a number", |n| !n.is_nan()).prop_map(Value::Float),
        any::<f64>().prop_filter("a number", |n| !n.is_nan()).prop_map(Value::Double),
        any::<(u8, u32)>().prop_map(|(scale, value)| Value::Decimal { scale, value }),
        Just(Value::Void),
    ]
    .prop_map(Scalar)
}

/// A name: any bytes, often the same ones, so that there are duplicates.
pub(crate) fn name() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![Just(b"x-death".to_vec()), Just(Vec::new()), vec(any::<u8>(), 0..20), vec(any::<u8>(), 255)]
}

/// A tree of some levels.
pub(crate) fn tree() -> impl Strategy<Value = Tree> {
    let leaf = prop_oneof![
        4 => scalar().prop_map(Tree::Scalar),
        2 => vec(any::<u8>(), 0..40).prop_map(Tree::LongString),
        1 => vec(any::<u8>(), 0..40).prop_map(Tree::Binary),
    ];
    leaf.prop_recursive(5, 40, 5, |inner| {
        prop_oneof![vec((name(), inner.clone()), 0..5).prop_map(Tree::Table), vec(inner, 0..5).prop_map(Tree::Array)]
    })
}

/// The entries of a table.
pub(crate) fn entries() -> impl Strategy<Value = Vec<(Vec<u8>, Tree)>> {
    vec((name(), tree()), 0..6)
}

/// Writes a tree as an entry.
pub(crate) fn write_entry(writer: &mut TableWriter<'_>, name: &[u8], tree: &Tree) {
    match tree {
        Tree::Scalar(Scalar(value)) => writer.entry(name, *value),
        Tree::LongString(bytes) => writer.long_string(name, bytes),
        Tree::Binary(bytes) => writer.entry(name, Value::Binary(bytes)),
        Tree::Table(entries) => {
            writer.table(name, |inner| entries.iter().for_each(|(name, tree)| write_entry(inner, name, tree)))
        }
        Tree::Array(values) => writer.array(name, |inner| values.iter().for_each(|tree| write_value(inner, tree))),
    };
}

/// Writes a tree as a value of an array.
pub(crate) fn write_value(writer: &mut ArrayWriter<'_>, tree: &Tree) {
    match tree {
        Tree::Scalar(Scalar(value)) => writer.value(*value),
        Tree::LongString(bytes) => writer.value(Value::LongString(bytes)),
        Tree::Binary(bytes) => writer.value(Value::Binary(bytes)),
        Tree::Table(entries) => {
            writer.table(|inner| entries.iter().for_each(|(name, tree)| write_entry(inner, name, tree)))
        }
        Tree::Array(values) => writer.array(|inner| values.iter().for_each(|tree| write_value(inner, tree))),
    };
}

/// The bytes of a table with these entries.
pub(crate) fn table_bytes(entries: &[(Vec<u8>, Tree)]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut writer = TableWriter::new(&mut bytes);
    entries.iter().for_each(|(name, tree)| write_entry(&mut writer, name, tree));
    bytes
}

/// The tree of a decoded value.
pub(crate) fn tree_of(value: Value<'_>) -> Tree {
    Tree::Scalar(Scalar(match value {
        Value::LongString(bytes) => return Tree::LongString(bytes.to_vec()),
        Value::Binary(bytes) => return Tree::Binary(bytes.to_vec()),
        Value::Table(table) => return Tree::Table(entries_of(table)),
        Value::Array(array) => return Tree::Array(array.iter().map(tree_of).collect()),
        Value::SignedInt(n) => Value::SignedInt(n),
        Value::Long(n) => Value::Long(n),
        Value::Bool(n) => Value::Bool(n),
        Value::Timestamp(n) => Value::Timestamp(n),
        Value::Short(n) => Value::Short(n),
        Value::UnsignedShort(n) => Value::UnsignedShort(n),
        Value::UnsignedInt(n) => Value::UnsignedInt(n),
        Value::Byte(n) => Value::Byte(n),
        Value::UnsignedByte(n) => Value::UnsignedByte(n),
        Value::Double(n) => Value::Double(n),
        Value::Float(n) => Value::Float(n),
        Value::Decimal { scale, value } => Value::Decimal { scale, value },
        Value::Void => Value::Void,
    }))
}

/// The entries of a decoded table.
pub(crate) fn entries_of(table: Table<'_>) -> Vec<(Vec<u8>, Tree)> {
    table.iter().map(|(name, value)| (name.to_vec(), tree_of(value))).collect()
}

/// Property bytes: the flags that were drawn, and for each a value.
pub(crate) fn property_bytes() -> impl Strategy<Value = Vec<u8>> {
    (any::<u16>(), entries(), vec(vec(any::<u8>(), 0..30), 14), any::<u64>()).prop_map(
        |(flags, headers, texts, number)| {
            let flags = flags & !0b11;
            let mut raw = flags.to_be_bytes().to_vec();
            for property in Property::ALL.into_iter().filter(|property| flags & property.flag() != 0) {
                match property {
                    Property::Headers => long_string(&mut raw, &table_bytes(&headers)),
                    Property::DeliveryMode | Property::Priority => raw.push(number as u8),
                    Property::Timestamp => raw.extend_from_slice(&number.to_be_bytes()),
                    _ => short_string(&mut raw, &texts[property as usize]),
                }
            }
            raw
        },
    )
}

/// The payload of some method of the table with random arguments, written from the schema alone.
pub(crate) fn method_payload() -> impl Strategy<Value = Vec<u8>> {
    (0..METHODS.len(), vec(any::<u64>(), 12), vec(vec(any::<u8>(), 0..60), 12), entries())
        .prop_map(|(row, numbers, texts, table)| payload_of(row, &numbers, &texts, &table_bytes(&table)))
}

/// The payload of the method in this row of the table: argument n is made of number n or text n.
pub(crate) fn payload_of(row: usize, numbers: &[u64], texts: &[Vec<u8>], table: &[u8]) -> Vec<u8> {
    let MethodSchema { id, arguments, .. } = METHODS[row];
    let mut payload = id.to_bytes().to_vec();
    let mut bits = 0;
    for (i, (_, kind)) in arguments.iter().enumerate() {
        let number = numbers[i];
        if *kind != "bit" {
            bits = 0;
        }
        match *kind {
            "bit" => {
                if bits % 8 == 0 {
                    payload.push(0);
                }
                *payload.last_mut().unwrap() |= ((number & 1) as u8) << (bits % 8);
                bits += 1;
            }
            "octet" => payload.push(number as u8),
            "short" => payload.extend_from_slice(&(number as u16).to_be_bytes()),
            "long" => payload.extend_from_slice(&(number as u32).to_be_bytes()),
            "longlong" => payload.extend_from_slice(&number.to_be_bytes()),
            "shortstr" => short_string(&mut payload, &texts[i]),
            "longstr" => long_string(&mut payload, &texts[i]),
            "table" => long_string(&mut payload, table),
            other => panic!("a type the test does not know: {other}"),
        }
    }
    payload
}

fn short_string(out: &mut Vec<u8>, bytes: &[u8]) {
    out.push(u8::try_from(bytes.len()).unwrap());
    out.extend_from_slice(bytes);
}

fn long_string(out: &mut Vec<u8>, bytes: &[u8]) {
    out.extend_from_slice(&u32::try_from(bytes.len()).unwrap().to_be_bytes());
    out.extend_from_slice(bytes);
}

/// One frame.
pub(crate) fn frame(kind: u8, channel: u16, payload: &[u8]) -> Vec<u8> {
    let mut wire = vec![kind];
    wire.extend_from_slice(&channel.to_be_bytes());
    long_string(&mut wire, payload);
    wire.push(FRAME_END);
    wire
}
