//! What is to be done to a broker by its Kafka door: a scenario with every number filled in.

use serde::{Deserialize, Serialize};

use super::batch;
use crate::load::grouped;
use crate::scenario::Task;

/// The kinds of load.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Scenario {
    /// Batches in as fast as it goes.
    Produce,
    /// Fetches out as fast as it goes, from a topic that was filled just before.
    Consume,
    /// The same once the page cache no longer has the topic.
    CatchUp,
    /// How much longer producers wait while a consumer catches up.
    Interference,
    /// One record at a time from a producer to a consumer that waits for it.
    Latency,
    /// Many topics: create them, produce one batch to each partition.
    Topics,
    /// Nothing at all: how soon a broker is ready and what it costs while nobody calls.
    Start,
    /// A filled topic, then kill -9, restart.
    Restart,
}

/// A scenario with every number filled in.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Load {
    pub(crate) scenario: Scenario,
    /// Octets of a record's value.
    pub(crate) size: usize,
    /// Octets of a batch at most; 0 is one record a batch.
    pub(crate) batch: usize,
    /// Octets of batches to produce or to fetch, with `seconds` no longer than that.
    pub(crate) bytes: Option<u64>,
    pub(crate) seconds: Option<f64>,
    /// Octets of batches that the topic is filled with beforehand.
    pub(crate) fill: u64,
    pub(crate) topics: usize,
    /// Of each topic.
    pub(crate) partitions: usize,
    /// Producers or consumers, a connection each.
    pub(crate) connections: usize,
    /// Requests that a producer's connection has in flight.
    pub(crate) in_flight: usize,
    /// -1 or 1.
    pub(crate) acks: i16,
    /// Octets of one partition that a fetch asks for.
    pub(crate) fetch: usize,
    /// Records one after the other (latency).
    pub(crate) records: u64,
    /// Requests per second of all producers together; `None` is as fast as it goes.
    pub(crate) rate: Option<f64>,
}

impl Default for Load {
    fn default() -> Load {
        Load {
            scenario: Scenario::Produce,
            size: 1024,
            batch: 65_536,
            bytes: None,
            seconds: None,
            fill: 0,
            topics: 1,
            partitions: 1,
            connections: 1,
            in_flight: 8,
            acks: -1,
            fetch: 1 << 20,
            records: 0,
            rate: None,
        }
    }
}

impl Load {
    /// Records of a batch.
    pub(crate) fn records_of_batch(&self) -> usize {
        batch::records_in(self.batch, self.size)
    }

    /// Whether the broker is filled beforehand.
    fn is_filled(&self) -> bool {
        use Scenario::{CatchUp, Consume, Interference, Restart};
        matches!(self.scenario, Consume | CatchUp | Interference | Restart)
    }

    /// Whether the least server can carry it out: it answers fetches of one partition, and has no past.
    pub(crate) fn has_limit(&self) -> bool {
        use Scenario::{Consume, Latency, Produce};
        matches!(self.scenario, Produce | Latency) || self.scenario == Consume && self.partitions == 1
    }

    /// The same batches, as many octets as the topic is filled with, as fast as it goes.
    pub(crate) fn filling(&self) -> Load {
        Load {
            scenario: Scenario::Produce,
            bytes: Some(self.fill),
            seconds: None,
            rate: None,
            connections: 4,
            in_flight: if self.batch == 0 { 64 } else { 8 },
            acks: -1,
            ..self.clone()
        }
    }

    fn sizes(&self) -> String {
        match self.batch {
            0 => format!("{} B alone in its batch", self.size),
            batch => format!("{} B in {} batches", self.size, octets(batch as u64)),
        }
    }

    fn places(&self) -> String {
        let partitions = count(self.partitions, "partition");
        if self.topics == 1 { partitions } else { format!("{} x {partitions}", count(self.topics, "topic")) }
    }
}

/// `1 partition`, `4 partitions`.
fn count(number: usize, what: &str) -> String {
    format!("{} {what}{}", grouped(number as u64), if number == 1 { "" } else { "s" })
}

/// `64 KiB`, `3 GiB`, `1,000 B`.
fn octets(value: u64) -> String {
    for (shift, unit) in [(30, "GiB"), (20, "MiB"), (10, "KiB")] {
        if value >= 1 << shift && value.is_multiple_of(1 << shift) {
            return format!("{} {unit}", grouped(value >> shift));
        }
    }
    format!("{} B", grouped(value))
}

