//! What a client may say: a request of every API in every version, with values that mean something to the stage.

use super::Stage;
use super::faults::sequenced;
use narumq_kafka::codec::messages::{
    auth, cluster, commits, configs, fetch, group_admin, groups, metadata, offsets, produce, topics,
};
use narumq_kafka::codec::{ApiKey, Caller, Message, Uuid, encode_request};
use narumq_kafka::records::{Codec, HEADER_BYTES};
use smallvec::smallvec;

/// A request as it is sent.
#[derive(Clone, Debug)]
pub struct Frame {
    pub api: ApiKey,
    pub version: i16,
    pub bytes: Vec<u8>,
}

/// What the requests are about.
#[derive(Clone, Debug)]
pub struct Ground {
    pub topic: Uuid,
    pub member: String,
    pub generation: i32,
}

fn every<'a, M: Message<'a>>(out: &mut Vec<Frame>, body: &M) {
    let versions = M::API.built();
    for version in versions.min..=versions.max {
        let mut bytes = Vec::new();
        encode_request(Caller { correlation_id: 7, client_id: Some("c") }, version, body, &mut bytes);
        out.push(Frame { api: M::API, version, bytes });
    }
}

/// A topic `t` with records in it, and a group `g` with a member at work.
pub fn ground(stage: &mut Stage) -> Ground {
    use super::{admin, group};
    let _ = admin::create(stage, "t", &[("max.message.bytes", "100000")]);
    let _ = super::faults::append(stage, "t", &sequenced(1, 0, 0, 3));
    let request = metadata::MetadataRequest {
        topics: Some(vec![metadata::MetadataRequestTopic { name: Some("t"), ..Default::default() }]),
        ..Default::default()
    };
    let answer = stage.call(12, &request);
    let topic = answer.read::<metadata::MetadataResponse<'_>>().topics[0].topic_id;
    let id = group::new_id(stage, 0);
    group::send_join(stage, 0, &id);
    let member = group::await_joined(stage, 0);
    group::send_sync(stage, 0, &member, &[(&id, "all")]);
    assert_eq!(group::synced(&stage.answer(0, group::SYNC)).0, 0);
    Ground { topic, member: id, generation: member.generation }
}

/// Every request, those that take something away last.
pub fn frames(ground: &Ground) -> Vec<Frame> {
    let mut out = Vec::new();
    every(&mut out, &cluster::ApiVersionsRequest { client_software_name: "c", client_software_version: "1" });
    let named = metadata::MetadataRequestTopic { topic_id: Uuid::NONE, name: Some("t") };
    every(&mut out, &metadata::MetadataRequest { topics: Some(vec![named]), ..Default::default() });
    every(&mut out, &cluster::DescribeClusterRequest::default());
    records(&mut out, ground);
    members(&mut out, ground);
    listings(&mut out);
    changes(&mut out, ground);
    out
}

fn records(out: &mut Vec<Frame>, ground: &Ground) {
    let (name, topic_id) = ("t", ground.topic);
    every(out, &produce::InitProducerIdRequest::default());
    let compressed = super::records::batch(Codec::Lz4, 1_700_000_000_000, &[("k", "v"), ("k", "w")]);
    for batch in [sequenced(1, 0, 0, 2), compressed] {
        assert!(batch.len() > HEADER_BYTES);
        let data = produce::PartitionProduceData { index: 0, records: Some(&batch) };
        let topic = produce::TopicProduceData { name, topic_id, partition_data: smallvec![data] };
        let request = produce::ProduceRequest { acks: -1, topic_data: smallvec![topic], ..Default::default() };
        every(out, &request);
    }
    let partition = fetch::FetchPartition { partition_max_bytes: 1 << 16, ..Default::default() };
    let topic = fetch::FetchTopic { topic: name, topic_id, partitions: smallvec![partition] };
    let forgotten = fetch::ForgottenTopic { topic: "u", topic_id: Uuid([9; 16]), partitions: vec![1] };
    let request = fetch::FetchRequest {
        max_bytes: 1 << 16,
        session_epoch: 0,
        topics: smallvec![topic],
        forgotten_topics_data: vec![forgotten],
        ..Default::default()
    };
    every(out, &request);
    let partition = offsets::ListOffsetsPartition { timestamp: 5, current_leader_epoch: -1, ..Default::default() };
    let topics = vec![offsets::ListOffsetsTopic { name, partitions: vec![partition] }];
    every(out, &offsets::ListOffsetsRequest { topics, ..Default::default() });
    let topics = vec![offsets::OffsetForLeaderTopic { topic: name, partitions: vec![Default::default()] }];
    every(out, &offsets::OffsetForLeaderEpochRequest { topics, ..Default::default() });
}

