//! SaslHandshake (17), SaslAuthenticate (36) and DescribeAcls (29).

crate::codec::table::messages! { 'a;
    /// Chooses the mechanism.
    SaslHandshakeRequest<'a> {
        mechanism: &'a str [0..],
    }

    /// Says whether it may be used, and which may.
    SaslHandshakeResponse<'a> {
        error_code: i16 [0..],
        mechanisms: Vec<&'a str> [0..],
    }

    /// One step of the mechanism, from the client.
    SaslAuthenticateRequest<'a> {
        auth_bytes: &'a [u8] [0..],
    }

    /// One step of the mechanism, from the broker.
    SaslAuthenticateResponse<'a> {
        error_code: i16 [0..],
        error_message: Option<&'a str> [0..],
        auth_bytes: &'a [u8] [0..],
        session_lifetime_ms: i64 [1..],
    }

    /// Asks for access rules that pass a filter.
    DescribeAclsRequest<'a> {
        resource_type_filter: i8 [0..],
        resource_name_filter: Option<&'a str> [0..],
        pattern_type_filter: i8 [1..] = 3,
        principal_filter: Option<&'a str> [0..],
        host_filter: Option<&'a str> [0..],
        operation: i8 [0..],
        permission_type: i8 [0..],
    }

    /// The rules, by resource.
    DescribeAclsResponse<'a> {
        throttle_time_ms: i32 [0..],
        error_code: i16 [0..],
        error_message: Option<&'a str> [0..],
        resources: Vec<DescribeAclsResource<'a>> [0..],
    }

    /// A resource and its rules.
    DescribeAclsResource<'a> {
        resource_type: i8 [0..],
        resource_name: &'a str [0..],
        pattern_type: i8 [1..] = 3,
        acls: Vec<AclDescription<'a>> [0..],
    }

    /// One rule on a resource.
    AclDescription<'a> {
        principal: &'a str [0..],
        host: &'a str [0..],
        operation: i8 [0..],
        permission_type: i8 [0..],
    }
}
