//! Groups over a disk that fails: what members are told, when, and how they go on after a crash.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod harness;

use harness::Stage;
use harness::admin::{create, fine};
use harness::faults::{cut_power, hold, kill, stage};
use harness::group::{
    JOIN, Member, SESSION, SYNC, await_joined, commit, committed, heartbeat, joined, new_id, send_join, send_sync,
    synced,
};
use narumq_kafka::codec::messages::groups::{
    JoinGroupRequest, JoinGroupRequestProtocol, LeaveGroupRequest, LeaveGroupResponse, MemberIdentity,
};
use narumq_log::disk::faulty::FaultyDisk;

const ILLEGAL_GENERATION: i16 = 22;
const UNKNOWN_MEMBER_ID: i16 = 25;
const REBALANCE_IN_PROGRESS: i16 = 27;

/// Two members, of peers 0 and 1, that have joined; the first leads.
fn two_joined() -> (FaultyDisk, Stage, Member, Member) {
    let (disk, mut stage) = stage();
    assert_eq!(create(&mut stage, "t", &[]), fine());
    stage.connect();
    let ids = [0, 1].map(|peer| new_id(&mut stage, peer));
    send_join(&mut stage, 0, &ids[0]);
    let (code, first) = joined(&stage.answer(0, JOIN));
    assert_eq!((code, first.others.len()), (0, 1));
    send_join(&mut stage, 1, &ids[1]);
    send_join(&mut stage, 0, &ids[0]);
    let [first, second] = [0, 1].map(|peer| joined(&stage.answer(peer, JOIN)));
    assert_eq!((first.0, second.0, first.1.generation), (0, 0, second.1.generation));
    assert_eq!((first.1.others.len(), second.1.others.len()), (2, 0));
    (disk, stage, first.1, second.1)
}

/// Two members at work.
fn two_at_work() -> (FaultyDisk, Stage, Member, Member) {
    let (disk, mut stage, first, second) = two_joined();
    send_sync(&mut stage, 1, &second, &[]);
    send_sync(&mut stage, 0, &first, &[(&first.id, "one"), (&second.id, "two")]);
    assert_eq!(synced(&stage.answer(0, SYNC)), (0, "one".into()));
    assert_eq!(synced(&stage.answer(1, SYNC)), (0, "two".into()));
    (disk, stage, first, second)
}

#[test]
fn nobody_gets_a_part_before_the_generation_is_durable() {
    let (disk, mut stage, first, second) = two_joined();
    let held = hold(&disk);
    send_sync(&mut stage, 1, &second, &[]);
    send_sync(&mut stage, 0, &first, &[(&first.id, "one"), (&second.id, "two")]);
    assert!(stage.heard(0, SYNC).is_none() && stage.heard(1, SYNC).is_none());
    // Neither does one that comes a little later.
    let third = stage.connect();
    send_sync(&mut stage, third, &second, &[]);
    assert!(stage.heard(third, SYNC).is_none());
    drop(held);
    assert_eq!(synced(&stage.answer(0, SYNC)), (0, "one".into()));
    for peer in [1, third] {
        assert_eq!(synced(&stage.answer(peer, SYNC)), (0, "two".into()));
    }
}

#[test]
fn members_go_on_in_their_generation_after_a_crash_and_their_sessions_begin_anew() {
    for seed in 0..6 {
        let (mut disk, mut stage, first, second) = two_at_work();
        assert_eq!(commit(&mut stage, &second, 41), 0);
        stage.pass(SESSION - 1);
        if seed % 2 == 0 {
            kill(&mut disk, &mut stage)
        } else {
            cut_power(&mut disk, &mut stage, seed)
        }
        stage.pass(SESSION - 1);
        assert_eq!((heartbeat(&mut stage, &first), heartbeat(&mut stage, &second)), (0, 0), "no rebalance");
        assert_eq!(committed(&mut stage), 41);
        assert_eq!(commit(&mut stage, &second, 42), 0, "the generation commits");
        stage.connect();
        send_sync(&mut stage, 1, &second, &[]);
        assert_eq!(synced(&stage.answer(1, SYNC)), (0, "two".into()), "the part is still its own");
        kill(&mut disk, &mut stage);
        assert_eq!(committed(&mut stage), 42);
    }
}

