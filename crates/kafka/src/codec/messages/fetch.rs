//! Fetch (1): what consumers ask for, and the records they get.

use crate::codec::{One, Records, Uuid};

crate::codec::table::messages! { 'a;
    /// Asks for records, and waits a while for them.
    FetchRequest<'a> {
        cluster_id: Option<&'a str> [12..] tag 0,
        replica_id: i32 [0..=14] = -1,
        replica_state: ReplicaState [15..] tag 1,
        max_wait_ms: i32 [0..],
        min_bytes: i32 [0..],
        max_bytes: i32 [0..] = i32::MAX,
        isolation_level: i8 [0..],
        session_id: i32 [7..],
        session_epoch: i32 [7..] = -1,
        topics: One<FetchTopic<'a>> [0..],
        forgotten_topics_data: Vec<ForgottenTopic<'a>> [7..],
        rack_id: &'a str [11..],
    }

    /// Which replica asks; -1 for a consumer.
    ReplicaState {
        replica_id: i32 [15..] = -1,
        replica_epoch: i64 [15..] = -1,
    }

    /// A topic to read: by name to version 12, by id after that.
    FetchTopic<'a> {
        topic: &'a str [0..=12],
        topic_id: Uuid [13..],
        partitions: One<FetchPartition> [0..],
    }

    /// A partition to read, and from where.
    FetchPartition {
        partition: i32 [0..],
        current_leader_epoch: i32 [9..] = -1,
        fetch_offset: i64 [0..],
        last_fetched_epoch: i32 [12..] = -1,
        log_start_offset: i64 [5..] = -1,
        partition_max_bytes: i32 [0..],
        replica_directory_id: Uuid [17..] tag 0,
        high_watermark: i64 [18..] tag 1 = i64::MAX,
    }

    /// Partitions that leave the fetch session.
    ForgottenTopic<'a> {
        topic: &'a str [7..=12],
        topic_id: Uuid [13..],
        partitions: Vec<i32> [7..],
    }

    /// Records, by topic and partition.
    FetchResponse<'a> {
        throttle_time_ms: i32 [0..],
        error_code: i16 [7..],
        session_id: i32 [7..],
        responses: One<FetchableTopicResponse<'a>> [0..],
        node_endpoints: Vec<NodeEndpoint<'a>> [16..] tag 0,
    }

    /// The partitions of one topic.
    FetchableTopicResponse<'a> {
        topic: &'a str [0..=12],
        topic_id: Uuid [13..],
        partitions: One<PartitionData<'a>> [0..],
    }

    /// The records of one partition, and how far it goes.
    PartitionData<'a> {
        partition_index: i32 [0..],
        error_code: i16 [0..],
        high_watermark: i64 [0..],
        last_stable_offset: i64 [0..] = -1,
        log_start_offset: i64 [5..] = -1,
        diverging_epoch: EpochEndOffset [12..] tag 0,
        current_leader: LeaderIdAndEpoch [12..] tag 1,
        snapshot_id: SnapshotId [12..] tag 2,
        aborted_transactions: Option<Vec<AbortedTransaction>> [0..],
        preferred_read_replica: i32 [11..] = -1,
        records: Records<'a> [0..],
    }

    /// The end of a leader epoch.
    EpochEndOffset {
        epoch: i32 [12..] = -1,
        end_offset: i64 [12..] = -1,
    }

    /// Who leads the partition now.
    LeaderIdAndEpoch {
        leader_id: i32 [12..] = -1,
        leader_epoch: i32 [12..] = -1,
    }

    /// The snapshot that a replica has to fetch first.
    SnapshotId {
        end_offset: i64 [0..] = -1,
        epoch: i32 [0..] = -1,
    }

    /// A transaction whose records a reader of committed records skips.
    AbortedTransaction {
        producer_id: i64 [0..],
        first_offset: i64 [0..],
    }

    /// Where clients reach a broker named in the answer.
    NodeEndpoint<'a> {
        node_id: i32 [16..],
        host: &'a str [16..],
        port: i32 [16..],
        rack: Option<&'a str> [16..],
    }
}
