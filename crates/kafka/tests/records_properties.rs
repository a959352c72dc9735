//! Batches of any records: what was built is accepted and read again, and compaction is filtering.
#![allow(clippy::unwrap_used, reason = "a test fails where a helper of it fails")]

mod records_support;

use narumq_kafka::records::{
    BatchBuilder, BatchHeader, Codec, HEADER_BYTES, check, keep, keep_with_horizon, patch, recompress,
};
use proptest::collection::vec;
use proptest::option::of;
use proptest::prelude::*;
use records_support::{CODECS, OPEN, Owned, contents, records};

fn bytes(most: usize) -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        8 => vec(any::<u8>(), 0..most.min(100)),
        1 => (any::<u8>(), 0..most).prop_map(|(byte, length)| vec![byte; length]),
    ]
}

fn record() -> impl Strategy<Value = Owned> {
    let time = prop_oneof![8 => 1_700_000_000_000i64..1_700_000_100_000, 1 => any::<i64>(), 1 => Just(-1)];
    let headers = prop_oneof![4 => Just(Vec::new()), 1 => vec((bytes(70), of(bytes(300))), 0..70)];
    (time, of(bytes(200)), of(bytes(70_000)), headers).prop_map(|(timestamp, key, value, headers)| Owned {
        timestamp,
        key,
        value,
        headers,
    })
}

fn codec() -> impl Strategy<Value = Codec> {
    proptest::sample::select(&CODECS[..])
}

fn build(records: &[Owned], codec: Codec) -> Vec<u8> {
    let mut builder = BatchBuilder::new(codec, 1 << 24);
    for record in records {
        let before = builder.size();
        assert!(record.lend(|record| builder.push(record)));
        assert!(builder.size() > before);
    }
    assert_eq!(builder.count(), records.len());
    builder.finish().unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn what_was_built_is_accepted_and_read(made in vec(record(), 1..80), codec in codec(), other in codec()) {
        let mut batch = build(&made, codec);
        prop_assert!(contents(&batch) == made);
        let checked = check(&batch, &OPEN).unwrap();
        let latest = made.iter().map(|record| record.timestamp).fold(-1, i64::max);
        prop_assert_eq!(checked.max_timestamp(), latest);
        prop_assert_eq!(checked.header.max_timestamp, latest);
        let first = made.iter().position(|record| record.timestamp == latest && latest >= 0);
        prop_assert_eq!(checked.walked.unwrap().offset_delta_of_max, first.map(|place| place as i32));

        patch(&mut batch, 1 << 40, 12);
        let offsets: Vec<_> = records(&batch).iter().map(|(offset, _)| *offset).collect();
        prop_assert_eq!(offsets, ((1 << 40)..).take(made.len()).collect::<Vec<_>>());
        let again = recompress(&batch, other, 1 << 24).unwrap();
        prop_assert!(records(&again) == records(&batch));
        prop_assert!(recompress(&again, codec, 1 << 24).unwrap() == batch);
    }

    #[test]
    fn compaction_is_filtering(made in vec(record(), 1..40), codec in codec(), mask in vec(any::<bool>(), 0..40)) {
        let mut batch = build(&made, codec);
        patch(&mut batch, 1000, 3);
        let stays = |place: usize| mask.get(place).copied().unwrap_or(true);
        let expected: Vec<_> = records(&batch).into_iter().enumerate()
            .filter(|(place, _)| stays(*place)).map(|(_, record)| record).collect();
        let kept = keep(&batch, &mask, 1 << 24).unwrap().into_owned();
        let moved = keep_with_horizon(&batch, &mask, 1_800_000_000_000, 1 << 24).unwrap();
        let before = BatchHeader::read(&batch).unwrap();
        for after in [&kept, &moved] {
            prop_assert!(records(after) == expected);
            let header = BatchHeader::read(after).unwrap();
            prop_assert_eq!(header.size(), after.len());
            prop_assert_eq!(header.checksum, crc_fast::crc32_iscsi(&after[21..]));
            prop_assert_eq!((header.base_offset, header.last_offset_delta), (1000, before.last_offset_delta));
            prop_assert_eq!((header.leader_epoch, header.count), (3, expected.len() as i32));
            if expected.is_empty() {
                prop_assert_eq!((after.len(), header.max_timestamp), (HEADER_BYTES, before.max_timestamp));
            } else {
                let latest = expected.iter().map(|(_, record)| record.timestamp).fold(-1, i64::max);
                prop_assert_eq!((header.attributes.codec(), header.max_timestamp), (Ok(codec), latest));
            }
        }
        let horizon = BatchHeader::read(&moved).unwrap().delete_horizon();
        prop_assert_eq!(horizon, (!expected.is_empty()).then_some(1_800_000_000_000));
    }

    #[test]
    fn a_full_builder_takes_no_more(made in vec(record(), 1..20), bytes_max in 0usize..3000) {
        let mut builder = BatchBuilder::new(Codec::None, bytes_max);
        let taken: Vec<_> = made.into_iter().filter(|record| record.lend(|record| builder.push(record))).collect();
        prop_assert!(builder.count() == 0 || builder.size() <= bytes_max);
        let batch = builder.finish();
        prop_assert_eq!(batch.is_none(), taken.is_empty());
        prop_assert!(batch.is_none_or(|batch| contents(&batch) == taken));
    }
}
