//! Values by sequence, nearly always added and taken in order.

use narumq_model::Seq;
use std::collections::VecDeque;

/// Room that is kept for the next values once all have gone.
const IDLE_MAX: usize = 4096;

/// Values in ascending order of sequence; taken ones leave holes that go when they reach the front.
#[derive(Debug)]
pub(crate) struct Sparse<T> {
    entries: VecDeque<(Seq, Option<T>)>,
    live: usize,
}

impl<T> Default for Sparse<T> {
    fn default() -> Self {
        Self { entries: VecDeque::new(), live: 0 }
    }
}

impl<T> Sparse<T> {
    pub(crate) fn len(&self) -> usize {
        self.live
    }

    /// Adds a value, in place of one that is there.
    #[inline]
    pub(crate) fn insert(&mut self, seq: Seq, value: T) {
        self.live += 1;
        match self.entries.back() {
            Some((last, _)) if *last >= seq => {
                let at = self.entries.partition_point(|(s, _)| *s < seq);
                match self.entries.get_mut(at) {
                    Some((s, slot)) if *s == seq => self.live -= usize::from(slot.replace(value).is_some()),
                    _ => self.entries.insert(at, (seq, Some(value))),
                }
            }
            _ => self.entries.push_back((seq, Some(value))),
        }
    }

    /// Takes a value out if it is there and is the one that is meant.
    #[inline]
    pub(crate) fn take(&mut self, seq: Seq, is_meant: impl FnOnce(&T) -> bool) -> Option<T> {
        match self.entries.front() {
            Some((first, slot)) if *first == seq => {
                if !slot.as_ref().is_some_and(is_meant) {
                    return None;
                }
                let value = self.entries.pop_front().and_then(|(_, slot)| slot);
                self.live -= 1;
                while matches!(self.entries.front(), Some((_, None))) {
                    self.entries.pop_front();
                }
                self.shrink();
                value
            }
            Some((first, _)) if *first < seq => self.take_behind(seq, is_meant),
            _ => None,
        }
    }

    /// Takes a value out that is not the first one: leaves a hole.
    fn take_behind(&mut self, seq: Seq, is_meant: impl FnOnce(&T) -> bool) -> Option<T> {
        let at = self.entries.partition_point(|(s, _)| *s < seq);
        let (found, slot) = self.entries.get_mut(at)?;
        if *found != seq || !slot.as_ref().is_some_and(is_meant) {
            return None;
        }
        let value = slot.take();
        self.live -= 1;
        if self.entries.len() > 2 * self.live + 64 {
            self.entries.retain(|(_, slot)| slot.is_some());
        }
        value
    }

    /// Keeps only what `keep` says so of; asked in order.
    pub(crate) fn retain(&mut self, mut keep: impl FnMut(Seq, &T) -> bool) {
        self.entries.retain(|(seq, slot)| slot.as_ref().is_some_and(|value| keep(*seq, value)));
        self.live = self.entries.len();
        self.shrink();
    }

    /// All of it, in order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (Seq, &T)> {
        self.entries.iter().filter_map(|(seq, slot)| slot.as_ref().map(|value| (*seq, value)))
    }

    #[inline]
    fn shrink(&mut self) {
        if self.entries.is_empty() && self.entries.capacity() > IDLE_MAX {
            self.entries = VecDeque::new();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_order_of_taking_and_of_coming_back() {
        let mut sparse = Sparse::default();
        for n in [5, 6, 7, 3, 9, 8] {
            sparse.insert(Seq(n), n);
        }
        assert!(sparse.take(Seq(7), |n| *n == 8).is_none(), "another one is meant");
        assert_eq!(sparse.take(Seq(7), |_| true), Some(7));
        assert!(sparse.take(Seq(7), |_| true).is_none(), "taken twice");
        sparse.insert(Seq(7), 70);
        sparse.insert(Seq(7), 71);
        assert_eq!(sparse.len(), 6);
        assert!(sparse.iter().map(|(seq, n)| (seq.0, *n)).eq([(3, 3), (5, 5), (6, 6), (7, 71), (8, 8), (9, 9)]));
        sparse.retain(|_, n| *n != 6);
        for n in [3, 5, 7, 8, 9] {
            assert!(sparse.take(Seq(n), |_| true).is_some());
        }
        assert_eq!(sparse.len(), 0);
    }
}
