//! What a partition knows of its producers: so that what is sent twice is taken once.
//!
//! Of each producer the last five batches are kept. One that comes again gets the offset that it got; one that is older is
//! refused as a duplicate, one that leaves a gap as out of order. What is not known is taken: its state has been forgotten.

use super::snapshot::{unzigzag, zigzag};
use crate::codec::Reader;
use crate::dialect::ProducerRun;
use narumq_log::varint;
use narumq_model::{Lsn, Time};
use smallvec::SmallVec;
use std::collections::HashMap;

/// Batches kept of each producer.
const KEPT: usize = 5;
/// A producer is forgotten when it has written nothing for a day, in milliseconds.
pub(crate) const FORGOTTEN_AFTER: u64 = 24 * 3600 * 1000;

/// One batch of a producer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Sent {
    first: u32,
    last: u32,
    base: u64,
    /// The latest time of its records.
    time: i64,
    lsn: Lsn,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Producer {
    epoch: u16,
    sent: SmallVec<[Sent; KEPT]>,
    written: Time,
}

impl Sent {
    /// The offset behind it.
    fn end(&self) -> u64 {
        self.base + u64::from(self.last.wrapping_sub(self.first) & i32::MAX as u32) + 1
    }
}

/// What becomes of a producer's batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Judged {
    /// It is new.
    New,
    /// It was taken before, with this offset and this latest time, by this entry of the log.
    Again(u64, i64, Lsn),
    /// It was taken before, longer ago than is remembered.
    TooOld,
    /// Batches before it are missing.
    Gap,
    /// The producer goes on in a later epoch.
    Fenced,
}

/// The producers of a partition.
#[derive(Debug, Default)]
pub(crate) struct Producers(HashMap<u64, Producer>);

/// The sequence `count` behind: they wrap behind `i32::MAX` to 0.
fn plus(sequence: u32, count: u32) -> u32 {
    (u64::from(sequence) + u64::from(count)).rem_euclid(1 << 31) as u32
}

impl Producers {
    /// Judges a batch of `count` records.
    pub(crate) fn judge(&self, run: ProducerRun, count: u32) -> Judged {
        let Some(producer) = self.0.get(&run.id) else { return Judged::New };
        if run.epoch < producer.epoch {
            return Judged::Fenced;
        }
        let Some(last) = producer.sent.last() else { return Judged::New };
        if run.epoch > producer.epoch {
            return if run.first == 0 { Judged::New } else { Judged::Gap };
        }
        let end = plus(run.first, count - 1);
        if let Some(known) = producer.sent.iter().find(|s| (s.first, s.last) == (run.first, end)) {
            return Judged::Again(known.base, known.time, known.lsn);
        }
        if run.first == plus(last.last, 1) {
            return Judged::New;
        }
        // Within half the circle behind the last one it is old, else something is missing.
        if last.last.wrapping_sub(run.first) & (i32::MAX as u32) < 1 << 30 { Judged::TooOld } else { Judged::Gap }
    }

    /// Notes a batch that was taken, at this offset, with this latest time.
    pub(crate) fn note(&mut self, run: ProducerRun, count: u32, (base, time): (u64, i64), lsn: Lsn, now: Time) {
        let producer = self.0.entry(run.id).or_default();
        if producer.epoch != run.epoch {
            producer.sent.clear();
            producer.epoch = run.epoch;
        }
        if producer.sent.len() == KEPT {
            producer.sent.remove(0);
        }
        producer.sent.push(Sent { first: run.first, last: plus(run.first, count - 1), base, time, lsn });
        producer.written = now;
    }

    /// Forgets those that have not written for long.
    pub(crate) fn forget(&mut self, now: Time) {
        self.0.retain(|_, producer| now.since(producer.written) < FORGOTTEN_AFTER);
    }

    /// Of each producer the offset behind its last batch.
    pub(crate) fn ends(&self) -> HashMap<u64, u64> {
        self.0.iter().filter_map(|(id, producer)| Some((*id, producer.sent.last()?.end()))).collect()
    }

    /// Forgets batches that do not end at or before this offset: they have been lost.
    pub(crate) fn cut(&mut self, end: u64) {
        self.0.retain(|_, producer| {
            producer.sent.retain(|sent| sent.end() <= end);
            !producer.sent.is_empty()
        });
    }

