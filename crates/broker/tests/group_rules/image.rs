//! Images and records: what was appended brings the group back, what is damaged brings nothing.

use super::kit::*;
use narumq_broker::group::*;
use narumq_model::{ObjectId, Time};
use std::sync::Arc;

fn restore(image: &[u8], now: Time) -> Option<Group> {
    Group::restore(Some(image), Offsets::default(), Arc::new(GroupSettings::default()), now)
}

/// The kit goes on with what its last image and its offsets bring back.
fn restart(kit: &mut Kit) {
    let mut offsets = Offsets::default();
    kit.group.offsets().records(100).iter().for_each(|record| {
        offsets.apply(&CommitRecord::decode(&record.encode()).expect("a record"));
    });
    let settings = Arc::new(GroupSettings::default());
    let image = kit.group.image().cloned();
    kit.group = Group::restore(image.as_deref(), offsets, settings, kit.now).expect("an image");
}

#[test]
fn a_stable_group_goes_on_in_its_generation() {
    let mut kit = Kit::stable(&["b", "a"]);
    kit.commit(identity("a", 2), 0, 5).expect("a member");
    let (before, offsets) = (kit.group.describe(), kit.group.offsets().clone());
    kit.now = kit.now.plus(1_000_000);
    restart(&mut kit);
    assert_eq!((kit.group.describe(), kit.group.offsets()), (before, &offsets));
    assert_eq!((kit.heartbeat("a"), kit.heartbeat("b")), (Ok(()), Ok(())));
    assert_eq!(kit.commit(identity("b", 2), 1, 6), Ok(()));
    let sync = kit.sync("a", vec![]);
    assert_eq!(kit.part(sync), b"part of a");
    kit.pass(u64::from(SESSION) - 1);
    assert_eq!(kit.group.member_count(), 2, "each has a whole session to be heard");
    kit.pass(1);
    assert_eq!(kit.group.state(), GroupState::Empty);
}

#[test]
fn a_rebalance_is_forgotten_by_a_restart() {
    let mut kit = Kit::stable(&["a", "b"]);
    let before = kit.group.describe();
    kit.join(stranger("c"));
    let mut changed = known("a");
    changed.protocols[0].metadata = "other".into();
    kit.join(changed);
    kit.leave(&[("b", None)]);
    assert_ne!(kit.group.describe().generation, before.generation);
    restart(&mut kit);
    assert_eq!(kit.group.describe(), before);
    assert_eq!(kit.heartbeat_as(identity("a", 3)), Err(GroupRefusal::IllegalGeneration), "it joins again");
}

#[test]
fn an_empty_group_comes_back_empty_and_its_offsets_age() {
    let mut kit = Kit::stable(&["a"]);
    kit.commit(identity("a", 1), 0, 5).expect("a member");
    kit.leave(&[("a", None)]);
    let gone = kit.now;
    kit.now = kit.now.plus(604_800_000 - 1);
    restart(&mut kit);
    assert_eq!((kit.group.state(), kit.group.generation()), (GroupState::Empty, 2));
    assert_eq!(kit.group.expire_offsets(kit.now, |_| None), Expired::default());
    assert!(kit.group.expire_offsets(gone.plus(604_800_000), |_| None).dropped, "it counts from before the restart");
}

#[test]
fn a_group_of_offsets_only_comes_back_without_an_image() {
    let mut kit = Kit::new();
    kit.commit(OUTSIDE, 3, 30).expect("an empty group");
    assert_eq!(kit.group.image(), None);
    restart(&mut kit);
    assert_eq!((kit.offset(3), kit.group.state(), kit.group.protocol_type()), (Some(30), GroupState::Empty, None));
}

#[test]
fn a_static_member_is_fenced_after_a_restart_too() {
    let mut kit = Kit::new();
    kit.join(instance("one", "s1"));
    kit.sync_all(&["s1"]);
    kit.join(instance("one", "s2"));
    restart(&mut kit);
    let old = Identity { member_id: "s1", instance_id: Some("one"), generation: 1 };
    assert_eq!(kit.heartbeat_as(old), Err(GroupRefusal::FencedInstance));
    assert_eq!(kit.heartbeat_as(Identity { member_id: "s2", ..old }), Ok(()));
}

#[test]
fn a_group_that_is_too_large_after_a_restart_rebalances() {
    let kit = Kit::stable(&["a", "b", "c"]);
    let settings = Arc::new(GroupSettings { members_max: 2, ..Default::default() });
    let image = kit.group.image().map(|image| &image[..]);
    let group = Group::restore(image, Offsets::default(), settings, kit.now).expect("an image");
    assert_eq!((group.state(), group.member_count()), (GroupState::PreparingRebalance, 3));
    assert!(group.next_deadline().is_some());
}

#[test]
fn the_subscription_survives() {
    let mut kit = Kit::stable(&["a"]);
    kit.commit(identity("a", 1), 0, 5).expect("a member");
    restart(&mut kit);
    let wanted = ["clicks", "views"].map(|name| OffsetDelete { topic: CLICKS, name, partition: 0 });
    let mut effects = Vec::new();
    let deleted = kit.group.delete_offsets(&wanted, kit.now, &mut effects).expect("an answer");
    assert_eq!(deleted.answers, [Err(GroupRefusal::SubscribedToTopic), Ok(())]);
}

