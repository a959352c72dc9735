//! Every message in every version: what was encoded decodes to the same value, and nothing is left over.

use proptest::prelude::*;

use super::random::Random;
use super::{ApiKey, Reader, Request, Response};

/// Every API with every version that is built.
fn every_version() -> impl Iterator<Item = (ApiKey, i16)> {
    ApiKey::ALL.iter().flat_map(|api| (api.built().min..=api.built().max).map(move |version| (*api, version)))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_was_encoded_decodes_to_the_same_value(seed in any::<u64>()) {
        let mut random = Random::new(seed);
        let (mut out, mut cuts) = (Vec::new(), Vec::new());
        for (api, version) in every_version() {
            let form = api.form(version).expect("built");
            let request = Request::random(api, &mut random, form);
            out.clear();
            request.encode(version, &mut out, &mut cuts);
            let mut reader = Reader::new(&out);
            prop_assert_eq!(Request::read(api, version, &mut reader), Ok(request), "{:?} v{}", api, version);
            prop_assert!(reader.rest().is_empty(), "request {:?} v{} leaves bytes", api, version);

            let response = Response::random(api, &mut random, form);
            out.clear();
            response.encode(version, &mut out, &mut cuts);
            let mut reader = Reader::new(&out);
            prop_assert_eq!(Response::read(api, version, &mut reader), Ok(response), "{:?} v{}", api, version);
            prop_assert!(reader.rest().is_empty(), "response {:?} v{} leaves bytes", api, version);
        }
        prop_assert!(cuts.is_empty());
    }

    #[test]
    fn a_message_that_is_cut_short_is_refused_at_every_length(seed in any::<u64>()) {
        let mut random = Random::new(seed);
        let mut out = Vec::new();
        for (api, version) in every_version() {
            out.clear();
            let form = api.form(version).expect("built");
            Request::random(api, &mut random, form).encode(version, &mut out, &mut Vec::new());
            for length in 0..out.len() {
                let read = Request::read(api, version, &mut Reader::new(&out[..length]));
                prop_assert!(read.is_err(), "{:?} v{} of {} bytes cut to {}", api, version, out.len(), length);
            }
        }
    }
}

#[test]
fn the_keys_are_those_of_the_table() {
    let keys = ApiKey::ALL.iter().map(|api| api.key()).collect::<Vec<_>>();
    assert!(keys.is_sorted());
    for api in ApiKey::ALL {
        assert_eq!(ApiKey::from_key(api.key()), Some(*api));
        assert!(api.advertised().min <= api.built().min && api.advertised().max == api.built().max);
    }
}
