//! What is to be done to a broker: a scenario with every number filled in.

use serde::{Deserialize, Serialize};

use crate::scenario::Task;

/// The kinds of load.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Scenario {
    /// Publish and consume as fast as it goes.
    Throughput,
    /// Publish at a fixed rate, whatever the broker answers (open loop).
    Latency,
    /// One exchange, every message to every queue.
    Fanout,
    /// Publish all with no consumer, then drain.
    Backlog,
    /// Declare durable queues and leave them idle.
    Queues,
    /// Open connections with a channel each and leave them idle.
    Connections,
    /// Nothing at all: how soon a broker is ready and what it costs while nobody calls.
    Start,
    /// A backlog, then kill -9, restart, drain.
    Restart,
}

/// The kinds of queue that `x-queue-type` may ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum QueueType {
    /// `x-queue-type: classic`
    Classic,
    /// `x-queue-type: quorum`
    Quorum,
}

impl QueueType {
    /// The argument's value.
    pub(crate) fn name(self) -> &'static str {
        match self {
            QueueType::Classic => "classic",
            QueueType::Quorum => "quorum",
        }
    }
}

/// A scenario with every number filled in.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Load {
    pub(crate) scenario: Scenario,
    /// Messages to publish in all; `None` publishes for `seconds`, with both whichever ends first.
    pub(crate) messages: Option<u64>,
    pub(crate) seconds: Option<f64>,
    /// Octets of a body.
    pub(crate) size: usize,
    pub(crate) persistent: bool,
    pub(crate) durable: bool,
    pub(crate) queue_type: Option<QueueType>,
    /// Unconfirmed publishes per producer; 0 publishes without confirms.
    pub(crate) confirm: u32,
    /// One multiple ack for so many deliveries; 0 consumes without acks.
    pub(crate) ack: u32,
    pub(crate) prefetch: u16,
    /// Messages per second of all producers together; `None` is as fast as it goes.
    pub(crate) rate: Option<f64>,
    pub(crate) producers: usize,
    pub(crate) consumers: usize,
    pub(crate) queues: usize,
    pub(crate) connections: usize,
    /// Wait until all is consumed.
    pub(crate) drain: bool,
    /// Wait until the broker's work afterwards has ended, and bill it.
    pub(crate) settle: bool,
}

impl Default for Load {
    /// Empty bodies, transient, no confirms, auto-ack, 1 producer, 1 queue, 1 consumer, drained.
    fn default() -> Load {
        Load {
            scenario: Scenario::Throughput,
            messages: None,
            seconds: None,
            size: 0,
            persistent: false,
            durable: false,
            queue_type: None,
            confirm: 0,
            ack: 0,
            prefetch: 0,
            rate: None,
            producers: 1,
            consumers: 1,
            queues: 1,
            connections: 0,
            drain: true,
            settle: true,
        }
    }
}

impl Load {
    /// Deliveries that one publish makes.
    pub(crate) fn copies(&self) -> u64 {
        if self.scenario == Scenario::Fanout { self.queues as u64 } else { 1 }
    }

    /// Whether an idle population is measured, not a flow of messages.
    pub(crate) fn is_idle(&self) -> bool {
        matches!(self.scenario, Scenario::Queues | Scenario::Connections)
    }

    /// Whether messages flow.
    pub(crate) fn is_flow(&self) -> bool {
        !self.is_idle() && self.scenario != Scenario::Start
    }
}

