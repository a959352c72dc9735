//! One value of a listing, and its two notations: in a table, and in JSON.
//!
//! ```text
//!              table                                    JSON
//! arguments    [{"x-max-length",5},{"a",[1,"b"]}]       [["x-max-length","signedint",5],["a","array",{...}]]
//! names        [administrator, management]              ["administrator","management"]
//! address      127.0.0.1                                [127,0,0,1]
//! ```
//! Texts within arguments are lists of characters there: printable ones in quotes (Latin-1 only), others as numbers, the
//! empty one as `[]`; a list of numbers that all are printable characters is shown as a text for the same reason.

use crate::float;
use serde_json::{Map, Value};
use std::fmt::Write;
use std::net::IpAddr;

/// One value of a listing.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Cell {
    /// Nothing: an empty field.
    Nothing,
    /// Text, shown as it is.
    Text(String),
    /// A number or a truth value.
    Scalar(Value),
    /// A list of names.
    Names(Vec<String>),
    /// Pairs of names.
    Pairs(Vec<(String, String)>),
    /// A network address.
    Address(IpAddr),
    /// A tuple of numbers.
    Numbers(Vec<u64>),
    /// A table of arguments.
    Arguments(Map<String, Value>),
}

impl Cell {
    /// The cell for a value that is text, number, truth value, list of texts or nothing.
    pub(crate) fn plain(value: &Value) -> Self {
        match value {
            Value::Null => Self::Nothing,
            Value::String(text) => Self::Text(text.clone()),
            Value::Bool(_) | Value::Number(_) => Self::Scalar(value.clone()),
            Value::Array(values) => Self::Names(values.iter().map(text_of).collect()),
            Value::Object(object) => Self::Pairs(object.iter().map(|(k, v)| (k.clone(), text_of(v))).collect()),
        }
    }

    /// The cell of a table of arguments; anything else is an empty one.
    pub(crate) fn arguments(value: &Value) -> Self {
        Self::Arguments(value.as_object().cloned().unwrap_or_default())
    }

    /// The cell of an address; text that is none is shown as text.
    pub(crate) fn address(value: &Value) -> Self {
        match value.as_str().map(str::parse) {
            Some(Ok(address)) => Self::Address(address),
            _ => Self::plain(value),
        }
    }

    /// As a table shows it.
    pub(crate) fn in_table(&self) -> String {
        match self {
            Self::Nothing => String::new(),
            Self::Text(text) => text.clone(),
            Self::Scalar(value) => scalar(value),
            Self::Names(names) => format!("[{}]", names.join(", ")),
            Self::Pairs(pairs) => {
                let pairs: Vec<String> = pairs.iter().map(|(name, value)| format!("{{{name}, {value}}}")).collect();
                format!("[{}]", pairs.join(", "))
            }
            Self::Address(address) => address.to_string(),
            Self::Numbers(numbers) => format!("{{{}}}", join(numbers)),
            Self::Arguments(table) => table_term(table),
        }
    }

    /// As JSON.
    pub(crate) fn in_json(&self, out: &mut String) {
        match self {
            Self::Nothing => json_text("", out),
            Self::Text(text) => json_text(text, out),
            Self::Scalar(value) => out.push_str(&scalar(value)),
            Self::Names(names) => {
                out.push('[');
                separated(names, out, |name, out| json_text(name, out));
                out.push(']');
            }
            Self::Pairs(pairs) => {
                out.push('{');
                separated(pairs, out, |(name, value), out| {
                    json_text(name, out);
                    out.push(':');
                    json_text(value, out);
                });
                out.push('}');
            }
            Self::Address(IpAddr::V4(address)) => out.push_str(&format!("[{}]", join(&address.octets()))),
            Self::Address(IpAddr::V6(address)) => out.push_str(&format!("[{}]", join(&address.segments()))),
            Self::Numbers(numbers) => out.push_str(&format!("[{}]", join(numbers))),
            Self::Arguments(table) => json_table(table, out),
        }
    }
}

fn text_of(value: &Value) -> String {
    value.as_str().map_or_else(|| scalar(value), str::to_owned)
}

fn join<T: ToString>(numbers: &[T]) -> String {
    numbers.iter().map(T::to_string).collect::<Vec<_>>().join(",")
}

