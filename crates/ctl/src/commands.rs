//! From arguments to what a command does: help, validation, and the call of the command.

pub(crate) mod list;
mod queue;
mod status;

use crate::client::{Api, Reply};
use crate::error::{Failure, NO_PERMISSION, SOFTWARE, TEMPORARY, USAGE};
use crate::format::Format;
use crate::options::{self, Options};
use crate::usage::{self, COMMON, Command};
use crate::{Connect, Target};
use serde_json::Value;
use std::io::Write;

const DEFAULT_HTTP: &str = "127.0.0.1:15672";
const DEFAULT_TIMEOUT_SECONDS: i64 = 60;

/// A command that may run: its arguments make sense.
pub(crate) struct Run<'a> {
    pub(crate) options: Options,
    pub(crate) format: Format,
    pub(crate) api: Box<dyn Api>,
    pub(crate) out: &'a mut dyn Write,
}

/// Runs the command that `args` name.
pub(crate) fn run(
    args: &[String],
    http: Option<&str>,
    connect: Connect<'_>,
    out: &mut dyn Write,
) -> Result<(), Failure> {
    let options = options::parse(args);
    let Some(name) = options.command.clone() else {
        return match (options.has("version"), options.has("help")) {
            (true, _) => Ok(writeln!(out, "{}", env!("CARGO_PKG_VERSION"))?),
            (_, true) => Ok(out.write_all(usage::overview().as_bytes())?),
            _ => Err(Failure { code: USAGE, text: usage::overview() }),
        };
    };
    let command = usage::find(&name).ok_or_else(|| usage::unknown(&name))?;
    if options.has("help") {
        return Ok(out.write_all(command.help().as_bytes())?);
    }
    let format = validate(command, &options, args)?;
    match name.as_str() {
        "help" => return help(&options, out),
        "version" if format != Format::Json => return Ok(writeln!(out, "{}", env!("CARGO_PKG_VERSION"))?),
        _ => {}
    }
    let columns = list::chosen(command, &options, args)?;
    let api = connect(&target(command, &options, http)?)?;
    let mut run = Run { options, format, api, out };
    match name.as_str() {
        "version" => status::version(&mut run),
        "status" => status::status(&mut run),
        "delete_queue" => queue::delete(&mut run),
        "purge_queue" => queue::purge(&mut run),
        _ => list::run(&name, &columns, &mut run),
    }
}

/// Checks switches and the number of words; gives back the format.
fn validate(command: &Command, options: &Options, args: &[String]) -> Result<Format, Failure> {
    if let Some((_, name)) = options.given.iter().find(|(long, _)| matches!(*long, "node" | "longnames")) {
        let reason = format!("{name} is not supported: the broker is found by --http or NARUMQ_HTTP");
        return Err(command.invalid(&reason, args));
    }
    let format = match options.formatter.as_deref() {
        None => Some(Format::Table),
        Some(name) => Format::named(name),
    };
    let table = format == Some(Format::Table);
    let known = |long: &str| {
        let own = command.switches.contains(&long) || COMMON.contains(&long) || long == "password";
        own || (long == "table-headers" && table && command.name.starts_with("list_"))
    };
    let mut invalid: Vec<(String, String)> =
        options.given.iter().filter(|(long, _)| !known(long)).map(|(_, name)| (name.clone(), String::new())).collect();
    invalid.extend(options.invalid.iter().cloned());
    if !invalid.is_empty() {
        let lines: Vec<String> = invalid.iter().map(|(name, value)| format!("{name} : {value}")).collect();
        return Err(command.invalid(&format!("Invalid options for this command:\n{}", lines.join("\n")), args));
    }
    let words = options.words.len();
    let problem = match command.words {
        (least, _) if words < least => Some("not enough arguments."),
        (_, most) if words > most => Some("too many arguments."),
        _ => None,
    };
    match (problem, format) {
        (Some(problem), _) => Err(command.invalid(problem, args)),
        (None, Some(format)) => Ok(format),
        (None, None) => {
            let name = options.formatter.as_deref().unwrap_or("");
            let reason = format!("formatter '{name}' is not one of table, json, csv, pretty_table");
            Err(command.invalid(&reason, args))
        }
    }
}

