//! A set of sequences as ranges.

use narumq_model::{Seq, SeqRange};
use std::collections::BTreeMap;

/// Sequences as disjoint ranges: first → last.
#[derive(Debug, Default)]
pub(super) struct Ranges(BTreeMap<u64, u64>);

impl Ranges {
    pub(super) fn insert(&mut self, first: u64, last: u64) {
        let (mut first, mut last) = (first, last);
        if let Some((&f, &l)) = self.0.range(..=first).next_back()
            && l.saturating_add(1) >= first
        {
            if l >= last {
                return;
            }
            first = f;
        }
        while let Some((&f, &l)) = self.0.range(first..=last.saturating_add(1)).next() {
            last = last.max(l);
            self.0.remove(&f);
        }
        self.0.insert(first, last);
    }

    pub(super) fn remove(&mut self, first: u64, last: u64) {
        if let Some((&f, &l)) = self.0.range(..first).next_back()
            && l >= first
        {
            self.0.insert(f, first - 1);
            if l > last {
                self.0.insert(last + 1, l);
                return;
            }
        }
        while let Some((&f, &l)) = self.0.range(first..=last).next() {
            self.0.remove(&f);
            if l > last {
                self.0.insert(last + 1, l);
                return;
            }
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = SeqRange> {
        self.0.iter().map(|(f, l)| SeqRange { first: Seq(*f), last: Seq(*l) })
    }

    /// How many sequences between `first` and `last` are in it.
    pub(super) fn count(&self, first: u64, last: u64) -> u64 {
        let before =
            self.0.range(..first).next_back().map_or(0, |(_, &l)| if l >= first { l.min(last) - first + 1 } else { 0 });
        before + self.0.range(first..=last).map(|(&f, &l)| l.min(last) - f + 1).sum::<u64>()
    }

    pub(super) fn last(&self) -> u64 {
        self.0.last_key_value().map_or(0, |(_, l)| *l)
    }
}

#[cfg(test)]
mod tests {
    use super::Ranges;
    use std::collections::BTreeSet;

    #[test]
    fn ranges_behave_like_a_set() {
        let mut ranges = Ranges::default();
        let mut model = BTreeSet::new();
        let mut random = 88_172_645_463_325_252u64;
        for _ in 0..20_000 {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            let first = random % 200;
            let last = first + random / 1000 % 20;
            if random >> 60 < 9 {
                ranges.insert(first, last);
                model.extend(first..=last);
            } else {
                ranges.remove(first, last);
                model.retain(|n| !(first..=last).contains(n));
            }
            assert_eq!(ranges.count(0, 300), model.len() as u64);
            assert_eq!(ranges.count(50, 120), model.range(50..=120).count() as u64);
        }
        let flat: Vec<u64> = ranges.iter().flat_map(|r| r.first.0..=r.last.0).collect();
        assert_eq!(flat, model.into_iter().collect::<Vec<_>>());
    }
}
