//! FindCoordinator (10), JoinGroup (11), SyncGroup (14), Heartbeat (12), LeaveGroup (13): membership of groups.

crate::codec::table::messages! { 'a;
    /// Asks who coordinates groups (key type 0), transactions (1) or share groups (2).
    FindCoordinatorRequest<'a> {
        key: &'a str [0..=3],
        key_type: i8 [1..],
        coordinator_keys: Vec<&'a str> [4..],
    }

    /// Where the coordinators are.
    FindCoordinatorResponse<'a> {
        throttle_time_ms: i32 [1..],
        error_code: i16 [0..=3],
        error_message: Option<&'a str> [1..=3],
        node_id: i32 [0..=3],
        host: &'a str [0..=3],
        port: i32 [0..=3],
        coordinators: Vec<Coordinator<'a>> [4..],
    }

    /// Who coordinates one of the keys asked for.
    Coordinator<'a> {
        key: &'a str [4..],
        node_id: i32 [4..],
        host: &'a str [4..],
        port: i32 [4..],
        error_code: i16 [4..],
        error_message: Option<&'a str> [4..],
    }

    /// Joins a group of the classic kind.
    JoinGroupRequest<'a> {
        group_id: &'a str [0..],
        session_timeout_ms: i32 [0..],
        rebalance_timeout_ms: i32 [1..] = -1,
        member_id: &'a str [0..],
        group_instance_id: Option<&'a str> [5..],
        protocol_type: &'a str [0..],
        protocols: Vec<JoinGroupRequestProtocol<'a>> [0..],
        reason: Option<&'a str> [8..],
    }

    /// A protocol the member supports, with its own bytes for it.
    JoinGroupRequestProtocol<'a> {
        name: &'a str [0..],
        metadata: &'a [u8] [0..],
    }

    /// The generation joined; the leader gets all members.
    JoinGroupResponse<'a> {
        throttle_time_ms: i32 [2..],
        error_code: i16 [0..],
        generation_id: i32 [0..] = -1,
        protocol_type: Option<&'a str> [7..],
        protocol_name: Option<&'a str> [0..] null [7..],
        leader: &'a str [0..],
        skip_assignment: bool [9..],
        member_id: &'a str [0..],
        members: Vec<JoinGroupResponseMember<'a>> [0..],
    }

    /// A member, for the leader to assign.
    JoinGroupResponseMember<'a> {
        member_id: &'a str [0..],
        group_instance_id: Option<&'a str> [5..],
        metadata: &'a [u8] [0..],
    }

    /// Waits for the assignment; the leader brings it.
    SyncGroupRequest<'a> {
        group_id: &'a str [0..],
        generation_id: i32 [0..],
        member_id: &'a str [0..],
        group_instance_id: Option<&'a str> [3..],
        protocol_type: Option<&'a str> [5..],
        protocol_name: Option<&'a str> [5..],
        assignments: Vec<SyncGroupRequestAssignment<'a>> [0..],
    }

    /// What one member shall do, in the members' own bytes.
    SyncGroupRequestAssignment<'a> {
        member_id: &'a str [0..],
        assignment: &'a [u8] [0..],
    }

    /// The member's assignment.
    SyncGroupResponse<'a> {
        throttle_time_ms: i32 [1..],
        error_code: i16 [0..],
        protocol_type: Option<&'a str> [5..],
        protocol_name: Option<&'a str> [5..],
        assignment: &'a [u8] [0..],
    }

    /// Says that a member lives.
    HeartbeatRequest<'a> {
        group_id: &'a str [0..],
        generation_id: i32 [0..],
        member_id: &'a str [0..],
        group_instance_id: Option<&'a str> [3..],
    }

    /// Says whether the member may go on or has to join again.
    HeartbeatResponse {
        throttle_time_ms: i32 [1..],
        error_code: i16 [0..],
    }

    /// Leaves a group; from version 3 on for several members.
    LeaveGroupRequest<'a> {
        group_id: &'a str [0..],
        member_id: &'a str [0..=2],
        members: Vec<MemberIdentity<'a>> [3..],
    }

    /// A member that leaves, by its id or its instance id.
    MemberIdentity<'a> {
        member_id: &'a str [3..],
        group_instance_id: Option<&'a str> [3..],
        reason: Option<&'a str> [5..],
    }

    /// How each leave went.
    LeaveGroupResponse<'a> {
        throttle_time_ms: i32 [1..],
        error_code: i16 [0..],
        members: Vec<MemberResponse<'a>> [3..],
    }

    /// How it went for one member.
    MemberResponse<'a> {
        member_id: &'a str [3..],
        group_instance_id: Option<&'a str> [3..],
        error_code: i16 [3..],
    }
}
