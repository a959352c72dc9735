//! The commands, what they take, and the help that says so.

use crate::commands::list;
use crate::error::{Failure, USAGE};
use std::fmt::Write;

/// One command.
pub(crate) struct Command {
    pub(crate) name: &'static str,
    group: &'static str,
    /// What follows the name in the usage line.
    takes: &'static str,
    help: &'static str,
    /// Words at least and at most; listings take any number.
    pub(crate) words: (usize, usize),
    /// Switches of its own.
    pub(crate) switches: &'static [&'static str],
}

const LIST_VHOST: &str = "[--vhost <vhost>] [--no-table-headers] [<column> ...] [--timeout <timeout>]";
const LIST: &str = "[--no-table-headers] [<column> ...] [--timeout <timeout>]";
const ANY: (usize, usize) = (0, usize::MAX);

const fn listing(name: &'static str, group: &'static str, takes: &'static str, help: &'static str) -> Command {
    Command { name, group, takes, help, words: ANY, switches: &[] }
}

/// All commands, by group.
pub(crate) const COMMANDS: [Command; 14] = [
    Command {
        name: "help",
        group: "Help",
        takes: "[<command>]",
        help: "Displays usage information for a command",
        words: (0, 1),
        switches: &[],
    },
    Command {
        name: "version",
        group: "Help",
        takes: "",
        help: "Displays the version of this command line",
        words: (0, 0),
        switches: &[],
    },
    Command {
        name: "list_users",
        group: "Users",
        takes: "[--no-table-headers] [--timeout <timeout>]",
        help: "List user names and tags",
        words: (0, 0),
        switches: &[],
    },
    Command {
        name: "list_permissions",
        group: "Access Control",
        takes: "[--vhost <vhost>] [--no-table-headers] [--timeout <timeout>]",
        help: "Lists user permissions in a virtual host",
        words: (0, 0),
        switches: &[],
    },
    listing("list_vhosts", "Access Control", LIST, "Lists virtual hosts"),
    listing("list_bindings", "Monitoring", LIST_VHOST, "Lists all bindings on a vhost"),
    listing("list_channels", "Monitoring", LIST, "Lists all channels in the node"),
    listing("list_connections", "Monitoring", LIST, "Lists connections for the node"),
    listing("list_consumers", "Monitoring", LIST_VHOST, "Lists all consumers for a vhost"),
    listing("list_exchanges", "Monitoring", LIST_VHOST, "Lists exchanges"),
    Command {
        name: "list_queues",
        group: "Monitoring",
        takes: "[--vhost <vhost>] [--online] [--offline] [--local] [--no-table-headers] [<column>, ...] [--timeout <timeout>]",
        help: "Lists queues and their properties",
        words: ANY,
        switches: &["online", "offline", "local"],
    },
    Command {
        name: "status",
        group: "Monitoring",
        takes: "[--timeout <timeout>]",
        help: "Displays status of a node",
        words: (0, 0),
        switches: &[],
    },
    Command {
        name: "delete_queue",
        group: "Queues",
        takes: "[--vhost <vhost>] <queue_name> [--if-empty|-e] [--if-unused|-u] [--timeout <timeout>]",
        help: "Deletes a queue",
        words: (1, 1),
        switches: &["if-empty", "if-unused"],
    },
    Command {
        name: "purge_queue",
        group: "Queues",
        takes: "[--vhost <vhost>] <queue> [--timeout <timeout>]",
        help: "Purges a queue (removes all messages in it)",
        words: (1, 1),
        switches: &[],
    },
];

/// Switches that every command takes.
pub(crate) const COMMON: [&str; 9] =
    ["quiet", "silent", "help", "version", "vhost", "timeout", "formatter", "http", "user"];

const CALL: &str = "narumq ctl [--http <address>] [--user <name>] [--password <password>] [--quiet]";

const GENERAL: &str = "\
The following options are accepted by most or all commands.

short            | long                  | description
-----------------|-----------------------|--------------------------------
-?               | --help                | displays command help
                 | --http <address>      | where the broker's management API listens,
                 |                       | NARUMQ_HTTP or 127.0.0.1:15672 by default
                 | --user <name>         | who asks, guest by default
                 | --password <password> | its password, guest by default
-t               | --timeout <n>         | operation timeout in seconds
-q               | --quiet               | suppress informational messages
-s               | --silent              | suppress informational messages
                                         | and table header row
-p               | --vhost               | for commands that are scoped to a virtual host,
                 |                       | virtual host to use
                 | --formatter           | alternative result formatter to use:
                                         | json, pretty_table, table, csv
";

/// The command of this name.
pub(crate) fn find(name: &str) -> Option<&'static Command> {
    COMMANDS.iter().find(|command| command.name == name)
}

