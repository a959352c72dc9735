//! Starts and ends of a log: epochs, clean and unclean ends, and what many of them leave behind.

use super::{Factory, open};
use crate::common;
use crate::common::history::History;
use crate::common::restore::Restore;
use crate::common::{Random, given, small};
use narumq_log::{Entry, Kind, Log};
use narumq_model::{Epoch, Lsn, ObjectId, Time};
use std::sync::Arc;

pub(super) fn starts_and_ends(factory: Factory<'_>) {
    let disk = factory();
    let open = || {
        let mut restore = Restore::default();
        let log = Log::open(small(), given(&disk, 4), Time(1_000), &mut restore).unwrap();
        (log, restore)
    };
    let (log, restore) = open();
    assert_eq!((log.epoch(), log.ended().lsn, log.ended().clean), (Epoch(1), Lsn(0), false));
    assert!(restore.kinds.is_empty());
    drop(log);
    let (log, restore) = open();
    assert_eq!((log.epoch(), log.ended().lsn, log.ended().clean), (Epoch(2), Lsn(1), false), "never started");
    assert_eq!(restore.kinds, [(Lsn(1), Kind::EpochStart)]);
    log.start(Arc::<common::ear::Ear>::default()).unwrap();
    log.close(Time(2_000));
    log.close(Time(2_001));
    drop(log);
    let (log, restore) = open();
    assert!(log.ended().clean, "closed in order");
    assert_eq!((log.epoch(), log.ended().time), (Epoch(3), Time(2_000)), "closing twice is closing once");
    assert_eq!(restore.kinds.last().unwrap().1, Kind::EpochEnd);
    log.start(Arc::<common::ear::Ear>::default()).unwrap();
    let lsn = log.append(&Entry::new(Kind::Count, ObjectId(5), Time(3_000))).lsn;
    drop(log);
    let (log, restore) = open();
    assert!(!log.ended().clean, "dropped without a close");
    assert_eq!((log.epoch(), log.ended().time), (Epoch(4), Time(3_000)), "time does not run backwards");
    assert!(log.ended().lsn >= lsn && restore.kinds.contains(&(lsn, Kind::Count)), "a drop writes what was appended");
}

pub(super) fn many_starts(factory: Factory<'_>) {
    let (disk, history) = (factory(), Arc::<History>::default());
    let mut random = Random(6);
    let starts = common::times("NARUMQ_STARTS", 120);
    for start in 0..starts {
        let mut world = open(&disk, &small(), &history);
        assert_eq!(world.log.epoch(), Epoch(start + 1));
        for _ in 0..random.below(3) {
            world.step(&mut random, 3, 500);
        }
        match start % 3 {
            0 => world.kill(),
            _ => world.close(),
        }
    }
    let world = open(&disk, &small(), &history);
    let (wanted, used) = (world.files().len(), world.log.files_in_use());
    assert!(used <= wanted + 12, "{used} files in use, {wanted} wanted, after {starts} starts");
    world.close();
}
