//! ApiVersions and FindCoordinator: what the broker speaks, and that it does everything itself.

use super::BUILT;
use crate::codec::messages::cluster::{ApiVersion, ApiVersionsRequest, ApiVersionsResponse};
use crate::codec::messages::groups::{Coordinator, FindCoordinatorRequest, FindCoordinatorResponse};
use crate::codec::{ApiKey, ErrorCode};
use crate::link::{Call, Link, answer};
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
    let api_keys = BUILT.into_iter().map(told).collect();
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
