//! Joining: who is let in, who leads, which protocol is chosen.

use super::kit::*;
use narumq_broker::group::*;

#[test]
fn the_first_member_starts_at_once_and_leads() {
    let mut kit = Kit::new();
    let a = kit.join(stranger("a"));
    let joined = kit.member(a);
    assert_eq!((&*joined.member_id, &*joined.leader, joined.generation), ("a", "a", 1));
    assert_eq!((&*joined.protocol_type, &*joined.protocol, joined.skip_assignment), ("consumer", "range", false));
    let told: Vec<_> = joined.members.iter().map(|m| (&*m.member_id, &m.metadata[..])).collect();
    assert_eq!(told, [("a", &b"of range"[..])]);
    assert_eq!(kit.group.state(), GroupState::CompletingRebalance);
}

#[test]
fn a_second_member_waits_until_the_first_has_joined_again() {
    let mut kit = Kit::stable(&["a"]);
    let b = kit.join(stranger("b"));
    assert_eq!(kit.joined(b), None);
    assert_eq!(kit.heartbeat("a"), Err(GroupRefusal::RebalanceInProgress));
    let a = kit.join(known("a"));
    assert_eq!(kit.member(b).generation, 2);
    assert!(kit.member(b).members.is_empty(), "only the leader is told who is there");
    assert_eq!((&*kit.member(b).leader, kit.member(a).members.len()), ("a", 2));
}

#[test]
fn any_protocol_type_works_but_one_at_a_time() {
    for protocol_type in ["consumer", "connect", "sr", "anything"] {
        let mut kit = Kit::new();
        let a = kit.join(JoinRequest { protocol_type: protocol_type.into(), ..stranger("a") });
        assert_eq!(&*kit.member(a).protocol_type, protocol_type);
        let b = kit.join(JoinRequest { protocol_type: "other".into(), ..stranger("b") });
        assert_eq!(kit.joined(b), Some(&Err(GroupRefusal::InconsistentProtocol)));
    }
}

#[test]
fn an_empty_group_takes_another_protocol_type_than_before() {
    let mut kit = Kit::stable(&["a"]);
    kit.leave(&[("a", None)]);
    let b = kit.join(JoinRequest { protocol_type: "connect".into(), ..stranger("b") });
    assert_eq!((&*kit.member(b).protocol_type, kit.member(b).generation), ("connect", 3));
}

#[test]
fn who_offers_nothing_is_not_let_in() {
    let mut kit = Kit::new();
    let none = kit.join(JoinRequest { protocols: vec![], ..stranger("a") });
    assert_eq!(kit.joined(none), Some(&Err(GroupRefusal::InconsistentProtocol)));
    let no_type = kit.join(JoinRequest { protocol_type: "".into(), ..stranger("a") });
    assert_eq!(kit.joined(no_type), Some(&Err(GroupRefusal::InconsistentProtocol)));
    assert!(kit.group.is_blank());
}

#[test]
fn the_protocol_with_the_most_votes_among_those_that_all_support_is_chosen() {
    let mut kit = Kit::with(GroupSettings { initial_rebalance_delay_ms: 100, ..Default::default() });
    let a = kit.join(JoinRequest { protocols: offer(&["x", "one", "two"]), ..stranger("a") });
    let b = kit.join(JoinRequest { protocols: offer(&["two", "one"]), ..stranger("b") });
    let c = kit.join(JoinRequest { protocols: offer(&["two", "y", "one"]), ..stranger("c") });
    let d = kit.join(JoinRequest { protocols: offer(&["x", "y"]), ..stranger("d") });
    kit.pass(100);
    kit.pass(100);
    assert_eq!(kit.joined(d), Some(&Err(GroupRefusal::InconsistentProtocol)));
    for member in [a, b, c] {
        assert_eq!(&*kit.member(member).protocol, "two");
    }
}

#[test]
fn of_two_protocols_with_as_many_votes_the_leaders_is_chosen() {
    let mut kit = Kit::with(GroupSettings { initial_rebalance_delay_ms: 100, ..Default::default() });
    let a = kit.join(JoinRequest { protocols: offer(&["two", "one"]), ..stranger("a") });
    kit.join(JoinRequest { protocols: offer(&["one", "two"]), ..stranger("b") });
    kit.pass(100);
    kit.pass(100);
    assert_eq!(&*kit.member(a).protocol, "two");
}