fn separated<T>(items: impl IntoIterator<Item = T>, out: &mut String, mut write: impl FnMut(T, &mut String)) {
    for (at, item) in items.into_iter().enumerate() {
        if at > 0 {
            out.push(',');
        }
        write(item, out);
    }
}

fn scalar(value: &Value) -> String {
    match value {
        Value::Number(number) if number.is_f64() => float::show(number.as_f64().unwrap_or(0.0)),
        other => other.to_string(),
    }
}

/// `[{"name",value},...]`
fn table_term(table: &Map<String, Value>) -> String {
    let mut out = String::from("[");
    separated(table, &mut out, |(name, value), out| {
        let _ = write!(out, "{{{},{}}}", text_term(name), term(value));
    });
    out.push(']');
    out
}

fn term(value: &Value) -> String {
    match value {
        Value::Null => "undefined".into(),
        Value::String(text) => text_term(text),
        Value::Object(table) => table_term(table),
        Value::Array(values) => match characters(values) {
            Some(text) => text_term(&text),
            None => format!("[{}]", values.iter().map(term).collect::<Vec<_>>().join(",")),
        },
        scalar_value => scalar(scalar_value),
    }
}

/// The text that a list of numbers is taken for, if it is not empty and all are printable characters.
fn characters(values: &[Value]) -> Option<String> {
    let character = |value: &Value| {
        let number = u32::try_from(value.as_u64()?).ok()?;
        char::from_u32(number).filter(|&c| is_printable(c))
    };
    (!values.is_empty()).then(|| values.iter().map(character).collect())?
}

fn is_printable(c: char) -> bool {
    matches!(c, ' '..='~' | '\u{a0}'..='\u{ff}' | '\n' | '\r' | '\t' | '\u{b}' | '\u{8}' | '\u{c}' | '\u{1b}')
}

fn text_term(text: &str) -> String {
    if text.is_empty() {
        return "[]".into();
    }
    if !text.chars().all(is_printable) {
        return format!("[{}]", join(&text.chars().map(u32::from).collect::<Vec<_>>()));
    }
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{b}' => out.push_str("\\v"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            '\u{1b}' => out.push_str("\\e"),
            plain => out.push(plain),
        }
    }
    out.push('"');
    out
}

/// Name, type and value of each entry. JSON does not tell the width of integers: what fits 32 bits counts as such.
fn json_table(table: &Map<String, Value>, out: &mut String) {
    out.push('[');
    separated(table, out, |(name, value), out| {
        out.push('[');
        json_text(name, out);
        let _ = write!(out, ",\"{}\",", type_name(value));
        json_value(value, out);
        out.push(']');
    });
    out.push(']');
}

/// A list is an object of types and values there, with a name as often as there are values of that type.
fn json_value(value: &Value, out: &mut String) {
    match value {
        Value::Null => json_text("undefined", out),
        Value::String(text) => json_text(text, out),
        Value::Object(table) => json_table(table, out),
        Value::Array(values) if values.is_empty() => out.push_str("[]"),
        Value::Array(values) => {
            out.push('{');
            separated(values, out, |value, out| {
                let _ = write!(out, "\"{}\":", type_name(value));
                json_value(value, out);
            });
            out.push('}');
        }
        scalar_value => out.push_str(&scalar(scalar_value)),
    }
}

fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "void",
        Value::Bool(_) => "bool",
        Value::String(_) => "longstr",
        Value::Array(_) => "array",
        Value::Object(_) => "table",
        Value::Number(number) => match number.as_i64() {
            Some(integer) if i32::try_from(integer).is_ok() => "signedint",
            None if number.is_f64() => "double",
            _ => "long",
        },
    }
}

/// A JSON text; only what must be escaped is.
pub(crate) fn json_text(text: &str, out: &mut String) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\u{8}' => out.push_str("\\b"),
            '\t' => out.push_str("\\t"),
            '\n' => out.push_str("\\n"),
            '\u{c}' => out.push_str("\\f"),
            '\r' => out.push_str("\\r"),
            control if control < ' ' => {
                let _ = write!(out, "\\u{:04X}", u32::from(control));
            }
            plain => out.push(plain),
        }
    }
    out.push('"');
}

#[cfg(test)]
mod tests;
