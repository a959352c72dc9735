//! OffsetCommit (8), OffsetFetch (9) and OffsetDelete (47): how far groups have come.

use crate::codec::Uuid;

crate::codec::table::messages! { 'a;
    /// Stores how far a group has come.
    OffsetCommitRequest<'a> {
        group_id: &'a str [0..],
        generation_id_or_member_epoch: i32 [1..] = -1,
        member_id: &'a str [1..],
        group_instance_id: Option<&'a str> [7..],
        retention_time_ms: i64 [2..=4] = -1,
        topics: Vec<OffsetCommitRequestTopic<'a>> [0..],
    }

    /// A topic: by name to version 9, by id after that.
    OffsetCommitRequestTopic<'a> {
        name: &'a str [0..=9],
        topic_id: Uuid [10..],
        partitions: Vec<OffsetCommitRequestPartition<'a>> [0..],
    }

    /// An offset to store, with the consumer's own text.
    OffsetCommitRequestPartition<'a> {
        partition_index: i32 [0..],
        committed_offset: i64 [0..],
        committed_leader_epoch: i32 [6..] = -1,
        commit_timestamp: i64 [1] = -1,
        committed_metadata: Option<&'a str> [0..],
    }

    /// How each commit went.
    OffsetCommitResponse<'a> {
        throttle_time_ms: i32 [3..],
        topics: Vec<OffsetCommitResponseTopic<'a>> [0..],
    }

    /// The partitions of one topic.
    OffsetCommitResponseTopic<'a> {
        name: &'a str [0..=9],
        topic_id: Uuid [10..],
        partitions: Vec<OffsetCommitResponsePartition> [0..],
    }

    /// How it went for one partition.
    OffsetCommitResponsePartition {
        partition_index: i32 [0..],
        error_code: i16 [0..],
    }

    /// Asks how far groups have come: one group to version 7, several after that.
    OffsetFetchRequest<'a> {
        group_id: &'a str [0..=7],
        topics: Option<Vec<OffsetFetchRequestTopic<'a>>> [0..=7] null [2..=7],
        groups: Vec<OffsetFetchRequestGroup<'a>> [8..],
        require_stable: bool [7..],
    }

    /// A topic, to version 7.
    OffsetFetchRequestTopic<'a> {
        name: &'a str [0..=7],
        partition_indexes: Vec<i32> [0..=7],
    }

    /// A group; without topics all its offsets are asked for.
    OffsetFetchRequestGroup<'a> {
        group_id: &'a str [8..],
        member_id: Option<&'a str> [9..],
        member_epoch: i32 [9..] = -1,
        topics: Option<Vec<OffsetFetchRequestTopics<'a>>> [8..],
    }

    /// A topic, from version 8 on.
    OffsetFetchRequestTopics<'a> {
        name: &'a str [8..=9],
        topic_id: Uuid [10..],
        partition_indexes: Vec<i32> [8..],
    }

    /// Stored offsets.
    OffsetFetchResponse<'a> {
        throttle_time_ms: i32 [3..],
        topics: Vec<OffsetFetchResponseTopic<'a>> [0..=7],
        error_code: i16 [2..=7],
        groups: Vec<OffsetFetchResponseGroup<'a>> [8..],
    }

    /// The partitions of one topic, to version 7.
    OffsetFetchResponseTopic<'a> {
        name: &'a str [0..=7],
        partitions: Vec<OffsetFetchResponsePartition<'a>> [0..=7],
    }

    /// A stored offset, to version 7; -1 when there is none.
    OffsetFetchResponsePartition<'a> {
        partition_index: i32 [0..=7],
        committed_offset: i64 [0..=7],
        committed_leader_epoch: i32 [5..=7] = -1,
        metadata: Option<&'a str> [0..=7],
        error_code: i16 [0..=7],
    }

    /// The offsets of one group.
    OffsetFetchResponseGroup<'a> {
        group_id: &'a str [8..],
        topics: Vec<OffsetFetchResponseTopics<'a>> [8..],
        error_code: i16 [8..],
    }

    /// The partitions of one topic, from version 8 on.
    OffsetFetchResponseTopics<'a> {
        name: &'a str [8..=9],
        topic_id: Uuid [10..],
        partitions: Vec<OffsetFetchResponsePartitions<'a>> [8..],
    }

    /// A stored offset, from version 8 on; -1 when there is none.
    OffsetFetchResponsePartitions<'a> {
        partition_index: i32 [8..],
        committed_offset: i64 [8..],
        committed_leader_epoch: i32 [8..] = -1,
        metadata: Option<&'a str> [8..],
        error_code: i16 [8..],
    }

    /// Deletes offsets that a group has stored.
    OffsetDeleteRequest<'a> {
        group_id: &'a str [0..],
        topics: Vec<OffsetDeleteRequestTopic<'a>> [0..],
    }

    /// A topic of which offsets are deleted.
    OffsetDeleteRequestTopic<'a> {
        name: &'a str [0..],
        partitions: Vec<OffsetDeleteRequestPartition> [0..],
    }

    /// A partition whose offset is deleted.
    OffsetDeleteRequestPartition {
        partition_index: i32 [0..],
    }

    /// How each deletion went.
    OffsetDeleteResponse<'a> {
        error_code: i16 [0..],
        throttle_time_ms: i32 [0..],
        topics: Vec<OffsetDeleteResponseTopic<'a>> [0..],
    }

    /// The partitions of one topic.
    OffsetDeleteResponseTopic<'a> {
        name: &'a str [0..],
        partitions: Vec<OffsetDeleteResponsePartition> [0..],
    }

    /// How it went for one partition.
    OffsetDeleteResponsePartition {
        partition_index: i32 [0..],
        error_code: i16 [0..],
    }
}