/// An image with all that there is in it.
fn rich() -> Kit {
    let mut kit = Kit::new();
    kit.join(JoinRequest { protocols: offer(&["x", "y"]), topics: None, ..stranger("a") });
    kit.join(JoinRequest { protocols: offer(&["y", "x"]), ..instance("one", "s1") });
    kit.join(JoinRequest { protocols: offer(&["x", "y"]), topics: None, ..known("a") });
    kit.sync_all(&["a", "s1"]);
    kit
}

#[test]
fn a_cut_image_is_refused() {
    let kit = rich();
    let image = kit.group.image().expect("an image");
    let back = restore(image, kit.now).expect("a group");
    assert_eq!(back.describe(), kit.group.describe());
    for cut in 0..image.len() {
        assert!(restore(&image[..cut], kit.now).is_none(), "cut at {cut}");
    }
    assert!(restore(&[&image[..], &[0]].concat(), kit.now).is_none(), "more than an image");
}

#[test]
fn an_image_of_a_type_or_version_to_come_is_refused() {
    let kit = rich();
    for (place, byte) in [(0, 0), (0, 2), (1, 1), (1, 2)] {
        let mut image = kit.group.image().expect("an image").to_vec();
        image[place] = byte;
        assert!(restore(&image, kit.now).is_none());
    }
}

#[test]
fn an_image_that_contradicts_itself_is_refused() {
    let kit = rich();
    let image = kit.group.image().expect("an image");
    let find = |what: &[u8]| image.windows(what.len()).position(|w| w == what).expect("a part of the image");
    let with = |place: usize, byte: u8| {
        let mut image = image.to_vec();
        image[place] = byte;
        restore(&image, kit.now)
    };
    let protocol = find(b"\x01\x01x") + 2;
    assert!(with(protocol, b'q').is_none(), "nobody supports it");
    assert!(with(protocol, b'y').is_some());
    assert!(with(image.len() - 1, 2).is_none(), "the leader is no member");
    assert!(with(image.len() - 1, 1).is_some());
}

#[test]
fn a_damaged_image_brings_nothing_or_a_sound_group() {
    let kit = rich();
    let image = kit.group.image().expect("an image");
    let mut restored = 0;
    for place in 0..image.len() {
        for byte in 0..=u8::MAX {
            let mut damaged = image.to_vec();
            damaged[place] = byte;
            let Some(mut group) = restore(&damaged, kit.now) else { continue };
            restored += 1;
            let shown = group.describe();
            assert_eq!(shown.state, GroupState::Stable);
            assert!(shown.members.iter().any(|m| Some(&m.member_id) == shown.leader.as_ref()));
            let mut effects = Vec::new();
            group.advance(kit.now.plus(u64::from(u32::MAX)), &mut effects);
            assert_eq!(group.member_count(), 0);
        }
    }
    assert!(restored > image.len(), "texts may be anything");
}

#[test]
fn a_damaged_record_brings_nothing_or_another_record() {
    let to = |offset, note: &str, at| CommittedOffset {
        offset,
        leader_epoch: 7,
        metadata: note.into(),
        committed_at: Time(at),
        expires_at: Some(Time(9)),
    };
    let changes = vec![
        OffsetChange { topic: ObjectId(u64::MAX), partition: u32::MAX, to: Some(to(i64::MIN, "나루", u64::MAX)) },
        OffsetChange { topic: ObjectId(1), partition: 0, to: None },
        OffsetChange { topic: ObjectId(1), partition: 1, to: Some(to(i64::MAX, "", 0)) },
        OffsetChange {
            topic: ObjectId(2),
            partition: 1,
            to: Some(CommittedOffset { leader_epoch: -1, expires_at: None, ..to(-1, "", 3) }),
        },
    ];
    let record = CommitRecord { changes };
    let bytes = record.encode();
    assert_eq!(CommitRecord::decode(&bytes), Some(record));
    for cut in 0..bytes.len() {
        assert_eq!(CommitRecord::decode(&bytes[..cut]), None, "cut at {cut}");
    }
    let mut seen = 0;
    for place in 0..bytes.len() {
        for byte in 0..=u8::MAX {
            let mut damaged = bytes.clone();
            damaged[place] = byte;
            if let Some(other) = CommitRecord::decode(&damaged) {
                assert_eq!(CommitRecord::decode(&other.encode()), Some(other));
                seen += 1;
            }
        }
    }
    assert!(seen > 0);
    assert_eq!(CommitRecord::decode(&[1, 0, 0, 1, 1, 7, 0]).map(|r| r.changes.len()), Some(1));
    for (what, head) in [("flag", [1, 0, 0, 1, 0x10]), ("version", [2, 0, 0, 1, 1]), ("kind", [1, 1, 0, 1, 1])] {
        assert_eq!(CommitRecord::decode(&[&head[..], &[7, 0, 2, 2]].concat()), None, "{what}");
        assert_eq!(CommitRecord::decode(&[&head[..], &[7, 0]].concat()), None, "{what}");
    }
    assert_eq!(CommitRecord::decode(&[1, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1]), None);
}
