//! Load generators for any broker that speaks the protocol.
//!
//! `bench amqp` drives a broker over its socket with its own minimal encoder: publishes are encoded
//! once and stamped in place, a consumer walks frames without decoding them. Everything here
//! measures, so everything here may read a clock.
#![forbid(unsafe_code)]
#![allow(clippy::disallowed_methods, reason = "a load generator reads the clock and waits by it")]

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
mod ledger;
mod limit;
mod load;
mod machine;
mod meter;
mod outcome;
mod probe;
mod procfs;
mod producer;
mod publisher;
mod report;
mod restart;
mod scenario;
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

use crate::args::{AmqpArgs, Command, Output};
use crate::child::Itself;
use crate::error::{Error, Result};
use crate::machine::Machine;
use crate::scenario::Row;
use crate::screen::Screen;

pub use crate::args::Args;

/// Runs `bench`. `words` are the words between the program's name and these arguments (`["bench"]`
/// if it is called as `narumq bench amqp`): child processes are this program called again.
///
/// The exit code is 0 if every count was right, 1 if one was wrong or the load could not be
/// carried out, 2 if the arguments make no load.
pub fn run(args: Args, words: &[&str]) -> ExitCode {
    let done = match args.command {
        Command::Amqp(args) => return amqp(&args, &Itself::after(words)),
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

fn amqp(args: &AmqpArgs, itself: &Itself) -> ExitCode {
    let load = match args.load() {
        Ok(load) => load,
        Err(text) => {
            eprintln!("error: {text}");
            return ExitCode::from(2);
        }
    };
    match measure(args, &load, itself) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => failure(&error),
    }
}

/// Measures and prints; whether every count was right.
fn measure(args: &AmqpArgs, load: &load::Load, itself: &Itself) -> Result<bool> {
    let screen = Screen::new(args.quiet);
    // The spinner spins until the end of this function.
    let spinner = spinner::start(args.spinner, itself)?;
    let directory = args.directory();
    std::fs::create_dir_all(&directory).map_err(|error| Error::io(directory.display(), error))?;
    let mut machine = Machine::look(&directory, spinner.is_some());
    let comparisons = if args.table {
        machine.try_disk(&directory)?;
        standard::run(args, &machine, itself, &screen)?
    } else {
        vec![comparison::compare(&Row::alone(load), args, itself, &screen)?]
    };
    let text = match (args.output, &comparisons[..]) {
        (Output::Json, _) => format!("{:#}\n", report::json(&machine, &comparisons)),
        (Output::Table, [one]) if !args.table => report::table(one),
        (Output::Table, _) => {
            let colours = targets::colours(&std::io::stdout());
            format!("{}\n{}", report::summary(&comparisons), targets::table(&comparisons, colours))
        }
    };
    std::io::stdout().write_all(text.as_bytes())?;
    Ok(comparisons.iter().all(comparison::Comparison::is_sound))
}
