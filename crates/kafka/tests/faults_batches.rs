//! Batches that lie, at the door: each is refused with its code, nothing of it is there, and the next one is taken.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod harness;

use harness::Stage;
use harness::admin::{create, fine};
use harness::faults::{append, fetch_now, sequenced};
use harness::records::{batch, produce};
use narumq_kafka::codec::messages::produce::{PartitionProduceData, ProduceRequest, ProduceResponse, TopicProduceData};
use narumq_kafka::codec::{ErrorCode, Uuid};
use narumq_kafka::records::Codec;
use smallvec::smallvec;

/// Puts bytes into a batch; the checksum is made right again.
fn put(mut batch: Vec<u8>, at: usize, bytes: &[u8]) -> Vec<u8> {
    batch[at..at + bytes.len()].copy_from_slice(bytes);
    let sum = crc_fast::crc32_iscsi(&batch[21..]);
    batch[17..21].copy_from_slice(&sum.to_be_bytes());
    batch
}

/// Three records of a producer.
fn right() -> Vec<u8> {
    sequenced(9, 0, 0, 3)
}

/// What is wrong, the batch, and its code.
fn lies() -> Vec<(&'static str, Vec<u8>, ErrorCode)> {
    use ErrorCode::{CorruptMessage, InvalidRecord, InvalidTimestamp, MessageTooLarge, UnsupportedCompressionType};
    let plain = |at, bytes: &[u8]| {
        let mut batch = right();
        batch[at..at + bytes.len()].copy_from_slice(bytes);
        batch
    };
    let i32s = |at, n: i32| put(right(), at, &n.to_be_bytes());
    let length = right().len() as i32 - 12;
    let mut all = vec![
        ("the checksum", plain(17, &[1, 2, 3, 4]), CorruptMessage),
        ("a byte of a record", plain(70, &[0xEE]), CorruptMessage),
        ("a magic that is none", plain(16, &[9]), CorruptMessage),
        ("the format of version 0.10", plain(16, &[1]), InvalidRecord),
        ("a length of nothing", plain(8, &0i32.to_be_bytes()), CorruptMessage),
        ("a negative length", plain(8, &i32::MIN.to_be_bytes()), CorruptMessage),
        ("more records than there are", i32s(57, 4), InvalidRecord),
        ("fewer records than there are", i32s(57, 2), InvalidRecord),
        ("no records", i32s(57, 0), InvalidRecord),
        ("as many records as can be said", put(i32s(57, i32::MAX), 23, &(i32::MAX - 1).to_be_bytes()), InvalidRecord),
        ("less than no records", i32s(57, -1), InvalidRecord),
        ("offsets with a gap", i32s(23, 5), InvalidRecord),
        ("an offset below zero", i32s(23, -1), InvalidRecord),
        ("the mark of a control batch", put(right(), 21, &0x20u16.to_be_bytes()), InvalidRecord),
        (
            "the mark of a transaction",
            put(right(), 21, &0x10u16.to_be_bytes()),
            ErrorCode::TransactionalIdAuthorizationFailed,
        ),
        ("a codec that is none", put(right(), 21, &7u16.to_be_bytes()), UnsupportedCompressionType),
        ("a time that the broker gives", put(right(), 21, &8u16.to_be_bytes()), InvalidTimestamp),
        ("a producer without an epoch", put(right(), 51, &(-1i16).to_be_bytes()), InvalidRecord),
        ("a sequence below zero", i32s(53, -1), InvalidRecord),
        ("the length of a record", put(right(), 61, &[0x7E]), InvalidRecord),
        ("a record without an end", put(right(), 61, &[0xFF, 0xFF, 0xFF, 0xFF, 0x0F]), InvalidRecord),
    ];
    for cut in [1, 11, 12, 60, 61, right().len() - 1] {
        all.push(("an end", right()[..cut].to_vec(), InvalidRecord));
    }
    all.push(("a length beyond its end", plain(8, &(length + 1).to_be_bytes()), InvalidRecord));
    all.push(("two batches", [right(), right()].concat(), InvalidRecord));
    all.push(("much too large", batch(Codec::None, 5, &[("k", &"x".repeat(2 << 20))]), MessageTooLarge));
    all
}

