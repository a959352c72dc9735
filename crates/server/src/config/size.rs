//! Sizes as people write them: 4096, 512KiB, 2GB.

use serde::Deserialize;
use std::str::FromStr;

/// A number of bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Written")]
pub(crate) struct Size(pub(crate) u64);

const UNITS: [(&str, u64); 9] = [
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("TiB", 1 << 40),
    ("KB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("TB", 1_000_000_000_000),
    ("B", 1),
];

impl FromStr for Size {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        let (number, unit) = text.split_at(digits);
        let unit = unit.trim_start();
        let factor = match UNITS.iter().find(|(name, _)| name.eq_ignore_ascii_case(unit)) {
            Some((_, factor)) => *factor,
            None if unit.is_empty() && digits == text.len() => 1,
            None => return Err("expected a size as 4096, 512KiB or 2GB".into()),
        };
        let number: Option<u64> = number.parse().ok();
        number
            .and_then(|n| n.checked_mul(factor))
            .map(Self)
            .ok_or_else(|| "expected a size as 4096, 512KiB or 2GB".into())
    }
}

#[derive(Deserialize)]
#[serde(untagged, expecting = "a number of bytes, or a size as \"512MiB\"")]
enum Written {
    Bytes(u64),
    Text(String),
}

impl TryFrom<Written> for Size {
    type Error = String;

    fn try_from(written: Written) -> Result<Self, Self::Error> {
        match written {
            Written::Bytes(bytes) => Ok(Self(bytes)),
            Written::Text(text) => text.parse(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_with_and_without_a_unit() {
        let bytes = |text: &str| text.parse::<Size>().map(|size| size.0).ok();
        assert_eq!(bytes("4096"), Some(4096));
        assert_eq!(bytes("512KiB"), Some(512 << 10));
        assert_eq!(bytes("128mib"), Some(128 << 20));
        assert_eq!(bytes("2 GB"), Some(2_000_000_000));
        assert_eq!(bytes("0B"), Some(0));
        for wrong in ["", "KiB", "-1", "1.5GiB", "12X", "99999999999999999999", "18446744073709551615KiB"] {
            assert_eq!(bytes(wrong), None, "{wrong:?}");
        }
    }
}
