//! Values of the API as cells of tables.

use super::table::plain;
use super::time;
use serde_json::Value;

/// The items of a list; nothing if it is none.
pub(crate) fn items(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

/// Text as it is, numbers in digits, nothing as a dash.
pub(crate) fn cell(value: &Value) -> String {
    match value {
        Value::Null => "-".into(),
        Value::String(text) => plain(text),
        other => other.to_string(),
    }
}

/// Bytes with the unit that fits.
pub(crate) fn bytes(value: &Value) -> String {
    let Some(bytes) = value.as_u64() else { return cell(value) };
    let (mut rest, mut unit) = (bytes as f64, "B");
    for next in ["KiB", "MiB", "GiB", "TiB"] {
        if rest < 1024.0 {
            break;
        }
        (rest, unit) = (rest / 1024.0, next);
    }
    if unit == "B" { format!("{bytes} B") } else { format!("{rest:.1} {unit}") }
}

/// The age of what is oldest: `~` where it is estimated, a dash where there is nothing.
pub(crate) fn oldest(object: &Value) -> String {
    match object["oldest_age_ms"].as_u64() {
        None => "-".into(),
        Some(millis) => {
            let about = if object["oldest_age_exact"] == false { "~" } else { "" };
            format!("{about}{}", time::age(millis))
        }
    }
}

/// An instant in milliseconds, as a date.
pub(crate) fn instant(value: &Value) -> String {
    value.as_u64().map_or_else(|| "-".into(), time::utc)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn sizes_and_ages_are_readable() {
        for (value, text) in [(0_u64, "0 B"), (1023, "1023 B"), (1536, "1.5 KiB"), (3_221_225_472_u64, "3.0 GiB")] {
            assert_eq!(bytes(&json!(value)), text);
        }
        assert_eq!(oldest(&json!({"oldest_age_ms": 61_000, "oldest_age_exact": false})), "~1m01s");
        assert_eq!(oldest(&json!({"oldest_age_ms": null, "oldest_age_exact": true})), "-");
        assert_eq!(cell(&json!("a\nb")), "a\u{fffd}b");
    }
}
