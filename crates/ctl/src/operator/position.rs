//! Places in topics as they are typed: `earliest`, `latest`, `offset:N`, `time:T`, `shift:N`.

use super::time;
use serde_json::{Value, json};

/// What help says of them.
pub(crate) const FORMS: &str = "\
A POSITION is earliest, latest, offset:N, or time:T, which is the first record of that time or later.
T is a date (2026-11-21, 2026-11-21T10:00, with seconds, fraction and offset if wanted; UTC without one),
milliseconds since 1970, or how long ago: -15m, -2h, -7d.";

/// A place in a topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Position {
    Earliest,
    Latest,
    Offset(u64),
    /// In milliseconds since the Unix epoch.
    Time(u64),
    /// So far from where a group is.
    Shift(i64),
}

impl Position {
    /// As the API takes it.
    pub(crate) fn json(self) -> Value {
        match self {
            Self::Earliest => "earliest".into(),
            Self::Latest => "latest".into(),
            Self::Offset(offset) => json!({ "offset": offset }),
            Self::Time(time) => json!({ "time": time }),
            Self::Shift(by) => json!({ "shift": by }),
        }
    }
}

/// Reads any position.
pub(crate) fn with_shift(text: &str) -> Result<Position, String> {
    read(text, time::now())
}

/// Reads a position that is not relative to a group.
pub(crate) fn absolute(text: &str) -> Result<Position, String> {
    match read(text, time::now())? {
        Position::Shift(_) => Err("a shift is from where a group is: only `narumq groups reset` takes it".into()),
        other => Ok(other),
    }
}

fn read(text: &str, now: u64) -> Result<Position, String> {
    let wrong = || "expected earliest, latest, offset:N, time:T or (for groups) shift:N".to_owned();
    let (word, value) = match text {
        "earliest" => return Ok(Position::Earliest),
        "latest" => return Ok(Position::Latest),
        _ => text.split_once([':', '=', ' ']).ok_or_else(wrong)?,
    };
    match word {
        "offset" => value.parse().map(Position::Offset).map_err(|_| format!("'{value}' is no offset")),
        "shift" => value.parse().map(Position::Shift).map_err(|_| format!("'{value}' is no number")),
        "time" => time::instant(value, now).map(Position::Time).ok_or_else(|| {
            format!("'{value}' is no time: expected a date such as 2026-11-21T10:00, milliseconds, or -15m")
        }),
        _ => Err(wrong()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_are_typed_in_several_ways() {
        for (text, position) in [
            ("earliest", Position::Earliest),
            ("latest", Position::Latest),
            ("offset:5", Position::Offset(5)),
            ("offset=5", Position::Offset(5)),
            ("offset 5", Position::Offset(5)),
            ("time:1970-01-01T00:00:01Z", Position::Time(1000)),
            ("time:-1s", Position::Time(4000)),
            ("shift:-10", Position::Shift(-10)),
            ("shift:+10", Position::Shift(10)),
        ] {
            assert_eq!(read(text, 5000), Ok(position), "{text}");
        }
        for bad in ["", "first", "offset", "offset:", "offset:-1", "time:later", "shift:x", "5"] {
            assert!(read(bad, 5000).is_err(), "{bad}");
        }
        assert!(absolute("shift:1").is_err() && with_shift("shift:1").is_ok());
    }
}
