//! Reads the answers to the requests a load sends.
//!
//! ```text
//! +----------------+------+------
//! | correlation id | tags | body
//! +----------------+------+------
//! ```

use super::batch::{Walked, walk};
use super::code::check;
use super::wire::Fields;
use crate::error::{Error, Result};

/// Correlation id and body of an answer.
#[inline]
pub(crate) fn open(frame: &[u8]) -> Result<(i32, Fields<'_>)> {
    let mut fields = Fields(frame);
    let correlation = fields.i32()?;
    fields.tags()?;
    Ok((correlation, fields))
}

/// What Metadata told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Led {
    pub(crate) brokers: usize,
    /// Partitions that have a leader and no error.
    pub(crate) partitions: usize,
}

/// Metadata.
pub(crate) fn metadata(fields: &mut Fields<'_>) -> Result<Led> {
    fields.i32()?;
    let mut led = Led { brokers: fields.array()?, partitions: 0 };
    for _ in 0..led.brokers {
        fields.i32()?;
        fields.string()?;
        fields.i32()?;
        fields.string()?;
        fields.tags()?;
    }
    fields.string()?;
    fields.i32()?;
    for _ in 0..fields.array()? {
        let error = fields.i16()?;
        fields.string()?;
        fields.i8()?;
        for _ in 0..fields.array()? {
            let (partition_error, _, leader) = (fields.i16()?, fields.i32()?, fields.i32()?);
            led.partitions += usize::from(error == 0 && partition_error == 0 && leader >= 0);
            fields.i32()?;
            // Replicas, those in sync, those offline.
            (0..3).try_for_each(|_| fields.pass_array(4))?;
            fields.tags()?;
        }
        fields.i32()?;
        fields.tags()?;
    }
    Ok(led)
}

/// CreateTopics: an error if any topic has one.
pub(crate) fn create_topics(fields: &mut Fields<'_>) -> Result<()> {
    fields.i32()?;
    for _ in 0..fields.array()? {
        let (name, code, text) = (fields.string()?, fields.i16()?, fields.string()?);
        let space = if text.is_empty() { "" } else { ", " };
        check(code, &format!("topic {name} is not created{space}{text}"))?;
        fields.i32()?;
        fields.i16()?;
        for _ in 0..fields.array()? {
            fields.string()?;
            fields.string()?;
            fields.take(3)?;
            fields.tags()?;
        }
        fields.tags()?;
    }
    Ok(())
}

/// DeleteTopics: an error if any topic has one.
pub(crate) fn delete_topics(fields: &mut Fields<'_>) -> Result<()> {
    fields.i32()?;
    for _ in 0..fields.array()? {
        let (name, code) = (fields.string()?, fields.i16()?);
        check(code, &format!("topic {name} is not deleted"))?;
        fields.tags()?;
    }
    Ok(())
}

/// One partition's answer to ListOffsets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Listed {
    pub(crate) topic: String,
    pub(crate) partition: i32,
    pub(crate) code: i16,
    pub(crate) offset: i64,
}

/// ListOffsets: every partition in the order of the answer.
pub(crate) fn list_offsets(fields: &mut Fields<'_>) -> Result<Vec<Listed>> {
    fields.i32()?;
    let mut offsets = Vec::new();
    for _ in 0..fields.array()? {
        let name = fields.string()?;
        for _ in 0..fields.array()? {
            let (partition, code, _) = (fields.i32()?, fields.i16()?, fields.i64()?);
            offsets.push(Listed { topic: name.to_owned(), partition, code, offset: fields.i64()? });
            fields.i32()?;
            fields.tags()?;
        }
        fields.tags()?;
    }
    Ok(offsets)
}

/// Produce of one batch: an error if it was refused.
#[inline]
pub(crate) fn produce(fields: &mut Fields<'_>) -> Result<()> {
    for _ in 0..fields.array()? {
        let name = fields.string()?;
        for _ in 0..fields.array()? {
            let (partition, code) = (fields.i32()?, fields.i16()?);
            if code != 0 {
                return check(code, &format!("a batch to partition {partition} of {name} was refused"));
            }
            // Base offset, time of the append, where the log begins.
            fields.take(3 * 8)?;
            for _ in 0..fields.array()? {
                fields.i32()?;
                fields.string()?;
                fields.tags()?;
            }
            fields.string()?;
            fields.tags()?;
        }
        fields.tags()?;
    }
    Ok(())
}

