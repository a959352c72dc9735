//! What the settings of a topic do to the batches that come in.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod harness;

use harness::Stage;
use harness::admin::{SET, TOPIC, alter, create, fine};
use harness::records::{batch, fetch, produce};
use narumq_kafka::codec::ErrorCode;
use narumq_kafka::records::{Attributes, BatchHeader, Batches, Codec, Records, inflate};

const RECORDS: &[(&str, &str)] = &[("a", "one"), ("b", "two"), ("c", "three")];

/// Keys and values of a batch, and the time of the last record.
fn contents(batch: &[u8]) -> (Vec<(String, String)>, i64) {
    let header = BatchHeader::read(batch).unwrap();
    let section = inflate(batch, 1 << 24).unwrap();
    let mut last = -1;
    let text = |bytes: Option<&[u8]>| String::from_utf8(bytes.unwrap_or_default().to_vec()).unwrap();
    let record = |record: narumq_kafka::records::Record<'_>| {
        last = record.timestamp;
        (text(record.key), text(record.value))
    };
    let all = Records::new(&header, &section).map(|r| r.unwrap()).map(record).collect();
    (all, last)
}

fn sent() -> Vec<(String, String)> {
    RECORDS.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

fn is_whole(batch: &[u8]) -> bool {
    crc_fast::crc32_iscsi(&batch[21..]) == BatchHeader::read(batch).unwrap().checksum
}

#[test]
fn records_get_the_time_of_their_arrival() {
    let mut stage = Stage::new();
    assert_eq!(create(&mut stage, "t", &[("message.timestamp.type", "LogAppendTime")]), fine());
    for codec in [Codec::None, Codec::Zstd] {
        stage.pass(1000);
        let now = stage.now.0 as i64;
        // Whatever the producer says, however old or new.
        let produced = produce(&mut stage, "t", &batch(codec, 5, RECORDS));
        assert_eq!((produced.code, produced.time), (0, now));
        let kept = fetch(&mut stage, "t", produced.offset);
        let header = BatchHeader::read(&kept).unwrap();
        assert!(header.attributes.has(Attributes::LOG_APPEND_TIME) && is_whole(&kept));
        assert_eq!((header.max_timestamp, header.attributes.codec()), (now, Ok(codec)));
        assert_eq!(contents(&kept), (sent(), now));
    }
    assert_eq!(alter(&mut stage, (TOPIC, "t"), &[("message.timestamp.type", SET, Some("CreateTime"))]), fine());
    let (now, plain) = (stage.now.0 as i64, stage.now.0 as i64 - 7);
    let produced = produce(&mut stage, "t", &batch(Codec::None, plain, RECORDS));
    assert_eq!((produced.code, produced.time), (0, -1));
    let kept = fetch(&mut stage, "t", produced.offset);
    assert_eq!(contents(&kept), (sent(), now - 7));
}

#[test]
fn batches_get_the_codec_of_their_topic() {
    let mut stage = Stage::new();
    let words = ["uncompressed", "gzip", "snappy", "lz4", "zstd"];
    let codecs = [Codec::None, Codec::Gzip, Codec::Snappy, Codec::Lz4, Codec::Zstd];
    for (word, wanted) in words.into_iter().zip(codecs) {
        assert_eq!(create(&mut stage, word, &[("compression.type", word)]), fine());
        for codec in codecs {
            let now = stage.now.0 as i64;
            let original = batch(codec, now, RECORDS);
            let produced = produce(&mut stage, word, &original);
            assert_eq!((produced.code, produced.time), (0, -1));
            let kept = fetch(&mut stage, word, produced.offset);
            let header = BatchHeader::read(&kept).unwrap();
            assert_eq!((header.attributes.codec(), header.size(), is_whole(&kept)), (Ok(wanted), kept.len(), true));
            assert_eq!(header.base_offset, produced.offset);
            assert_eq!(contents(&kept), (sent(), now));
            if codec == wanted {
                assert_eq!(kept[16..], original[16..], "what has the codec is kept as it came");
            }
        }
    }
}

#[test]
fn a_level_is_obeyed() {
    let mut stage = Stage::new();
    let text: String =
        (0..20_000_u32).map(|n| char::from(b'a' + (n.wrapping_mul(2_654_435_761) >> 29) as u8)).collect();
    for (codec, low, high) in [("gzip", "1", "9"), ("zstd", "-100", "19")] {
        let mut size = |level: &str| {
            let (name, key) = (format!("{codec}{level}"), format!("compression.{codec}.level"));
            assert_eq!(create(&mut stage, &name, &[("compression.type", codec), (&key, level)]), fine());
            let now = stage.now.0 as i64;
            assert_eq!(produce(&mut stage, &name, &batch(Codec::None, now, &[("k", &text)])).code, 0);
            fetch(&mut stage, &name, 0).len()
        };
        assert!(size(low) > size(high), "{codec}");
    }
}

#[test]
fn a_batch_that_grows_beyond_the_limit_is_refused() {
    let mut stage = Stage::new();
    let settings = [("compression.type", "uncompressed"), ("max.message.bytes", "2000")];
    assert_eq!(create(&mut stage, "t", &settings), fine());
    let large = "x".repeat(10_000);
    let now = stage.now.0 as i64;
    let zipped = batch(Codec::Gzip, now, &[("k", &large)]);
    assert!(zipped.len() < 2000);
    let produced = produce(&mut stage, "t", &zipped);
    assert_eq!(produced.code, ErrorCode::MessageTooLarge.code());
    assert!(produced.text.unwrap().contains("max.message.bytes is 2000"));
    assert_eq!(fetch(&mut stage, "t", 0), []);
    assert_eq!(alter(&mut stage, (TOPIC, "t"), &[("max.message.bytes", SET, Some("20000"))]), fine());
    assert_eq!(produce(&mut stage, "t", &zipped).code, 0);
}

#[test]
fn damaged_records_are_refused_where_they_are_looked_at() {
    let mut stage = Stage::new();
    let mut damaged = batch(Codec::Gzip, stage.now.0 as i64, RECORDS);
    let at = damaged.len() - 5;
    damaged[at] ^= 0xFF;
    let checksum = crc_fast::crc32_iscsi(&damaged[21..]);
    damaged[17..21].copy_from_slice(&checksum.to_be_bytes());
    for (name, settings, code) in [
        ("batch", &[][..], 0),
        ("records", &[("validate", "records")], 87),
        ("compact", &[("cleanup.policy", "compact")], 87),
        ("lz4", &[("compression.type", "lz4")], 87),
    ] {
        assert_eq!(create(&mut stage, name, settings), fine());
        assert_eq!(produce(&mut stage, name, &damaged).code, code, "{name}");
    }
}

#[test]
fn times_have_bounds() {
    let mut stage = Stage::new();
    let settings = [("message.timestamp.before.max.ms", "100"), ("message.timestamp.after.max.ms", "50")];
    assert_eq!(create(&mut stage, "t", &settings), fine());
    let now = stage.now.0 as i64;
    for (time, code) in [(now - 100, 0), (now - 101, 32), (now + 50, 0), (now + 51, 32)] {
        assert_eq!(produce(&mut stage, "t", &batch(Codec::None, time, RECORDS)).code, code, "{}", time - now);
    }
}

#[test]
fn compacted_topics_take_no_record_without_a_key() {
    let mut stage = Stage::new();
    assert_eq!(create(&mut stage, "t", &[]), fine());
    let now = stage.now.0 as i64;
    let keyless = batch(Codec::None, now, &[("", "v")]);
    assert_eq!(produce(&mut stage, "t", &keyless).code, 0);
    assert_eq!(alter(&mut stage, (TOPIC, "t"), &[("cleanup.policy", SET, Some("compact"))]), fine());
    assert_eq!(produce(&mut stage, "t", &keyless).code, 87);
    let kept = fetch(&mut stage, "t", 0);
    assert_eq!(Batches::new(&kept).count(), 1);
}