impl Command {
    /// How it is called.
    pub(crate) fn usage(&self) -> String {
        format!("{CALL} {} {}", self.name, self.takes).trim_end().to_owned()
    }

    /// Its help.
    pub(crate) fn help(&self) -> String {
        let mut text = format!("\n{}\n\n{}\n\n{}.\n\n", bold("Usage"), self.usage(), self.help);
        let columns = list::columns(self.name);
        if !columns.is_empty() && self.words != (0, 0) {
            let mut names: Vec<&str> = columns.iter().map(|column| column.name).collect();
            names.sort_unstable();
            let heading = bold("Arguments and Options");
            let _ = write!(text, "\n{heading}\n\n<column>\n\tmust be one of {}\n\n", names.join(", "));
        }
        let _ = write!(text, "\n{}\n\n{GENERAL}\n", bold("General Options"));
        text
    }

    /// Arguments that this command does not take.
    pub(crate) fn invalid(&self, reason: &str, args: &[String]) -> Failure {
        let text = format!(
            "Error (argument validation): {reason}\nArguments given:\n\t{}\n\n{}\n\n{}\n",
            shown(args),
            bold("Usage"),
            self.usage()
        );
        Failure { code: USAGE, text }
    }
}

/// The arguments as they were given, but for where the broker is and who asks: passwords are not repeated.
fn shown(args: &[String]) -> String {
    let own = ["--http", "--user", "--password"];
    let (mut words, mut rest) = (Vec::new(), args.iter());
    while let Some(arg) = rest.next() {
        if own.contains(&arg.as_str()) {
            rest.next();
        } else if !own.iter().any(|own| arg.strip_prefix(own).is_some_and(|value| value.starts_with('='))) {
            words.push(arg.as_str());
        }
    }
    words.join(" ")
}

fn bold(text: &str) -> String {
    format!("\x1b[1m{text}\x1b[0m")
}

/// All commands by group.
pub(crate) fn overview() -> String {
    let mut text = format!("\n{}\n\n{CALL} <command> [<command options>]\n\nAvailable commands:\n", bold("Usage"));
    let mut group = "";
    for command in &COMMANDS {
        if command.group != group {
            group = command.group;
            let _ = write!(text, "\n{}:\n\n", bold(group));
        }
        let _ = writeln!(text, "   {:<30}{}", command.name, command.help);
    }
    text + "\nUse 'narumq ctl help <command>' to learn more about a specific command\n"
}

/// No such command; the nearest name is offered if it is near.
pub(crate) fn unknown(name: &str) -> Failure {
    let near = COMMANDS.iter().map(|command| (similarity(name, command.name), command.name));
    let near = near.filter(|(near, _)| *near > 0.7).max_by(|a, b| a.0.total_cmp(&b.0));
    let rest = match near {
        Some((_, near)) => format!("Did you mean '{near}'? \n\n"),
        None => overview(),
    };
    Failure { code: USAGE, text: format!("\nCommand '{name}' not found. \n{rest}") }
}

/// Jaro similarity, 0 to 1: the share of characters found near their places, less transpositions.
fn similarity(a: &str, b: &str) -> f64 {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().take(100).collect(), b.chars().collect());
    let reach = (a.len().max(b.len()) / 2).saturating_sub(1);
    let mut taken = vec![false; b.len()];
    let mut found = Vec::new();
    for (at, c) in a.iter().enumerate() {
        let near = at.saturating_sub(reach)..(at + reach + 1).min(b.len());
        if let Some(place) = near.into_iter().find(|&place| !taken[place] && b[place] == *c) {
            taken[place] = true;
            found.push(*c);
        }
    }
    if found.is_empty() {
        return 0.0;
    }
    let in_b = b.iter().zip(&taken).filter(|(_, taken)| **taken).map(|(c, _)| c);
    let moved = found.iter().zip(in_b).filter(|(x, y)| x != y).count() as f64 / 2.0;
    let hits = found.len() as f64;
    (hits / a.len() as f64 + hits / b.len() as f64 + (hits - moved) / hits) / 3.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_names_are_offered() {
        assert_eq!(unknown("list_queue").text, "\nCommand 'list_queue' not found. \nDid you mean 'list_queues'? \n\n");
        assert!(unknown("purge").text.ends_with("Did you mean 'purge_queue'? \n\n"));
        for far in ["zzz", ""] {
            let failure = unknown(far);
            assert!(failure.text.starts_with(&format!("\nCommand '{far}' not found. \n\n\x1b[1mUsage")));
            assert_eq!(failure.code, 64);
        }
    }

    #[test]
    fn every_command_has_help() {
        for command in &COMMANDS {
            assert!(command.help().contains(command.name) && overview().contains(command.help));
        }
    }
}
