//! Variable-length integers: seven bits a byte, low ones first, zigzag so that -1 is one byte.
//!
//! ```text
//!   0 → 00   -1 → 01   1 → 02   63 → 7e   -64 → 7f   64 → 80 01      at most 5 bytes for 32 bits, 10 for 64
//! ```
//! One and two bytes, nearly all there are, are read inline; the rest is out of the way.

/// Reads 32 bits at `at` and moves it behind them; none if they do not end, or have more than 32 bits.
#[inline(always)]
pub(super) fn read_i32(bytes: &[u8], at: &mut usize) -> Option<i32> {
    let first = *bytes.get(*at)?;
    if first < 0x80 {
        *at += 1;
        return Some(zigzag_32(u32::from(first)));
    }
    let second = *bytes.get(*at + 1)?;
    if second < 0x80 {
        *at += 2;
        return Some(zigzag_32(u32::from(first & 0x7f) | u32::from(second) << 7));
    }
    let raw = read_long(bytes, at, 5)?;
    u32::try_from(raw).ok().map(zigzag_32)
}

/// Reads 64 bits at `at` and moves it behind them; none if they do not end, or have more than 64 bits.
#[inline(always)]
pub(super) fn read_i64(bytes: &[u8], at: &mut usize) -> Option<i64> {
    let first = *bytes.get(*at)?;
    if first < 0x80 {
        *at += 1;
        return Some(zigzag_64(u64::from(first)));
    }
    read_long(bytes, at, 10).map(zigzag_64)
}

/// Up to `bytes_max` bytes, whatever their number.
#[inline(never)]
fn read_long(bytes: &[u8], at: &mut usize, bytes_max: usize) -> Option<u64> {
    let mut value = 0u64;
    for (place, byte) in bytes.get(*at..)?.iter().take(bytes_max).enumerate() {
        if place == 9 && *byte > 1 {
            return None;
        }
        value |= u64::from(byte & 0x7f) << (7 * place);
        if *byte < 0x80 {
            *at += place + 1;
            return Some(value);
        }
    }
    None
}

#[inline(always)]
fn zigzag_32(raw: u32) -> i32 {
    (raw >> 1) as i32 ^ -((raw & 1) as i32)
}

#[inline(always)]
fn zigzag_64(raw: u64) -> i64 {
    (raw >> 1) as i64 ^ -((raw & 1) as i64)
}

/// Appends a number; 32 bits are written like 64.
#[inline]
pub(super) fn write(out: &mut Vec<u8>, value: i64) {
    let mut raw = (value << 1 ^ value >> 63) as u64;
    while raw >= 0x80 {
        out.push(raw as u8 | 0x80);
        raw >>= 7;
    }
    out.push(raw as u8);
}

/// Bytes that [`write`] appends, 1 to 10.
#[inline]
pub(super) fn size(value: i64) -> usize {
    let raw = (value << 1 ^ value >> 63) as u64;
    (70 - (raw | 1).leading_zeros() as usize) / 7
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_every_size_come_back() {
        for value in (0..64).flat_map(|bit| [1i64 << bit, (1i64 << bit).wrapping_sub(1), -1i64 << bit, !(1i64 << bit)])
        {
            let mut out = Vec::new();
            write(&mut out, value);
            assert_eq!(out.len(), size(value), "{value}");
            let mut at = 0;
            assert_eq!((read_i64(&out, &mut at), at), (Some(value), out.len()));
            let (mut at, narrow) = (0, i32::try_from(value).ok());
            assert_eq!(read_i32(&out, &mut at), narrow, "{value}");
            for cut in 0..out.len() {
                assert_eq!((read_i64(&out[..cut], &mut 0), read_i32(&out[..cut], &mut 0)), (None, None));
            }
        }
    }

    #[test]
    fn a_number_that_is_too_long_is_none() {
        assert_eq!(read_i32(&[0x80, 0x80, 0x80, 0x80, 0x80, 0], &mut 0), None);
        assert_eq!(read_i32(&[0xff, 0xff, 0xff, 0xff, 0x10], &mut 0), None);
        assert_eq!(read_i32(&[0xff, 0xff, 0xff, 0xff, 0x0f], &mut 0), Some(i32::MIN));
        assert_eq!(read_i64(&[0xff; 11], &mut 0), None);
        assert_eq!(read_i64(&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2], &mut 0), None);
        assert_eq!(read_i32(&[0x82, 0], &mut 0), Some(1), "more bytes than needed are none of our business");
    }
}
