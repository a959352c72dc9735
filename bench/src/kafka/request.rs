//! Encodes the few requests a load needs, each in one version that brokers of any age since 2.4 speak.
//!
//! ```text
//!  0        4         6         8                12                     n
//! +--------+---------+---------+----------------+----------------------+------+------
//! | size   | API key | version | correlation id | client id (i16 size) | tags | body
//! +--------+---------+---------+----------------+----------------------+------+------
//! ```

use super::wire::{put_array, put_string, put_varint};

/// Where the correlation id stands.
pub(crate) const CORRELATION_AT: usize = 8;
/// What the generator calls itself.
const CLIENT: &str = "narumq-bench";
/// How long a broker may take for a change of topics, milliseconds.
const CHANGE_WITHIN_MS: i32 = 60_000;
/// How long a broker may take for a produce, milliseconds.
const PRODUCE_WITHIN_MS: i32 = 30_000;

/// A request's key and version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Api {
    pub(crate) key: i16,
    pub(crate) version: i16,
    pub(crate) name: &'static str,
}

const fn api(key: i16, version: i16, name: &'static str) -> Api {
    Api { key, version, name }
}

pub(crate) const PRODUCE: Api = api(0, 9, "Produce");
pub(crate) const FETCH: Api = api(1, 12, "Fetch");
pub(crate) const LIST_OFFSETS: Api = api(2, 6, "ListOffsets");
pub(crate) const METADATA: Api = api(3, 9, "Metadata");
pub(crate) const API_VERSIONS: Api = api(18, 3, "ApiVersions");
pub(crate) const CREATE_TOPICS: Api = api(19, 5, "CreateTopics");
pub(crate) const DELETE_TOPICS: Api = api(20, 4, "DeleteTopics");

/// All of them: a broker must speak each.
pub(crate) const USED: [Api; 7] = [PRODUCE, FETCH, LIST_OFFSETS, METADATA, API_VERSIONS, CREATE_TOPICS, DELETE_TOPICS];

/// A whole request frame with correlation id 0, whose body `write` fills in.
pub(crate) fn request(api: Api, write: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut out = vec![0; 4];
    out.extend(api.key.to_be_bytes());
    out.extend(api.version.to_be_bytes());
    out.extend([0; 4]);
    out.extend((CLIENT.len() as i16).to_be_bytes());
    out.extend(CLIENT.as_bytes());
    out.push(0);
    write(&mut out);
    out.push(0);
    let size = (out.len() - 4) as u32;
    out[..4].copy_from_slice(&size.to_be_bytes());
    out
}

/// Writes the correlation id into a whole request.
#[inline]
pub(crate) fn correlate(request: &mut [u8], id: i32) {
    if let Some(place) = request.get_mut(CORRELATION_AT..CORRELATION_AT + 4) {
        place.copy_from_slice(&id.to_be_bytes());
    }
}

/// ApiVersions.
pub(crate) fn api_versions() -> Vec<u8> {
    request(API_VERSIONS, |body| {
        put_string(body, CLIENT);
        put_string(body, env!("CARGO_PKG_VERSION"));
    })
}

/// Metadata of these topics, none of which is created by asking.
pub(crate) fn metadata(topics: &[String]) -> Vec<u8> {
    request(METADATA, |body| {
        put_array(body, topics, |out, name| put_string(out, name));
        body.extend([0, 0, 0]);
    })
}

/// CreateTopics with one replica each.
pub(crate) fn create_topics(topics: &[String], partitions: usize, configs: &[(String, String)]) -> Vec<u8> {
    request(CREATE_TOPICS, |body| {
        put_array(body, topics, |out, name| {
            put_string(out, name);
            out.extend((partitions as i32).to_be_bytes());
            out.extend(1i16.to_be_bytes());
            put_varint(out, 1);
            put_array(out, configs, |out, (key, value)| {
                put_string(out, key);
                put_string(out, value);
            });
        });
        body.extend(CHANGE_WITHIN_MS.to_be_bytes());
        body.push(0);
    })
}

/// DeleteTopics.
pub(crate) fn delete_topics(topics: &[String]) -> Vec<u8> {
    request(DELETE_TOPICS, |body| {
        put_varint(body, topics.len() as u32 + 1);
        topics.iter().for_each(|name| put_string(body, name));
        body.extend(CHANGE_WITHIN_MS.to_be_bytes());
    })
}

/// ListOffsets of the end of every partition of these topics.
pub(crate) fn list_ends(topics: &[String], partitions: usize) -> Vec<u8> {
    const LATEST: i64 = -1;
    let partitions: Vec<i32> = (0..partitions as i32).collect();
    request(LIST_OFFSETS, |body| {
        body.extend((-1i32).to_be_bytes());
        body.push(0);
        put_array(body, topics, |out, name| {
            put_string(out, name);
            put_array(out, &partitions, |out, partition| {
                out.extend(partition.to_be_bytes());
                out.extend((-1i32).to_be_bytes());
                out.extend(LATEST.to_be_bytes());
            });
        });
    })
}

/// Produce of one batch to one partition.
pub(crate) fn produce(acks: i16, topic: &str, partition: usize, batch: &[u8]) -> Vec<u8> {
    request(PRODUCE, |body| {
        body.push(0);
        body.extend(acks.to_be_bytes());
        body.extend(PRODUCE_WITHIN_MS.to_be_bytes());
        put_array(body, &[topic], |out, name| {
            put_string(out, name);
            put_array(out, &[partition as i32], |out, partition| {
                out.extend(partition.to_be_bytes());
                put_varint(out, batch.len() as u32 + 1);
                out.extend_from_slice(batch);
            });
        });
    })
}

