//! Where readers of topics stand, as listings tell it: how far behind, and since when.

mod harness;

use harness::batches::{append, create, open, partition, timed};
use narumq_broker::group::{CommitRequest, Identity, OffsetCommit};
use narumq_log::disk::Disk;
use narumq_log::disk::faulty::{FaultyDisk, Plan};
use narumq_model::{Time, TopicPolicy};

type Rig = harness::Rig;

fn commit(rig: &mut Rig, group: &str, partition: u32, offset: i64) {
    let vhost = rig.broker.default_vhost().expect("it is there");
    let topic = rig.broker.topic(&vhost, "t").expect("it is there").definition().id;
    let identity = Identity { member_id: "", instance_id: None, generation: -1 };
    let offsets = vec![OffsetCommit { topic, partition, offset, leader_epoch: -1, metadata: "".into() }];
    let request = CommitRequest { identity, expires_at: None, offsets };
    rig.turn(|rig, turn| rig.broker.commit_offsets((&vhost, group), request, turn)).expect("nobody is in it");
}

#[test]
fn a_cursor_tells_how_far_it_is_behind_and_since_when() {
    let mut rig = open(&FaultyDisk::new(Plan::default()));
    create(&mut rig, "t", 2, TopicPolicy::default());
    let p = partition(&rig, "t", 1);
    let mut times = Vec::new();
    for n in 0..3 {
        rig.now = rig.now.plus(1_000);
        times.push(rig.now);
        let lsn = append(&mut rig, &p, &timed(n, 10, 100, 7)).expect("taken").lsn;
        rig.durable(lsn);
    }
    for (group, at, offset) in [("a", 1, 15), ("a", 0, 0), ("b", 1, 30), ("c", 1, 99)] {
        commit(&mut rig, group, at, offset);
    }
    let vhost = rig.broker.default_vhost().expect("it is there");
    let all = rig.broker.all_cursors(&vhost);
    let seen: Vec<(&str, u32, u64, Option<Time>)> = all
        .iter()
        .flat_map(|(group, cursors)| {
            cursors.iter().map(|c| (&**group, c.partition, c.lag(), c.waiting_since.map(|arrival| arrival.at)))
        })
        .collect();
    // Offset 15 lies in the second batch. What lies behind the end is not behind.
    let expected = [("a", 0, 0, None), ("a", 1, 15, Some(times[1])), ("b", 1, 0, None), ("c", 1, 0, None)];
    assert_eq!(seen, expected);
    assert_eq!(rig.broker.cursors(&vhost, "a").map(|cursors| cursors.len()), Some(2));
    assert!(rig.broker.cursors(&vhost, "nobody").is_none());
    rig.turn(|rig, turn| rig.broker.delete_topic(&vhost, "t", turn)).expect("it was there");
    assert!(rig.broker.all_cursors(&vhost).iter().all(|(_, cursors)| cursors.is_empty()));
}

#[test]
fn of_what_lies_on_the_disk_the_arrival_is_estimated_within_its_segment() {
    let disk = FaultyDisk::new(Plan::default());
    let mut rig = open(&disk);
    create(&mut rig, "t", 1, TopicPolicy { segment_bytes: 400_000, retention_ms: None, ..TopicPolicy::default() });
    let p = partition(&rig, "t", 0);
    let begun = rig.now;
    for n in 0..100 {
        rig.now = rig.now.plus(1_000);
        let lsn = append(&mut rig, &p, &timed(n, 10, 40_000, 7)).expect("taken").lsn;
        rig.durable(lsn);
    }
    let segments = |disk: &FaultyDisk| disk.list().expect("names").iter().filter(|n| n.ends_with(".segment")).count();
    rig.wait("segments", |_| segments(&disk) >= 8);
    let early = rig.broker.arrival(&p, 0).expect("it is there");
    let (least, most) = (begun.plus(1_000), begun.plus(60_000));
    assert!(early.at >= least && early.at <= most, "{early:?} {least:?} {most:?}");
    let late = rig.broker.arrival(&p, 999).expect("it is there");
    assert_eq!((late.at, late.exact), (begun.plus(100_000), true));
    let all: Vec<Time> = (0..1_000).step_by(10).filter_map(|at| rig.broker.arrival(&p, at)).map(|a| a.at).collect();
    assert!(all.len() == 100 && all.is_sorted(), "{all:?}");
    assert_eq!(rig.broker.arrival(&p, 1_000), None);
}
