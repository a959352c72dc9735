//! Floating point numbers as the tables show them: the shortest digits, with an exponent where that is shorter.

/// Always with a point: `1.0`, `0.1`, `1.0e20`, `-2.5e-5`.
pub(crate) fn show(number: f64) -> String {
    // Rust gives the shortest digits that read back as the same number: d.ddde±x.
    let scientific = format!("{number:e}");
    let Some((mantissa, exponent)) = scientific.split_once('e') else { return scientific };
    let (sign, mantissa) = mantissa.strip_prefix('-').map_or(("", mantissa), |rest| ("-", rest));
    let digits = mantissa.replace('.', "");
    let exponent: i64 = exponent.parse().unwrap_or(0);
    format!("{sign}{}", place(&digits, exponent + 1))
}

/// Sets the point behind `place` digits, or writes an exponent if that takes fewer characters.
fn place(digits: &str, place: i64) -> String {
    let length = digits.len() as i64;
    let exponent = (place - 1).to_string();
    let cost = exponent.len() as i64 + 1 + if length == 1 { 2 } else { 1 };
    let zeros = |count: i64| "0".repeat(usize::try_from(count).unwrap_or(0));
    let with_exponent = || match digits.split_at(1) {
        (first, "") => format!("{first}.0e{exponent}"),
        (first, rest) => format!("{first}.{rest}e{exponent}"),
    };
    match place {
        0 => format!("0.{digits}"),
        place if place < 0 && 2 - place <= cost => format!("0.{}{digits}", zeros(-place)),
        place if place >= length && place - length + 2 <= cost => format!("{digits}{}.0", zeros(place - length)),
        place if place < 0 || place >= length => with_exponent(),
        place => {
            let (before, after) = digits.split_at(usize::try_from(place).unwrap_or(0));
            format!("{before}.{after}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::show;

    #[test]
    fn numbers_are_shown_as_the_original_shows_them() {
        for (number, text) in [
            (1e20, "1.0e20"),
            (1.0, "1.0"),
            (1e-7, "1.0e-7"),
            (123_456_789.125, "123456789.125"),
            (1e16, "1.0e16"),
            (1.5e300, "1.5e300"),
            (0.1, "0.1"),
            (-2.5e-5, "-2.5e-5"),
            (100.0, "100.0"),
            (0.01, "0.01"),
            (0.85, "0.85"),
            (0.0, "0.0"),
            (-1.5, "-1.5"),
        ] {
            assert_eq!(show(number), text);
        }
    }
}
