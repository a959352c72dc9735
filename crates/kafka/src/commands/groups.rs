//! Groups as their members see them: join, sync, heartbeat, leave.

use crate::codec::ErrorCode;
use crate::codec::messages::groups::{
    HeartbeatRequest, HeartbeatResponse, JoinGroupRequest, JoinGroupResponse, JoinGroupResponseMember,
    LeaveGroupRequest, LeaveGroupResponse, MemberResponse, SyncGroupRequest, SyncGroupResponse,
};
use crate::error;
use crate::link::{Call, Link, answer, hold};
use bytes::Bytes;
use narumq_broker::GroupAnswer;
use narumq_broker::group::{
    CONSUMER, Caller, GroupRefusal, Identity, JoinRequest, Joined, Leaver, Protocol, SyncRequest, check_group_id,
};
use narumq_door::Context;
use narumq_model::{Lsn, Name};

/// A request whose answer the group gives, perhaps later.
#[derive(Debug)]
pub(crate) struct Waiting {
    call: Call,
    request: u64,
    /// The id that the member came with.
    member: String,
}

impl Waiting {
    fn new(link: &mut Link, call: Call, member: &str) -> (Self, Caller) {
        let request = link.next_request();
        let caller = Caller { session: link.info.id, request };
        (Self { call, request, member: member.to_owned() }, caller)
    }

    /// Answers if this is the answer that it waits for, else gives itself back.
    pub(crate) fn answered(self, request: u64, told: &GroupAnswer, after: Lsn, cx: &mut Context<'_>) -> Option<Self> {
        if request != self.request {
            return Some(self);
        }
        match told {
            GroupAnswer::Joined(Ok(joined)) => {
                hold(after, cx);
                joined_group(self.call, joined, cx);
            }
            GroupAnswer::Joined(Err(refusal)) => refuse_join(self.call, refusal, &self.member, cx),
            GroupAnswer::Synced(Ok(synced)) => {
                hold(after, cx);
                let response = SyncGroupResponse {
                    protocol_type: Some(&synced.protocol_type),
                    protocol_name: Some(&synced.protocol),
                    assignment: &synced.assignment,
                    ..Default::default()
                };
                answer(self.call, &response, cx);
            }
            GroupAnswer::Synced(Err(refusal)) => refuse_sync(self.call, refusal, cx),
        }
        None
    }
}

fn joined_group(call: Call, joined: &Joined, cx: &mut Context<'_>) {
    let members = joined.members.iter().map(|member| JoinGroupResponseMember {
        member_id: &member.member_id,
        group_instance_id: member.instance_id.as_deref(),
        metadata: &member.metadata,
    });
    let response = JoinGroupResponse {
        generation_id: joined.generation,
        protocol_type: Some(&joined.protocol_type),
        protocol_name: Some(&joined.protocol),
        leader: &joined.leader,
        skip_assignment: joined.skip_assignment,
        member_id: &joined.member_id,
        members: members.collect(),
        ..Default::default()
    };
    answer(call, &response, cx);
}

fn refuse_join(call: Call, refusal: &GroupRefusal, member: &str, cx: &mut Context<'_>) {
    let member_id = match refusal {
        GroupRefusal::MemberIdRequired(id) => id,
        _ => member,
    };
    let error_code = error::group(refusal).code();
    // What has no null before version 7 has an empty text there.
    let protocol_name = (call.version < 7).then_some("");
    answer(call, &JoinGroupResponse { error_code, member_id, protocol_name, ..Default::default() }, cx);
}

fn refuse_sync(call: Call, refusal: &GroupRefusal, cx: &mut Context<'_>) {
    answer(call, &SyncGroupResponse { error_code: error::group(refusal).code(), ..Default::default() }, cx);
}

/// `JoinGroup`
pub(super) fn join(
    link: &mut Link,
    request: &JoinGroupRequest<'_>,
    call: Call,
    client: Option<&str>,
    cx: &mut Context<'_>,
) -> Option<Waiting> {
    let vhost = link.vhost.clone()?;
    let name = |text: &str| Name::from(text);
    if let Err(refusal) = check_group_id(request.group_id) {
        refuse_join(call, &refusal, request.member_id, cx);
        return None;
    }
    let Ok(session) = u32::try_from(request.session_timeout_ms) else {
        refuse_join(call, &GroupRefusal::InvalidSessionTimeout, request.member_id, cx);
        return None;
    };
    let client = client.unwrap_or_default();
    let join = JoinRequest {
        member_id: name(request.member_id),
        instance_id: request.group_instance_id.map(name),
        fresh_id: format!("{client}-{}", uuid(link.unique())).as_str().into(),
        require_known_member: call.version >= 4,
        skip_assignment: call.version >= 9,
        client_id: name(client),
        client_host: format!("/{}", link.info.peer.ip().to_canonical()).as_str().into(),
        session_timeout_ms: session,
        // Version 0 does not say it: the session's is meant.
        rebalance_timeout_ms: u32::try_from(request.rebalance_timeout_ms).unwrap_or(session),
        protocol_type: name(request.protocol_type),
        topics: topics(request),
        protocols: request
            .protocols
            .iter()
            .map(|p| Protocol { name: name(p.name), metadata: Bytes::copy_from_slice(p.metadata) })
            .collect(),
    };
    let (waiting, caller) = Waiting::new(link, call, request.member_id);
    cx.broker.join_group((&vhost, request.group_id), join, caller, cx.turn);
    Some(waiting)
}

