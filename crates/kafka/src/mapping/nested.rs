//! Arrays and tables as JSON, and the types that JSON does not tell.
//!
//! ```text
//!   value   {"n": i32 5, "t": timestamp 1, "s": text, "l": [i64 1]}
//!   JSON    {"n":5,"t":1000,"s":"…","l":[1]}
//!   type    {"table":["i32","timestamp",null,null]}       null: what JSON tells by itself
//! ```
//! By itself a string is text, a number with a point or an exponent f64, any other i64, `null` void. Bytes, and texts that are
//! not UTF-8, are base64. A table's name that is no text stands in its type: `{"name":"<base64>","type":…}`.

use super::json::{Json, write_string};
use super::scalars::{Scalar, write_text};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use narumq_model::{Headers, Value, limits};

/// Arrays and tables that may lie in one another inside of a header: the headers themselves are one more.
const DEPTH_MAX: usize = limits::TABLE_DEPTH_MAX - 1;

/// The type of a value.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) enum Type {
    /// What JSON tells by itself.
    #[default]
    Told,
    /// One that holds no others.
    Scalar(Scalar),
    /// An array with these values.
    Array(Vec<Child>),
    /// A table with these entries.
    Table(Vec<Child>),
}

/// The type of a value in an array or table.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Child {
    /// A table's name, if JSON does not tell it.
    name: Option<Vec<u8>>,
    is: Type,
}

impl Type {
    /// Reads what [`write_type`] wrote.
    pub(super) fn read(json: &mut Json<'_>) -> Option<Type> {
        Self::read_within(json, DEPTH_MAX)
    }

    fn read_within(json: &mut Json<'_>, levels: usize) -> Option<Type> {
        if json.peek() != Some(b'{') {
            return Self::read_plain(json);
        }
        let mut read = None;
        json.list(*b"{}", |json| {
            let name = json.name()?;
            read = Some(match &*name {
                "array" => Type::Array(Self::read_children(json, levels.checked_sub(1)?)?),
                "table" => Type::Table(Self::read_children(json, levels.checked_sub(1)?)?),
                _ => return None,
            });
            Some(())
        })?;
        read
    }

    fn read_plain(json: &mut Json<'_>) -> Option<Type> {
        if json.word("null") {
            return Some(Type::Told);
        }
        match &*json.string()? {
            "array" => Some(Type::Array(Vec::new())),
            "table" => Some(Type::Table(Vec::new())),
            scalar => Scalar::named(scalar).map(Type::Scalar),
        }
    }

    fn read_children(json: &mut Json<'_>, levels: usize) -> Option<Vec<Child>> {
        let mut children = Vec::new();
        json.list(*b"[]", |json| {
            let mut ahead = json.clone();
            let named = ahead.take(b'{') && ahead.name().is_some_and(|name| name == "name");
            let child = if named {
                Child::read_named(json, levels)?
            } else {
                Child { name: None, is: Self::read_within(json, levels)? }
            };
            children.push(child);
            Some(())
        })?;
        Some(children)
    }

    fn children(&self, array: bool) -> Option<&[Child]> {
        match self {
            Type::Told => Some(&[]),
            Type::Array(children) if array => Some(children),
            Type::Table(children) if !array => Some(children),
            _ => None,
        }
    }
}

impl Child {
    fn read_named(json: &mut Json<'_>, levels: usize) -> Option<Child> {
        let mut child = Child::default();
        json.list(*b"{}", |json| {
            match &*json.name()? {
                "name" => child.name = Some(STANDARD.decode(&*json.string()?).ok()?),
                "type" => child.is = Type::read_within(json, levels)?,
                _ => return None,
            }
            Some(())
        })?;
        Some(child)
    }
}

/// The value of this type that a JSON text tells; none if it tells none, or arrays and tables lie too deep in it.
pub(super) fn read(text: &[u8], is: &Type) -> Option<Value> {
    let mut json = Json::new(text);
    let value = read_value(&mut json, is, DEPTH_MAX)?;
    json.is_done().then_some(value)
}

fn read_value(json: &mut Json<'_>, is: &Type, levels: usize) -> Option<Value> {
    match json.peek()? {
        b'[' => {
            let (types, levels) = (is.children(true)?, levels.checked_sub(1)?);
            let mut values = Vec::new();
            json.list(*b"[]", |json| {
                let is = types.get(values.len()).map_or(&Type::Told, |child| &child.is);
                values.push(read_value(json, is, levels)?);
                Some(())
            })?;
            Some(Value::Array(values))
        }
        b'{' => {
            let (types, levels) = (is.children(false)?, levels.checked_sub(1)?);
            let mut entries = Vec::new();
            json.list(*b"{}", |json| {
                let shown = json.name()?;
                let child = types.get(entries.len());
                let name = child.and_then(|child| child.name.as_deref()).unwrap_or(shown.as_bytes());
                let name = Bytes::copy_from_slice(name);
                entries.push((name, read_value(json, child.map_or(&Type::Told, |child| &child.is), levels)?));
                Some(())
            })?;
            Some(Value::Table(Headers(entries)))
        }
        b'"' => read_string(&json.string()?, is),
        b'n' => (json.word("null") && *is == Type::Told).then_some(Value::Void),
        b't' | b'f' => {
            let truth = json.word("true");
            let there = truth || json.word("false");
            (there && *is == Type::Told).then_some(Value::Bool(truth))
        }
        _ => read_number(json.number()?, is),
    }
}

