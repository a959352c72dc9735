//! DescribeConfigs (32), AlterConfigs (33) and IncrementalAlterConfigs (44).

crate::codec::table::messages! { 'a;
    /// Asks for settings of resources.
    DescribeConfigsRequest<'a> {
        resources: Vec<DescribeConfigsResource<'a>> [0..],
        include_synonyms: bool [1..],
        include_documentation: bool [3..],
    }

    /// A resource; without keys all its settings are asked for.
    DescribeConfigsResource<'a> {
        resource_type: i8 [0..],
        resource_name: &'a str [0..],
        configuration_keys: Option<Vec<&'a str>> [0..],
    }

    /// Settings, by resource.
    DescribeConfigsResponse<'a> {
        throttle_time_ms: i32 [0..],
        results: Vec<DescribeConfigsResult<'a>> [0..],
    }

    /// The settings of one resource.
    DescribeConfigsResult<'a> {
        error_code: i16 [0..],
        error_message: Option<&'a str> [0..],
        resource_type: i8 [0..],
        resource_name: &'a str [0..],
        configs: Vec<DescribeConfigsResourceResult<'a>> [0..],
    }

    /// A setting and where its value comes from.
    DescribeConfigsResourceResult<'a> {
        name: &'a str [0..],
        value: Option<&'a str> [0..],
        read_only: bool [0..],
        config_source: i8 [1..] = -1,
        is_default: bool [0],
        is_sensitive: bool [0..],
        synonyms: Vec<DescribeConfigsSynonym<'a>> [1..],
        config_type: i8 [3..],
        documentation: Option<&'a str> [3..],
    }

    /// Another place from which the setting could take its value.
    DescribeConfigsSynonym<'a> {
        name: &'a str [1..],
        value: Option<&'a str> [1..],
        source: i8 [1..],
    }

    /// Replaces all settings of resources.
    AlterConfigsRequest<'a> {
        resources: Vec<AlterConfigsResource<'a>> [0..],
        validate_only: bool [0..],
    }

    /// A resource and all settings it shall have.
    AlterConfigsResource<'a> {
        resource_type: i8 [0..],
        resource_name: &'a str [0..],
        configs: Vec<AlterableConfig<'a>> [0..],
    }

    /// A setting; without a value it is the default.
    AlterableConfig<'a> {
        name: &'a str [0..],
        value: Option<&'a str> [0..],
    }

    /// How each replacement went.
    AlterConfigsResponse<'a> {
        throttle_time_ms: i32 [0..],
        responses: Vec<AlterConfigsResourceResponse<'a>> [0..],
    }

    /// How it went for one resource.
    AlterConfigsResourceResponse<'a> {
        error_code: i16 [0..],
        error_message: Option<&'a str> [0..],
        resource_type: i8 [0..],
        resource_name: &'a str [0..],
    }

    /// Changes single settings of resources.
    IncrementalAlterConfigsRequest<'a> {
        resources: Vec<IncrementalAlterConfigsResource<'a>> [0..],
        validate_only: bool [0..],
    }

    /// A resource and the changes.
    IncrementalAlterConfigsResource<'a> {
        resource_type: i8 [0..],
        resource_name: &'a str [0..],
        configs: Vec<IncrementalAlterableConfig<'a>> [0..],
    }

    /// A change: operation 0 sets, 1 resets, 2 appends, 3 removes.
    IncrementalAlterableConfig<'a> {
        name: &'a str [0..],
        config_operation: i8 [0..],
        value: Option<&'a str> [0..],
    }

    /// How each change went.
    IncrementalAlterConfigsResponse<'a> {
        throttle_time_ms: i32 [0..],
        responses: Vec<IncrementalAlterConfigsResourceResponse<'a>> [0..],
    }

    /// How it went for one resource.
    IncrementalAlterConfigsResourceResponse<'a> {
        error_code: i16 [0..],
        error_message: Option<&'a str> [0..],
        resource_type: i8 [0..],
        resource_name: &'a str [0..],
    }
}
