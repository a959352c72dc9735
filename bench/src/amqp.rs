//! `bench amqp`: an AMQP load on the broker, on the other one and on the least server, as asked for.

use std::path::Path;
use std::time::Duration;

use crate::args::AmqpArgs;
use crate::broker::Broker;
use crate::child::Itself;
use crate::comparison::{Comparison, Role, Seat, take_turns};
use crate::error::{Error, Result};
use crate::histogram::Histogram;
use crate::load::{Load, Scenario};
use crate::outcome::{Outcome, Unit};
use crate::scenario::{self, Row};
use crate::screen::Screen;
use crate::spawned::{Banner, Program};
use crate::{flow, idle, limit, probe, restart, start};

/// How long the disk alone is tried before and after the load.
const PROBE: Duration = Duration::from_millis(700);

/// The standard loads, by name.
const STANDARD: [scenario::File; 13] = [
    ("01-transient", include_str!("../scenarios/01-transient.toml")),
    ("02-persistent", include_str!("../scenarios/02-persistent.toml")),
    ("03-hundred-queues", include_str!("../scenarios/03-hundred-queues.toml")),
    ("04-window-1", include_str!("../scenarios/04-window-1.toml")),
    ("05-open-loop", include_str!("../scenarios/05-open-loop.toml")),
    ("06-fanout-transient", include_str!("../scenarios/06-fanout-transient.toml")),
    ("07-fanout-persistent", include_str!("../scenarios/07-fanout-persistent.toml")),
    ("08-backlog-persistent", include_str!("../scenarios/08-backlog-persistent.toml")),
    ("09-backlog-transient", include_str!("../scenarios/09-backlog-transient.toml")),
    ("10-restart", include_str!("../scenarios/10-restart.toml")),
    ("11-queues", include_str!("../scenarios/11-queues.toml")),
    ("12-connections", include_str!("../scenarios/12-connections.toml")),
    ("13-start", include_str!("../scenarios/13-start.toml")),
];

/// The standard loads that can be carried out as asked for.
pub(crate) fn standard(args: &AmqpArgs) -> Result<Vec<Row<Load>>> {
    let mut rows = scenario::rows(&STANDARD, args.options.scenarios.as_deref(), args.options.scale)?;
    // A broker that runs anyhow is not to be killed.
    rows.retain(|row: &Row<Load>| args.spawn.is_some() || row.load.scenario != Scenario::Restart);
    Ok(rows)
}

/// Runs a load on the broker, on the other one and on the least server, as asked for.
pub(crate) fn compare(row: &Row<Load>, args: &AmqpArgs, itself: &Itself, screen: &Screen) -> Result<Comparison> {
    let (load, directory) = (&row.load, args.options.directory());
    let runs = args.options.runs();
    let given_times = runs.min(row.runs_against);
    let given = |role, broker: Broker, times| {
        let (uri, pid) = (broker.uri.to_string(), broker.pid);
        Seat::given(role, uri, pid, times, Box::new(move || on_given(&broker, load, screen)))
    };
    let mut seats = vec![match &args.spawn {
        Some(program) => {
            let program = program_of(program.as_deref(), itself, &directory)?;
            Seat::spawned(runs, Box::new(move || on_own(&program, load, screen)))
        }
        None => given(Role::Broker, Broker::find(&args.uri, args.pid)?, given_times),
    }];
    // Only a broker of one's own can be killed.
    let anyones = load.scenario != Scenario::Restart;
    if let Some(uri) = args.against.as_ref().filter(|_| row.against && anyones) {
        seats.push(given(Role::Against, Broker::find(uri, args.against_pid)?, given_times));
    }
    // The child lives until all runs are over.
    let child = if args.limit && row.limit && anyones { Some(limit::start(itself, &directory)?) } else { None };
    if let Some((child, uri)) = &child {
        seats.push(given(Role::Limit, Broker::find(uri, Some(child.pid()))?, runs));
    }
    let probes = load.confirm == 1 && load.persistent && load.is_flow();
    let mut disk = Histogram::new();
    let mut probe = || -> Result<()> {
        if probes {
            disk.merge(&probe::write_and_sync(&directory, PROBE)?);
        }
        Ok(())
    };
    probe()?;
    take_turns(&mut seats, &args.options, &mut probe)?;
    let mut comparison = Comparison::of(row, seats);
    comparison.sides.iter_mut().for_each(|side| put_probe(&mut side.outcome, &disk));
    Ok(comparison)
}

