//! The settings of a topic that is declared as a stream, through a door that has no topics of its own.

use super::plan::{Given, Plan};
use narumq_broker::{StreamLimits, TopicSettings};
use narumq_model::Name;

/// The settings of a topic with these limits: no age unless one is given, and that from arrival.
pub fn stream_settings(limits: &StreamLimits) -> TopicSettings {
    let text = |number: u64| Name::from(number.min(i64::MAX as u64).to_string());
    let mut given = Given::new();
    given.insert("retention.from".into(), "arrival".into());
    given.insert("retention.ms".into(), limits.age_ms.map_or("-1".into(), text));
    if let Some(bytes) = limits.bytes {
        given.insert("retention.bytes".into(), text(bytes));
    }
    if let Some(bytes) = limits.segment_bytes {
        given.insert("segment.bytes".into(), text(bytes.clamp(SEGMENT_MIN, i32::MAX as u64)));
    }
    let plan = Plan::of(&given).unwrap_or_default();
    (plan.policy, given.into_iter().collect())
}

/// The smallest segment that a setting may ask for, in bytes.
const SEGMENT_MIN: u64 = 1 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_as_text_says_the_same() {
        for (age_ms, bytes, segment_bytes) in
            [(None, None, None), (Some(5), Some(6), Some(7)), (Some(u64::MAX), None, None)]
        {
            let (policy, given) = stream_settings(&StreamLimits { age_ms, bytes, segment_bytes });
            assert_eq!(Plan::of(&given.into_iter().collect()).map(|plan| plan.policy), Ok(policy.clone()));
            assert_eq!(policy.retention_ms, age_ms.map(|age| age.min(i64::MAX as u64)));
            assert_eq!((policy.retention_bytes, policy.age_from_arrival), (bytes, true));
        }
    }
}
