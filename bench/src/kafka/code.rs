//! The error codes of the protocol that a load may meet, by name.

use crate::error::{Error, Result};

/// Errors that a person may meet, by code.
const NAMES: [(i16, &str); 16] = [
    (-1, "UNKNOWN_SERVER_ERROR"),
    (1, "OFFSET_OUT_OF_RANGE"),
    (2, "CORRUPT_MESSAGE"),
    (3, "UNKNOWN_TOPIC_OR_PARTITION"),
    (5, "LEADER_NOT_AVAILABLE"),
    (6, "NOT_LEADER_OR_FOLLOWER"),
    (7, "REQUEST_TIMED_OUT"),
    (10, "MESSAGE_TOO_LARGE"),
    (29, "TOPIC_AUTHORIZATION_FAILED"),
    (35, "UNSUPPORTED_VERSION"),
    (36, "TOPIC_ALREADY_EXISTS"),
    (37, "INVALID_PARTITIONS"),
    (40, "INVALID_CONFIG"),
    (44, "POLICY_VIOLATION"),
    (56, "KAFKA_STORAGE_ERROR"),
    (87, "INVALID_RECORD"),
];

/// An error if the code is none of "no error".
pub(crate) fn check(code: i16, what: &str) -> Result<()> {
    if code == 0 {
        return Ok(());
    }
    let name = NAMES.iter().find(|(known, _)| *known == code).map_or("error", |(_, name)| name);
    Err(Error::new(format!("{what}: {name} ({code})")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_told_by_name() {
        assert!(check(0, "all").is_ok());
        assert_eq!(check(7, "a produce").unwrap_err().to_string(), "a produce: REQUEST_TIMED_OUT (7)");
        assert_eq!(check(999, "a produce").unwrap_err().to_string(), "a produce: error (999)");
    }
}
