//! When a queue's messages came, coarsely: a message costs nothing, a queue a few marks.
//!
//! ```text
//! marks:  (seq 1, 10:00:00) (seq 5000, 10:00:01) (seq 5200, 10:07:30) …     at least a step apart
//! ```
//! A message came between its mark and a step later, or with the next mark. Of too many marks every second goes, and the step
//! doubles: a backlog of a day is known to some twenty minutes, one of a minute to the second.

use crate::codec::Reader;
use narumq_log::varint;
use narumq_model::{Seq, Time};
use std::collections::VecDeque;

/// The finest step, in milliseconds.
const STEP_MS: u64 = 1000;
/// Marks kept at most.
const MARKS_MAX: usize = 128;
/// Marks that a State tells at most.
const TOLD_MAX: usize = 32;

/// When messages came.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Arrivals {
    marks: VecDeque<(Seq, Time)>,
    step: u64,
    /// What comes next has not been noted.
    next: Seq,
}

impl Default for Arrivals {
    fn default() -> Self {
        Self { marks: VecDeque::new(), step: STEP_MS, next: Seq(0) }
    }
}

impl Arrivals {
    /// Messages before `next` that have not been noted have just come.
    #[inline]
    pub(crate) fn note(&mut self, next: Seq, now: Time) {
        if next <= self.next {
            return;
        }
        let first = std::mem::replace(&mut self.next, next);
        if self.marks.back().is_none_or(|(_, last)| now.since(*last) >= self.step) {
            self.marks.push_back((first, now));
        }
    }

    /// Whether there are so many marks that those of messages that are gone should go.
    #[inline]
    pub(crate) fn is_full(&self) -> bool {
        self.marks.len() > MARKS_MAX
    }

    /// Forgets what lies before `oldest`, and every second mark if there are too many still.
    pub(crate) fn tidy(&mut self, oldest: Seq) {
        while self.marks.get(1).is_some_and(|(seq, _)| *seq <= oldest) {
            self.marks.pop_front();
        }
        if self.marks.len() <= MARKS_MAX / 4 {
            self.step = STEP_MS;
        }
        while self.marks.len() > MARKS_MAX / 2 {
            self.step *= 2;
            self.thin();
        }
    }

    fn thin(&mut self) {
        let mut at = 0;
        self.marks.retain(|_| {
            at += 1;
            at % 2 == 1
        });
    }

    /// When a message came, up to a step too early; `None` if that is not known.
    pub(crate) fn of(&self, seq: Seq) -> Option<Time> {
        let at = self.marks.partition_point(|(first, _)| *first <= seq);
        self.marks.get(at.checked_sub(1)?).map(|(_, time)| *time)
    }

    /// `varint next, varint count, then varint each: sequence, time`, both by what they are above the last.
    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        let mut told = self.clone();
        while told.marks.len() > TOLD_MAX {
            told.thin();
        }
        varint::put(out, self.next.0);
        varint::put(out, told.marks.len() as u64);
        let mut before = (0, 0);
        for (seq, time) in told.marks {
            varint::put(out, seq.0.wrapping_sub(before.0));
            varint::put(out, time.0.wrapping_sub(before.1));
            before = (seq.0, time.0);
        }
    }

    /// What [`encode`](Self::encode) wrote.
    pub(crate) fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let next = Seq(reader.number()?);
        let mut before = (0u64, 0u64);
        let marks = reader.list(|r| {
            before = (before.0.wrapping_add(r.number()?), before.1.wrapping_add(r.number()?));
            Some((Seq(before.0), Time(before.1)))
        })?;
        Some(Self { marks: marks.into(), step: STEP_MS, next })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_known_by_the_mark_before_it() {
        let mut arrivals = Arrivals::default();
        for (next, now) in [(11, 1_000), (21, 1_400), (31, 2_000), (41, 900_000)] {
            arrivals.note(Seq(next), Time(now));
        }
        let known = [1, 10, 11, 20, 21, 30, 31, 99].map(|seq| arrivals.of(Seq(seq)).map(|time| time.0));
        assert_eq!(known, [1_000, 1_000, 1_000, 1_000, 2_000, 2_000, 900_000, 900_000].map(Some));
        arrivals.tidy(Seq(25));
        assert_eq!((arrivals.of(Seq(10)), arrivals.of(Seq(25))), (None, Some(Time(2_000))));
        let mut out = Vec::new();
        arrivals.encode(&mut out);
        assert_eq!(Arrivals::read(&mut Reader::new(&out)), Some(arrivals));
        (0..out.len()).for_each(|cut| assert_eq!(Arrivals::read(&mut Reader::new(&out[..cut])), None));
    }

    #[test]
    fn a_long_backlog_costs_few_marks_and_a_short_one_is_fine_again() {
        let mut arrivals = Arrivals::default();
        let came = |seq: u64| Time(seq * 500);
        let day = 2 * 24 * 3600;
        for seq in 0..day {
            arrivals.note(Seq(seq + 1), came(seq));
            if arrivals.is_full() {
                arrivals.tidy(Seq(0));
            }
        }
        for seq in (0..day).step_by(997) {
            let known = arrivals.of(Seq(seq)).expect("a mark");
            assert!(known <= came(seq) && came(seq).since(known) <= 40 * 60 * 1000, "{seq}: {known:?}");
        }
        arrivals.tidy(Seq(day - 1));
        for seq in day..day + 100 {
            arrivals.note(Seq(seq + 1), came(seq));
        }
        assert!(came(day + 99).since(arrivals.of(Seq(day + 99)).expect("a mark")) <= STEP_MS);
    }
}