/// 128 bits as ids are written.
fn uuid(bits: u128) -> String {
    let hex = format!("{bits:032x}");
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}

/// The topics that a consumer subscribes to: `i16 version | i32 count, (i16 length, name) each | …` in all its protocols.
fn topics(request: &JoinGroupRequest<'_>) -> Option<Vec<Name>> {
    if request.protocol_type != CONSUMER {
        return None;
    }
    let mut topics: Vec<Name> = Vec::new();
    for protocol in &request.protocols {
        let mut rest = protocol.metadata.get(2..)?;
        let (count, behind) = rest.split_first_chunk::<4>()?;
        rest = behind;
        for _ in 0..i32::from_be_bytes(*count) {
            let (len, behind) = rest.split_first_chunk::<2>()?;
            let (name, behind) = behind.split_at_checked(usize::try_from(i16::from_be_bytes(*len)).ok()?)?;
            topics.push(std::str::from_utf8(name).ok()?.into());
            rest = behind;
        }
    }
    topics.sort_unstable();
    topics.dedup();
    Some(topics)
}

/// `SyncGroup`
pub(super) fn sync(
    link: &mut Link,
    request: &SyncGroupRequest<'_>,
    call: Call,
    cx: &mut Context<'_>,
) -> Option<Waiting> {
    let vhost = link.vhost.clone()?;
    if let Err(refusal) = check_group_id(request.group_id) {
        refuse_sync(call, &refusal, cx);
        return None;
    }
    let sync = SyncRequest {
        identity: Identity {
            member_id: request.member_id,
            instance_id: request.group_instance_id,
            generation: request.generation_id,
        },
        protocol_type: request.protocol_type,
        protocol: request.protocol_name,
        assignments: request.assignments.iter().map(|a| (a.member_id, Bytes::copy_from_slice(a.assignment))).collect(),
    };
    let (waiting, caller) = Waiting::new(link, call, request.member_id);
    cx.broker.sync_group((&vhost, request.group_id), sync, caller, cx.turn);
    Some(waiting)
}

/// `Heartbeat`
pub(super) fn heartbeat(link: &Link, request: &HeartbeatRequest<'_>, call: Call, cx: &mut Context<'_>) {
    let Some(vhost) = &link.vhost else { return };
    let identity = Identity {
        member_id: request.member_id,
        instance_id: request.group_instance_id,
        generation: request.generation_id,
    };
    let alive = check_group_id(request.group_id)
        .and_then(|()| cx.broker.heartbeat_group((vhost, request.group_id), &identity, cx.turn));
    let error_code = error::of_group(&alive).code();
    answer(call, &HeartbeatResponse { error_code, ..Default::default() }, cx);
}

/// `LeaveGroup`
pub(super) fn leave(link: &Link, request: &LeaveGroupRequest<'_>, call: Call, cx: &mut Context<'_>) {
    let Some(vhost) = &link.vhost else { return };
    let single = [Leaver { member_id: request.member_id, instance_id: None }];
    let many: Vec<Leaver<'_>> = request
        .members
        .iter()
        .map(|member| Leaver { member_id: member.member_id, instance_id: member.group_instance_id })
        .collect();
    let leavers = if call.version < 3 { &single[..] } else { &many };
    let left = check_group_id(request.group_id)
        .and_then(|()| cx.broker.leave_group((vhost, request.group_id), leavers, cx.turn));
    let mut response = LeaveGroupResponse::default();
    match left {
        Err(refusal) if call.version < 3 || refusal != GroupRefusal::UnknownMember => {
            response.error_code = error::group(&refusal).code();
        }
        // Without the group none of them is known.
        Err(refusal) => response.members = leavers.iter().map(|l| member(l, error::group(&refusal))).collect(),
        Ok((left, last)) => {
            if call.version < 3 {
                response.error_code = left.first().map_or(ErrorCode::None, error::of_group).code();
            } else {
                response.members =
                    leavers.iter().zip(&left).map(|(l, left)| member(l, error::of_group(left))).collect();
            }
            hold(last, cx);
        }
    }
    answer(call, &response, cx);
}

fn member<'a>(leaver: &Leaver<'a>, code: ErrorCode) -> MemberResponse<'a> {
    MemberResponse { member_id: leaver.member_id, group_instance_id: leaver.instance_id, error_code: code.code() }
}
