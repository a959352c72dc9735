//! What a partition should hold: a list of batches, from some offset on.

use narumq_broker::{Offsets, ProducerRun};

/// A batch as it was taken.
#[derive(Clone, Debug)]
pub struct Known {
    pub base: u64,
    pub count: u32,
    pub id: u64,
    pub time: i64,
    pub bytes: u64,
    pub producer: Option<ProducerRun>,
    /// Everything up to its entry must have been durable for it to be seen; 0 if it is written at once.
    pub lsn: u64,
}

impl Known {
    pub fn end(&self) -> u64 {
        self.base + u64::from(self.count)
    }
}

/// One partition.
#[derive(Debug, Default)]
pub struct Model {
    /// All batches that were ever taken and not lost, those that have gone as well.
    pub batches: Vec<Known>,
    pub start: u64,
    /// First offsets that were asked for, by trims and by retention, and perhaps not durable.
    pub starts: Vec<u64>,
    /// The first offset that is durable for sure.
    pub sure: u64,
    pub end: u64,
}

impl Model {
    /// The batches that are there, up to `high`.
    pub fn there(&self, from: u64, high: u64) -> Vec<(u64, u32, u64)> {
        let from = from.max(self.start);
        let there = self.batches.iter().filter(|batch| batch.end() > from && batch.base < high);
        there.map(|batch| (batch.base, batch.count, batch.id)).collect()
    }

    /// The first offset of a batch with a record of this time or later, and the one behind it.
    pub fn at(&self, time: i64, from: u64, high: u64) -> Option<(u64, u64)> {
        let from = from.max(self.start);
        let mut there = self.batches.iter().filter(|batch| batch.end() > from && batch.base < high);
        there.find(|batch| batch.time >= time).map(|batch| (batch.base, batch.end()))
    }

    /// What this producer sent last.
    pub fn last_of(&self, producer: u64) -> Option<&Known> {
        self.batches.iter().rfind(|batch| batch.producer.is_some_and(|run| run.id == producer))
    }

    /// The sequence with which a producer goes on.
    pub fn next_of(&self, producer: u64) -> ProducerRun {
        let first = self.last_of(producer).map_or(0, |last| last.producer.map_or(0, |run| run.first) + last.count);
        ProducerRun { id: producer, epoch: 0, first }
    }

    /// What the partition should have dropped by itself may have gone: it begins at `start` now.
    pub fn retained(&mut self, offsets: Offsets, (now, ms, most): (u64, u64, u64)) {
        let start = offsets.start;
        assert!(start >= self.start, "{start} < {}", self.start);
        let boundary = self.batches.iter().any(|batch| batch.base == start) || start == self.end;
        assert!(start == self.start || boundary, "{start} is the beginning of a batch");
        for gone in self.batches.iter().filter(|batch| batch.end() > self.start && batch.end() <= start) {
            // Times before the epoch are none: then the arrival counts, which lies before now.
            let old = gone.time < 0 || now.saturating_sub(gone.time as u64) > ms;
            let behind = self.batches.iter().filter(|batch| batch.base >= gone.end());
            let kept: u64 = behind.map(|batch| batch.bytes).sum();
            assert!(old || kept >= most, "{gone:?} went at {now}, {kept} bytes come behind it: {offsets:?}");
        }
        self.moved(start);
    }

    pub fn moved(&mut self, start: u64) {
        if start > self.start {
            self.start = start;
            self.starts.push(start);
        }
    }

    /// Everything is durable.
    pub fn fenced(&mut self) {
        self.starts.clear();
        self.sure = self.start;
    }

    /// After an end: it is found to begin at `start` and end at `end`, and must hold all up to `promised`.
    pub fn found(&mut self, start: u64, end: u64, promised: u64) {
        assert!(start == self.sure || self.starts.contains(&start), "it begins at {start}: {:?}", self.starts);
        assert!(end >= promised, "it ends at {end}, and {promised} was promised");
        assert!(end <= self.end.max(start), "{end} was never there");
        self.batches.retain(|batch| batch.end() <= end);
        let last = self.batches.last().map_or(0, Known::end);
        assert!(end == last || end == start && last <= start, "{end} is the end of no batch");
        (self.start, self.sure, self.end) = (start, start, end);
        self.starts.clear();
    }
}
