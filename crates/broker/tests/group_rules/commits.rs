//! Commits: who may, when, and what is refused.

use super::kit::*;
use narumq_broker::group::*;
use narumq_model::{ObjectId, Time};

#[test]
fn a_member_commits_in_its_generation() {
    let mut kit = Kit::stable(&["a"]);
    assert_eq!(kit.commit(identity("a", 1), 0, 42), Ok(()));
    let committed = kit.group.offsets().get(CLICKS, 0).expect("an offset");
    assert_eq!((committed.offset, committed.leader_epoch, &*committed.metadata), (42, 3, "note"));
    assert_eq!((committed.committed_at, committed.expires_at), (kit.now, None));
    assert_eq!(kit.group.offsets().get(CLICKS, 1), None);
    assert_eq!(kit.commit(identity("a", 0), 0, 43), Err(GroupRefusal::IllegalGeneration));
    assert_eq!(kit.commit(identity("ghost", 1), 0, 43), Err(GroupRefusal::UnknownMember));
    assert_eq!(kit.commit(identity("", 1), 0, 43), Err(GroupRefusal::UnknownMember));
    assert_eq!(kit.offset(0), Some(42));
}

#[test]
fn outsiders_commit_only_while_nobody_is_in_the_group() {
    let mut kit = Kit::new();
    assert_eq!(kit.commit(OUTSIDE, 0, 1), Ok(()));
    kit.gather(&["a"]);
    assert_eq!(kit.commit(OUTSIDE, 0, 2), Err(GroupRefusal::UnknownMember));
    kit.leave(&[("a", None)]);
    assert_eq!(kit.commit(OUTSIDE, 0, 3), Ok(()));
    assert_eq!(kit.commit(identity("a", 2), 0, 4), Err(GroupRefusal::UnknownMember));
    assert_eq!(kit.offset(0), Some(3));
}

#[test]
fn an_outsider_may_create_the_group_and_a_member_may_not() {
    assert_eq!(OUTSIDE.check_absent_commit(), Ok(()));
    assert_eq!(identity("a", 0).check_absent_commit(), Err(GroupRefusal::IllegalGeneration));
}

#[test]
fn a_generation_without_assignment_takes_no_commits_but_a_rebalance_does() {
    let mut kit = Kit::stable(&["a", "b"]);
    kit.join(known("b"));
    kit.join(stranger("c"));
    assert_eq!(kit.group.state(), GroupState::PreparingRebalance);
    let generation = kit.group.generation();
    assert_eq!(kit.commit(identity("a", generation), 0, 7), Ok(()), "what it read before it joins again");
    let ready = ["a", "b", "c"].map(|id| kit.join(known(id)));
    assert_eq!(kit.group.state(), GroupState::CompletingRebalance);
    assert_eq!(kit.member(ready[0]).generation, generation + 1);
    assert_eq!(kit.commit(identity("a", generation), 0, 8), Err(GroupRefusal::IllegalGeneration));
    assert_eq!(kit.commit(identity("a", generation + 1), 0, 8), Err(GroupRefusal::RebalanceInProgress));
    assert_eq!(kit.group.check_commit(&identity("a", generation + 1), true), Ok(()), "in a transaction it may");
    assert_eq!(kit.group.check_commit(&OUTSIDE, true), Ok(()), "old dialects say nothing of the member");
    assert_eq!(kit.group.check_commit(&identity("a", generation), true), Err(GroupRefusal::IllegalGeneration));
}

#[test]
fn a_commit_is_a_sign_of_life() {
    let mut kit = Kit::stable(&["a"]);
    for n in 0..10 {
        kit.pass(u64::from(SESSION) - 1);
        assert_eq!(kit.commit(identity("a", 1), 0, n), Ok(()));
    }
    kit.pass(u64::from(SESSION));
    assert_eq!(kit.commit(identity("a", 1), 0, 10), Err(GroupRefusal::UnknownMember));
}

