//! The answers of the least server.

use super::store::Parked;
use crate::kafka::request::USED;
use crate::kafka::wire::{put_array, put_string, put_varint};

/// UNKNOWN_TOPIC_OR_PARTITION
pub(crate) const UNKNOWN: i16 = 3;
/// TOPIC_ALREADY_EXISTS
pub(crate) const EXISTS: i16 = 36;
/// CORRUPT_MESSAGE
pub(crate) const CORRUPT: i16 = 2;
/// INVALID_RECORD
pub(crate) const INVALID: i16 = 87;

/// An answer whose body `write` fills in.
pub(crate) fn answer(correlation: i32, write: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut out = vec![0; 4];
    out.extend(correlation.to_be_bytes());
    out.push(0);
    write(&mut out);
    out.push(0);
    set_size(&mut out, 0);
    out
}

/// Sets the size of a frame of which `more` octets will follow.
fn set_size(frame: &mut [u8], more: usize) {
    let size = (frame.len() + more - 4) as u32;
    frame[..4].copy_from_slice(&size.to_be_bytes());
}

/// ApiVersions: everything that is used, and nothing else.
pub(crate) fn api_versions(correlation: i32) -> Vec<u8> {
    let mut out = vec![0; 4];
    out.extend(correlation.to_be_bytes());
    out.extend([0, 0]);
    put_array(&mut out, &USED, |out, api| {
        [api.key, api.version, api.version].iter().for_each(|number| out.extend(number.to_be_bytes()));
    });
    out.extend([0; 5]);
    set_size(&mut out, 0);
    out
}

/// Metadata: this broker leads all; `None` is a topic there is not.
pub(crate) fn metadata(correlation: i32, port: u16, topics: &[(String, Option<usize>)]) -> Vec<u8> {
    answer(correlation, |out| {
        out.extend([0; 4]);
        put_array(out, &[port], |out, port| {
            out.extend([0; 4]);
            put_string(out, "127.0.0.1");
            out.extend(i32::from(*port).to_be_bytes());
            out.push(0);
        });
        out.push(0);
        out.extend([0; 4]);
        put_array(out, topics, |out, (name, partitions)| {
            out.extend(if partitions.is_some() { 0 } else { UNKNOWN }.to_be_bytes());
            put_string(out, name);
            out.push(0);
            let partitions: Vec<i32> = (0..partitions.unwrap_or(0) as i32).collect();
            put_array(out, &partitions, |out, partition| {
                out.extend([0, 0]);
                out.extend(partition.to_be_bytes());
                // Leader 0, epoch 0, replicas and those in sync are the leader, nobody is offline.
                out.extend([0; 8]);
                out.extend([2, 0, 0, 0, 0, 2, 0, 0, 0, 0, 1]);
            });
            out.extend([0; 4]);
        });
        out.extend([0; 4]);
    })
}

/// CreateTopics: an error code for each.
pub(crate) fn created(correlation: i32, topics: &[(String, i32, i16)]) -> Vec<u8> {
    answer(correlation, |out| {
        out.extend([0; 4]);
        put_array(out, topics, |out, (name, partitions, code)| {
            put_string(out, name);
            out.extend(code.to_be_bytes());
            out.push(0);
            out.extend(partitions.to_be_bytes());
            out.extend(1i16.to_be_bytes());
            out.push(1);
        });
    })
}

/// DeleteTopics: an error code for each.
pub(crate) fn deleted(correlation: i32, topics: &[(String, i16)]) -> Vec<u8> {
    answer(correlation, |out| {
        out.extend([0; 4]);
        put_array(out, topics, |out, (name, code)| {
            put_string(out, name);
            out.extend(code.to_be_bytes());
        });
    })
}

/// A topic with its partitions and the end of each; `None` is one there is not.
pub(crate) type Ends = (String, Vec<(i32, Option<i64>)>);

/// ListOffsets.
pub(crate) fn offsets(correlation: i32, topics: &[Ends]) -> Vec<u8> {
    answer(correlation, |out| {
        out.extend([0; 4]);
        put_array(out, topics, |out, (name, partitions)| {
            put_string(out, name);
            put_array(out, partitions, |out, (partition, end)| {
                out.extend(partition.to_be_bytes());
                out.extend(if end.is_some() { 0 } else { UNKNOWN }.to_be_bytes());
                out.extend((-1i64).to_be_bytes());
                out.extend(end.unwrap_or(-1).to_be_bytes());
                out.extend((-1i32).to_be_bytes());
            });
        });
    })
}

