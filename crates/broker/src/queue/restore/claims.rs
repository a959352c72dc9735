//! Which file holds which messages: several may claim the same.

use narumq_log::FileUse;
use narumq_model::{Seq, SeqRange};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Which file holds which sequences: first → (last, file). A later file wins where two claim the same.
#[derive(Debug, Default)]
pub(super) struct Claims(BTreeMap<u64, (u64, Arc<FileUse>)>);

impl Claims {
    pub(super) fn claim(&mut self, file: &Arc<FileUse>, first: u64, last: u64) {
        if let Some(mut end) = self.0.last_entry()
            && end.get().0 + 1 == first
            && end.get().1.number() == file.number()
        {
            end.get_mut().0 = last;
            return;
        }
        if let Some((&f, (l, _))) = self.0.range(..first).next_back()
            && *l >= first
        {
            let (l, old) = (*l, self.0[&f].1.clone());
            self.0.insert(f, (first - 1, old.clone()));
            if l > last {
                self.0.insert(last + 1, (l, old));
            }
        }
        while let Some((&f, (l, _))) = self.0.range(first..=last).next() {
            let l = *l;
            let old = self.0.remove(&f);
            if let Some((_, old)) = old.filter(|_| l > last) {
                self.0.insert(last + 1, (l, old));
            }
        }
        self.0.insert(first, (last, file.clone()));
    }

    /// Every range that one file holds, ascending.
    pub(super) fn iter(&self) -> impl Iterator<Item = (SeqRange, &Arc<FileUse>)> {
        self.0.iter().map(|(first, (last, file))| (SeqRange { first: Seq(*first), last: Seq(*last) }, file))
    }

    /// The parts of `range` that no file claims.
    pub(super) fn gaps(&self, range: SeqRange) -> Vec<SeqRange> {
        let (mut gaps, mut from) = (Vec::new(), range.first.0);
        let start = self.0.range(..=from).next_back().map_or(from, |(first, _)| *first);
        for (first, (last, _)) in self.0.range(start..=range.last.0) {
            if *first > from {
                gaps.push(SeqRange { first: Seq(from), last: Seq(first - 1) });
            }
            from = from.max(last + 1);
        }
        if from <= range.last.0 {
            gaps.push(SeqRange { first: Seq(from), last: range.last });
        }
        gaps
    }
}

#[cfg(test)]
mod tests {
    use super::Claims;
    use narumq_log::FileUse;
    use narumq_model::{Seq, SeqRange};
    use std::collections::BTreeMap;
    use std::sync::Arc;

    #[test]
    fn the_later_file_wins() {
        let files: Vec<Arc<FileUse>> = (0..6).map(|n| Arc::new(FileUse::new(n, n, 1 << 20))).collect();
        let (mut claims, mut model) = (Claims::default(), BTreeMap::new());
        let mut random = 88_172_645_463_325_252u64;
        for _ in 0..5_000 {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            let first = random % 200;
            let last = first + random / 1000 % 20;
            let file = &files[(random >> 40) as usize % files.len()];
            claims.claim(file, first, last);
            model.extend((first..=last).map(|seq| (seq, file.number())));
            let flat: BTreeMap<u64, u64> =
                claims.iter().flat_map(|(r, file)| (r.first.0..=r.last.0).map(|seq| (seq, file.number()))).collect();
            assert_eq!(flat, model);
            let gaps = claims.gaps(SeqRange { first: Seq(10), last: Seq(150) });
            let missing = (10..=150).filter(|seq| !model.contains_key(seq));
            assert!(gaps.iter().flat_map(|r| r.first.0..=r.last.0).eq(missing));
        }
    }
}
