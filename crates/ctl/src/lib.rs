//! The command line that speaks to a running broker over its management API, in the words of the tool it replaces.
//!
//! ```text
//! arguments ─► options ─► command ─► HTTP GET/DELETE ─► cells ─► table | json | csv | pretty_table
//! ```
//! Banner, header, tabs and the notation of arguments are to the byte those of that tool, so that scripts go on working;
//! where its JSON is not valid (control characters) ours is. What it shows as process ids are names here.
#![forbid(unsafe_code)]

mod cell;
mod client;
mod commands;
mod error;
mod float;
mod format;
pub mod operator;
mod options;
mod usage;

pub use client::{Api, Reply};
pub use error::Failure;

use client::HttpApi;
use std::ffi::OsString;
use std::io::{self, Write};
use std::process::ExitCode;

/// Runs one command with the arguments behind `ctl`. Data goes to the standard output, errors to the standard error; the
/// exit codes are those of `sysexits.h`.
pub fn run(args: impl Iterator<Item = OsString>) -> ExitCode {
    let environment = std::env::var("NARUMQ_HTTP").ok();
    let texts: Result<Vec<String>, OsString> = args.map(OsString::into_string).collect();
    let (mut out, mut err) = (io::stdout().lock(), io::stderr().lock());
    let code = match texts {
        Ok(args) => execute(&args, environment.as_deref(), &mut |target| HttpApi::boxed(target), &mut out, &mut err),
        Err(text) => {
            let _ = writeln!(err, "Error: argument is not UTF-8: {}", text.to_string_lossy());
            error::USAGE
        }
    };
    let _ = out.flush();
    ExitCode::from(code)
}

/// Where the broker is and who asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// `host:port`, `http://host:port` or a host.
    pub http: String,
    /// The user.
    pub user: String,
    /// The password.
    pub password: String,
    /// How long an operation may take, in milliseconds.
    pub timeout_ms: u64,
}

/// Makes the connection to a broker.
pub type Connect<'a> = &'a mut dyn FnMut(&Target) -> Result<Box<dyn Api>, Failure>;

/// As [`run`], with everything it touches as an argument: the value of `NARUMQ_HTTP`, how the broker is reached, and where
/// output goes. Gives back the exit code.
pub fn execute(
    args: &[String],
    http: Option<&str>,
    connect: Connect<'_>,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> u8 {
    let outcome = commands::run(args, http, connect, out);
    match outcome {
        Ok(()) => 0,
        Err(failure) => {
            // Nothing can be done about an error that cannot be written.
            let _ = out.flush();
            let _ = err.write_all(failure.text.as_bytes());
            failure.code
        }
    }
}
