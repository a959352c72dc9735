//! CreatePartitions: topics get more of them.

use super::{PARTITIONS_MAX, assign, too_many};
use crate::codec::ErrorCode;
use crate::codec::messages::topics::{
    CreatePartitionsRequest, CreatePartitionsResponse, CreatePartitionsTopic, CreatePartitionsTopicResult,
};
use crate::error::{Refusal, outcome};
use crate::link::{Call, Link, answer, hold};
use narumq_broker::Vhost;
use narumq_door::Context;
use std::collections::HashMap;

/// `CreatePartitions`
pub(in crate::commands) fn add(
    link: &mut Link,
    request: &CreatePartitionsRequest<'_>,
    call: Call,
    cx: &mut Context<'_>,
) {
    let Some(vhost) = link.vhost.clone() else { return };
    let mut times: HashMap<&str, u32> = HashMap::new();
    request.topics.iter().for_each(|topic| *times.entry(topic.name).or_default() += 1);
    let mut left = PARTITIONS_MAX;
    let mut done: Vec<(&str, Result<(), Refusal>)> = Vec::new();
    for topic in &request.topics {
        let added = match times.remove(topic.name) {
            // It has been answered where it was named first.
            None => continue,
            Some(2..) => Err(Refusal::new(ErrorCode::InvalidRequest, "Duplicate topic name.")),
            Some(_) => wanted(link, &vhost, topic, &mut left, cx).and_then(|count| match request.validate_only {
                true => Ok(()),
                // What another client did since the check is refused here.
                false => Ok(cx.broker.add_partitions(&vhost, topic.name, count, cx.turn).map(drop)?),
            }),
        };
        done.push((topic.name, added));
    }
    hold(cx.broker.last_catalog_lsn(), cx);
    let results = done.iter().map(|(name, added)| {
        let (error_code, error_message) = outcome(added);
        CreatePartitionsTopicResult { name, error_code, error_message }
    });
    let results = results.collect();
    answer(call, &CreatePartitionsResponse { results, ..Default::default() }, cx);
}

/// How many partitions the topic is to have, if it may; `left` is how many the request may still add.
fn wanted(
    link: &Link,
    vhost: &Vhost,
    topic: &CreatePartitionsTopic<'_>,
    left: &mut u64,
    cx: &Context<'_>,
) -> Result<u32, Refusal> {
    let (name, wanted) = (topic.name, topic.count);
    let present = cx.broker.topic(vhost, name).ok_or_else(Refusal::unknown_topic)?.partition_count();
    let refuse = |text| Err(Refusal::new(ErrorCode::InvalidPartitions, text));
    let wanted = match u32::try_from(wanted) {
        Ok(wanted) if wanted == present => return refuse(format!("Topic already has {present} partition(s).")),
        Ok(wanted) if wanted > present => wanted,
        _ => {
            return refuse(format!(
                "The topic {name} currently has {present} partition(s); {wanted} would not be an increase."
            ));
        }
    };
    let added = wanted - present;
    *left = left.checked_sub(added.into()).ok_or_else(too_many)?;
    if let Some(assignments) = &topic.assignments {
        if assignments.len() != added as usize {
            let text = format!(
                "Attempted to add {added} additional partition(s), but only {} assignment(s) were specified.",
                assignments.len()
            );
            return Err(Refusal::new(ErrorCode::InvalidReplicaAssignment, text));
        }
        let node = link.settings.node_id;
        assignments.iter().try_for_each(|assigned| assign::check_brokers(&assigned.broker_ids, node))?;
    }
    Ok(wanted)
}
