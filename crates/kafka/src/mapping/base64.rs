//! Base64 with padding (RFC 4648 §4), for bytes inside of JSON texts.
//!
//! ```text
//!   3 bytes  aaaaaaaa bbbbbbbb cccccccc   ─►   aaaaaa aabbbb bbbbcc cccccc  4 letters, `=` for those without a byte
//! ```

const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Appends the letters of these bytes.
pub(super) fn write(bytes: &[u8], out: &mut String) {
    for group in bytes.chunks(3) {
        let number = group.iter().chain(&[0, 0]).take(3).fold(0u32, |number, byte| number << 8 | u32::from(*byte));
        for place in 0..4 {
            let letter = LETTERS[(number >> (18 - 6 * place) & 63) as usize];
            out.push(if place <= group.len() { char::from(letter) } else { '=' });
        }
    }
}

/// The bytes of these letters; none if they are not what [`write`] makes.
pub(super) fn read(letters: &str) -> Option<Vec<u8>> {
    let digits = letters.trim_end_matches('=');
    if !letters.len().is_multiple_of(4) || letters.len() - digits.len() > 2 {
        return None;
    }
    let mut bytes = Vec::with_capacity(letters.len() / 4 * 3);
    for group in digits.as_bytes().chunks(4) {
        let number = group.iter().try_fold(0u32, |number, letter| Some(number << 6 | value(*letter)?))?;
        let number = number << (6 * (4 - group.len()));
        let three = &number.to_be_bytes()[1..];
        let (made, unused) = three.split_at(group.len() - 1);
        if unused.iter().any(|byte| *byte != 0) {
            return None;
        }
        bytes.extend_from_slice(made);
    }
    Some(bytes)
}

fn value(letter: u8) -> Option<u32> {
    Some(u32::from(match letter {
        b'A'..=b'Z' => letter - b'A',
        b'a'..=b'z' => letter - b'a' + 26,
        b'0'..=b'9' => letter - b'0' + 52,
        b'+' => 62,
        b'/' => 63,
        _ => return None,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_come_back() {
        let made = |bytes: &[u8]| {
            let mut out = String::new();
            write(bytes, &mut out);
            out
        };
        for (bytes, letters) in [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foobar", "Zm9vYmFy")] {
            assert_eq!(made(bytes.as_bytes()), letters);
        }
        for len in 0..70u8 {
            let bytes: Vec<u8> = (0..len).map(|n| n.wrapping_mul(97) ^ len).collect();
            assert_eq!(read(&made(&bytes)), Some(bytes));
        }
        for wrong in ["Z", "Zg", "Zg=", "Zg===", "Z===", "====", "Zh==", "Zm9=", "Z!==", "Zg==Zg=="] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }
}
