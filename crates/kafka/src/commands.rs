//! The commands: one file a family, one function an API, and the table that leads from the key to it.

mod cluster;
mod commits;
mod configs;
mod epochs;
pub(crate) mod fetch;
mod group_admin;
pub(crate) mod groups;
mod metadata;
pub(crate) mod offsets;
mod produce;
pub(crate) mod sasl;
mod topics;

use crate::codec::{ApiKey, DecodeError, Reader, Request, RequestHeader};
use crate::link::{Call, Link};
use fetch::Fetching;
use groups::Waiting;
use narumq_door::Context;
use offsets::Searching;
pub(crate) use produce::{prepare, rules_of};
pub(crate) use topics::check_new_name as check_new_topic;

/// A request that is answered later; those behind it wait, too.
#[derive(Debug)]
pub(crate) enum Parked {
    /// For records.
    Fetch(Fetching),
    /// For a group.
    Group(Waiting),
    /// For offsets that are looked for on the disk.
    Offsets(Searching),
}

/// Runs one request: answers it, or gives back what waits.
///
/// # Errors
/// When the connection must be closed: the bytes are no such request, or it cannot be answered.
pub(crate) fn run(
    link: &mut Link,
    header: &RequestHeader<'_>,
    call: Call,
    reader: &mut Reader<'_>,
    cx: &mut Context<'_>,
) -> Result<Option<Parked>, DecodeError> {
    let api = match header.api() {
        Ok(api) => api,
        Err(DecodeError::Version(_)) if header.api_key == ApiKey::ApiVersions.key() => {
            cluster::unknown_version(call, cx);
            return Ok(None);
        }
        Err(error) => return Err(error),
    };
    if !link.login.allows(api) {
        return Err(DecodeError::Api(header.api_key));
    }
    if link.vhost.is_none() {
        link.vhost = cx.broker.default_vhost();
    }
    let body = reader.rest();
    let waits = |waiting: Option<Waiting>| Ok(waiting.map(Parked::Group));
    match Request::read(api, call.version, reader)? {
        Request::ApiVersions(request) => cluster::api_versions(&request, call, cx),
        Request::SaslHandshake(request) => sasl::handshake(link, &request, call, cx),
        Request::SaslAuthenticate(request) => sasl::authenticate(link, &request, call, cx),
        Request::Metadata(request) => metadata::metadata(link, &request, call, cx),
        Request::Produce(request) => produce::produce(link, &request, call, cx),
        Request::Fetch(request) => return Ok(fetch::fetch(link, &request, call, cx).map(Parked::Fetch)),
        Request::JoinGroup(request) => return waits(groups::join(link, &request, call, header.client_id, cx)),
        Request::SyncGroup(request) => return waits(groups::sync(link, &request, call, cx)),
        Request::Heartbeat(request) => groups::heartbeat(link, &request, call, cx),
        Request::LeaveGroup(request) => groups::leave(link, &request, call, cx),
        Request::OffsetCommit(request) => commits::commit(link, &request, call, cx),
        Request::OffsetFetch(request) => commits::fetch(link, &request, call, cx),
        Request::OffsetDelete(request) => commits::delete(link, &request, call, cx),
        Request::DescribeGroups(request) => group_admin::describe(link, &request, call, cx),
        Request::ListGroups(request) => group_admin::list(link, &request, call, cx),
        Request::DeleteGroups(request) => group_admin::delete(link, &request, call, cx),
        Request::ListOffsets(request) => {
            return Ok(offsets::list_offsets(link, &request, (call, body), cx).map(Parked::Offsets));
        }
        Request::DeleteRecords(request) => offsets::delete_records(link, &request, call, cx),
        Request::FindCoordinator(request) => cluster::find_coordinator(link, &request, call, cx),
        Request::InitProducerId(request) => produce::init_producer_id(&request, call, cx),
        Request::CreateTopics(request) => topics::create(link, &request, call, cx),
        Request::DeleteTopics(request) => topics::delete(link, &request, call, cx),
        Request::CreatePartitions(request) => topics::add_partitions(link, &request, call, cx),
        Request::DescribeConfigs(request) => configs::describe(link, &request, call, cx),
        Request::AlterConfigs(request) => configs::replace(link, &request, call, cx),
        Request::IncrementalAlterConfigs(request) => configs::incremental(link, &request, call, cx),
        Request::DescribeCluster(request) => cluster::describe(link, &request, call, cx),
        Request::DescribeLogDirs(request) => cluster::log_dirs(link, &request, call, cx),
        Request::DescribeAcls(_) => cluster::describe_acls(call, cx),
        Request::DescribeTopicPartitions(request) => metadata::describe_partitions(link, &request, call, cx),
        Request::OffsetForLeaderEpoch(request) => epochs::epoch_ends(link, &request, call, cx),
    }
    Ok(None)
}

/// The APIs that are built, as clients are told.
pub(crate) const BUILT: &[ApiKey] = &[
    ApiKey::Produce,
    ApiKey::Fetch,
    ApiKey::ListOffsets,
    ApiKey::Metadata,
    ApiKey::OffsetCommit,
    ApiKey::OffsetFetch,
    ApiKey::FindCoordinator,
    ApiKey::JoinGroup,
    ApiKey::Heartbeat,
    ApiKey::LeaveGroup,
    ApiKey::SyncGroup,
    ApiKey::DescribeGroups,
    ApiKey::ListGroups,
    ApiKey::SaslHandshake,
    ApiKey::ApiVersions,
    ApiKey::CreateTopics,
    ApiKey::DeleteTopics,
    ApiKey::DeleteRecords,
    ApiKey::InitProducerId,
    ApiKey::DeleteGroups,
    ApiKey::OffsetDelete,
    ApiKey::OffsetForLeaderEpoch,
    ApiKey::DescribeAcls,
    ApiKey::DescribeConfigs,
    ApiKey::AlterConfigs,
    ApiKey::DescribeLogDirs,
    ApiKey::SaslAuthenticate,
    ApiKey::CreatePartitions,
    ApiKey::IncrementalAlterConfigs,
    ApiKey::DescribeCluster,
    ApiKey::DescribeTopicPartitions,
];
