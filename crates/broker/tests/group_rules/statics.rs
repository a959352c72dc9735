//! Static members: a restart within the session costs no rebalance, and the one who was there before is fenced.

use super::kit::*;
use bytes::Bytes;
use narumq_broker::group::*;

/// Static members `one` (id `s1`, leads) and `two` (id `t1`), in a stable generation.
fn stable() -> Kit {
    let mut kit = Kit::new();
    kit.join(instance("one", "s1"));
    kit.join(instance("two", "t1"));
    kit.join(JoinRequest { instance_id: Some("one".into()), ..known("s1") });
    let parts = |id: &str| -> Bytes { format!("part of {id}").into() };
    kit.sync("s1", vec![("s1", parts("s1")), ("t1", parts("t1"))]);
    kit.sync("t1", vec![]);
    assert_eq!(kit.group.state(), GroupState::Stable);
    kit
}

fn as_static<'a>(kit: &Kit, instance_id: &'a str, member_id: &'a str) -> Identity<'a> {
    Identity { member_id, instance_id: Some(instance_id), generation: kit.group.generation() }
}

#[test]
fn a_static_member_that_comes_back_keeps_its_part() {
    let mut kit = stable();
    let (generation, images) = (kit.group.generation(), kit.images.len());
    let t2 = kit.join(JoinRequest { client_host: "/10.0.0.2".into(), ..instance("two", "t2") });
    let joined = kit.member(t2);
    assert_eq!((&*joined.member_id, joined.generation, &*joined.leader), ("t2", generation, "s1"));
    assert_eq!((joined.members.len(), joined.skip_assignment), (0, false));
    assert_eq!((kit.group.state(), kit.images.len()), (GroupState::Stable, images + 1));
    let sync = kit.sync("t2", vec![]);
    assert_eq!(kit.part(sync), b"part of t1");
    assert_eq!(&*kit.group.describe().members[1].client_host, "/10.0.0.2");
}

#[test]
fn who_had_the_place_before_is_fenced() {
    let mut kit = stable();
    kit.join(instance("two", "t2"));
    let (old, new) = (as_static(&kit, "two", "t1"), as_static(&kit, "two", "t2"));
    assert_eq!(kit.heartbeat_as(old), Err(GroupRefusal::FencedInstance));
    assert_eq!(kit.commit(old, 0, 1), Err(GroupRefusal::FencedInstance));
    let sync = kit.sync_as(old, vec![]);
    assert_eq!(kit.synced(sync), Some(&Err(GroupRefusal::FencedInstance)));
    let join = kit.join(JoinRequest { instance_id: Some("two".into()), ..known("t1") });
    assert_eq!(kit.joined(join), Some(&Err(GroupRefusal::FencedInstance)));
    assert_eq!(kit.leave(&[("t1", Some("two"))]), [Err(GroupRefusal::FencedInstance)]);
    assert_eq!(kit.heartbeat("t1"), Err(GroupRefusal::UnknownMember), "without its instance it is not known at all");
    assert_eq!(kit.heartbeat_as(new), Ok(()));
}

#[test]
fn a_static_leader_that_comes_back_is_told_to_skip_the_assignment() {
    let mut kit = stable();
    let s2 = kit.join(instance("one", "s2"));
    let joined = kit.member(s2);
    assert_eq!((&*joined.leader, joined.skip_assignment, joined.members.len()), ("s2", true, 2));
    let sync = kit.sync("s2", vec![]);
    assert_eq!(kit.part(sync), b"part of s1");
}

#[test]
fn a_static_leader_that_cannot_skip_is_told_that_another_leads() {
    let mut kit = stable();
    let s2 = kit.join(JoinRequest { skip_assignment: false, ..instance("one", "s2") });
    let joined = kit.member(s2);
    assert_eq!((&*joined.leader, joined.skip_assignment, joined.members.len()), ("s1", false, 0));
    assert_eq!(kit.group.describe().leader.as_deref(), Some("s2"), "it leads all the same");
}

#[test]
fn a_static_member_that_changes_the_vote_starts_a_rebalance() {
    let mut kit = Kit::new();
    let both = |request: JoinRequest, order: &[&str]| JoinRequest { protocols: offer(order), ..request };
    kit.join(both(instance("one", "s1"), &["x", "y"]));
    kit.sync_all(&["s1"]);
    let s2 = kit.join(both(instance("one", "s2"), &["x", "y"]));
    assert_eq!((&*kit.member(s2).protocol, kit.member(s2).generation), ("x", 1));
    let s3 = kit.join(both(instance("one", "s3"), &["y", "x"]));
    assert_eq!((&*kit.member(s3).protocol, kit.member(s3).generation), ("y", 2));
}

#[test]
fn a_static_member_that_comes_back_while_the_leader_assigns_starts_a_rebalance() {
    let mut kit = stable();
    let again = |instance: &str, id| JoinRequest { instance_id: Some(instance.into()), ..known(id) };
    kit.join(again("one", "s1"));
    kit.join(again("two", "t1"));
    assert_eq!(kit.group.state(), GroupState::CompletingRebalance);
    let waiting = kit.sync("t1", vec![]);
    let t2 = kit.join(instance("two", "t2"));
    assert_eq!(kit.synced(waiting), Some(&Err(GroupRefusal::FencedInstance)));
    assert_eq!((kit.joined(t2), kit.group.state()), (None, GroupState::PreparingRebalance));
    kit.join(again("one", "s1"));
    assert_eq!(&*kit.member(t2).leader, "s1");
}

