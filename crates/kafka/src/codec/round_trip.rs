//! Every message in every version: what was encoded decodes to the same value, and nothing is left over.

use proptest::prelude::*;

use super::random::Random;
use super::{
    ApiKey, Caller, DecodeError, FRAME_MAX, Reader, Request, RequestHeader, Response, read_response_header, split_frame,
};

/// Every API with every version that is built.
fn every_version() -> impl Iterator<Item = (ApiKey, i16)> {
    ApiKey::ALL.iter().flat_map(|api| (api.built().min..=api.built().max).map(move |version| (*api, version)))
}

/// The content of the one frame in `bytes`.
fn content(bytes: &[u8]) -> &[u8] {
    let frame = split_frame(bytes, FRAME_MAX).unwrap().unwrap();
    assert!(frame.rest.is_empty());
    frame.content
}

fn read_request(bytes: &[u8]) -> Result<(RequestHeader<'_>, Request<'_>, usize), DecodeError> {
    let mut reader = Reader::new(bytes);
    let header = RequestHeader::read(&mut reader)?;
    let request = Request::read(header.api()?, header.api_version, &mut reader)?;
    Ok((header, request, reader.rest().len()))
}

fn read_response(api: ApiKey, version: i16, bytes: &[u8]) -> Result<(i32, Response<'_>, usize), DecodeError> {
    let mut reader = Reader::new(bytes);
    let correlation_id = read_response_header(api, version, &mut reader)?;
    let response = Response::read(api, version, &mut reader)?;
    Ok((correlation_id, response, reader.rest().len()))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_was_encoded_decodes_to_the_same_value(seed in any::<u64>()) {
        let mut random = Random::new(seed);
        let (mut out, mut cuts) = (Vec::new(), Vec::new());
        for (api, version) in every_version() {
            let form = api.form(version).expect("built");
            let correlation_id = random.number() as i32;
            let client_id = (random.below(2) == 0).then(|| random.string());
            let request = Request::random(api, &mut random, form);
            out.clear();
            request.encode_frame(Caller { correlation_id, client_id }, version, &mut out);
            let header = RequestHeader { api_key: api.key(), api_version: version, correlation_id, client_id };
            prop_assert_eq!(read_request(content(&out)), Ok((header, request, 0)), "{:?} v{}", api, version);

            let response = Response::random(api, &mut random, form);
            out.clear();
            response.encode_frame(correlation_id, version, &mut out, &mut cuts);
            let read = read_response(api, version, content(&out));
            prop_assert_eq!(read, Ok((correlation_id, response, 0)), "{:?} v{}", api, version);
        }
        prop_assert!(cuts.is_empty());
    }
}

#[test]
fn the_keys_are_those_of_the_table() {
    let keys = ApiKey::ALL.iter().map(|api| api.key()).collect::<Vec<_>>();
    assert!(keys.is_sorted());
    for api in ApiKey::ALL {
        assert_eq!(ApiKey::from_key(api.key()), Some(*api));
        // Older versions may be taken without a word of it; of Produce more is said than is taken.
        let known = api.advertised().min >= api.built().min || *api == ApiKey::Produce;
        assert!(known && api.advertised().max == api.built().max);
    }
}
