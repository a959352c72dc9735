//! One load on every broker asked for, in turn, so often as asked for.

use std::path::Path;
use std::time::Duration;

use crate::args::AmqpArgs;
use crate::broker::Broker;
use crate::child::Itself;
use crate::error::{Error, Result};
use crate::histogram::Histogram;
use crate::load::{Load, Scenario};
use crate::outcome::{Outcome, Unit, median};
use crate::scenario::Row;
use crate::screen::Screen;
use crate::spawned::Program;
use crate::target::Target;
use crate::{flow, idle, limit, probe, restart, start};

/// How long the disk alone is tried before and after the load.
const PROBE: Duration = Duration::from_millis(700);

/// Which side of a comparison a broker is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Role {
    Broker,
    Against,
    Limit,
}

/// All runs of one load on one broker.
pub(crate) struct Side {
    pub(crate) role: Role,
    pub(crate) uri: String,
    pub(crate) pid: Option<u32>,
    /// Whether every run had a process of its own.
    pub(crate) spawned: bool,
    pub(crate) runs: Vec<Outcome>,
    /// Figure by figure the median of the runs.
    pub(crate) outcome: Outcome,
}

/// One load on all sides.
pub(crate) struct Comparison {
    /// Name of the scenario file and row in it; empty for a load of the command line.
    pub(crate) stem: String,
    pub(crate) take: usize,
    pub(crate) name: String,
    pub(crate) load: Load,
    pub(crate) targets: Vec<Target>,
    pub(crate) sides: Vec<Side>,
}

impl Comparison {
    /// Whether every count on every side was right.
    pub(crate) fn is_sound(&self) -> bool {
        self.sides.iter().all(|side| side.outcome.faults.is_empty())
    }
}

/// A broker that runs anyhow, or one that is started for each run.
enum Server {
    Given(Broker),
    Own(Program),
}

/// Where one side's runs are gathered.
struct Seat {
    role: Role,
    server: Server,
    times: usize,
    runs: Vec<Outcome>,
}

impl Seat {
    fn new(role: Role, server: Server, times: usize) -> Seat {
        Seat { role, server, times, runs: Vec::new() }
    }

    /// Carries the load out once. In a table a failure is a fault of this run: the other rows go on.
    fn take(&mut self, load: &Load, in_table: bool, screen: &Screen) -> Result<()> {
        let outcome = match &self.server {
            Server::Given(broker) => on_given(broker, load, screen),
            Server::Own(program) => on_own(program, load, screen),
        };
        self.runs.push(match outcome {
            Ok(outcome) => outcome,
            Err(error) if in_table => Outcome { faults: vec![error.to_string()], ..Outcome::default() },
            Err(error) => return Err(Error::new(format!("{}: {error}", self.uri()))),
        });
        Ok(())
    }

    fn uri(&self) -> String {
        match &self.server {
            Server::Given(broker) => broker.uri.to_string(),
            Server::Own(_) => "spawned".to_owned(),
        }
    }

    /// The side all its runs make.
    fn side(self, disk: &Histogram) -> Side {
        let mut outcome = median(&self.runs);
        put_probe(&mut outcome, disk);
        let pid = if let Server::Given(broker) = &self.server { broker.pid } else { None };
        Side {
            role: self.role,
            uri: self.uri(),
            pid,
            spawned: matches!(self.server, Server::Own(_)),
            runs: self.runs,
            outcome,
        }
    }
}

fn on_given(broker: &Broker, load: &Load, screen: &Screen) -> Result<Outcome> {
    match load.scenario {
        Scenario::Start => start::run(broker, None, load, screen),
        Scenario::Queues | Scenario::Connections => idle::run(broker, load, screen),
        _ => flow::run(broker, load, screen),
    }
}

/// On a fresh process with a fresh data directory.
fn on_own(program: &Program, load: &Load, screen: &Screen) -> Result<Outcome> {
    let spawned = program.start()?;
    let (outcome, spawned) = match load.scenario {
        Scenario::Restart => restart::run(spawned, load, screen)?,
        Scenario::Start => (start::run(&spawned.broker, Some(spawned.ready), load, screen)?, spawned),
        _ => (on_given(&spawned.broker, load, screen)?, spawned),
    };
    spawned.stop()?;
    Ok(outcome)
}

/// Runs a load on the broker, on the other one and on the least server, as asked for.
pub(crate) fn compare(row: &Row, args: &AmqpArgs, itself: &Itself, screen: &Screen) -> Result<Comparison> {
    let (load, directory) = (&row.load, args.directory());
    let given_times = args.runs().min(row.runs_against);
    let mut seats = vec![match &args.spawn {
        Some(program) => {
            let program = Program::find(program.as_deref(), itself, &directory)?;
            Seat::new(Role::Broker, Server::Own(program), args.runs())
        }
        None => Seat::new(Role::Broker, Server::Given(Broker::find(&args.uri, args.pid)?), given_times),
    }];
    // Only a broker of one's own can be killed.
    let anyones = load.scenario != Scenario::Restart;
    if let Some(uri) = args.against.as_ref().filter(|_| row.against && anyones) {
        seats.push(Seat::new(Role::Against, Server::Given(Broker::find(uri, args.against_pid)?), given_times));
    }
    // The child lives until all runs are over.
    let child = if args.limit && row.limit && anyones { Some(limit::start(itself, &directory)?) } else { None };
    if let Some((child, uri)) = &child {
        seats.push(Seat::new(Role::Limit, Server::Given(Broker::find(uri, Some(child.pid()))?), args.runs()));
    }
    let probes = load.confirm == 1 && load.persistent && load.is_flow();
    let mut disk = Histogram::new();
    let mut probe = |directory: &Path| -> Result<()> {
        if probes {
            disk.merge(&probe::write_and_sync(directory, PROBE)?);
        }
        Ok(())
    };
    probe(&directory)?;
    for run in 0..args.runs() {
        for seat in seats.iter_mut().filter(|seat| run < seat.times) {
            seat.take(load, args.table, screen)?;
        }
        probe(&directory)?;
    }
    Ok(Comparison {
        stem: row.stem.clone(),
        take: row.take,
        name: row.name.clone(),
        load: load.clone(),
        targets: row.targets.clone(),
        sides: seats.into_iter().map(|seat| seat.side(&disk)).collect(),
    })
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
