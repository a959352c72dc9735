//! The power goes, the process dies or the disk refuses at every operation of a compaction: nothing is lost or doubled.

mod harness;

use harness::batches::{append, create, fetch, open, partition};
use harness::keyed::{Keyed, batch, batches, records};
use harness::{REST, Rig, small};
use narumq_broker::{AppendError, PartitionHandle, ProducerRun};
use narumq_log::disk::Disk;
use narumq_log::disk::faulty::{FaultyDisk, Plan};
use narumq_model::{Time, TopicPolicy};
use std::collections::BTreeMap;
use std::sync::Arc;

const KEYS: u64 = 12;

fn policy() -> TopicPolicy {
    let compacts = TopicPolicy { compacts: false, deletes: false, segment_bytes: 3_000, ..TopicPolicy::default() };
    TopicPolicy { dirty_per_mille: 0, ..compacts }
}

/// A disk with a partition of many segments that is about to be compacted, its records, and the time.
fn dirty() -> (FaultyDisk, Vec<Keyed>, Time) {
    let disk = FaultyDisk::new(Plan::default());
    let mut rig = open(&disk);
    create(&mut rig, "t", 1, policy());
    let p = partition(&rig, "t", 0);
    for n in 0..260 {
        let run = Some(ProducerRun { id: n % 3, epoch: 0, first: (n / 3) as u32 });
        let value = Some(n + 1).filter(|n| n % 11 > 0);
        append(&mut rig, &p, &batch(n, 5, &[(Some(n % KEYS), value)], run)).expect("taken");
    }
    rig.fence();
    rig.wait("copied", |rig| {
        let copied = rig.broker.offsets(&p).is_some() && !rig.broker.is_copying();
        copied && disk.list().expect("names").iter().filter(|name| name.ends_with(".segment")).count() > 4
    });
    let all = read(&mut rig, &p).0;
    let altered = TopicPolicy { compacts: true, ..policy() };
    let lsn = rig.turn(|rig, turn| rig.broker.alter_topic(&rig.vhost, "t", (altered, vec![]), turn)).expect("altered");
    rig.durable(lsn);
    rig.fence();
    let now = rig.now;
    rig.close();
    (disk, all, now)
}

/// All records, and the offset behind the last batch.
fn read(rig: &mut Rig, of: &PartitionHandle) -> (Vec<Keyed>, u64) {
    let (mut offset, mut all) = (0, Vec::new());
    loop {
        let bytes = fetch(rig, of, offset, 700).expect("it can be read").bytes.concat();
        if bytes.is_empty() {
            return (all, offset);
        }
        for one in batches(&bytes) {
            all.extend(records(one).expect("keyed"));
            let base = u64::from_le_bytes(one[4..12].try_into().expect("so many bytes"));
            assert!(base >= offset, "a batch comes twice, or behind a later one");
            offset = base + u64::from(u32::from_le_bytes(one[16..20].try_into().expect("so many bytes")));
        }
    }
}

/// Of what was there, some is left, and the last record of every key in any case.
fn check(rig: &mut Rig, all: &[Keyed]) -> usize {
    let p = partition(rig, "t", 0);
    let (left, end) = read(rig, &p);
    assert_eq!(end, 260);
    assert!(left.iter().all(|record| all.contains(record)));
    let newest = |of: &[Keyed]| of.iter().map(|r| (r.key, *r)).collect::<BTreeMap<_, _>>();
    assert_eq!(newest(&left), newest(all));
    let run = ProducerRun { id: 0, epoch: 0, first: 86 };
    let again = batch(258, 5, &[(Some(6), Some(259))], Some(run));
    assert_eq!(append(rig, &p, &again).map(|appended| appended.base), Ok(258), "a producer's last batch is known");
    let gap = batch(9, 5, &[(Some(0), Some(1))], Some(ProducerRun { first: 90, ..run }));
    assert_eq!(append(rig, &p, &gap), Err(AppendError::OutOfOrderSequence));
    left.len()
}

