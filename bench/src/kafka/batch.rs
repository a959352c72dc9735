//! Record batches: encoded once and sent again and again; of what is fetched only the heads are walked.
//!
//! ```text
//!  0            8              12        16       17     21           23               27
//! +------------+--------------+---------+--------+------+------------+----------------+---
//! | baseOffset | batchLength  | leader  | magic  | crc  | attributes | lastOffset     | ..
//! | i64        | i32, from 12 | epoch   | i8 = 2 | u32  | i16        | Delta i32      |
//! +------------+--------------+---------+--------+------+------------+----------------+---
//!  27               35              43           51              53             57      61
//! +----------------+---------------+------------+---------------+--------------+-------+---
//! | baseTimestamp  | maxTimestamp  | producerId | producerEpoch | baseSequence | count | records
//! +----------------+---------------+------------+---------------+--------------+-------+---
//! the crc (CRC-32C) covers everything from the attributes on, so neither base offset nor epoch
//! ```

use crate::error::{Error, Result};

/// Octets before the records.
pub(crate) const HEAD: usize = 61;
/// Octets before the crc's cover begins.
const CRC_COVER: usize = 21;
/// Octets of a head that say where the next batch begins and which offset it has.
const WALKED: usize = 27;

/// A batch of `count` records whose values have `size` octets, stamped with one time (milliseconds since 1970).
pub(crate) fn encode(count: usize, size: usize, time_ms: i64) -> Vec<u8> {
    let mut out = vec![0; HEAD];
    let mut noise = Noise(0x9e37_79b9_7f4a_7c15);
    for delta in 0..count {
        put_record(&mut out, delta, size, &mut noise);
    }
    let length = (out.len() - 12) as i32;
    out[8..12].copy_from_slice(&length.to_be_bytes());
    out[12..16].copy_from_slice(&(-1i32).to_be_bytes());
    out[16] = 2;
    out[23..27].copy_from_slice(&(count as i32 - 1).to_be_bytes());
    out[27..35].copy_from_slice(&time_ms.to_be_bytes());
    out[35..43].copy_from_slice(&time_ms.to_be_bytes());
    // No producer id, epoch or sequence.
    out[43..57].fill(0xff);
    out[57..61].copy_from_slice(&(count as i32).to_be_bytes());
    let crc = crc_of(&out);
    out[17..21].copy_from_slice(&crc.to_be_bytes());
    out
}

/// How many records of `size` octets a batch of at most `octets` holds; at least one.
pub(crate) fn records_in(octets: usize, size: usize) -> usize {
    let mut noise = Noise(1);
    let mut out = vec![0; HEAD];
    let mut count = 0;
    // Later records are no shorter than the first, so this ends soon enough.
    while out.len() <= octets && count <= octets / size.max(1) {
        put_record(&mut out, count, size, &mut noise);
        count += 1;
    }
    if out.len() > octets { count.saturating_sub(1).max(1) } else { count.max(1) }
}

/// length | attributes | timestamp delta | offset delta | key length | value length | value | headers
fn put_record(out: &mut Vec<u8>, delta: usize, size: usize, noise: &mut Noise) {
    let mut head = vec![0, 0];
    put_zigzag(&mut head, delta as i64);
    put_zigzag(&mut head, -1);
    put_zigzag(&mut head, size as i64);
    put_zigzag(out, (head.len() + size + 1) as i64);
    out.extend(&head);
    let end = out.len() + size;
    while out.len() < end {
        let octets = noise.next().to_le_bytes();
        let left = end - out.len();
        out.extend(&octets[..left.min(8)]);
    }
    out.push(0);
}

/// A signed varint, zigzag-coded.
fn put_zigzag(out: &mut Vec<u8>, value: i64) {
    let mut value = ((value << 1) ^ (value >> 63)) as u64;
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Octets that do not compress: a broker that tries gains nothing.
struct Noise(u64);

impl Noise {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }
}

/// The CRC-32C of a whole batch.
pub(crate) fn crc_of(batch: &[u8]) -> u32 {
    crc_fast::checksum(crc_fast::CrcAlgorithm::Crc32Iscsi, &batch[CRC_COVER..]) as u32
}

/// Base offset, whole length and last offset delta of the batch at the front; `None` if its head is not all there.
#[inline]
pub(crate) fn head(bytes: &[u8]) -> Option<(i64, usize, i32)> {
    let head = bytes.first_chunk::<WALKED>()?;
    let base = i64::from_be_bytes(*head.first_chunk()?);
    let length = i32::from_be_bytes(*head[8..].first_chunk()?);
    let delta = i32::from_be_bytes(*head[23..].first_chunk()?);
    Some((base, usize::try_from(length).ok()?.checked_add(12)?, delta))
}

