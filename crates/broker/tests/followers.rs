//! Sessions that follow a partition: told once until they fetch, for as long as they follow.

mod harness;

use harness::batches::{append, bytes, create, open, partition};
use harness::{Rig, session};
use narumq_broker::{Event, PartitionHandle};
use narumq_log::disk::faulty::{FaultyDisk, Plan};
use narumq_model::{SessionId, TopicPolicy};

fn one(rig: &mut Rig, to: &PartitionHandle) {
    append(rig, to, &bytes(1, 1, 20, None)).expect("taken");
    rig.fence();
}

/// How often each of two sessions has been told since this was asked last.
fn told(rig: &mut Rig, of: &PartitionHandle) -> [usize; 2] {
    let ready = |event: &Event| matches!(event, Event::Ready { queue } if *queue == of.id());
    let to = |who: SessionId| rig.events.iter().filter(|(to, event)| *to == who && ready(event)).count();
    let told = [to(session(1)), to(session(2))];
    rig.events.clear();
    told
}

fn look(rig: &mut Rig, of: &PartitionHandle, who: u32) {
    rig.turn(|rig, turn| rig.broker.fetch(of, (0, 1 << 20, true), session(who), turn)).expect("it is there");
}

#[test]
fn a_follower_is_told_once_until_it_fetches() {
    let disk = FaultyDisk::new(Plan::default());
    let mut rig = open(&disk);
    create(&mut rig, "t", 1, TopicPolicy::default());
    let p = partition(&rig, "t", 0);
    [2, 1, 1].into_iter().for_each(|who| rig.broker.follow(&p, session(who)));
    assert_eq!(rig.broker.watchers(&p), 2);
    for expected in [[1, 1], [0, 0]] {
        one(&mut rig, &p);
        assert_eq!(told(&mut rig, &p), expected);
    }
    look(&mut rig, &p, 1);
    for expected in [[1, 0], [0, 0]] {
        one(&mut rig, &p);
        assert_eq!(told(&mut rig, &p), expected);
    }
    look(&mut rig, &p, 1);
    look(&mut rig, &p, 2);
    rig.broker.unfollow(&p, session(1));
    rig.turn(|rig, turn| rig.broker.trim(&p, 1, turn)).expect("trimmed");
    assert_eq!(told(&mut rig, &p), [1, 1], "the first offset has moved, and it follows still");
    rig.turn(|rig, turn| rig.broker.fetch(&p, (1, 1 << 20, true), session(2), turn)).expect("it is there");
    rig.broker.unfollow(&p, session(1));
    one(&mut rig, &p);
    assert_eq!((told(&mut rig, &p), rig.broker.watchers(&p)), ([0, 1], 1));
    rig.turn(|rig, turn| rig.broker.fetch(&p, (1, 1 << 20, true), session(2), turn)).expect("it is there");
    rig.turn(|rig, turn| rig.broker.delete_topic(&rig.vhost, "t", turn)).expect("it was there");
    assert_eq!((told(&mut rig, &p), rig.broker.watchers(&p)), ([0, 1], 0));
}