#[test]
fn a_static_member_that_comes_back_during_a_rebalance_takes_part_in_it() {
    let mut kit = stable();
    let t1 = kit.join(JoinRequest { protocols: offer(&["range", "x"]), ..instance("two", "t2") });
    assert_eq!(kit.member(t1).generation, kit.group.generation());
    kit.join(stranger("a"));
    let t2 = kit.join(JoinRequest { instance_id: Some("two".into()), ..known("t2") });
    let t3 = kit.join(instance("two", "t3"));
    assert_eq!((kit.joined(t2), kit.joined(t3)), (Some(&Err(GroupRefusal::FencedInstance)), None));
    kit.join(JoinRequest { instance_id: Some("one".into()), ..known("s1") });
    assert_eq!(&*kit.member(t3).member_id, "t3");
    assert_eq!(kit.group.member_count(), 3);
}

#[test]
fn a_static_member_that_does_not_join_in_time_stays_until_its_session_ends() {
    let mut kit = stable();
    kit.join(stranger("a"));
    let s1 = kit.join(JoinRequest { instance_id: Some("one".into()), ..known("s1") });
    kit.pass_beating(REBALANCE.into(), &["t1"]);
    assert_eq!((kit.member(s1).members.len(), kit.group.state()), (3, GroupState::CompletingRebalance));
    kit.sync("s1", vec![]);
    kit.sync("a", vec![]);
    kit.pass_beating(SESSION.into(), &["s1", "a"]);
    assert_eq!((kit.group.member_count(), kit.group.state()), (2, GroupState::PreparingRebalance));
}

#[test]
fn a_rebalance_waits_on_when_only_static_members_are_left_to_join() {
    let mut kit = stable();
    kit.join(stranger("a"));
    kit.leave(&[("a", None)]);
    let generation = kit.group.generation();
    kit.pass_beating(3 * u64::from(REBALANCE), &["s1", "t1"]);
    assert_eq!((kit.group.state(), kit.group.member_count()), (GroupState::PreparingRebalance, 2));
    assert_eq!(kit.group.generation(), generation);
    kit.pass(SESSION.into());
    assert_eq!((kit.group.state(), kit.group.member_count()), (GroupState::Empty, 0));
}

#[test]
fn a_static_leader_that_is_late_leads_no_more() {
    let mut kit = Kit::new();
    kit.join(instance("one", "s1"));
    for id in ["c", "b"] {
        kit.join(stranger(id));
        kit.ids().iter().for_each(|id| {
            let instance_id = (&**id == "s1").then(|| "one".into());
            kit.join(JoinRequest { instance_id, ..known(id) });
        });
    }
    kit.sync_all(&["s1", "c", "b"]);
    let (b, c) =
        (kit.join(JoinRequest { topics: None, protocols: offer(&["range", "x"]), ..known("b") }), kit.join(known("c")));
    kit.pass_beating(REBALANCE.into(), &["s1"]);
    assert_eq!(
        (&*kit.member(b).leader, kit.member(c).members.len()),
        ("c", 3),
        "whoever came first of those who joined"
    );
}

#[test]
fn a_static_member_that_comes_back_may_read_other_topics() {
    let mut kit = stable();
    kit.commit(as_static(&kit, "two", "t1"), 0, 1).expect("a member");
    kit.join(JoinRequest { topics: Some(vec!["views".into()]), ..instance("two", "t2") });
    let wanted = ["clicks", "views", "other"].map(|name| OffsetDelete { topic: CLICKS, name, partition: 0 });
    let (now, mut effects) = (kit.now, Vec::new());
    let deleted = kit.group.delete_offsets(&wanted, now, &mut effects).expect("an answer");
    let subscribed = Err(GroupRefusal::SubscribedToTopic);
    assert_eq!(deleted.answers, [subscribed.clone(), subscribed, Ok(())]);
}

#[test]
fn an_instance_that_nobody_knows_needs_no_id() {
    let mut kit = stable();
    let join = kit.join(JoinRequest { instance_id: Some("three".into()), ..known("t1") });
    assert_eq!(kit.joined(join), Some(&Err(GroupRefusal::UnknownMember)));
    let required = kit.join(JoinRequest { require_known_member: true, ..instance("three", "u1") });
    assert_eq!(kit.joined(required), None, "static members are taken at once");
    assert_eq!(kit.group.member_count(), 3);
}

#[test]
fn an_id_that_was_given_out_makes_no_static_member() {
    let mut kit = Kit::new();
    kit.join(JoinRequest { require_known_member: true, ..stranger("a") });
    let join = kit.join(JoinRequest { instance_id: Some("one".into()), ..known("a") });
    assert_eq!(kit.joined(join), Some(&Err(GroupRefusal::UnknownMember)));
}