/// What a fetch asks for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FetchLimits {
    pub(crate) wait_ms_max: i32,
    pub(crate) bytes_min: i32,
    /// Of one partition, octets.
    pub(crate) partition_bytes_max: i32,
}

/// A fetch of some partitions of one topic without a fetch session, and where the offset of each stands in it.
pub(crate) fn fetch(limits: FetchLimits, topic: &str, partitions: &[usize]) -> (Vec<u8>, Vec<usize>) {
    const BYTES_MAX: i32 = 50 << 20;
    let mut places = Vec::with_capacity(partitions.len());
    let frame = request(FETCH, |body| {
        body.extend((-1i32).to_be_bytes());
        body.extend(limits.wait_ms_max.to_be_bytes());
        body.extend(limits.bytes_min.to_be_bytes());
        body.extend(BYTES_MAX.max(limits.partition_bytes_max).to_be_bytes());
        body.push(0);
        // Session 0, epoch -1: a full fetch that opens no session.
        body.extend(0i32.to_be_bytes());
        body.extend((-1i32).to_be_bytes());
        put_array(body, &[topic], |out, name| {
            put_string(out, name);
            put_array(out, partitions, |out, &partition| {
                out.extend((partition as i32).to_be_bytes());
                out.extend((-1i32).to_be_bytes());
                places.push(out.len());
                out.extend(0i64.to_be_bytes());
                out.extend((-1i32).to_be_bytes());
                out.extend((-1i64).to_be_bytes());
                out.extend(limits.partition_bytes_max.to_be_bytes());
            });
        });
        // Nothing forgotten, no rack.
        body.extend([1, 1]);
    });
    (frame, places)
}

#[cfg(test)]
mod tests {
    use super::super::wire::Fields;
    use super::*;

    /// The body of a request whose header is as it should be.
    fn body(frame: &[u8], api: Api, correlation: i32) -> Fields<'_> {
        let mut fields = Fields(frame);
        assert_eq!(fields.i32().unwrap() as usize, frame.len() - 4);
        assert_eq!((fields.i16().unwrap(), fields.i16().unwrap()), (api.key, api.version));
        assert_eq!(fields.i32().unwrap(), correlation);
        let client = fields.i16().unwrap() as usize;
        assert_eq!(fields.take(client).unwrap(), CLIENT.as_bytes());
        fields.tags().unwrap();
        fields
    }

    #[test]
    fn a_produce_holds_its_batch_and_its_correlation_id() {
        let mut frame = produce(-1, "topic", 3, b"batch");
        correlate(&mut frame, 77);
        let mut fields = body(&frame, PRODUCE, 77);
        assert_eq!(fields.octets().unwrap(), None, "no transactional id");
        assert_eq!((fields.i16().unwrap(), fields.i32().unwrap()), (-1, PRODUCE_WITHIN_MS));
        assert_eq!((fields.array().unwrap(), fields.string().unwrap()), (1, "topic"));
        assert_eq!((fields.array().unwrap(), fields.i32().unwrap()), (1, 3));
        assert_eq!(fields.octets().unwrap(), Some(&b"batch"[..]));
        assert_eq!(fields.0, [0, 0, 0], "tags of the partition, the topic and the request");
    }

    #[test]
    fn the_offsets_of_a_fetch_are_where_they_are_said_to_be() {
        let limits = FetchLimits { wait_ms_max: 500, bytes_min: 1, partition_bytes_max: 65_536 };
        let (mut frame, places) = fetch(limits, "t", &[0, 5]);
        frame[places[1]..places[1] + 8].copy_from_slice(&99i64.to_be_bytes());
        let mut fields = body(&frame, FETCH, 0);
        assert_eq!([(); 4].map(|()| fields.i32().unwrap()), [-1, 500, 1, 50 << 20]);
        assert_eq!((fields.i8().unwrap(), fields.i32().unwrap(), fields.i32().unwrap()), (0, 0, -1));
        assert_eq!((fields.array().unwrap(), fields.string().unwrap(), fields.array().unwrap()), (1, "t", 2));
        for (partition, offset) in [(0, 0), (5, 99)] {
            assert_eq!((fields.i32().unwrap(), fields.i32().unwrap()), (partition, -1));
            assert_eq!(fields.i64().unwrap(), offset);
            assert_eq!((fields.i32().unwrap(), fields.i64().unwrap()), (-1, -1));
            assert_eq!(fields.i32().unwrap(), 65_536);
            fields.tags().unwrap();
        }
        assert_eq!(fields.0, [0, 1, 1, 0]);
    }

    #[test]
    fn topics_are_made_with_their_configuration() {
        let configs = [("a.b".to_owned(), "1".to_owned())];
        let frame = create_topics(&["one".to_owned(), "two".to_owned()], 4, &configs);
        let mut fields = body(&frame, CREATE_TOPICS, 0);
        assert_eq!(fields.array().unwrap(), 2);
        for name in ["one", "two"] {
            assert_eq!((fields.string().unwrap(), fields.i32().unwrap()), (name, 4));
            assert_eq!((fields.i16().unwrap(), fields.array().unwrap(), fields.array().unwrap()), (1, 0, 1));
            assert_eq!((fields.string().unwrap(), fields.string().unwrap()), ("a.b", "1"));
            fields.tags().unwrap();
            fields.tags().unwrap();
        }
        assert_eq!((fields.i32().unwrap(), fields.0), (CHANGE_WITHIN_MS, &[0, 0][..]));
    }
}