/// What a walk over fetched batches found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Walked {
    /// The offset after the last record.
    pub(crate) next: i64,
    pub(crate) records: u64,
    pub(crate) batches: u64,
    /// Octets of whole batches.
    pub(crate) octets: usize,
}

/// Walks whole batches from the one that holds the offset `wanted` on. A broker may cut the last one off. An error if an
/// offset is left out or comes twice.
#[inline]
pub(crate) fn walk(mut bytes: &[u8], wanted: i64) -> Result<Walked> {
    let mut walked = Walked { next: wanted, ..Walked::default() };
    while let Some((base, length, delta)) = head(bytes) {
        if length < HEAD || delta < 0 {
            return Err(Error::new(format!("the batch at offset {base} has no sensible head")));
        }
        let Some(rest) = bytes.get(length..) else { break };
        let next = base + i64::from(delta) + 1;
        // Only the first may begin before what was asked for.
        let fits = if walked.batches == 0 { base <= wanted && wanted < next } else { base == walked.next };
        if !fits {
            return Err(Error::new(format!("offset {} was due, a batch of {base} to {} came", walked.next, next - 1)));
        }
        walked.records += (next - walked.next) as u64;
        walked.next = next;
        walked.batches += 1;
        walked.octets += length;
        bytes = rest;
    }
    Ok(walked)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A batch of so many records from this offset on.
    fn at(base: i64, count: usize) -> Vec<u8> {
        let mut batch = encode(count, 10, 5);
        batch[..8].copy_from_slice(&base.to_be_bytes());
        batch
    }

    #[test]
    fn a_batch_of_one_record_is_as_the_format_has_it() {
        let batch = encode(1, 3, 0x0102);
        assert_eq!(batch.len(), HEAD + 10);
        assert_eq!(batch[8..17], [0, 0, 0, 59, 255, 255, 255, 255, 2]);
        assert_eq!(u32::from_be_bytes(*batch[17..].first_chunk().unwrap()), crc_of(&batch));
        assert_eq!(batch[21..27], [0; 6]);
        assert_eq!((batch[33], batch[34], batch[41], batch[42]), (1, 2, 1, 2));
        assert_eq!(batch[43..61], [255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 0, 0, 0, 1]);
        // 9 octets: no attributes, deltas 0, key -1, value of 3, no headers.
        assert_eq!(batch[61..67], [18, 0, 0, 0, 1, 6]);
        assert_eq!(batch[70], 0);
    }

    #[test]
    fn the_checksum_is_the_castagnoli_one() {
        let mut text = vec![0; CRC_COVER];
        text.extend(b"123456789");
        assert_eq!(crc_of(&text), 0xe306_9283);
    }

    #[test]
    fn a_batch_is_filled_up_to_its_size() {
        for (octets, size) in [(65_536, 100), (65_536, 1024), (65_536, 1), (1000, 63), (1000, 64), (16_384, 300)] {
            let count = records_in(octets, size);
            assert!(encode(count, size, 0).len() <= octets, "{octets} {size}");
            assert!(encode(count + 1, size, 0).len() > octets, "{octets} {size}");
        }
        assert_eq!((records_in(0, 100), records_in(65_536, 1 << 20)), (1, 1));
    }

    #[test]
    fn walking_finds_the_next_offset_and_passes_over_a_cut_end() {
        let mut bytes = at(7, 3);
        bytes.extend(at(10, 5));
        let whole = bytes.len();
        bytes.extend(&at(15, 2)[..70]);
        assert_eq!(walk(&bytes, 7).unwrap(), Walked { next: 15, records: 8, batches: 2, octets: whole });
        assert_eq!(walk(&bytes, 9).unwrap().records, 6, "a batch comes whole");
        assert_eq!(walk(&bytes[..50], 7).unwrap(), Walked { next: 7, ..Walked::default() });
        assert_eq!(walk(&[], 7).unwrap().next, 7);
    }

    #[test]
    fn what_is_left_out_or_comes_twice_is_an_error() {
        for bases in [[7, 11], [7, 9], [8, 11], [4, 7]] {
            let bytes = [at(bases[0], 3), at(bases[1], 3)].concat();
            assert!(walk(&bytes, 7).is_err(), "{bases:?}");
        }
        let mut wrong = at(7, 3);
        wrong[23] = 0x80;
        assert!(walk(&wrong, 7).is_err());
        wrong[23] = 0;
        wrong[11] = 0;
        assert!(walk(&wrong, 7).is_err());
    }
}
