//! Entries of the log that answers may not speak of yet, although they are durable.
//!
//! A rejected message that must be read before it can be buried is buried after the call that rejected it. The answer
//! to that call waits for an entry of its own; it is held back here, and with it all that comes behind it, until the
//! burial is durable.
//!
//! ```text
//! log      … 70 │ 71 rejected │ 72 │ 73 │ 74 buried │ 75 …
//! held          71 ───── until ──────► 74
//! durable  answers speak of 70 at most until 74 is durable
//! ```

use crate::core::lock;
use narumq_model::Lsn;
use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

/// What is held back, with the entry that keeps the promise once that is known.
#[derive(Debug)]
pub(crate) struct Promises {
    held: Mutex<BTreeMap<Lsn, Option<Lsn>>>,
    /// The first of them, if any.
    first: AtomicU64,
}

impl Default for Promises {
    fn default() -> Self {
        Self { held: Mutex::default(), first: AtomicU64::new(u64::MAX) }
    }
}

impl Promises {
    /// Holds an entry back.
    pub(crate) fn hold(&self, entry: Lsn) {
        let mut held = lock(&self.held);
        held.insert(entry, None);
        self.first.fetch_min(entry.0, Ordering::Release);
    }

    /// What was promised for `entry` is done once `lsn` is durable. Workers are to look again.
    pub(crate) fn keep(&self, entry: Lsn, lsn: Lsn) {
        if let Some(kept) = lock(&self.held).get_mut(&entry) {
            *kept = Some(lsn);
        }
    }

    /// What answers may speak of when everything up to `durable` is durable.
    #[inline]
    pub(crate) fn durable(&self, durable: Lsn) -> Lsn {
        if durable.0 < self.first.load(Ordering::Acquire) {
            return durable;
        }
        let mut held = lock(&self.held);
        while let Some(first) = held.first_entry() {
            if first.get().is_none_or(|lsn| lsn > durable) {
                self.first.store(first.key().0, Ordering::Release);
                return durable.min(Lsn(first.key().0 - 1));
            }
            first.remove();
        }
        self.first.store(u64::MAX, Ordering::Release);
        durable
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_held_back_ends_what_answers_may_speak_of() {
        let promises = Promises::default();
        let spoken = |durable: u64| promises.durable(Lsn(durable)).0;
        assert_eq!(spoken(100), 100);
        promises.hold(Lsn(103));
        promises.hold(Lsn(101));
        assert_eq!([spoken(99), spoken(100), spoken(101), spoken(200)], [99, 100, 100, 100]);
        promises.keep(Lsn(101), Lsn(150));
        assert_eq!([spoken(120), spoken(149)], [100, 100], "its burial is not durable");
        assert_eq!(spoken(150), 102, "the next one is held back");
        promises.keep(Lsn(103), Lsn(0));
        assert_eq!(spoken(151), 151);
        assert_eq!(promises.first.load(Ordering::Relaxed), u64::MAX);
    }
}
