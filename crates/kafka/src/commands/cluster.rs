//! ApiVersions, FindCoordinator, DescribeCluster, DescribeLogDirs, DescribeAcls: the broker about itself.

use super::BUILT;
use crate::codec::messages::auth::DescribeAclsResponse;
use crate::codec::messages::cluster::{
    ApiVersion, ApiVersionsRequest, ApiVersionsResponse, DescribableLogDirTopic, DescribeClusterBroker,
    DescribeClusterRequest, DescribeClusterResponse, DescribeLogDirsPartition, DescribeLogDirsRequest,
    DescribeLogDirsResponse, DescribeLogDirsResult, DescribeLogDirsTopic,
};
use crate::codec::messages::groups::{Coordinator, FindCoordinatorRequest, FindCoordinatorResponse};
use crate::codec::{ApiKey, ErrorCode};
use crate::link::{Call, Link, answer};
use crate::topics::partition_of;
use narumq_broker::TopicHandle;
use narumq_door::Context;

fn told(api: ApiKey) -> ApiVersion {
    let versions = api.advertised();
    ApiVersion { api_key: api.key(), min_version: versions.min, max_version: versions.max }
}

/// Whether a client's software may have this name or version (KIP-511).
fn is_name(name: &str) -> bool {
    let inner = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'.';
    let edge = |b: Option<&u8>| b.is_some_and(u8::is_ascii_alphanumeric);
    let bytes = name.as_bytes();
    edge(bytes.first()) && edge(bytes.last()) && bytes.iter().all(|b| inner(*b))
}

/// `ApiVersions`
pub(super) fn api_versions(request: &ApiVersionsRequest<'_>, call: Call, cx: &mut Context<'_>) {
    let named = is_name(request.client_software_name) && is_name(request.client_software_version);
    if call.version >= 3 && !named {
        let error_code = ErrorCode::InvalidRequest.code();
        return answer(call, &ApiVersionsResponse { error_code, ..Default::default() }, cx);
    }
    let api_keys = BUILT.iter().copied().map(told).collect();
    answer(call, &ApiVersionsResponse { api_keys, ..Default::default() }, cx);
}

/// `ApiVersions` of a version that is not known: answered in version 0, with the range that is (KIP-511).
pub(super) fn unknown_version(call: Call, cx: &mut Context<'_>) {
    let error_code = ErrorCode::UnsupportedVersion.code();
    let response = ApiVersionsResponse { error_code, api_keys: vec![told(ApiKey::ApiVersions)], ..Default::default() };
    answer(Call { version: 0, ..call }, &response, cx);
}

/// What a key is to be coordinated for.
const GROUP: i8 = 0;

/// `FindCoordinator`: this broker, for groups.
pub(super) fn find_coordinator(
    link: &mut Link,
    request: &FindCoordinatorRequest<'_>,
    call: Call,
    cx: &mut Context<'_>,
) {
    let (host, port) = link.address();
    let code = match request.key_type {
        GROUP => ErrorCode::None,
        1 => ErrorCode::TransactionalIdAuthorizationFailed,
        _ => ErrorCode::InvalidRequest,
    };
    let found = code == ErrorCode::None;
    let (host, port) = if found { (host.as_str(), port) } else { ("", -1) };
    let node_id = if found { link.settings.node_id } else { -1 };
    let error_message = (!found).then_some(code.name());
    let error_code = code.code();
    let of = |key| Coordinator { key, node_id, host, port, error_code, error_message };
    let response = FindCoordinatorResponse {
        error_code,
        error_message,
        node_id,
        host,
        port,
        coordinators: request.coordinator_keys.iter().map(|key| of(key)).collect(),
        ..Default::default()
    };
    answer(call, &response, cx);
}

/// All that may be done to the cluster, as bits: create, alter, describe, cluster action, describe and alter settings,
/// idempotent write.
pub(super) const CLUSTER_OPERATIONS: i32 = 8096;

const BROKERS: i8 = 1;
const CONTROLLERS: i8 = 2;

/// `DescribeCluster`: one broker, its own controller.
pub(super) fn describe(link: &Link, request: &DescribeClusterRequest, call: Call, cx: &mut Context<'_>) {
    let node = link.settings.node_id;
    let (host, port) = link.address();
    let (code, text) = match request.endpoint_type {
        BROKERS => (ErrorCode::None, None),
        CONTROLLERS => {
            let text =
                "The request was sent to an endpoint of type BROKER, but we wanted an endpoint of type CONTROLLER";
            (ErrorCode::MismatchedEndpointType, Some(text.to_owned()))
        }
        other => (ErrorCode::UnsupportedEndpointType, Some(format!("Unsupported endpoint type {other}"))),
    };
    let error_code = code.code();
    if code != ErrorCode::None {
        let response = DescribeClusterResponse { error_code, error_message: text.as_deref(), ..Default::default() };
        return answer(call, &response, cx);
    }
    let asked = request.include_cluster_authorized_operations;
    let broker = DescribeClusterBroker { broker_id: node, host: &host, port, rack: None, is_fenced: false };
    let response = DescribeClusterResponse {
        endpoint_type: BROKERS,
        cluster_id: &link.settings.cluster_id,
        controller_id: node,
        brokers: vec![broker],
        cluster_authorized_operations: if asked { CLUSTER_OPERATIONS } else { i32::MIN },
        ..Default::default()
    };
    answer(call, &response, cx);
}

/// `DescribeLogDirs`: the one directory; what is not there is left out.
pub(super) fn log_dirs(link: &mut Link, request: &DescribeLogDirsRequest<'_>, call: Call, cx: &mut Context<'_>) {
    let Some(vhost) = link.vhost.clone() else { return };
    let all = cx.broker.topics(&vhost);
    let names: Vec<narumq_model::Name> = all.iter().map(|topic| topic.definition().name.clone()).collect();
    let every = |topic: &TopicHandle| (0..topic.partition_count() as i32).collect::<Vec<i32>>();
    let mut topics = Vec::new();
    match &request.topics {
        None => {
            topics.extend(all.iter().zip(&names).map(|(topic, name)| sizes(topic, name, &every(topic), cx)));
        }
        Some(asked) => {
            for DescribableLogDirTopic { topic, partitions } in asked {
                if let Some(handle) = link.topics.named(topic, &vhost, cx.broker) {
                    topics.push(sizes(&handle, topic, partitions, cx));
                }
            }
        }
    }
    topics.retain(|topic| !topic.partitions.is_empty());
    let directory = DescribeLogDirsResult { log_dir: &link.settings.log_dir, topics, ..Default::default() };
    answer(call, &DescribeLogDirsResponse { results: vec![directory], ..Default::default() }, cx);
}

fn sizes<'a>(topic: &TopicHandle, name: &'a str, numbers: &[i32], cx: &Context<'_>) -> DescribeLogDirsTopic<'a> {
    let size = |number: &i32| {
        let partition = partition_of(Some(topic), *number)?;
        let bytes = cx.broker.offsets(&partition)?.bytes;
        Some(DescribeLogDirsPartition { partition_index: *number, partition_size: bytes as i64, ..Default::default() })
    };
    DescribeLogDirsTopic { name, partitions: numbers.iter().filter_map(size).collect() }
}

/// `DescribeAcls`: there are no access rules.
pub(super) fn describe_acls(call: Call, cx: &mut Context<'_>) {
    let response = DescribeAclsResponse {
        error_code: ErrorCode::SecurityDisabled.code(),
        error_message: Some("No Authorizer is configured on the broker"),
        ..Default::default()
    };
    answer(call, &response, cx);
}
