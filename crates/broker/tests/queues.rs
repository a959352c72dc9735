//! Queues behave as the model says, whatever is done to them in whatever order.
//!
//! Each case has a seed. `NARUMQ_SEEDS` says how many are run, `NARUMQ_SEED` which is the first; a case that fails is
//! shrunk and printed with its seed.

mod driver;
mod harness;
mod model;

use driver::draw::{Scale, op, setup};
use driver::ops::{Op, Setup};
use driver::{Driver, Reached};
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestError, TestRng, TestRunner};
use std::cell::{Cell, RefCell};
use std::time::Duration;

/// How long the model may be ahead of the disk once a case has failed and is being shrunk.
const WHILE_SHRINKING: Duration = Duration::from_millis(300);

fn run(setup: &Setup, ops: &[Op], patience: Option<Duration>) -> Result<Reached, String> {
    let mut driver = Driver::new(setup.clone(), patience)?;
    ops.iter().try_for_each(|op| driver.step(op))?;
    driver.finish()
}

/// A number from the environment.
fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok().and_then(|n| n.parse().ok())
}

/// Runs so many seeds; returns what they came to, unless the environment asked for others.
fn check(usual: u64, scale: Scale, ops: usize) -> Option<Reached> {
    let reached = RefCell::new(Reached::default());
    let strategy = (setup(scale), prop::collection::vec(op(scale), 1..ops));
    let first = number("NARUMQ_SEED").unwrap_or(0);
    let seeds = number("NARUMQ_SEEDS").unwrap_or(usual);
    for seed in first..first + seeds {
        let config = Config {
            cases: 1,
            max_shrink_iters: 4_000,
            max_shrink_time: 120_000,
            failure_persistence: None,
            ..Config::default()
        };
        let mut bytes = [u8::from(scale.restarts); 32];
        bytes[..8].copy_from_slice(&seed.to_le_bytes());
        let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
        let patience = Cell::new(None);
        let case = |(setup, ops): (Setup, Vec<Op>)| {
            // A panic is a failure too: what follows is shrinking, unless the case ends well.
            let given = patience.replace(Some(WHILE_SHRINKING));
            let case = run(&setup, &ops, given).map_err(TestCaseError::fail)?;
            reached.borrow_mut().add(&case);
            Ok(())
        };
        if let Err(error) = TestRunner::new_with_rng(config, rng).run(&strategy, case) {
            panic!("seed {seed}: {}", told(error));
        }
    }
    eprintln!("{:?}", reached.borrow());
    (seeds >= usual).then(|| reached.into_inner())
}

/// The shortest case found, an operation a line.
fn told(error: TestError<(Setup, Vec<Op>)>) -> String {
    match error {
        TestError::Abort(why) => format!("given up: {why}"),
        TestError::Fail(why, (setup, ops)) => {
            let ops: Vec<String> = ops.iter().map(|op| format!("  {op:?}")).collect();
            format!("{why}\n{setup:?}\n{}", ops.join("\n"))
        }
    }
}

/// The cases are worth something only if they came to what they are about.
fn assert_reached(reached: &Reached, kinds: usize) {
    assert_eq!(reached.kinds.len(), kinds, "{:?}", reached.kinds);
    assert_eq!(reached.died.len(), 4, "{:?}", reached.died);
    assert!(reached.redelivered > 0 && reached.refused > 0, "{reached:?}");
}

#[test]
fn queues_behave_as_the_model() {
    if let Some(reached) = check(1_000, Scale { len: 60, restarts: false }, 80) {
        assert_reached(&reached, 19);
    }
}

#[test]
fn queues_come_back_as_the_model_says() {
    if let Some(reached) = check(300, Scale { len: 3_000, restarts: true }, 80) {
        assert_reached(&reached, 21);
        assert!(reached.let_go > 0, "{reached:?}");
        assert!(reached.files_freed > 100, "{reached:?}");
    }
}