fn members(out: &mut Vec<Frame>, ground: &Ground) {
    let (group_id, member_id, generation_id) = ("g", &*ground.member, ground.generation);
    every(out, &groups::FindCoordinatorRequest { key: "g", key_type: 0, coordinator_keys: vec!["g"] });
    let protocols = vec![groups::JoinGroupRequestProtocol { name: "range", metadata: &[0, 0, 0, 0, 0, 1, 0, 1, b't'] }];
    let join = groups::JoinGroupRequest {
        group_id,
        session_timeout_ms: 10_000,
        rebalance_timeout_ms: 20_000,
        protocol_type: "consumer",
        protocols,
        ..Default::default()
    };
    every(out, &join);
    every(out, &groups::JoinGroupRequest { member_id, group_instance_id: Some("i"), ..join });
    let assignments = vec![groups::SyncGroupRequestAssignment { member_id, assignment: b"all" }];
    let sync = groups::SyncGroupRequest { group_id, generation_id, member_id, assignments, ..Default::default() };
    every(out, &sync);
    every(out, &groups::HeartbeatRequest { group_id, generation_id, member_id, ..Default::default() });
    let partition = commits::OffsetCommitRequestPartition { committed_metadata: Some("note"), ..Default::default() };
    let topic = commits::OffsetCommitRequestTopic { name: "t", topic_id: ground.topic, partitions: vec![partition] };
    let commit = commits::OffsetCommitRequest {
        group_id,
        generation_id_or_member_epoch: generation_id,
        member_id,
        topics: vec![topic],
        ..Default::default()
    };
    every(out, &commit);
    let topics =
        vec![commits::OffsetFetchRequestTopics { name: "t", topic_id: ground.topic, partition_indexes: vec![0, 1] }];
    let group = commits::OffsetFetchRequestGroup { group_id, topics: Some(topics), ..Default::default() };
    let topics = Some(vec![commits::OffsetFetchRequestTopic { name: "t", partition_indexes: vec![0] }]);
    let fetch = commits::OffsetFetchRequest { group_id, topics, groups: vec![group], require_stable: false };
    every(out, &fetch);
    every(out, &group_admin::DescribeGroupsRequest { groups: vec!["g"], include_authorized_operations: true });
    every(out, &group_admin::ListGroupsRequest { states_filter: vec!["Stable"], types_filter: vec!["classic"] });
}

fn listings(out: &mut Vec<Frame>) {
    let resource = configs::DescribeConfigsResource { resource_type: 2, resource_name: "t", configuration_keys: None };
    every(out, &configs::DescribeConfigsRequest { resources: vec![resource], ..Default::default() });
    let topic = cluster::DescribableLogDirTopic { topic: "t", partitions: vec![0] };
    every(out, &cluster::DescribeLogDirsRequest { topics: Some(vec![topic]) });
    let cursor = Some(metadata::Cursor { topic_name: "t", partition_index: 0 });
    let topics = vec![metadata::TopicRequest { name: "t" }];
    every(out, &metadata::DescribeTopicPartitionsRequest { topics, response_partition_limit: 10, cursor });
    every(out, &auth::DescribeAclsRequest { resource_name_filter: Some("t"), ..Default::default() });
}

fn changes(out: &mut Vec<Frame>, ground: &Ground) {
    let config = topics::CreatableTopicConfig { name: "retention.ms", value: Some("60000") };
    let assignment = topics::CreatableReplicaAssignment { partition_index: 0, broker_ids: vec![0] };
    let topic = topics::CreatableTopic {
        name: "new",
        num_partitions: -1,
        replication_factor: -1,
        assignments: vec![assignment],
        configs: vec![config],
    };
    every(out, &topics::CreateTopicsRequest { topics: vec![topic], timeout_ms: 1, validate_only: false });
    let assignments = Some(vec![topics::CreatePartitionsAssignment { broker_ids: vec![0] }]);
    let topic = topics::CreatePartitionsTopic { name: "t", count: 2, assignments };
    every(out, &topics::CreatePartitionsRequest { topics: vec![topic], timeout_ms: 1, validate_only: false });
    let (resource_type, resource_name) = (2, "t");
    let configs = vec![configs::AlterableConfig { name: "retention.ms", value: Some("60000") }];
    let resources = vec![configs::AlterConfigsResource { resource_type, resource_name, configs }];
    every(out, &configs::AlterConfigsRequest { resources, validate_only: false });
    let change = |config_operation, value| configs::IncrementalAlterableConfig {
        name: "cleanup.policy",
        config_operation,
        value: Some(value),
    };
    let configs = vec![change(2, "compact"), change(3, "delete")];
    let resources = vec![configs::IncrementalAlterConfigsResource { resource_type, resource_name, configs }];
    every(out, &configs::IncrementalAlterConfigsRequest { resources, validate_only: true });
    let partitions = vec![offsets::DeleteRecordsPartition { partition_index: 0, offset: 1 }];
    let topics = vec![offsets::DeleteRecordsTopic { name: "t", partitions }];
    every(out, &offsets::DeleteRecordsRequest { topics, timeout_ms: 1 });
    let partitions = vec![commits::OffsetDeleteRequestPartition { partition_index: 0 }];
    let topics = vec![commits::OffsetDeleteRequestTopic { name: "t", partitions }];
    every(out, &commits::OffsetDeleteRequest { group_id: "g", topics });
    let members = vec![groups::MemberIdentity { member_id: &ground.member, ..Default::default() }];
    every(out, &groups::LeaveGroupRequest { group_id: "g", member_id: &ground.member, members });
    every(out, &group_admin::DeleteGroupsRequest { groups_names: vec!["g"] });
    let topic = topics::DeleteTopicState { name: Some("t"), topic_id: Uuid::NONE };
    every(out, &topics::DeleteTopicsRequest { topics: vec![topic], topic_names: vec!["t"], timeout_ms: 1 });
}