/// Fetch: gives each partition's index to `offset_of`, walks its batches from there on and hands what was found to `found`.
#[inline]
pub(crate) fn fetch(
    fields: &mut Fields<'_>,
    mut offset_of: impl FnMut(i32) -> Result<i64>,
    mut found: impl FnMut(i32, Walked),
) -> Result<()> {
    fields.i32()?;
    check(fields.i16()?, "a fetch was refused")?;
    fields.i32()?;
    for _ in 0..fields.array()? {
        let name = fields.string()?;
        for _ in 0..fields.array()? {
            let (partition, code) = (fields.i32()?, fields.i16()?);
            if code != 0 {
                return check(code, &format!("a fetch from partition {partition} of {name} was refused"));
            }
            // High watermark, last stable offset, where the log begins.
            fields.take(3 * 8)?;
            for _ in 0..fields.array()? {
                fields.take(2 * 8)?;
                fields.tags()?;
            }
            fields.i32()?;
            let records = fields.octets()?.unwrap_or_default();
            let walked = walk(records, offset_of(partition)?)
                .map_err(|error| Error::new(format!("partition {partition} of {name}: {error}")))?;
            found(partition, walked);
            fields.tags()?;
        }
        fields.tags()?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::batch::encode;
    use super::super::wire::{put_array, put_string, put_varint};
    use super::*;

    /// A fetch answer with one partition.
    fn fetched(code: i16, records: &[u8]) -> Vec<u8> {
        let mut out = vec![0; 10];
        put_array(&mut out, &["t"], |out, name| {
            put_string(out, name);
            put_array(out, &[3i32], |out, partition| {
                out.extend(partition.to_be_bytes());
                out.extend(code.to_be_bytes());
                out.extend([0; 24]);
                out.push(0);
                out.extend([255; 4]);
                put_varint(out, records.len() as u32 + 1);
                out.extend_from_slice(records);
            });
        });
        out.push(0);
        out
    }

    #[test]
    fn a_fetch_is_walked_from_the_offset_asked_for() {
        let answer = fetched(0, &encode(4, 10, 0));
        let mut seen = Vec::new();
        let offset_of = |partition| if partition == 3 { Ok(1) } else { Err(Error::new("which?")) };
        fetch(&mut Fields(&answer), offset_of, |partition, walked| seen.push((partition, walked.next, walked.records)))
            .unwrap();
        assert_eq!(seen, [(3, 4, 3)]);
        for cut in 0..answer.len() - 1 {
            assert!(fetch(&mut Fields(&answer[..cut]), |_| Ok(1), |_, _| {}).is_err(), "cut at {cut}");
        }
        let refused = fetch(&mut Fields(&fetched(1, &[])), |_| Ok(0), |_, _| {}).unwrap_err();
        assert_eq!(refused.to_string(), "a fetch from partition 3 of t was refused: OFFSET_OUT_OF_RANGE (1)");
    }

    #[test]
    fn a_refused_produce_is_an_error() {
        let answer = |code: i16| {
            let mut out = Vec::new();
            put_array(&mut out, &["t"], |out, name| {
                put_string(out, name);
                put_array(out, &[0i32], |out, partition| {
                    out.extend(partition.to_be_bytes());
                    out.extend(code.to_be_bytes());
                    out.extend([0; 24]);
                    out.extend([1, 0]);
                });
            });
            out
        };
        produce(&mut Fields(&answer(0))).unwrap();
        let error = produce(&mut Fields(&answer(87))).unwrap_err().to_string();
        assert_eq!(error, "a batch to partition 0 of t was refused: INVALID_RECORD (87)");
        assert!(produce(&mut Fields(&answer(0)[..20])).is_err());
    }
}
