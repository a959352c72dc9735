//! Record batches of message format v2: reading, checking, building and rewriting them, as functions over bytes.
//!
//! ```text
//!   produce ──► check ──► patch (base offset, epoch) ──► log ──► fetch: the same bytes
//!                 │         set_log_append_time, recompress: only where a topic asks for it
//!                 └── walk ◄── inflate
//!   other producers ──► BatchBuilder        compaction ──► keep, keep_with_horizon
//! ```

pub mod batch;
pub mod build;
pub mod check;
pub mod compact;
pub mod compression;
pub mod error;
pub mod marker;
pub mod rewrite;
mod skim;
mod varint;
pub mod walk;

pub use batch::{Attributes, BatchHeader, Batches, Codec, HEADER_BYTES, first_batch};
pub use build::{BatchBuilder, NewRecord, Producer};
pub use check::{Checked, Rules, TimestampRule, Walked, check};
pub use compact::{Kept, Keyed, compact, keep, keep_with_horizon, keys};
pub use compression::inflate;
pub use error::{BatchError, RecordFault, RecordRefusal, RecordRefusalReason};
pub use marker::{Outcome, transaction_marker};
pub use rewrite::{patch, recompress, recompress_at, set_log_append_time, set_max_timestamp};
pub use walk::{Header, Headers, Record, Records};

/// Bytes that the records of one batch may inflate to: no producer may send more, no reader looks at more.
pub(crate) const INFLATED_MAX: usize = 100 << 20;
