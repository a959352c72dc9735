//! Batches of kafka-python, librdkafka, the Java client and Apache Kafka's log cleaner, byte by byte as they made them.
#![allow(clippy::unwrap_used, reason = "a test fails where a helper of it fails")]

mod records_support;

use narumq_kafka::records::{
    Attributes, BatchHeader, Codec, HEADER_BYTES, Outcome, check, inflate, keep, keep_with_horizon, recompress,
    set_log_append_time, transaction_marker,
};
use records_support::{CODECS, OPEN, contents, golden, goldens, produced, records};

#[test]
fn the_batches_of_all_clients_are_accepted_and_read() {
    for golden in goldens().iter().filter(|golden| golden.is_produced()) {
        let expected = produced(golden.case());
        let checked = check(&golden.batch, &OPEN).unwrap_or_else(|refusal| panic!("{}: {refusal}", golden.name));
        assert!(contents(&golden.batch) == expected, "{}", golden.name);
        let walked = checked.walked.unwrap();
        let latest = expected.iter().map(|record| record.timestamp).max().unwrap();
        assert_eq!((walked.max_timestamp, checked.header.max_timestamp), (latest, latest), "{}", golden.name);
        let place = expected.iter().position(|record| record.timestamp == latest).unwrap();
        assert_eq!(walked.offset_delta_of_max, Some(place as i32), "{}", golden.name);
    }
}

#[test]
fn the_header_says_what_the_client_was_asked_for() {
    for golden in goldens() {
        let header = BatchHeader::read(&golden.batch).unwrap();
        let transactional = header.attributes.has(Attributes::TRANSACTIONAL);
        assert_eq!(i64::from(transactional), golden.asked("transactional"), "{}", golden.name);
        assert_eq!(header.producer_id, golden.asked("producer"), "{}", golden.name);
        assert_eq!(i64::from(header.producer_epoch), golden.asked("epoch"), "{}", golden.name);
        assert_eq!(i64::from(header.base_sequence), golden.asked("sequence"), "{}", golden.name);
        assert_eq!(header.size(), golden.batch.len(), "{}", golden.name);
        if golden.is_produced() {
            let codec = header.attributes.codec().unwrap();
            assert_eq!(i64::from(codec.id()), golden.asked("codec"), "{}", golden.name);
        }
    }
}

#[test]
fn a_sequence_goes_on_at_0_behind_the_largest() {
    let golden = golden("kafka-python-3.0.12-lz4-edges.batch");
    let header = BatchHeader::read(&golden.batch).unwrap();
    assert_eq!((header.base_sequence, header.last_offset_delta, header.last_sequence()), (i32::MAX, 6, 5));
}

#[test]
fn the_time_of_appending_is_the_time_of_all_records() {
    let appended = golden("java-4.1.1-none-appended.batch");
    assert!(records(&appended.batch).iter().all(|(_, record)| record.timestamp == 1_700_000_000_777));
    let mut ours = golden("librdkafka-2.16.0-none-edges.batch").batch;
    set_log_append_time(&mut ours, 1_700_000_000_777);
    assert_eq!(contents(&ours), contents(&appended.batch));
    assert_eq!(header_of(&ours).checksum, crc_fast::crc32_iscsi(&ours[21..]));
}

#[test]
fn the_end_of_a_transaction_is_written_as_the_java_broker_does() {
    for (name, outcome) in [("abort", Outcome::Abort), ("commit", Outcome::Commit)] {
        let golden = golden(&format!("java-4.1.1-none-marker-{name}.batch"));
        assert_eq!(Outcome::read(&golden.batch), Some(outcome));
        let mut ours = transaction_marker(4001, 3, outcome, 9, 1_700_000_000_000);
        assert_eq!(Outcome::read(&ours), Some(outcome));
        narumq_kafka::records::patch(&mut ours, 77, 5);
        assert_eq!(ours, golden.batch);
    }
    assert_eq!(Outcome::read(&golden("java-4.1.1-none-edges.batch").batch), None);
}

#[test]
fn compaction_leaves_what_the_log_cleaner_leaves() {
    let (even, none) = ([true, false].repeat(4), [false; 7]);
    // Without tombstones: where some stay, the cleaner sets a horizon.
    let living = [true, true, false, true, true, false, true];
    let source = golden("java-4.1.1-none-edges.batch").batch;
    let kept = keep(&source, &living, 1 << 20).unwrap();
    assert_eq!(kept, golden("java-4.1.1-none-cleaned-living.batch").batch);
    let kept = keep_with_horizon(&source, &even, 1_800_000_000_000, 1 << 20).unwrap();
    assert_eq!(kept, golden("java-4.1.1-none-cleaned-horizon.batch").batch);
    assert_eq!(header_of(&kept).delete_horizon(), Some(1_800_000_000_000));

    let source = golden("java-4.1.1-lz4-edges.batch").batch;
    let kept = keep(&source, &none, 1 << 20).unwrap();
    assert_eq!(kept, golden("java-4.1.1-lz4-cleaned-emptied.batch").batch);

    let source = golden("java-4.1.1-zstd-edges.batch").batch;
    let (kept, cleaned) =
        (keep(&source, &living, 1 << 20).unwrap(), golden("java-4.1.1-zstd-cleaned-living.batch").batch);
    assert_eq!(records(&kept), records(&cleaned));
    assert_eq!(header_of(&kept).attributes.codec(), Ok(Codec::Zstd));
    assert_eq!(kept[21..HEADER_BYTES], cleaned[21..HEADER_BYTES]);
}

#[test]
fn every_batch_keeps_its_records_under_every_codec() {
    for golden in goldens() {
        let expected = records(&golden.batch);
        for codec in CODECS {
            let other = recompress(&golden.batch, codec, 1 << 24).unwrap();
            assert_eq!(header_of(&other).attributes.codec(), Ok(codec));
            assert_eq!(header_of(&other).checksum, crc_fast::crc32_iscsi(&other[21..]));
            assert!(records(&other) == expected, "{} as {codec:?}", golden.name);
        }
    }
}

#[test]
fn the_section_without_a_codec_is_borrowed() {
    let golden = golden("java-4.1.1-none-edges.batch");
    let section = inflate(&golden.batch, 0).unwrap();
    assert_eq!(section.as_ptr(), golden.batch[HEADER_BYTES..].as_ptr());
}

fn header_of(batch: &[u8]) -> BatchHeader {
    BatchHeader::read(batch).unwrap()
}
