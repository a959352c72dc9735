//! The header `x-types`: the types of the headers behind it that are not plain, and what else a record does not tell.
//!
//! ```text
//!   {"n":"i32","t":"table","twice":["i64",null],"@@at":"bool","@time":null,"@key":0}
//!     │         │            │                   │              │            └ place of the header x-kafka-key
//!     │         │            │                   │              └ the message tells no time; or when it was, in ms
//!     │         │            │                   └ a name that begins with @
//!     │         │            └ each of the headers of this name, in order; null: plain
//!     └─────────┴ types, see `scalars` and `nested`
//! ```
//! Plain is what a record of any client is taken for: text if the bytes are UTF-8, else binary; null is void.

use super::json::{Json, write_string};
use super::nested::{self, Type};
use bytes::Bytes;
use foldhash::fast::RandomState;
use narumq_model::Value;
use smallvec::SmallVec;
use std::collections::HashMap;

/// The header's name.
pub(super) const NAME: &str = "x-types";
/// Longer names of headers cannot come from where arrays and tables do; theirs stay text.
const NESTED_NAME_BYTES_MAX: usize = 255;

/// What `x-types` says.
#[derive(Debug, Default)]
pub(super) struct Types {
    by_name: HashMap<Vec<u8>, Slot, RandomState>,
    /// If said, the message's own time in milliseconds, or that it has none.
    pub(super) time: Option<Option<i64>>,
    /// If said, at which place among the headers the key stood.
    pub(super) key_at: Option<usize>,
}

#[derive(Debug)]
struct Slot {
    types: SmallVec<[Type; 1]>,
    next: usize,
}

impl Types {
    /// Reads the value of the header; none if it is no such thing.
    pub(super) fn read(text: &[u8]) -> Option<Types> {
        let (mut types, mut json) = (Types::default(), Json::new(text));
        json.list(*b"{}", |json| types.read_member(json))?;
        json.is_done().then_some(types)
    }

    fn read_member(&mut self, json: &mut Json<'_>) -> Option<()> {
        let name = json.name()?;
        match &*name {
            "@key" => self.key_at = Some(json.number()?.parse().ok()?),
            "@time" if json.word("null") => self.time = Some(None),
            "@time" => self.time = Some(Some(json.number()?.parse().ok()?)),
            _ => {
                let name = match name.strip_prefix('@') {
                    Some(name) => name.starts_with('@').then_some(name)?,
                    None => &name,
                };
                let mut types = SmallVec::new();
                if json.peek() == Some(b'[') {
                    json.list(*b"[]", |json| {
                        types.push(Type::read(json)?);
                        Some(())
                    })?;
                } else {
                    types.push(Type::read(json)?);
                }
                self.by_name.insert(name.as_bytes().to_vec(), Slot { types, next: 0 });
            }
        }
        Some(())
    }

    /// The value of the next header with this key.
    pub(super) fn value(&mut self, key: &[u8], bytes: Option<&Bytes>) -> Value {
        let Some(slot) = self.by_name.get_mut(key) else { return plain(bytes) };
        let is = slot.types.get(slot.next).unwrap_or(&Type::Told);
        slot.next += 1;
        let typed = bytes.and_then(|bytes| match is {
            Type::Told => None,
            Type::Scalar(scalar) => scalar.read(bytes),
            Type::Array(_) | Type::Table(_) if key.len() > NESTED_NAME_BYTES_MAX => None,
            Type::Array(_) | Type::Table(_) => {
                let value = nested::read(bytes, is)?;
                (matches!(value, Value::Array(_)) == matches!(is, Type::Array(_))).then_some(value)
            }
        });
        typed.unwrap_or_else(|| plain(bytes))
    }
}

/// What bytes are taken for of which nothing more is known.
pub(super) fn plain(bytes: Option<&Bytes>) -> Value {
    match bytes {
        None => Value::Void,
        Some(bytes) if std::str::from_utf8(bytes).is_ok() => Value::Text(bytes.clone()),
        Some(bytes) => Value::Binary(bytes.clone()),
    }
}

/// Whether a value is taken for what it is without its type.
pub(super) fn is_plain(value: &Value) -> bool {
    match value {
        Value::Void => true,
        Value::Text(bytes) => std::str::from_utf8(bytes).is_ok(),
        Value::Binary(bytes) => std::str::from_utf8(bytes).is_err(),
        _ => false,
    }
}

/// What is to be said of a record beside the types of its headers.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Notes {
    pub(super) time: Option<Option<i64>>,
    pub(super) key_at: Option<usize>,
}

/// Appends what [`Types::read`] reads, of these headers with their keys.
pub(super) fn write(headers: &[(&str, &Value)], notes: Notes, out: &mut String) {
    let mut groups: Vec<(&str, SmallVec<[&Value; 1]>)> = Vec::new();
    let mut group_of: HashMap<&str, usize, RandomState> = HashMap::default();
    for (key, value) in headers {
        let group = *group_of.entry(key).or_insert(groups.len());
        match groups.get_mut(group) {
            Some((_, values)) => values.push(value),
            None => groups.push((key, SmallVec::from_slice(&[*value]))),
        }
    }
    out.push('{');
    let from = out.len();
    for (key, values) in groups.iter().filter(|(_, values)| !values.iter().all(|value| is_plain(value))) {
        begin(key, key.starts_with('@'), from, out);
        match &values[..] {
            [value] => nested::write_type(value, out),
            several => {
                for (at, value) in several.iter().enumerate() {
                    out.push(if at == 0 { '[' } else { ',' });
                    if is_plain(value) { out.push_str("null") } else { nested::write_type(value, out) }
                }
                out.push(']');
            }
        }
    }
    if let Some(time) = notes.time {
        begin("@time", false, from, out);
        match time {
            Some(ms) => super::put(out, format_args!("{ms}")),
            None => out.push_str("null"),
        }
    }
    if let Some(at) = notes.key_at {
        begin("@key", false, from, out);
        super::put(out, format_args!("{at}"));
    }
    out.push('}');
}

/// Begins a member, its name led by one more `@` if `marked`.
fn begin(name: &str, marked: bool, from: usize, out: &mut String) {
    out.push_str(if out.len() > from { "," } else { "" });
    if marked {
        write_string(&format!("@{name}"), out)
    } else {
        write_string(name, out)
    }
    out.push(':');
}
