//! How old the oldest message of a queue is, over restarts too.

mod harness;

use harness::{Rig, session, small};
use narumq_broker::Outcome;
use narumq_log::disk::faulty::{FaultyDisk, Plan};
use narumq_model::{QueuePolicy, Time};
use std::sync::Arc;

const BEGIN: Time = Time(1_000_000);

#[test]
fn the_age_is_that_of_the_oldest_that_waits_or_is_handed_over() {
    let disk = FaultyDisk::new(Plan::default());
    let mut rig = Rig::open(Arc::new(disk.clone()), small(), BEGIN);
    let queue = rig.durable_queue("q", QueuePolicy::default());
    assert_eq!(rig.counts(&queue).oldest, None);
    for id in 0..10 {
        rig.publish("q", id, 20, true);
        rig.advance(60_000);
    }
    let came = |id: u64| Some(BEGIN.plus(id * 60_000));
    assert_eq!(rig.counts(&queue).oldest, came(0));
    let who = session(1);
    let (first, _) = rig.get(&queue, who, false).expect("a message");
    let (second, _) = rig.get(&queue, who, false).expect("a message");
    assert_eq!(rig.counts(&queue).oldest, came(0), "it is handed over, and not settled");
    rig.settle(&queue, who, None, &[first.seq], Outcome::Accept);
    assert_eq!(rig.counts(&queue).oldest, came(1));
    rig.settle(&queue, who, None, &[second.seq], Outcome::Accept);
    assert_eq!(rig.counts(&queue).oldest, came(2));
    rig.fence();
    let now = rig.now;
    drop(rig);
    let rig = Rig::open(Arc::new(disk.after_kill(Plan::default())), small(), now);
    let queue = rig.queue("q").expect("it is there");
    assert_eq!(rig.counts(&queue).oldest, came(2), "as the entries of the log tell");
    rig.close();
    let mut rig = Rig::open(Arc::new(disk.after_kill(Plan::default())), small(), now);
    let queue = rig.queue("q").expect("it is there");
    for _ in 2..10 {
        let (delivery, _) = rig.get(&queue, who, true).expect("a message");
        assert!(delivery.message.payload().len() == 20);
    }
    assert_eq!(rig.counts(&queue).oldest, None);
}