    /// Writes all of them, ascending by id:
    /// `varint count, then varint each: id, epoch, written at, batches, (first, last, base, time as zigzag) each`.
    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        let mut ids: Vec<u64> = self.0.keys().copied().collect();
        ids.sort_unstable();
        varint::put(out, ids.len() as u64);
        for id in ids {
            let producer = &self.0[&id];
            [id, producer.epoch.into(), producer.written.0, producer.sent.len() as u64]
                .iter()
                .for_each(|n| varint::put(out, *n));
            for sent in &producer.sent {
                [sent.first.into(), sent.last.into(), sent.base, zigzag(sent.time)]
                    .iter()
                    .for_each(|n| varint::put(out, *n));
            }
        }
    }

    /// Reads what `encode` wrote.
    pub(crate) fn decode(reader: &mut Reader<'_>) -> Option<Self> {
        let producers = reader.list(|r| {
            let (id, epoch, written) = (r.number()?, u16::try_from(r.number()?).ok()?, Time(r.number()?));
            let sent = r.list(|r| {
                let mut sequence = || u32::try_from(r.number()?).ok();
                let (first, last) = (sequence()?, sequence()?);
                Some(Sent { first, last, base: r.number()?, time: unzigzag(r.number()?), lsn: Lsn(0) })
            })?;
            (sent.len() <= KEPT).then(|| (id, Producer { epoch, sent: sent.into(), written }))
        })?;
        Some(Self(producers.into_iter().collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(epoch: u16, first: u32) -> ProducerRun {
        ProducerRun { id: 7, epoch, first }
    }

    #[test]
    fn a_batch_is_new_known_too_old_or_out_of_order() {
        let mut producers = Producers::default();
        assert_eq!(producers.judge(run(0, 90), 10), Judged::New, "what is not known has been forgotten");
        (0..7).for_each(|n| producers.note(run(0, n * 10), 10, (u64::from(n) * 100, 5), Lsn(u64::from(n)), Time(1)));
        assert_eq!(producers.judge(run(0, 70), 5), Judged::New);
        assert_eq!(producers.judge(run(0, 60), 10), Judged::Again(600, 5, Lsn(6)));
        assert_eq!(producers.judge(run(0, 20), 10), Judged::Again(200, 5, Lsn(2)));
        assert_eq!(producers.judge(run(0, 10), 10), Judged::TooOld);
        assert_eq!(producers.judge(run(0, 71), 10), Judged::Gap);
        assert_eq!(producers.judge(run(1, 5), 10), Judged::Gap, "a new epoch begins at 0");
        assert_eq!(producers.judge(run(1, 0), 10), Judged::New);
        producers.note(run(1, 0), 1, (700, -3), Lsn(8), Time(5));
        assert_eq!(producers.judge(run(0, 70), 5), Judged::Fenced);
        let mut out = Vec::new();
        producers.encode(&mut out);
        let back = Producers::decode(&mut Reader::new(&out)).expect("it was written");
        assert_eq!(back.judge(run(1, 0), 1), Judged::Again(700, -3, Lsn(0)));
        let mut back = back;
        back.forget(Time(4 + FORGOTTEN_AFTER));
        assert_eq!(back.0.len(), 1);
        back.forget(Time(5 + FORGOTTEN_AFTER));
        assert_eq!(back.judge(run(1, 7), 1), Judged::New);
    }

    #[test]
    fn what_was_lost_is_not_known() {
        let mut producers = Producers::default();
        producers.note(run(0, i32::MAX as u32 - 1), 4, (10, 1), Lsn(0), Time(1));
        producers.note(run(0, 2), 5, (20, 1), Lsn(0), Time(1));
        producers.cut(24);
        assert_eq!(producers.judge(run(0, 2), 5), Judged::New);
        assert_eq!(producers.judge(run(0, i32::MAX as u32 - 1), 4), Judged::Again(10, 1, Lsn(0)));
        producers.cut(13);
        assert!(producers.0.is_empty());
    }

    #[test]
    fn sequences_wrap() {
        let mut producers = Producers::default();
        let last = i32::MAX as u32;
        producers.note(run(0, last - 1), 3, (9, 1), Lsn(1), Time(1));
        assert_eq!(producers.judge(run(0, 1), 4), Judged::New);
        assert_eq!(producers.judge(run(0, last - 1), 3), Judged::Again(9, 1, Lsn(1)));
        assert_eq!(producers.judge(run(0, last - 9), 3), Judged::TooOld);
        assert_eq!(producers.judge(run(0, 3), 1), Judged::Gap);
    }
}
