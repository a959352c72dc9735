//! The empty start: how soon a broker is ready, and what it costs while nobody calls.

use std::time::Duration;

use crate::broker::Broker;
use crate::error::Result;
use crate::load::Load;
use crate::meter::{Calm, Meter, REST};
use crate::outcome::{Outcome, Unit};
use crate::screen::Screen;

/// Watches the broker with no connection open. `ready`: how long its start took, if this program started it.
pub(crate) fn run(broker: &Broker, ready: Option<Duration>, load: &Load, screen: &Screen) -> Result<Outcome> {
    let control = broker.connect()?;
    let mut outcome = Outcome { peer: control.peer.clone(), ..Outcome::default() };
    control.close();
    put_ready(&mut outcome, ready);
    watch(&mut outcome, broker.meter()?, REST, load.seconds.unwrap_or(1.0), screen);
    Ok(outcome)
}

/// How long the start took, if this program started it.
pub(crate) fn put_ready(outcome: &mut Outcome, ready: Option<Duration>) {
    if let Some(ready) = ready {
        outcome.put("ready_us", "start to ready", Unit::Microseconds, ready.as_secs_f64() * 1e6);
    }
}

/// Watches a process for some seconds of nothing, once it is as calm as that.
pub(crate) fn watch(outcome: &mut Outcome, meter: Option<Meter>, calm: Calm, seconds: f64, screen: &Screen) {
    let Some(mut meter) = meter else { return };
    screen.show("waiting for the broker's work to end");
    if !meter.settle_as(calm) {
        outcome.faults.push("the broker was still at work a minute after its start".to_owned());
    }
    let before = meter.spent();
    screen.show(&format!("watching the idle broker for {seconds} s"));
    std::thread::sleep(Duration::from_secs_f64(seconds));
    let spent = meter.spent();
    screen.clear();
    outcome.put("rss_idle_bytes", "RSS idle", Unit::Bytes, spent.resident_after as f64);
    let cpu = spent.cpu.saturating_sub(before.cpu) as f64 / seconds;
    outcome.put("idle_cpu_us_per_s", "idle CPU us / s", Unit::Cost, cpu);
    if let Some((before, after)) = before.written.zip(spent.written) {
        outcome.put("written_start_bytes", "written at start", Unit::Bytes, before as f64);
        outcome.put("idle_written_bytes", "written while idle", Unit::Bytes, (after - before) as f64);
    }
}
