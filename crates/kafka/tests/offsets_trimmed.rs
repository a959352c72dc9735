//! Offsets by time where records of a batch have been deleted and others of it have not.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod harness;

use harness::Stage;
use harness::admin::{create, fine};
use harness::faults::{append, delete_records, offset_of};
use narumq_kafka::records::{BatchBuilder, Codec, NewRecord};

const LATEST_RECORD: i64 = -3;

fn timed(times: &[i64]) -> Vec<u8> {
    let mut builder = BatchBuilder::new(Codec::None, 1 << 20);
    for timestamp in times {
        assert!(builder.push(&NewRecord { timestamp: *timestamp, key: None, value: Some(b"v"), headers: &[] }));
    }
    builder.finish().unwrap()
}

#[test]
fn the_latest_record_is_one_that_is_there() {
    let mut stage = Stage::new();
    assert_eq!(create(&mut stage, "t", &[]), fine());
    for (times, base) in [(&[100, 5, 90, 7][..], 0), (&[50, 60][..], 4), (&[80, 20][..], 6)] {
        assert_eq!(append(&mut stage, "t", &timed(times)), (0, base));
    }
    assert_eq!(offset_of(&mut stage, "t", LATEST_RECORD), (0, 0));
    // The first record to stay, and the one that is the latest then.
    for (start, latest) in [(1, 2), (2, 2), (3, 6), (4, 6), (5, 6), (7, 7)] {
        assert_eq!(delete_records(&mut stage, "t", start), (0, start));
        assert_eq!(offset_of(&mut stage, "t", LATEST_RECORD), (0, latest), "from {start} on");
    }
    assert_eq!(delete_records(&mut stage, "t", 8), (0, 8));
    assert_eq!(offset_of(&mut stage, "t", LATEST_RECORD), (0, -1));
}
