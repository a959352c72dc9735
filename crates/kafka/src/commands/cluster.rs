//! ApiVersions and FindCoordinator: what the broker speaks, and that it does everything itself.

use super::BUILT;
use crate::codec::messages::cluster::{ApiVersion, ApiVersionsResponse};
use crate::codec::messages::groups::{Coordinator, FindCoordinatorRequest, FindCoordinatorResponse};
use crate::codec::{ApiKey, ErrorCode};
use crate::link::{Call, Link, answer};
use narumq_door::Context;

fn told(api: ApiKey) -> ApiVersion {
    let versions = api.advertised();
    ApiVersion { api_key: api.key(), min_version: versions.min, max_version: versions.max }
}

/// `ApiVersions`
pub(super) fn api_versions(call: Call, cx: &mut Context<'_>) {
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
