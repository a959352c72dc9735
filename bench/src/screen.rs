//! The progress line: on standard error, only while that is a terminal.

use std::io::{IsTerminal, Write, stderr};

/// Where progress is shown.
pub(crate) struct Screen {
    shown: bool,
}

impl Screen {
    /// Shows nothing if `quiet` or if standard error is no terminal.
    pub(crate) fn new(quiet: bool) -> Screen {
        Screen { shown: !quiet && stderr().is_terminal() }
    }

    /// Replaces the line.
    pub(crate) fn show(&self, text: &str) {
        if self.shown {
            let mut out = stderr().lock();
            // A terminal that has gone away is no failure of the run.
            let _ = write!(out, "\r\x1b[K{text}").and_then(|()| out.flush());
        }
    }

    /// Removes the line.
    pub(crate) fn clear(&self) {
        self.show("");
    }
}
