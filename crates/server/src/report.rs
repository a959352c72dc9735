//! What is said on stderr: one line each, with a time and a level, in colour on a terminal only.
//!
//! ```text
//! 2026-01-02T03:04:05.678Z warn  no new connections for a moment: Too many open files
//! ```

use crate::system;
use narumq_model::Time;
use std::fmt::{self, Display};
use std::io::{IsTerminal, Write};

/// How much is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Level {
    /// Only what ends the broker.
    Error,
    /// And what an operator should look at.
    Warn,
    /// And what happens.
    Info,
    /// And what helps to find a fault.
    Debug,
}

/// Says things of a level and those more important.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Report {
    level: Level,
    colour: bool,
}

impl Report {
    /// Says what is at least as important as `level`.
    pub(crate) fn new(level: Level) -> Self {
        Self { level, colour: colours(&std::io::stderr()) }
    }

    /// Something to look at.
    pub(crate) fn warn(&self, what: fmt::Arguments<'_>) {
        self.say(Level::Warn, what);
    }

    /// Something that happened.
    pub(crate) fn info(&self, what: fmt::Arguments<'_>) {
        self.say(Level::Info, what);
    }

    /// Something that helps to find a fault.
    pub(crate) fn debug(&self, what: fmt::Arguments<'_>) {
        self.say(Level::Debug, what);
    }

    fn say(&self, level: Level, what: fmt::Arguments<'_>) {
        if level <= self.level {
            let line = self.line(level, what, system::wall_clock());
            // Nobody may be listening any more; the broker goes on.
            let _ = std::io::stderr().lock().write_all(line.as_bytes());
        }
    }

    fn line(&self, level: Level, what: fmt::Arguments<'_>, now: Time) -> String {
        let (name, colour) = match level {
            Level::Error => ("error", "\x1b[31m"),
            Level::Warn => ("warn ", "\x1b[33m"),
            Level::Info => ("info ", "\x1b[32m"),
            Level::Debug => ("debug", "\x1b[2m"),
        };
        let (on, off) = if self.colour { (colour, "\x1b[0m") } else { ("", "") };
        format!("{} {on}{name}{off} {what}\n", utc(now))
    }
}

/// Says why the program ends.
pub(crate) fn fatal(error: &dyn Display) {
    let (on, off) = if colours(&std::io::stderr()) { ("\x1b[31m", "\x1b[0m") } else { ("", "") };
    let _ = writeln!(std::io::stderr(), "narumq: {on}error:{off} {error}");
}

/// Whether this output is a terminal whose user has nothing against colours.
pub(crate) fn colours(output: &impl IsTerminal) -> bool {
    output.is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// An instant as `2026-01-02T03:04:05.678Z`.
pub(crate) fn utc(time: Time) -> String {
    let (days, millis) = (time.0 / 86_400_000, time.0 % 86_400_000);
    let (hour, minute, second) = (millis / 3_600_000, millis / 60_000 % 60, millis / 1000 % 60);
    let (year, month, day) = date(days);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{:03}Z", millis % 1000)
}

/// The date of a day counted from 1970-01-01: years are made to begin in March, so that a leap day is a year's last.
fn date(days: u64) -> (u64, u64, u64) {
    // 719,468 days lie between 0000-03-01 and 1970-01-01; 400 years are always 146,097.
    let shifted = days + 719_468;
    let (era, of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    (era * 400 + year_of_era + u64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_are_written_as_everyone_does() {
        assert_eq!(utc(Time(0)), "1970-01-01T00:00:00.000Z");
        assert_eq!(utc(Time(951_782_400_000)), "2000-02-29T00:00:00.000Z");
        assert_eq!(utc(Time(1_767_323_045_678)), "2026-01-02T03:04:05.678Z");
        assert_eq!(utc(Time(4_107_542_399_999)), "2100-02-28T23:59:59.999Z");
        assert_eq!(utc(Time(4_107_542_400_000)), "2100-03-01T00:00:00.000Z");
    }

    #[test]
    fn a_line_has_colours_only_where_they_are_wanted() {
        let plain = Report { level: Level::Info, colour: false };
        let line = plain.line(Level::Warn, format_args!("look"), Time(0));
        assert_eq!(line, "1970-01-01T00:00:00.000Z warn  look\n");
        let coloured = Report { colour: true, ..plain };
        assert!(coloured.line(Level::Warn, format_args!("look"), Time(0)).contains("\x1b[33mwarn \x1b[0m look"));
    }
}
