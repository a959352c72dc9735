//! In which files of the log a queue's messages lie, and how many of them are still wanted there.

use narumq_log::FileUse;
use narumq_model::{Seq, SeqRange};
use std::collections::VecDeque;
use std::sync::Arc;

#[derive(Debug)]
struct Stay {
    file: Arc<FileUse>,
    first: Seq,
    last: Seq,
    live: u64,
}

/// Stays in files, ascending by sequence.
#[derive(Debug, Default)]
pub(crate) struct Places {
    stays: VecDeque<Stay>,
}

impl Places {
    /// A message went into file `number`; `lookup` names the file when it is another than the last message's.
    #[inline]
    pub(crate) fn add(&mut self, seq: Seq, number: u64, lookup: impl FnOnce() -> Option<Arc<FileUse>>) {
        if let Some(stay) = self.stays.back_mut()
            && stay.file.number() == number
        {
            stay.last = seq;
            stay.live += 1;
            stay.file.add_live(1);
        } else if let Some(file) = lookup() {
            file.add_live(1);
            self.stays.pop_back_if(|stay| stay.live == 0);
            self.stays.push_back(Stay { file, first: seq, last: seq, live: 1 });
        }
    }

    /// `live` wanted messages of this queue between `first` and `last` lie in `file`; recovery says so.
    pub(crate) fn restore(&mut self, file: &Arc<FileUse>, first: Seq, last: Seq, live: u64) {
        if live > 0 {
            file.add_live(live);
            self.stays.push_back(Stay { file: file.clone(), first, last, live });
        }
    }

    /// The messages of a range, wanted so far without exception, are no longer wanted. True if a file has none left at
    /// all.
    #[inline]
    pub(crate) fn remove(&mut self, range: SeqRange) -> bool {
        let mut at = match self.stays.front() {
            Some(stay) if stay.last >= range.first => 0,
            _ => self.stays.partition_point(|s| s.last < range.first),
        };
        let mut emptied = false;
        while let Some(stay) = self.stays.get_mut(at).filter(|s| s.first <= range.last) {
            let count = stay.last.min(range.last).0 - stay.first.max(range.first).0 + 1;
            stay.live -= count;
            emptied |= stay.file.sub_live(count);
            if stay.live == 0 && at + 1 < self.stays.len() {
                self.stays.remove(at);
            } else {
                at += 1;
            }
        }
        emptied
    }

    /// Where the messages that lie in file `number` may be found: spans, ascending.
    pub(crate) fn spans_in(&self, number: u64) -> impl Iterator<Item = SeqRange> + '_ {
        let there = self.stays.iter().filter(move |s| s.live > 0 && s.file.number() == number);
        there.map(|s| SeqRange { first: s.first, last: s.last })
    }

    /// What is wanted of file `from` within `spans`, ascending, lies in `to` now. `count` tells how many messages of a span
    /// are wanted.
    pub(crate) fn moved(&mut self, from: u64, to: &Arc<FileUse>, spans: &[SeqRange], count: impl Fn(SeqRange) -> u64) {
        let mut stays: VecDeque<Stay> = VecDeque::with_capacity(self.stays.len() + 2);
        let mut keep = |file: &Arc<FileUse>, first: Seq, last: Seq, live: u64| match stays.back_mut() {
            _ if live == 0 => {}
            Some(stay) if Arc::ptr_eq(&stay.file, file) => {
                stay.last = last;
                stay.live += live;
            }
            _ => stays.push_back(Stay { file: file.clone(), first, last, live }),
        };
        for stay in self.stays.drain(..) {
            let (mut first, mut rest) = (stay.first, stay.live);
            let overlaps = spans.iter().filter(|_| stay.file.number() == from);
            for span in overlaps.filter(|s| s.first <= stay.last && s.last >= stay.first) {
                let part = SeqRange { first: span.first.max(first), last: span.last.min(stay.last) };
                if first < part.first {
                    let before = count(SeqRange { first, last: Seq(part.first.0 - 1) }).min(rest);
                    keep(&stay.file, first, Seq(part.first.0 - 1), before);
                    rest -= before;
                }
                let live = count(part).min(rest);
                keep(to, part.first, part.last, live);
                to.add_live(live);
                let _ = stay.file.sub_live(live);
                rest -= live;
                first = part.last.next();
            }
            debug_assert!(rest == 0 || first <= stay.last, "what is wanted lies within its stay");
            keep(&stay.file, first, stay.last, rest);
        }
        self.stays = stays;
    }

    /// The file that holds `seq`, and the last sequence of this queue in it.
    pub(crate) fn find(&self, seq: Seq) -> Option<(u64, Seq)> {
        let at = self.stays.partition_point(|s| s.last < seq);
        self.stays.get(at).filter(|s| s.first <= seq).map(|s| (s.file.number(), s.last))
    }

    /// Nothing is wanted any more. True if some file has none left at all.
    pub(crate) fn clear(&mut self) -> bool {
        let mut emptied = false;
        for stay in self.stays.drain(..).filter(|stay| stay.live > 0) {
            emptied |= stay.file.sub_live(stay.live);
        }
        emptied
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_moves_leaves_the_rest_where_it_lies() {
        let file = |n| Arc::new(FileUse::new(n, n, 1 << 20));
        let (a, b, c) = (file(1), file(2), file(3));
        let mut places = Places::default();
        (1..=100).for_each(|n| places.add(Seq(n), 1, || Some(a.clone())));
        (101..=200).for_each(|n| places.add(Seq(n), 2, || Some(b.clone())));
        (1..=100).filter(|n| n % 10 != 0).for_each(|n| _ = places.remove(SeqRange::one(Seq(n))));
        let span = |first, last| SeqRange { first: Seq(first), last: Seq(last) };
        let tens = |r: SeqRange| r.last.0 / 10 - (r.first.0 - 1) / 10;
        // The message 50 could not be copied.
        places.moved(1, &c, &[span(10, 40), span(60, 100)], tens);
        assert_eq!((a.live(), b.live(), c.live()), (1, 100, 9));
        let at = |seq| places.find(Seq(seq)).map(|(file, _)| file);
        assert_eq!([at(10), at(40), at(50), at(60), at(100), at(101)], [3, 3, 1, 3, 3, 2].map(Some));
        assert_eq!(places.spans_in(3).collect::<Vec<_>>(), [span(10, 40), span(60, 100)]);
        places.remove(SeqRange::one(Seq(50)));
        places.moved(3, &b, &[span(10, 100)], tens);
        assert_eq!((a.live(), b.live(), c.live()), (0, 109, 0));
    }

    #[test]
    fn a_queue_that_drains_again_and_again_keeps_one_stay() {
        let mut places = Places::default();
        for n in 1..100 {
            let file = Arc::new(FileUse::new(n, n, 1 << 20));
            places.add(Seq(n), n, || Some(file.clone()));
            places.remove(SeqRange::one(Seq(n)));
            assert_eq!((file.live(), places.stays.len()), (0, 1));
        }
    }
}
