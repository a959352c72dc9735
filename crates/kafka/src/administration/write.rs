//! Records that come in through another door become a batch as the topic wants it.

use crate::commands::{prepare, rules_of};
use crate::records::{BatchBuilder, Codec, NewRecord, check};
use narumq_model::{Time, TopicDefinition};

/// A batch to be appended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// Offsets that it takes.
    pub count: u32,
    /// Latest time of a record, in milliseconds since the Unix epoch.
    pub max_time: i64,
}

/// One batch of these records, checked and made as if a client had sent it. Refuses what a producer would be refused, in
/// words: no records, too large a batch, times out of bounds, a missing key where the topic is compacted.
pub fn write_batch(records: &[NewRecord<'_>], topic: &TopicDefinition, now: Time) -> Result<Written, String> {
    let mut builder = BatchBuilder::new(Codec::None, usize::MAX);
    if !records.iter().all(|record| builder.push(record)) {
        return Err("the records are too large for one batch".into());
    }
    let batch = builder.finish().ok_or("no records")?;
    let policy = &topic.policy;
    let checked = check(&batch, &rules_of(policy, now)).map_err(|refused| refused.to_string())?;
    let bytes = prepare(&batch, &checked, topic, now).map_err(|refused| refused.to_string())?.into_owned();
    let max_time = if policy.arrival_time { now.0 as i64 } else { checked.max_timestamp() };
    Ok(Written { bytes, count: checked.header.count as u32, max_time })
}
