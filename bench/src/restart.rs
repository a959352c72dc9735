//! A backlog that outlives its broker: published and confirmed, kill -9, restart, drained.

use crate::broker::{Broker, Topology};
use crate::connection::Connection;
use crate::error::Result;
use crate::flow::{Flow, Measured};
use crate::flow_figures::figures;
use crate::load::Load;
use crate::meter::Meter;
use crate::outcome::{Outcome, Unit};
use crate::screen::Screen;
use crate::spawned::Spawned;

/// Carries it out on a broker that holds nothing yet; returns the broker as it runs at the end.
pub(crate) fn run(spawned: Spawned<Broker>, load: &Load, screen: &Screen) -> Result<(Outcome, Spawned<Broker>)> {
    let topology = Topology::new(load);
    let mut control = spawned.broker.connect()?;
    let peer = control.peer.clone();
    topology.declare(&mut control, load)?;
    let mut flow = Flow::new(&spawned.broker, load, screen, &topology)?;
    let publishers = flow.publishers()?;
    let (publishers, published, held) = flow.publish_alone(publishers, &mut control)?;
    drop(flow);

    screen.show("kill -9, restart");
    let spawned = spawned.restart()?;
    let broker = &spawned.broker;
    // The sockets are dead; what they counted is in `published`.
    drop((publishers, control));
    let mut control = broker.connect()?;
    let ready = topology.ready(&mut control)?;
    let mut flow = Flow::new(broker, load, screen, &topology)?;
    let resident_before = flow.meter.as_ref().map_or(0, |meter| meter.resident_before);
    let (tally, subscribers) = flow.consume_alone(&published)?;
    let settled = flow.meter.as_mut().is_none_or(Meter::settle);
    let spent = flow.meter.as_mut().map(Meter::spent);
    let left = Some(topology.ready(&mut control)?);
    subscribers.into_iter().for_each(|subscriber| Connection::close(subscriber.connection));
    topology.delete(&mut control)?;
    control.close();
    screen.clear();

    let recovered = published.count;
    // What two processes spent is no one's bill.
    let held = Some(held);
    let measured = Measured { published, tally, held, resident_before, spent: None, settled, own_cpu: 0, left };
    let mut outcome = Outcome { peer, ..figures(load, &measured) };
    outcome.put("ready_us", "restart to ready", Unit::Microseconds, spawned.ready.as_secs_f64() * 1e6);
    outcome.put("recovered", "ready after restart", Unit::Count, ready as f64);
    if ready != recovered {
        outcome.faults.push(format!("{ready} messages are ready after the restart, {recovered} were confirmed"));
    }
    outcome.put("rss_restarted_bytes", "RSS after restart", Unit::Bytes, resident_before as f64);
    if let Some(spent) = spent {
        outcome.put("rss_peak_bytes", "RSS peak", Unit::Bytes, spent.resident_peak as f64);
    }
    Ok((outcome, spawned))
}
