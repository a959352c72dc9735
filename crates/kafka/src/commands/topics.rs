//! CreateTopics, DeleteTopics and CreatePartitions, and what a topic may be called.

mod assign;
mod create;
mod delete;
mod names;
mod partitions;

pub(super) use create::{create, default_spec};
pub(super) use delete::delete;
pub(crate) use names::check_new_name;
pub(super) use names::{check_name, code_of_unknown, create_checked};
pub(super) use partitions::add as add_partitions;

use crate::codec::ErrorCode;
use crate::error::Refusal;

/// Partitions that one request may ask for.
const PARTITIONS_MAX: u64 = 10_000;

fn too_many() -> Refusal {
    Refusal::new(ErrorCode::PolicyViolation, "Excessively large number of partitions per request.")
}
