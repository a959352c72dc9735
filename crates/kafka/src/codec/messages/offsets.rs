//! ListOffsets (2), OffsetForLeaderEpoch (23) and DeleteRecords (21): the offsets of partitions.

crate::codec::table::messages! { 'a;
    /// Asks for offsets by time.
    ListOffsetsRequest<'a> {
        replica_id: i32 [0..],
        isolation_level: i8 [2..],
        topics: Vec<ListOffsetsTopic<'a>> [0..],
        timeout_ms: i32 [10..],
    }

    /// A topic to look in.
    ListOffsetsTopic<'a> {
        name: &'a str [0..],
        partitions: Vec<ListOffsetsPartition> [0..],
    }

    /// A partition and a time, in ms since 1970, or a special offset below 0.
    ListOffsetsPartition {
        partition_index: i32 [0..],
        current_leader_epoch: i32 [4..] = -1,
        timestamp: i64 [0..],
        max_num_offsets: i32 [0] = 1,
    }

    /// Offsets, by topic and partition.
    ListOffsetsResponse<'a> {
        throttle_time_ms: i32 [2..],
        topics: Vec<ListOffsetsTopicResponse<'a>> [0..],
    }

    /// The partitions of one topic.
    ListOffsetsTopicResponse<'a> {
        name: &'a str [0..],
        partitions: Vec<ListOffsetsPartitionResponse> [0..],
    }

    /// The offset found; -1 when there is none.
    ListOffsetsPartitionResponse {
        partition_index: i32 [0..],
        error_code: i16 [0..],
        old_style_offsets: Vec<i64> [0],
        timestamp: i64 [1..] = -1,
        offset: i64 [1..] = -1,
        leader_epoch: i32 [4..] = -1,
    }

    /// Asks where leader epochs ended.
    OffsetForLeaderEpochRequest<'a> {
        replica_id: i32 [3..] = -2,
        topics: Vec<OffsetForLeaderTopic<'a>> [0..],
    }

    /// A topic to look in.
    OffsetForLeaderTopic<'a> {
        topic: &'a str [0..],
        partitions: Vec<OffsetForLeaderPartition> [0..],
    }

    /// A partition and the epoch in question.
    OffsetForLeaderPartition {
        partition: i32 [0..],
        current_leader_epoch: i32 [2..] = -1,
        leader_epoch: i32 [0..],
    }

    /// The ends, by topic and partition.
    OffsetForLeaderEpochResponse<'a> {
        throttle_time_ms: i32 [2..],
        topics: Vec<OffsetForLeaderTopicResult<'a>> [0..],
    }

    /// The partitions of one topic.
    OffsetForLeaderTopicResult<'a> {
        topic: &'a str [0..],
        partitions: Vec<EpochEndOffset> [0..],
    }

    /// The end of a leader epoch.
    EpochEndOffset {
        error_code: i16 [0..],
        partition: i32 [0..],
        leader_epoch: i32 [1..] = -1,
        end_offset: i64 [0..] = -1,
    }

    /// Deletes the oldest records of partitions.
    DeleteRecordsRequest<'a> {
        topics: Vec<DeleteRecordsTopic<'a>> [0..],
        timeout_ms: i32 [0..],
    }

    /// A topic of which records are deleted.
    DeleteRecordsTopic<'a> {
        name: &'a str [0..],
        partitions: Vec<DeleteRecordsPartition> [0..],
    }

    /// A partition and the first offset that stays; -1 means none stays.
    DeleteRecordsPartition {
        partition_index: i32 [0..],
        offset: i64 [0..],
    }

    /// Where partitions begin now.
    DeleteRecordsResponse<'a> {
        throttle_time_ms: i32 [0..],
        topics: Vec<DeleteRecordsTopicResult<'a>> [0..],
    }

    /// The partitions of one topic.
    DeleteRecordsTopicResult<'a> {
        name: &'a str [0..],
        partitions: Vec<DeleteRecordsPartitionResult> [0..],
    }

    /// The first offset of the partition now.
    DeleteRecordsPartitionResult {
        partition_index: i32 [0..],
        low_watermark: i64 [0..],
        error_code: i16 [0..],
    }
}
