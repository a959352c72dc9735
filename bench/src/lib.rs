//! Load generators for any broker that speaks the protocol.
//!
//! `bench amqp` drives a broker over its socket with its own minimal encoder: publishes are encoded
//! once and stamped in place, a consumer walks frames without decoding them. Everything here
//! measures, so everything here may read a clock.
#![forbid(unsafe_code)]
#![allow(clippy::disallowed_methods, reason = "a load generator reads the clock and waits by it")]

mod amqp;
mod args;
mod broker;
mod child;
mod comparison;
mod connection;
mod consumer;
mod encode;
mod error;
mod flow;
mod flow_figures;
mod frame;
mod histogram;
mod idle;
mod kafka;
mod ledger;
mod limit;
mod load;
mod machine;
mod meter;
mod options;
mod outcome;
mod probe;
mod procfs;
mod producer;
mod publisher;
mod report;
mod restart;
mod scenario;
mod schedule;
mod screen;
mod shared;
mod spawned;
mod spinner;
mod standard;
mod start;
mod target;
mod targets;
mod template;
mod uri;
mod wait;
mod window;

use std::io::Write;
use std::process::ExitCode;

use crate::args::{AmqpArgs, Command};
use crate::child::Itself;
use crate::comparison::Comparison;
use crate::error::{Error, Result};
use crate::kafka::args::KafkaArgs;
use crate::machine::Machine;
use crate::options::{Options, Output};
use crate::scenario::{Row, Task};
use crate::screen::Screen;

pub use crate::args::Args;

/// Runs `bench`. `words` are the words between the program's name and these arguments (`["bench"]`
/// if it is called as `narumq bench amqp`): child processes are this program called again.
///
/// The exit code is 0 if every count was right, 1 if one was wrong or the load could not be
/// carried out, 2 if the arguments make no load.
pub fn run(args: Args, words: &[&str]) -> ExitCode {
    let done = match args.command {
        Command::Amqp(args) => return amqp_load(&args, &Itself::after(words)),
        Command::Kafka(args) => return kafka_load(&args, &Itself::after(words)),
        Command::KafkaLimitServer { dir } => kafka::limit::serve_until_parent_leaves(&dir),
        Command::LimitServer { dir } => limit::serve_until_parent_leaves(&dir),
        Command::Spin => spinner::spin(),
        Command::Become { words } => spawned::become_program(&words),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failure(&error),
    }
}

fn failure(error: &Error) -> ExitCode {
    eprintln!("error: {error}");
    ExitCode::FAILURE
}

fn amqp_load(args: &AmqpArgs, itself: &Itself) -> ExitCode {
    let row = match args.load() {
        Ok(load) => Row::alone(&load),
        Err(text) => return wrong_arguments(&text),
    };
    let standard = || amqp::standard(args);
    exit_code(measure(&args.options, itself, &row, standard, |row, screen| amqp::compare(row, args, itself, screen)))
}

fn kafka_load(args: &KafkaArgs, itself: &Itself) -> ExitCode {
    let row = match args.load() {
        Ok(load) => Row::alone(&load),
        Err(text) => return wrong_arguments(&text),
    };
    let standard = || kafka::standard(args);
    exit_code(measure(&args.options, itself, &row, standard, |row, screen| kafka::compare(row, args, itself, screen)))
}

fn wrong_arguments(text: &str) -> ExitCode {
    eprintln!("error: {text}");
    ExitCode::from(2)
}

fn exit_code(sound: Result<bool>) -> ExitCode {
    match sound {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => failure(&error),
    }
}

/// Measures one load, or the table of the standard ones, and prints; whether every count was right.
fn measure<L: Task>(
    options: &Options,
    itself: &Itself,
    alone: &Row<L>,
    standard: impl Fn() -> Result<Vec<Row<L>>>,
    compare: impl Fn(&Row<L>, &Screen) -> Result<Comparison>,
) -> Result<bool> {
    let screen = Screen::new(options.quiet);
    // The spinner spins until the end of this function.
    let spinner = spinner::start(options.spinner, itself)?;
    let directory = options.directory();
    std::fs::create_dir_all(&directory).map_err(|error| Error::io(directory.display(), error))?;
    let mut machine = Machine::look(&directory, spinner.is_some());
    let comparisons = if options.table {
        machine.try_disk(&directory)?;
        standard::run(options, &machine, standard()?, |row| compare(row, &screen))?
    } else {
        vec![compare(alone, &screen)?]
    };
    let text = match (options.output, &comparisons[..]) {
        (Output::Json, _) => format!("{:#}\n", report::json(&machine, &comparisons)),
        (Output::Table, [one]) if !options.table => report::table(one),
        (Output::Table, _) => {
            let colours = targets::colours(&std::io::stdout());
            format!("{}\n{}", report::summary(&comparisons), targets::table(&comparisons, colours))
        }
    };
    std::io::stdout().write_all(text.as_bytes())?;
    Ok(comparisons.iter().all(Comparison::is_sound))
}
