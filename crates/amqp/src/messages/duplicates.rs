//! Headers of one name that come more than once, in a table that shows the last of them.
//!
//! ```text
//!   a=1 b=2 a=3        ─►  x-dup-places: [[0]]  x-dup:a: [1, 3]  b=2 a=3
//!   a=1 a=3 b=2        ─►  x-dup:a: [1, 3]  a=3 b=2                           without places they stand together
//! ```

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

/// The headers that say where they stood and what they were; `x-dup:` names fit if the names do.
pub(super) fn headers(duplicates: &[Duplicate]) -> Vec<(Bytes, Value)> {
    let mut headers = Vec::new();
    if duplicates.iter().any(|duplicate| !stand_together(&duplicate.places)) {
        let earlier = |duplicate: &Duplicate| {
            let (_, earlier) = duplicate.places.split_last().expect("each comes at least twice");
            Value::Array(earlier.iter().map(|at| Value::I64(*at as i64)).collect())
        };
        let places = duplicates.iter().map(earlier).collect();
        headers.push((Bytes::from_static(DUPLICATE_PLACES), Value::Array(places)));
    }
    let values = |duplicate: &Duplicate| {
        let name = [DUPLICATES, &duplicate.name].concat();
        (name.into(), Value::Array(duplicate.values.clone()))
    };
    headers.extend(duplicates.iter().map(values));
    headers
}

fn stand_together(places: &[usize]) -> bool {
    places.windows(2).all(|pair| pair[0] + 1 == pair[1])
}

/// All headers again: `lead` is what [`headers`] made, `shown` what stands behind it. None if it was not made so.
pub(super) fn restore(lead: &[(Bytes, Value)], shown: &[(Bytes, Value)]) -> Option<Vec<(Bytes, Value)>> {
    let (places, arrays) = match lead.first()? {
        (name, Value::Array(places)) if name == DUPLICATE_PLACES => (Some(places), &lead[1..]),
        _ => (None, lead),
    };
    let mut extra: HashMap<&[u8], &[Value], RandomState> = HashMap::default();
    for (name, values) in arrays {
        let Value::Array(values) = values else { return None };
        extra.insert(name.strip_prefix(DUPLICATES)?, values);
    }
    let all = match places {
        None => together(&extra, shown)?,
        Some(places) => apart(places, arrays, shown)?,
    };
    // Whatever it says: it counts only if writing it gives the same.
    let found = find(&all.iter().collect::<Vec<_>>());
    (headers(&found) == lead && all.len() == shown.len() + earlier_count(&found)).then_some(all)
}

fn earlier_count(found: &[Duplicate]) -> usize {
    found.iter().map(|duplicate| duplicate.places.len() - 1).sum()
}

fn together(extra: &HashMap<&[u8], &[Value], RandomState>, shown: &[(Bytes, Value)]) -> Option<Vec<(Bytes, Value)>> {
    let mut all = Vec::with_capacity(shown.len());
    for (name, value) in shown {
        if let Some(values) = extra.get(&name[..]) {
            let (last, earlier) = values.split_last()?;
            (last == value).then_some(())?;
            all.extend(earlier.iter().map(|earlier| (name.clone(), earlier.clone())));
        }
        all.push((name.clone(), value.clone()));
    }
    Some(all)
}

fn apart(places: &[Value], arrays: &[(Bytes, Value)], shown: &[(Bytes, Value)]) -> Option<Vec<(Bytes, Value)>> {
    let mut earlier: HashMap<usize, (Bytes, Value), RandomState> = HashMap::default();
    for (places, (name, values)) in places.iter().zip(arrays) {
        let (Value::Array(places), Value::Array(values)) = (places, values) else { return None };
        for (place, value) in places.iter().zip(values) {
            let name = name.slice(DUPLICATES.len()..);
            let place = place.as_integer().and_then(|at| usize::try_from(at).ok())?;
            earlier.insert(place, (name, value.clone()));
        }
    }
    let (mut all, mut shown) = (Vec::new(), shown.iter());
    while let Some(entry) = earlier.remove(&all.len()).or_else(|| shown.next().cloned()) {
        all.push(entry);
    }
    earlier.is_empty().then_some(all)
}
