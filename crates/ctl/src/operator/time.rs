//! Instants as people write them, and spans as people read them.
//!
//! ```text
//! 2026-11-21   2026-11-21T10:00   2026-11-21T10:00:05.5Z   2026-11-21T10:00:00+02:00   1795256370000 (ms)   15m ago: -15m
//! ```

use std::time::{SystemTime, UNIX_EPOCH};

const SECOND: u64 = 1_000;
const MINUTE: u64 = 60 * SECOND;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// Now, in milliseconds since the Unix epoch.
pub(crate) fn now() -> u64 {
    #[allow(clippy::disallowed_methods, reason = "the command line turns \"15 minutes ago\" into an instant")]
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// An instant in milliseconds since the Unix epoch. Dates without an offset are UTC.
pub(crate) fn instant(text: &str, now: u64) -> Option<u64> {
    if let Some(ago) = text.strip_prefix('-') {
        return now.checked_sub(span(ago)?);
    }
    if text.bytes().all(|b| b.is_ascii_digit()) {
        return text.parse().ok();
    }
    date(text)
}

/// A span such as `500ms`, `90s`, `15m`, `2h`, `7d`, in milliseconds.
fn span(text: &str) -> Option<u64> {
    let end = text.find(|c: char| !c.is_ascii_digit())?;
    let unit = match &text[end..] {
        "ms" => 1,
        "s" => SECOND,
        "m" => MINUTE,
        "h" => HOUR,
        "d" => DAY,
        "w" => 7 * DAY,
        _ => return None,
    };
    text[..end].parse::<u64>().ok()?.checked_mul(unit)
}

fn date(text: &str) -> Option<u64> {
    let (day, rest) = text.split_at_checked(10)?;
    let day = days(number(day, 0..4)?, number(day, 5..7)?, number(day, 8..10)?)
        .filter(|_| day.as_bytes()[4] == b'-' && day.as_bytes()[7] == b'-')?;
    let rest = match rest.strip_prefix(['T', 't', ' ']) {
        None if rest.is_empty() => return day.checked_mul(DAY),
        rest => rest?,
    };
    let zone = rest.find(['Z', 'z', '+', '-']).unwrap_or(rest.len());
    let (clock, zone) = rest.split_at_checked(zone)?;
    let (clock, fraction) = clock.split_once('.').unwrap_or((clock, ""));
    let (hour, minute) = (number(clock, 0..2)?, number(clock, 3..5)?);
    let second = match clock.len() {
        5 => 0,
        8 if clock.as_bytes()[5] == b':' => number(clock, 6..8)?,
        _ => return None,
    };
    let fits = clock.as_bytes()[2] == b':' && hour < 24 && minute < 60 && second < 60;
    let millis = format!("{fraction:0<3}").get(..3)?.parse::<u64>().ok()?;
    let local = day.checked_mul(DAY)? + hour * HOUR + minute * MINUTE + second * SECOND + millis;
    let offset = match zone {
        "" | "Z" | "z" => 0,
        other => {
            let colon = other.len() == 6 && other.as_bytes()[3] == b':';
            colon.then(|| Some(number(other, 1..3)? * HOUR + number(other, 4..6)? * MINUTE))??
        }
    };
    let at = if zone.starts_with('-') { local.checked_add(offset) } else { local.checked_sub(offset) };
    at.filter(|_| fits)
}

fn number(text: &str, range: std::ops::Range<usize>) -> Option<u64> {
    let digits = text.get(range)?;
    if digits.bytes().all(|b| b.is_ascii_digit()) { digits.parse().ok() } else { None }
}

/// Days from 1970-01-01 to a date: years are made to begin in March, so that a leap day is a year's last.
fn days(year: u64, month: u64, day: u64) -> Option<u64> {
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let most = match month {
        2 => 28 + u64::from(leap),
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return None,
    };
    if !(1..=most).contains(&day) || year < 1970 {
        return None;
    }
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    Some(year * 365 + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + day - 1 - 719_468)
}

/// An instant as `2026-01-02T03:04:05.678Z`.
pub(crate) fn utc(millis: u64) -> String {
    let (day, rest) = (millis / DAY + 719_468, millis % DAY);
    let era = day / 146_097;
    let of_era = day % 146_097;
    let years = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * years + years / 4 - years / 100);
    let march = (5 * of_year + 2) / 153;
    let date = of_year - (153 * march + 2) / 5 + 1;
    let (month, january) = if march < 10 { (march + 3, 0) } else { (march - 9, 1) };
    let year = era * 400 + years + january;
    let (hour, minute, second) = (rest / HOUR, rest / MINUTE % 60, rest / SECOND % 60);
    format!("{year:04}-{month:02}-{date:02}T{hour:02}:{minute:02}:{second:02}.{:03}Z", rest % SECOND)
}

/// A span as people read it: its two largest units.
pub(crate) fn age(millis: u64) -> String {
    match millis {
        0..SECOND => format!("{millis}ms"),
        SECOND..MINUTE => format!("{}s", millis / SECOND),
        MINUTE..HOUR => format!("{}m{:02}s", millis / MINUTE, millis / SECOND % 60),
        HOUR..DAY => format!("{}h{:02}m", millis / HOUR, millis / MINUTE % 60),
        _ => format!("{}d{:02}h", millis / DAY, millis / HOUR % 24),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_have_several_forms() {
        for (text, expected) in [
            ("1970-01-01", 0),
            ("2000-03-01", 951_868_800_000),
            ("2024-02-29T12:30", 1_709_209_800_000),
            ("2026-11-21T10:19:30Z", 1_795_256_370_000),
            ("2026-11-21 10:19:30.25", 1_795_256_370_250),
            ("2026-11-21T12:19:30+02:00", 1_795_256_370_000),
            ("2026-11-21T08:49:30-01:30", 1_795_256_370_000),
            ("1795256370000", 1_795_256_370_000),
            ("-15m", 1_000_000_000 - 900_000),
            ("-500ms", 1_000_000_000 - 500),
        ] {
            assert_eq!(instant(text, 1_000_000_000), Some(expected), "{text}");
        }
        for bad in [
            "",
            "-",
            "now",
            "15m",
            "-15",
            "-15x",
            "2026-13-01",
            "2026-02-29",
            "2026-11-21T",
            "2026-11-21T25:00",
            "2026-11-21T10:60",
            "2026/11/21",
            "2026-11-21T10:00+2",
            "2026-11-21Tzz:zz",
            "1969-12-31",
            "-99999999w",
            "2026-11-2é",
        ] {
            assert_eq!(instant(bad, 1_000_000_000), None, "{bad}");
        }
    }

    #[test]
    fn what_is_written_is_read_back() {
        for millis in [0, 951_782_400_000, 951_868_799_999, 1_795_256_370_123, 4_102_444_799_000] {
            assert_eq!(instant(&utc(millis), 0), Some(millis));
        }
        assert_eq!(utc(1_795_256_370_123), "2026-11-21T10:19:30.123Z");
    }

    #[test]
    fn ages_show_two_units() {
        for (millis, text) in
            [(7, "7ms"), (59_999, "59s"), (61_000, "1m01s"), (3_661_000, "1h01m"), (90_000_000, "1d01h")]
        {
            assert_eq!(age(millis), text);
        }
    }
}
