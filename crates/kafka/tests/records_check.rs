//! Every reason for which a produced batch is refused, by the bytes that give it.
#![allow(clippy::unwrap_used, reason = "a test fails where a helper of it fails")]

mod records_support;

use narumq_kafka::records::error::RECORD_REFUSALS_MAX;
use narumq_kafka::records::{
    Attributes, BatchBuilder, BatchError, Batches, Codec, HEADER_BYTES, NewRecord, Producer, RecordFault,
    RecordRefusal, RecordRefusalReason, Rules, TimestampRule, check, patch, set_max_timestamp,
};
use records_support::{CODECS, OPEN, golden, with_field, with_section};

const NOW: i64 = 1_700_000_000_000;

/// Three records: key, no key, key; the second is the latest.
fn three(codec: Codec) -> Vec<u8> {
    let mut builder = BatchBuilder::new(codec, 1 << 20);
    for (key, timestamp) in [(Some(&b"k"[..]), NOW), (None, NOW + 5), (Some(b"l"), NOW - 5)] {
        assert!(builder.push(&NewRecord { timestamp, key, value: Some(b"value"), headers: &[] }));
    }
    builder.finish().unwrap()
}

fn refusal(batch: &[u8], rules: &Rules) -> BatchError {
    check(batch, rules).unwrap_err()
}

#[test]
fn bytes_that_are_no_batch() {
    let batch = three(Codec::None);
    assert_eq!(refusal(&[], &OPEN), BatchError::Empty);
    assert_eq!(refusal(&batch[..20], &OPEN), BatchError::Truncated { needed: 61, present: 20 });
    let needed = batch.len();
    assert_eq!(refusal(&batch[..needed - 1], &OPEN), BatchError::Truncated { needed, present: needed - 1 });
    assert_eq!(refusal(&with_field(&batch, 8, &[0, 0, 0, 48]), &OPEN), BatchError::Length { length: 48 });
    assert_eq!(refusal(&with_field(&batch, 8, &[255; 4]), &OPEN), BatchError::Length { length: -1 });
    let mut short = batch.clone();
    short[11] -= 1;
    assert_eq!(refusal(&short, &OPEN), BatchError::SeveralBatches { behind: 1 });
    assert_eq!(refusal(&[&batch[..], &batch].concat(), &OPEN), BatchError::SeveralBatches { behind: needed });
}

#[test]
fn other_formats_are_told_apart() {
    let batch = three(Codec::None);
    for magic in [0, 1] {
        assert_eq!(refusal(&with_field(&batch, 16, &[magic]), &OPEN), BatchError::OldFormat { magic });
        // The smallest message of format 0 is shorter than a header of format 2.
        let mut message = [0; 26];
        (message[11], message[16]) = (14, magic);
        assert_eq!(refusal(&message, &OPEN), BatchError::OldFormat { magic });
    }
    assert_eq!(refusal(&with_field(&batch, 16, &[3]), &OPEN), BatchError::UnknownFormat { magic: 3 });
}

#[test]
fn size_and_checksum() {
    let batch = three(Codec::None);
    let rules = |bytes_max| Rules { bytes_max, ..OPEN };
    assert!(check(&batch, &rules(batch.len())).is_ok());
    let (bytes, bytes_max) = (batch.len(), batch.len() - 1);
    assert_eq!(refusal(&batch, &rules(bytes_max)), BatchError::TooLarge { bytes, bytes_max });
    for at in 17..batch.len() {
        let mut damaged = batch.clone();
        damaged[at] ^= 0x10;
        assert!(matches!(refusal(&damaged, &OPEN), BatchError::Checksum { .. }), "byte {at}");
    }
    let mut moved = batch.clone();
    patch(&mut moved, i64::MAX - 1, 7);
    assert!(check(&moved, &OPEN).is_ok(), "base offset and epoch are the broker's");
}

#[test]
fn the_fields_of_the_header() {
    let batch = three(Codec::None);
    let field = |at, bytes: &[u8]| refusal(&with_field(&batch, at, bytes), &OPEN);
    let attributes = |bits: u16| field(21, &bits.to_be_bytes());
    assert_eq!(attributes(5), BatchError::UnknownCodec { id: 5 });
    assert_eq!(attributes(7), BatchError::UnknownCodec { id: 7 });
    assert_eq!(attributes(Attributes::CONTROL), BatchError::Control);
    assert_eq!(attributes(Attributes::DELETE_HORIZON), BatchError::DeleteHorizon);
    assert_eq!(attributes(Attributes::LOG_APPEND_TIME), BatchError::LogAppendTime);
    assert_eq!(attributes(Attributes::TRANSACTIONAL), BatchError::TransactionWithoutProducer);
    assert_eq!(field(57, &0i32.to_be_bytes()), BatchError::Count { count: 0 });
    assert_eq!(field(57, &(-1i32).to_be_bytes()), BatchError::Count { count: -1 });
    assert_eq!(field(57, &2i32.to_be_bytes()), BatchError::OffsetRange { count: 2, last_offset_delta: 2 });
    assert_eq!(field(23, &3i32.to_be_bytes()), BatchError::OffsetRange { count: 3, last_offset_delta: 3 });
    assert_eq!(refusal(&three(Codec::Zstd), &Rules { zstd: false, ..OPEN }), BatchError::ZstdTooEarly);
}