fn target(command: &Command, options: &Options, http: Option<&str>) -> Result<Target, Failure> {
    let seconds = options.timeout_seconds.unwrap_or(DEFAULT_TIMEOUT_SECONDS);
    let http = options.http.as_deref().or(http.filter(|http| !http.is_empty())).unwrap_or(DEFAULT_HTTP).to_owned();
    match u64::try_from(seconds) {
        Ok(0) => Err(Failure::new(
            TEMPORARY,
            format!("operation {} at {http} timed out. Timeout value used: 0", command.name),
        )),
        Err(_) => Err(Failure::new(USAGE, "a timeout is not negative")),
        Ok(seconds) => {
            let or_guest = |given: &Option<String>| given.clone().unwrap_or_else(|| "guest".into());
            let timeout_ms = seconds.saturating_mul(1000).min(u64::from(u32::MAX));
            Ok(Target { http, user: or_guest(&options.user), password: or_guest(&options.password), timeout_ms })
        }
    }
}

fn help(options: &Options, out: &mut dyn Write) -> Result<(), Failure> {
    let text = match options.words.first() {
        None => usage::overview(),
        Some(name) => match usage::find(name) {
            Some(command) => command.help(),
            None => return Err(Failure::block(USAGE, format!("\nCommand '{name}' not found."))),
        },
    };
    Ok(out.write_all(text.as_bytes())?)
}

impl Run<'_> {
    /// The vhost that the command is about.
    pub(crate) fn vhost(&self) -> String {
        self.options.vhost.clone().unwrap_or_else(|| "/".into())
    }

    /// Says what the command is about, unless it is to be quiet.
    pub(crate) fn banner(&mut self, text: &str) -> Result<(), Failure> {
        let quiet = self.options.has("quiet") || self.options.has("silent");
        if !quiet && self.format.has_banner() {
            writeln!(self.out, "{text}")?;
            self.out.flush()?;
        }
        Ok(())
    }

    /// Sends a request; refusals of the user and faults of the broker are failures, all else is for the command to judge.
    pub(crate) fn request(&mut self, method: &str, path: &str) -> Result<Reply, Failure> {
        let reply = self.api.request(method, path)?;
        match reply.status {
            401 | 403 => {
                let user = self.options.user.as_deref().unwrap_or("guest");
                let reason = reason(&reply).unwrap_or_else(|| "Login failed".into());
                Err(Failure::new(NO_PERMISSION, format!("the broker refuses user '{user}': {reason}")))
            }
            500.. => Err(unexpected(&reply)),
            _ => Ok(reply),
        }
    }

    /// What stands under a path; `None` if there is nothing.
    pub(crate) fn get(&mut self, path: &str) -> Result<Option<Value>, Failure> {
        let reply = self.request("GET", path)?;
        match reply.status {
            200 => match serde_json::from_slice(&reply.body) {
                Ok(value) => Ok(Some(value)),
                Err(error) => Err(Failure::new(SOFTWARE, format!("the broker's answer is no JSON: {error}"))),
            },
            404 => Ok(None),
            _ => Err(unexpected(&reply)),
        }
    }

    /// The node's name.
    pub(crate) fn node(&mut self) -> Result<String, Failure> {
        let overview = self.get("/api/overview?columns=node")?.unwrap_or(Value::Null);
        Ok(overview["node"].as_str().unwrap_or("").to_owned())
    }
}

/// The reason that an answer gives.
pub(crate) fn reason(reply: &Reply) -> Option<String> {
    let value: Value = serde_json::from_slice(&reply.body).ok()?;
    value["reason"].as_str().map(str::to_owned)
}

/// An answer that makes no sense here.
pub(crate) fn unexpected(reply: &Reply) -> Failure {
    let reason = reason(reply).map_or_else(String::new, |reason| format!(": {reason}"));
    Failure::new(SOFTWARE, format!("the broker answers {}{reason}", reply.status))
}
