//! CreateTopics (19), DeleteTopics (20) and CreatePartitions (37).

use crate::codec::Uuid;

crate::codec::table::messages! { 'a;
    /// Creates topics.
    CreateTopicsRequest<'a> {
        topics: Vec<CreatableTopic<'a>> [0..],
        timeout_ms: i32 [0..] = 60000,
        validate_only: bool [1..],
    }

    /// A topic to create; -1 partitions or replicas are the default number.
    CreatableTopic<'a> {
        name: &'a str [0..],
        num_partitions: i32 [0..],
        replication_factor: i16 [0..],
        assignments: Vec<CreatableReplicaAssignment> [0..],
        configs: Vec<CreatableTopicConfig<'a>> [0..],
    }

    /// The brokers for one partition, chosen by hand.
    CreatableReplicaAssignment {
        partition_index: i32 [0..],
        broker_ids: Vec<i32> [0..],
    }

    /// A setting of the new topic.
    CreatableTopicConfig<'a> {
        name: &'a str [0..],
        value: Option<&'a str> [0..],
    }

    /// How each creation went.
    CreateTopicsResponse<'a> {
        throttle_time_ms: i32 [2..],
        topics: Vec<CreatableTopicResult<'a>> [0..],
    }

    /// How it went for one topic, and what it has become.
    CreatableTopicResult<'a> {
        name: &'a str [0..],
        topic_id: Uuid [7..],
        error_code: i16 [0..],
        error_message: Option<&'a str> [1..],
        topic_config_error_code: i16 [5..] tag 0,
        num_partitions: i32 [5..] = -1,
        replication_factor: i16 [5..] = -1,
        configs: Option<Vec<CreatableTopicConfigs<'a>>> [5..],
    }

    /// A setting that the new topic has.
    CreatableTopicConfigs<'a> {
        name: &'a str [5..],
        value: Option<&'a str> [5..],
        read_only: bool [5..],
        config_source: i8 [5..] = -1,
        is_sensitive: bool [5..],
    }

    /// Deletes topics.
    DeleteTopicsRequest<'a> {
        topics: Vec<DeleteTopicState<'a>> [6..],
        topic_names: Vec<&'a str> [0..=5],
        timeout_ms: i32 [0..],
    }

    /// A topic to delete, by name or by id.
    DeleteTopicState<'a> {
        name: Option<&'a str> [6..],
        topic_id: Uuid [6..],
    }

    /// How each deletion went.
    DeleteTopicsResponse<'a> {
        throttle_time_ms: i32 [1..],
        responses: Vec<DeletableTopicResult<'a>> [0..],
    }

    /// How it went for one topic.
    DeletableTopicResult<'a> {
        name: Option<&'a str> [0..] null [6..],
        topic_id: Uuid [6..],
        error_code: i16 [0..],
        error_message: Option<&'a str> [5..],
    }

    /// Adds partitions to topics.
    CreatePartitionsRequest<'a> {
        topics: Vec<CreatePartitionsTopic<'a>> [0..],
        timeout_ms: i32 [0..],
        validate_only: bool [0..],
    }

    /// A topic and the number of partitions it shall have in all.
    CreatePartitionsTopic<'a> {
        name: &'a str [0..],
        count: i32 [0..],
        assignments: Option<Vec<CreatePartitionsAssignment>> [0..],
    }

    /// The brokers for one new partition, chosen by hand.
    CreatePartitionsAssignment {
        broker_ids: Vec<i32> [0..],
    }

    /// How each addition went.
    CreatePartitionsResponse<'a> {
        throttle_time_ms: i32 [0..],
        results: Vec<CreatePartitionsTopicResult<'a>> [0..],
    }

    /// How it went for one topic.
    CreatePartitionsTopicResult<'a> {
        name: &'a str [0..],
        error_code: i16 [0..],
        error_message: Option<&'a str> [0..],
    }
}