#[test]
fn a_batch_that_lies_is_refused_and_the_next_one_is_taken() {
    let mut stage = Stage::new();
    assert_eq!(create(&mut stage, "t", &[]), fine());
    let mut wrong = Vec::new();
    for (what, batch, code) in lies() {
        let told = produce(&mut stage, "t", &batch);
        assert_ne!(told.code, 0, "{what} was taken");
        assert_eq!((told.offset, told.time), (-1, -1), "{what}");
        if told.code != code.code() {
            wrong.push((what, batch.len(), told.code, code));
        }
    }
    assert!(wrong.is_empty(), "{wrong:?}");
    assert_eq!(fetch_now(&mut stage, "t", 0), (0, 0, vec![]));
    assert_eq!(append(&mut stage, "t", &right()), (0, 0), "nothing is known of its producer");
}

#[test]
fn compressed_records_that_lie_are_refused_where_they_are_looked_at() {
    let mut stage = Stage::new();
    assert_eq!(create(&mut stage, "deep", &[("validate", "records")]), fine());
    assert_eq!(create(&mut stage, "t", &[]), fine());
    let zeros = "\0".repeat(1 << 20);
    let many: Vec<(&str, &str)> = vec![("k", &zeros); 15];
    for codec in [Codec::Gzip, Codec::Snappy, Codec::Lz4, Codec::Zstd] {
        let whole = batch(codec, 5, &[("k", "a"), ("k", "b"), ("k", "c")]);
        let counted = put(put(whole.clone(), 57, &9i32.to_be_bytes()), 23, &8i32.to_be_bytes());
        let cut = put(whole.clone(), 61 + (whole.len() - 61) / 2, &[0xA5; 3]);
        for batch in [counted, cut] {
            let told = produce(&mut stage, "deep", &batch);
            assert_eq!(told.code, ErrorCode::InvalidRecord.code(), "{codec:?}: {:?}", told.text);
        }
        // Seven of these inflate to more than is looked at.
        if codec != Codec::Snappy {
            let bomb = batch(codec, 5, &many);
            assert!(bomb.len() < 1 << 20, "{codec:?}: {}", bomb.len());
            assert_eq!(produce(&mut stage, "deep", &bomb).code, 0, "what may be inflated is taken");
        }
        assert_eq!(produce(&mut stage, "deep", &whole).code, 0);
    }
}

/// Code of a batch for a topic by id.
fn produce_to(stage: &mut Stage, topic_id: Uuid, index: i32) -> i16 {
    let batch = right();
    let data = PartitionProduceData { index, records: Some(&batch) };
    let topic = TopicProduceData { topic_id, partition_data: smallvec![data], ..Default::default() };
    let request = ProduceRequest { acks: -1, timeout_ms: 1000, topic_data: smallvec![topic], ..Default::default() };
    let answer = stage.call(13, &request);
    answer.read::<ProduceResponse<'_>>().responses[0].partition_responses[0].error_code
}

#[test]
fn topics_and_partitions_that_are_not_there_are_told() {
    let mut stage = Stage::new();
    assert_eq!(create(&mut stage, "t", &[]), fine());
    let vhost = stage.broker.default_vhost().unwrap();
    let id = Uuid(stage.broker.topic(&vhost, "t").unwrap().definition().uuid.to_be_bytes());
    assert_eq!(produce_to(&mut stage, id, 0), 0);
    for index in [1, -1, i32::MAX, i32::MIN] {
        assert_eq!(produce_to(&mut stage, id, index), ErrorCode::UnknownTopicOrPartition.code());
    }
    for id in [Uuid([7; 16]), Uuid([0xFF; 16])] {
        assert_eq!(produce_to(&mut stage, id, 0), ErrorCode::UnknownTopicId.code());
    }
    stage.broker.topics(&vhost).iter().for_each(|topic| assert_eq!(&*topic.definition().name, "t"));
}
