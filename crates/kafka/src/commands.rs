//! The commands: one file a family, one function an API, and the table that leads from the key to it.

mod cluster;
pub(crate) mod fetch;
mod metadata;
mod offsets;
mod produce;
mod topics;

use crate::codec::{ApiKey, DecodeError, Reader, Request, RequestHeader};
use crate::link::{Call, Link};
use fetch::Parked;
use narumq_door::Context;

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
    if link.vhost.is_none() {
        link.vhost = cx.broker.default_vhost();
    }
    match Request::read(api, call.version, reader)? {
        Request::ApiVersions(_) => cluster::api_versions(call, cx),
        Request::Metadata(request) => metadata::metadata(link, &request, call, cx),
        Request::Produce(request) => produce::produce(link, &request, call, cx),
        Request::Fetch(request) => return Ok(fetch::fetch(link, &request, call, cx)),
        Request::ListOffsets(request) => offsets::list_offsets(link, &request, call, cx),
        Request::FindCoordinator(request) => cluster::find_coordinator(link, &request, call, cx),
        Request::InitProducerId(request) => produce::init_producer_id(&request, call, cx),
        Request::CreateTopics(request) => topics::create(link, &request, call, cx),
        Request::DeleteTopics(request) => topics::delete(link, &request, call, cx),
        _ => return Err(DecodeError::Api(header.api_key)),
    }
    Ok(None)
}

/// The APIs that are built, as clients are told.
pub(crate) const BUILT: [ApiKey; 9] = [
    ApiKey::Produce,
    ApiKey::Fetch,
    ApiKey::ListOffsets,
    ApiKey::Metadata,
    ApiKey::FindCoordinator,
    ApiKey::ApiVersions,
    ApiKey::CreateTopics,
    ApiKey::DeleteTopics,
    ApiKey::InitProducerId,
];
