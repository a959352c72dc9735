//! Topics, groups and messages for operators: `narumq topics`, `groups`, `pub` and `sub`.
//!
//! ```text
//! arguments (clap) ─► command ─► management API ─► a table that aligns, or JSON (-o json)
//! ```
//! Data goes to the standard output, everything else to the standard error. What fails says what, why and what to do next;
//! exit codes are those of `sysexits.h`.

mod access;
mod amqp;
mod groups;
mod groups_args;
mod message_args;
mod position;
mod publish;
mod subscribe;
mod table;
mod time;
mod topics;
mod topics_args;
mod values;

pub use groups_args::GroupsArgs;
pub use message_args::{PubArgs, SubArgs};
pub use topics_args::TopicsArgs;

use crate::error::Failure;
use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;

/// What is to be done.
#[derive(Debug)]
pub enum Operation {
    /// `narumq topics`
    Topics(TopicsArgs),
    /// `narumq groups`
    Groups(GroupsArgs),
    /// `narumq pub`
    Publish(PubArgs),
    /// `narumq sub`
    Subscribe(SubArgs),
}

/// Where results go, and how they look.
pub(crate) struct Screen<'a> {
    pub(crate) out: &'a mut dyn Write,
    /// Whether colours and other marks of terminals are wanted.
    pub(crate) colour: bool,
}

/// Carries it out.
pub fn run(operation: Operation) -> ExitCode {
    let stdout = io::stdout();
    let colour = stdout.is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    let mut out = io::BufWriter::new(stdout.lock());
    let mut screen = Screen { out: &mut out, colour };
    let outcome = match operation {
        Operation::Topics(args) => topics::run(&args, &mut screen),
        Operation::Groups(args) => groups::run(&args, &mut screen),
        Operation::Publish(args) => publish::run(&args, &mut screen),
        Operation::Subscribe(args) => subscribe::run(&args, &mut screen),
    };
    let outcome = outcome.and_then(|()| Ok(out.flush()?));
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure { code, text }) => {
            // What was found before stays; nothing can be done about an error that cannot be written.
            let _ = out.flush();
            let _ = io::stderr().write_all(text.as_bytes());
            ExitCode::from(code)
        }
    }
}
