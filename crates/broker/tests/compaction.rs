//! What compaction leaves of a partition, when, and that nothing that happens meanwhile loses anything.

mod harness;

use harness::batches::{append, create, create_spec, drain, fetch, open, partition, topic};
use harness::keyed::{Keyed, batch, batches, horizon, records};
use harness::{Rig, session};
use narumq_broker::{AppendError, Compactions, PartitionHandle, ProducerRun};
use narumq_log::disk::Disk;
use narumq_log::disk::faulty::{FaultyDisk, Plan};
use narumq_model::{Durability, Time, TopicPolicy};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

const SEGMENT: u64 = 8_000;

fn policy() -> TopicPolicy {
    let compacts = TopicPolicy { compacts: true, deletes: false, segment_bytes: SEGMENT, ..TopicPolicy::default() };
    TopicPolicy { dirty_per_mille: 10, retention_ms: None, ..compacts }
}

/// The broker comes up over this disk at this time.
fn open_at(disk: &FaultyDisk, now: Time) -> Rig {
    Rig::open(Arc::new(disk.clone()), harness::small(), now)
}

/// Appends one record.
fn put(rig: &mut Rig, to: &PartitionHandle, key: u64, value: Option<u64>) -> u64 {
    let (id, time) = (key, rig.now.0 as i64);
    append(rig, to, &batch(id, time, &[(Some(key), value)], None)).expect("taken").base
}

/// All batches that readers see.
fn read_batches(rig: &mut Rig, of: &PartitionHandle) -> Vec<Vec<u8>> {
    let mut offset = rig.broker.offsets(of).expect("it is there").start;
    let mut all = Vec::new();
    loop {
        let bytes = fetch(rig, of, offset, 3_000).expect("it can be read").bytes.concat();
        for one in batches(&bytes) {
            all.push(one.to_vec());
            let (base, count) = (u64_at(one, 4), u64::from(u32::from_le_bytes(one[16..20].try_into().unwrap())));
            assert!(base + count > offset, "what is read comes behind what was read");
            offset = base + count;
        }
        if bytes.is_empty() {
            return all;
        }
    }
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap())
}

fn read(rig: &mut Rig, of: &PartitionHandle) -> Vec<Keyed> {
    read_batches(rig, of).iter().flat_map(|one| records(one).expect("keyed")).collect()
}

/// Everything durable and in segments as far as that goes, then compacted.
fn compact(rig: &mut Rig) -> Compactions {
    rig.fence();
    for _ in 0..3 {
        // What is in memory goes into segments first, and is synced.
        rig.advance(1_000);
        rig.wait("compacted", |rig| rig.broker.compactions().pending == 0);
        rig.wait("copied", |rig| !rig.broker.is_copying());
        rig.fence();
    }
    rig.advance(1_000);
    rig.wait("compacted", |rig| rig.broker.compactions().pending == 0);
    rig.broker.compactions()
}

/// Fills up the segment that is being written, so that what came before can be compacted.
fn fill(rig: &mut Rig, to: &PartitionHandle, keys: std::ops::Range<u64>, rounds: u64) {
    for round in 0..rounds {
        for key in keys.clone() {
            put(rig, to, key, Some(round + 1));
        }
    }
}

/// First offset behind the segments that compaction may touch: the one that is written to begins there.
fn active(disk: &FaultyDisk) -> u64 {
    let names = disk.list().expect("names");
    let plain = names.iter().filter_map(|name| name.strip_suffix(".segment")?.split('-').nth(1));
    plain.map(|base| u64::from_str_radix(base, 16).expect("hexadecimal")).max().unwrap_or(0)
}

