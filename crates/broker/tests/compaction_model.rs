//! Compacted partitions against a naive map: random records, trims, time, compactions and ends of all kinds.

mod harness;

use harness::batches::{append, create_spec, fetch, partition, topic};
use harness::keyed::{Keyed, batch, batches, records};
use harness::{Rig, small};
use narumq_broker::ProducerRun;
use narumq_log::disk::Disk;
use narumq_log::disk::faulty::{FaultyDisk, Plan};
use narumq_model::{Durability, Time, TopicPolicy};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::sync::Arc;

const TOMBSTONE_MS: u64 = 20_000;

#[derive(Clone, Debug)]
enum Op {
    /// So many batches of these records, again and again: key (0 = none) and whether there is a value.
    Append(Vec<(u64, bool)>, u32, Option<u64>),
    Again(u64),
    Compact,
    Trim(u64),
    Pass(u64),
    Read(u64),
    Close,
    Kill,
    PowerCut(u64),
}

fn op() -> impl Strategy<Value = Op> {
    let records = proptest::collection::vec((0..60u64, prop::bool::weighted(0.8)), 1..12);
    prop_oneof![
        10 => (records, 1..30u32, proptest::option::of(0..3u64)).prop_map(|(r, n, p)| Op::Append(r, n, p)),
        2 => (0..3u64).prop_map(Op::Again),
        5 => Just(Op::Compact),
        1 => (0..1_000u64).prop_map(Op::Trim),
        2 => (1..30_000u64).prop_map(Op::Pass),
        3 => (0..1_000u64).prop_map(Op::Read),
        1 => Just(Op::Close),
        1 => Just(Op::Kill),
        1 => any::<u64>().prop_map(Op::PowerCut),
    ]
}

/// A record as it was taken, and when.
#[derive(Clone, Copy, Debug)]
struct Taken {
    offset: u64,
    key: Option<u64>,
    value: Option<u64>,
    at: u64,
}

/// What a producer sent last: the batch, its run, its offset.
type Last = (Vec<u8>, ProducerRun, u64, u32);

struct Site {
    disk: FaultyDisk,
    rig: Option<Rig>,
    all: Vec<Taken>,
    start: u64,
    end: u64,
    value: u64,
    producers: BTreeMap<u64, Last>,
}

impl Site {
    fn new(durability: Durability) -> Self {
        let disk = FaultyDisk::new(Plan::default());
        let mut rig = Rig::open(Arc::new(disk.clone()), small(), Time(100_000));
        let policy = TopicPolicy {
            segment_bytes: 2_500,
            compacts: true,
            retention_ms: None,
            dirty_per_mille: 0,
            tombstone_ms: TOMBSTONE_MS,
            ..TopicPolicy::default()
        };
        let mut spec = topic("t", 1, policy);
        spec.durability = Some(durability);
        create_spec(&mut rig, spec);
        let (all, producers) = (Vec::new(), BTreeMap::new());
        Self { disk, rig: Some(rig), all, start: 0, end: 0, value: 0, producers }
    }

    fn rig(&mut self) -> &mut Rig {
        self.rig.as_mut().expect("it runs")
    }

    fn run(&mut self, op: &Op) {
        match op {
            Op::Append(records, times, producer) => (0..*times).for_each(|_| self.append(records, *producer)),
            Op::Again(producer) => self.again(*producer),
            Op::Compact => self.compact(),
            Op::Trim(share) => {
                self.rig().fence();
                let offset = self.start + (self.end - self.start) * share / 1_000;
                let rig = self.rig();
                let p = partition(rig, "t", 0);
                let (start, lsn) = rig.turn(|rig, turn| rig.broker.trim(&p, offset, turn)).expect("trimmed");
                rig.durable(lsn);
                self.start = start;
            }
            Op::Pass(millis) => self.rig().advance(*millis),
            Op::Read(share) => self.check(*share),
            Op::Close | Op::Kill | Op::PowerCut(_) => self.end_of(op),
        }
    }

    fn append(&mut self, records: &[(u64, bool)], producer: Option<u64>) {
        let records: Vec<(Option<u64>, Option<u64>)> = records
            .iter()
            .map(|(key, has_value)| {
                self.value += 1;
                (key.checked_sub(1), Some(self.value).filter(|_| *has_value))
            })
            .collect();
        let run = producer.map(|id| {
            let next = self.producers.get(&id).map_or(0, |(_, run, _, count)| run.first + count);
            ProducerRun { id, epoch: 0, first: next }
        });
        let rig = self.rig();
        let (p, at) = (partition(rig, "t", 0), rig.now.0);
        let bytes = batch(1, at as i64, &records, run);
        let base = append(rig, &p, &bytes).expect("taken").base;
        assert_eq!(base, self.end);
        let taken = records.iter().enumerate();
        self.all.extend(taken.map(|(n, (key, value))| Taken { offset: base + n as u64, key: *key, value: *value, at }));
        self.end += records.len() as u64;
        if let (Some(id), Some(run)) = (producer, run) {
            self.producers.insert(id, (bytes, run, base, records.len() as u32));
        }
    }

    fn again(&mut self, producer: u64) {
        let Some((bytes, _, base, _)) = self.producers.get(&producer).cloned() else { return };
        let rig = self.rig();
        let p = partition(rig, "t", 0);
        assert_eq!(append(rig, &p, &bytes).map(|appended| appended.base), Ok(base), "it is known");
    }