impl Task for Load {
    fn check(&self) -> Result<(), String> {
        let wrong = |text: &str| Err(text.to_owned());
        if self.seconds.is_some_and(|seconds| !seconds.is_finite() || seconds <= 0.0) {
            return wrong("--seconds is above 0");
        }
        match self.scenario {
            Scenario::Queues if self.queues == 0 => return wrong("no queues at all cannot be measured"),
            Scenario::Connections if self.connections == 0 => {
                return wrong("no connections at all cannot be measured");
            }
            Scenario::Start if self.seconds.is_none() => return wrong("how many --seconds of nothing?"),
            Scenario::Queues | Scenario::Connections | Scenario::Start => return Ok(()),
            _ => {}
        }
        if self.producers == 0 || self.consumers == 0 || self.queues == 0 {
            return wrong("at least one producer, one consumer and one queue are wanted");
        }
        if self.producers > 10_000 || self.consumers > 10_000 || self.queues > 65_535 {
            return wrong("at most 10000 producers, 10000 consumers and 65535 queues");
        }
        if self.size > 64 << 20 {
            return wrong("a body is at most 64 MiB");
        }
        if self.scenario != Scenario::Fanout && self.producers * self.queues * (self.size + 100) > 4 << 30 {
            return wrong("a message for every producer and queue is encoded beforehand: these take more than 4 GiB");
        }
        if self.messages == Some(0) || self.messages.is_some_and(|messages| messages > u64::from(u32::MAX)) {
            return wrong("--messages is from 1 to 4294967295");
        }
        if self.messages.is_none() && self.seconds.is_none() {
            return wrong("how many --messages, or for how many --seconds?");
        }
        if self.rate.is_some_and(|rate| !rate.is_finite() || rate <= 0.0) {
            return wrong("--rate is above 0");
        }
        if self.confirm > 1_000_000 {
            return wrong("--confirm is at most 1000000");
        }
        if self.ack > 0 && self.prefetch > 0 && self.ack > u32::from(self.prefetch) {
            return wrong("--ack is at most --prefetch, or the consumer waits for ever");
        }
        let backlog = matches!(self.scenario, Scenario::Backlog | Scenario::Restart);
        if backlog && (self.seconds.is_some() || !self.drain) {
            return wrong("a backlog is a number of --messages, all of them drained");
        }
        if self.scenario == Scenario::Restart && !(self.persistent && self.durable) {
            return wrong("only persistent messages in durable queues outlive a broker");
        }
        Ok(())
    }

    fn describe(&self) -> String {
        match self.scenario {
            Scenario::Queues => {
                let kind = self.queue_type.map_or(String::new(), |kind| format!("{} ", kind.name()));
                return format!("{} idle durable {kind}queues", grouped(self.queues as u64));
            }
            Scenario::Connections => {
                return format!("{} idle connections, a channel each", grouped(self.connections as u64));
            }
            Scenario::Start => return format!("empty start, {} s of nothing", self.seconds.unwrap_or_default()),
            _ => {}
        }
        let mut parts = vec![match (self.messages, self.seconds) {
            (Some(messages), None) => format!("{} x {} B", grouped(messages), self.size),
            (Some(messages), Some(seconds)) => format!("{} x {} B or {seconds} s", grouped(messages), self.size),
            (None, seconds) => format!("{} B for {} s", self.size, seconds.unwrap_or_default()),
        }];
        parts.push(if self.persistent { "persistent" } else { "transient" }.to_owned());
        if let Some(kind) = self.queue_type {
            parts.push(kind.name().to_owned());
        }
        if let Some(rate) = self.rate {
            parts.push(format!("open loop {}/s", grouped(rate as u64)));
        }
        parts.push(if self.confirm == 0 { "no confirms".to_owned() } else { format!("window {}", self.confirm) });
        parts.push(if self.ack == 0 { "auto-ack".to_owned() } else { format!("ack {}", self.ack) });
        if self.prefetch > 0 && self.ack > 0 {
            parts.push(format!("prefetch {}", self.prefetch));
        }
        let shape = if self.scenario == Scenario::Fanout { "fanout to " } else { "" };
        let plural = if self.queues == 1 { "" } else { "s" };
        parts.push(format!("{} -> {shape}{} queue{plural} -> {}", self.producers, self.queues, self.consumers));
        let name = match self.scenario {
            Scenario::Backlog => "backlog: ",
            Scenario::Restart => "kill -9 and restart with a backlog: ",
            _ => "",
        };
        format!("{name}{}", parts.join(", "))
    }

    fn scaled(mut self, factor: f64) -> Load {
        let count = |count: f64| (count * factor).max(1.0);
        self.messages = self.messages.map(|messages| count(messages as f64) as u64);
        self.seconds = self.seconds.map(|seconds| (seconds * factor).max(0.05));
        if self.is_idle() {
            self.queues = count(self.queues as f64) as usize;
            self.connections = count(self.connections as f64) as usize;
        }
        self
    }
}

/// A whole number with commas.
pub(crate) fn grouped(value: u64) -> String {
    let digits = value.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped_by_three() {
        for (value, text) in [(0, "0"), (999, "999"), (1000, "1,000"), (1234567, "1,234,567")] {
            assert_eq!(grouped(value), text);
        }
    }
}