#[test]
fn a_protocol_that_is_offered_twice_counts_once() {
    let mut kit = Kit::new();
    kit.join(JoinRequest { protocols: offer(&["one", "one"]), ..stranger("a") });
    let b = kit.join(JoinRequest { protocols: offer(&["one"]), ..stranger("b") });
    kit.join(JoinRequest { protocols: offer(&["one", "one"]), ..known("a") });
    assert_eq!(&*kit.member(b).protocol, "one");
}

#[test]
fn session_timeouts_outside_the_limits_are_refused() {
    let mut kit = Kit::new();
    for (timeout, taken) in [(5_999, false), (1_800_001, false), (6_000, true)] {
        let a = kit.join(JoinRequest { session_timeout_ms: timeout, ..stranger("a") });
        assert_eq!(kit.joined(a) == Some(&Err(GroupRefusal::InvalidSessionTimeout)), !taken, "{timeout}");
    }
}

#[test]
fn an_unknown_id_is_told_to_join_anew() {
    let mut kit = Kit::new();
    let a = kit.join(known("ghost"));
    assert_eq!(kit.joined(a), Some(&Err(GroupRefusal::UnknownMember)));
    kit.gather(&["a"]);
    let b = kit.join(known("ghost"));
    assert_eq!(kit.joined(b), Some(&Err(GroupRefusal::UnknownMember)));
    assert_eq!(kit.group.state(), GroupState::Stable);
}

#[test]
fn who_must_know_its_id_gets_one_and_joins_with_it() {
    let mut kit = Kit::new();
    let first = kit.join(JoinRequest { require_known_member: true, ..stranger("a") });
    assert_eq!(kit.joined(first), Some(&Err(GroupRefusal::MemberIdRequired("a".into()))));
    assert_eq!((kit.group.state(), kit.group.member_count()), (GroupState::Empty, 0));
    assert!(!kit.group.is_blank(), "the id is remembered");
    let a = kit.join(known("a"));
    assert_eq!((&*kit.member(a).member_id, kit.member(a).generation), ("a", 1));
}

#[test]
fn an_id_that_was_given_out_holds_up_a_rebalance_until_its_session_ends() {
    let mut kit = Kit::stable(&["a"]);
    kit.join(JoinRequest { require_known_member: true, ..stranger("late") });
    assert_eq!(kit.group.state(), GroupState::Stable, "nobody is disturbed yet");
    let a = kit.join(known("a"));
    assert_eq!(kit.joined(a), None);
    kit.pass(u64::from(SESSION));
    assert_eq!(kit.member(a).generation, 2);
    let late = kit.join(known("late"));
    assert_eq!(kit.joined(late), Some(&Err(GroupRefusal::UnknownMember)));
}

#[test]
fn ids_are_given_out_to_so_many_only() {
    let mut kit = Kit::with(GroupSettings { pending_members_max: 2, ..Default::default() });
    let ask = |kit: &mut Kit, id| kit.join(JoinRequest { require_known_member: true, ..stranger(id) });
    ask(&mut kit, "a");
    ask(&mut kit, "b");
    let c = ask(&mut kit, "c");
    assert_eq!(kit.joined(c), Some(&Err(GroupRefusal::GroupMaxSizeReached)));
    kit.pass(u64::from(SESSION));
    assert!(kit.group.is_blank());
    let d = ask(&mut kit, "d");
    assert_eq!(kit.joined(d), Some(&Err(GroupRefusal::MemberIdRequired("d".into()))));
}

#[test]
fn a_full_group_takes_nobody_but_keeps_its_members() {
    let mut kit = Kit::with(GroupSettings { members_max: 2, ..Default::default() });
    kit.gather(&["a", "b"]);
    let c = kit.join(stranger("c"));
    assert_eq!(kit.joined(c), Some(&Err(GroupRefusal::GroupMaxSizeReached)));
    let (a, b) = (kit.join(known("a")), kit.join(known("b")));
    assert_eq!((kit.member(a).members.len(), kit.member(b).generation), (2, kit.group.generation()));
}

