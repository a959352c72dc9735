//! A topic that outlives its broker: filled, kill -9, restart.

use super::broker::Broker;
use super::crew::{Bill, Crew};
use super::load::Load;
use super::produce::{fill, verify};
use super::topics::Topics;
use crate::error::Result;
use crate::outcome::{Outcome, Unit};
use crate::screen::Screen;
use crate::spawned::Spawned;

/// Carries it out on a broker that holds nothing yet; returns the broker as it runs at the end.
pub(crate) fn run(
    spawned: Spawned<Broker>,
    load: &Load,
    configs: &[(String, String)],
    screen: &Screen,
) -> Result<(Outcome, Spawned<Broker>)> {
    let topics = Topics::new(load, configs);
    let mut control = spawned.broker.connect()?;
    topics.create(&mut control)?;
    let mut crew = Crew::new(&spawned.broker, screen)?;
    let filled = fill(load, &topics, &mut crew)?;
    drop((crew, control));

    screen.show("kill -9, restart");
    let spawned = spawned.restart()?;
    let mut control = spawned.broker.connect()?;
    let mut outcome = Outcome { peer: spawned.broker.peer(&control), ..Outcome::default() };
    outcome.put("ready_us", "restart to ready", Unit::Microseconds, spawned.ready.as_secs_f64() * 1e6);
    let held = topics.held(&mut control)?;
    outcome.put("filled_bytes", "filled with", Unit::Bytes, filled.octets as f64);
    outcome.put("recovered", "records after restart", Unit::Count, held as f64);
    verify(&mut outcome, held, filled.records);
    let mut crew = Crew::new(&spawned.broker, screen)?;
    put_memory(&crew.bill(), &mut outcome);
    topics.delete(&mut control)?;
    Ok((outcome, spawned))
}

/// Memory once the broker is at rest, which is a fault if it never is.
fn put_memory(bill: &Bill, outcome: &mut Outcome) {
    bill.put_rest(outcome);
    if let Some(spent) = bill.spent {
        outcome.put("rss_restarted_bytes", "RSS after restart", Unit::Bytes, spent.resident_after as f64);
        outcome.put("rss_peak_bytes", "RSS peak", Unit::Bytes, spent.resident_peak as f64);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::meter::Spent;

    #[test]
    fn memory_of_a_broker_that_is_still_at_work_is_a_fault() {
        for settled in [true, false] {
            let spent = Spent { resident_after: 5, resident_peak: 7, ..Spent::default() };
            let (bill, mut outcome) = (Bill { spent: Some(spent), settled, ..Bill::default() }, Outcome::default());
            put_memory(&bill, &mut outcome);
            assert_eq!(outcome.faults.is_empty(), settled);
            let value = |key| outcome.figure(key).map(|figure| figure.value);
            assert_eq!((value("rss_restarted_bytes"), value("rss_peak_bytes")), (Some(5.0), Some(7.0)));
        }
    }
}