/// Opens and compacts until all is done, or the disk ends it. `None` if it does not come up.
fn run(disk: &FaultyDisk, now: Time) -> Option<Rig> {
    let mut rig = Rig::try_open(Arc::new(disk.clone()), small(), now).ok()?;
    settle(&mut rig);
    // What was replaced is removed once that is durable.
    let mut looks = 0;
    while rig.broker.failed().is_none() && looks < 5_000 / REST.as_millis() {
        let plain = disk.list().map_or(0, |names| names.iter().filter(|n| n.ends_with("0.segment")).count());
        if plain <= 1 {
            break;
        }
        looks += 1;
        rig.rest();
    }
    Some(rig)
}

/// Compacts what there is, unless the disk ends it.
fn settle(rig: &mut Rig) {
    for _ in 0..3 {
        rig.advance(1_000);
        while rig.broker.compactions().pending > 0 && rig.broker.failed().is_none() {
            rig.rest();
        }
    }
}

/// What a compaction that nothing disturbs leaves, and how many operations of the disk it takes.
fn undisturbed(disk: &FaultyDisk, all: &[Keyed], now: Time) -> (usize, u64) {
    let whole = disk.after_kill(Plan::default());
    let mut rig = run(&whole, now).expect("it comes up");
    assert!(rig.broker.compactions().done > 0);
    let left = check(&mut rig, all);
    assert!(left < 120, "{left} of 260 are left");
    (left, whole.operations())
}

#[test]
fn the_power_goes_at_any_operation() {
    let (disk, all, now) = dirty();
    let (_, operations) = undisturbed(&disk, &all, now);
    let mut compacted = 0;
    for at in 1..=operations + 5 {
        let cut = disk.after_kill(Plan { power_cut_at: Some(at), ..Plan::default() });
        drop(run(&cut, now));
        for after in [cut.after_power_cut(at, Plan::default()), cut.after_power_cut(at + 77, Plan::default())] {
            let mut rig = Rig::open(Arc::new(after.clone()), small(), now);
            let left = check(&mut rig, &all);
            compacted += u32::from(left < 260);
            if at % 5 == 0 {
                drop(rig);
                let mut rig = run(&after, now.plus(10_000)).expect("it comes up");
                assert!(check(&mut rig, &all) < 130, "what was cut off is made good");
            }
        }
    }
    assert!(compacted > 5, "some ends came behind an entry that replaces segments: {compacted}");
}

#[test]
fn the_process_dies_at_any_operation() {
    let (disk, all, now) = dirty();
    let (_, operations) = undisturbed(&disk, &all, now);
    for at in 1..=operations + 5 {
        let cut = disk.after_kill(Plan { power_cut_at: Some(at), ..Plan::default() });
        drop(run(&cut, now));
        let after = cut.after_kill(Plan::default());
        let mut rig = Rig::open(Arc::new(after), small(), now);
        check(&mut rig, &all);
    }
}

#[test]
fn a_disk_that_refuses_leaves_all_as_it_was() {
    let (disk, all, now) = dirty();
    let (_, operations) = undisturbed(&disk, &all, now);
    let mut failed = 0;
    for at in 1..=operations {
        for plan in
            [Plan { write_error_at: Some(at), ..Plan::default() }, Plan { sync_error_at: Some(at), ..Plan::default() }]
        {
            let refusing = disk.after_kill(plan);
            let Some(mut rig) = run(&refusing, now) else { continue };
            failed += rig.broker.compactions().failed;
            // It is tried again, and comes to its end.
            settle(&mut rig);
            if rig.broker.failed().is_none() {
                assert!(rig.broker.compactions().done > 0);
            }
            drop(rig);
            let mut rig = Rig::open(Arc::new(refusing.after_kill(Plan::default())), small(), now);
            check(&mut rig, &all);
        }
    }
    assert!(failed > 0, "some were the compaction's");
}

#[test]
fn a_full_disk_waits_for_room() {
    let (disk, all, now) = dirty();
    let used: u64 = disk.list().expect("names").iter().map(|name| disk.bytes(name).len() as u64).sum();
    // Room for the log's next file, and none beside.
    let full = disk.after_kill(Plan { capacity: Some(used + 1_000), ..Plan::default() });
    if let Some(mut rig) = run(&full, now) {
        assert!(rig.broker.failed().is_some() || check(&mut rig, &all) > 0);
    }
    let mut rig = Rig::open(Arc::new(full.after_kill(Plan::default())), small(), now);
    check(&mut rig, &all);
}
