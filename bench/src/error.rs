//! Why a run could not be carried out: one sentence for the person at the terminal.

use std::fmt;
use std::io;

/// A failure of the run itself (a broker that refuses, a socket that breaks, a count that stalls).
#[derive(Debug)]
pub(crate) struct Error(String);

impl Error {
    /// A failure told in one sentence.
    pub(crate) fn new(text: impl Into<String>) -> Error {
        Error(text.into())
    }

    /// An input/output failure with what was being done.
    pub(crate) fn io(what: impl fmt::Display, source: io::Error) -> Error {
        Error(format!("{what}: {source}"))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl From<io::Error> for Error {
    fn from(source: io::Error) -> Error {
        Error(source.to_string())
    }
}

/// What every step of a run returns.
pub(crate) type Result<T> = std::result::Result<T, Error>;
