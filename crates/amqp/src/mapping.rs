//! Field tables to the core's headers, and how values are shown in texts.

use crate::codec::{ArrayWriter, PropertiesView, Table, TableWriter, Value as Field};
use bytes::Bytes;
use narumq_model::{Headers, Value};

/// A table as headers: order, duplicates and types are kept. The codec has bounded its depth.
pub(crate) fn headers(table: Table<'_>) -> Headers {
    headers_by(table, &Bytes::copy_from_slice)
}

/// As [`headers`], names and texts made by `own`.
pub(crate) fn headers_by(table: Table<'_>, own: &impl Fn(&[u8]) -> Bytes) -> Headers {
    let entry = |(name, field): (&[u8], Field<'_>)| (own(name), value(field, own));
    Headers(table.iter().map(entry).collect())
}

/// The headers in property bytes; empty if there are none.
pub(crate) fn headers_of(properties: &[u8]) -> Headers {
    let table = PropertiesView::parse(properties).ok().and_then(|view| view.headers());
    table.map_or_else(Headers::default, headers)
}

/// A field as a value; `own` makes the bytes that it keeps.
pub(crate) fn value(field: Field<'_>, own: &impl Fn(&[u8]) -> Bytes) -> Value {
    match field {
        Field::LongString(bytes) => Value::Text(own(bytes)),
        Field::SignedInt(n) => Value::I32(n),
        Field::Long(n) => Value::I64(n),
        Field::Bool(truth) => Value::Bool(truth),
        Field::Table(table) => Value::Table(headers_by(table, own)),
        Field::Array(values) => Value::Array(values.iter().map(|field| value(field, own)).collect()),
        Field::Timestamp(seconds) => Value::Timestamp(seconds),
        Field::Short(n) => Value::I16(n),
        Field::UnsignedShort(n) => Value::U16(n),
        Field::UnsignedInt(n) => Value::U32(n),
        Field::Byte(n) => Value::I8(n),
        Field::UnsignedByte(n) => Value::U8(n),
        Field::Double(n) => Value::F64(n.to_bits()),
        Field::Float(n) => Value::F32(n.to_bits()),
        Field::Decimal { scale, value } => Value::Decimal { scale, value },
        Field::Binary(bytes) => Value::Binary(own(bytes)),
        Field::Void => Value::Void,
    }
}

/// Appends a header to a table. A name longer than 255 bytes is cut.
pub(crate) fn write_entry(writer: &mut TableWriter<'_>, name: &[u8], value: &Value) {
    match value {
        Value::Table(headers) => {
            writer.table(name, |inner| headers.0.iter().for_each(|(name, value)| write_entry(inner, name, value)));
        }
        Value::Array(values) => {
            writer.array(name, |inner| values.iter().for_each(|value| write_value(inner, value)));
        }
        plain => {
            writer.entry(name, field(plain));
        }
    }
}

/// Appends a value to an array.
pub(crate) fn write_value(writer: &mut ArrayWriter<'_>, value: &Value) {
    match value {
        Value::Table(headers) => {
            writer.table(|inner| headers.0.iter().for_each(|(name, value)| write_entry(inner, name, value)));
        }
        Value::Array(values) => {
            writer.array(|inner| values.iter().for_each(|value| write_value(inner, value)));
        }
        plain => {
            writer.value(field(plain));
        }
    }
}

/// A value that holds no others.
fn field(value: &Value) -> Field<'_> {
    match value {
        Value::Bool(truth) => Field::Bool(*truth),
        Value::I8(n) => Field::Byte(*n),
        Value::U8(n) => Field::UnsignedByte(*n),
        Value::I16(n) => Field::Short(*n),
        Value::U16(n) => Field::UnsignedShort(*n),
        Value::I32(n) => Field::SignedInt(*n),
        Value::U32(n) => Field::UnsignedInt(*n),
        Value::I64(n) => Field::Long(*n),
        Value::F32(bits) => Field::Float(f32::from_bits(*bits)),
        Value::F64(bits) => Field::Double(f64::from_bits(*bits)),
        Value::Decimal { scale, value } => Field::Decimal { scale: *scale, value: *value },
        Value::Text(bytes) => Field::LongString(bytes),
        Value::Binary(bytes) => Field::Binary(bytes),
        Value::Timestamp(seconds) => Field::Timestamp(*seconds),
        Value::Void | Value::Array(_) | Value::Table(_) => Field::Void,
    }
}

/// The name of a value's type in texts.
pub(crate) fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Void => "void",
        Value::Bool(_) => "bool",
        Value::I8(_) => "byte",
        Value::U8(_) => "unsignedbyte",
        Value::I16(_) => "short",
        Value::U16(_) => "unsignedshort",
        Value::I32(_) => "signedint",
        Value::U32(_) => "unsignedint",
        Value::I64(_) => "long",
        Value::F32(_) => "float",
        Value::F64(_) => "double",
        Value::Decimal { .. } => "decimal",
        Value::Text(_) => "longstr",
        Value::Binary(_) => "binary",
        Value::Timestamp(_) => "timestamp",
        Value::Array(_) => "array",
        Value::Table(_) => "table",
    }
}

/// A value in texts.
pub(crate) fn shown(value: &Value) -> String {
    match value {
        Value::Void => "undefined".into(),
        Value::Bool(truth) => truth.to_string(),
        Value::F32(bits) => format!("{:?}", f32::from_bits(*bits)),
        Value::F64(bits) => format!("{:?}", f64::from_bits(*bits)),
        Value::Decimal { scale, value } => format!("{{{scale},{value}}}"),
        Value::Text(bytes) | Value::Binary(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        Value::Timestamp(seconds) => seconds.to_string(),
        Value::Array(values) => format!("[{}]", values.iter().map(shown).collect::<Vec<_>>().join(",")),
        Value::Table(Headers(pairs)) => {
            let pair = |(name, value): &(Bytes, Value)| format!("{}={}", String::from_utf8_lossy(name), shown(value));
            format!("[{}]", pairs.iter().map(pair).collect::<Vec<_>>().join(","))
        }
        Value::I8(_) | Value::U8(_) | Value::I16(_) | Value::U16(_) | Value::I32(_) | Value::U32(_) | Value::I64(_) => {
            value.as_integer().map_or_else(String::new, |n| n.to_string())
        }
    }
}
