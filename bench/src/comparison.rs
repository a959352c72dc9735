//! One load on every broker asked for, in turn, so often as asked for.

use std::path::Path;
use std::time::Duration;

use crate::args::AmqpArgs;
use crate::broker::Broker;
use crate::child::Itself;
use crate::error::{Error, Result};
use crate::histogram::Histogram;
use crate::load::Load;
use crate::outcome::{Outcome, Unit, median};
use crate::screen::Screen;
use crate::{flow, idle, limit, probe};

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
    pub(crate) runs: Vec<Outcome>,
    /// Figure by figure the median of the runs.
    pub(crate) outcome: Outcome,
}

/// One load on all sides.
pub(crate) struct Comparison {
    pub(crate) name: String,
    pub(crate) load: Load,
    pub(crate) sides: Vec<Side>,
}

impl Comparison {
    /// Whether every count on every side was right.
    pub(crate) fn is_sound(&self) -> bool {
        self.sides.iter().all(|side| side.outcome.faults.is_empty())
    }
}

/// Runs the load on the broker, on the other one and on the least server, as asked for.
pub(crate) fn compare(
    name: &str,
    load: &Load,
    args: &AmqpArgs,
    itself: &Itself,
    screen: &Screen,
) -> Result<Comparison> {
    let directory = args.directory();
    let mut brokers = vec![(Role::Broker, Broker::find(&args.uri, args.pid)?)];
    if let Some(uri) = &args.against {
        brokers.push((Role::Against, Broker::find(uri, args.against_pid)?));
    }
    // The child lives until all runs are over.
    let child = if args.limit { Some(limit::start(itself, &directory)?) } else { None };
    if let Some((child, uri)) = &child {
        brokers.push((Role::Limit, Broker::find(uri, Some(child.pid()))?));
    }
    let probes = load.confirm == 1 && load.persistent && !load.is_idle();
    let mut disk = Histogram::new();
    let mut probe = |directory: &Path| -> Result<()> {
        if probes {
            disk.merge(&probe::write_and_sync(directory, PROBE)?);
        }
        Ok(())
    };
    let mut runs: Vec<Vec<Outcome>> = brokers.iter().map(|_| Vec::new()).collect();
    probe(&directory)?;
    for _ in 0..args.runs {
        for (index, (_, broker)) in brokers.iter().enumerate() {
            let run = if load.is_idle() { idle::run } else { flow::run };
            let outcome = run(broker, load, screen);
            runs[index].push(outcome.map_err(|error| Error::new(format!("{}: {error}", broker.uri)))?);
        }
        probe(&directory)?;
    }
    let sides = brokers.into_iter().zip(runs).map(|((role, broker), runs)| {
        let mut outcome = median(&runs);
        put_probe(&mut outcome, &disk);
        Side { role, uri: broker.uri.to_string(), pid: broker.pid, runs, outcome }
    });
    Ok(Comparison { name: name.to_owned(), load: load.clone(), sides: sides.collect() })
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
