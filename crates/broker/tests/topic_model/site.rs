//! A broker with three partitions, and what each of them should hold.

use super::harness::batches::{append, create_spec, drain, fetch, full, partition, read, topic};
use super::harness::{Rig, session, small};
use super::model::{Known, Model};
use narumq_broker::{AppendError, Lookup, PartitionHandle, TrimError};
use narumq_log::disk::faulty::{FaultyDisk, Plan};
use narumq_model::{Durability, Lsn, Time, TopicPolicy};
use std::sync::Arc;

/// How a broker ends.
#[derive(Clone, Copy, Debug)]
pub enum End {
    Close,
    Kill,
    PowerCut(u64),
}

/// One step. Shares are in thousandths of what is there.
#[derive(Clone, Debug)]
pub enum Op {
    Append { to: usize, count: u32, len: usize, time: i64, producer: Option<u64> },
    Again { to: usize, producer: u64 },
    Trim { of: usize, share: u64 },
    Read { of: usize, share: u64, max: u64 },
    Lookup { of: usize, time: i64, share: u64 },
    Pass { millis: u64 },
    Fence,
    End(End),
}

/// Age and size at which segments go.
const OLD: u64 = 30_000;
const MUCH: u64 = 40_000;
/// The partition that promises the page cache only.
const CACHED: usize = 2;

pub struct Site {
    disk: FaultyDisk,
    rig: Option<Rig>,
    models: Vec<Model>,
    id: u64,
}

fn open(disk: &FaultyDisk, now: Time) -> Rig {
    Rig::open(Arc::new(disk.clone()), small(), now)
}

/// Three partitions: two of one topic, one of another.
fn of(rig: &Rig, which: usize) -> PartitionHandle {
    if which == CACHED { partition(rig, "cached", 0) } else { partition(rig, "t", which as u32) }
}

impl Site {
    pub fn new() -> Self {
        let disk = FaultyDisk::new(Plan::default());
        let mut rig = open(&disk, Time(100_000));
        let policy = TopicPolicy {
            segment_bytes: 12_000,
            retention_ms: Some(OLD),
            retention_bytes: Some(MUCH),
            ..TopicPolicy::default()
        };
        create_spec(&mut rig, topic("t", 2, policy.clone()));
        let mut cached = topic("cached", 1, policy);
        cached.durability = Some(Durability::Os);
        create_spec(&mut rig, cached);
        Self { disk, rig: Some(rig), models: (0..3).map(|_| Model::default()).collect(), id: 0 }
    }

    pub fn run(&mut self, op: &Op) {
        match *op {
            Op::Append { to, count, len, time, producer } => self.append(to, (count, len, time), producer),
            Op::Again { to, producer } => self.again(to, producer),
            Op::Trim { of, share } => self.trim(of, share),
            Op::Read { of, share, max } => self.read(of, share, max),
            Op::Lookup { of, time, share } => self.lookup(of, time, share),
            Op::Pass { millis } => self.pass(millis),
            Op::Fence => self.fence(),
            Op::End(end) => self.end(end),
        }
    }

    fn rig(&mut self) -> &mut Rig {
        self.rig.as_mut().expect("it runs")
    }

    fn high(&mut self, which: usize) -> u64 {
        let rig = self.rig();
        let p = of(rig, which);
        let offsets = rig.broker.offsets(&p).expect("it is there");
        let model = &self.models[which];
        assert_eq!((offsets.start, offsets.end), (model.start, model.end), "partition {which}");
        if which == CACHED {
            assert_eq!(offsets.high, offsets.end, "what is written is seen");
        }
        offsets.high
    }

    fn append(&mut self, to: usize, (count, len, time): (u32, usize, i64), producer: Option<u64>) {
        self.id += 1;
        let (id, run) = (self.id, producer.map(|producer| self.models[to].next_of(producer)));
        let rig = self.rig();
        let (p, time) = (of(rig, to), rig.now.0 as i64 + time);
        let bytes = full((id, time), count, len, run);
        let appended = append(rig, &p, &bytes).expect("taken");
        assert_eq!(appended.lsn == Lsn(0), to == CACHED);
        let model = &mut self.models[to];
        assert_eq!((appended.base, appended.start), (model.end, model.start));
        let (base, bytes, lsn) = (appended.base, bytes.len() as u64, appended.lsn.0);
        model.batches.push(Known { base, count, id, time, bytes, producer: run, lsn });
        model.end = base + u64::from(count);
    }

    /// A producer sends its last batch again, and one that leaves a gap.
    fn again(&mut self, to: usize, producer: u64) {
        let Some(last) = self.models[to].last_of(producer).cloned() else { return };
        let (next, rig) = (self.models[to].next_of(producer), self.rig());
        let p = of(rig, to);
        let again = append(rig, &p, &full((last.id, last.time), last.count, 10, last.producer)).expect("known");
        assert_eq!(again.base, last.base);
        let gap = narumq_broker::ProducerRun { first: next.first + 1, ..next };
        assert_eq!(append(rig, &p, &full((0, 0), 1, 10, Some(gap))), Err(AppendError::OutOfOrderSequence));
    }

