//! Records as they lie in batches, for whoever looks at topics without speaking Kafka's protocol.

use crate::records::batch::Attributes;
use crate::records::{Batches, INFLATED_MAX, Record, Records, inflate};

/// Hands over the records of batches that lie back to back, each with its offset, until `each` says no. Returns the offset to
/// go on at: behind the last batch, or that of the record that was refused. Control batches and those that cannot be read are
/// passed over; `None` if there is no batch.
pub fn read_batches(batches: &[u8], each: &mut dyn FnMut(u64, Record<'_>) -> bool) -> Option<u64> {
    let mut next = None;
    for (header, batch) in Batches::new(batches).map_while(Result::ok) {
        next = u64::try_from(header.last_offset().wrapping_add(1)).ok();
        let section = match inflate(batch, INFLATED_MAX) {
            Ok(section) if !header.attributes.has(Attributes::CONTROL) => section,
            _ => continue,
        };
        for record in Records::new(&header, &section).map_while(Result::ok) {
            let Ok(offset) = u64::try_from(record.offset) else { continue };
            if !each(offset, record) {
                return Some(offset);
            }
        }
    }
    next
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::records::{BatchBuilder, Codec, HEADER_BYTES, NewRecord, patch};

    #[test]
    fn records_are_read_over_what_is_none_until_nobody_wants_more() {
        let batch = |base: i64, marks: u16| {
            let mut builder = BatchBuilder::new(Codec::Gzip, 1 << 10).mark(marks);
            for value in [&b"a"[..], b"b"] {
                assert!(builder.push(&NewRecord { timestamp: 1, key: None, value: Some(value), headers: &[] }));
            }
            let mut batch = builder.finish().expect("two records");
            patch(&mut batch, base, 0);
            batch
        };
        let mut broken = batch(12, 0);
        broken[HEADER_BYTES..].fill(0xff);
        let batches = [batch(10, 0), broken, batch(14, Attributes::CONTROL), batch(16, 0)].concat();
        let read = |last: u64| {
            let mut seen = Vec::new();
            let next = read_batches(&batches, &mut |offset, record| {
                seen.push((offset, record.value.map(<[u8]>::to_vec)));
                offset < last
            });
            (seen, next)
        };
        let (a, b) = (Some(b"a".to_vec()), Some(b"b".to_vec()));
        let all = vec![(10, a.clone()), (11, b.clone()), (16, a), (17, b)];
        assert_eq!(read(u64::MAX), (all.clone(), Some(18)));
        assert_eq!(read(16), (all[..3].to_vec(), Some(16)));
        assert_eq!(read_batches(&[], &mut |_, _| true), None);
    }
}
