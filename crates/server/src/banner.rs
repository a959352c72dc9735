//! What is said on stdout once the broker is ready.
//!
//! ```text
//! NaruMQ 0.1.0 is ready after 12 ms
//!
//!   amqp        127.0.0.1:5672  [::1]:5672
//!   http        http://127.0.0.1:15672  http://[::1]:15672
//!   data        ./narumq-data
//!   durability  fsync: what is confirmed is on the disk
//!   login       guest / guest, from this machine only
//!   started     2026-01-02T03:04:05.678Z
//! ```

use crate::config::Config;
use crate::report;
use narumq_model::{Durability, Time};
use std::net::SocketAddr;
use std::path::Path;

/// What the banner tells.
pub(crate) struct Banner<'a> {
    /// What was asked for.
    pub(crate) config: &'a Config,
    /// (door, address) of each listener.
    pub(crate) addresses: &'a [(&'static str, SocketAddr)],
    /// Where everything is kept.
    pub(crate) data: &'a Path,
    /// How long the start took, in milliseconds.
    pub(crate) millis: u128,
    /// When it was.
    pub(crate) started: Time,
}

impl Banner<'_> {
    /// The text; in colour if wanted.
    pub(crate) fn text(&self, colour: bool) -> String {
        let (bold, dim, off) = if colour { ("\x1b[1m", "\x1b[2m", "\x1b[0m") } else { ("", "", "") };
        let title = format!("{bold}NaruMQ {}{off} is ready after {} ms\n\n", env!("CARGO_PKG_VERSION"), self.millis);
        let lines = self.lines();
        let width = lines.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
        let line = |(name, value): (&str, String)| format!("  {dim}{name:width$}{off}  {value}\n");
        title + &lines.into_iter().map(line).collect::<String>()
    }

    fn lines(&self) -> Vec<(&'static str, String)> {
        let mut lines: Vec<(&'static str, String)> = Vec::new();
        for &(door, address) in self.addresses {
            let scheme = if door == "http" { "http://" } else { "" };
            match lines.last_mut().filter(|(name, _)| *name == door) {
                Some((_, addresses)) => *addresses += &format!("  {scheme}{address}"),
                None => lines.push((door, format!("{scheme}{address}"))),
            }
        }
        let durability = match self.config.durability {
            Durability::Fsync => "fsync: what is confirmed is on the disk",
            Durability::Os => "os: what is confirmed survives the process, not the machine",
        };
        let from = if self.config.allow_default_credentials { "from anywhere" } else { "from this machine only" };
        lines.push(("data", self.data.display().to_string()));
        lines.push(("durability", durability.into()));
        lines.push(("login", format!("guest / guest, {from}")));
        lines.push(("started", report::utc(self.started)));
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::ServeArgs;

    #[test]
    fn it_tells_ports_data_durability_and_time_in_one_column() {
        let config = Config::resolve(ServeArgs::default()).unwrap();
        let addresses = [
            ("amqp", "127.0.0.1:5672".parse().unwrap()),
            ("amqp", "[::1]:5672".parse().unwrap()),
            ("http", "127.0.0.1:15672".parse().unwrap()),
        ];
        let banner =
            Banner { config: &config, addresses: &addresses, data: Path::new("/d"), millis: 7, started: Time(0) };
        let text = banner.text(false);
        let expected = "\n\n  amqp        127.0.0.1:5672  [::1]:5672\n  http        http://127.0.0.1:15672\n  data        /d\n\
                        \x20 durability  fsync: what is confirmed is on the disk\n\
                        \x20 login       guest / guest, from this machine only\n\
                        \x20 started     1970-01-01T00:00:00.000Z\n";
        assert!(text.starts_with("NaruMQ ") && text.contains("is ready after 7 ms"));
        assert!(text.ends_with(expected), "{text}");
        assert!(banner.text(true).contains("\x1b[1mNaruMQ"));
    }
}
