//! Groups as operators see them: describe, list, delete.

use crate::codec::ErrorCode;
use crate::codec::messages::group_admin::{
    DeletableGroupResult, DeleteGroupsRequest, DeleteGroupsResponse, DescribeGroupsRequest, DescribeGroupsResponse,
    DescribedGroup, DescribedGroupMember, ListGroupsRequest, ListGroupsResponse, ListedGroup,
};
use crate::error;
use crate::link::{Call, Link, answer, hold};
use narumq_broker::group::{GroupSnapshot, GroupState};
use narumq_door::Context;
use narumq_model::Lsn;

/// The name of a state.
fn state_of(state: GroupState) -> &'static str {
    match state {
        GroupState::Empty => "Empty",
        GroupState::PreparingRebalance => "PreparingRebalance",
        GroupState::CompletingRebalance => "CompletingRebalance",
        GroupState::Stable => "Stable",
        GroupState::Dead => "Dead",
    }
}

/// The only type of group there is.
const CLASSIC: &str = "classic";

/// `DescribeGroups`
pub(super) fn describe(link: &Link, request: &DescribeGroupsRequest<'_>, call: Call, cx: &mut Context<'_>) {
    let Some(vhost) = &link.vhost else { return };
    let found: Vec<(&str, Option<GroupSnapshot>)> =
        request.groups.iter().map(|id| (*id, cx.broker.describe_group(vhost, id))).collect();
    let texts: Vec<String> = found.iter().map(|(id, _)| format!("Group {id} not found.")).collect();
    let groups = found.iter().zip(&texts).map(|((group_id, found), text)| match found {
        Some(group) => described(group_id, group),
        // Before version 6 a group that is not there is one that is dead.
        None if call.version < 6 => DescribedGroup { group_id, group_state: "Dead", ..Default::default() },
        None => DescribedGroup {
            group_id,
            error_code: ErrorCode::GroupIdNotFound.code(),
            error_message: Some(text),
            group_state: "Dead",
            ..Default::default()
        },
    });
    let response = DescribeGroupsResponse { groups: groups.collect(), ..Default::default() };
    answer(call, &response, cx);
}

fn described<'a>(group_id: &'a str, group: &'a GroupSnapshot) -> DescribedGroup<'a> {
    let members = group.members.iter().map(|member| DescribedGroupMember {
        member_id: &member.member_id,
        group_instance_id: member.instance_id.as_deref(),
        client_id: &member.client_id,
        client_host: &member.client_host,
        member_metadata: &member.metadata,
        member_assignment: &member.assignment,
    });
    DescribedGroup {
        group_id,
        group_state: state_of(group.state),
        protocol_type: group.protocol_type.as_deref().unwrap_or_default(),
        protocol_data: group.protocol.as_deref().unwrap_or_default(),
        members: members.collect(),
        ..Default::default()
    }
}

/// `ListGroups`
pub(super) fn list(link: &Link, request: &ListGroupsRequest<'_>, call: Call, cx: &mut Context<'_>) {
    let Some(vhost) = &link.vhost else { return };
    let asked =
        |filter: &[&str], value: &str| filter.is_empty() || filter.iter().any(|f| f.eq_ignore_ascii_case(value));
    let groups = cx.broker.groups(vhost);
    let listed = groups.iter().filter(|(_, group)| {
        asked(&request.states_filter, state_of(group.state)) && asked(&request.types_filter, CLASSIC)
    });
    let listed = listed.map(|(name, group)| ListedGroup {
        group_id: name,
        protocol_type: group.protocol_type.as_deref().unwrap_or_default(),
        group_state: state_of(group.state),
        group_type: CLASSIC,
    });
    answer(call, &ListGroupsResponse { groups: listed.collect(), ..Default::default() }, cx);
}

/// `DeleteGroups`
pub(super) fn delete(link: &Link, request: &DeleteGroupsRequest<'_>, call: Call, cx: &mut Context<'_>) {
    let Some(vhost) = &link.vhost else { return };
    let mut last = Lsn(0);
    let mut results = Vec::new();
    for group_id in &request.groups_names {
        let code = match cx.broker.delete_group(vhost, group_id, cx.turn) {
            Ok(lsn) => {
                last = last.max(lsn);
                ErrorCode::None
            }
            Err(refusal) => error::group(&refusal),
        };
        results.push(DeletableGroupResult { group_id, error_code: code.code() });
    }
    hold(last, cx);
    answer(call, &DeleteGroupsResponse { results, ..Default::default() }, cx);
}
