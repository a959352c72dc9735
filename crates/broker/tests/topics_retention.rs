//! What goes from the front of a partition, when it goes, and that it never comes back.

mod harness;

use harness::batches::{append, bytes, create, drain, fetch, open, partition, timed};
use harness::session;
use narumq_broker::{AppendError, FetchError, PartitionHandle, ProducerRun, TrimError};
use narumq_log::disk::Disk;
use narumq_log::disk::faulty::{FaultyDisk, Plan};
use narumq_model::{Time, TopicPolicy};

type Rig = harness::Rig;

fn policy(segment_bytes: u64) -> TopicPolicy {
    TopicPolicy { segment_bytes, retention_ms: None, ..TopicPolicy::default() }
}

fn segments(disk: &FaultyDisk) -> usize {
    disk.list().expect("names").iter().filter(|name| name.ends_with(".segment")).count()
}

/// `count` batches of 10 records and 4,000 bytes, of the time that is given; waits until they are durable.
fn fill(rig: &mut Rig, to: &PartitionHandle, count: u64, time: i64) {
    for n in 0..count {
        let appended = append(rig, to, &timed(n, 10, 4_000, time)).expect("taken");
        if n + 1 == count {
            rig.durable(appended.lsn);
        }
    }
}

/// Waits until no more than `most` bytes are in no segment, as the number of segments tells.
fn settle(rig: &mut Rig, disk: &FaultyDisk, least: usize) {
    rig.wait("segments", |_| segments(disk) >= least);
}

fn start(rig: &Rig, of: &PartitionHandle) -> u64 {
    rig.broker.offsets(of).expect("it is there").start
}

fn trim(rig: &mut Rig, of: &PartitionHandle, offset: u64) -> Result<u64, TrimError> {
    let (start, lsn) = rig.turn(|rig, turn| rig.broker.trim(of, offset, turn))?;
    rig.durable(lsn);
    Ok(start)
}

#[test]
fn records_below_an_offset_go_and_segments_with_them() {
    let disk = FaultyDisk::new(Plan::default());
    let mut rig = open(&disk);
    create(&mut rig, "t", 1, policy(40_000));
    let p = partition(&rig, "t", 0);
    fill(&mut rig, &p, 100, 5);
    settle(&mut rig, &disk, 9);
    assert_eq!(trim(&mut rig, &p, 1_001), Err(TrimError::OutOfRange { high: 1_000 }));
    assert_eq!(trim(&mut rig, &p, 505), Ok(505));
    assert_eq!(trim(&mut rig, &p, 100), Ok(505), "it never goes back");
    rig.wait("files are removed", |_| segments(&disk) <= 7);
    assert_eq!(fetch(&mut rig, &p, 504, 10).err(), Some(FetchError::OutOfRange { start: 505, high: 1_000 }));
    assert_eq!(drain(&mut rig, &p, 505, 10_000).first(), Some(&(500, 10, 50)), "the batch that holds the offset");
    for end in 0..3 {
        let after = match end {
            0 => disk.after_kill(Plan::default()),
            1 => disk.after_power_cut(7, Plan::default()),
            _ => disk.after_power_cut(8, Plan::default()),
        };
        let mut rig = open(&after);
        let p = partition(&rig, "t", 0);
        assert_eq!(start(&rig, &p), 505);
        assert_eq!(drain(&mut rig, &p, 505, 10_000).len(), 50);
        assert_eq!(append(&mut rig, &p, &bytes(1, 1, 20, None)).map(|a| a.base), Ok(1_000));
    }
    assert_eq!(trim(&mut rig, &p, 1_000), Ok(1_000), "all of it");
    rig.wait("files are removed", |_| segments(&disk) == 0);
    fill(&mut rig, &p, 30, 5);
    settle(&mut rig, &disk, 1);
    drop(rig);
    let mut rig = open(&disk.after_kill(Plan::default()));
    let p = partition(&rig, "t", 0);
    assert_eq!((start(&rig, &p), drain(&mut rig, &p, 1_000, 9_000).len()), (1_000, 30));
}

#[test]
fn a_trim_that_was_not_durable_leaves_all_or_moves_the_start() {
    for seed in 0..40 {
        let disk = FaultyDisk::new(Plan::default());
        let mut rig = open(&disk);
        create(&mut rig, "t", 1, policy(20_000));
        let p = partition(&rig, "t", 0);
        fill(&mut rig, &p, 20 + seed % 7, 5);
        let all = drain(&mut rig, &p, 0, 9_000);
        let moved = 30 + seed;
        rig.turn(|rig, turn| rig.broker.trim(&p, moved, turn)).expect("trimmed");
        disk.cut_power();
        drop(rig);
        let mut rig = open(&disk.after_power_cut(seed, Plan::default()));
        let p = partition(&rig, "t", 0);
        let start = start(&rig, &p);
        assert!(start == 0 || start == moved, "{start}");
        let left = all.iter().filter(|(base, count, _)| base + u64::from(*count) > start).copied().collect::<Vec<_>>();
        assert_eq!(drain(&mut rig, &p, start, 9_000), left);
    }
}

