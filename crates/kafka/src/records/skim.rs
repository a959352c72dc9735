//! The quick look at a record: its parts fit each other, and what the check of a batch wants to know of it.
//!
//! ```text
//!   one word of 8 bytes:   length │ attributes │ timestamp delta │ offset delta │ key length │ …
//!                          1 to 3 │     1      │     1 to 3      │    1 to 3    │   1 to 3   │   at most 8 together
//!   one word of 4 bytes:   value length (1 to 3) │ …     behind the key
//!   one byte:              00, no headers                behind the value, and the last of the record
//! ```
//! Nearly all records are so. All others, and those within the last bytes of a batch, are read in full, as are bad ones:
//! that way says what is wrong.

use super::error::RecordFault;
use super::walk::read_record;

/// What the check of a batch wants to know of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Skimmed {
    pub timestamp_delta: i64,
    pub offset_delta: i32,
    pub keyless: bool,
    /// Where the next record is.
    pub end: usize,
}

/// Looks at the record at `at`, the one of this index in its batch.
#[inline(always)]
pub(super) fn skim_record(section: &[u8], at: usize, index: i32) -> Result<Skimmed, RecordFault> {
    match skim(section, at, index) {
        Some(skimmed) => Ok(skimmed),
        None => read_in_full(section, at),
    }
}

#[cold]
#[inline(never)]
fn read_in_full(section: &[u8], at: usize) -> Result<Skimmed, RecordFault> {
    let mut end = at;
    let record = read_record(section, &mut end)?;
    let (timestamp_delta, offset_delta) = (record.timestamp_delta, record.offset_delta);
    Ok(Skimmed { timestamp_delta, offset_delta, keyless: record.key.is_none(), end })
}

/// The record at `at`; none if it is not one of the usual kind, or its offset delta is not its index.
#[inline(always)]
fn skim(section: &[u8], at: usize, index: i32) -> Option<Skimmed> {
    let word = u64::from_le_bytes(*section.get(at..)?.first_chunk()?);
    let (length, length_bits) = short(word as u32)?;
    let word = word >> (length_bits + 8);
    let (timestamp_delta, timestamp_bits) = short(word as u32)?;
    let word = word >> timestamp_bits;
    let (offset_delta, offset_bits) = short(word as u32)?;
    let word = word >> offset_bits;
    let (key_length, key_bits) = short(word as u32)?;
    let bits = length_bits + 8 + timestamp_bits + offset_bits + key_bits;
    // What was shifted in from above the eighth byte is not there; no length but that of a null is below 0.
    let keyless = key_length == NULL;
    if bits > 64 || offset_delta != (index as u32) << 1 || length & 1 != 0 || (key_length & 1 != 0 && !keyless) {
        return None;
    }
    let end = at + (length_bits / 8 + (length >> 1)) as usize;
    let value_at = at + (bits / 8 + (key_length >> 1)) as usize;
    let (value_length, value_bits) = short(u32::from_le_bytes(*section.get(value_at..)?.first_chunk()?))?;
    if value_length & 1 != 0 && value_length != NULL {
        return None;
    }
    let headers_at = value_at + (value_bits / 8 + (value_length >> 1)) as usize;
    if headers_at + 1 != end || *section.get(headers_at)? != 0 {
        return None;
    }
    Some(Skimmed { timestamp_delta: i64::from(zigzag(timestamp_delta)), offset_delta: index, keyless, end })
}

/// A length of -1.
const NULL: u32 = 1;

/// A number of at most three bytes, before its zigzag, and its bits.
#[inline(always)]
fn short(word: u32) -> Option<(u32, u32)> {
    let (low, middle, high) = (word & 0x7f, word >> 1 & 0x3f80, word >> 2 & 0x1f_c000);
    if word & 0x80 == 0 {
        Some((low, 8))
    } else if word & 0x8000 == 0 {
        Some((low | middle, 16))
    } else if word & 0x80_0000 == 0 {
        Some((low | middle | high, 24))
    } else {
        None
    }
}

#[inline(always)]
fn zigzag(raw: u32) -> i32 {
    (raw >> 1) as i32 ^ -((raw & 1) as i32)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::records::varint::write;
    use proptest::prelude::*;

    fn number() -> impl Strategy<Value = i64> {
        prop_oneof![-3i64..70, -100i64..200, -9000i64..9000, -3_000_000i64..3_000_000]
    }

    /// A record of these parts; lengths may lie, and some bytes may follow it.
    fn record(parts: &[i64], key: Option<usize>, value: usize, behind: &[u8]) -> Vec<u8> {
        let mut body = vec![parts[0] as u8];
        write(&mut body, parts[1]);
        write(&mut body, parts[2]);
        write(&mut body, key.map_or(-1, |key| key as i64));
        body.extend(vec![7; key.unwrap_or(0)]);
        write(&mut body, value as i64 + parts[3]);
        body.extend(vec![8; value]);
        write(&mut body, parts[4]);
        let mut out = Vec::new();
        write(&mut out, body.len() as i64 + parts[5]);
        out.extend(body);
        out.extend(behind);
        out
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 3000, ..ProptestConfig::default() })]

        #[test]
        fn a_quick_look_sees_what_reading_sees(
            attributes in 0i64..3, numbers in (number(), number()),
            key in proptest::option::of(0usize..9000), value in 0usize..200,
            lies in (prop_oneof![8 => Just(0i64), 1 => -3i64..3], prop_oneof![8 => Just(0i64), 1 => -1i64..3],
                prop_oneof![8 => Just(0i64), 1 => -3i64..3]),
            behind in proptest::collection::vec(any::<u8>(), 0..12), cut in 0usize..14, guess in any::<bool>(),
        ) {
            let key = key.map(|key| if key % 3 == 0 { key } else { key % 70 });
            let parts = [attributes, numbers.0, numbers.1, lies.0, lies.1, lies.2];
            let mut bytes = record(&parts, key, value, &behind);
            bytes.truncate(bytes.len() - cut.min(bytes.len()).saturating_sub(7));
            let (read, index) = (read_in_full(&bytes, 0), if guess { numbers.1 as i32 } else { 7 });
            prop_assert_eq!(skim_record(&bytes, 0, index), read);
            match skim(&bytes, 0, index) {
                Some(skimmed) => prop_assert_eq!(Ok(skimmed), read),
                None => {
                    let whole = lies == (0, 0, 0) && cut <= 7 && key.unwrap_or(0) + value > 3 && value + behind.len() > 3;
                    let short = numbers.0.abs() < 60 && (0..60).contains(&numbers.1) && key.is_none_or(|key| key < 60);
                    prop_assert!(!(guess && whole && short), "a usual record was read in full");
                }
            }
        }
    }
}
