//! Sessions end by time and by nothing else; who is silent for too long is out.

use super::kit::*;
use narumq_broker::group::*;
use narumq_model::Time;

#[test]
fn a_member_that_beats_stays() {
    let mut kit = Kit::stable(&["a"]);
    for _ in 0..10 {
        kit.pass(u64::from(SESSION) - 1);
        assert_eq!(kit.heartbeat("a"), Ok(()));
    }
}

#[test]
fn a_silent_member_is_out_and_the_others_share_its_work() {
    let mut kit = Kit::stable(&["a", "b"]);
    kit.pass(5_000);
    kit.heartbeat("a").expect("a member");
    kit.pass(u64::from(SESSION) - 5_000);
    assert_eq!((kit.ids(), kit.group.state()), (vec!["a".into()], GroupState::PreparingRebalance));
    assert_eq!(kit.heartbeat("b"), Err(GroupRefusal::UnknownMember));
    let a = kit.join(known("a"));
    assert_eq!(kit.member(a).members.len(), 1);
}

#[test]
fn who_is_overdue_is_not_heard_even_if_nobody_looked() {
    let mut kit = Kit::stable(&["a"]);
    kit.now = kit.now.plus(SESSION.into());
    assert_eq!(kit.heartbeat("a"), Err(GroupRefusal::UnknownMember));
    assert_eq!(kit.group.state(), GroupState::Empty);
}

#[test]
fn the_last_members_end_leaves_an_empty_group_and_an_image_of_it() {
    let mut kit = Kit::stable(&["a"]);
    let images = kit.images.len();
    kit.pass(SESSION.into());
    assert_eq!((kit.group.state(), kit.group.generation()), (GroupState::Empty, 2));
    assert_eq!(kit.images.len(), images + 1);
    assert_eq!(kit.group.describe().leader, None);
    assert_eq!(kit.group.next_deadline(), None);
}

#[test]
fn heartbeats_do_not_move_the_next_deadline() {
    let mut kit = Kit::stable(&["a", "b", "c"]);
    let deadline = kit.group.next_deadline();
    for _ in 0..1_000 {
        kit.now = kit.now.plus(5);
        ["a", "b", "c"].iter().for_each(|id| kit.heartbeat(id).expect("a member"));
        assert_eq!(kit.group.next_deadline(), deadline);
    }
    kit.pass(u64::from(SESSION) - 5_000);
    assert!(kit.group.next_deadline() > deadline, "it is found out when it is due");
    assert_eq!(kit.group.member_count(), 3);
}

#[test]
fn who_waits_for_the_others_is_not_expected_to_beat() {
    let mut kit = Kit::stable(&["a", "b"]);
    let a = kit.join(known("a"));
    kit.pass_beating(4 * u64::from(SESSION), &["b"]);
    assert_eq!(kit.joined(a), None);
    kit.join(known("b"));
    assert_eq!(kit.member(a).members.len(), 2);
    kit.pass(SESSION.into());
    assert_eq!(kit.group.member_count(), 0, "from then on it is");
}

#[test]
fn who_waits_for_its_part_is_not_expected_to_beat() {
    let mut kit = Kit::stable(&["a", "b"]);
    kit.join(known("a"));
    kit.join(known("b"));
    let b = kit.sync("b", vec![]);
    kit.pass_beating(4 * u64::from(SESSION), &["a"]);
    assert_eq!(kit.synced(b), None);
    kit.sync("a", vec![("b", "part".into())]);
    assert_eq!(kit.part(b), b"part");
    kit.pass_beating(u64::from(SESSION), &["a"]);
    assert_eq!(kit.group.member_count(), 1, "from then on it is");
}

#[test]
fn a_new_member_that_waits_too_long_is_given_up() {
    let settings = GroupSettings { new_member_timeout_ms: 20_000, ..Default::default() };
    let mut kit = Kit::with(settings);
    kit.gather(&["a"]);
    let b = kit.join(stranger("b"));
    kit.pass_beating(19_000, &["a"]);
    assert_eq!(kit.joined(b), None);
    kit.pass_beating(1_000, &["a"]);
    assert_eq!(kit.joined(b), Some(&Err(GroupRefusal::UnknownMember)));
    assert_eq!(kit.ids(), ["a".into()]);
}

#[test]
fn who_does_not_join_in_time_is_out() {
    let mut kit = Kit::stable(&["a", "b", "c"]);
    let (b, c) = (kit.join(stranger("d")), kit.join(known("b")));
    kit.pass_beating(u64::from(REBALANCE) - 1_000, &["a", "c"]);
    assert_eq!((kit.joined(b), kit.joined(c)), (None, None));
    kit.pass(1_000);
    let mut ids = kit.ids();
    ids.sort_unstable();
    assert_eq!(ids, ["b".into(), "d".into()]);
    assert_eq!((&*kit.member(b).leader, kit.member(c).members.len()), ("b", 2), "whoever came first leads");
}

#[test]
fn the_longest_rebalance_timeout_of_the_members_counts() {
    let mut kit = Kit::new();
    let patient = |id: &str| JoinRequest { rebalance_timeout_ms: 100_000, ..known(id) };
    kit.join(JoinRequest { rebalance_timeout_ms: 100_000, ..stranger("a") });
    kit.join(stranger("b"));
    kit.join(patient("a"));
    kit.sync_all(&["a", "b"]);
    let a = kit.join(patient("a"));
    kit.pass_beating(99_000, &["b"]);
    assert_eq!(kit.joined(a), None);
    kit.pass_beating(1_000, &["b"]);
    assert_eq!(kit.member(a).members.len(), 1);
}

#[test]
fn a_rebalance_that_nobody_joins_ends_with_the_sessions() {
    let mut kit = Kit::stable(&["a", "b"]);
    kit.leave(&[("a", None)]);
    assert_eq!(kit.group.state(), GroupState::PreparingRebalance);
    kit.pass_beating(u64::from(REBALANCE), &["b"]);
    assert_eq!((kit.group.state(), kit.group.member_count()), (GroupState::Empty, 0));
}

#[test]
fn a_heartbeat_needs_the_right_generation() {
    let mut kit = Kit::stable(&["a"]);
    assert_eq!(kit.heartbeat_as(identity("a", 0)), Err(GroupRefusal::IllegalGeneration));
    assert_eq!(kit.heartbeat_as(identity("a", 2)), Err(GroupRefusal::IllegalGeneration));
    assert_eq!(kit.heartbeat_as(identity("ghost", 1)), Err(GroupRefusal::UnknownMember));
    assert_eq!(Kit::new().heartbeat_as(identity("a", 0)), Err(GroupRefusal::UnknownMember));
}

#[test]
fn a_generation_without_assignment_takes_heartbeats() {
    let mut kit = Kit::new();
    kit.join(stranger("a"));
    assert_eq!((kit.group.state(), kit.heartbeat("a")), (GroupState::CompletingRebalance, Ok(())));
}

#[test]
fn a_session_that_is_shortened_ends_earlier() {
    let mut kit = Kit::new();
    kit.join(JoinRequest { session_timeout_ms: 100_000, ..stranger("a") });
    kit.sync_all(&["a"]);
    kit.join(JoinRequest { session_timeout_ms: 6_000, ..known("a") });
    kit.sync_all(&["a"]);
    assert_eq!(kit.group.next_deadline(), Some(Time(kit.now.0 + 6_000)));
    kit.pass(6_000);
    assert_eq!(kit.group.state(), GroupState::Empty);
}
