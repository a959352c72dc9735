//! Leaving, and deletion of the group.

use super::kit::*;
use narumq_broker::group::*;

#[test]
fn who_leaves_is_out_at_once() {
    let mut kit = Kit::stable(&["a", "b"]);
    assert_eq!(kit.leave(&[("b", None)]), [Ok(())]);
    assert_eq!((kit.ids(), kit.group.state()), (vec!["a".into()], GroupState::PreparingRebalance));
    assert_eq!(kit.leave(&[("b", None)]), [Err(GroupRefusal::UnknownMember)]);
}

#[test]
fn many_leave_at_once_and_each_has_its_answer() {
    let mut kit = Kit::stable(&["a", "b"]);
    kit.join(instance("one", "s"));
    kit.join(instance("two", "t"));
    let answers = kit.leave(&[
        ("a", None),
        ("ghost", None),
        ("", Some("one")),
        ("", Some("none")),
        ("", None),
        ("s", Some("two")),
        ("t", Some("two")),
    ]);
    let unknown = Err(GroupRefusal::UnknownMember);
    let fenced = Err(GroupRefusal::FencedInstance);
    assert_eq!(answers, [Ok(()), unknown.clone(), Ok(()), unknown.clone(), unknown, fenced, Ok(())]);
    assert_eq!(kit.ids(), ["b".into()]);
}

#[test]
fn when_the_leader_leaves_another_leads() {
    let mut kit = Kit::stable(&["b", "c", "a"]);
    kit.leave(&[("b", None)]);
    let (a, c) = (kit.join(known("a")), kit.join(known("c")));
    assert_eq!((&*kit.member(a).leader, kit.member(c).members.len()), ("c", 2), "whoever came first");
}

#[test]
fn the_last_one_to_leave_a_rebalance_completes_it() {
    let mut kit = Kit::stable(&["a", "b"]);
    let a = kit.join(known("a"));
    assert_eq!(kit.joined(a), None);
    kit.leave(&[("b", None)]);
    assert_eq!(kit.member(a).members.len(), 1);
}

#[test]
fn what_a_leaving_member_waits_for_is_answered() {
    let mut kit = Kit::stable(&["a", "b"]);
    let a = kit.join(known("a"));
    kit.leave(&[("a", None)]);
    assert_eq!(kit.joined(a), Some(&Err(GroupRefusal::UnknownMember)));
    let mut kit = Kit::stable(&["a", "b"]);
    kit.join(known("a"));
    kit.join(known("b"));
    let b = kit.sync("b", vec![]);
    kit.leave(&[("b", None)]);
    assert_eq!(kit.synced(b), Some(&Err(GroupRefusal::UnknownMember)));
}

#[test]
fn an_id_that_was_given_out_can_be_given_back() {
    let mut kit = Kit::stable(&["a"]);
    kit.join(JoinRequest { require_known_member: true, ..stranger("b") });
    assert_eq!(kit.leave(&[("b", None)]), [Ok(())]);
    assert_eq!(kit.group.state(), GroupState::Stable, "nobody is disturbed");
    kit.join(JoinRequest { require_known_member: true, ..stranger("c") });
    let a = kit.join(known("a"));
    assert_eq!(kit.joined(a), None, "the other id is missing");
    assert_eq!(kit.leave(&[("c", None)]), [Ok(())]);
    assert_eq!(kit.member(a).members.len(), 1);
}

#[test]
fn a_group_is_deleted_only_when_nobody_is_in_it() {
    let mut kit = Kit::stable(&["a"]);
    let delete = |kit: &mut Kit| {
        let mut answer = Ok(());
        kit.effects(|group, now, effects| answer = group.delete(now, effects));
        answer
    };
    assert_eq!(delete(&mut kit), Err(GroupRefusal::NotEmpty));
    kit.commit(identity("a", 1), 0, 5).expect("a member");
    kit.leave(&[("a", None)]);
    assert_eq!(delete(&mut kit), Ok(()));
    assert_eq!((kit.group.state(), kit.group.offsets().len()), (GroupState::Dead, 0));
    assert_eq!(delete(&mut kit), Err(GroupRefusal::NotFound));
    assert_eq!(delete(&mut Kit::new()), Err(GroupRefusal::NotFound), "there was none");
}

#[test]
fn a_dead_group_sends_everybody_to_look_it_up_anew() {
    let mut kit = Kit::stable(&["a"]);
    kit.leave(&[("a", None)]);
    kit.effects(|group, now, effects| group.delete(now, effects).expect("an empty group"));
    let (b, a) = (kit.join(stranger("b")), kit.join(known("a")));
    assert_eq!((kit.joined(b), kit.joined(a)), (Some(&Err(GroupRefusal::Dead)), Some(&Err(GroupRefusal::Dead))));
    let sync = kit.sync("a", vec![]);
    assert_eq!(kit.synced(sync), Some(&Err(GroupRefusal::Dead)));
    assert_eq!(kit.heartbeat("a"), Err(GroupRefusal::Dead));
    assert_eq!(kit.commit(OUTSIDE, 0, 1), Err(GroupRefusal::Dead));
    let (now, mut effects) = (kit.now, Vec::new());
    let leaver = Leaver { member_id: "a", instance_id: None };
    assert_eq!(kit.group.leave(&[leaver], now, &mut effects), Err(GroupRefusal::Dead));
    assert_eq!(kit.group.delete_offsets(&[], now, &mut effects), Err(GroupRefusal::NotFound));
}
