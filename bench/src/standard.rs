//! The table of standard loads: the same for every broker, so that results can be laid side by side.

use std::fs;
use std::path::PathBuf;

use crate::args::AmqpArgs;
use crate::child::Itself;
use crate::comparison::{Comparison, compare};
use crate::error::{Error, Result};
use crate::load::{Load, Scenario};
use crate::machine::Machine;
use crate::report;
use crate::screen::Screen;

/// The standard loads with their names; counts are multiplied by `scale`.
pub(crate) fn loads(scale: f64) -> Vec<(&'static str, Load)> {
    let count = |messages: f64| Some(((messages * scale) as u64).max(1));
    let plain = Load {
        scenario: Scenario::Throughput,
        messages: count(3_000_000.0),
        seconds: None,
        size: 16,
        persistent: false,
        durable: false,
        queue_type: None,
        confirm: 0,
        ack: 0,
        prefetch: 0,
        rate: None,
        producers: 1,
        consumers: 1,
        queues: 1,
        connections: 0,
        drain: true,
        settle: true,
    };
    let kilobyte = Load { size: 1024, ..plain.clone() };
    let kept = Load {
        messages: count(200_000.0),
        persistent: true,
        durable: true,
        confirm: 1000,
        ack: 100,
        prefetch: 1000,
        ..kilobyte.clone()
    };
    let fanout = Load { scenario: Scenario::Fanout, size: 100, queues: 10, consumers: 10, ..plain.clone() };
    let backlog = Load { scenario: Scenario::Backlog, messages: count(1_000_000.0), ..kept.clone() };
    let open_loop = |load: Load| {
        // Ten seconds of 20,000 a second.
        Load { scenario: Scenario::Latency, messages: count(200_000.0), rate: Some(20_000.0), ack: 100, ..load }
    };
    let population = |messages: f64| (messages * scale).max(1.0) as usize;
    vec![
        ("16 B transient auto-ack", plain.clone()),
        ("1 KiB persistent window 1000 ack 100", kept.clone()),
        ("1 KiB persistent 100 queues", Load { queues: 100, ..kept.clone() }),
        ("1 KiB persistent window 1", Load { messages: count(2000.0), confirm: 1, ack: 1, ..kept.clone() }),
        ("open loop 20,000/s transient", open_loop(Load { prefetch: 1000, ..kilobyte.clone() })),
        ("open loop 20,000/s persistent", open_loop(Load { confirm: 100_000, ..kept.clone() })),
        ("fanout 1 to 10 transient", Load { messages: count(200_000.0), ..fanout.clone() }),
        (
            "fanout 1 to 10 persistent",
            Load {
                messages: count(50_000.0),
                persistent: true,
                durable: true,
                confirm: 1000,
                ack: 100,
                prefetch: 1000,
                ..fanout
            },
        ),
        ("backlog 1 KiB persistent", backlog.clone()),
        ("backlog 1 KiB transient", Load { persistent: false, durable: false, ..backlog }),
        (
            "10,000 idle durable queues",
            Load { scenario: Scenario::Queues, queues: population(10_000.0), durable: true, ..plain.clone() },
        ),
        ("1,000 connections", Load { scenario: Scenario::Connections, connections: population(1000.0), ..plain }),
    ]
}

/// Runs all standard loads, writing the results file anew after each; returns the comparisons.
pub(crate) fn run(args: &AmqpArgs, machine: &Machine, itself: &Itself, screen: &Screen) -> Result<Vec<Comparison>> {
    let only = args.only.as_deref().unwrap_or("");
    let loads: Vec<_> = loads(args.scale).into_iter().filter(|(name, _)| name.contains(only)).collect();
    if loads.is_empty() {
        return Err(Error::new(format!("no standard load is called {only}")));
    }
    let mut done = Vec::new();
    for (number, (name, load)) in loads.iter().enumerate() {
        if !args.quiet {
            eprintln!("[{}/{}] {name}", number + 1, loads.len());
        }
        done.push(compare(name, load, args, itself, screen)?);
        let path = results_file(args, machine, &done);
        let text = format!("{:#}\n", report::json(machine, &done));
        fs::create_dir_all(&args.results)
            .and_then(|()| fs::write(&path, text))
            .map_err(|error| Error::io(path.display(), error))?;
    }
    if !args.quiet {
        eprintln!("written to {}", results_file(args, machine, &done).display());
    }
    Ok(done)
}

/// Where the results go: the name asked for, or product, version and day.
fn results_file(args: &AmqpArgs, machine: &Machine, done: &[Comparison]) -> PathBuf {
    let named = args.name.clone().unwrap_or_else(|| {
        let peer = done.first().and_then(|comparison| comparison.sides.first()).map(|side| &side.outcome.peer);
        let (product, version) = peer.map_or(("", ""), |peer| (&peer.product, &peer.version));
        format!("{product}-{version}-{}", machine.date.get(..10).unwrap_or_default()).to_lowercase()
    });
    let safe = |letter: char| if letter.is_ascii_alphanumeric() || "-_.".contains(letter) { letter } else { '-' };
    args.results.join(format!("{}.json", named.chars().map(safe).collect::<String>()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn standard_loads_have_names_of_their_own_and_scale() {
        let full = loads(1.0);
        let names: BTreeSet<_> = full.iter().map(|(name, _)| *name).collect();
        assert_eq!(names.len(), full.len());
        for ((_, full), (name, tenth)) in full.iter().zip(loads(0.1)) {
            assert_eq!(full.messages.map(|messages| messages / 10), tenth.messages, "{name}");
        }
        assert!(loads(1e-9).iter().all(|(_, load)| load.messages == Some(1)));
    }
}