#[test]
fn a_note_that_is_too_long_refuses_its_partition_only() {
    let mut kit = Kit::new();
    let offset = |partition, note: String| OffsetCommit {
        topic: CLICKS,
        partition,
        offset: 9,
        leader_epoch: -5,
        metadata: note.into(),
    };
    let offsets = vec![offset(0, "x".repeat(4_096)), offset(1, "x".repeat(4_097)), offset(2, "나".repeat(4_096))];
    let request = CommitRequest { identity: OUTSIDE, expires_at: Some(Time(77)), offsets };
    let committed = kit.commit_all(request).expect("an empty group");
    assert_eq!(committed.answers, [Ok(()), Err(GroupRefusal::MetadataTooLarge), Ok(())]);
    assert_eq!(committed.record.map(|r| r.changes.len()), Some(2));
    assert_eq!([0, 1, 2].map(|p| kit.offset(p)), [Some(9), None, Some(9)]);
    let stored = kit.group.offsets().get(CLICKS, 0).expect("an offset");
    assert_eq!((stored.leader_epoch, stored.expires_at), (-1, Some(Time(77))));
}

#[test]
fn a_commit_of_nothing_has_no_record() {
    let mut kit = Kit::new();
    let request = CommitRequest { identity: OUTSIDE, expires_at: None, offsets: vec![] };
    assert_eq!(kit.commit_all(request), Ok(Committed { record: None, answers: vec![] }));
    assert!(kit.group.is_blank());
}

fn delete(kit: &mut Kit, name: &str, partition: u32) -> Result<DeletedOffsets, GroupRefusal> {
    let mut answer = Err(GroupRefusal::Dead);
    let wanted = [OffsetDelete { topic: CLICKS, name, partition }];
    kit.effects(|group, now, effects| answer = group.delete_offsets(&wanted, now, effects));
    answer
}

#[test]
fn offsets_of_a_topic_that_is_read_cannot_be_deleted() {
    let mut kit = Kit::new();
    kit.commit(OUTSIDE, 0, 1).expect("an empty group");
    kit.gather(&["a"]);
    let refused = delete(&mut kit, "clicks", 0).expect("an answer");
    assert_eq!(refused, DeletedOffsets { record: None, answers: vec![Err(GroupRefusal::SubscribedToTopic)] });
    let deleted = delete(&mut kit, "views", 0).expect("an answer");
    let change = OffsetChange { topic: CLICKS, partition: 0, to: None };
    assert_eq!(deleted.record, Some(CommitRecord { changes: vec![change] }));
    assert_eq!(kit.offset(0), None);
    let none = delete(&mut kit, "views", 0).expect("an answer");
    assert_eq!(none, DeletedOffsets { record: None, answers: vec![Ok(())] });
}

#[test]
fn what_members_of_other_types_read_is_not_known() {
    let mut kit = Kit::new();
    kit.join(JoinRequest { protocol_type: "connect".into(), topics: None, ..stranger("a") });
    kit.sync_all(&["a"]);
    assert_eq!(delete(&mut kit, "views", 0), Err(GroupRefusal::NotEmpty));
    kit.leave(&[("a", None)]);
    assert!(delete(&mut kit, "views", 0).is_ok());
}

#[test]
fn a_subscription_that_is_not_understood_protects_all_topics() {
    let mut kit = Kit::new();
    kit.join(JoinRequest { topics: None, ..stranger("a") });
    kit.sync_all(&["a"]);
    let refused = delete(&mut kit, "views", 0).expect("an answer");
    assert_eq!(refused.answers, [Err(GroupRefusal::SubscribedToTopic)]);
}

#[test]
fn a_topic_that_is_gone_takes_its_offsets_along() {
    let mut kit = Kit::new();
    (0..3).for_each(|p| kit.commit(OUTSIDE, p, 1).expect("an empty group"));
    let offsets =
        vec![OffsetCommit { topic: ObjectId(8), partition: 0, offset: 1, leader_epoch: -1, metadata: "".into() }];
    kit.commit_all(CommitRequest { identity: OUTSIDE, expires_at: None, offsets }).expect("an empty group");
    assert_eq!(kit.group.forget_topic(CLICKS).map(|r| r.changes.len()), Some(3));
    assert_eq!(kit.group.forget_topic(CLICKS), None);
    assert_eq!(kit.group.offsets().len(), 1);
}
