//! Topics over the log and its segments: what was taken is there, in order, after any end.

mod harness;

use harness::batches::{append, bytes, create, create_spec, drain, fetch, open, partition, topic};
use harness::{Rig, small};
use narumq_broker::{AppendError, FetchError, ProducerRun, TopicSpec};
use narumq_log::Options;
use narumq_log::disk::faulty::{FaultyDisk, Plan};
use narumq_model::{Durability, Lsn, Time, TopicPolicy};
use std::sync::Arc;

fn policy(segment_bytes: u64) -> TopicPolicy {
    TopicPolicy { segment_bytes, ..TopicPolicy::default() }
}

#[test]
fn readers_see_what_is_durable_and_nothing_more() {
    let disk = FaultyDisk::new(Plan::default());
    let mut rig = open(&disk);
    create(&mut rig, "t", 2, policy(1 << 20));
    let p = partition(&rig, "t", 1);
    let first = append(&mut rig, &p, &bytes(1, 3, 50, None)).expect("taken");
    assert_eq!((first.base, first.start), (0, 0));
    rig.durable(first.lsn);
    let second = append(&mut rig, &p, &bytes(2, 2, 50, None)).expect("taken");
    assert_eq!(second.base, 3);
    rig.durable(second.lsn);
    assert_eq!(drain(&mut rig, &p, 0, 10), [(0, 3, 1), (3, 2, 2)]);
    assert_eq!(drain(&mut rig, &p, 2, 1 << 20), [(0, 3, 1), (3, 2, 2)], "from the batch that holds the offset");
    assert_eq!(drain(&mut rig, &p, 4, 1 << 20), [(3, 2, 2)]);
    assert_eq!(fetch(&mut rig, &p, 6, 10).err(), Some(FetchError::OutOfRange { start: 0, high: 5 }));
}

#[test]
fn what_is_sent_twice_is_taken_once_over_restarts_too() {
    let disk = FaultyDisk::new(Plan::default());
    let mut rig = open(&disk);
    create(&mut rig, "t", 1, policy(1 << 20));
    let p = partition(&rig, "t", 0);
    let run = |first| Some(ProducerRun { id: 5, epoch: 0, first });
    let taken = append(&mut rig, &p, &bytes(1, 10, 20, run(0))).expect("taken");
    let again = append(&mut rig, &p, &bytes(1, 10, 20, run(0))).expect("known");
    assert_eq!((again.base, again.lsn), (taken.base, taken.lsn), "the answer waits for the first one");
    assert_eq!(append(&mut rig, &p, &bytes(3, 1, 20, run(20))), Err(AppendError::OutOfOrderSequence));
    rig.durable(taken.lsn);
    drop(rig);
    let mut rig = open(&disk.after_kill(Plan::default()));
    let p = partition(&rig, "t", 0);
    assert_eq!(append(&mut rig, &p, &bytes(1, 10, 20, run(0))).map(|a| a.base), Ok(0));
    assert_eq!(append(&mut rig, &p, &bytes(2, 1, 20, run(10))).map(|a| a.base), Ok(10));
}

#[test]
fn ids_of_producers_are_never_given_twice() {
    let mut disk = FaultyDisk::new(Plan::default());
    let mut given = std::collections::BTreeSet::new();
    for _ in 0..4 {
        let mut rig = open(&disk);
        for _ in 0..1_500 {
            let (id, lsn) = rig.turn(|rig, turn| rig.broker.new_producer(turn));
            assert!(given.insert(id), "{id} was given before");
            rig.durable(lsn);
        }
        drop(rig);
        disk = disk.after_kill(Plan::default());
    }
}

/// Batches of all sizes into three partitions, over ends of all kinds; everything durable is there afterwards.
#[test]
fn batches_survive_any_end_in_log_or_segment() {
    for seed in 0..12u64 {
        let mut disk = FaultyDisk::new(Plan::default());
        let mut rig = open(&disk);
        create(&mut rig, "t", 3, policy(100 << 10));
        let mut sent: Vec<Vec<(u64, u32, u64)>> = vec![Vec::new(); 3];
        let mut id = seed * 1_000_000;
        for round in 0..6u64 {
            for n in 0..120u64 {
                id += 1;
                let which = (id * 7 + seed) % 3;
                let p = partition(&rig, "t", which as u32);
                let (count, len) = (1 + (id % 9) as u32, ((id * 7919 + seed * 31) % 30_000) as usize);
                let appended = append(&mut rig, &p, &bytes(id, count, len, None)).expect("taken");
                sent[which as usize].push((appended.base, count, id));
                if n % 40 == 39 {
                    rig.durable(appended.lsn);
                    let half = sent[which as usize].len() / 2;
                    let from = sent[which as usize][half].0;
                    assert_eq!(drain(&mut rig, &p, from, 70_000), sent[which as usize][half..]);
                }
            }
            let last = rig.fence();
            assert!(last > Lsn(0));
            match (seed + round) % 3 {
                0 => rig.close(),
                1 => {
                    disk = disk.after_kill(Plan::default());
                    drop(rig);
                }
                _ => {
                    disk.cut_power();
                    drop(rig);
                    disk = disk.after_power_cut(seed * 100 + round, Plan::default());
                }
            }
            rig = open(&disk);
            for (number, sent) in sent.iter().enumerate() {
                let p = partition(&rig, "t", number as u32);
                assert_eq!(drain(&mut rig, &p, 0, 40_000), *sent, "seed {seed}, round {round}, partition {number}");
            }
        }
        let names = narumq_log::disk::Disk::list(&disk).expect("names");
        assert!(names.iter().filter(|name| name.ends_with(".segment")).count() > 3, "{names:?}");
    }
}

