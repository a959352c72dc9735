//! Which segment files are there when a broker's threads begin to make new ones; and names that may not stand beside
//! each other.

mod harness;

use harness::batches::{append, bytes, create, drain, open, partition, topic};
use harness::{Rig, small};
use narumq_broker::CreateTopicError;
use narumq_log::disk::faulty::{FaultyDisk, Plan};
use narumq_log::disk::{Disk, File};
use narumq_model::{Time, TopicPolicy};
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::ThreadId;

/// A disk that tells which thread removed which files.
struct Watched {
    disk: FaultyDisk,
    removed: Mutex<Vec<(String, ThreadId)>>,
}

impl Disk for Watched {
    fn list(&self) -> io::Result<Vec<String>> {
        self.disk.list()
    }

    fn open(&self, name: &str, create: bool) -> io::Result<Arc<dyn File>> {
        self.disk.open(name, create)
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.disk.rename(from, to)
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        let thread = std::thread::current().id();
        self.removed.lock().unwrap_or_else(PoisonError::into_inner).push((name.to_owned(), thread));
        self.disk.remove(name)
    }

    fn sync_names(&self) -> io::Result<()> {
        self.disk.sync_names()
    }

    fn free_bytes(&self) -> io::Result<u64> {
        self.disk.free_bytes()
    }

    fn scratch(&self) -> io::Result<Arc<dyn File>> {
        self.disk.scratch()
    }
}

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
    let watched = Arc::new(Watched { disk: disk.clone(), removed: Mutex::default() });
    let mut rig = Rig::open(watched.clone(), small(), Time(2_000));
    let removed = watched.removed.lock().unwrap_or_else(PoisonError::into_inner).clone();
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
