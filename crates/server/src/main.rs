//! The binary `narumq`: what the command line asks for, and nothing else.
#![forbid(unsafe_code)]

mod amqp_properties;
mod banner;
mod cli;
mod clock;
mod config;
mod data_directory;
mod directory;
mod doors;
mod kafka_topics;
mod report;
mod shutdown;
mod startup;
mod system;

use clap::Parser;
use cli::{Cli, Command, ServeArgs};
use config::Config;
use narumq_ctl::operator::{self, Operation};
use std::process::ExitCode;

/// The exit code of a configuration that makes no sense, as for a command line that makes none.
const EXIT_CONFIG: u8 = 2;

fn main() -> ExitCode {
    let started = system::instant();
    let Cli { serve: arguments, command } = Cli::parse();
    match command {
        None => serve(arguments, started),
        Some(Command::Serve(arguments)) => serve(*arguments, started),
        Some(Command::Topics(arguments)) => operator::run(Operation::Topics(*arguments)),
        Some(Command::Groups(arguments)) => operator::run(Operation::Groups(*arguments)),
        Some(Command::Pub(arguments)) => operator::run(Operation::Publish(*arguments)),
        Some(Command::Sub(arguments)) => operator::run(Operation::Subscribe(*arguments)),
        Some(Command::Ctl { words }) => narumq_ctl::run(words.into_iter()),
        Some(Command::Bench(arguments)) => narumq_bench::run(*arguments, &["bench"]),
    }
}

fn serve(arguments: ServeArgs, started: std::time::Instant) -> ExitCode {
    let config = match Config::resolve(arguments) {
        Ok(config) => config,
        Err(error) => {
            report::fatal(&error);
            return ExitCode::from(EXIT_CONFIG);
        }
    };
    match startup::serve(&config, started) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            report::fatal(&error);
            ExitCode::FAILURE
        }
    }
}
