//! Fetches out of the broker: from a topic that was filled just before, or that the page cache no longer has.

use std::sync::mpsc::{Receiver, Sender, channel};

use super::broker::Broker;
use super::client::Client;
use super::cold;
use super::crew::{Crew, Job};
use super::drain::{Goal, drain, sum};
use super::drainer::{Cursor, Drained, Drainer};
use super::load::{Load, Scenario};
use super::produce::{fill, verify};
use super::request::FetchLimits;
use super::topics::Topics;
use crate::error::Result;
use crate::outcome::{Outcome, Quantiles, Unit};
use crate::shared::Shared;

/// A fetch until its answer is complete.
const FETCH: Quantiles = [
    ("fetch_p50_us", "fetch p50"),
    ("fetch_p99_us", "fetch p99"),
    ("fetch_p999_us", "fetch p99.9"),
    ("fetch_max_us", "fetch max"),
];
/// How long a fetch may be held while there is nothing, milliseconds.
pub(crate) const WAIT_MS_MAX: i32 = 500;

/// The consumers of a load, connected.
pub(crate) struct Consumers {
    drainers: Vec<Drainer>,
    goal: Goal,
    /// Whom the first batch is told.
    first: Option<Sender<()>>,
    began: u64,
}

impl Consumers {
    /// Opens the connections; partitions are dealt out in turn. `again`: they begin again when they are through.
    pub(crate) fn open(broker: &Broker, load: &Load, topics: &Topics, ends: &[i64], again: bool) -> Result<Consumers> {
        let limits = FetchLimits { wait_ms_max: WAIT_MS_MAX, bytes_min: 1, partition_bytes_max: load.fetch as i32 };
        let one = |index: usize| {
            let all = ends.iter().enumerate().map(|(partition, end)| Cursor::new(partition, *end));
            let mine: Vec<Cursor> = if ends.len() >= load.connections {
                all.skip(index).step_by(load.connections).collect()
            } else {
                all.skip(index % ends.len()).take(1).collect()
            };
            Drainer::new(broker.connect()?, limits, &topics.names[0], mine, again)
        };
        let drainers = (0..load.connections).map(one).collect::<Result<_>>()?;
        let goal = if again { Goal { octets: load.bytes, seconds: load.seconds } } else { Goal::default() };
        Ok(Consumers { drainers, goal, first: None, began: 0 })
    }

    /// What is told when the first batch has come. It hangs up when they end without one.
    pub(crate) fn first_batch(&mut self) -> Receiver<()> {
        let (sender, receiver) = channel();
        self.first = Some(sender);
        receiver
    }

    /// The consuming thread; `ends` also what producers do.
    pub(crate) fn job(&mut self) -> Job<'_> {
        let body = |shared: &Shared| {
            let began = drain(&mut self.drainers, self.goal, self.first.take(), shared);
            shared.end();
            self.began = began?;
            Ok(())
        };
        ("consumer", Box::new(body))
    }

    /// What they saw, and from the first fetch to the last batch, seconds.
    pub(crate) fn drained(&self) -> (Drained, f64) {
        let drained = sum(&self.drainers);
        let seconds = drained.last.saturating_sub(self.began).max(1) as f64 / 1e9;
        (drained, seconds)
    }
}

/// Fills the topic and drains it.
pub(crate) fn run(load: &Load, topics: &Topics, control: &mut Client, crew: &mut Crew<'_>) -> Result<Outcome> {
    let filled = fill(load, topics, crew)?;
    let cold = load.scenario == Scenario::CatchUp;
    if cold {
        // Nothing is to come into memory again by being written late.
        crew.await_rest();
        cold::forget(crew.broker)?;
    }
    let ends = topics.ends(control)?;
    let mut consumers = Consumers::open(crew.broker, load, topics, &ends, !cold)?;
    crew.begin();
    let own = crew.work(vec![consumers.job()])?;
    let bill = crew.bill();
    let (drained, seconds) = consumers.drained();
    let mut outcome = Outcome::default();
    figures(&mut outcome, &drained, seconds);
    bill.put(&mut outcome, drained.octets, drained.records);
    outcome.put(
        "octets_per_fetch",
        "bytes / fetch",
        Unit::Bytes,
        drained.octets as f64 / drained.fetches.max(1) as f64,
    );
    outcome.put("records", "records", Unit::Count, drained.records as f64);
    outcome.put("seconds", "time", Unit::Seconds, seconds);
    outcome.put(
        "generator_cpu_us",
        "generator CPU us / record",
        Unit::Cost,
        own as f64 / drained.records.max(1) as f64,
    );
    let held = ends.iter().map(|end| *end as u64).sum();
    verify(&mut outcome, held, filled.records);
    if cold {
        verify(&mut outcome, drained.records, filled.records);
    }
    Ok(outcome)
}

/// Rates and latencies.
pub(crate) fn figures(outcome: &mut Outcome, drained: &Drained, seconds: f64) {
    let mebibytes = drained.octets as f64 / f64::from(1 << 20);
    outcome.put("out_mib_per_s", "out MiB/s", Unit::Mebibytes, mebibytes / seconds);
    outcome.put("out_per_s", "out records/s", Unit::PerSecond, drained.records as f64 / seconds);
    outcome.put_quantiles(&FETCH, &drained.latency);
}
