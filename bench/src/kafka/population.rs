//! Many topics: what it takes to create them, to produce one batch to each partition, and to keep them.

use super::client::Client;
use super::crew::Crew;
use super::load::Load;
use super::produce::{PRODUCE, touch, verify};
use super::topics::Topics;
use crate::error::Result;
use crate::histogram::Histogram;
use crate::outcome::{EACH, Outcome, Unit};
use crate::shared::Clock;

/// Creates the topics one after the other, produces to all, deletes them.
pub(crate) fn run(load: &Load, topics: &Topics, control: &mut Client, crew: &mut Crew<'_>) -> Result<Outcome> {
    crew.begin();
    let resident_before = crew.meter.as_mut().map(|meter| meter.look());
    let mut outcome = Outcome::default();
    let mut each = Histogram::new();
    let clock = Clock::start();
    for (index, name) in topics.names.iter().enumerate() {
        let before = clock.now();
        topics.create_these(std::slice::from_ref(name), control)?;
        each.record(clock.now() - before);
        if index % 50 == 0 {
            crew.screen.show(&format!("{:6.1} s  {index} of {} topics", before as f64 / 1e9, load.topics));
        }
    }
    topics.await_led(control)?;
    let partitions = (load.topics * load.partitions) as f64;
    outcome.put("partitions", "partitions", Unit::Count, partitions);
    outcome.put("create_seconds", "time to create all", Unit::Seconds, clock.now() as f64 / 1e9);
    outcome.put_quantiles(&EACH, &each);
    let created = crew.bill();

    let produced = touch(load, topics, crew)?;
    outcome.put("produce_seconds", "time to produce to all", Unit::Seconds, produced.seconds);
    outcome.put("in_per_s", "in records/s", Unit::PerSecond, produced.records as f64 / produced.seconds);
    outcome.put_quantiles(&PRODUCE, &produced.latency);
    let all = crew.bill();
    if let Some((before, created)) = resident_before.zip(created.spent) {
        let grown = |after: u64| (after as f64 - before as f64) / partitions;
        outcome.put("cpu_us_each", "CPU us / topic created", Unit::Cost, created.cpu as f64 / load.topics as f64);
        outcome.put("rss_before_bytes", "RSS before", Unit::Bytes, before as f64);
        outcome.put("rss_created_bytes", "RSS created", Unit::Bytes, created.resident_after as f64);
        outcome.put("rss_bytes_each", "RSS / partition, created", Unit::Bytes, grown(created.resident_after));
    }
    all.put(&mut outcome, produced.octets, produced.records);
    verify(&mut outcome, topics.held(control)?, produced.records);
    Ok(outcome)
}
