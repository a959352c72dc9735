//! Headers exchanges: a message's headers against a binding's arguments.
//!
//! An argument without value asks only that the header is there. Otherwise the values must be the same: integers of
//! all widths compare by number, and so do floats of both widths; text and bytes compare by their bytes; all else by
//! type and value. Of headers with the same name the first one counts.

use narumq_model::{HeaderMatch, Headers, RESERVED_HEADER_PREFIX, Value};
use smallvec::SmallVec;

/// What follows the reserved prefix in the name of the argument that says how to match. It is kept among the arguments,
/// as bindings are compared and listed with it, but no message has to carry it.
const MODE_AFTER_PREFIX: &[u8] = b"match";

/// A message's headers, sorted so that each of many bindings looks its few names up quickly.
pub(super) struct ByName<'a>(SmallVec<[(&'a [u8], &'a Value); 16]>);

impl<'a> ByName<'a> {
    /// Sorts the headers; of a name that occurs twice the first value stays.
    pub(super) fn new(headers: &'a Headers) -> Self {
        let mut sorted: SmallVec<[_; 16]> = headers.0.iter().map(|(name, value)| (name.as_ref(), value)).collect();
        sorted.sort_by_key(|&(name, _)| name);
        sorted.dedup_by_key(|&mut (name, _)| name);
        Self(sorted)
    }

    /// Whether the headers are what a binding asks for. No arguments: `All` is satisfied, `Any` is not.
    pub(super) fn satisfies(&self, arguments: &Headers, mode: HeaderMatch) -> bool {
        let (all, with_reserved) = match mode {
            HeaderMatch::All => (true, false),
            HeaderMatch::Any => (false, false),
            HeaderMatch::AllWithReserved => (true, true),
            HeaderMatch::AnyWithReserved => (false, true),
        };
        let mut asked = arguments.0.iter().filter(|(name, _)| match name.strip_prefix(RESERVED_HEADER_PREFIX) {
            Some(rest) => with_reserved && rest != MODE_AFTER_PREFIX,
            None => true,
        });
        if all {
            asked.all(|(name, value)| self.carries(name, value))
        } else {
            asked.any(|(name, value)| self.carries(name, value))
        }
    }

    fn carries(&self, name: &[u8], asked: &Value) -> bool {
        match self.0.binary_search_by_key(&name, |&(name, _)| name) {
            Ok(index) => *asked == Value::Void || equal(asked, self.0[index].1),
            Err(_) => false,
        }
    }
}

/// `Value::same`, and widths of floats and the two kinds of byte strings do not matter either.
fn equal(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Text(a), Value::Binary(b)) | (Value::Binary(a), Value::Text(b)) => a == b,
        (Value::F32(a), Value::F64(b)) | (Value::F64(b), Value::F32(a)) => {
            f64::from(f32::from_bits(*a)) == f64::from_bits(*b)
        }
        _ => a.same(b),
    }
}