impl Task for Load {
    fn check(&self) -> Result<(), String> {
        let wrong = |text: &str| Err(text.to_owned());
        if self.seconds.is_some_and(|seconds| !seconds.is_finite() || seconds <= 0.0) {
            return wrong("--seconds is above 0");
        }
        if self.rate.is_some_and(|rate| !rate.is_finite() || rate <= 0.0) {
            return wrong("--rate is above 0");
        }
        if self.scenario == Scenario::Start {
            return if self.seconds.is_some() { Ok(()) } else { wrong("how many --seconds of nothing?") };
        }
        if [self.topics, self.partitions, self.connections, self.in_flight].contains(&0) {
            return wrong("at least one topic, partition, connection and request in flight are wanted");
        }
        if self.topics > 100_000 || self.partitions > 100_000 || self.topics * self.partitions > 1_000_000 {
            return wrong("at most 100000 topics, 100000 partitions of each and 1000000 in all");
        }
        if self.connections > 10_000 || self.in_flight > 100_000 {
            return wrong("at most 10000 connections and 100000 requests in flight on each");
        }
        if self.size > 64 << 20 || self.batch > 64 << 20 {
            return wrong("a record and a batch have at most 64 MiB");
        }
        if ![-1, 1].contains(&self.acks) {
            return wrong("--acks is -1 or 1: without an answer nothing is measured");
        }
        if !(1..=1 << 30).contains(&self.fetch) {
            return wrong("--fetch is from 1 byte to 1 GiB");
        }
        if self.is_filled() && self.fill == 0 {
            return wrong("with how many bytes is the topic to be filled (--fill)?");
        }
        if self.topics > 1 && !matches!(self.scenario, Scenario::Produce | Scenario::Topics) {
            return wrong("several topics are for produce and topics; consumers read one");
        }
        match self.scenario {
            Scenario::Produce if self.bytes.is_none() && self.seconds.is_none() => {
                wrong("how many --bytes, or for how many --seconds?")
            }
            Scenario::Consume if self.bytes.is_none() && self.seconds.is_none() => {
                wrong("how many --bytes, or for how many --seconds?")
            }
            Scenario::Interference if self.seconds.is_none() => wrong("for how many --seconds without the consumer?"),
            Scenario::Latency if self.records == 0 => wrong("how many --records?"),
            Scenario::Latency if self.partitions > 1 || self.connections > 1 => {
                wrong("latency is that of one producer and one consumer of one partition")
            }
            _ => Ok(()),
        }
    }

    fn describe(&self) -> String {
        let much = match (self.bytes, self.seconds) {
            (Some(bytes), None) => octets(bytes),
            (Some(bytes), Some(seconds)) => format!("{} or {seconds} s", octets(bytes)),
            (None, seconds) => format!("{} s", seconds.unwrap_or_default()),
        };
        let (sizes, places) = (self.sizes(), self.places());
        let acks = if self.acks == -1 { "acks all".to_owned() } else { format!("acks {}", self.acks) };
        let readers = format!("{} -> {}", places, count(self.connections, "consumer"));
        let fetch = octets(self.fetch as u64);
        match self.scenario {
            Scenario::Produce => {
                let rate = self.rate.map_or(String::new(), |rate| format!(", {}/s", grouped(rate as u64)));
                let connections = count(self.connections, "connection");
                format!("{much}: {sizes}, {acks}{rate}, {connections} x {} in flight -> {places}", self.in_flight)
            }
            Scenario::Consume => {
                format!("{much} out of {}: {sizes}, fetches of {fetch}, {readers}", octets(self.fill))
            }
            Scenario::CatchUp => {
                format!("catch up with {}, not in memory: {sizes}, fetches of {fetch}, {readers}", octets(self.fill))
            }
            Scenario::Interference => format!(
                "produce and confirms while a consumer catches up with {}: {sizes}, fetches of {fetch}, {readers}",
                octets(self.fill)
            ),
            Scenario::Latency => format!("{} x {} B, one in flight, end to end", grouped(self.records), self.size),
            Scenario::Topics => format!("create {places}, produce one batch to each: {sizes}"),
            Scenario::Start => format!("empty start, {} s of nothing", self.seconds.unwrap_or_default()),
            Scenario::Restart => format!("kill -9 and restart with {}: {sizes} in {places}", octets(self.fill)),
        }
    }

    fn scaled(mut self, factor: f64) -> Load {
        let count = |count: u64| ((count as f64 * factor) as u64).max(1);
        self.bytes = self.bytes.map(count);
        self.seconds = self.seconds.map(|seconds| (seconds * factor).max(0.05));
        // What is read again and again is to stay as hot, or as cold, as it was.
        if self.scenario != Scenario::Consume && self.fill > 0 {
            self.fill = count(self.fill);
        }
        if self.records > 0 {
            self.records = count(self.records);
        }
        if self.scenario == Scenario::Topics {
            self.topics = count(self.topics as u64) as usize;
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_load_is_told_in_one_line() {
        let load = Load { bytes: Some(3 << 30), connections: 4, ..Load::default() };
        let text = "3 GiB: 1024 B in 64 KiB batches, acks all, 4 connections x 8 in flight -> 1 partition";
        assert_eq!(load.describe(), text);
        let load = Load { scenario: Scenario::Topics, topics: 1000, partitions: 4, batch: 0, ..Load::default() };
        let text = "create 1,000 topics x 4 partitions, produce one batch to each: 1024 B alone in its batch";
        assert_eq!(load.describe(), text);
        assert_eq!([1000, 1024, 1 << 20, 3 << 19].map(octets), ["1,000 B", "1 KiB", "1 MiB", "1,536 KiB"]);
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        let good = Load { bytes: Some(1), ..Load::default() };
        assert_eq!(good.check(), Ok(()));
        for bad in [
            Load::default(),
            Load { acks: 0, ..good.clone() },
            Load { seconds: Some(0.0), ..good.clone() },
            Load { partitions: 0, ..good.clone() },
            Load { topics: 100_000, partitions: 100_000, ..good.clone() },
            Load { scenario: Scenario::Consume, ..good.clone() },
            Load { scenario: Scenario::Consume, fill: 5, topics: 2, ..good.clone() },
            Load { scenario: Scenario::Latency, ..good.clone() },
            Load { scenario: Scenario::Interference, fill: 5, ..good.clone() },
            Load { scenario: Scenario::Start, ..good.clone() },
        ] {
            assert!(bad.check().is_err(), "{bad:?}");
        }
    }
}
