//! A few messages stay among many that go: they are copied out of the files that the others leave, and found again.

mod harness;

use harness::*;
use narumq_broker::Outcome;
use narumq_log::Options;
use narumq_log::disk::Disk;
use narumq_log::disk::faulty::{FaultyDisk, Plan};
use narumq_model::{QueuePolicy, Seq, Time};
use std::sync::Arc;

const LEN: usize = 1_500;

fn hasty() -> Options {
    Options { settle_ms: 5, ..small() }
}

/// Files of the log and survivors that are in use.
fn files(disk: &FaultyDisk) -> (usize, usize) {
    let names = disk.list().expect("the disk is there");
    let ending = |end: &str| names.iter().filter(|name| name.ends_with(end)).count();
    (ending(".log"), ending(".survivor"))
}

/// Publishes `ids`; every tenth message goes to the queue that nobody reads.
fn publish(rig: &mut Rig, ids: std::ops::Range<u64>) {
    let fast = rig.queue("fast").expect("the queue is there");
    for id in ids {
        rig.publish(if id % 10 == 0 { "slow" } else { "fast" }, id, LEN, true);
        if id % 10 != 0 {
            assert_eq!(rig.get(&fast, session(1), true).map(|(d, _)| id_of(&d.message)), Some(id));
        }
        if id % 8 == 0 {
            rig.fence();
        }
    }
}

/// Publishes until what stays has been copied together.
fn until_few_files(rig: &mut Rig, disk: &FaultyDisk, from: u64, most: usize) -> u64 {
    let mut id = from;
    while files(disk).0 > most || files(disk).1 == 0 {
        publish(rig, id..id + 10);
        id += 10;
        assert!(id < from + 5_000, "{:?} files are still in use", files(disk));
    }
    id
}

fn ids(rig: &mut Rig, queue: &str) -> Vec<u64> {
    let queue = rig.queue(queue).expect("the queue is there");
    let mut ids = Vec::new();
    while rig.counts(&queue).ready > 0 {
        let (delivery, _) = rig.get(&queue, session(2), true).expect("a message is ready");
        let id = id_of(&delivery.message);
        assert_eq!(delivery.message.payload(), payload(id, LEN));
        ids.push(id);
    }
    ids
}

#[test]
fn what_stays_is_copied_together_and_outlives_a_power_cut() {
    let mut disk = FaultyDisk::new(Plan::default());
    let mut rig = Rig::open(Arc::new(disk.clone()), hasty(), Time(1_000));
    ["fast", "slow"].iter().for_each(|name| drop(rig.durable_queue(name, QueuePolicy::default())));
    publish(&mut rig, 0..800);
    let mut next = until_few_files(&mut rig, &disk, 800, 8);
    for round in 1..4u64 {
        rig.fence();
        disk.cut_power();
        drop(rig);
        disk = disk.after_power_cut(round, Plan::default());
        rig = Rig::open(Arc::new(disk.clone()), hasty(), Time(1_000 + round));
        let slow = rig.queue("slow").expect("the queue is there");
        assert_eq!(rig.counts(&slow).ready, next.div_ceil(10), "round {round}");
        // What is put back in between lies where it lay.
        let held: Vec<Seq> = (0..20).filter_map(|_| rig.get(&slow, session(3), false)).map(|(d, _)| d.seq).collect();
        next = until_few_files(&mut rig, &disk, next, 8);
        rig.settle(&slow, session(3), None, &held, Outcome::Return);
    }
    assert_eq!(ids(&mut rig, "slow"), (0..next).step_by(10).collect::<Vec<_>>());
    rig.wait("survivor files are retired", |_| files(&disk).1 == 0);
    rig.close();
}

#[test]
fn a_lost_file_is_noticed_at_the_start() {
    let disk = FaultyDisk::new(Plan::default());
    let mut rig = Rig::open(Arc::new(disk.clone()), hasty(), Time(1_000));
    ["fast", "slow"].iter().for_each(|name| drop(rig.durable_queue(name, QueuePolicy::default())));
    publish(&mut rig, 0..800);
    until_few_files(&mut rig, &disk, 800, 8);
    rig.close();
    let names = disk.list().expect("the disk is there");
    let survivor = names.iter().find(|name| name.ends_with(".survivor")).expect("a survivor file");
    disk.remove(survivor).expect("it can be removed");
    let refused = Rig::try_open(Arc::new(disk.clone()), hasty(), Time(2_000)).err().expect("the broker refuses");
    assert!(refused.to_string().contains("lie in no file of the log"), "{refused}");
}
