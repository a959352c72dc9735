//! Retention: what nobody uses expires, what is used does not.

use super::kit::*;
use narumq_broker::group::*;
use narumq_model::{Name, ObjectId, Time};

const DAY: u64 = 24 * 3_600 * 1_000;

fn expire(kit: &mut Kit) -> Expired {
    let now = kit.now;
    let name = |topic: ObjectId| -> Option<Name> { (topic == CLICKS).then(|| "clicks".into()) };
    kit.group.expire_offsets(now, name)
}

#[test]
fn offsets_expire_a_week_after_the_last_member_has_left() {
    let mut kit = Kit::stable(&["a"]);
    kit.commit(identity("a", 1), 0, 1).expect("a member");
    kit.pass_beating(20_000, &["a"]);
    kit.leave(&[("a", None)]);
    kit.pass(7 * DAY - 1);
    assert_eq!(expire(&mut kit), Expired::default());
    kit.pass(1);
    let expired = expire(&mut kit);
    assert_eq!((expired.record.map(|r| r.changes.len()), expired.dropped), (Some(1), true));
    assert_eq!(kit.group.state(), GroupState::Dead);
}

#[test]
fn offsets_of_topics_that_members_read_never_expire() {
    let mut kit = Kit::new();
    let long = |request: JoinRequest| JoinRequest { session_timeout_ms: 1_800_000, ..request };
    kit.join(long(stranger("a")));
    kit.sync_all(&["a"]);
    kit.commit(identity("a", 1), 0, 1).expect("a member");
    let other = OffsetCommit { topic: ObjectId(8), partition: 0, offset: 1, leader_epoch: -1, metadata: "".into() };
    let request = CommitRequest { identity: identity("a", 1), expires_at: None, offsets: vec![other] };
    kit.commit_all(request).expect("a member");
    for _ in 0..7 * 24 * 2 {
        kit.pass(1_799_999);
        kit.heartbeat("a").expect("a member");
    }
    assert_eq!(expire(&mut kit), Expired::default(), "a moment is missing");
    kit.pass(1_000);
    let expired = expire(&mut kit);
    let change = OffsetChange { topic: ObjectId(8), partition: 0, to: None };
    assert_eq!(expired, Expired { record: Some(CommitRecord { changes: vec![change] }), dropped: false });
    assert_eq!(kit.offset(0), Some(1));
}

#[test]
fn nothing_expires_while_it_is_not_known_what_is_read() {
    for (protocol_type, topics) in [("consumer", None), ("connect", Some(vec!["views".into()]))] {
        let mut kit = Kit::new();
        kit.commit(OUTSIDE, 0, 1).expect("an empty group");
        kit.pass(8 * DAY);
        kit.join(JoinRequest { protocol_type: protocol_type.into(), topics, ..stranger("a") });
        kit.sync_all(&["a"]);
        assert_eq!(expire(&mut kit), Expired::default(), "{protocol_type}");
    }
}

#[test]
fn nothing_expires_during_a_rebalance() {
    let mut kit = Kit::new();
    kit.commit(OUTSIDE, 0, 1).expect("an empty group");
    kit.pass(8 * DAY);
    kit.join(JoinRequest { topics: Some(vec!["views".into()]), ..stranger("a") });
    assert_eq!((kit.group.state(), expire(&mut kit)), (GroupState::CompletingRebalance, Expired::default()));
    kit.sync_all(&["a"]);
    assert_eq!(expire(&mut kit).record.map(|r| r.changes.len()), Some(1));
}

#[test]
fn offsets_of_a_group_that_never_had_members_expire_after_their_commit() {
    let mut kit = Kit::new();
    kit.commit(OUTSIDE, 0, 1).expect("an empty group");
    kit.pass(3 * DAY);
    kit.commit(OUTSIDE, 1, 1).expect("an empty group");
    kit.pass(4 * DAY);
    let expired = expire(&mut kit);
    assert_eq!((expired.record.map(|r| r.changes.len()), expired.dropped), (Some(1), false));
    assert_eq!((kit.offset(0), kit.offset(1)), (None, Some(1)));
    kit.pass(3 * DAY);
    assert!(expire(&mut kit).dropped);
}

#[test]
fn the_clients_own_time_counts_where_it_gave_one() {
    let mut kit = Kit::new();
    let soon = kit.now.plus(1_000);
    let offset = |partition| {
        let metadata = "".into();
        OffsetCommit { topic: CLICKS, partition, offset: 1, leader_epoch: -1, metadata }
    };
    let commit = |at: Option<Time>, partition| CommitRequest {
        identity: OUTSIDE,
        expires_at: at,
        offsets: vec![offset(partition)],
    };
    kit.commit_all(commit(Some(soon), 0)).expect("an empty group");
    kit.commit_all(commit(Some(soon.plus(30 * DAY)), 1)).expect("an empty group");
    kit.pass(999);
    assert_eq!(expire(&mut kit), Expired::default());
    kit.pass(1);
    assert_eq!(expire(&mut kit).record.map(|r| r.changes.len()), Some(1));
    kit.pass(20 * DAY);
    assert_eq!((expire(&mut kit), kit.offset(1)), (Expired::default(), Some(1)));
}

#[test]
fn a_group_without_members_and_offsets_is_dropped() {
    let mut kit = Kit::stable(&["a"]);
    assert_eq!(expire(&mut kit), Expired::default());
    kit.leave(&[("a", None)]);
    assert_eq!(expire(&mut kit), Expired { record: None, dropped: true });
    let mut kit = Kit::new();
    kit.join(JoinRequest { require_known_member: true, ..stranger("a") });
    assert_eq!(expire(&mut kit), Expired::default(), "somebody is about to join");
}
