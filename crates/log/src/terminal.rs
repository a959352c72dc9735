//! How a log ends for good while its process runs.

use narumq_model::Epoch;
use std::fmt;

/// Why nothing more becomes durable. Whoever waits for the log is not answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Terminal {
    /// A write or a sync has failed, and why: a second sync after an error proves nothing.
    Failed(String),
    /// The log goes on elsewhere in this later epoch: nothing may be answered in its name here.
    Fenced(Epoch),
}

impl fmt::Display for Terminal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failed(why) => f.write_str(why),
            Self::Fenced(by) => write!(f, "fenced: the log goes on elsewhere in epoch {by}"),
        }
    }
}
