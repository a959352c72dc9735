//! Idle populations: what a queue or a connection costs that nobody uses.

use std::net::SocketAddr;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::broker::{Broker, Topology};
use crate::connection::Connection;
use crate::encode::{self, id};
use crate::error::{Error, Result};
use crate::histogram::Histogram;
use crate::load::{Load, Scenario, grouped};
use crate::meter::Meter;
use crate::outcome::{EACH, Outcome, Unit};
use crate::screen::Screen;
use crate::shared::Clock;

/// Files that are open beside the connections.
const OTHER_FILES: u64 = 100;

/// Declares the queues or opens the connections one after the other, waits until the broker is
/// quiet, reads its memory, and removes them again.
pub(crate) fn run(broker: &Broker, load: &Load, screen: &Screen) -> Result<Outcome> {
    let mut control = broker.connect()?;
    let mut meter = broker.meter()?;
    if let Some(meter) = &mut meter {
        meter.restart();
    }
    let mut outcome = Outcome { peer: control.peer.clone(), ..Outcome::default() };
    let clock = Clock::start();
    if load.scenario == Scenario::Queues {
        let topology = Topology::new(load);
        let kind = load.queue_type.map(|kind| kind.name());
        let made = each(load.queues, clock, screen, |index| {
            let request = encode::queue_declare(&topology.queues[index], false, true, kind);
            control.call(&request, id::QUEUE_DECLARE_OK).map(drop)
        });
        // After a failure the first error is the one to tell.
        let populated = made.map(|made| populated(&mut outcome, &made, load.queues, meter.as_mut(), clock, screen));
        let before = clock.now();
        let deleted = topology.delete(&mut control);
        populated?;
        deleted?;
        outcome.put("remove_seconds", "time to delete all", Unit::Seconds, (clock.now() - before) as f64 / 1e9);
    } else {
        allow_files(load.connections as u64 + OTHER_FILES)?;
        let mut open = Vec::with_capacity(load.connections);
        let made = each(load.connections, clock, screen, |_| {
            open.push(broker.connect()?);
            Ok(())
        })?;
        populated(&mut outcome, &made, load.connections, meter.as_mut(), clock, screen);
        let before = clock.now();
        alive(&mut open, broker.address)?;
        open.into_iter().for_each(Connection::close);
        outcome.put("remove_seconds", "time to close all", Unit::Seconds, (clock.now() - before) as f64 / 1e9);
    }
    control.close();
    screen.clear();
    Ok(outcome)
}

/// Does something `count` times; how long each took, nanoseconds.
fn each(count: usize, clock: Clock, screen: &Screen, mut one: impl FnMut(usize) -> Result<()>) -> Result<Histogram> {
    let mut latency = Histogram::new();
    let mut shown = clock.now();
    for index in 0..count {
        let before = clock.now();
        one(index)?;
        let after = clock.now();
        latency.record(after - before);
        if after - shown > 250_000_000 {
            shown = after;
            screen.show(&format!(
                "{:6.1} s  {} of {}",
                after as f64 / 1e9,
                grouped(index as u64),
                grouped(count as u64)
            ));
        }
    }
    Ok(latency)
}

/// The figures of a population that stands.
fn populated(
    outcome: &mut Outcome,
    made: &Histogram,
    count: usize,
    meter: Option<&mut Meter>,
    clock: Clock,
    screen: &Screen,
) {
    let count = count as f64;
    outcome.put("count", "how many", Unit::Count, count);
    outcome.put("seconds", "time for all", Unit::Seconds, clock.now() as f64 / 1e9);
    outcome.put_quantiles(&EACH, made);
    let Some(meter) = meter else { return };
    screen.show("waiting for the broker's work to end");
    if !meter.settle() {
        outcome.faults.push("the broker was still at work a minute later".to_owned());
    }
    let spent = meter.spent();
    let grown = spent.resident_after as f64 - meter.resident_before as f64;
    outcome.put("cpu_us_each", "CPU us each", Unit::Cost, spent.cpu as f64 / count);
    outcome.put("rss_bytes_each", "RSS each", Unit::Bytes, grown / count);
    outcome.put("rss_before_bytes", "RSS before", Unit::Bytes, meter.resident_before as f64);
    outcome.put("rss_after_bytes", "RSS with all", Unit::Bytes, spent.resident_after as f64);
    outcome.put("rss_peak_bytes", "RSS peak", Unit::Bytes, spent.resident_peak as f64);
    if let Some(written) = spent.written {
        outcome.put("written_bytes_each", "written each", Unit::Bytes, written as f64 / count);
    }
}

/// Makes sure that every connection still answers.
fn alive(open: &mut [Connection], address: SocketAddr) -> Result<()> {
    for (index, connection) in open.iter_mut().enumerate() {
        let answer = connection.call(&encode::qos(1), id::BASIC_QOS_OK);
        answer.map_err(|error| Error::new(format!("connection {index} to {address} no longer answers: {error}")))?;
    }
    Ok(())
}

/// Raises this process' limit of open files if it is too low.
fn allow_files(wanted: u64) -> Result<()> {
    let limit = getrlimit(Resource::Nofile);
    if limit.current.is_none_or(|current| current >= wanted) {
        return Ok(());
    }
    let maximum = limit.maximum.map(|maximum| maximum.max(wanted));
    setrlimit(Resource::Nofile, Rlimit { current: Some(wanted), maximum })
        .map_err(|error| Error::io(format!("cannot open {wanted} files"), error.into()))
}
