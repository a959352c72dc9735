//! States in parts: what has not changed since the last State is not written again.
//!
//! A State of up to [`INLINE_MAX`] bytes stands in its root. A larger one is cut into parts of at most [`PART_MAX`] bytes by
//! its owner, in a way that a change moves no other part; the root lists the parts that hold.

use foldhash::quality::FixedState;
use narumq_log::{Entry, Kind, Log};
use narumq_model::{Lsn, ObjectId, Time};
use std::collections::HashMap;
use std::hash::BuildHasher;

/// Bytes of a State up to which it is not divided.
pub(crate) const INLINE_MAX: usize = 16 << 10;
/// Bytes of a part at most, unless one item alone is larger.
pub(crate) const PART_MAX: usize = 64 << 10;

/// A number that tells contents apart, the same in every process.
pub(crate) fn hash(bytes: &[u8]) -> u64 {
    FixedState::default().hash_one(bytes)
}

/// The parts that the newest root lists.
#[derive(Debug, Default)]
pub(crate) struct Parts(Vec<Kept>);

#[derive(Clone, Copy, Debug)]
struct Kept {
    part: u64,
    lsn: Lsn,
    hash: u64,
}

impl Parts {
    /// Their numbers, in the order in which they were given.
    pub(crate) fn numbers(&self) -> impl Iterator<Item = u64> {
        self.0.iter().map(|kept| kept.part)
    }

    /// Appends a State: those of `parts` that have changed or were written before `from`, then its root. The object's lock
    /// is held.
    pub(crate) fn write(&mut self, log: &Log, like: &Entry<'_>, from: Lsn, root: &[u8], parts: &[(u64, Vec<u8>)]) {
        let old: HashMap<u64, Kept> = self.0.drain(..).map(|kept| (kept.part, kept)).collect();
        for (part, data) in parts {
            let hash = hash(data);
            let kept = old.get(part).filter(|kept| kept.hash == hash && kept.lsn >= from);
            let append = || Kept { part: *part, lsn: log.append(&Entry { part: *part, data, ..*like }).lsn, hash };
            self.0.push(kept.copied().unwrap_or_else(append));
        }
        let listed: Vec<(u64, Lsn)> = self.0.iter().map(|kept| (kept.part, kept.lsn)).collect();
        log.append(&Entry { parts: &listed, data: root, ..*like });
    }
}

/// What every entry of a State of this object has in common.
pub(crate) fn state_of<'a>(object: ObjectId, now: Time) -> Entry<'a> {
    Entry::new(Kind::State, object, now)
}

/// Parts that were found while the log is read: some root lists them, or will.
#[derive(Debug, Default)]
pub(crate) struct FoundParts {
    found: HashMap<(u64, Lsn), Vec<u8>>,
    /// A root that lists a part which was not found, unless a later root has come.
    missing: Option<Lsn>,
}

impl FoundParts {
    pub(crate) fn take(&mut self, part: u64, lsn: Lsn, data: &[u8]) {
        self.found.insert((part, lsn), data.to_vec());
    }

    /// A root has come: the parts that it lists.
    pub(crate) fn listed(&mut self, root: Lsn, listed: &[(u64, Lsn)]) -> (Parts, Vec<&[u8]>) {
        self.found.retain(|place, _| listed.contains(place));
        self.missing = (self.found.len() < listed.len()).then_some(root);
        let there = || listed.iter().filter_map(|place| self.found.get(place).map(|data| (place, data)));
        let kept = there().map(|((part, lsn), data)| Kept { part: *part, lsn: *lsn, hash: hash(data) }).collect();
        (Parts(kept), there().map(|(_, data)| data.as_slice()).collect())
    }

    /// The newest root, if a part that it lists was not found.
    pub(crate) fn missing(&self) -> Option<Lsn> {
        self.missing
    }
}
