//! A topic that outlives its broker: filled, kill -9, restart.

use super::broker::Broker;
use super::crew::Crew;
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
    let topics = Topics::new(load);
    let mut control = spawned.broker.connect()?;
    topics.create(&mut control, configs)?;
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
    let bill = crew.bill();
    if let Some(spent) = bill.spent {
        outcome.put("rss_restarted_bytes", "RSS after restart", Unit::Bytes, spent.resident_after as f64);
        outcome.put("rss_peak_bytes", "RSS peak", Unit::Bytes, spent.resident_peak as f64);
    }
    topics.delete(&mut control)?;
    Ok((outcome, spawned))
}
