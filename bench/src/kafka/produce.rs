//! Batches into the broker: as fast as it takes them, or at a rate.

use super::broker::Broker;
use super::client::Client;
use super::crew::{Crew, Job};
use super::load::Load;
use super::sender::Sender;
use super::template::Template;
use super::topics::Topics;
use crate::error::Result;
use crate::histogram::Histogram;
use crate::load::grouped;
use crate::outcome::{Outcome, Quantiles, Unit};
use crate::producer::{Pace, produce};
use crate::shared::Shared;

/// A produce request until its answer.
pub(crate) const PRODUCE: Quantiles = [
    ("produce_p50_us", "produce p50"),
    ("produce_p99_us", "produce p99"),
    ("produce_p999_us", "produce p99.9"),
    ("produce_max_us", "produce max"),
];

/// What all producers together did.
pub(crate) struct Produced {
    pub(crate) octets: u64,
    pub(crate) records: u64,
    pub(crate) batches: u64,
    pub(crate) latency: Histogram,
    /// From the first request to the last answer.
    pub(crate) seconds: f64,
}

/// The producers of a load, connected.
pub(crate) struct Producers {
    senders: Vec<Sender>,
    pace: Pace,
    began: u64,
}

impl Producers {
    /// Opens the connections and encodes what is to be sent.
    pub(crate) fn open(broker: &Broker, load: &Load, topics: &Topics) -> Result<Producers> {
        let one = |index: usize| {
            let template = Template::new(load, topics, index);
            let batches = load.bytes.map_or(u64::MAX, |bytes| bytes.div_ceil(template.batch as u64));
            let connections = load.connections as u64;
            let quota = batches / connections + u64::from((index as u64) < batches % connections);
            Sender::new(broker.connect()?, load, template, quota)
        };
        let senders = (0..load.connections).map(one).collect::<Result<_>>()?;
        let pace = Pace { rate: load.rate, seconds: load.seconds };
        Ok(Producers { senders, pace, began: 0 })
    }

    /// So many batches in all, one to each target in turn.
    pub(crate) fn once_each(mut self, targets: usize) -> Producers {
        let (targets, count) = (targets as u64, self.senders.len() as u64);
        for (index, sender) in self.senders.iter_mut().enumerate() {
            // Each producer begins its round where the one before it ends.
            let index = index as u64;
            sender.set_quota((index + 1) * targets / count - index * targets / count);
        }
        self
    }

    /// The producing thread.
    pub(crate) fn job(&mut self) -> Job<'_> {
        let body = |shared: &Shared| {
            self.began = produce(&mut self.senders, self.pace, shared)?;
            Ok(())
        };
        ("producer", Box::new(body))
    }

    /// What they did.
    pub(crate) fn produced(&self) -> Produced {
        let mut latency = Histogram::new();
        self.senders.iter().for_each(|sender| latency.merge(&sender.latency));
        let last = self.senders.iter().map(|sender| sender.last).max().unwrap_or(0);
        Produced {
            octets: self.senders.iter().map(Sender::octets).sum(),
            records: self.senders.iter().map(Sender::records).sum(),
            batches: self.senders.iter().map(Sender::batches).sum(),
            latency,
            seconds: last.saturating_sub(self.began).max(1) as f64 / 1e9,
        }
    }
}

/// Produces the load on topics that hold nothing yet.
pub(crate) fn run(load: &Load, topics: &Topics, control: &mut Client, crew: &mut Crew<'_>) -> Result<Outcome> {
    let touched = touch(load, topics, crew)?;
    let mut producers = Producers::open(crew.broker, load, topics)?;
    crew.begin_since_birth();
    let own = crew.work(vec![producers.job()])?;
    let bill = crew.bill();
    let produced = producers.produced();
    let mut outcome = Outcome::default();
    figures(&mut outcome, &produced);
    bill.put(&mut outcome, produced.octets, produced.records);
    outcome.put("batches", "batches", Unit::Count, produced.batches as f64);
    outcome.put("records", "records", Unit::Count, produced.records as f64);
    outcome.put("seconds", "time", Unit::Seconds, produced.seconds);
    outcome.put(
        "generator_cpu_us",
        "generator CPU us / record",
        Unit::Cost,
        own as f64 / produced.records.max(1) as f64,
    );
    verify(&mut outcome, topics.held(control)?, touched.records + produced.records);
    Ok(outcome)
}

/// One batch to each partition: what a broker does but once for a partition is no part of a load on it.
pub(crate) fn touch(load: &Load, topics: &Topics, crew: &mut Crew<'_>) -> Result<Produced> {
    let once = Load { bytes: None, seconds: None, rate: None, ..load.clone() };
    let mut producers = Producers::open(crew.broker, &once, topics)?.once_each(load.topics * load.partitions);
    crew.work(vec![producers.job()])?;
    Ok(producers.produced())
}

/// Rates and latencies.
fn figures(outcome: &mut Outcome, produced: &Produced) {
    let mebibytes = produced.octets as f64 / f64::from(1 << 20);
    outcome.put("in_mib_per_s", "in MiB/s", Unit::Mebibytes, mebibytes / produced.seconds);
    outcome.put("in_per_s", "in records/s", Unit::PerSecond, produced.records as f64 / produced.seconds);
    outcome.put_quantiles(&PRODUCE, &produced.latency);
}

/// A fault if the topics do not hold what was answered.
pub(crate) fn verify(outcome: &mut Outcome, held: u64, answered: u64) {
    if held != answered {
        outcome.faults.push(format!("{} records are held, {} were answered", grouped(held), grouped(answered)));
    }
}

/// Fills a topic with `load.fill` octets of batches.
pub(crate) fn fill(load: &Load, topics: &Topics, crew: &mut Crew<'_>) -> Result<Produced> {
    let mut producers = Producers::open(crew.broker, &load.filling(), topics)?;
    crew.work(vec![producers.job()])?;
    Ok(producers.produced())
}
