//! Assignments of partitions to brokers by hand: there is one broker, so only one assignment is right.

use crate::codec::ErrorCode;
use crate::codec::messages::topics::CreatableReplicaAssignment;
use crate::error::Refusal;
use std::collections::HashSet;

fn refuse(text: impl Into<String>) -> Refusal {
    Refusal::new(ErrorCode::InvalidReplicaAssignment, text)
}

/// Whether the brokers of one partition are this one.
pub(super) fn check_brokers(brokers: &[i32], node: i32) -> Result<(), Refusal> {
    let what = "The manual partition assignment includes";
    match brokers.iter().find(|broker| **broker != node) {
        Some(other) => Err(refuse(format!("{what} broker {other}, but no such broker is registered."))),
        None if brokers.is_empty() => Err(refuse(format!("{what} an empty replica list."))),
        None if brokers.len() > 1 => Err(refuse(format!("{what} the broker {node} more than once."))),
        None => Ok(()),
    }
}

/// How many partitions a new topic gets that are assigned by hand.
pub(super) fn count(assignments: &[CreatableReplicaAssignment], node: i32) -> Result<u32, Refusal> {
    let mut seen = HashSet::new();
    for assignment in assignments {
        let partition = assignment.partition_index;
        if !seen.insert(partition) {
            return Err(refuse(format!("Found multiple manual partition assignments for partition {partition}")));
        }
        check_brokers(&assignment.broker_ids, node)?;
    }
    let consecutive = (0..).take(assignments.len()).all(|number| seen.contains(&number));
    let text = "partitions should be a consecutive 0-based integer sequence";
    if consecutive { Ok(assignments.len() as u32) } else { Err(refuse(text)) }
}
