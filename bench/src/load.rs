//! What is to be done to a broker: a scenario with every number filled in.

use serde::Serialize;

/// The kinds of load.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, clap::ValueEnum)]
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
}

/// The kinds of queue that `x-queue-type` may ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, clap::ValueEnum)]
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
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Load {
    pub(crate) scenario: Scenario,
    /// Messages to publish in all; `None` publishes for `seconds`.
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

impl Load {
    /// Deliveries that one publish makes.
    pub(crate) fn copies(&self) -> u64 {
        if self.scenario == Scenario::Fanout { self.queues as u64 } else { 1 }
    }

    /// Whether an idle population is measured, not a flow of messages.
    pub(crate) fn is_idle(&self) -> bool {
        matches!(self.scenario, Scenario::Queues | Scenario::Connections)
    }

    /// The load in one line.
    pub(crate) fn describe(&self) -> String {
        match self.scenario {
            Scenario::Queues => {
                let kind = self.queue_type.map_or(String::new(), |kind| format!("{} ", kind.name()));
                return format!("{} idle durable {kind}queues", grouped(self.queues as u64));
            }
            Scenario::Connections => {
                return format!("{} idle connections, a channel each", grouped(self.connections as u64));
            }
            _ => {}
        }
        let mut parts = vec![match (self.messages, self.seconds) {
            (Some(messages), _) => format!("{} x {} B", grouped(messages), self.size),
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
        let name = if self.scenario == Scenario::Backlog { "backlog: " } else { "" };
        format!("{name}{}", parts.join(", "))
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
