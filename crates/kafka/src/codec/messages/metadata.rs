//! Metadata (3) and DescribeTopicPartitions (75): where topics live.

use crate::codec::Uuid;

crate::codec::table::messages! { 'a;
    /// Asks for topics; none named means all, from version 1 on an empty list means none.
    MetadataRequest<'a> {
        topics: Option<Vec<MetadataRequestTopic<'a>>> [0..] null [1..],
        allow_auto_topic_creation: bool [4..] = true,
        include_cluster_authorized_operations: bool [8..=10],
        include_topic_authorized_operations: bool [8..],
    }

    /// A topic, by name or by id.
    MetadataRequestTopic<'a> {
        topic_id: Uuid [10..],
        name: Option<&'a str> [0..] null [10..],
    }

    /// Brokers and topics.
    MetadataResponse<'a> {
        throttle_time_ms: i32 [3..],
        brokers: Vec<MetadataResponseBroker<'a>> [0..],
        cluster_id: Option<&'a str> [2..],
        controller_id: i32 [1..] = -1,
        topics: Vec<MetadataResponseTopic<'a>> [0..],
        cluster_authorized_operations: i32 [8..=10] = i32::MIN,
        error_code: i16 [13..],
    }

    /// A broker and where clients reach it.
    MetadataResponseBroker<'a> {
        node_id: i32 [0..],
        host: &'a str [0..],
        port: i32 [0..],
        rack: Option<&'a str> [1..],
    }

    /// A topic.
    MetadataResponseTopic<'a> {
        error_code: i16 [0..],
        name: Option<&'a str> [0..] null [12..],
        topic_id: Uuid [10..],
        is_internal: bool [1..],
        partitions: Vec<MetadataResponsePartition> [0..],
        topic_authorized_operations: i32 [8..] = i32::MIN,
    }

    /// A partition and its leader.
    MetadataResponsePartition {
        error_code: i16 [0..],
        partition_index: i32 [0..],
        leader_id: i32 [0..],
        leader_epoch: i32 [7..] = -1,
        replica_nodes: Vec<i32> [0..],
        isr_nodes: Vec<i32> [0..],
        offline_replicas: Vec<i32> [5..],
    }

    /// Asks for topics in pieces of a bounded number of partitions.
    DescribeTopicPartitionsRequest<'a> {
        topics: Vec<TopicRequest<'a>> [0..],
        response_partition_limit: i32 [0..] = 2000,
        cursor: Option<Cursor<'a>> [0..],
    }

    /// A topic asked for.
    TopicRequest<'a> {
        name: &'a str [0..],
    }

    /// The partition with which a listing in pieces goes on.
    Cursor<'a> {
        topic_name: &'a str [0..],
        partition_index: i32 [0..],
    }

    /// One piece of the listing, and where the next begins.
    DescribeTopicPartitionsResponse<'a> {
        throttle_time_ms: i32 [0..],
        topics: Vec<DescribeTopicPartitionsResponseTopic<'a>> [0..],
        next_cursor: Option<Cursor<'a>> [0..],
    }

    /// A topic of the listing.
    DescribeTopicPartitionsResponseTopic<'a> {
        error_code: i16 [0..],
        name: Option<&'a str> [0..],
        topic_id: Uuid [0..],
        is_internal: bool [0..],
        partitions: Vec<DescribeTopicPartitionsResponsePartition> [0..],
        topic_authorized_operations: i32 [0..] = i32::MIN,
    }

    /// One partition of it.
    DescribeTopicPartitionsResponsePartition {
        error_code: i16 [0..],
        partition_index: i32 [0..],
        leader_id: i32 [0..],
        leader_epoch: i32 [0..] = -1,
        replica_nodes: Vec<i32> [0..],
        isr_nodes: Vec<i32> [0..],
        eligible_leader_replicas: Option<Vec<i32>> [0..],
        last_known_elr: Option<Vec<i32>> [0..],
        offline_replicas: Vec<i32> [0..],
    }
}
