//! Large States stand in parts: what they say is found again after power cuts, while rounds replace some of them.

mod harness;

use harness::*;
use narumq_broker::Outcome;
use narumq_log::Options;
use narumq_log::disk::faulty::{FaultyDisk, Plan};
use narumq_model::{QueuePolicy, Seq, Time};
use std::collections::BTreeSet;
use std::sync::Arc;

const LEN: usize = 40;
const MESSAGES: u64 = 24_000;
const QUEUES: u64 = 250;

fn options() -> Options {
    Options { file_bytes: 256 << 10, first_file_bytes: 256 << 10, settle_ms: 5, ..small() }
}

fn name(n: u64) -> String {
    format!("{n:0100}")
}

/// Writes about three files full of what is gone at once, so that rounds end.
fn churn(rig: &mut Rig) {
    let fast = rig.queue("fast").expect("the queue is there");
    for id in 0..512 {
        rig.publish("fast", id, 1_500, true);
        assert_eq!(rig.get(&fast, session(1), true).map(|(d, _)| id_of(&d.message)), Some(id));
        if id % 64 == 0 {
            rig.fence();
        }
    }
}

#[test]
fn large_states_outlive_power_cuts() {
    let mut disk = FaultyDisk::new(Plan::default());
    let mut rig = Rig::open(Arc::new(disk.clone()), options(), Time(1_000));
    rig.durable_queue("fast", QueuePolicy::default());
    let holey = rig.durable_queue("holey", QueuePolicy::default());
    (0..QUEUES).for_each(|n| drop(rig.durable_queue(&name(n), QueuePolicy::default())));
    for id in 0..MESSAGES {
        rig.publish("holey", id, LEN, true);
    }
    // Every second message goes, every other is put back and known to have been delivered.
    let held: Vec<Seq> = (0..MESSAGES).filter_map(|_| rig.get(&holey, session(1), false)).map(|(d, _)| d.seq).collect();
    let (odd, even): (Vec<_>, Vec<_>) = held.iter().enumerate().partition(|(at, _)| at % 2 == 1);
    let seqs = |of: Vec<(usize, &Seq)>| of.into_iter().map(|(_, seq)| *seq).collect::<Vec<_>>();
    rig.settle(&holey, session(1), None, &seqs(odd), Outcome::Accept);
    rig.settle(&holey, session(1), None, &seqs(even), Outcome::Return);
    let mut there: BTreeSet<u64> = (0..MESSAGES).step_by(2).collect();
    drop(holey);
    for round in 1..5u64 {
        churn(&mut rig);
        // A few go at the head: the parts behind stay as they are.
        let holey = rig.queue("holey").expect("the queue is there");
        for _ in 0..round * 700 {
            assert_eq!(rig.get(&holey, session(1), true).map(|(d, _)| id_of(&d.message)), there.pop_first());
        }
        churn(&mut rig);
        rig.durable_queue(&name(QUEUES + round), QueuePolicy::default());
        rig.fence();
        disk.cut_power();
        drop((rig, holey));
        disk = disk.after_power_cut(round, Plan::default());
        rig = Rig::open(Arc::new(disk.clone()), options(), Time(1_000 + round));
        let holey = rig.queue("holey").expect("the queue is there");
        assert_eq!(rig.counts(&holey).ready, there.len() as u64, "round {round}");
        (0..QUEUES)
            .chain(QUEUES + 1..=QUEUES + round)
            .for_each(|n| assert!(rig.queue(&name(n)).is_some(), "queue {n}"));
    }
    let holey = rig.queue("holey").expect("the queue is there");
    let found = std::iter::from_fn(|| rig.get(&holey, session(2), true)).map(|(d, _)| {
        assert!(d.message.redelivered);
        id_of(&d.message)
    });
    assert_eq!(found.collect::<Vec<_>>(), there.into_iter().collect::<Vec<_>>());
    rig.close();
}
