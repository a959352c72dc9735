//! Headers of one name that come more than once, in a table that shows the last of them.
//!
//! ```text
//!   a=1 b=2 a=3        ─►  x-dup-places: [[0]]  x-dup:a: [1, 3]  b=2 a=3
//!   x-dup-places=v     ─►  x-dup-places: []  x-dup-places=v                 so that the user's own is not taken for ours
//! ```
//! The places are those of all but the last, among the headers as they were; there are as many lists as `x-dup:` follow.

use super::reserved::{DUPLICATE_PLACES, DUPLICATES, Entry};
use bytes::Bytes;
use foldhash::fast::RandomState;
use narumq_model::{Value, limits};
use std::collections::HashMap;

/// One name that comes more than once.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Duplicate {
    pub(super) name: Bytes,
    /// Where they stand, ascending.
    pub(super) places: Vec<usize>,
    /// All of them, in order.
    pub(super) values: Vec<Value>,
}

impl Duplicate {
    /// The places of those that are not shown.
    pub(super) fn earlier(&self) -> &[usize] {
        &self.places[..self.places.len().saturating_sub(1)]
    }
}

/// Tables with few entries are compared each with each.
const FEW: usize = 12;

/// Whether no name comes twice.
pub(super) fn are_unique(headers: &[impl Entry]) -> bool {
    if headers.len() <= FEW {
        let again = |(at, entry): (usize, &_)| headers[..at].iter().any(|earlier| earlier.name() == Entry::name(entry));
        return !headers.iter().enumerate().any(again);
    }
    let mut seen = std::collections::HashSet::with_capacity_and_hasher(headers.len(), RandomState::default());
    headers.iter().all(|entry| seen.insert(entry.name()))
}

/// The names that come more than once, by the place of their last. Those whose values lie too deep to be put into an array are
/// none.
pub(super) fn find(headers: &[&(Bytes, Value)]) -> Vec<Duplicate> {
    if are_unique(headers) {
        return Vec::new();
    }
    let mut places: HashMap<&Bytes, Vec<usize>, RandomState> = HashMap::default();
    for (at, (name, _)) in headers.iter().enumerate() {
        places.entry(name).or_default().push(at);
    }
    let duplicate = |(name, places): (&Bytes, Vec<usize>)| {
        let values = places.iter().map(|at| headers[*at].1.clone()).collect();
        Duplicate { name: name.clone(), places, values }
    };
    let several = places.into_iter().filter(|(_, places)| places.len() > 1).map(duplicate);
    let mut found: Vec<_> = several.filter(|found| found.values.iter().all(fits_an_array)).collect();
    found.sort_by_key(|duplicate| duplicate.places.last().copied());
    found
}

fn fits_an_array(value: &Value) -> bool {
    // The headers are one level, the array another.
    is_within(value, limits::TABLE_DEPTH_MAX - 2)
}

fn is_within(value: &Value, levels: usize) -> bool {
    match value {
        Value::Array(values) => levels > 0 && values.iter().all(|value| is_within(value, levels - 1)),
        Value::Table(headers) => levels > 0 && headers.0.iter().all(|(_, value)| is_within(value, levels - 1)),
        _ => true,
    }
}

/// The headers that say where they stood and what they were; `shown` is what will stand behind. Their names fit.
pub(super) fn headers(duplicates: &[Duplicate], shown: &[impl Entry]) -> Vec<(Bytes, Value)> {
    if duplicates.is_empty() && shown.first().is_none_or(|first| first.name() != DUPLICATE_PLACES) {
        return Vec::new();
    }
    let earlier =
        |duplicate: &Duplicate| Value::Array(duplicate.earlier().iter().map(|at| Value::I64(*at as i64)).collect());
    let places = Value::Array(duplicates.iter().map(earlier).collect());
    let values = |duplicate: &Duplicate| {
        let name = [DUPLICATES, &duplicate.name].concat();
        (name.into(), Value::Array(duplicate.values.clone()))
    };
    std::iter::once((Bytes::from_static(DUPLICATE_PLACES), places)).chain(duplicates.iter().map(values)).collect()
}

/// All headers as they were, of what stands behind those for other things; none if it was not made so.
pub(super) fn restore(rest: &[(Bytes, Value)]) -> Option<Vec<(Bytes, Value)>> {
    let (places, behind) = match rest.split_first() {
        Some(((name, Value::Array(places)), behind)) if name == DUPLICATE_PLACES => (places, behind),
        Some(((name, _), _)) if name == DUPLICATE_PLACES => return None,
        _ => return are_unique(rest).then(|| rest.to_vec()),
    };
    let (arrays, shown) = behind.split_at_checked(places.len())?;
    if !are_unique(shown) {
        return None;
    }
    let mut earlier: HashMap<usize, (Bytes, Value), RandomState> = HashMap::default();
    for (places, (name, values)) in places.iter().zip(arrays) {
        let (Value::Array(places), Value::Array(values)) = (places, values) else { return None };
        name.starts_with(DUPLICATES).then_some(())?;
        for (place, value) in places.iter().zip(values) {
            let place = place.as_integer().and_then(|at| usize::try_from(at).ok())?;
            earlier.insert(place, (name.slice(DUPLICATES.len()..), value.clone()));
        }
    }
    let (mut all, mut left) = (Vec::new(), shown.iter());
    while let Some(entry) = earlier.remove(&all.len()).or_else(|| left.next().cloned()) {
        all.push(entry);
    }
    // Whatever it says: it counts only if writing it gives the same.
    let found = find(&all.iter().collect::<Vec<_>>());
    let again = headers(&found, shown);
    (earlier.is_empty() && again == rest[..rest.len() - shown.len()] && hides(&found, &all, shown)).then_some(all)
}

/// Whether of all headers just these are shown.
fn hides(found: &[Duplicate], all: &[(Bytes, Value)], shown: &[(Bytes, Value)]) -> bool {
    let mut hidden = vec![false; all.len()];
    found.iter().flat_map(Duplicate::earlier).for_each(|at| hidden[*at] = true);
    let left = all.iter().zip(hidden).filter(|(_, hidden)| !hidden).map(|(entry, _)| entry);
    left.eq(shown)
}
