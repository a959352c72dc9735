//! Options that every load generator has: how often, beside what, where to, and the table of standard loads.

use std::path::PathBuf;

/// How the result is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Output {
    Table,
    Json,
}

/// Whether a child process spins so that no core halts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Spinner {
    On,
    Off,
    /// On where the processor says it is virtual.
    Auto,
}

/// How a measurement is carried out and reported, whatever the load is.
#[derive(clap::Args, Clone, Debug)]
pub(crate) struct Options {
    /// A child at nice 19 that spins meanwhile, as a halted virtual core notices the disk late
    #[arg(long, value_enum, default_value_t = Spinner::Auto)]
    pub(crate) spinner: Spinner,
    /// Repeat so often, brokers in turn, and print medians [default: 1; with --table 3]
    #[arg(long, value_name = "N")]
    pub(crate) runs: Option<usize>,
    /// So many runs beforehand that do not count, on brokers that run anyhow: some get faster with use
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) warm_up: usize,
    /// The brokers' disk: spawned brokers, the least server and the disk probe write below it
    /// [default: the temporary directory]
    #[arg(long, value_name = "DIR")]
    pub(crate) data_dir: Option<PathBuf>,
    /// Run the whole table of standard loads, print its targets and write the results as data
    #[arg(long)]
    pub(crate) table: bool,
    /// Read the standard loads from *.toml here, not the ones built in
    #[arg(long, value_name = "DIR", requires = "table")]
    pub(crate) scenarios: Option<PathBuf>,
    /// Only the standard loads whose name contains this
    #[arg(long, value_name = "TEXT", requires = "table")]
    pub(crate) only: Option<String>,
    /// Multiply the counts and times of the standard loads
    #[arg(long, value_name = "FACTOR", requires = "table", default_value_t = 1.0)]
    pub(crate) scale: f64,
    /// Name of the results file [default: the broker's product, its version and the date]
    #[arg(long, requires = "table")]
    pub(crate) name: Option<String>,
    /// Where the results file goes
    #[arg(long, value_name = "DIR", requires = "table", default_value = "bench/results")]
    pub(crate) results: PathBuf,
    /// Also put the table of targets into this Markdown file, between its lines `<!-- results -->`
    /// and `<!-- end of results -->`
    #[arg(long, value_name = "FILE", requires = "table")]
    pub(crate) readme: Option<PathBuf>,
    /// How to print
    #[arg(short, long, value_enum, default_value_t = Output::Table)]
    pub(crate) output: Output,
    /// No progress
    #[arg(long)]
    pub(crate) quiet: bool,
}

impl Options {
    /// Where the probe and the least server write.
    pub(crate) fn directory(&self) -> PathBuf {
        self.data_dir.clone().unwrap_or_else(std::env::temp_dir)
    }

    /// How often each load is taken.
    pub(crate) fn runs(&self) -> usize {
        self.runs.unwrap_or(if self.table { 3 } else { 1 })
    }

    /// Refuses what no load can mean.
    pub(crate) fn check(&self) -> Result<(), String> {
        if self.runs == Some(0) { Err("--runs is at least 1".to_owned()) } else { Ok(()) }
    }
}
