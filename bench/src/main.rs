//! The load generator as a program of its own.
#![forbid(unsafe_code)]

use std::process::ExitCode;

use clap::Parser;

/// Measure a broker
#[derive(Parser)]
#[command(name = "narumq-bench", version)]
struct Cli {
    #[command(flatten)]
    args: narumq_bench::Args,
}

fn main() -> ExitCode {
    narumq_bench::run(Cli::parse().args, &[])
}
