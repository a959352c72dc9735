//! Headers of requests and responses, and whole frames.
//!
//! ```text
//! request:  +---------------+-------------------+----------------------+--------------------------+---------------+
//!           | api key (i16) | api version (i16) | correlation id (i32) | client id (i16 + string) | tagged fields |
//!           +---------------+-------------------+----------------------+--------------------------+---------------+
//!                                                                        v1, v2: never compact       v2
//! response: +----------------------+---------------+
//!           | correlation id (i32) | tagged fields |
//!           +----------------------+---------------+
//!                                    v1
//! ```
//! Flexible versions have header v2 and v1, the others v1 and v0; the response to ApiVersions always has v0 (KIP-511).
//! Request header v0, without client id, belongs to one API between brokers that is not built.

use super::frame::{begin_frame, end_frame};
use super::{ApiKey, Cut, DecodeError, Form, Message, Reader, Wire, Writer};

/// What stands in front of a request's body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RequestHeader<'a> {
    /// The key of the API, which may be one that is not built.
    pub api_key: i16,
    /// The version, which may be one that is not built.
    pub api_version: i16,
    /// The number that the response carries, too.
    pub correlation_id: i32,
    /// The name that the client gives itself.
    pub client_id: Option<&'a str>,
}

impl<'a> RequestHeader<'a> {
    /// Reads a header; the body follows. Of an API that is not built only the fields are read, as nothing is known of the
    /// rest: the reader is of no use then.
    ///
    /// # Errors
    /// When the bytes are not a header.
    #[inline]
    pub fn read(reader: &mut Reader<'a>) -> Result<Self, DecodeError> {
        let header = Self {
            api_key: reader.i16()?,
            api_version: reader.i16()?,
            correlation_id: reader.i32()?,
            client_id: reader.string(CLASSIC)?,
        };
        if ApiKey::from_key(header.api_key).is_some_and(|api| api.is_flexible(header.api_version)) {
            reader.tagged_fields(|_, _| Ok(false))?;
        }
        Ok(header)
    }

    /// The API, if its version is built.
    ///
    /// # Errors
    /// [`DecodeError::Api`] or [`DecodeError::Version`].
    #[inline]
    pub fn api(&self) -> Result<ApiKey, DecodeError> {
        let api = ApiKey::from_key(self.api_key).ok_or(DecodeError::Api(self.api_key))?;
        api.form(self.api_version).map(|_| api)
    }
}

/// The form of a client id, whatever the version.
const CLASSIC: Form = Form { version: 0, flexible: false };

/// Whether the header of a response has tagged fields.
#[inline]
const fn is_response_header_flexible(api: ApiKey, version: i16) -> bool {
    !matches!(api, ApiKey::ApiVersions) && api.is_flexible(version)
}

/// Reads the header of a response, which is its correlation id; the body follows.
///
/// # Errors
/// When the bytes are not a header.
#[inline]
pub fn read_response_header(api: ApiKey, version: i16, reader: &mut Reader<'_>) -> Result<i32, DecodeError> {
    let correlation_id = reader.i32()?;
    if is_response_header_flexible(api, version) {
        reader.tagged_fields(|_, _| Ok(false))?;
    }
    Ok(correlation_id)
}

/// What a request's header says beside its API.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Caller<'a> {
    /// The number that the response will carry.
    pub correlation_id: i32,
    /// The name that the client gives itself.
    pub client_id: Option<&'a str>,
}

/// Appends a whole request: size, header and body.
///
/// # Panics
/// When the version is not built, or the frame is 2 GiB or larger.
pub fn encode_request<'a, M: Message<'a>>(caller: Caller<'_>, version: i16, body: &M, out: &mut Vec<u8>) {
    let start = begin_frame(out);
    let mut cuts = Vec::new();
    let mut writer = Writer::new(out, &mut cuts);
    M::API.key().write(&mut writer, CLASSIC);
    version.write(&mut writer, CLASSIC);
    caller.correlation_id.write(&mut writer, CLASSIC);
    caller.client_id.write(&mut writer, CLASSIC);
    if M::API.is_flexible(version) {
        writer.varint(0);
    }
    body.encode(version, out, &mut cuts);
    end_frame(out, start, &cuts);
}

/// Appends a whole response: size, header and body. The size counts the bytes of the cuts that this call adds.
///
/// # Panics
/// When the version is not built, or the frame is 2 GiB or larger.
#[inline]
pub fn encode_response<'a, M: Message<'a>>(
    correlation_id: i32,
    version: i16,
    body: &M,
    out: &mut Vec<u8>,
    cuts: &mut Vec<Cut>,
) {
    let (start, first_cut) = (begin_frame(out), cuts.len());
    let mut writer = Writer::new(out, cuts);
    correlation_id.write(&mut writer, CLASSIC);
    if is_response_header_flexible(M::API, version) {
        writer.varint(0);
    }
    body.encode(version, out, cuts);
    end_frame(out, start, &cuts[first_cut..]);
}
