//! Partitions against a naive model: random batches, trims, time, reads and ends of all kinds; what fails is shrunk.

#[path = "../harness/mod.rs"]
mod harness;

mod model;
mod site;

use proptest::prelude::*;
use site::{End, Op, Site};

fn op() -> impl Strategy<Value = Op> {
    let which = 0..3usize;
    prop_oneof![
        12 => (which.clone(), 1..6u32, 0..6_000usize, -2_000..2_000i64, proptest::option::of(0..3u64))
            .prop_map(|(to, count, len, time, producer)| Op::Append { to, count, len, time, producer }),
        2 => (which.clone(), 0..3u64).prop_map(|(to, producer)| Op::Again { to, producer }),
        2 => (which.clone(), 0..1_100u64).prop_map(|(of, share)| Op::Trim { of, share }),
        3 => (which.clone(), 0..1_000u64, 1..20_000u64).prop_map(|(of, share, max)| Op::Read { of, share, max }),
        2 => (which, -2_500..2_500i64, 0..1_000u64).prop_map(|(of, time, share)| Op::Lookup { of, time, share }),
        2 => (1..4_000u64).prop_map(|millis| Op::Pass { millis }),
        2 => Just(Op::Fence),
        2 => prop_oneof![
            Just(Op::End(End::Close)),
            Just(Op::End(End::Kill)),
            any::<u64>().prop_map(|seed| Op::End(End::PowerCut(seed))),
        ],
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn partitions_behave_like_lists_of_batches(ops in proptest::collection::vec(op(), 1..160)) {
        let mut site = Site::new();
        for op in &ops {
            site.run(op);
        }
        site.run(&Op::End(End::Kill));
    }
}

/// How many runs: `NARUMQ_CASES`, or a few.
fn cases() -> u32 {
    std::env::var("NARUMQ_CASES").ok().and_then(|n| n.parse().ok()).unwrap_or(200)
}
