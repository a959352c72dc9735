//! The table of standard loads: the same for every broker, so that results can be laid side by side.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use crate::comparison::Comparison;
use crate::error::{Error, Result};
use crate::machine::Machine;
use crate::options::Options;
use crate::scenario::{Row, Task};
use crate::{report, targets};

/// Lets `compare` take all standard loads that were asked for, writing the results files anew after each; returns the
/// comparisons.
pub(crate) fn run<L: Task>(
    options: &Options,
    machine: &Machine,
    mut rows: Vec<Row<L>>,
    compare: impl Fn(&Row<L>) -> Result<Comparison>,
) -> Result<Vec<Comparison>> {
    let only = options.only.as_deref().unwrap_or("");
    rows.retain(|row| row.name.contains(only));
    if rows.is_empty() {
        return Err(Error::new(format!("no standard load is called {only}")));
    }
    if let Some(path) = &options.readme {
        // Better now than after the last row.
        fs::metadata(path).map_err(|error| Error::io(path.display(), error))?;
    }
    let begun = Instant::now();
    let mut done: Vec<Comparison> = Vec::new();
    for (number, row) in rows.iter().enumerate() {
        if !options.quiet {
            let seconds = begun.elapsed().as_secs();
            eprintln!("[{}/{}] {}:{:02} {}", number + 1, rows.len(), seconds / 60, seconds % 60, row.name);
        }
        done.push(compare(row)?);
        let stem = results_stem(options, machine, &done);
        fs::create_dir_all(&options.results).map_err(|error| Error::io(options.results.display(), error))?;
        save(&stem.with_added_extension("json"), &format!("{:#}\n", report::json(machine, &done)))?;
        save(
            &stem.with_added_extension("md"),
            &format!("# {}\n\n{}", title(&done), targets::markdown(machine, &done)),
        )?;
    }
    if let Some(path) = &options.readme {
        let document = fs::read_to_string(path).map_err(|error| Error::io(path.display(), error))?;
        let placed = targets::placed(&document, &targets::markdown(machine, &done));
        save(path, &placed.ok_or_else(|| Error::new(format!("{} has no place for results", path.display())))?)?;
    }
    if !options.quiet {
        eprintln!("written to {}.json and .md", results_stem(options, machine, &done).display());
    }
    Ok(done)
}

/// The brokers' names.
fn title(done: &[Comparison]) -> String {
    let sides = done.first().map_or(&[][..], |comparison| &comparison.sides);
    sides.iter().map(|side| report::product(&side.outcome)).collect::<Vec<_>>().join(", ")
}

fn save(path: &Path, text: &str) -> Result<()> {
    fs::write(path, text).map_err(|error| Error::io(path.display(), error))
}

/// Where the results go, without extension: the name asked for, or product, version and day.
fn results_stem(options: &Options, machine: &Machine, done: &[Comparison]) -> PathBuf {
    let named = options.name.clone().unwrap_or_else(|| {
        let peer = done.first().and_then(|comparison| comparison.sides.first()).map(|side| &side.outcome.peer);
        let (product, version) = peer.map_or(("", ""), |peer| (&peer.product, &peer.version));
        format!("{product}-{version}-{}", machine.date.get(..10).unwrap_or_default()).to_lowercase()
    });
    let safe = |letter: char| if letter.is_ascii_alphanumeric() || "-_.".contains(letter) { letter } else { '-' };
    options.results.join(named.chars().map(safe).collect::<String>())
}
