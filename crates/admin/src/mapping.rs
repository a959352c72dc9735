//! Between JSON and the broker's nouns: headers and arguments here, queue settings and objects in the modules below.
//!
//! ```text
//! JSON       null   true   1     1.5   "a"    [..]    {..}
//! Value      Void   Bool   I64   F64   Text   Array   Table      (integers of every width, Timestamp → number,
//!                                                                 Binary → text, Decimal → number)
//! ```

pub(crate) mod objects;
pub(crate) mod settings;
pub(crate) mod topics;

use bytes::Bytes;
use narumq_model::limits::TABLE_DEPTH_MAX;
use narumq_model::{Headers, Value as Field};
use serde_json::{Map, Number, Value};

/// A table as an object. Of several entries with one name the first is shown; bytes that are not UTF-8 are replaced.
pub(crate) fn table_to_json(table: &Headers) -> Value {
    let mut object = Map::new();
    for (name, field) in &table.0 {
        let name = String::from_utf8_lossy(name);
        if !object.contains_key(name.as_ref()) {
            object.insert(name.into_owned(), field_to_json(field));
        }
    }
    Value::Object(object)
}

fn field_to_json(field: &Field) -> Value {
    let float = |number: f64| Number::from_f64(number).map_or(Value::Null, Value::Number);
    match field {
        Field::Void => Value::Null,
        Field::Bool(value) => Value::Bool(*value),
        Field::F32(bits) => float(f64::from(f32::from_bits(*bits))),
        Field::F64(bits) => float(f64::from_bits(*bits)),
        Field::Decimal { scale, value } => float(f64::from(*value) / 10f64.powi(i32::from(*scale))),
        Field::Text(bytes) | Field::Binary(bytes) => Value::String(String::from_utf8_lossy(bytes).into_owned()),
        Field::Timestamp(seconds) => Value::from(*seconds),
        Field::Array(fields) => Value::Array(fields.iter().map(field_to_json).collect()),
        Field::Table(table) => table_to_json(table),
        integer => integer.as_integer().map_or(Value::Null, Value::from),
    }
}

/// An object as a table; an error names what cannot be one.
pub(crate) fn table_from_json(object: &Map<String, Value>) -> Result<Headers, String> {
    table_at(object, 1)
}

fn table_at(object: &Map<String, Value>, depth: usize) -> Result<Headers, String> {
    if depth > TABLE_DEPTH_MAX {
        return Err("nested too deeply".into());
    }
    let entry = |(name, value): (&String, &Value)| {
        Ok((Bytes::copy_from_slice(name.as_bytes()), field_from_json(value, depth)?))
    };
    object.iter().map(entry).collect::<Result<_, String>>().map(Headers)
}

fn field_from_json(value: &Value, depth: usize) -> Result<Field, String> {
    Ok(match value {
        Value::Null => Field::Void,
        Value::Bool(value) => Field::Bool(*value),
        Value::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(integer), _) => Field::I64(integer),
            (None, Some(float)) if !number.is_u64() => Field::F64(float.to_bits()),
            _ => return Err(format!("number {number} does not fit 64 bits with a sign")),
        },
        Value::String(text) => Field::from(text.as_str()),
        Value::Array(_) if depth >= TABLE_DEPTH_MAX => return Err("nested too deeply".into()),
        Value::Array(values) => {
            Field::Array(values.iter().map(|value| field_from_json(value, depth + 1)).collect::<Result<_, _>>()?)
        }
        Value::Object(object) => Field::Table(table_at(object, depth + 1)?),
    })
}

/// The word by which a field's type is called in refusals.
pub(crate) fn type_name(field: &Field) -> &'static str {
    match field {
        Field::Void => "void",
        Field::Bool(_) => "bool",
        Field::I8(_) => "byte",
        Field::U8(_) => "unsignedbyte",
        Field::I16(_) => "short",
        Field::U16(_) => "unsignedshort",
        Field::I32(_) => "signedint",
        Field::U32(_) => "unsignedint",
        Field::I64(_) => "long",
        Field::F32(_) => "float",
        Field::F64(_) => "double",
        Field::Decimal { .. } => "decimal",
        Field::Text(_) => "longstr",
        Field::Binary(_) => "binary",
        Field::Timestamp(_) => "timestamp",
        Field::Array(_) => "array",
        Field::Table(_) => "table",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_json_can_say_survives_both_ways() {
        let value = json!({"z": 1, "a": [true, null, "x", -5, 1.5, {"k": {}}], "n": 9_223_372_036_854_775_807i64});
        let table = table_from_json(value.as_object().unwrap()).unwrap();
        assert_eq!(table_to_json(&table).to_string(), value.to_string(), "order included");
    }

    #[test]
    fn what_only_a_table_can_say_is_shown_as_near_as_possible() {
        let table = Headers(vec![
            (Bytes::from_static(b"a"), Field::U8(255)),
            (Bytes::from_static(b"a"), Field::U8(1)),
            (Bytes::from_static(b"d"), Field::Decimal { scale: 2, value: 125 }),
            (Bytes::from_static(b"f"), Field::F64(f64::NAN.to_bits())),
            (Bytes::from_static(b"b"), Field::Binary(Bytes::from_static(b"\xff"))),
            (Bytes::from_static(b"t"), Field::Timestamp(5)),
        ]);
        assert_eq!(table_to_json(&table).to_string(), r#"{"a":255,"d":1.25,"f":null,"b":"�","t":5}"#);
    }

    #[test]
    fn numbers_and_depths_without_a_place_are_refused() {
        let too_large = json!({"n": u64::MAX});
        assert!(table_from_json(too_large.as_object().unwrap()).is_err());
        let nest = |depth: usize| {
            let wrap = |inner: Value, _| json!({ "k": inner });
            table_from_json((0..depth).fold(json!({}), wrap).as_object().unwrap())
        };
        assert!(nest(TABLE_DEPTH_MAX - 1).is_ok());
        assert!(nest(TABLE_DEPTH_MAX).is_err());
    }
}