#[test]
fn the_fields_of_the_producer() {
    let build = |id, epoch, base_sequence| {
        let mut builder = BatchBuilder::new(Codec::None, 1000).producer(Producer { id, epoch, base_sequence });
        assert!(builder.push(&NewRecord { timestamp: NOW, key: None, value: None, headers: &[] }));
        builder.mark(Attributes::TRANSACTIONAL).finish().unwrap()
    };
    assert!(check(&build(0, 0, 0), &OPEN).is_ok());
    assert_eq!(refusal(&build(0, 0, -1), &OPEN), BatchError::BaseSequence { base_sequence: -1 });
    assert_eq!(refusal(&build(0, -1, 0), &OPEN), BatchError::ProducerEpoch { producer_epoch: -1 });
    assert_eq!(refusal(&build(-1, 0, 0), &OPEN), BatchError::TransactionWithoutProducer);
}

#[test]
fn a_count_that_lies() {
    for codec in CODECS {
        let batch = three(codec);
        let recount = |count: i32| {
            let batch = with_field(&batch, 23, &(count - 1).to_be_bytes());
            refusal(&with_field(&batch, 57, &count.to_be_bytes()), &OPEN)
        };
        assert_eq!(recount(4), BatchError::Malformed { index: 3, fault: RecordFault::Missing });
        assert_eq!(recount(i32::MAX), BatchError::Malformed { index: 3, fault: RecordFault::Missing });
        assert_eq!(recount(2), BatchError::LeftOver { bytes: 13 });
    }
}

#[test]
fn a_record_that_cannot_be_read() {
    let batch = three(Codec::None);
    let refused = |section: &[u8]| {
        let one = with_field(&with_section(&batch, section), 23, &0i32.to_be_bytes());
        match check(&with_field(&one, 57, &1i32.to_be_bytes()), &OPEN) {
            Err(BatchError::Malformed { index: 0, fault }) => fault,
            other => panic!("{section:x?}: {other:?}"),
        }
    };
    // length, attributes, timestamp delta, offset delta, key, value, headers
    assert_eq!(refused(&[]), RecordFault::Missing);
    assert_eq!(refused(&[0x80]), RecordFault::Number);
    assert_eq!(refused(&[1, 0]), RecordFault::Length);
    assert_eq!(refused(&[14, 0, 0, 0, 1, 1, 0]), RecordFault::Length);
    assert_eq!(refused(&[0]), RecordFault::Number);
    assert_eq!(refused(&[2, 0]), RecordFault::Number);
    assert_eq!(refused(&[4, 0, 0x80]), RecordFault::Number);
    assert_eq!(refused(&[6, 0, 0, 0x80]), RecordFault::Number);
    assert_eq!(refused(&[8, 0, 0, 0, 3]), RecordFault::Key);
    assert_eq!(refused(&[8, 0, 0, 0, 2]), RecordFault::Key);
    assert_eq!(refused(&[8, 0, 0, 0, 1]), RecordFault::Value);
    assert_eq!(refused(&[10, 0, 0, 0, 1, 2]), RecordFault::Value);
    assert_eq!(refused(&[10, 0, 0, 0, 1, 1]), RecordFault::HeaderCount);
    assert_eq!(refused(&[12, 0, 0, 0, 1, 1, 1]), RecordFault::HeaderCount);
    assert_eq!(refused(&[12, 0, 0, 0, 1, 1, 2]), RecordFault::HeaderCount);
    assert_eq!(refused(&[18, 0, 0, 0, 1, 1, 0xfe, 0xff, 0xff, 0x0f]), RecordFault::HeaderCount);
    assert_eq!(refused(&[16, 0, 0, 0, 1, 1, 2, 1, 1]), RecordFault::HeaderKey);
    assert_eq!(refused(&[16, 0, 0, 0, 1, 1, 2, 2, 1]), RecordFault::HeaderValue);
    assert_eq!(refused(&[16, 0, 0, 0, 1, 1, 2, 0, 3]), RecordFault::HeaderValue);
    assert_eq!(refused(&[14, 0, 0, 0, 1, 1, 0, 0]), RecordFault::LeftOver);
}

#[test]
fn an_offset_that_is_not_its_place() {
    let batch = three(Codec::None);
    let mut section = batch[61..].to_vec();
    let second = section[0] as usize / 2 + 1;
    section[second + 3] = 4;
    assert_eq!(refusal(&with_section(&batch, &section), &OPEN), BatchError::OffsetDelta { index: 1, offset_delta: 2 });
}

#[test]
fn a_compacted_topic_takes_no_record_without_a_key() {
    for codec in CODECS {
        let rules = Rules { compacted: true, inflate: false, ..OPEN };
        let reason = RecordRefusalReason::Keyless;
        let expected = BatchError::Records { refused: vec![RecordRefusal { index: 1, reason }] };
        assert_eq!(refusal(&three(codec), &rules), expected);
    }
}

