//! What the check of a produced batch costs, on one core: nanoseconds a record and gigabytes a second.
//!
//! ```text
//!   cargo run --release -p narumq-kafka --example check_cost
//! ```

use narumq_kafka::records::{BatchBuilder, Codec, NewRecord, Rules, TimestampRule, check, inflate};
use std::hint::black_box;
use std::time::Duration;

const RULES: Rules = Rules {
    bytes_max: 1 << 20,
    zstd: true,
    timestamps: TimestampRule::CreateTime { earliest: i64::MIN, latest: i64::MAX },
    compacted: false,
    inflate: false,
    inflated_bytes_max: 1 << 24,
};

/// A batch of records with values of this size, up to `bytes_max` bytes, all within 5 ms.
fn batch(value_bytes: usize, bytes_max: usize, codec: Codec) -> (Vec<u8>, usize) {
    let mut builder = BatchBuilder::new(codec, bytes_max);
    let value: Vec<u8> = (0..value_bytes).map(|place| b"{\"id\": 1234567890, \"name\": \"x\"}"[place % 31]).collect();
    let mut timestamp = 1_700_000_000_000;
    while builder.push(&NewRecord { timestamp, key: Some(b"key-0042"), value: Some(&value), headers: &[] }) {
        timestamp += i64::from(builder.count().is_multiple_of(100));
    }
    let count = builder.count();
    (builder.finish().expect("at least one fits"), count)
}

/// The best of several rounds, in nanoseconds a call.
#[expect(clippy::disallowed_methods, reason = "a measurement reads the clock")]
fn best(mut call: impl FnMut()) -> f64 {
    let mut best = f64::MAX;
    for _ in 0..15 {
        let (start, mut calls) = (std::time::Instant::now(), 0);
        while start.elapsed() < Duration::from_millis(20) {
            (0..50).for_each(|_| call());
            calls += 50;
        }
        best = best.min(start.elapsed().as_nanos() as f64 / f64::from(calls));
    }
    best
}

fn report(name: &str, bytes: usize, count: usize, time: f64) {
    let (per_record, rate) = (time / count as f64, bytes as f64 / time);
    println!("{name:38} {bytes:7} B {count:6} records {time:10.1} ns {per_record:8.2} ns/record {rate:7.2} GB/s");
}

fn main() {
    for (name, value_bytes, bytes_max) in [
        ("check, 64 KiB of 100 B", 84, 65536),
        ("check, 64 KiB of 1 KiB", 1006, 65536),
        ("check, 16 KiB of 100 B", 84, 16384),
        ("check, 1 MB of 100 B", 84, 1_000_000),
        ("check, 64 KiB of 10 B", 2, 65536),
    ] {
        let (batch, count) = batch(value_bytes, bytes_max, Codec::None);
        report(name, batch.len(), count, best(|| _ = black_box(check(black_box(&batch), &RULES))));
        let checksum = best(|| _ = black_box(crc_fast::crc32_iscsi(black_box(&batch[21..]))));
        report("  of it the checksum", batch.len(), count, checksum);
    }
    let (one, _) = batch(84, 180, Codec::None);
    report("check, 1 record", one.len(), 1, best(|| _ = black_box(check(black_box(&one), &RULES))));
    report("  of it the checksum", one.len(), 1, best(|| _ = black_box(crc_fast::crc32_iscsi(black_box(&one[21..])))));
    for codec in [Codec::Gzip, Codec::Snappy, Codec::Lz4, Codec::Zstd] {
        let (batch, count) = batch(84, 65536, codec);
        report(
            &format!("check, {codec:?}"),
            batch.len(),
            count,
            best(|| _ = black_box(check(black_box(&batch), &RULES))),
        );
        let time = best(|| _ = black_box(inflate(black_box(&batch), 1 << 20)));
        report(&format!("  inflate, {codec:?}"), 65536, count, time);
    }
}
