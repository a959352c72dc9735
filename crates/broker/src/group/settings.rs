//! What a group allows, and how long it waits.

/// Settings of all groups. Times are in milliseconds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupSettings {
    /// The shortest session timeout that a member may ask for. 6 s by default.
    pub session_timeout_ms_min: u32,
    /// The longest one. 30 minutes by default.
    pub session_timeout_ms_max: u32,
    /// How many members a group may have. Unlimited by default.
    pub members_max: usize,
    /// How many ids may be given out and not yet be used, a group. 10,000 by default.
    pub pending_members_max: usize,
    /// How long a group that was empty waits for more members; prolonged by each that comes, up to the rebalance
    /// timeout. None by default: the first member starts at once.
    pub initial_rebalance_delay_ms: u32,
    /// How long a new member may wait for its first generation before it is given up. 5 minutes by default.
    pub new_member_timeout_ms: u32,
    /// The longest note beside a committed offset, in UTF-16 code units. 4,096 by default.
    pub offset_metadata_max: usize,
    /// How long offsets are kept that nobody uses. 7 days by default.
    pub offsets_retention_ms: u64,
}

impl Default for GroupSettings {
    fn default() -> Self {
        Self {
            session_timeout_ms_min: 6_000,
            session_timeout_ms_max: 1_800_000,
            members_max: usize::MAX,
            pending_members_max: 10_000,
            initial_rebalance_delay_ms: 0,
            new_member_timeout_ms: 300_000,
            offset_metadata_max: 4_096,
            offsets_retention_ms: 7 * 24 * 3_600 * 1_000,
        }
    }
}
