//! What others than Kafka clients ask of this door's topics: names, settings, records, assignments, as plain values.
//!
//! The management door knows topics by their definitions only. What a setting means, how a record lies in a batch and which
//! partition a key belongs to is known here; the process hands these functions over.

mod assignment;
mod read;
mod settings;
mod write;

pub use assignment::read_assignment;
pub use read::read_batches;
pub use settings::{Setting, change_settings, check_topic_name, plan_settings, settings_of};
pub use write::{Written, write_batch};
