//! Names of headers that are no text: the keys of record headers must be, so that these are spelt out.
//! They are told apart from names that look like it.
//!
//! ```text
//!   caf\xe9          ─►  x-name%caf%E9           printable ASCII but `%` as it is, all else as `%` and two digits
//!   x-name%caf%E9    ─►  x-name%x-name%25caf%25E9
//! ```

use std::borrow::Cow;

const MARK: &[u8] = b"x-name%";
/// Names longer than this are not spelt out because of what they look like, so that looking costs little.
const LOOKED_AT_MAX: usize = 4096;

/// The key under which a header of this name travels, if it is another one.
pub(super) fn spelt(name: &[u8]) -> Option<String> {
    let needed = std::str::from_utf8(name).is_err() || looks_spelt(name);
    needed.then(|| spell(name))
}

/// The name behind a key.
pub(super) fn name(key: &[u8]) -> Cow<'_, [u8]> {
    match read(key) {
        Some(name) if std::str::from_utf8(&name).is_err() || looks_spelt(&name) => Cow::Owned(name),
        _ => Cow::Borrowed(key),
    }
}

/// Whether a key, undone as often as it can be, ends at a name that is no text.
fn looks_spelt(key: &[u8]) -> bool {
    if !key.starts_with(MARK) || key.len() > LOOKED_AT_MAX {
        return false;
    }
    let mut key = Cow::Borrowed(key);
    while let Some(name) = read(&key) {
        if std::str::from_utf8(&name).is_err() {
            return true;
        }
        key = Cow::Owned(name);
    }
    false
}

fn spell(name: &[u8]) -> String {
    let mut key = String::from_utf8_lossy(MARK).into_owned();
    for byte in name {
        match byte {
            0x21..=0x7e if *byte != b'%' => key.push(char::from(*byte)),
            _ => super::put(&mut key, format_args!("%{byte:02X}")),
        }
    }
    key
}

/// Undoes [`spell`]; none if the key is not just what it makes.
fn read(key: &[u8]) -> Option<Vec<u8>> {
    let mut rest = key.strip_prefix(MARK)?;
    let mut name = Vec::with_capacity(rest.len());
    while let [byte, behind @ ..] = rest {
        rest = behind;
        if *byte != b'%' {
            matches!(byte, 0x21..=0x7e).then_some(())?;
            name.push(*byte);
            continue;
        }
        let (digits, behind) = rest.split_first_chunk::<2>()?;
        let byte = digit(digits[0])? << 4 | digit(digits[1])?;
        (!matches!(byte, 0x21..=0x7e) || byte == b'%').then_some(())?;
        name.push(byte);
        rest = behind;
    }
    Some(name)
}

fn digit(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_that_are_no_text_are_spelt_out() {
        assert_eq!(spelt(b"caf\xe9 %").as_deref(), Some("x-name%caf%E9%20%25"));
        assert_eq!(spelt(b"x-name%caf%E9").as_deref(), Some("x-name%x-name%25caf%25E9"));
        for plain in ["", "n", "grüße", "x-name%", "x-name%abc", "x-name%e9", "x-name%e", "100%"] {
            assert_eq!(spelt(plain.as_bytes()), None, "{plain}");
            assert_eq!(name(plain.as_bytes()), plain.as_bytes());
        }
    }

    proptest! {
        #[test]
        fn every_name_comes_back(
            marks in 0usize..3, bytes in proptest::collection::vec(prop_oneof![any::<u8>(), Just(b'%'), Just(b'E')], 0..12),
            spellings in 0usize..3,
        ) {
            let mut plain = [&MARK.repeat(marks), &bytes[..]].concat();
            for _ in 0..spellings {
                plain = spell(&plain).into_bytes();
            }
            let key = spelt(&plain).map_or(plain.clone(), String::into_bytes);
            prop_assert!(std::str::from_utf8(&key).is_ok());
            prop_assert_eq!(&name(&key)[..], &plain[..]);
            // And the other way: whatever key a client chooses.
            let behind = name(&plain).into_owned();
            if std::str::from_utf8(&plain).is_ok() {
                prop_assert_eq!(spelt(&behind).map_or(behind, String::into_bytes), plain);
            }
        }
    }
}
