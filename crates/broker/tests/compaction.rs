//! What compaction leaves of a partition, when, and that nothing that happens meanwhile loses anything.

mod harness;

use harness::batches::{append, create, create_spec, open, partition, topic};
use harness::compacting::{active, compact, fill, open_at, policy, put, read, read_batches, u64_at};
use harness::keyed::{Keyed, batch, horizon, records};
use narumq_broker::{AppendError, ProducerRun};
use narumq_log::disk::Disk;
use narumq_log::disk::faulty::{FaultyDisk, Plan};
use narumq_model::{Durability, Time, TopicPolicy};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

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
