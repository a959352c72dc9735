//! Record batches of message format v2: reading, checking, building and rewriting them, as functions over bytes.
//!
//! ```text
//!   produce ──► check ──► patch (base offset, epoch) ──► log ──► fetch: the same bytes
//!                 │         set_log_append_time, recompress: only where a topic asks for it
//!                 └── walk ◄── inflate
//!   other producers ──► BatchBuilder        compaction ──► keep, keep_with_horizon
//! ```

pub mod batch;
pub mod check;
pub mod error;
mod varint;
pub mod walk;

pub use batch::{Attributes, BatchHeader, Batches, Codec, HEADER_BYTES, first_batch};
pub use check::{Checked, Rules, TimestampRule, check};
pub use error::{BatchError, RecordFault, RecordRefusal, RecordRefusalReason};
pub use walk::{Headers, Record, Records};
