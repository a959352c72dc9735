//! In which files of the log the batches of a partition lie that are not safe in segments yet.

use narumq_log::FileUse;
use narumq_model::{Seq, SeqRange};
use std::collections::VecDeque;
use std::sync::Arc;

/// Batches in the log, ascending by first offset.
#[derive(Debug, Default)]
pub(super) struct Held(VecDeque<(u64, Arc<FileUse>)>);

fn range_of(base: u64) -> SeqRange {
    SeqRange::one(super::append::seq(base))
}

impl Held {
    /// A batch went into file `number`; `lookup` names the file when it is another than the last batch's.
    pub(super) fn add(&mut self, base: u64, number: u64, lookup: impl FnOnce() -> Option<Arc<FileUse>>) {
        let last = self.0.back().map(|(_, file)| file).filter(|file| file.number() == number);
        if let Some(file) = last.cloned().or_else(lookup) {
            file.add_live(1);
            self.0.push_back((base, file));
        }
    }

    /// Batches below this offset are not needed any more. True if a file may be dead by that.
    pub(super) fn remove_below(&mut self, offset: u64) -> bool {
        let mut emptied = false;
        while let Some((_, file)) = self.0.pop_front_if(|(base, _)| *base < offset) {
            emptied |= file.sub_live(1);
        }
        emptied
    }

    /// The batches that lie in file `number`.
    pub(super) fn in_file(&self, number: u64) -> Vec<SeqRange> {
        self.0.iter().filter(|(_, file)| file.number() == number).map(|(base, _)| range_of(*base)).collect()
    }

    /// The batches of file `from` within `spans` lie in `to` now.
    pub(super) fn moved(&mut self, from: u64, to: &Arc<FileUse>, spans: &[SeqRange]) {
        for (base, file) in self.0.iter_mut().filter(|(_, file)| file.number() == from) {
            let seq: Seq = range_of(*base).first;
            if spans.iter().any(|span| span.contains(seq)) {
                to.add_live(1);
                let _ = std::mem::replace(file, to.clone()).sub_live(1);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_know_how_many_batches_are_needed_of_them() {
        let file = |n| Arc::new(FileUse::new(n, n, 1 << 20));
        let (a, b, c) = (file(1), file(2), file(3));
        let mut held = Held::default();
        (0..10).for_each(|n| held.add(n * 5, 1, || Some(a.clone())));
        (10..15).for_each(|n| held.add(n * 5, 2, || Some(b.clone())));
        assert_eq!((a.live(), b.live()), (10, 5));
        held.remove_below(15);
        assert_eq!((a.live(), held.in_file(1).len()), (7, 7));
        held.moved(1, &c, &[SeqRange { first: Seq(1), last: Seq(31) }]);
        assert_eq!((a.live(), c.live(), held.in_file(3).len()), (3, 4, 4));
        held.remove_below(u64::MAX);
        assert_eq!([a.live(), b.live(), c.live()], [0, 0, 0]);
    }
}
