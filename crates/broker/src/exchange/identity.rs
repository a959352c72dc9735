//! When two bindings are the same: destination, key and arguments, the arguments in any order.
//!
//! Clients keep arguments in maps that give no order, so that the unbinding may list them otherwise than the binding
//! did. Types count: a 32-bit 1 and a 64-bit 1 make two bindings. Inside a nested table the order counts.

use bytes::Bytes;
use narumq_model::{Headers, Value};
use smallvec::SmallVec;
use std::hash::{BuildHasher, Hash, Hasher};
use std::mem::discriminant;

/// A hash that is equal for the same bindings.
pub(super) fn hash(hasher: &impl BuildHasher, key: &[u8], arguments: &Headers, destination: &impl Hash) -> u64 {
    // The sum makes the order of the arguments irrelevant.
    let arguments = arguments.0.iter().map(|argument| {
        let mut state = hasher.build_hasher();
        hash_pair(argument, &mut state);
        state.finish()
    });
    hasher.hash_one((key, destination, arguments.fold(0, u64::wrapping_add)))
}

/// Whether two lists of arguments are equal but for the order of differing names.
pub(super) fn same_arguments(a: &Headers, b: &Headers) -> bool {
    a.0.len() == b.0.len() && (a == b || sorted(a) == sorted(b))
}

fn sorted(arguments: &Headers) -> SmallVec<[&(Bytes, Value); 8]> {
    let mut sorted: SmallVec<[_; 8]> = arguments.0.iter().collect();
    sorted.sort_by(|a, b| a.0.cmp(&b.0));
    sorted
}

fn hash_pair((name, value): &(Bytes, Value), state: &mut impl Hasher) {
    name.hash(state);
    hash_value(value, state);
}

/// Recurses as deep as the value is nested, which its decoder has bounded.
fn hash_value(value: &Value, state: &mut impl Hasher) {
    discriminant(value).hash(state);
    match value {
        Value::Void => {}
        Value::Bool(v) => v.hash(state),
        Value::I8(v) => v.hash(state),
        Value::U8(v) => v.hash(state),
        Value::I16(v) => v.hash(state),
        Value::U16(v) => v.hash(state),
        Value::I32(v) => v.hash(state),
        Value::U32(v) | Value::F32(v) => v.hash(state),
        Value::I64(v) => v.hash(state),
        Value::F64(v) | Value::Timestamp(v) => v.hash(state),
        Value::Decimal { scale, value } => (scale, value).hash(state),
        Value::Text(v) | Value::Binary(v) => v.hash(state),
        Value::Array(values) => {
            values.len().hash(state);
            values.iter().for_each(|value| hash_value(value, state));
        }
        Value::Table(table) => {
            table.0.len().hash(state);
            table.0.iter().for_each(|pair| hash_pair(pair, state));
        }
    }
}
