//! ApiVersions (18), DescribeCluster (60) and DescribeLogDirs (35): the broker about itself.

crate::codec::table::messages! { 'a;
    /// Asks what the broker speaks: the first request of most clients.
    ApiVersionsRequest<'a> {
        client_software_name: &'a str [3..],
        client_software_version: &'a str [3..],
    }

    /// What the broker speaks. Its header is always of version 0; after an unknown version its body is, too.
    ApiVersionsResponse<'a> {
        error_code: i16 [0..],
        api_keys: Vec<ApiVersion> [0..],
        throttle_time_ms: i32 [1..],
        supported_features: Vec<SupportedFeatureKey<'a>> [3..] tag 0,
        finalized_features_epoch: i64 [3..] tag 1 = -1,
        finalized_features: Vec<FinalizedFeatureKey<'a>> [3..] tag 2,
        zk_migration_ready: bool [3..] tag 3,
    }

    /// An API that the broker speaks, by key, and in which versions.
    ApiVersion {
        api_key: i16 [0..],
        min_version: i16 [0..],
        max_version: i16 [0..],
    }

    /// The levels of a feature that the broker supports.
    SupportedFeatureKey<'a> {
        name: &'a str [3..],
        min_version: i16 [3..],
        max_version: i16 [3..],
    }

    /// The level of a feature that is in force.
    FinalizedFeatureKey<'a> {
        name: &'a str [3..],
        max_version_level: i16 [3..],
        min_version_level: i16 [3..],
    }

    /// Asks for the brokers of the cluster.
    DescribeClusterRequest {
        include_cluster_authorized_operations: bool [0..],
        endpoint_type: i8 [1..] = 1,
        include_fenced_brokers: bool [2..],
    }

    /// The brokers and the controller.
    DescribeClusterResponse<'a> {
        throttle_time_ms: i32 [0..],
        error_code: i16 [0..],
        error_message: Option<&'a str> [0..],
        endpoint_type: i8 [1..] = 1,
        cluster_id: &'a str [0..],
        controller_id: i32 [0..] = -1,
        brokers: Vec<DescribeClusterBroker<'a>> [0..],
        cluster_authorized_operations: i32 [0..] = i32::MIN,
    }

    /// A broker of the cluster.
    DescribeClusterBroker<'a> {
        broker_id: i32 [0..],
        host: &'a str [0..],
        port: i32 [0..],
        rack: Option<&'a str> [0..],
        is_fenced: bool [2..],
    }

    /// Asks how much disk partitions take; without topics all are meant.
    DescribeLogDirsRequest<'a> {
        topics: Option<Vec<DescribableLogDirTopic<'a>>> [0..],
    }

    /// A topic whose size is asked for.
    DescribableLogDirTopic<'a> {
        topic: &'a str [0..],
        partitions: Vec<i32> [0..],
    }

    /// Sizes, by directory.
    DescribeLogDirsResponse<'a> {
        throttle_time_ms: i32 [0..],
        error_code: i16 [3..],
        results: Vec<DescribeLogDirsResult<'a>> [0..],
    }

    /// One directory.
    DescribeLogDirsResult<'a> {
        error_code: i16 [0..],
        log_dir: &'a str [0..],
        topics: Vec<DescribeLogDirsTopic<'a>> [0..],
        total_bytes: i64 [4..] = -1,
        usable_bytes: i64 [4..] = -1,
    }

    /// The partitions of one topic.
    DescribeLogDirsTopic<'a> {
        name: &'a str [0..],
        partitions: Vec<DescribeLogDirsPartition> [0..],
    }

    /// The size of one partition.
    DescribeLogDirsPartition {
        partition_index: i32 [0..],
        partition_size: i64 [0..],
        offset_lag: i64 [0..],
        is_future_key: bool [0..],
    }
}
