//! The APIs: keys, versions, and which messages belong to which.
//!
//! ```text
//! built:      the versions that are decoded and encoded
//! advertised: what clients are told: from where Kafka 4.2 begins, though older versions are taken from who does not ask;
//!             of Produce more than is built, because clients draw wrong conclusions from the truth
//! flexible:   the first version with compact lengths and tagged fields
//! ```

use super::messages::{
    auth, cluster, commits, configs, fetch, group_admin, groups, metadata, offsets, produce, topics,
};
use super::table::apis;
use super::{Cut, DecodeError, Form, Reader, Wire, Writer};

/// A first flexible version for APIs that have none.
const NEVER: i16 = i16::MAX;

/// A range of versions, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Versions {
    /// The lowest.
    pub min: i16,
    /// The highest.
    pub max: i16,
}

impl Versions {
    /// Whether `version` is one of them.
    #[inline]
    pub const fn contains(self, version: i16) -> bool {
        self.min <= version && version <= self.max
    }
}

/// The body of a request or of a response.
pub trait Message<'a>: Wire<'a> + Default {
    /// The API it belongs to.
    const API: ApiKey;

    /// Decodes the body. It borrows from the bytes. What follows it is ignored, as Kafka does.
    ///
    /// # Errors
    /// When the version is not built or the bytes are not such a body.
    #[inline]
    fn decode(bytes: &'a [u8], version: i16) -> Result<Self, DecodeError> {
        Self::read(&mut Reader::new(bytes), Self::API.form(version)?)
    }

    /// Appends the body in a version that is built. Fields that the version does not have are left out; a null that it
    /// does not have becomes the empty value. The cuts say where [`Records::Elsewhere`](super::Records::Elsewhere) go.
    ///
    /// # Panics
    /// When the version is not built: who answers a request has decoded it in that version.
    #[inline]
    fn encode(&self, version: i16, out: &mut Vec<u8>, cuts: &mut Vec<Cut>) {
        let form = Self::API.form(version).expect("a version that is built");
        self.write(&mut Writer::new(out, cuts), form);
    }
}

