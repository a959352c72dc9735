//! Members of groups, through requests.

use super::{Answer, Stage};
use narumq_kafka::codec::messages::commits::{
    OffsetCommitRequest, OffsetCommitRequestPartition, OffsetCommitRequestTopic, OffsetCommitResponse,
    OffsetFetchRequest, OffsetFetchRequestTopic, OffsetFetchResponse,
};
use narumq_kafka::codec::messages::groups::{
    HeartbeatRequest, HeartbeatResponse, JoinGroupRequest, JoinGroupRequestProtocol, JoinGroupResponse,
    SyncGroupRequest, SyncGroupRequestAssignment, SyncGroupResponse,
};

pub const JOIN: i16 = 9;
pub const SYNC: i16 = 5;
const HEARTBEAT: i16 = 4;
const COMMIT: i16 = 9;
const OFFSET_FETCH: i16 = 7;

/// Silence after which a member is dead, in milliseconds.
pub const SESSION: u64 = 10_000;

/// A member of group `g`.
#[derive(Clone, Debug)]
pub struct Member {
    pub id: String,
    pub generation: i32,
    /// Ids of all, if it leads.
    pub others: Vec<String>,
}

/// A member asks to join, with the id that it has.
pub fn send_join(stage: &mut Stage, peer: usize, member_id: &str) {
    let protocols = vec![JoinGroupRequestProtocol { name: "range", metadata: &[0, 0, 0, 0, 0, 0] }];
    let request = JoinGroupRequest {
        group_id: "g",
        session_timeout_ms: SESSION as i32,
        rebalance_timeout_ms: 2 * SESSION as i32,
        member_id,
        protocol_type: "consumer",
        protocols,
        ..Default::default()
    };
    stage.send(peer, JOIN, &request);
}

/// The code in the answer to a join, and what has become of the member.
pub fn joined(answer: &Answer) -> (i16, Member) {
    let response: JoinGroupResponse<'_> = answer.read();
    let others = response.members.iter().map(|member| member.member_id.to_owned()).collect();
    let member = Member { id: response.member_id.to_owned(), generation: response.generation_id, others };
    (response.error_code, member)
}

/// The id that a newcomer gets.
pub fn new_id(stage: &mut Stage, peer: usize) -> String {
    send_join(stage, peer, "");
    let (code, member) = joined(&stage.answer(peer, JOIN));
    assert_eq!(code, 79, "a member joins with an id");
    member.id
}

/// What has become of a member that asked to join, however long it takes.
pub fn await_joined(stage: &mut Stage, peer: usize) -> Member {
    loop {
        stage.sync();
        if let Some(answer) = stage.heard(peer, JOIN) {
            let (code, member) = joined(&answer);
            assert_eq!(code, 0);
            return member;
        }
        stage.pass(SESSION);
    }
}

/// A member asks for its part; `parts` come from the leader.
pub fn send_sync(stage: &mut Stage, peer: usize, member: &Member, parts: &[(&str, &str)]) {
    let assignments =
        parts.iter().map(|(id, part)| SyncGroupRequestAssignment { member_id: id, assignment: part.as_bytes() });
    let request = SyncGroupRequest {
        group_id: "g",
        generation_id: member.generation,
        member_id: &member.id,
        protocol_type: Some("consumer"),
        protocol_name: Some("range"),
        assignments: assignments.collect(),
        ..Default::default()
    };
    stage.send(peer, SYNC, &request);
}

/// Code and part in the answer.
pub fn synced(answer: &Answer) -> (i16, String) {
    let response: SyncGroupResponse<'_> = answer.read();
    (response.error_code, String::from_utf8(response.assignment.to_vec()).unwrap())
}

/// What a member is told that says it lives.
pub fn heartbeat(stage: &mut Stage, member: &Member) -> i16 {
    let request = HeartbeatRequest {
        group_id: "g",
        generation_id: member.generation,
        member_id: &member.id,
        ..Default::default()
    };
    let answer = stage.call(HEARTBEAT, &request);
    answer.read::<HeartbeatResponse>().error_code
}

/// What a member is told that commits an offset of partition 0 of `t`.
pub fn commit(stage: &mut Stage, member: &Member, offset: i64) -> i16 {
    let partition = OffsetCommitRequestPartition { committed_offset: offset, ..Default::default() };
    let topics = vec![OffsetCommitRequestTopic { name: "t", partitions: vec![partition], ..Default::default() }];
    let request = OffsetCommitRequest {
        group_id: "g",
        generation_id_or_member_epoch: member.generation,
        member_id: &member.id,
        topics,
        ..Default::default()
    };
    let answer = stage.call(COMMIT, &request);
    answer.read::<OffsetCommitResponse<'_>>().topics[0].partitions[0].error_code
}

/// What the group has committed of partition 0 of `t`.
pub fn committed(stage: &mut Stage) -> i64 {
    let topics = Some(vec![OffsetFetchRequestTopic { name: "t", partition_indexes: vec![0] }]);
    let answer = stage.call(OFFSET_FETCH, &OffsetFetchRequest { group_id: "g", topics, ..Default::default() });
    answer.read::<OffsetFetchResponse<'_>>().topics[0].partitions[0].committed_offset
}