#[test]
fn the_last_value_of_each_key_stays_at_its_offset() {
    for durability in [Durability::Fsync, Durability::Os] {
        let disk = FaultyDisk::new(Plan::default());
        let mut rig = open(&disk);
        let mut spec = topic("t", 1, policy());
        spec.durability = Some(durability);
        create_spec(&mut rig, spec);
        let p = partition(&rig, "t", 0);
        fill(&mut rig, &p, 0..50, 20);
        rig.fence();
        let before = read(&mut rig, &p);
        assert_eq!(before.len(), 1_000);
        let bytes = rig.broker.offsets(&p).expect("there").bytes;
        let done = compact(&mut rig);
        assert!(done.done >= 1 && done.failed == 0 && done.broken == 0, "{done:?}");
        let offsets = rig.broker.offsets(&p).expect("there");
        assert!(offsets.bytes < bytes / 2, "{} of {bytes} bytes are left", offsets.bytes);
        assert_eq!((offsets.start, offsets.end), (0, 1_000));
        let active = active(&disk);
        let newest: BTreeMap<u64, u64> =
            before.iter().filter(|r| r.offset < active).map(|r| (r.key.unwrap(), r.offset)).collect();
        let expected: Vec<Keyed> =
            before.iter().filter(|r| r.offset >= active || newest[&r.key.unwrap()] == r.offset).copied().collect();
        assert_eq!(read(&mut rig, &p), expected);
        // Nothing is compacted again, and any end leaves the same.
        let again = compact(&mut rig);
        assert_eq!((again.done, again.bytes_written), (done.done, done.bytes_written));
        let now = rig.now;
        drop(rig);
        for after in [disk.after_kill(Plan::default()), disk.after_power_cut(3, Plan::default())] {
            let mut rig = open_at(&after, now);
            let p = partition(&rig, "t", 0);
            assert_eq!(read(&mut rig, &p), expected);
            rig.wait("unwanted files go", |_| {
                let names = after.list().expect("names");
                let segments = names.iter().filter(|name| name.ends_with(".segment")).count();
                let indexes = names.iter().filter(|name| name.ends_with(".index")).count();
                segments <= 11 && indexes <= segments
            });
            fill(&mut rig, &p, 0..50, 10);
            compact(&mut rig);
            let left = read(&mut rig, &p);
            assert!(left.len() < 400, "{}", left.len());
            assert!((0..50).all(|key| left.iter().rfind(|r| r.key == Some(key)).unwrap().value == Some(10)));
        }
    }
}

#[test]
fn a_producers_last_batch_stays_known_and_stays_as_a_header() {
    let disk = FaultyDisk::new(Plan::default());
    let mut rig = open(&disk);
    create(&mut rig, "t", 1, policy());
    let p = partition(&rig, "t", 0);
    let run = |first| Some(ProducerRun { id: 5, epoch: 0, first });
    let sent = batch(1, 5, &[(Some(1), Some(1)), (Some(1), Some(2))], run(0));
    append(&mut rig, &p, &sent).expect("taken");
    let last = batch(2, 6, &[(Some(1), Some(3)), (Some(2), Some(3))], run(2));
    append(&mut rig, &p, &last).expect("taken");
    fill(&mut rig, &p, 1..3, 300);
    compact(&mut rig);
    let left = read_batches(&mut rig, &p);
    let of_producer: Vec<&Vec<u8>> = left.iter().filter(|one| u64_at(one, 28) == 6).collect();
    assert_eq!(of_producer.len(), 1, "the first batch has gone, the last one is a header");
    let header = of_producer[0];
    assert_eq!((u64_at(header, 4), u32::from_le_bytes(header[16..20].try_into().unwrap())), (2, 2));
    assert_eq!((records(header).unwrap().len(), u32::from_le_bytes(header[38..42].try_into().unwrap())), (0, 2));
    let now = rig.now;
    drop(rig);
    let mut rig = open_at(&disk.after_kill(Plan::default()), now);
    let p = partition(&rig, "t", 0);
    assert_eq!(append(&mut rig, &p, &last).map(|a| a.base), Ok(2));
    assert_eq!(append(&mut rig, &p, &sent).map(|a| a.base), Ok(0));
    let gap = batch(3, 7, &[(Some(1), Some(1))], run(9));
    assert_eq!(append(&mut rig, &p, &gap), Err(AppendError::OutOfOrderSequence));
    // Once the producer is forgotten, its header goes with the next compaction.
    rig.advance(25 * 3_600_000);
    fill(&mut rig, &p, 1..3, 300);
    compact(&mut rig);
    assert!(read_batches(&mut rig, &p).iter().all(|one| u64_at(one, 28) == 0));
}