apis! {
    /// Appends record batches.
    Produce = 0, built 3 to 13, advertised from 0, flexible from 9,
        produce::ProduceRequest<'a>, produce::ProduceResponse<'a>;
    /// Reads records.
    Fetch = 1, built 4 to 18, advertised from 4, flexible from 12,
        fetch::FetchRequest<'a>, fetch::FetchResponse<'a>;
    /// Finds offsets by time.
    ListOffsets = 2, built 0 to 11, advertised from 1, flexible from 6,
        offsets::ListOffsetsRequest<'a>, offsets::ListOffsetsResponse<'a>;
    /// Brokers, topics, partitions and leaders.
    Metadata = 3, built 0 to 13, advertised from 0, flexible from 9,
        metadata::MetadataRequest<'a>, metadata::MetadataResponse<'a>;
    /// Stores a group's offsets.
    OffsetCommit = 8, built 0 to 10, advertised from 2, flexible from 8,
        commits::OffsetCommitRequest<'a>, commits::OffsetCommitResponse<'a>;
    /// Reads a group's offsets.
    OffsetFetch = 9, built 0 to 10, advertised from 1, flexible from 6,
        commits::OffsetFetchRequest<'a>, commits::OffsetFetchResponse<'a>;
    /// Where groups and transactions are coordinated.
    FindCoordinator = 10, built 0 to 6, advertised from 0, flexible from 3,
        groups::FindCoordinatorRequest<'a>, groups::FindCoordinatorResponse<'a>;
    /// Joins a classic group.
    JoinGroup = 11, built 0 to 9, advertised from 0, flexible from 6,
        groups::JoinGroupRequest<'a>, groups::JoinGroupResponse<'a>;
    /// Keeps a member of a classic group.
    Heartbeat = 12, built 0 to 4, advertised from 0, flexible from 4,
        groups::HeartbeatRequest<'a>, groups::HeartbeatResponse;
    /// Leaves a classic group.
    LeaveGroup = 13, built 0 to 5, advertised from 0, flexible from 4,
        groups::LeaveGroupRequest<'a>, groups::LeaveGroupResponse<'a>;
    /// Hands out assignments.
    SyncGroup = 14, built 0 to 5, advertised from 0, flexible from 4,
        groups::SyncGroupRequest<'a>, groups::SyncGroupResponse<'a>;
    /// Classic groups in detail.
    DescribeGroups = 15, built 0 to 6, advertised from 0, flexible from 5,
        group_admin::DescribeGroupsRequest<'a>, group_admin::DescribeGroupsResponse<'a>;
    /// All groups.
    ListGroups = 16, built 0 to 5, advertised from 0, flexible from 3,
        group_admin::ListGroupsRequest<'a>, group_admin::ListGroupsResponse<'a>;
    /// Chooses a mechanism.
    SaslHandshake = 17, built 0 to 1, advertised from 0, flexible from NEVER,
        auth::SaslHandshakeRequest<'a>, auth::SaslHandshakeResponse<'a>;
    /// This table, for clients.
    ApiVersions = 18, built 0 to 4, advertised from 0, flexible from 3,
        cluster::ApiVersionsRequest<'a>, cluster::ApiVersionsResponse<'a>;
    /// Creates topics.
    CreateTopics = 19, built 0 to 7, advertised from 2, flexible from 5,
        topics::CreateTopicsRequest<'a>, topics::CreateTopicsResponse<'a>;
    /// Deletes topics.
    DeleteTopics = 20, built 0 to 6, advertised from 1, flexible from 4,
        topics::DeleteTopicsRequest<'a>, topics::DeleteTopicsResponse<'a>;
    /// Moves the start of partitions.
    DeleteRecords = 21, built 0 to 2, advertised from 0, flexible from 2,
        offsets::DeleteRecordsRequest<'a>, offsets::DeleteRecordsResponse<'a>;
    /// Gives producer ids.
    InitProducerId = 22, built 0 to 5, advertised from 0, flexible from 2,
        produce::InitProducerIdRequest<'a>, produce::InitProducerIdResponse;
    /// Where leader epochs ended.
    OffsetForLeaderEpoch = 23, built 0 to 4, advertised from 2, flexible from 4,
        offsets::OffsetForLeaderEpochRequest<'a>, offsets::OffsetForLeaderEpochResponse<'a>;
    /// Access rules.
    DescribeAcls = 29, built 0 to 3, advertised from 1, flexible from 2,
        auth::DescribeAclsRequest<'a>, auth::DescribeAclsResponse<'a>;
    /// Settings.
    DescribeConfigs = 32, built 0 to 4, advertised from 1, flexible from 4,
        configs::DescribeConfigsRequest<'a>, configs::DescribeConfigsResponse<'a>;
    /// Replaces settings.
    AlterConfigs = 33, built 0 to 2, advertised from 0, flexible from 2,
        configs::AlterConfigsRequest<'a>, configs::AlterConfigsResponse<'a>;
    /// Sizes on disk.
    DescribeLogDirs = 35, built 0 to 4, advertised from 1, flexible from 2,
        cluster::DescribeLogDirsRequest<'a>, cluster::DescribeLogDirsResponse<'a>;
    /// Steps of a mechanism.
    SaslAuthenticate = 36, built 0 to 2, advertised from 0, flexible from 2,
        auth::SaslAuthenticateRequest<'a>, auth::SaslAuthenticateResponse<'a>;
    /// Adds partitions.
    CreatePartitions = 37, built 0 to 3, advertised from 0, flexible from 2,
        topics::CreatePartitionsRequest<'a>, topics::CreatePartitionsResponse<'a>;
    /// Deletes groups.
    DeleteGroups = 42, built 0 to 2, advertised from 0, flexible from 2,
        group_admin::DeleteGroupsRequest<'a>, group_admin::DeleteGroupsResponse<'a>;
    /// Changes settings one by one.
    IncrementalAlterConfigs = 44, built 0 to 1, advertised from 0, flexible from 1,
        configs::IncrementalAlterConfigsRequest<'a>, configs::IncrementalAlterConfigsResponse<'a>;
    /// Deletes a group's offsets.
    OffsetDelete = 47, built 0 to 0, advertised from 0, flexible from NEVER,
        commits::OffsetDeleteRequest<'a>, commits::OffsetDeleteResponse<'a>;
    /// Brokers and controller.
    DescribeCluster = 60, built 0 to 2, advertised from 0, flexible from 0,
        cluster::DescribeClusterRequest, cluster::DescribeClusterResponse<'a>;
    /// Topics, in pieces.
    DescribeTopicPartitions = 75, built 0 to 0, advertised from 0, flexible from 0,
        metadata::DescribeTopicPartitionsRequest<'a>, metadata::DescribeTopicPartitionsResponse<'a>;
}

impl ApiKey {
    /// The key as it stands on the wire.
    #[inline]
    pub const fn key(self) -> i16 {
        self as i16
    }

    /// Whether messages of this version have compact lengths and tagged fields; so have those of later versions than are
    /// built.
    #[inline]
    pub const fn is_flexible(self, version: i16) -> bool {
        version >= self.first_flexible()
    }

    /// The form of its messages in a version.
    ///
    /// # Errors
    /// When the version is not built.
    #[inline]
    pub const fn form(self, version: i16) -> Result<Form, DecodeError> {
        if self.built().contains(version) {
            Ok(Form { version, flexible: self.is_flexible(version) })
        } else {
            Err(DecodeError::Version(version))
        }
    }
}
