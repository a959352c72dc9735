//! Syncing: parts come from the leader of the generation, and from nobody else.

use super::kit::*;
use narumq_broker::group::*;

/// Members `a` (the leader) and `b` in a generation without assignment.
fn completing() -> Kit {
    let mut kit = Kit::stable(&["a", "b"]);
    kit.join(known("a"));
    kit.join(known("b"));
    assert_eq!(kit.group.state(), GroupState::CompletingRebalance);
    kit
}

#[test]
fn followers_wait_for_the_leader() {
    let mut kit = completing();
    let b = kit.sync("b", vec![("b", "not mine to say".into())]);
    assert_eq!(kit.synced(b), None);
    let images = kit.images.len();
    let a = kit.sync("a", vec![("b", "second".into()), ("a", "first".into()), ("ghost", "lost".into())]);
    assert_eq!((kit.part(a), kit.part(b)), (&b"first"[..], &b"second"[..]));
    assert_eq!((kit.group.state(), kit.images.len()), (GroupState::Stable, images + 1));
    let again = kit.sync("b", vec![]);
    assert_eq!(kit.part(again), b"second");
}

#[test]
fn the_image_is_appended_before_any_part_is_told() {
    let mut kit = completing();
    kit.sync("b", vec![]);
    let request = SyncRequest { identity: identity("a", 3), protocol_type: None, protocol: None, assignments: vec![] };
    let mut effects = Vec::new();
    kit.group.sync(request, caller(99), kit.now, &mut effects);
    assert!(matches!(effects[0], Effect::Persist(_)));
    assert_eq!(effects.iter().filter(|e| matches!(e, Effect::Synced { answer: Ok(_), .. })).count(), 2);
}

#[test]
fn who_is_not_mentioned_has_nothing() {
    let mut kit = completing();
    let a = kit.sync("a", vec![("a", "all of it".into())]);
    let b = kit.sync("b", vec![]);
    assert_eq!((kit.part(a), kit.part(b)), (&b"all of it"[..], &b""[..]));
}

#[test]
fn a_sync_of_another_generation_or_member_is_refused() {
    let mut kit = completing();
    let generation = kit.group.generation();
    for (id, generation, refusal) in [
        ("b", generation - 1, GroupRefusal::IllegalGeneration),
        ("b", generation + 1, GroupRefusal::IllegalGeneration),
        ("ghost", generation, GroupRefusal::UnknownMember),
    ] {
        let sync = kit.sync_as(identity(id, generation), vec![]);
        assert_eq!(kit.synced(sync), Some(&Err(refusal)));
    }
}

#[test]
fn a_sync_that_believes_in_another_protocol_is_refused() {
    let mut kit = completing();
    for (protocol_type, protocol, refused) in
        [("consumer", "range", false), ("connect", "range", true), ("consumer", "sticky", true)]
    {
        let request = SyncRequest {
            identity: identity("b", 3),
            protocol_type: Some(protocol_type),
            protocol: Some(protocol),
            assignments: vec![],
        };
        let mut effects = Vec::new();
        kit.group.sync(request, caller(77), kit.now, &mut effects);
        let answer = Effect::Synced { caller: caller(77), answer: Err(GroupRefusal::InconsistentProtocol) };
        assert_eq!(effects.contains(&answer), refused, "{protocol_type} {protocol}");
    }
}

#[test]
fn a_rebalance_sends_those_who_wait_for_their_part_back() {
    let mut kit = completing();
    let b = kit.sync("b", vec![]);
    kit.join(stranger("c"));
    assert_eq!(kit.synced(b), Some(&Err(GroupRefusal::RebalanceInProgress)));
    let a = kit.sync("a", vec![]);
    assert_eq!(kit.synced(a), Some(&Err(GroupRefusal::RebalanceInProgress)), "it has to join again too");
}

#[test]
fn a_sync_that_is_asked_twice_is_answered_twice() {
    let mut kit = completing();
    let (first, second) = (kit.sync("b", vec![]), kit.sync("b", vec![]));
    assert_eq!((kit.synced(first), kit.synced(second)), (Some(&Err(GroupRefusal::RebalanceInProgress)), None));
    kit.sync("a", vec![("b", "part".into())]);
    assert_eq!(kit.part(second), b"part");
}

#[test]
fn nobody_syncs_with_an_empty_group() {
    let mut kit = Kit::new();
    let a = kit.sync_as(identity("a", 0), vec![]);
    assert_eq!(kit.synced(a), Some(&Err(GroupRefusal::UnknownMember)));
}

#[test]
fn a_leader_that_does_not_sync_is_given_up_after_the_rebalance_timeout() {
    let mut kit = completing();
    let b = kit.sync("b", vec![]);
    kit.pass_beating(u64::from(REBALANCE) - 1_000, &["a", "b"]);
    assert_eq!((kit.synced(b), kit.group.state()), (None, GroupState::CompletingRebalance));
    kit.pass(1_000);
    assert_eq!(kit.synced(b), Some(&Err(GroupRefusal::RebalanceInProgress)));
    assert_eq!((kit.ids(), kit.group.state()), (vec!["b".into()], GroupState::PreparingRebalance));
    assert_eq!(kit.heartbeat("a"), Err(GroupRefusal::UnknownMember));
    let b = kit.join(known("b"));
    assert_eq!(&*kit.member(b).leader, "b");
}

#[test]
fn a_follower_that_does_not_sync_is_given_up_too() {
    let mut kit = completing();
    kit.sync("a", vec![]);
    kit.pass_beating(u64::from(REBALANCE) - 1_000, &["a", "b"]);
    assert_eq!(kit.group.state(), GroupState::Stable);
    kit.pass(1_000);
    assert_eq!((kit.ids(), kit.group.state()), (vec!["a".into()], GroupState::PreparingRebalance));
}

#[test]
fn a_generation_in_which_all_have_synced_is_not_disturbed() {
    let mut kit = completing();
    kit.sync("a", vec![]);
    kit.sync("b", vec![]);
    let generation = kit.group.generation();
    kit.pass_beating(3 * u64::from(REBALANCE), &["a", "b"]);
    assert_eq!((kit.group.state(), kit.group.generation()), (GroupState::Stable, generation));
}
