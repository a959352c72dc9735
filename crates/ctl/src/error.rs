//! Why a command failed: the text for the standard error and the exit code.

use std::fmt::Display;
use std::io;

/// Wrong arguments.
pub(crate) const USAGE: u8 = 64;
/// Something asked for does not exist.
pub(crate) const DATA: u8 = 65;
/// The broker cannot be reached, or has no such thing.
pub(crate) const UNAVAILABLE: u8 = 69;
/// Something unexpected.
pub(crate) const SOFTWARE: u8 = 70;
/// The broker does not answer in time.
pub(crate) const TEMPORARY: u8 = 75;
/// The broker refuses the user.
pub(crate) const NO_PERMISSION: u8 = 77;

/// A failed command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The exit code.
    pub code: u8,
    /// What the standard error is to show, line ends included.
    pub text: String,
}

impl Failure {
    /// `Error: text`.
    pub(crate) fn new(code: u8, text: impl Display) -> Self {
        Self { code, text: format!("Error: {text}\n") }
    }

    /// `Error:` and the text on the next line.
    pub(crate) fn block(code: u8, text: impl Display) -> Self {
        Self { code, text: format!("Error:\n{text}\n") }
    }

    /// Output nobody reads any more is no error; any other that cannot be written is.
    pub(crate) fn output(error: &io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Self { code: 0, text: String::new() },
            _ => Self::new(SOFTWARE, format!("output: {error}")),
        }
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::output(&error)
    }
}