#[test]
fn who_appends_is_held_back_while_too_much_is_in_memory() {
    let disk = FaultyDisk::new(Plan::default());
    let mut rig = open(&disk);
    create(&mut rig, "t", 1, policy(1 << 20));
    let p = partition(&rig, "t", 0);
    assert!(!rig.broker.congested());
    disk.hold_syncs(true);
    for id in 0..50 {
        append(&mut rig, &p, &bytes(id, 1, 50_000, None)).expect("appending never refuses");
    }
    assert!(rig.broker.topic_memory().0 > 2 << 20);
    assert!(rig.broker.congested(), "nothing can be let go");
    disk.hold_syncs(false);
    rig.fence();
    rig.wait("memory is let go", |rig| !rig.broker.congested());
    assert_eq!(drain(&mut rig, &p, 0, 1 << 20).len(), 50);
}

#[test]
fn what_was_read_longest_ago_is_let_go() {
    let disk = FaultyDisk::new(Plan::default());
    let mut rig = open(&disk);
    create(&mut rig, "t", 8, policy(1 << 30));
    for number in 0..8 {
        let p = partition(&rig, "t", number);
        (0..30).for_each(|id| assert!(append(&mut rig, &p, &bytes(id, 1, 50_000, None)).is_ok()));
    }
    rig.fence();
    drop(rig);
    // What is in no segment is read back into memory: twice, so that all is.
    let mut rig = open(&disk.after_kill(Plan::default()));
    for round in 0..3 {
        for number in 0..8 {
            let p = partition(&rig, "t", number);
            assert_eq!(drain(&mut rig, &p, 0, 100_000).len(), 30, "round {round}");
            let (_, read) = rig.broker.topic_memory();
            assert!(read <= 7 << 20, "{read} bytes");
        }
    }
    assert!(rig.broker.topic_memory().1 > 0, "something was read of segments");
    rig.turn(|rig, turn| rig.broker.delete_topic(&rig.vhost, "t", turn)).expect("it was there");
    assert_eq!(rig.broker.topic_memory(), (0, 0));
}

#[test]
fn a_write_that_fails_ends_the_log_where_the_page_cache_is_promised() {
    let disk = FaultyDisk::new(Plan { capacity: Some(1 << 20), ..Plan::default() });
    let mut rig = Rig::open(Arc::new(disk.clone()), Options { disk_reserve: 0, ..small() }, Time(1_000));
    let cached = TopicSpec { durability: Some(Durability::Os), ..topic("t", 1, policy(1 << 30)) };
    create_spec(&mut rig, cached);
    let p = partition(&rig, "t", 0);
    let mut taken = 0;
    while rig.broker.failed().is_none() {
        append(&mut rig, &p, &bytes(taken, 1, 50_000, None)).expect("appending never refuses");
        taken += 1;
        assert!(taken < 30, "the disk is full");
    }
    assert!(rig.broker.offsets(&p).expect("it is there").high < taken, "what is not written is not seen");
}

#[test]
fn segments_are_synced_in_the_background_and_a_start_walks_little() {
    let disk = FaultyDisk::new(Plan::default());
    let mut rig = open(&disk);
    let cached = TopicSpec { durability: Some(Durability::Os), ..topic("t", 1, policy(100_000)) };
    create_spec(&mut rig, cached);
    let p = partition(&rig, "t", 0);
    for id in 0..40 {
        let appended = append(&mut rig, &p, &bytes(id, 1, 10_000, None)).expect("taken");
        assert_eq!(appended.lsn, Lsn(0), "nothing to wait for");
        assert_eq!(drain(&mut rig, &p, id, 10).len(), 1, "it is written");
    }
    // All but the last segment have been synced when they were full, and the rest when time has passed.
    rig.advance(2_000);
    rig.wait("a State says so", |rig| {
        rig.fence();
        let disk = disk.after_power_cut(rig.now.0, Plan::default());
        let rig = open(&disk);
        let p = partition(&rig, "t", 0);
        rig.broker.offsets(&p).expect("it is there").end == 40
    });
}
