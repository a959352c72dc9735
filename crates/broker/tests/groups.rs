//! Groups in the broker: what they answered outlives any end, and their members go on.

mod harness;

use harness::batches::topic;
use harness::{Rig, session, small};
use narumq_broker::group::{
    Caller, CommitRequest, GroupRefusal, GroupState, Identity, JoinRequest, Joined, Leaver, OffsetCommit, Protocol,
    SyncRequest, Synced,
};
use narumq_broker::{Event, GroupAnswer};
use narumq_log::disk::faulty::{FaultyDisk, Plan};
use narumq_model::{Lsn, Name, Time, TopicPolicy};
use std::sync::Arc;

fn open(disk: &FaultyDisk) -> Rig {
    Rig::open(Arc::new(disk.clone()), small(), Time(1_000))
}

/// The answer to this request, and what it waits for.
fn answer(rig: &mut Rig, request: u64) -> Option<(GroupAnswer, Lsn)> {
    rig.collect();
    let at = rig.events.iter().position(|(_, e)| matches!(e, Event::Group { request: r, .. } if *r == request))?;
    match rig.events.remove(at) {
        Some((_, Event::Group { answer, after, .. })) => Some((*answer, after)),
        _ => None,
    }
}

fn join(rig: &mut Rig, member: &str, fresh: &str, request: u64) {
    let join = JoinRequest {
        member_id: member.into(),
        instance_id: None,
        fresh_id: fresh.into(),
        require_known_member: false,
        skip_assignment: false,
        client_id: "c".into(),
        client_host: "h".into(),
        session_timeout_ms: 10_000,
        rebalance_timeout_ms: 20_000,
        protocol_type: "consumer".into(),
        protocols: vec![Protocol { name: "range".into(), metadata: fresh.as_bytes().to_vec().into() }],
        topics: Some(vec!["t".into()]),
    };
    let caller = Caller { session: session(request as u32), request };
    rig.turn(|rig, turn| rig.broker.join_group((&rig.vhost, "g"), join, caller, turn));
}

fn joined(rig: &mut Rig, request: u64) -> Joined {
    match answer(rig, request) {
        Some((GroupAnswer::Joined(Ok(joined)), _)) => joined,
        other => panic!("not joined: {other:?}"),
    }
}

fn sync(rig: &mut Rig, member: &Joined, parts: &[(&str, &str)], request: u64) {
    let identity = Identity { member_id: &member.member_id, instance_id: None, generation: member.generation };
    let assignments = parts.iter().map(|(id, part)| (*id, part.as_bytes().to_vec().into())).collect();
    let sync = SyncRequest { identity, protocol_type: None, protocol: None, assignments };
    let caller = Caller { session: session(request as u32), request };
    rig.turn(|rig, turn| rig.broker.sync_group((&rig.vhost, "g"), sync, caller, turn));
}

fn synced(rig: &mut Rig, request: u64) -> (Synced, Lsn) {
    match answer(rig, request) {
        Some((GroupAnswer::Synced(Ok(synced)), after)) => (synced, after),
        other => panic!("not synced: {other:?}"),
    }
}

fn heartbeat(rig: &mut Rig, member: &Joined) -> Result<(), GroupRefusal> {
    let identity = Identity { member_id: &member.member_id, instance_id: None, generation: member.generation };
    rig.turn(|rig, turn| rig.broker.heartbeat_group((&rig.vhost, "g"), &identity, turn))
}

fn commit(rig: &mut Rig, member: &Joined, offset: i64) -> Result<Lsn, GroupRefusal> {
    let topic = rig.broker.topic(&rig.vhost, "t").expect("the topic");
    let topic = rig.broker.topic_id(&topic);
    let request = CommitRequest {
        identity: Identity { member_id: &member.member_id, instance_id: None, generation: member.generation },
        expires_at: None,
        offsets: vec![OffsetCommit { topic, partition: 0, offset, leader_epoch: 1, metadata: "note".into() }],
    };
    let committed = rig.turn(|rig, turn| rig.broker.commit_offsets((&rig.vhost, "g"), request, turn))?;
    assert_eq!(committed.0, [Ok(())]);
    Ok(committed.1)
}

fn committed(rig: &Rig) -> Option<i64> {
    let topic = rig.broker.topic_id(&rig.broker.topic(&rig.vhost, "t")?);
    rig.broker.committed(&rig.vhost, "g", |offsets| offsets.get(topic, 0).map(|c| c.offset))?.0
}

