//! DescribeGroups (15), ListGroups (16) and DeleteGroups (42): groups as tools see them.

crate::codec::table::messages! { 'a;
    /// Asks for groups of the classic kind in detail.
    DescribeGroupsRequest<'a> {
        groups: Vec<&'a str> [0..],
        include_authorized_operations: bool [3..],
    }

    /// The groups asked for.
    DescribeGroupsResponse<'a> {
        throttle_time_ms: i32 [1..],
        groups: Vec<DescribedGroup<'a>> [0..],
    }

    /// One group.
    DescribedGroup<'a> {
        error_code: i16 [0..],
        error_message: Option<&'a str> [6..],
        group_id: &'a str [0..],
        group_state: &'a str [0..],
        protocol_type: &'a str [0..],
        protocol_data: &'a str [0..],
        members: Vec<DescribedGroupMember<'a>> [0..],
        authorized_operations: i32 [3..] = i32::MIN,
    }

    /// One member of it; metadata and assignment are the members' own bytes.
    DescribedGroupMember<'a> {
        member_id: &'a str [0..],
        group_instance_id: Option<&'a str> [4..],
        client_id: &'a str [0..],
        client_host: &'a str [0..],
        member_metadata: &'a [u8] [0..],
        member_assignment: &'a [u8] [0..],
    }

    /// Asks for all groups, or those in some states or of some types.
    ListGroupsRequest<'a> {
        states_filter: Vec<&'a str> [4..],
        types_filter: Vec<&'a str> [5..],
    }

    /// The groups.
    ListGroupsResponse<'a> {
        throttle_time_ms: i32 [1..],
        error_code: i16 [0..],
        groups: Vec<ListedGroup<'a>> [0..],
    }

    /// One group.
    ListedGroup<'a> {
        group_id: &'a str [0..],
        protocol_type: &'a str [0..],
        group_state: &'a str [4..],
        group_type: &'a str [5..],
    }

    /// Deletes empty groups.
    DeleteGroupsRequest<'a> {
        groups_names: Vec<&'a str> [0..],
    }

    /// How each deletion went.
    DeleteGroupsResponse<'a> {
        throttle_time_ms: i32 [0..],
        results: Vec<DeletableGroupResult<'a>> [0..],
    }

    /// How it went for one group.
    DeletableGroupResult<'a> {
        group_id: &'a str [0..],
        error_code: i16 [0..],
    }
}