#[test]
fn the_last_to_join_a_full_rebalance_is_sent_away() {
    let mut kit = Kit::with(GroupSettings { members_max: 2, ..Default::default() });
    kit.gather(&["a", "b"]);
    let a = kit.join(known("a"));
    let c = kit.join(stranger("c"));
    assert_eq!((kit.joined(a), kit.joined(c)), (None, None));
    let b = kit.join(known("b"));
    assert_eq!(kit.joined(b), Some(&Err(GroupRefusal::GroupMaxSizeReached)));
    assert_eq!((kit.member(a).members.len(), &*kit.member(c).leader), (2, "a"), "nobody else was missing");
}

#[test]
fn a_follower_that_joins_again_unchanged_disturbs_nobody() {
    let mut kit = Kit::stable(&["a", "b"]);
    let generation = kit.group.generation();
    let b = kit.join(known("b"));
    assert_eq!((kit.member(b).generation, kit.member(b).members.len()), (generation, 0));
    assert_eq!(kit.group.state(), GroupState::Stable);
}

#[test]
fn a_follower_that_changes_what_it_offers_or_a_leader_starts_a_rebalance() {
    let mut kit = Kit::stable(&["a", "b"]);
    let mut changed = known("b");
    changed.protocols[0].metadata = "other".into();
    let b = kit.join(changed);
    assert_eq!((kit.joined(b), kit.group.state()), (None, GroupState::PreparingRebalance));
    let mut kit = Kit::stable(&["a", "b"]);
    let a = kit.join(known("a"));
    assert_eq!((kit.joined(a), kit.group.state()), (None, GroupState::PreparingRebalance));
}

#[test]
fn who_missed_its_answer_gets_it_again_while_the_leader_assigns() {
    let mut kit = Kit::stable(&["a"]);
    let b = kit.join(stranger("b"));
    kit.join(known("a"));
    assert_eq!(kit.member(b).generation, 2);
    let (a, b) = (kit.join(known("a")), kit.join(known("b")));
    assert_eq!((kit.member(a).members.len(), kit.member(b).members.len(), kit.member(b).generation), (2, 0, 2));
    let mut changed = known("b");
    changed.protocols[0].metadata = "other".into();
    let b = kit.join(changed);
    assert_eq!((kit.joined(b), kit.group.state()), (None, GroupState::PreparingRebalance));
}

#[test]
fn a_join_that_is_asked_twice_is_answered_twice() {
    let mut kit = Kit::stable(&["a", "b"]);
    let (first, second) = (kit.join(known("a")), kit.join(known("a")));
    assert_eq!((kit.joined(first), kit.joined(second)), (Some(&Err(GroupRefusal::RebalanceInProgress)), None));
    kit.join(known("b"));
    assert_eq!(kit.member(second).members.len(), 2);
}

#[test]
fn a_group_that_was_empty_may_wait_for_more_members() {
    let mut kit = Kit::with(GroupSettings { initial_rebalance_delay_ms: 3_000, ..Default::default() });
    let a = kit.join(stranger("a"));
    kit.pass(2_000);
    let b = kit.join(stranger("b"));
    kit.pass(1_000);
    assert_eq!(kit.joined(a), None, "somebody came: it waits once more");
    kit.pass(2_999);
    assert_eq!(kit.joined(b), None);
    kit.pass(1);
    assert_eq!((kit.member(a).members.len(), kit.member(b).generation), (2, 1));
}

#[test]
fn the_wait_for_more_members_ends_with_the_rebalance_timeout() {
    let mut kit = Kit::with(GroupSettings { initial_rebalance_delay_ms: 3_000, ..Default::default() });
    let join = |id: &str| JoinRequest { rebalance_timeout_ms: 7_000, ..stranger(id) };
    let a = kit.join(join("a"));
    for n in 0..3 {
        assert_eq!(kit.joined(a), None, "after {n} waits");
        kit.join(join(&format!("b{n}")));
        kit.pass(if n == 2 { 1_000 } else { 3_000 });
    }
    assert_eq!(kit.member(a).members.len(), 4);
}

#[test]
fn the_empty_id_names_no_group() {
    assert_eq!(check_group_id(""), Err(GroupRefusal::InvalidGroupId));
    assert_eq!(check_group_id("g"), Ok(()));
}

#[test]
fn an_id_that_is_taken_is_given_to_nobody_else() {
    let mut kit = Kit::stable(&["a"]);
    for fresh in ["a", ""] {
        let b = kit.join(stranger(fresh));
        assert_eq!(kit.joined(b), Some(&Err(GroupRefusal::UnknownMember)));
    }
    assert_eq!(kit.group.state(), GroupState::Stable);
}