/// Two members at work in one generation; what the last answer waits for is durable.
fn two_members(rig: &mut Rig) -> (Joined, Joined) {
    let spec = topic("t", 1, TopicPolicy::default());
    rig.turn(|rig, turn| rig.broker.create_topic(&rig.vhost, spec, turn)).expect("it is new");
    join(rig, "", "one", 1);
    let first = joined(rig, 1);
    sync(rig, &first, &[("one", "all")], 2);
    assert_eq!(&synced(rig, 2).0.assignment[..], b"all");
    join(rig, "", "two", 3);
    assert_eq!(heartbeat(rig, &first), Err(GroupRefusal::RebalanceInProgress));
    join(rig, "one", "x", 4);
    let (first, second) = (joined(rig, 4), joined(rig, 3));
    assert_eq!((first.members.len(), second.members.len(), &*second.leader), (2, 0, "one"));
    sync(rig, &second, &[], 5);
    assert!(answer(rig, 5).is_none(), "the leader has not said anything yet");
    sync(rig, &first, &[("one", "1"), ("two", "2")], 6);
    let (part, after) = synced(rig, 5);
    assert_eq!((&part.assignment[..], &synced(rig, 6).0.assignment[..]), (&b"2"[..], &b"1"[..]));
    rig.durable(after);
    (first, second)
}

#[test]
fn members_go_on_in_their_generation_after_the_process_was_killed() {
    for power in [false, true] {
        let disk = FaultyDisk::new(Plan::default());
        let mut rig = open(&disk);
        let (first, second) = two_members(&mut rig);
        let lsn = commit(&mut rig, &second, 41).expect("committed");
        rig.durable(lsn);
        let disk = if power {
            disk.cut_power();
            drop(rig);
            disk.after_power_cut(7, Plan::default())
        } else {
            let left = disk.after_kill(Plan::default());
            drop(rig);
            left
        };
        let mut rig = open(&disk);
        assert_eq!(heartbeat(&mut rig, &first), Ok(()));
        assert_eq!(committed(&rig), Some(41));
        commit(&mut rig, &second, 42).expect("the old generation commits");
        let group = rig.broker.describe_group(&rig.vhost, "g").expect("it is there");
        let ids: Vec<&Name> = group.members.iter().map(|m| &m.member_id).collect();
        assert_eq!((group.state, group.generation, ids.len()), (GroupState::Stable, first.generation, 2));
        // Their sessions began anew with the start.
        rig.advance(9_999);
        assert_eq!(heartbeat(&mut rig, &first), Ok(()));
        rig.advance(2);
        assert_eq!(heartbeat(&mut rig, &first), Err(GroupRefusal::RebalanceInProgress));
    }
}

#[test]
fn a_group_outlives_rounds_of_states_and_goes_when_nothing_of_it_is_left() {
    let mut disk = FaultyDisk::new(Plan::default());
    let mut rig = open(&disk);
    let (first, second) = two_members(&mut rig);
    for n in 0..4_000 {
        let lsn = commit(&mut rig, &second, n).expect("committed");
        if n % 500 == 499 {
            rig.durable(lsn);
            assert_eq!(heartbeat(&mut rig, &first), Ok(()));
            drop(rig);
            disk = disk.after_kill(Plan::default());
            rig = open(&disk);
            assert_eq!(committed(&rig), Some(n));
        }
    }
    let leavers = ["one", "two"].map(|member_id| Leaver { member_id, instance_id: None });
    let left = rig.turn(|rig, turn| rig.broker.leave_group((&rig.vhost, "g"), &leavers, turn));
    assert_eq!(left.expect("a living group").0, [Ok(()), Ok(())]);
    assert_eq!(committed(&rig), Some(3_999), "offsets stay behind");
    let deleted = rig.turn(|rig, turn| rig.broker.delete_topic(&rig.vhost, "t", turn)).expect("it was there");
    rig.durable(deleted);
    let gone = rig.turn(|rig, turn| rig.broker.delete_group(&rig.vhost, "g", turn)).expect("nobody is in it");
    rig.durable(gone);
    drop(rig);
    let rig = open(&disk.after_kill(Plan::default()));
    assert!(rig.broker.groups(&rig.vhost).is_empty() && rig.broker.topics(&rig.vhost).is_empty());
}

#[test]
fn who_was_told_that_they_left_is_not_waited_for_after_a_kill() {
    let disk = FaultyDisk::new(Plan::default());
    let mut rig = open(&disk);
    let (first, second) = two_members(&mut rig);
    let leave = |rig: &mut Rig, member_id| {
        let leavers = [Leaver { member_id, instance_id: None }];
        let left = rig.turn(|rig, turn| rig.broker.leave_group((&rig.vhost, "g"), &leavers, turn));
        let (answers, after) = left.expect("a living group");
        assert_eq!(answers, [Ok(())]);
        after
    };
    let (one, both) = (leave(&mut rig, "one"), leave(&mut rig, "two"));
    assert!(both > one, "that nobody is left is an entry of its own, for which the answer waits");
    rig.durable(both);
    drop(rig);
    let mut rig = open(&disk.after_kill(Plan::default()));
    for member in [&first, &second] {
        assert_eq!(heartbeat(&mut rig, member), Err(GroupRefusal::UnknownMember));
    }
}
