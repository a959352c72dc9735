//! Groups behave as the model says, whatever is asked of them in whatever order.
//!
//! The model is written from the rules, with plain lists and no clock but `now`. Besides, whatever happens: each
//! request is answered once and none is forgotten, a generation never goes back, there is a leader exactly if there are
//! members, who is overdue is not answered, and an image brings back what the group was when it was written.

mod act;
mod ask;
mod draw;
mod driver;
mod model;
mod rules;

use driver::{Driver, Seen};
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use std::cell::RefCell;

fn run(settings: &draw::Setup, ops: &[draw::Op]) -> Result<Seen, TestCaseError> {
    let mut driver = Driver::new(settings);
    for op in ops {
        driver.step(op).map_err(|why| TestCaseError::fail(format!("{why}\nat {op:?}")))?;
    }
    driver.finish().map_err(TestCaseError::fail)
}

/// So many cases, or as many as `NARUMQ_CASES` says.
fn cases(usual: u32) -> u32 {
    std::env::var("NARUMQ_CASES").ok().and_then(|n| n.parse().ok()).unwrap_or(usual)
}

#[test]
fn a_group_does_what_the_model_does() {
    let seen = RefCell::new(Seen::default());
    let config = Config { cases: cases(1_500), failure_persistence: None, ..Config::default() };
    let mut seed = [7; 32];
    if let Some(given) = std::env::var("NARUMQ_SEED").ok().and_then(|n| n.parse::<u64>().ok()) {
        seed[..8].copy_from_slice(&given.to_le_bytes());
    }
    let mut runner = TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &seed));
    let strategy = (draw::setup(), prop::collection::vec(draw::op(), 1..60));
    let case = |(settings, ops): (draw::Setup, Vec<draw::Op>)| {
        seen.borrow_mut().add(&run(&settings, &ops)?);
        Ok(())
    };
    if let Err(failure) = runner.run(&strategy, case) {
        panic!("{failure}");
    }
    let seen = seen.into_inner();
    let missing: Vec<&str> = seen.missing();
    assert!(missing.is_empty(), "the cases never came to: {missing:?}; they came to {seen:?}");
}