fn read_string(text: &str, is: &Type) -> Option<Value> {
    match is {
        Type::Told => Some(Value::Text(Bytes::copy_from_slice(text.as_bytes()))),
        Type::Scalar(Scalar::Text) => STANDARD.decode(text).ok().map(|bytes| Value::Text(bytes.into())),
        Type::Scalar(Scalar::Binary) => STANDARD.decode(text).ok().map(|bytes| Value::Binary(bytes.into())),
        Type::Scalar(float @ (Scalar::F32(_) | Scalar::F64(_))) => float.read(&Bytes::copy_from_slice(text.as_bytes())),
        _ => None,
    }
}

fn read_number(text: &str, is: &Type) -> Option<Value> {
    let scalar = match is {
        Type::Told if text.contains(['.', 'e', 'E']) => Scalar::F64(None),
        Type::Told => Scalar::I64,
        Type::Scalar(Scalar::Text | Scalar::Binary | Scalar::Bool) => return None,
        Type::Scalar(scalar) => *scalar,
        _ => return None,
    };
    scalar.read(&Bytes::copy_from_slice(text.as_bytes()))
}

/// Appends a value as JSON.
pub(super) fn write(value: &Value, out: &mut String) {
    match value {
        Value::Void => out.push_str("null"),
        Value::Text(bytes) | Value::Binary(bytes) => match std::str::from_utf8(bytes) {
            Ok(text) if matches!(value, Value::Text(_)) => write_string(text, out),
            _ => {
                out.push('"');
                STANDARD.encode_string(bytes, out);
                out.push('"');
            }
        },
        Value::Array(values) => {
            write_list(values, "[]", out, write);
        }
        Value::Table(Headers(entries)) => {
            write_list(entries, "{}", out, |(name, value), out| {
                write_string(&String::from_utf8_lossy(name), out);
                out.push(':');
                write(value, out);
            });
        }
        _ if is_unusual(value) => {
            out.push('"');
            write_text(value, out);
            out.push('"');
        }
        _ => write_text(value, out),
    }
}

/// Whether this is a float for which JSON has no number.
fn is_unusual(value: &Value) -> bool {
    match value {
        Value::F32(bits) => !f32::from_bits(*bits).is_finite(),
        Value::F64(bits) => !f64::from_bits(*bits).is_finite(),
        _ => false,
    }
}

fn write_list<T>(items: &[T], brackets: &str, out: &mut String, each: impl Fn(&T, &mut String)) {
    let (open, close) = brackets.split_at(1);
    out.push_str(open);
    for (at, item) in items.iter().enumerate() {
        out.push_str(if at > 0 { "," } else { "" });
        each(item, out);
    }
    out.push_str(close);
}

/// Whether JSON tells this value's type by itself.
fn is_told(value: &Value) -> bool {
    match value {
        Value::Void | Value::Bool(_) | Value::I64(_) => true,
        Value::F64(_) => !is_unusual(value),
        Value::Text(bytes) => std::str::from_utf8(bytes).is_ok(),
        Value::Array(values) => values.iter().all(is_told),
        Value::Table(Headers(entries)) => {
            entries.iter().all(|(name, value)| std::str::from_utf8(name).is_ok() && is_told(value))
        }
        _ => false,
    }
}

/// Appends the type of a value that is not void.
pub(super) fn write_type(value: &Value, out: &mut String) {
    match value {
        Value::Array(_) if is_told(value) => out.push_str("\"array\""),
        Value::Table(_) if is_told(value) => out.push_str("\"table\""),
        Value::Array(values) => {
            out.push_str("{\"array\":");
            write_list(values, "[]", out, write_child);
            out.push('}');
        }
        Value::Table(Headers(entries)) => {
            out.push_str("{\"table\":");
            write_list(entries, "[]", out, |(name, value), out| {
                if std::str::from_utf8(name).is_ok() {
                    return write_child(value, out);
                }
                out.push_str("{\"name\":\"");
                STANDARD.encode_string(name, out);
                out.push_str("\",\"type\":");
                write_child(value, out);
                out.push('}');
            });
            out.push('}');
        }
        _ => {
            out.push('"');
            Scalar::of(value).expect("all others are scalars, void is told").write_name(out);
            out.push('"');
        }
    }
}

fn write_child(value: &Value, out: &mut String) {
    if is_told(value) { out.push_str("null") } else { write_type(value, out) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_come_back_and_nothing_else_is_read_as_bytes() {
        for len in 0..70u8 {
            let bytes: Vec<u8> = (0..len).map(|n| n.wrapping_mul(97) ^ len).collect();
            let (value, mut text) = (Value::Binary(bytes.into()), String::new());
            write(&value, &mut text);
            assert_eq!(read_string(text.trim_matches('"'), &Type::Scalar(Scalar::Binary)), Some(value));
        }
        for wrong in ["Z", "Zg", "Zg=", "Zg===", "Z===", "====", "Zh==", "Zm9=", "Z!==", "-_8=", "Zg==Zg=="] {
            assert_eq!(read_string(wrong, &Type::Scalar(Scalar::Binary)), None, "{wrong}");
        }
    }
}