#[test]
fn what_deletes_a_key_stays_for_its_time_and_then_goes() {
    let disk = FaultyDisk::new(Plan::default());
    let mut rig = open(&disk);
    create(&mut rig, "t", 1, TopicPolicy { tombstone_ms: 100_000, ..policy() });
    let p = partition(&rig, "t", 0);
    put(&mut rig, &p, 900, Some(1));
    let deleted = put(&mut rig, &p, 900, None);
    fill(&mut rig, &p, 0..10, 40);
    compact(&mut rig);
    let seen = rig.now.0;
    let of =
        |left: &[Keyed]| left.iter().filter(|r| r.key == Some(900)).map(|r| (r.offset, r.value)).collect::<Vec<_>>();
    assert_eq!(of(&read(&mut rig, &p)), [(deleted, None)]);
    let marked = read_batches(&mut rig, &p).iter().find_map(|one| horizon(one)).expect("its time is set");
    assert!((seen.saturating_sub(10_000) + 100_000..=seen + 100_000).contains(&marked), "{marked} at {seen}");
    rig.now.0 = marked - 10_000;
    fill(&mut rig, &p, 0..10, 40);
    compact(&mut rig);
    assert!(rig.now.0 < marked, "it is not time yet");
    assert_eq!(of(&read(&mut rig, &p)), [(deleted, None)]);
    assert_eq!(read_batches(&mut rig, &p).iter().find_map(|one| horizon(one)), Some(marked), "set once");
    drop(rig);
    let mut rig = open_at(&disk.after_kill(Plan::default()), Time(marked));
    let p = partition(&rig, "t", 0);
    fill(&mut rig, &p, 0..10, 40);
    compact(&mut rig);
    assert_eq!(of(&read(&mut rig, &p)), []);
}

#[test]
fn a_broken_batch_stays_as_it_is_and_stops_nothing() {
    let disk = FaultyDisk::new(Plan::default());
    let mut rig = open(&disk);
    create(&mut rig, "t", 1, TopicPolicy { compacts: false, ..policy() });
    let p = partition(&rig, "t", 0);
    fill(&mut rig, &p, 0..10, 60);
    rig.fence();
    rig.advance(2_000);
    rig.wait("segments", |_| active(&disk) > 200);
    rig.wait("copied", |rig| !rig.broker.is_copying());
    let names = disk.list().expect("names");
    let first = names.iter().find(|name| name.ends_with("-0000000000000000.segment")).expect("the first segment");
    // In the value of the record at offset 3.
    disk.flip_bit(first, 3 * 81 + 80, 2);
    let warnings: Arc<Mutex<Vec<String>>> = Arc::default();
    let told = warnings.clone();
    rig.broker.on_warning(Arc::new(move |what: &str| told.lock().unwrap().push(what.to_owned())));
    let topic = rig.broker.topic(&rig.vhost, "t").expect("there").definition();
    rig.turn(|rig, turn| rig.broker.alter_topic(&rig.vhost, "t", (policy(), topic.settings.clone()), turn))
        .expect("altered");
    let done = compact(&mut rig);
    assert!(done.done >= 1 && done.broken >= 1, "{done:?}");
    fill(&mut rig, &p, 0..10, 60);
    assert!(compact(&mut rig).broken > done.broken, "it is come by again");
    let told = warnings.lock().unwrap().clone();
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].contains("topic t, partition 0") && told[0].contains("offset 3 "), "{told:?}");
    let left = read_batches(&mut rig, &p);
    let bases: Vec<u64> = left.iter().map(|one| u64_at(one, 4)).collect();
    assert_eq!(bases[0], 3, "what is superseded before and behind it has gone: {bases:?}");
    assert!(bases[1] > 500);
}

#[test]
fn records_without_a_key_go_and_records_too_young_stay() {
    let disk = FaultyDisk::new(Plan::default());
    let mut rig = open(&disk);
    create(&mut rig, "t", 1, TopicPolicy { compaction_lag_ms: 1_000_000, ..policy() });
    let p = partition(&rig, "t", 0);
    let time = rig.now.0 as i64;
    append(&mut rig, &p, &batch(1, time, &[(None, Some(7)), (Some(1), Some(7))], None)).expect("taken");
    fill(&mut rig, &p, 0..10, 40);
    assert_eq!(compact(&mut rig).done, 0, "all is too young");
    assert_eq!(read(&mut rig, &p).len(), 402);
    rig.advance(1_000_000);
    assert!(compact(&mut rig).done >= 1);
    let left = read(&mut rig, &p);
    assert!(left.len() < 200 && left.iter().all(|r| r.key.is_some()), "{left:?}");
}

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
        rig.wait("segments", |_| active(&disk) > 500);
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
