//! Scenario files: the standard loads and their targets as data, built in or read from a directory.
//!
//! ```toml
//! name = "1 KiB persistent"
//! [load]                       # the fields of the protocol's load; what is not said is its default
//! scenario = "throughput"
//! size = 1024
//! [[row]]                      # the load is taken once for each
//! name = "100,000"             # beside the file's name
//! messages = 100_000           # any field of the load, standing over it
//! [[row]]
//! name = "3 GiB or 60 s"
//! messages = 3_200_000
//! seconds = 60
//! against = false              # not on the second broker, nor (limit) on the least server
//! [[target]]                   # of every row
//! figure = "cpu_us_per_published"
//! at_most = 3.0
//! ```

use std::fs;
use std::path::Path;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use toml::Table;

use crate::error::{Error, Result};
use crate::target::Target;

/// A scenario file that is built in: its name without `.toml`, and its text.
pub(crate) type File = (&'static str, &'static str);

/// What one protocol's load must be for a scenario file to hold it.
pub(crate) trait Task: Clone + Serialize + DeserializeOwned {
    /// Refuses a load that could not be carried out as it reads.
    fn check(&self) -> std::result::Result<(), String>;
    /// The load in one line.
    fn describe(&self) -> String;
    /// With its counts and times multiplied; no count falls below 1.
    fn scaled(self, factor: f64) -> Self;
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Content {
    name: String,
    load: Table,
    row: Vec<Take>,
    #[serde(default)]
    target: Vec<Target>,
}

#[derive(Deserialize)]
#[serde(default)]
struct Take {
    name: String,
    against: bool,
    limit: bool,
    runs_against: usize,
    /// Fields that stand over the load's.
    #[serde(flatten)]
    over: Table,
}

impl Default for Take {
    fn default() -> Take {
        Take { name: String::new(), against: true, limit: true, runs_against: usize::MAX, over: Table::new() }
    }
}

/// One load to be taken.
#[derive(Clone, Debug)]
pub(crate) struct Row<L> {
    /// Name of its file without `.toml`.
    pub(crate) stem: String,
    /// Which row of the file it is.
    pub(crate) take: usize,
    pub(crate) name: String,
    pub(crate) load: L,
    pub(crate) targets: Vec<Target>,
    /// Whether the second broker gets it.
    pub(crate) against: bool,
    /// Whether the least server gets it.
    pub(crate) limit: bool,
    /// How often brokers get it at most that this program did not start.
    pub(crate) runs_against: usize,
}

impl<L: Task> Row<L> {
    /// A load told on the command line.
    pub(crate) fn alone(load: &L) -> Row<L> {
        Row {
            stem: String::new(),
            take: 0,
            name: load.describe(),
            load: load.clone(),
            targets: Vec::new(),
            against: true,
            limit: true,
            runs_against: usize::MAX,
        }
    }

    fn scaled(self, factor: f64) -> Row<L> {
        Row { load: self.load.scaled(factor), ..self }
    }
}

/// The rows of all files in order of their names: the files built in, or those of a directory.
pub(crate) fn rows<L: Task>(built_in: &[File], directory: Option<&Path>, scale: f64) -> Result<Vec<Row<L>>> {
    let mut rows = Vec::new();
    let Some(directory) = directory else {
        for (stem, text) in built_in {
            rows.extend(parse(stem, text)?);
        }
        return Ok(rows.into_iter().map(|row| row.scaled(scale)).collect());
    };
    let what = |error| Error::io(directory.display(), error);
    let entries = fs::read_dir(directory).map_err(what)?.collect::<std::io::Result<Vec<_>>>().map_err(what)?;
    let mut paths: Vec<_> = entries.into_iter().map(|entry| entry.path()).collect();
    paths.sort();
    for path in paths.iter().filter(|path| path.extension().is_some_and(|extension| extension == "toml")) {
        let text = fs::read_to_string(path).map_err(|error| Error::io(path.display(), error))?;
        rows.extend(parse(&path.file_stem().unwrap_or_default().to_string_lossy(), &text)?);
    }
    Ok(rows.into_iter().map(|row: Row<L>| row.scaled(scale)).collect())
}

fn parse<L: Task>(stem: &str, text: &str) -> Result<Vec<Row<L>>> {
    let wrong = |why: String| Error::new(format!("{stem}.toml: {why}"));
    let Content { name, load, row, target } = toml::from_str(text).map_err(|error| wrong(error.to_string()))?;
    target.iter().try_for_each(Target::check).map_err(wrong)?;
    let one = |(index, take): (usize, Take)| {
        let name = if take.name.is_empty() { name.clone() } else { format!("{name}, {}", take.name) };
        let Take { against, limit, runs_against, over, .. } = take;
        let fields: Table = load.clone().into_iter().chain(over).collect();
        let load: L = fields.try_into().map_err(|error: toml::de::Error| wrong(error.to_string()))?;
        load.check().map_err(wrong)?;
        // Without a second broker there is nothing to be held against it.
        let targets = target.iter().filter(|target| against || target.below_against.is_none()).cloned().collect();
        let stem = stem.to_owned();
        Ok(Row { stem, take: index, name, load, targets, against, limit, runs_against })
    };
    row.into_iter().enumerate().map(one).collect()
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::load::Load;
    use std::collections::BTreeSet;

    /// The files built in are those of their directory, their names differ and their targets refer to rows there are.
    pub(crate) fn the_files_built_in_are_all_there_are<L: Task>(built_in: &[File], directory: &str) {
        let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join(directory);
        let built = rows::<L>(built_in, None, 1.0).unwrap();
        let read = rows::<L>(built_in, Some(&directory), 1.0).unwrap();
        let key = |row: &Row<L>| (row.stem.clone(), row.take, serde_json::to_string(&row.load).unwrap());
        assert_eq!(built.iter().map(key).collect::<Vec<_>>(), read.iter().map(key).collect::<Vec<_>>());
        let names: BTreeSet<_> = built.iter().map(|row| row.name.clone()).collect();
        assert_eq!(names.len(), built.len(), "names are different");
        let stems: BTreeSet<_> = built.iter().map(|row| row.stem.clone()).collect();
        for target in built.iter().flat_map(|row| &row.targets) {
            assert!(target.times_of.as_ref().is_none_or(|stem| stems.contains(stem)), "{target:?}");
        }
        for row in rows::<L>(built_in, None, 1e-9).unwrap() {
            assert!(row.load.check().is_ok(), "{} scales down to anything", row.name);
        }
    }

    #[test]
    fn what_a_file_says_in_vain_is_refused() {
        let good = "name = 'x'\n[load]\nmessages = 5\n[[row]]\n[[row]]\nname = 'y'\nsize = 3\nmessages = 7\n";
        let rows = parse::<Load>("x", good).unwrap();
        assert_eq!((rows[0].name.as_str(), rows[0].load.messages, rows[0].load.size), ("x", Some(5), 0));
        assert_eq!((rows[1].name.as_str(), rows[1].load.messages, rows[1].load.size), ("x, y", Some(7), 3));
        let good = "name = 'x'\n[load]\nmessages = 5\n[[row]]\n";
        for (from, to) in [
            ("messages = 5", "massages = 5"),
            ("messages = 5", "messages = 0"),
            ("[[row]]", "[[row]]\nsise = 3"),
            ("[[row]]\n", ""),
            ("[[row]]", "[[row]]\n[[target]]\nfigure = 'x'"),
            ("name = 'x'", "name = 'x'\nnam = 'y'"),
        ] {
            assert!(parse::<Load>("x", &good.replace(from, to)).is_err(), "{to}");
        }
    }
}