    fn trim(&mut self, which: usize, share: u64) {
        let high = self.high(which);
        let offset = self.models[which].start + (self.models[which].end - self.models[which].start) * share / 1_000;
        let rig = self.rig();
        let p = of(rig, which);
        match rig.turn(|rig, turn| rig.broker.trim(&p, offset, turn)) {
            Ok((start, _)) => {
                self.models[which].moved(offset);
                assert_eq!(start, self.models[which].start);
                assert!(offset <= self.high(which));
            }
            // More may have become durable meanwhile.
            Err(TrimError::OutOfRange { high: now }) => assert!(now >= high && offset > now),
            Err(TrimError::Deleted) => panic!("it is there"),
        }
    }

    fn read(&mut self, which: usize, share: u64, max: u64) {
        let high = self.high(which);
        let start = self.models[which].start;
        let from = start + (high - start) * share / 1_000;
        let rig = self.rig();
        let p = of(rig, which);
        let fetched = fetch(rig, &p, from, max).expect("it can be read");
        let seen = fetched.high;
        assert!(seen >= high);
        let batches = read(&fetched.bytes.concat());
        let there = self.models[which].there(from, seen);
        assert!(there.starts_with(&batches), "partition {which} from {from}: {batches:?} of {there:?}");
        assert_eq!(batches.is_empty(), from == seen);
    }

    fn lookup(&mut self, which: usize, time: i64, share: u64) {
        let high = self.high(which);
        let model = &self.models[which];
        let from = model.start + (high - model.start) * share / 1_000;
        let time = self.rig.as_ref().expect("it runs").now.0 as i64 + time;
        let expected = self.models[which].at(time, from, high);
        let rig = self.rig();
        let p = of(rig, which);
        let found = loop {
            match rig.turn(|rig, _| rig.broker.offset_at(&p, (time, from), session(1))).expect("it can be read") {
                Lookup::None => break None,
                Lookup::Batch { base, end, .. } => break Some((base, end)),
                Lookup::Reading => rig.wait("a piece is read", |rig| rig.broker.reading() == 0),
            }
        };
        // More may have become durable meanwhile.
        if found != expected {
            let high = self.high(which);
            assert_eq!(found, self.models[which].at(time, from, high), "partition {which}, time {time} from {from}");
        }
    }

    fn pass(&mut self, millis: u64) {
        let rig = self.rig();
        rig.advance(millis);
        let now = rig.now.0;
        for which in 0..3 {
            let rig = self.rig();
            let offsets = rig.broker.offsets(&of(rig, which)).expect("it is there");
            self.models[which].retained(offsets, (now, OLD, MUCH));
        }
    }

    fn fence(&mut self) {
        self.rig().fence();
        for which in 0..3 {
            self.models[which].fenced();
            assert_eq!(self.high(which), self.models[which].end, "all is seen");
        }
    }

    fn end(&mut self, end: End) {
        let mut rig = self.rig.take().expect("it runs");
        let now = rig.now;
        let epoch = rig.broker.leader_epoch();
        // Fsynced partitions keep what is durable, the other one what was written, if only the process dies.
        let durable = |rig: &Rig| rig.broker.durable().0;
        let promised = match end {
            End::Close => {
                rig.fence();
                self.models.iter_mut().for_each(Model::fenced);
                rig.close();
                vec![u64::MAX; 3]
            }
            End::Kill => {
                let durable = durable(&rig);
                self.disk = self.disk.after_kill(Plan::default());
                drop(rig);
                vec![durable, durable, u64::MAX]
            }
            End::PowerCut(seed) => {
                let durable = durable(&rig);
                self.disk.cut_power();
                drop(rig);
                self.disk = self.disk.after_power_cut(seed, Plan::default());
                vec![durable, durable, 0]
            }
        };
        let mut rig = open(&self.disk, now);
        assert!(rig.broker.leader_epoch() > epoch);
        for (which, promised) in promised.into_iter().enumerate() {
            let p = of(&rig, which);
            let offsets = rig.broker.offsets(&p).expect("it is there");
            assert_eq!(offsets.high, offsets.end);
            let model = &mut self.models[which];
            let kept = if which == CACHED && promised == 0 { None } else { Some(promised) };
            let least = kept.and_then(|lsn| model.batches.iter().rfind(|batch| batch.lsn <= lsn)).map_or(0, Known::end);
            model.found(offsets.start, offsets.end, least);
            let all = drain(&mut rig, &p, offsets.start, 7_000);
            assert_eq!(all, model.there(0, u64::MAX), "partition {which} after {end:?}");
        }
        self.rig = Some(rig);
    }
}
