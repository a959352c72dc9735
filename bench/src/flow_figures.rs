//! Turns what a flow of messages measured into figures, and its counts into a verdict.

use crate::flow::Measured;
use crate::histogram::Histogram;
use crate::load::{Load, Scenario, grouped};
use crate::outcome::{CONFIRM, LATENCY, Outcome, Unit};
use crate::publisher::Publisher;
use crate::template::STAMP;

/// What all producers together did.
pub(crate) struct Published {
    /// When the first began, nanoseconds since the epoch.
    pub(crate) began: u64,
    /// When the last message left or, with confirms, was confirmed.
    pub(crate) last: u64,
    /// Messages of all producers.
    pub(crate) count: u64,
    /// Messages of each.
    each: Vec<u64>,
    refused: u64,
    answers: u64,
    confirm_latency: Histogram,
}

impl Published {
    /// Sums the producers up.
    pub(crate) fn of(began: u64, publishers: &[Publisher]) -> Published {
        let each: Vec<u64> = publishers.iter().map(Publisher::sent).collect();
        let mut confirm_latency = Histogram::new();
        publishers.iter().for_each(|publisher| confirm_latency.merge(&publisher.confirm_latency));
        Published {
            began,
            last: publishers.iter().map(|publisher| publisher.last).max().unwrap_or(began),
            count: each.iter().sum(),
            each,
            refused: publishers.iter().map(|publisher| publisher.refused).sum(),
            answers: publishers.iter().map(|publisher| publisher.answers).sum(),
            confirm_latency,
        }
    }

    /// How many messages of a producer went to a queue.
    fn to_queue(&self, load: &Load, producer: usize, queue: usize) -> u64 {
        let sent = self.each.get(producer).copied().unwrap_or(0);
        if load.scenario == Scenario::Fanout {
            return sent;
        }
        let queues = load.queues as u64;
        sent / queues + u64::from(sent % queues > queue as u64)
    }
}

/// All figures of one run.
pub(crate) fn figures(load: &Load, measured: &Measured) -> Outcome {
    let mut outcome = Outcome::default();
    let (published, tally) = (&measured.published, &measured.tally);
    let seconds = |from: u64, to: u64| to.saturating_sub(from).max(1) as f64 / 1e9;
    let publishing = measured.held.map_or(seconds(published.began, published.last), |held| held.seconds);
    outcome.put("in_per_s", "in msg/s", Unit::PerSecond, published.count as f64 / publishing);
    if tally.delivered > 0 {
        let first = if tally.first < tally.last { tally.first } else { published.began };
        let consuming = if measured.held.is_some() { first } else { first.min(published.last) };
        let rate = tally.delivered as f64 / seconds(consuming, tally.last);
        outcome.put("out_per_s", "out msg/s", Unit::PerSecond, rate);
    }
    if measured.held.is_none() {
        outcome.put_quantiles(&LATENCY, &tally.latency);
    }
    outcome.put_quantiles(&CONFIRM, &published.confirm_latency);
    spending(&mut outcome, load, measured);
    outcome.put("published", "published", Unit::Count, published.count as f64);
    outcome.put("delivered", "delivered", Unit::Count, tally.delivered as f64);
    if tally.redelivered > 0 {
        outcome.put("redelivered", "redelivered", Unit::Count, tally.redelivered as f64);
    }
    let end = published.last.max(tally.last);
    outcome.put("seconds", "time", Unit::Seconds, seconds(published.began, end));
    let own = measured.own_cpu as f64 / (published.count + tally.delivered).max(1) as f64;
    outcome.put("generator_cpu_us", "generator CPU us / (in + out)", Unit::Cost, own);
    verdict(&mut outcome, load, measured);
    outcome
}

/// CPU, memory and bytes written.
fn spending(outcome: &mut Outcome, load: &Load, measured: &Measured) {
    let Some(spent) = measured.spent else { return };
    let count = measured.published.count.max(1) as f64;
    outcome.put("cpu_us_per_published", "CPU us / published", Unit::Cost, spent.cpu as f64 / count);
    if load.copies() > 1 {
        let delivered = measured.tally.delivered.max(1) as f64;
        outcome.put("cpu_us_per_delivered", "CPU us / delivered", Unit::Cost, spent.cpu as f64 / delivered);
    }
    outcome.put("rss_before_bytes", "RSS before", Unit::Bytes, measured.resident_before as f64);
    if let Some(resident) = measured.held.and_then(|held| held.resident) {
        outcome.put("rss_backlog_bytes", "RSS with backlog", Unit::Bytes, resident as f64);
    }
    outcome.put("rss_peak_bytes", "RSS peak", Unit::Bytes, spent.resident_peak as f64);
    outcome.put("rss_after_bytes", "RSS after", Unit::Bytes, spent.resident_after as f64);
    if let Some(written) = spent.written {
        outcome.put("written_bytes", "written", Unit::Bytes, written as f64);
        outcome.put("written_bytes_per_published", "written / published", Unit::Bytes, written as f64 / count);
        let published = count * load.size.max(1) as f64;
        outcome.put("written_per_byte", "bytes written / byte published", Unit::Times, written as f64 / published);
        if measured.published.answers > 0 {
            let answers = measured.published.answers as f64;
            outcome.put("confirm_answers", "confirms received", Unit::Count, answers);
            let rest = written as f64 - 4096.0 * answers;
            let label = "bytes written less 4 KiB a confirm / byte published";
            outcome.put("written_less_syncs_per_byte", label, Unit::Times, rest.max(0.0) / published);
        }
    }
}

/// Everything that is wrong with the counts.
fn verdict(outcome: &mut Outcome, load: &Load, measured: &Measured) {
    let (published, tally) = (&measured.published, &measured.tally);
    let mut fault = |count: u64, what: &str| {
        if count > 0 {
            outcome.faults.push(format!("{} {what}", grouped(count)));
        }
    };
    let expected = published.count * load.copies();
    if load.drain {
        fault(expected.saturating_sub(tally.delivered), "deliveries are missing");
        fault(tally.delivered.saturating_sub(expected), "deliveries are too many");
    }
    fault(published.refused, "publishes were refused (basic.nack)");
    fault(measured.left.unwrap_or(0), "messages are left in the queues");
    if load.size >= STAMP {
        let found = tally.ledger.findings(|producer, queue| published.to_queue(load, producer, queue));
        if load.drain {
            fault(found.missing, "messages never came");
        }
        fault(found.duplicates, "messages came twice");
        fault(found.foreign, "messages carry a stamp nobody made");
        // Several consumers of one queue are read in turn, so their order says nothing.
        if load.consumers <= load.queues {
            fault(found.late, "messages came after a later one of the same producer and queue");
        }
    }
    if !measured.settled {
        outcome.faults.push("the broker was still at work a minute after the load".to_owned());
    }
}
