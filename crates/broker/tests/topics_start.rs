//! Which segment files are there when a broker's threads begin to make new ones; and names that may not stand beside
//! each other.

mod harness;

use harness::batches::{append, bytes, create, drain, open, partition, topic};
use harness::{Rig, small};
use narumq_broker::CreateTopicError;
use narumq_log::disk::Disk;
use narumq_log::disk::faulty::{FaultyDisk, Plan};
use narumq_log::disk::watched::{Operation, WatchedDisk};
use narumq_model::{Time, TopicPolicy};
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::thread::ThreadId;

/// A power cut leaves the name of a segment and nothing in it: the copier makes one of the same name again, and may do so
/// as soon as it runs.
#[test]
fn segments_that_do_not_continue_a_partition_are_gone_before_the_copier_runs() {
    let disk = FaultyDisk::new(Plan::default());
    let mut rig = open(&disk);
    create(&mut rig, "t", 1, TopicPolicy { segment_bytes: 10_000, ..TopicPolicy::default() });
    let p = partition(&rig, "t", 0);
    for id in 0..9 {
        let appended = append(&mut rig, &p, &bytes(id, 1, 3_000, None)).expect("taken");
        rig.durable(appended.lsn);
    }
    let id = p.id().0;
    drop(rig);
    let disk = disk.after_kill(Plan::default());
    let names = (1..9).map(|base| format!("{id:016x}-{base:016x}.segment"));
    let stale: Vec<String> = names.filter(|name| disk.open(name, true).is_ok()).collect();
    assert!(stale.len() > 3, "some are new");
    let (removals, removed) = channel();
    let watched = WatchedDisk::new(Arc::new(disk.clone()), move |operation, name| {
        if operation == Operation::Remove {
            let _ = removals.send((name.to_owned(), std::thread::current().id()));
        }
        Ok(())
    });
    let mut rig = Rig::open(watched, small(), Time(2_000));
    let removed: Vec<(String, ThreadId)> = removed.try_iter().collect();
    let me = std::thread::current().id();
    for name in stale {
        assert!(removed.contains(&(name.clone(), me)), "{name} was not removed by who opens: {removed:?}");
    }
    let p = partition(&rig, "t", 0);
    for id in 9..200 {
        append(&mut rig, &p, &bytes(id, 1, 3_000, None)).expect("taken");
    }
    rig.fence();
    assert_eq!(drain(&mut rig, &p, 0, 100_000).len(), 200);
}

#[test]
fn what_was_created_since_a_name_was_looked_at_may_still_collide() {
    let disk = FaultyDisk::new(Plan::default());
    let mut rig = open(&disk);
    let policy = TopicPolicy::default;
    create(&mut rig, "a.b", 1, policy());
    let collides = |other: &str| other.replace('.', "_") == "a_b";
    let beside = |rig: &mut Rig, name: &str| {
        let spec = topic(name, 1, policy());
        rig.turn(|rig, turn| rig.broker.create_topic_beside(&rig.vhost, spec, collides, turn)).map(drop)
    };
    assert_eq!(beside(&mut rig, "a_b"), Err(CreateTopicError::Collides));
    assert_eq!(beside(&mut rig, "a.b"), Err(CreateTopicError::Exists));
    rig.turn(|rig, turn| rig.broker.delete_topic(&rig.vhost, "a.b", turn)).expect("it was there");
    assert_eq!(beside(&mut rig, "a_b"), Ok(()));
}
