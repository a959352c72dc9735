//! When topics are compacted, what happens meanwhile, and who reads across.

mod harness;

use harness::batches::{create, drain, fetch, open, partition};
use harness::compacting::{active, compact, fill, policy, put, read, u64_at};
use harness::keyed::{batches, records};
use harness::{Rig, session};
use narumq_log::disk::Disk;
use narumq_log::disk::faulty::{FaultyDisk, Plan};
use narumq_model::TopicPolicy;
use std::collections::BTreeMap;

#[test]
fn it_waits_for_enough_dirt_but_not_for_too_long() {
    let disk = FaultyDisk::new(Plan::default());
    let mut rig = open(&disk);
    let lazy = TopicPolicy { dirty_per_mille: 500, compaction_lag_max_ms: Some(10_000_000), ..policy() };
    let lazy = TopicPolicy { segment_bytes: 2_000, ..lazy };
    create(&mut rig, "t", 1, lazy);
    let p = partition(&rig, "t", 0);
    // All keys are new: what is clean is as large as what was dirty.
    (0..120).for_each(|key| _ = put(&mut rig, &p, key, Some(1)));
    let first = compact(&mut rig).done;
    assert!(first >= 1);
    (120..160).for_each(|key| _ = put(&mut rig, &p, key, Some(1)));
    assert_eq!(compact(&mut rig).done, first, "too little is dirty");
    rig.advance(10_000_001);
    (160..200).for_each(|key| _ = put(&mut rig, &p, key, Some(1)));
    assert!(compact(&mut rig).done > first, "it has waited for too long");
    assert_eq!(read(&mut rig, &p).len(), 200);
}

#[test]
fn an_idle_segment_ends_by_time_with_the_next_record() {
    let disk = FaultyDisk::new(Plan::default());
    let mut rig = open(&disk);
    create(&mut rig, "t", 1, TopicPolicy { segment_ms: 50_000, segment_bytes: 1 << 20, ..policy() });
    let p = partition(&rig, "t", 0);
    fill(&mut rig, &p, 0..2, 10);
    assert_eq!(compact(&mut rig).done, 0);
    rig.advance(50_000);
    put(&mut rig, &p, 9, Some(1));
    assert!(compact(&mut rig).done >= 1);
    let left: Vec<_> = read(&mut rig, &p).iter().map(|r| (r.offset, r.key)).collect();
    assert_eq!(left, [(18, Some(0)), (19, Some(1)), (20, Some(9))]);
}

#[test]
fn a_reader_goes_on_over_what_has_gone() {
    let disk = FaultyDisk::new(Plan::default());
    let mut rig = open(&disk);
    create(&mut rig, "t", 1, policy());
    let p = partition(&rig, "t", 0);
    fill(&mut rig, &p, 0..20, 30);
    rig.fence();
    let mut offset = 0;
    let mut seen: BTreeMap<u64, u64> = BTreeMap::new();
    for round in 0.. {
        // Asked before the segments are replaced, answered after.
        let asked = rig.turn(|rig, turn| rig.broker.fetch(&p, (offset, 400, true), session(1), turn)).expect("there");
        if round % 3 == 0 {
            fill(&mut rig, &p, 0..20, if round < 12 { 8 } else { 0 });
            compact(&mut rig);
        }
        let fetched = if asked.reading { fetch(&mut rig, &p, offset, 400).expect("there") } else { asked };
        let bytes = fetched.bytes.concat();
        for one in batches(&bytes) {
            for record in records(one).expect("keyed").iter().filter(|r| r.offset >= offset) {
                seen.insert(record.key.unwrap(), record.value.unwrap());
            }
            offset = u64_at(one, 4) + u64::from(u32::from_le_bytes(one[16..20].try_into().unwrap()));
        }
        if bytes.is_empty() && round > 12 {
            break;
        }
    }
    assert_eq!(offset, rig.broker.offsets(&p).expect("there").end);
    assert_eq!(seen, (0..20).map(|key| (key, 8)).collect());
    // From any offset the next batch comes.
    let all = drain(&mut rig, &p, 0, 9_000);
    for offset in 0..offset {
        let fetched = fetch(&mut rig, &p, offset, 1).expect("there").bytes.concat();
        let next = all.iter().find(|(base, count, _)| base + u64::from(*count) > offset).expect("a batch");
        assert_eq!(u64_at(&fetched, 4), next.0);
    }
}

#[test]
fn what_happens_meanwhile_wins() {
    for what in 0..4 {
        let disk = FaultyDisk::new(Plan::default());
        let mut rig = open(&disk);
        let later = TopicPolicy { compacts: false, ..policy() };
        create(&mut rig, "t", 1, later.clone());
        let p = partition(&rig, "t", 0);
        fill(&mut rig, &p, 0..20, 40);
        rig.fence();
        rig.advance(2_000);
        rig.wait("segments", |_| active(&disk) > 500 && disk.is_synced(".segment"));
        rig.fence();
        let all = read(&mut rig, &p);
        let alter = |rig: &mut Rig, policy: TopicPolicy| {
            rig.turn(|rig, turn| rig.broker.alter_topic(&rig.vhost, "t", (policy, vec![]), turn)).expect("altered")
        };
        alter(&mut rig, policy());
        rig.fence();
        disk.hold_syncs(true);
        rig.advance(1_000);
        rig.wait("a compaction has begun", |_| {
            disk.list().expect("names").iter().any(|name| name.split('-').count() == 3)
        });
        match what {
            0 => drop(rig.turn(|rig, turn| rig.broker.delete_topic(&rig.vhost, "t", turn)).expect("it was there")),
            1 => drop(alter(&mut rig, later)),
            2 => drop(rig.turn(|rig, turn| rig.broker.trim(&p, 555, turn)).expect("trimmed")),
            _ => disk.cut_power(),
        }
        disk.hold_syncs(false);
        if what == 3 {
            drop(rig);
            let mut rig = open(&disk.after_power_cut(9, Plan::default()));
            let p = partition(&rig, "t", 0);
            assert_eq!(read(&mut rig, &p), all);
            continue;
        }
        rig.wait("it has ended", |rig| rig.broker.compactions().pending == 0);
        rig.fence();
        let made =
            |disk: &FaultyDisk| disk.list().expect("names").iter().filter(|name| name.split('-').count() == 3).count();
        match what {
            0 => {
                rig.wait("all files go", |_| disk.list().expect("names").iter().all(|name| !name.ends_with(".segment")))
            }
            1 => {
                assert_eq!((read(&mut rig, &p), made(&disk)), (all.clone(), 0));
            }
            _ => {
                assert_eq!(rig.broker.offsets(&p).expect("there").start, 555);
                let left = read(&mut rig, &p);
                assert!((0..20).all(|key| left.iter().rfind(|r| r.key == Some(key)).unwrap().value == Some(40)));
                compact(&mut rig);
                drop(rig);
                let mut rig = open(&disk.after_kill(Plan::default()));
                let p = partition(&rig, "t", 0);
                assert_eq!(rig.broker.offsets(&p).expect("there").start, 555);
                let left = read(&mut rig, &p);
                assert!((0..20).all(|key| left.iter().rfind(|r| r.key == Some(key)).unwrap().value == Some(40)));
            }
        }
    }
}
