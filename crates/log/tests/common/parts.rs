//! A State in parts: an object of even id keeps its messages in parts of 32 sequences, written when they have changed.

use super::world::ObjectState;
use narumq_log::{Entry, Kind, Log, varint};
use narumq_model::{Lsn, ObjectId, Time};
use std::collections::BTreeMap;

/// How many sequences a part covers.
const SPAN: u64 = 32;

/// The parts that hold: number → entry and content.
pub type Parts = BTreeMap<u64, (Lsn, Vec<u8>)>;

fn numbers(numbers: impl ExactSizeIterator<Item = u64>) -> Vec<u8> {
    let mut out = Vec::new();
    varint::put(&mut out, numbers.len() as u64);
    numbers.for_each(|n| varint::put(&mut out, n));
    out
}

/// Appends the State: root = value | next | count | seqs, part = count | seqs, all varints. Where a message lies does not
/// stand in it.
pub fn checkpoint(log: &Log, id: ObjectId, state: &mut ObjectState, from: Lsn) {
    let mut spans: BTreeMap<u64, Vec<u64>> = BTreeMap::new();
    let mut root = Vec::new();
    [state.value, state.next].iter().for_each(|n| varint::put(&mut root, *n));
    if id.0.is_multiple_of(2) {
        state.live.keys().for_each(|seq| spans.entry(seq / SPAN + 1).or_default().push(*seq));
        root.extend(numbers([].into_iter()));
    } else {
        root.extend(numbers(state.live.keys().copied()));
    }
    let old = std::mem::take(&mut state.parts);
    for (part, seqs) in spans {
        let content = numbers(seqs.into_iter());
        let kept = old.get(&part).filter(|(lsn, before)| *before == content && *lsn >= from);
        let entry = Entry { part, ..Entry::new(Kind::State, id, Time(5)).with_data(&content) };
        let lsn = kept.map_or_else(|| log.append(&entry).lsn, |(lsn, _)| *lsn);
        state.parts.insert(part, (lsn, content));
    }
    let parts: Vec<(u64, Lsn)> = state.parts.iter().map(|(part, (lsn, _))| (*part, *lsn)).collect();
    log.append(&Entry { parts: &parts, ..Entry::new(Kind::State, id, Time(5)).with_data(&root) });
}

/// Reads `count | seqs`.
pub fn read_numbers(data: &[u8], at: &mut usize) -> Vec<u64> {
    let mut number = || varint::get(data, at).expect("a State is whole");
    (0..number()).map(|_| number()).collect()
}
