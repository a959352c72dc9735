//! Scenario files: the standard loads and their targets as data, built in or read from a directory.
//!
//! ```toml
//! name = "1 KiB persistent"
//! [load]                       # the fields of `Load`; what is not said is its default
//! scenario = "throughput"
//! size = 1024
//! [[row]]                      # the load is taken once for each
//! name = "100,000"             # beside the file's name
//! messages = 100_000           # stand over the load's
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

use serde::Deserialize;

use crate::error::{Error, Result};
use crate::load::Load;
use crate::target::Target;

/// The files built in, by name.
const BUILT_IN: [(&str, &str); 13] = [
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

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    name: String,
    load: Load,
    row: Vec<Take>,
    #[serde(default)]
    target: Vec<Target>,
}

#[derive(Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Take {
    name: String,
    messages: Option<u64>,
    seconds: Option<f64>,
    against: bool,
    limit: bool,
    runs_against: usize,
}

impl Default for Take {
    fn default() -> Take {
        Take {
            name: String::new(),
            messages: None,
            seconds: None,
            against: true,
            limit: true,
            runs_against: usize::MAX,
        }
    }
}

/// One load to be taken.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    /// Name of its file without `.toml`.
    pub(crate) stem: String,
    /// Which row of the file it is.
    pub(crate) take: usize,
    pub(crate) name: String,
    pub(crate) load: Load,
    pub(crate) targets: Vec<Target>,
    /// Whether the second broker gets it.
    pub(crate) against: bool,
    /// Whether the least server gets it.
    pub(crate) limit: bool,
    /// How often brokers get it at most that this program did not start.
    pub(crate) runs_against: usize,
}

impl Row {
    /// A load told on the command line.
    pub(crate) fn alone(load: &Load) -> Row {
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

    /// With its counts and times multiplied.
    fn scaled(mut self, factor: f64) -> Row {
        let count = |count: f64| (count * factor).max(1.0);
        self.load.messages = self.load.messages.map(|messages| count(messages as f64) as u64);
        self.load.seconds = self.load.seconds.map(|seconds| (seconds * factor).max(0.05));
        if self.load.is_idle() {
            self.load.queues = count(self.load.queues as f64) as usize;
            self.load.connections = count(self.load.connections as f64) as usize;
        }
        self
    }
}

/// The rows of all files in order of their names: the files built in, or those of a directory.
pub(crate) fn rows(directory: Option<&Path>, scale: f64) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    let Some(directory) = directory else {
        for (stem, text) in BUILT_IN {
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
    Ok(rows.into_iter().map(|row| row.scaled(scale)).collect())
}

fn parse(stem: &str, text: &str) -> Result<Vec<Row>> {
    let wrong = |why: String| Error::new(format!("{stem}.toml: {why}"));
    let File { name, load, row, target } = toml::from_str(text).map_err(|error| wrong(error.to_string()))?;
    target.iter().try_for_each(Target::check).map_err(wrong)?;
    let one = |(index, take): (usize, Take)| {
        let name = if take.name.is_empty() { name.clone() } else { format!("{name}, {}", take.name) };
        let (messages, seconds) = (take.messages.or(load.messages), take.seconds.or(load.seconds));
        let load = Load { messages, seconds, ..load.clone() };
        load.check().map_err(wrong)?;
        let Take { against, limit, runs_against, .. } = take;
        // Without a second broker there is nothing to be held against it.
        let targets = target.iter().filter(|target| against || target.below_against.is_none()).cloned().collect();
        let stem = stem.to_owned();
        Ok(Row { stem, take: index, name, load, targets, against, limit, runs_against })
    };
    row.into_iter().enumerate().map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn the_files_built_in_are_all_there_are() {
        let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
        let (built, read) = (rows(None, 1.0).unwrap(), rows(Some(&directory), 1.0).unwrap());
        let key = |row: &Row| (row.stem.clone(), row.take, row.load.clone());
        assert_eq!(built.iter().map(key).collect::<Vec<_>>(), read.iter().map(key).collect::<Vec<_>>());
        let names: BTreeSet<_> = built.iter().map(|row| row.name.clone()).collect();
        assert_eq!(names.len(), built.len(), "names are different");
        let stems: BTreeSet<_> = built.iter().map(|row| row.stem.clone()).collect();
        for target in built.iter().flat_map(|row| &row.targets) {
            assert!(target.times_of.as_ref().is_none_or(|stem| stems.contains(stem)), "{target:?}");
        }
    }

    #[test]
    fn counts_and_times_scale() {
        for (full, tenth) in rows(None, 1.0).unwrap().iter().zip(rows(None, 0.1).unwrap()) {
            assert_eq!(full.load.messages.map(|messages| messages / 10), tenth.load.messages, "{}", full.name);
        }
        for row in rows(None, 1e-9).unwrap() {
            assert!(row.load.messages.is_none_or(|messages| messages == 1), "{}", row.name);
            assert!(row.load.check().is_ok(), "{}", row.name);
        }
    }

    #[test]
    fn what_a_file_says_in_vain_is_refused() {
        let good = "name = 'x'\n[load]\nmessages = 5\n[[row]]\n";
        assert_eq!(parse("x", good).unwrap()[0].load.messages, Some(5));
        for (from, to) in [
            ("messages = 5", "massages = 5"),
            ("messages = 5", "size = 5"),
            ("[[row]]", "[[row]]\nsize = 3"),
            ("[[row]]\n", ""),
            ("[[row]]", "[[row]]\n[[target]]\nfigure = 'x'"),
        ] {
            assert!(parse("x", &good.replace(from, to)).is_err(), "{to}");
        }
    }
}