/// The program to be spawned, reached by AMQP.
fn program_of(told: Option<&Path>, itself: &Itself, directory: &Path) -> Result<Program<Broker>> {
    // A door that is not called for would want a port that another broker may have.
    let options = ["--amqp", "127.0.0.1:0", "--http", "127.0.0.1:0", "--kafka", "off"];
    Program::find(told, itself, directory, options.map(Into::into).to_vec(), serving)
}

/// The spawned broker, once a connection and a channel could be opened.
fn serving(banner: &Banner, pid: u32) -> Result<Broker> {
    let broker = spawned_at(banner, pid)?;
    // Ready is who answers, not who says so.
    broker.connect()?.close();
    Ok(broker)
}

/// The spawned broker as its banner has it.
pub(crate) fn spawned_at(banner: &Banner, pid: u32) -> Result<Broker> {
    let uri = format!("amqp://guest:guest@{}/", banner.address("amqp")?).parse().map_err(Error::new)?;
    Ok(Broker { fresh: true, ..Broker::find(&uri, Some(pid))? })
}

fn on_given(broker: &Broker, load: &Load, screen: &Screen) -> Result<Outcome> {
    match load.scenario {
        Scenario::Start => start::run(broker, None, load, screen),
        Scenario::Queues | Scenario::Connections => idle::run(broker, load, screen),
        _ => flow::run(broker, load, screen),
    }
}

/// On a fresh process with a fresh data directory.
fn on_own(program: &Program<Broker>, load: &Load, screen: &Screen) -> Result<Outcome> {
    let spawned = program.start()?;
    let (outcome, spawned) = match load.scenario {
        Scenario::Restart => restart::run(spawned, load, screen)?,
        Scenario::Start => (start::run(&spawned.broker, Some(spawned.ready), load, screen)?, spawned),
        _ => (on_given(&spawned.broker, load, screen)?, spawned),
    };
    spawned.stop()?;
    Ok(outcome)
}

/// The disk alone, and how many times its latency a confirm takes.
fn put_probe(outcome: &mut Outcome, disk: &Histogram) {
    let quantiles = [
        (
            0.5,
            "confirm_p50_us",
            ["disk_p50_us", "4 KiB write + fdatasync p50", "confirm_per_disk_p50", "confirm / disk p50"],
        ),
        (
            0.99,
            "confirm_p99_us",
            ["disk_p99_us", "4 KiB write + fdatasync p99", "confirm_per_disk_p99", "confirm / disk p99"],
        ),
    ];
    for (fraction, confirm, [key, label, ratio_key, ratio_label]) in quantiles {
        let Some(disk) = disk.quantile(fraction) else { continue };
        let disk = disk as f64 / 1000.0;
        outcome.put(key, label, Unit::Microseconds, disk);
        if let Some(confirm) = outcome.figure(confirm).map(|figure| figure.value) {
            outcome.put(ratio_key, ratio_label, Unit::Times, confirm / disk);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::tests::the_files_built_in_are_all_there_are;

    #[test]
    fn the_standard_loads_are_the_files_of_their_directory() {
        the_files_built_in_are_all_there_are::<Load>(&STANDARD, "scenarios");
    }

    #[test]
    fn counts_and_times_scale() {
        let rows = |scale| scenario::rows::<Load>(&STANDARD, None, scale).unwrap();
        for (full, tenth) in rows(1.0).iter().zip(rows(0.1)) {
            assert_eq!(full.load.messages.map(|messages| messages / 10), tenth.load.messages, "{}", full.name);
        }
        for row in rows(1e-9) {
            assert!(row.load.messages.is_none_or(|messages| messages == 1), "{}", row.name);
        }
    }
}
