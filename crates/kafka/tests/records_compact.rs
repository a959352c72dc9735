//! What compaction tells of records and leaves of batches: as Apache Kafka's log cleaner, by its own batches.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod records_support;

use narumq_broker::{Compacted, Dialect, Tombstones};
use narumq_kafka::RecordBatches;
use narumq_kafka::records::{
    BatchError, BatchHeader, Codec, HEADER_BYTES, Kept, Outcome, compact, keys, patch, recompress, transaction_marker,
};
use records_support::{CODECS, golden, goldens, records, with_section};

const MAX: usize = 1 << 24;
fn header_of(batch: &[u8]) -> BatchHeader {
    BatchHeader::read(batch).expect("a header")
}

const HORIZON: i64 = 1_800_000_000_000;

/// What is left of the records whose place in the batch `stays`.
fn left(batch: &[u8], now: i64, stays: impl Fn(usize) -> bool) -> Kept {
    let mut at = 0;
    compact(batch, (now, HORIZON), MAX, &mut |_| {
        at += 1;
        stays(at - 1)
    })
    .expect("it can be read")
}

#[test]
fn what_is_left_is_what_the_log_cleaner_leaves() {
    let source = golden("java-4.1.1-none-edges.batch").batch;
    let living = [true, true, false, true, true, false, true];
    let kept = left(&source, 0, |at| living[at]);
    assert_eq!(kept, Kept::Records(golden("java-4.1.1-none-cleaned-living.batch").batch));
    // Tombstones that stay for the first time get their time.
    let marked = golden("java-4.1.1-none-cleaned-horizon.batch").batch;
    assert_eq!(left(&source, 0, |at| at % 2 == 0), Kept::Records(marked.clone()));
    assert_eq!(left(&marked, HORIZON - 1, |_| true), Kept::Same, "set once");
    let Kept::Records(without) = left(&marked, HORIZON, |_| true) else { panic!("their time has come") };
    let living: Vec<_> = records(&marked).into_iter().filter(|(_, record)| record.value.is_some()).collect();
    assert!(living.len() < records(&marked).len());
    assert_eq!(records(&without), living, "offsets and times are those of before");
    let emptied = golden("java-4.1.1-lz4-cleaned-emptied.batch").batch;
    assert_eq!(left(&golden("java-4.1.1-lz4-edges.batch").batch, 0, |_| false), Kept::Empty(emptied.clone()));
    assert_eq!(left(&emptied, 0, |_| true), Kept::Empty(emptied), "what is empty stays what it is");
}

#[test]
fn every_real_batch_is_told_and_sifted_under_every_codec() {
    for golden in goldens() {
        let header = header_of(&golden.batch);
        if header.attributes.has(narumq_kafka::records::Attributes::CONTROL) || header.count == 0 {
            continue;
        }
        for codec in CODECS {
            let batch = recompress(&golden.batch, codec, MAX).expect("it can be read");
            let all = records(&batch);
            let mut told = Vec::new();
            keys(&batch, MAX, &mut |record| {
                told.push((record.offset, record.key.map(<[u8]>::to_vec), record.is_tombstone));
            })
            .expect("it can be read");
            let expected: Vec<_> = all.iter().map(|(at, r)| (*at, r.key.clone(), r.value.is_none())).collect();
            assert_eq!(told, expected, "{}", golden.name);
            let Kept::Records(kept) = left(&batch, 0, |at| at % 2 == 0) else {
                assert_eq!(all.len(), 1, "{}", golden.name);
                continue;
            };
            let half: Vec<_> = all.iter().step_by(2).cloned().collect();
            assert_eq!(records(&kept), half, "{} as {codec:?}", golden.name);
            let (before, after) = (header_of(&batch), header_of(&kept));
            assert_eq!(after.attributes.codec(), Ok(codec));
            let kept_as_it_was = |h: &BatchHeader| {
                (h.base_offset, h.last_offset_delta, h.producer_id, h.producer_epoch, h.base_sequence, h.leader_epoch)
            };
            assert_eq!(kept_as_it_was(&before), kept_as_it_was(&after));
            assert!(RecordBatches.is_whole(&kept));
        }
    }
}

#[test]
fn marks_of_transactions_stay_and_what_lies_is_refused() {
    let mark = transaction_marker(4001, 3, Outcome::Abort, 9, 1_700_000_000_000);
    assert_eq!(left(&mark, i64::MAX, |_| false), Kept::Same);
    keys(&mark, MAX, &mut |_| panic!("it has no key of a producer")).expect("it can be read");
    let batch = golden("java-4.1.1-none-edges.batch").batch;
    let refused = |batch: &[u8]| compact(batch, (0, 1), MAX, &mut |_| true).expect_err("it lies");
    let longer = with_section(&batch, &[&batch[HEADER_BYTES..], &[0][..]].concat());
    assert_eq!(refused(&longer), BatchError::LeftOver { bytes: 1 });
    let shorter = with_section(&batch, &batch[HEADER_BYTES..batch.len() - 1]);
    assert!(matches!(refused(&shorter), BatchError::Malformed { index: 6, .. }));
    let mut far = batch.clone();
    far[23..27].copy_from_slice(&3_i32.to_be_bytes());
    assert_eq!(refused(&far), BatchError::OffsetDelta { index: 4, offset_delta: 4 });
    let mut fewer = batch.clone();
    fewer[57..61].copy_from_slice(&(-1_i32).to_be_bytes());
    assert_eq!(refused(&fewer), BatchError::Count { count: -1 });
    let bomb = recompress(&with_section(&batch, &vec![0; 1 << 20]), Codec::Zstd, MAX).expect("it can be").into_owned();
    assert_eq!(keys(&bomb, 1 << 16, &mut |_| {}), Err(BatchError::InflatedTooLarge { bytes_max: 1 << 16 }));
}

#[test]
fn the_core_gets_told_by_offset() {
    let mut batch = golden("java-4.1.1-zstd-edges.batch").batch;
    patch(&mut batch, 5_000, 3);
    let mut offsets = Vec::new();
    RecordBatches.keys(&batch, &mut |record| offsets.push(record.offset)).expect("it can be read");
    assert_eq!(offsets, (5_000..5_007).collect::<Vec<u64>>());
    let when = Tombstones { now: 1, horizon: HORIZON as u64 };
    let Ok(Compacted::Records(kept)) = RecordBatches.compact(&batch, when, &mut |record| record.offset > 5_003) else {
        panic!("some stay");
    };
    assert_eq!(RecordBatches.batch(&kept).map(|facts| (facts.base, facts.count)), Some((5_000, 7)));
    let Ok(Compacted::Empty(empty)) = RecordBatches.compact(&batch, when, &mut |_| false) else { panic!("none stays") };
    let facts = RecordBatches.batch(&empty).expect("a header");
    assert_eq!((facts.base, facts.count, facts.max_time, facts.len), (5_000, 7, -1, HEADER_BYTES));
}
