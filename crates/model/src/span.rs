//! Spans of time as people write them: a number and a unit, such as `7D`.

/// Units, in seconds, the longest first.
const UNITS: [(char, u64); 6] =
    [('Y', 365 * 86_400), ('M', 30 * 86_400), ('D', 86_400), ('h', 3600), ('m', 60), ('s', 1)];

/// The span that a text names, in milliseconds: digits and `Y`, `M` (30 days), `D`, `h`, `m` or `s`.
pub fn parse(text: &str) -> Option<u64> {
    let unit = text.chars().next_back()?;
    let seconds = UNITS.iter().find(|(letter, _)| *letter == unit)?.1;
    let number = &text[..text.len() - 1];
    if number.is_empty() || !number.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    number.parse::<u64>().ok()?.checked_mul(seconds * 1000)
}

/// A span, in milliseconds, in the longest unit that fits; parts of a second count as a whole one.
pub fn text(millis: u64) -> String {
    let seconds = millis.div_ceil(1000);
    let fits = |(_, length): &&(char, u64)| seconds > 0 && seconds.is_multiple_of(*length);
    let (letter, length) = UNITS.iter().find(fits).copied().unwrap_or(('s', 1));
    format!("{}{letter}", seconds / length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        for span in ["1Y", "2M", "7D", "5h", "90m", "59s", "0s"] {
            assert_eq!(text(parse(span).expect("a span")), span);
        }
        assert_eq!((parse("24h"), text(86_400_000)), (Some(86_400_000), "1D".into()));
        assert_eq!(text(1), "1s");
        for wrong in ["", "7", "D", "7d", "-1h", "1.5h", "7 D", "99999999999999999999Y", "7나"] {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
    }
}