#[test]
fn a_generation_that_was_not_durable_is_joined_again_or_gone_on_in() {
    for seed in 0..12 {
        let (mut disk, mut stage, first, second) = two_joined();
        let held = hold(&disk);
        send_sync(&mut stage, 1, &second, &[]);
        send_sync(&mut stage, 0, &first, &[(&first.id, "one"), (&second.id, "two")]);
        cut_power(&mut disk, &mut stage, seed);
        drop(held);
        let told = [heartbeat(&mut stage, &first), heartbeat(&mut stage, &second)];
        let known = told == [0, 0] || told == [REBALANCE_IN_PROGRESS; 2];
        assert!(known || told == [UNKNOWN_MEMBER_ID; 2] || told == [ILLEGAL_GENERATION; 2], "{told:?}");
        // Whatever it was, a client that begins anew gets to work.
        stage.pass(3 * SESSION);
        let id = new_id(&mut stage, 0);
        send_join(&mut stage, 0, &id);
        let member = await_joined(&mut stage, 0);
        send_sync(&mut stage, 0, &member, &[(&id, "all")]);
        assert_eq!(synced(&stage.answer(0, SYNC)), (0, "all".into()));
        assert!(member.generation >= 1 && commit(&mut stage, &member, 5) == 0);
    }
}

#[test]
fn who_is_silent_too_long_is_dead_and_what_it_says_then_is_refused() {
    let (_disk, mut stage, first, second) = two_at_work();
    for _ in 0..4 {
        stage.pass(SESSION / 2);
        assert_eq!((heartbeat(&mut stage, &first), heartbeat(&mut stage, &second)), (0, 0));
    }
    // From now on the second one is silent.
    stage.pass(SESSION - 1);
    assert_eq!(heartbeat(&mut stage, &first), 0);
    stage.pass(2);
    assert_eq!(heartbeat(&mut stage, &first), REBALANCE_IN_PROGRESS);
    assert_eq!(heartbeat(&mut stage, &second), UNKNOWN_MEMBER_ID);
    assert_eq!(commit(&mut stage, &second, 7), UNKNOWN_MEMBER_ID);
    let peer = stage.connect();
    send_sync(&mut stage, peer, &second, &[]);
    assert_eq!(synced(&stage.answer(peer, SYNC)).0, UNKNOWN_MEMBER_ID);
    send_join(&mut stage, peer, &second.id);
    assert_eq!(joined(&stage.answer(peer, JOIN)).0, UNKNOWN_MEMBER_ID);
    assert_eq!(committed(&mut stage), -1);
}

#[test]
fn another_generation_is_refused_everywhere() {
    let (_disk, mut stage, first, _) = two_at_work();
    for generation in [first.generation - 1, first.generation + 1, i32::MAX, i32::MIN, 0] {
        let stale = Member { generation, ..first.clone() };
        assert_eq!(heartbeat(&mut stage, &stale), ILLEGAL_GENERATION);
        assert_eq!(commit(&mut stage, &stale, 7), ILLEGAL_GENERATION);
        let peer = stage.connect();
        send_sync(&mut stage, peer, &stale, &[]);
        assert_eq!(synced(&stage.answer(peer, SYNC)).0, ILLEGAL_GENERATION);
    }
    let stranger = Member { id: "stranger".into(), ..first.clone() };
    assert_eq!(
        (heartbeat(&mut stage, &stranger), commit(&mut stage, &stranger, 7)),
        (UNKNOWN_MEMBER_ID, UNKNOWN_MEMBER_ID)
    );
    assert_eq!((heartbeat(&mut stage, &first), commit(&mut stage, &first, 8), committed(&mut stage)), (0, 0, 8));
}

#[test]
fn who_has_left_is_not_in_the_group() {
    let (mut disk, mut stage, first, second) = two_at_work();
    let members = vec![MemberIdentity { member_id: &second.id, ..Default::default() }];
    let answer = stage.call(5, &LeaveGroupRequest { group_id: "g", members, ..Default::default() });
    assert_eq!(answer.read::<LeaveGroupResponse<'_>>().members[0].error_code, 0);
    assert_eq!(
        (heartbeat(&mut stage, &second), commit(&mut stage, &second, 1)),
        (UNKNOWN_MEMBER_ID, UNKNOWN_MEMBER_ID)
    );
    assert_eq!(heartbeat(&mut stage, &first), REBALANCE_IN_PROGRESS);
    kill(&mut disk, &mut stage);
    let told = heartbeat(&mut stage, &first);
    assert!([0, REBALANCE_IN_PROGRESS].contains(&told), "{told}");
}

#[test]
fn the_longest_wait_for_a_rebalance_may_be_asked_for() {
    let (_disk, mut stage) = stage();
    let protocols = vec![JoinGroupRequestProtocol { name: "range", metadata: &[] }];
    let request = JoinGroupRequest {
        group_id: "g",
        session_timeout_ms: SESSION as i32,
        rebalance_timeout_ms: i32::MAX,
        protocol_type: "consumer",
        protocols,
        ..Default::default()
    };
    let answer = stage.call(3, &request);
    assert_eq!(joined(&answer).0, 0);
}