#[test]
fn times_out_of_bounds_are_named_by_record() {
    let stray = |index, timestamp, (earliest, latest)| RecordRefusal {
        index,
        reason: RecordRefusalReason::Timestamp { timestamp, earliest, latest },
    };
    for codec in CODECS {
        let rules = |(earliest, latest)| {
            let timestamps = TimestampRule::CreateTime { earliest, latest };
            Rules { timestamps, inflate: codec == Codec::None, ..OPEN }
        };
        assert!(check(&three(codec), &rules((NOW - 5, NOW + 5))).is_ok());
        let late = (NOW - 5, NOW + 4);
        let expected = BatchError::Records { refused: vec![stray(1, NOW + 5, late)] };
        assert_eq!(refusal(&three(codec), &rules(late)), expected);
        let early = (NOW + 1, NOW + 5);
        let expected = BatchError::Records { refused: vec![stray(0, NOW, early), stray(2, NOW - 5, early)] };
        assert_eq!(refusal(&three(codec), &rules(early)), expected);
        assert!(check(&three(codec), &Rules { timestamps: TimestampRule::LogAppendTime, ..OPEN }).is_ok());
    }
}

#[test]
fn a_record_without_a_time_is_not_out_of_bounds() {
    let mut builder = BatchBuilder::new(Codec::None, 1000);
    assert!(builder.push(&NewRecord { timestamp: -1, key: None, value: None, headers: &[] }));
    let timestamps = TimestampRule::CreateTime { earliest: NOW, latest: NOW };
    let checked = check(&builder.finish().unwrap(), &Rules { timestamps, ..OPEN }).unwrap();
    assert_eq!((checked.max_timestamp(), checked.walked.unwrap().offset_delta_of_max), (-1, None));
}

#[test]
fn at_most_a_thousand_records_are_named() {
    let mut builder = BatchBuilder::new(Codec::None, 1 << 20);
    for _ in 0..2000 {
        assert!(builder.push(&NewRecord { timestamp: NOW, key: None, value: None, headers: &[] }));
    }
    match refusal(&builder.finish().unwrap(), &Rules { compacted: true, ..OPEN }) {
        BatchError::Records { refused } => assert_eq!(refused.len(), RECORD_REFUSALS_MAX),
        other => panic!("{other}"),
    }
}

#[test]
fn a_max_timestamp_that_lies_is_told() {
    let mut batch = three(Codec::None);
    set_max_timestamp(&mut batch, i64::MAX);
    let checked = check(&batch, &OPEN).unwrap();
    assert_eq!((checked.header.max_timestamp, checked.max_timestamp()), (i64::MAX, NOW + 5));
    set_max_timestamp(&mut batch, checked.max_timestamp());
    assert_eq!(batch, three(Codec::None));
}

#[test]
fn compressed_records_are_looked_at_only_where_asked() {
    for codec in &CODECS[1..] {
        let batch = with_section(&three(*codec), b"not what any codec makes");
        let rules = Rules { inflate: false, ..OPEN };
        assert_eq!(check(&batch, &rules).unwrap().walked, None);
        assert_eq!(refusal(&batch, &OPEN), BatchError::Compression, "{codec:?}");
        assert_eq!(refusal(&batch, &Rules { compacted: true, ..rules }), BatchError::Compression);
        let (batch, bytes) = (three(*codec), three(Codec::None).len() - HEADER_BYTES);
        let limited = |inflated_bytes_max| check(&batch, &Rules { inflated_bytes_max, ..OPEN });
        assert_eq!(limited(bytes - 1), Err(BatchError::InflatedTooLarge { bytes_max: bytes - 1 }), "{codec:?}");
        assert!(limited(bytes).is_ok(), "{codec:?}");
    }
}

#[test]
fn batches_back_to_back_end_with_the_last_whole_one() {
    let goldens =
        ["java-4.1.1-none-edges.batch", "librdkafka-2.16.0-lz4-many.batch", "java-4.1.1-none-marker-abort.batch"];
    let whole: Vec<_> = goldens.iter().map(|name| golden(name).batch).collect();
    let all = whole.concat();
    let read = |bytes| Batches::new(bytes).map(|batch| batch.map(|(_, batch)| batch.to_vec())).collect::<Vec<_>>();
    assert_eq!(read(&all), whole.iter().cloned().map(Ok).collect::<Vec<_>>());
    for cut in all.len() - whole[2].len()..all.len() {
        let mut batches = Batches::new(&all[..cut]);
        assert_eq!(batches.by_ref().count(), 2, "cut at {cut}");
        assert_eq!(batches.rest().len(), cut - whole[0].len() - whole[1].len());
    }
    let mut damaged = all.clone();
    damaged[whole[0].len() + 16] = 9;
    assert_eq!(read(&damaged), [Ok(whole[0].clone()), Err(BatchError::UnknownFormat { magic: 9 })]);
}
