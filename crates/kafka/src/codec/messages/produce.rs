//! Produce (0) and InitProducerId (22): what producers send.

use crate::codec::{One, Uuid};

crate::codec::table::messages! { 'a;
    /// Appends record batches to partitions.
    ProduceRequest<'a> {
        transactional_id: Option<&'a str> [0..],
        acks: i16 [0..],
        timeout_ms: i32 [0..],
        topic_data: One<TopicProduceData<'a>> [0..],
    }

    /// A topic to write to: by name to version 12, by id after that.
    TopicProduceData<'a> {
        name: &'a str [0..=12],
        topic_id: Uuid [13..],
        partition_data: One<PartitionProduceData<'a>> [0..],
    }

    /// The record batch for one partition, as it came.
    PartitionProduceData<'a> {
        index: i32 [0..],
        records: Option<&'a [u8]> [0..],
    }

    /// What became of each batch.
    ProduceResponse<'a> {
        responses: One<TopicProduceResponse<'a>> [0..],
        throttle_time_ms: i32 [0..],
        node_endpoints: Vec<NodeEndpoint<'a>> [10..] tag 0,
    }

    /// The partitions of one topic.
    TopicProduceResponse<'a> {
        name: &'a str [0..=12],
        topic_id: Uuid [13..],
        partition_responses: One<PartitionProduceResponse<'a>> [0..],
    }

    /// Where the batch begins, or why it was refused.
    PartitionProduceResponse<'a> {
        index: i32 [0..],
        error_code: i16 [0..],
        base_offset: i64 [0..],
        log_append_time_ms: i64 [0..] = -1,
        log_start_offset: i64 [5..] = -1,
        record_errors: Vec<BatchIndexAndErrorMessage<'a>> [8..],
        error_message: Option<&'a str> [8..],
        current_leader: LeaderIdAndEpoch [10..] tag 0,
    }

    /// A record of a refused batch that is to blame, by its index in the batch.
    BatchIndexAndErrorMessage<'a> {
        batch_index: i32 [8..],
        batch_index_error_message: Option<&'a str> [8..],
    }

    /// Who leads the partition now.
    LeaderIdAndEpoch {
        leader_id: i32 [10..] = -1,
        leader_epoch: i32 [10..] = -1,
    }

    /// Where clients reach a broker named in the answer.
    NodeEndpoint<'a> {
        node_id: i32 [10..],
        host: &'a str [10..],
        port: i32 [10..],
        rack: Option<&'a str> [10..],
    }

    /// Asks for a producer id, for idempotence or for a transactional id.
    InitProducerIdRequest<'a> {
        transactional_id: Option<&'a str> [0..],
        transaction_timeout_ms: i32 [0..],
        producer_id: i64 [3..] = -1,
        producer_epoch: i16 [3..] = -1,
    }

    /// The producer id and its epoch.
    InitProducerIdResponse {
        throttle_time_ms: i32 [0..],
        error_code: i16 [0..],
        producer_id: i64 [0..] = -1,
        producer_epoch: i16 [0..],
    }
}