#[test]
fn what_producers_sent_is_known_though_it_is_trimmed() {
    let disk = FaultyDisk::new(Plan::default());
    let mut rig = open(&disk);
    create(&mut rig, "t", 1, policy(10_000));
    let p = partition(&rig, "t", 0);
    let run = |first| Some(ProducerRun { id: 5, epoch: 0, first });
    for n in 0..20 {
        append(&mut rig, &p, &bytes(n, 1, 2_000, run(n as u32))).expect("taken");
    }
    rig.fence();
    assert_eq!(trim(&mut rig, &p, 20), Ok(20));
    drop(rig);
    let mut rig = open(&disk.after_kill(Plan::default()));
    let p = partition(&rig, "t", 0);
    assert_eq!(append(&mut rig, &p, &bytes(19, 1, 2_000, run(19))).map(|a| a.base), Ok(19));
    assert_eq!(append(&mut rig, &p, &bytes(22, 1, 2_000, run(22))), Err(AppendError::OutOfOrderSequence));
    assert_eq!(append(&mut rig, &p, &bytes(20, 1, 2_000, run(20))).map(|a| a.base), Ok(20));
    // A day later it is forgotten, and anything goes.
    rig.advance(23 * 3_600_000);
    assert_eq!(append(&mut rig, &p, &bytes(22, 1, 2_000, run(22))), Err(AppendError::OutOfOrderSequence));
    rig.advance(3_600_000 + 1_000);
    assert_eq!(append(&mut rig, &p, &bytes(22, 1, 2_000, run(22))).map(|a| a.base), Ok(21));
}

#[test]
fn segments_go_when_all_records_in_them_are_too_old() {
    let disk = FaultyDisk::new(Plan::default());
    let mut rig = open(&disk);
    let old = TopicPolicy { retention_ms: Some(100_000), ..policy(40_000) };
    create(&mut rig, "t", 1, old);
    let p = partition(&rig, "t", 0);
    let now = rig.now.0 as i64;
    fill(&mut rig, &p, 50, now);
    settle(&mut rig, &disk, 4);
    fill(&mut rig, &p, 50, now + 50_000);
    settle(&mut rig, &disk, 9);
    rig.advance(99_000);
    assert_eq!(start(&rig, &p), 0);
    rig.advance(3_000);
    let moved = start(&rig, &p);
    assert!((400..=500).contains(&moved), "whole segments of the older half: {moved}");
    rig.advance(50_000);
    assert_eq!(start(&rig, &p), 1_000, "an idle partition becomes empty");
    rig.fence();
    rig.wait("files are removed", |_| segments(&disk) == 0);
}

#[test]
fn records_without_time_and_topics_by_arrival_age_from_arrival() {
    for arrival in [false, true] {
        let disk = FaultyDisk::new(Plan::default());
        let mut rig = open(&disk);
        let old = TopicPolicy { retention_ms: Some(100_000), age_from_arrival: arrival, ..policy(40_000) };
        create(&mut rig, "t", 1, old);
        let p = partition(&rig, "t", 0);
        // What claims to come from the far future never goes, unless its arrival counts.
        fill(&mut rig, &p, 30, if arrival { i64::MAX / 2 } else { -1 });
        rig.advance(99_000);
        assert_eq!(start(&rig, &p), 0);
        drop(rig);
        let mut rig = harness::Rig::open(
            std::sync::Arc::new(disk.after_kill(Plan::default())),
            harness::small(),
            Time(1_000 + 99_000),
        );
        let p = partition(&rig, "t", 0);
        rig.advance(200_000);
        assert_eq!(start(&rig, &p), 300);
    }
}

#[test]
fn segments_go_when_the_partition_is_too_large() {
    let disk = FaultyDisk::new(Plan::default());
    let mut rig = open(&disk);
    create(&mut rig, "t", 1, TopicPolicy { retention_bytes: Some(100_000), ..policy(40_000) });
    let p = partition(&rig, "t", 0);
    fill(&mut rig, &p, 100, 5);
    settle(&mut rig, &disk, 9);
    rig.advance(2_000);
    let offsets = rig.broker.offsets(&p).expect("it is there");
    assert!((100_000..145_000).contains(&offsets.bytes), "{offsets:?}");
    assert_eq!(drain(&mut rig, &p, offsets.start, 9_000).len() as u64, (1_000 - offsets.start) / 10);
}

#[test]
fn without_deletion_nothing_goes_and_nothing_wakes_without_topics() {
    let disk = FaultyDisk::new(Plan::default());
    let mut rig = open(&disk);
    assert_eq!(rig.broker.next_deadline(), None);
    let old = TopicPolicy { retention_ms: Some(10), deletes: false, ..policy(40_000) };
    create(&mut rig, "t", 1, old);
    let p = partition(&rig, "t", 0);
    fill(&mut rig, &p, 20, 5);
    rig.advance(100_000);
    assert_eq!(start(&rig, &p), 0);
    rig.turn(|rig, turn| rig.broker.delete_topic(&rig.vhost, "t", turn)).expect("it was there");
    rig.advance(2_000);
    assert_eq!(rig.broker.next_deadline(), None, "no topic, no look");
    assert_eq!(rig.turn(|rig, turn| rig.broker.trim(&p, 1, turn)), Err(TrimError::Deleted));
    let _ = session(1);
}
