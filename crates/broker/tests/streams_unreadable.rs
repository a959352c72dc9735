//! Readers go on behind what is no batch: at the next one that an index knows, or with the next segment.

mod harness;

use harness::batches::{PLAIN, append, create, fetch, open, partition, timed};
use harness::session;
use narumq_broker::{FetchError, StreamSpec, StreamStart};
use narumq_log::disk::Disk;
use narumq_log::disk::faulty::{FaultyDisk, Plan};
use narumq_model::{Lsn, TopicPolicy};
use std::sync::{Arc, Mutex};

/// Bytes of a batch of ten records, and of its body.
const BATCH: u64 = 6_046;
const BODY: usize = 6_000;
const COUNT: u64 = 900;

#[test]
fn what_is_no_batch_does_not_end_a_reader() {
    let disk = FaultyDisk::new(Plan::default());
    let mut rig = open(&disk);
    create(&mut rig, "t", 1, TopicPolicy { segment_bytes: 1 << 20, retention_ms: None, ..TopicPolicy::default() });
    let p = partition(&rig, "t", 0);
    for n in 0..COUNT {
        append(&mut rig, &p, &timed(n, 10, BODY, n as i64)).expect("taken");
    }
    rig.fence();
    rig.close();
    // What the log holds of it now is not read again: a start has seen the segments whole, and a State says so.
    let disk = disk.after_kill(Plan::default());
    let mut rig = open(&disk);
    let p = partition(&rig, "t", 0);
    let trimmed = rig.turn(|rig, turn| rig.broker.trim(&p, 10, turn)).expect("it is there");
    rig.durable(trimmed.1);
    rig.close();
    let disk = disk.after_kill(Plan::default());
    let mut segments: Vec<String> = disk.list().expect("names");
    segments.retain(|name| name.ends_with(".segment"));
    segments.sort_unstable();
    let bases: Vec<u64> =
        segments.iter().map(|name| u64::from_str_radix(&name[17..33], 16).expect("an offset")).collect();
    // In the first segment an offset is wrong, in the second the length of the last batch but two.
    disk.flip_bit(&segments[0], 20 * BATCH + 11, 7);
    let late = (bases[2] - bases[1]) / 10 - 3;
    disk.flip_bit(&segments[1], late * BATCH + 3, 7);
    let indexed = (2u64 << 16).div_ceil(BATCH) * 10;
    let gaps = [200..indexed, bases[1] + late * 10..bases[2]];
    let mut rig = open(&disk);
    let p = partition(&rig, "t", 0);
    let warnings = Arc::new(Mutex::new(Vec::new()));
    let heard = warnings.clone();
    rig.broker.on_warning(Arc::new(move |what: &str| heard.lock().expect("one thread").push(what.to_owned())));
    for _ in 0..2 {
        let topic = rig.broker.topic(&rig.vhost, "t").expect("it is there");
        let spec = StreamSpec { start: StreamStart::First, partition: None, format: PLAIN };
        let mut reader = rig.broker.open_stream(&topic, spec, session(7)).expect("it can be read");
        let mut offsets = Vec::new();
        // What was asked of the disk may have come before it is waited for.
        for _ in 0..10_000 {
            let progress = rig.turn(|rig, turn| {
                rig.broker.read_stream(&mut reader, turn, &mut |offset, _| {
                    offsets.push(offset);
                    true
                })
            });
            assert_eq!(progress.pending, Lsn(0));
            if offsets.last() == Some(&(COUNT * 10 - 1)) {
                break;
            }
            rig.wait("a piece is read", |rig| rig.broker.reading() == 0);
        }
        let expected = (10..COUNT * 10).filter(|offset| !gaps.iter().any(|gap| gap.contains(offset)));
        let holes: Vec<_> = offsets.windows(2).filter(|two| two[0] + 1 != two[1]).collect();
        let told = warnings.lock().expect("one thread");
        assert!(expected.eq(offsets.iter().copied()), "{holes:?} instead of {gaps:?}: {told:?}");
    }
    assert_eq!(rig.broker.broken_batches(), 2);
    let warnings = warnings.lock().expect("one thread");
    assert_eq!(warnings.len(), 2, "{warnings:?}");
    for (warning, gap) in warnings.iter().zip(&gaps) {
        assert!(warning.contains(&format!("the batch at offset {}", gap.start)), "{warning}");
        assert!(warning.contains(&format!("go on at offset {}", gap.end)), "{warning}");
    }
    assert_eq!(fetch(&mut rig, &p, 205, 1 << 20).err(), Some(FetchError::Unreadable), "others are told");
}
