//! The settings of all partitions together.

/// What all partitions share.
#[derive(Clone, Copy, Debug)]
pub struct PartitionSettings {
    /// How often it is looked for segments that are too old or too many, in milliseconds.
    pub check_ms: u64,
    /// Bytes of one partition that lie in no segment at which they are copied into one.
    pub copy_bytes: u64,
    /// Memory of the newest batches of all partitions at which all are copied, and the older half of the copied let go, in bytes. Whoever
    /// appends is held back at twice as much.
    pub tail_bytes: u64,
    /// Memory of what was read of segments, in bytes: what was used longest ago goes.
    pub read_bytes: u64,
    /// How often it is looked for partitions that are to be compacted, in milliseconds.
    pub compact_ms: u64,
    /// Memory of the keys of one compaction, in bytes: it goes as far as they have room in it.
    pub compact_bytes: u64,
}

impl Default for PartitionSettings {
    /// Every five minutes, 1 MiB, and 64 MiB each; every 15 seconds, and 128 MiB.
    fn default() -> Self {
        Self {
            check_ms: 5 * 60 * 1000,
            copy_bytes: 1 << 20,
            tail_bytes: 64 << 20,
            read_bytes: 64 << 20,
            compact_ms: 15_000,
            compact_bytes: 128 << 20,
        }
    }
}