/// Produce of one batch: its base offset, or why not. Appended to `out`.
pub(crate) fn produced(out: &mut Vec<u8>, correlation: i32, topic: &str, partition: i32, base: Result<i64, i16>) {
    let begin = out.len();
    out.extend([0; 4]);
    out.extend(correlation.to_be_bytes());
    out.push(0);
    put_array(out, &[topic], |out, name| {
        put_string(out, name);
        put_array(out, &[base], |out, base| {
            out.extend(partition.to_be_bytes());
            out.extend(base.err().unwrap_or(0).to_be_bytes());
            out.extend(base.unwrap_or(-1).to_be_bytes());
            out.extend((-1i64).to_be_bytes());
            out.extend(0i64.to_be_bytes());
            // No errors of records, no text.
            out.extend([1, 0]);
        });
    });
    out.extend([0; 5]);
    set_size(&mut out[begin..], 0);
}

/// Fetch of one partition up to where its batches follow: `octets` of them, or `None` if there is no such partition.
/// [`end_fetched`] goes behind them.
pub(crate) fn fetched(parked: &Parked, high: i64, octets: Option<usize>) -> Vec<u8> {
    let mut out = vec![0; 4];
    out.extend(parked.correlation.to_be_bytes());
    out.push(0);
    // Not throttled, no error, no session.
    out.extend([0; 4 + 2 + 4]);
    put_varint(&mut out, 2);
    put_string(&mut out, &parked.topic);
    put_varint(&mut out, 2);
    out.extend(parked.partition.to_be_bytes());
    out.extend(if octets.is_some() { 0 } else { UNKNOWN }.to_be_bytes());
    out.extend(high.to_be_bytes());
    out.extend(high.to_be_bytes());
    out.extend(0i64.to_be_bytes());
    out.push(1);
    out.extend((-1i32).to_be_bytes());
    put_varint(&mut out, octets.unwrap_or(0) as u32 + 1);
    set_size(&mut out, octets.unwrap_or(0) + FETCHED_END);
    out
}

/// Tags of the partition, the topic and the answer.
const FETCHED_END: usize = 3;

/// What goes behind the batches of a fetch.
pub(crate) fn end_fetched(out: &mut Vec<u8>) {
    out.extend([0; FETCHED_END]);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kafka::wire::{Fields, split};
    use crate::kafka::{answer, versions};

    /// The body of a whole answer.
    fn body(frame: &[u8]) -> Fields<'_> {
        let (frame, length) = split(frame).unwrap().unwrap();
        assert_eq!(length, frame.len() + 4);
        let (correlation, fields) = answer::open(frame).unwrap();
        assert_eq!(correlation, 7);
        fields
    }

    #[test]
    fn the_generator_reads_every_answer_to_its_end() {
        let spoken = api_versions(7);
        versions::read(split(&spoken).unwrap().unwrap().0).unwrap();
        let topics = [("a".to_owned(), Some(3)), ("b".to_owned(), None)];
        let frame = metadata(7, 9092, &topics);
        let mut fields = body(&frame);
        assert_eq!(answer::metadata(&mut fields).unwrap(), answer::Led { brokers: 1, partitions: 3 });
        assert_eq!(fields.0.len(), 5);
        let frame = created(7, &[("a".to_owned(), 3, 0)]);
        let mut fields = body(&frame);
        answer::create_topics(&mut fields).unwrap();
        assert_eq!(fields.0, [0]);
        let error = answer::create_topics(&mut body(&created(7, &[("a".to_owned(), 3, EXISTS)]))).unwrap_err();
        assert_eq!(error.to_string(), "topic a is not created: TOPIC_ALREADY_EXISTS (36)");
        let frame = deleted(7, &[("a".to_owned(), 0), ("b".to_owned(), 0)]);
        let mut fields = body(&frame);
        answer::delete_topics(&mut fields).unwrap();
        assert_eq!(fields.0, [0]);
        let frame = offsets(7, &[("a".to_owned(), vec![(0, Some(5)), (1, Some(6))])]);
        let mut fields = body(&frame);
        let listed = |partition, offset| answer::Listed { topic: "a".to_owned(), partition, code: 0, offset };
        assert_eq!(answer::list_offsets(&mut fields).unwrap(), [listed(0, 5), listed(1, 6)]);
        assert_eq!(fields.0, [0]);
        let mut frame = Vec::new();
        produced(&mut frame, 7, "a", 2, Ok(9));
        let mut fields = body(&frame);
        answer::produce(&mut fields).unwrap();
        assert_eq!(fields.0, [0; 5]);
    }
}