    /// Compacts until nothing more is to be done; then each key has one record below the segment that is written to.
    fn compact(&mut self) {
        let rig = self.rig();
        rig.fence();
        let (mut idle, mut done) = (0, 0);
        while idle < 3 {
            rig.advance(1_000);
            rig.wait("compacted", |rig| rig.broker.compactions().pending == 0 && !rig.broker.is_copying());
            rig.fence();
            idle = if rig.broker.compactions().done == done { idle + 1 } else { 0 };
            done = rig.broker.compactions().done;
        }
        let compactions = rig.broker.compactions();
        assert_eq!((compactions.failed, compactions.broken), (0, 0));
        let active = self.active();
        let mut newest: BTreeMap<u64, u64> = BTreeMap::new();
        for record in self.read(self.start).into_iter().filter(|record| record.offset < active) {
            let key = record.key.expect("records without a key go");
            assert_eq!(newest.insert(key, record.offset), None, "key {key} has one record below {active}");
        }
    }

    /// Where the segment begins that is written to.
    fn active(&self) -> u64 {
        let names = self.disk.list().expect("names");
        let bases = names.iter().filter_map(|name| name.strip_suffix(".segment")?.split('-').nth(1));
        bases.map(|base| u64::from_str_radix(base, 16).expect("hexadecimal")).max().unwrap_or(0)
    }

    fn read(&mut self, mut offset: u64) -> Vec<Keyed> {
        let rig = self.rig();
        let p = partition(rig, "t", 0);
        let (from, mut all) = (offset, Vec::new());
        loop {
            let bytes = fetch(rig, &p, offset, 900).expect("it can be read").bytes.concat();
            if bytes.is_empty() {
                assert_eq!(offset.max(from), rig.broker.offsets(&p).expect("there").high);
                return all;
            }
            for one in batches(&bytes) {
                all.extend(records(one).expect("keyed").into_iter().filter(|record| record.offset >= from));
                let base = u64::from_le_bytes(one[4..12].try_into().expect("8 bytes"));
                let end = base + u64::from(u32::from_le_bytes(one[16..20].try_into().expect("4 bytes")));
                assert!(end > offset, "nothing comes twice");
                offset = end;
            }
        }
    }

    /// What is left is what was taken, and of each key the last record is left.
    fn check(&mut self, share: u64) {
        self.rig().fence();
        let from = self.start + (self.end - self.start) * share / 1_000;
        let now = self.rig().now.0;
        let left = self.read(from);
        let left: BTreeMap<u64, Keyed> = left.iter().map(|record| (record.offset, *record)).collect();
        let mut newest: BTreeMap<u64, Taken> = BTreeMap::new();
        for taken in &self.all {
            if let Some(record) = left.get(&taken.offset) {
                assert_eq!((record.key, record.value), (taken.key, taken.value), "{taken:?}");
            }
            if let Some(key) = taken.key {
                newest.insert(key, *taken);
            }
        }
        for taken in newest.into_values().filter(|taken| taken.offset >= from) {
            let may_go = taken.value.is_none() && now >= taken.at + TOMBSTONE_MS;
            assert!(may_go || left.contains_key(&taken.offset), "{taken:?} has gone");
        }
        let appended: BTreeMap<u64, Taken> = self.all.iter().map(|taken| (taken.offset, *taken)).collect();
        assert!(left.keys().all(|offset| appended.contains_key(offset)));
    }

    fn end_of(&mut self, op: &Op) {
        let mut rig = self.rig.take().expect("it runs");
        let now = rig.now;
        rig.fence();
        if let Op::Close | Op::PowerCut(_) = op {
            // What only the page cache promises is on the disk, too.
            rig.advance(1_000);
            rig.wait("synced", |rig| !rig.broker.is_copying());
            rig.fence();
        }
        match op {
            Op::Close => rig.close(),
            Op::PowerCut(seed) => {
                self.disk.cut_power();
                drop(rig);
                self.disk = self.disk.after_power_cut(*seed, Plan::default());
            }
            _ => {
                self.disk = self.disk.after_kill(Plan::default());
                drop(rig);
            }
        }
        let rig = Rig::open(Arc::new(self.disk.clone()), small(), now.plus(1_000));
        let offsets = rig.broker.offsets(&partition(&rig, "t", 0)).expect("there");
        assert_eq!((offsets.start, offsets.end), (self.start, self.end));
        self.rig = Some(rig);
        self.check(0);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn compacted_partitions_keep_the_last_record_of_every_key(
        fsync in any::<bool>(),
        ops in proptest::collection::vec(op(), 1..40),
    ) {
        let mut site = Site::new(if fsync { Durability::Fsync } else { Durability::Os });
        for op in &ops {
            site.run(op);
        }
        site.run(&Op::Kill);
        site.run(&Op::Compact);
        (0..3).for_each(|producer| site.run(&Op::Again(producer)));
        site.run(&Op::Read(0));
    }
}

/// How many runs: `NARUMQ_CASES`, or a few.
fn cases() -> u32 {
    std::env::var("NARUMQ_CASES").ok().and_then(|n| n.parse().ok()).unwrap_or(60)
}
