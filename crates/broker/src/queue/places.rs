//! In which files of the log a queue's messages lie, and how many of them are still wanted there.

use narumq_log::FileUse;
use narumq_model::Seq;
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

    /// A message is no longer wanted. True if its file has none left at all.
    #[inline]
    pub(crate) fn remove(&mut self, seq: Seq) -> bool {
        let at = match self.stays.front() {
            Some(stay) if stay.last >= seq => 0,
            _ => self.stays.partition_point(|s| s.last < seq),
        };
        let Some(stay) = self.stays.get_mut(at).filter(|s| s.first <= seq) else { return false };
        stay.live -= 1;
        let emptied = stay.file.sub_live(1);
        if stay.live == 0 && at + 1 < self.stays.len() {
            self.stays.remove(at);
        }
        emptied
    }

    /// A wanted message has been copied into file `number`. Called in ascending order for the messages of one file, so that
    /// stays remain disjoint: what lies before `seq` in its old stay is not wanted any more or has been copied too.
    pub(crate) fn relocate(&mut self, seq: Seq, number: u64, lookup: impl FnOnce() -> Option<Arc<FileUse>>) -> bool {
        let at = self.stays.partition_point(|s| s.last < seq);
        let before = at.checked_sub(1).and_then(|before| self.stays.get(before)).map(|s| s.file.clone());
        let file = match before.filter(|f| f.number() == number) {
            Some(file) => file,
            None => match lookup() {
                Some(file) => file,
                None => return false,
            },
        };
        let Some(old) = self.stays.get_mut(at).filter(|s| s.first <= seq) else { return false };
        old.first = seq.next();
        old.live -= 1;
        let emptied = old.file.sub_live(1);
        if old.live == 0 && at + 1 < self.stays.len() {
            self.stays.remove(at);
        }
        file.add_live(1);
        match at.checked_sub(1).and_then(|before| self.stays.get_mut(before)) {
            Some(stay) if stay.file.number() == number => {
                stay.last = seq;
                stay.live += 1;
            }
            _ => self.stays.insert(at, Stay { file, first: seq, last: seq, live: 1 }),
        }
        emptied
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
    fn a_queue_that_drains_again_and_again_keeps_one_stay() {
        let mut places = Places::default();
        for n in 1..100 {
            let file = Arc::new(FileUse::new(n, n, 1 << 20));
            places.add(Seq(n), n, || Some(file.clone()));
            places.remove(Seq(n));
            assert_eq!((file.live(), places.stays.len()), (0, 1));
        }
    }
}
