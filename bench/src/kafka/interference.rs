//! How much longer producers wait while a consumer catches up with what is not in memory.

use super::client::Client;
use super::cold;
use super::consume::{self, Consumers};
use super::crew::Crew;
use super::load::{Load, Scenario};
use super::produce::{PRODUCE, Producers, fill, verify};
use super::topics::Topics;
use crate::error::{Error, Result};
use crate::outcome::{Outcome, Quantiles, Unit};
use crate::screen::Screen;
use crate::shared::Shared;
use crate::{flow, load};

/// A produce request while nobody catches up.
const ALONE: Quantiles = [
    ("produce_alone_p50_us", "produce alone p50"),
    ("produce_alone_p99_us", "produce alone p99"),
    ("produce_alone_p999_us", "produce alone p99.9"),
    ("produce_alone_max_us", "produce alone max"),
];
/// Confirms, alone and beside the catch-up: keys and labels of p50 and p99 in an AMQP outcome, then here.
const CONFIRMS: [(&str, &str, &str, &str, &str); 2] = [
    ("confirm_p50_us", "confirm_alone_p50_us", "AMQP confirm alone p50", "confirm_p50_us", "AMQP confirm p50"),
    ("confirm_p99_us", "confirm_alone_p99_us", "AMQP confirm alone p99", "confirm_p99_us", "AMQP confirm p99"),
];
/// AMQP messages per second.
const CONFIRM_RATE: f64 = 2_000.0;

/// Fills the topic, produces to another one alone, then while the first is read; the same with AMQP confirms where the
/// broker has such a door.
pub(crate) fn run(load: &Load, topics: &Topics, control: &mut Client, crew: &mut Crew<'_>) -> Result<Outcome> {
    let filled = fill(load, topics, crew)?;
    let aside =
        Load { scenario: Scenario::Produce, bytes: None, topics: 1, partitions: 1, connections: 1, ..load.clone() };
    let beside = Topics::new(&aside, &topics.configs);
    beside.deleted_after(control, |control| {
        beside.create(control)?;
        measure((load, topics, filled.records), (&aside, &beside), control, crew)
    })
}

/// Reads the load's topic, which holds so many records, and produces to the other one.
fn measure(
    (load, topics, filled): (&Load, &Topics, u64),
    (aside, beside): (&Load, &Topics),
    control: &mut Client,
    crew: &mut Crew<'_>,
) -> Result<Outcome> {
    let broker = crew.broker;
    let ends = topics.ends(control)?;
    let mut outcome = Outcome::default();

    crew.begin();
    let mut producers = Producers::open(broker, aside, beside)?;
    crew.work(vec![producers.job()])?;
    let mut answered = producers.produced().records;
    outcome.put_quantiles(&ALONE, &producers.produced().latency);

    // As long as the catch-up takes, however long that is.
    let mut producers = Producers::open(broker, &Load { seconds: None, ..aside.clone() }, beside)?;
    let mut consumers = Consumers::open(broker, load, topics, &ends, false)?;
    crew.await_rest();
    cold::forget(broker)?;
    crew.begin();
    crew.work(vec![consumers.job(), producers.job()])?;
    let bill = crew.bill();
    let (drained, seconds) = consumers.drained();
    answered += producers.produced().records;
    outcome.put_quantiles(&PRODUCE, &producers.produced().latency);
    times(&mut outcome, "produce_p99_times", "produce p99 / alone", "produce_p99_us", "produce_alone_p99_us");
    consume::figures(&mut outcome, &drained, seconds);
    bill.put(&mut outcome, drained.octets, drained.records);
    verify(&mut outcome, drained.records, filled);
    verify(&mut outcome, beside.held(control)?, answered);
    confirms((load, seconds), topics, &ends, crew, &mut outcome)?;
    Ok(outcome)
}

/// Confirms alone, then beside the catch-up; each for about so many seconds.
fn confirms(
    (load, seconds): (&Load, f64),
    topics: &Topics,
    ends: &[i64],
    crew: &mut Crew<'_>,
    outcome: &mut Outcome,
) -> Result<()> {
    let (broker, screen) = (crew.broker, crew.screen);
    let Some(amqp) = &broker.amqp else { return Ok(()) };
    let persistent = load::Load {
        scenario: load::Scenario::Latency,
        seconds: Some(seconds.max(1.0)),
        size: 1024,
        persistent: true,
        durable: true,
        confirm: 1000,
        ack: 100,
        prefetch: 1000,
        rate: Some(CONFIRM_RATE),
        settle: false,
        ..load::Load::default()
    };
    crew.begin();
    let alone = flow::run(amqp, &persistent, screen)?;
    let mut consumers = Consumers::open(broker, load, topics, ends, false)?;
    crew.await_rest();
    cold::forget(broker)?;
    let mut beside = Outcome::default();
    let at_work = consumers.first_batch();
    let (load, told) = (&persistent, &mut beside);
    let publish = move |_: &Shared| {
        // From its first batch on the consumer is at work. One that ends without it tells why itself.
        let _ = at_work.recv();
        *told = flow::run(amqp, load, &Screen::new(true))?;
        Ok(())
    };
    crew.work(vec![consumers.job(), ("amqp", Box::new(publish))])?;
    for (from, alone_key, alone_label, key, label) in CONFIRMS {
        let figure = |outcome: &Outcome| {
            let figure = outcome.figure(from).map(|figure| figure.value);
            figure.ok_or_else(|| Error::new("nothing was confirmed"))
        };
        outcome.put(alone_key, alone_label, Unit::Microseconds, figure(&alone)?);
        outcome.put(key, label, Unit::Microseconds, figure(&beside)?);
    }
    times(outcome, "confirm_p99_times", "AMQP confirm p99 / alone", "confirm_p99_us", "confirm_alone_p99_us");
    outcome.faults.extend(alone.faults.into_iter().chain(beside.faults));
    Ok(())
}

/// How many times one figure is another.
fn times(outcome: &mut Outcome, key: &'static str, label: &'static str, of: &str, by: &str) {
    let value = |key| outcome.figure(key).map(|figure| figure.value);
    if let (Some(of), Some(by)) = (value(of), value(by)) {
        outcome.put(key, label, Unit::Times, of / by);
    }
}
