//! What a test may do to a vhost.

use narumq_broker::Outcome;
use narumq_model::QueuePolicy;

/// Queues of a case.
pub const SLOTS: usize = 4;
/// Sessions of a case, from 1.
pub const SESSIONS: u32 = 3;

/// A queue that may be declared.
#[derive(Clone, Debug)]
pub struct Slot {
    pub durable: bool,
    pub exclusive: bool,
    pub auto_delete: bool,
    pub policy: QueuePolicy,
}

/// What a case begins with.
#[derive(Clone, Debug)]
pub struct Setup {
    pub slots: Vec<Slot>,
    /// Which queues `fan` and `dlx` lead to.
    pub bound: Vec<(bool, bool)>,
    /// Allowance of a connection in bytes, of a channel in messages.
    pub bytes: i64,
    pub shared: i64,
    /// The broker is stopped in order only: then hand-overs under way are counted for sure.
    pub orderly: bool,
    /// Messages may have a time to live.
    pub timed: bool,
    /// The broker may be stopped at all.
    pub restarts: bool,
}

/// Where a message is published to: a queue, or all that are bound to `fan`.
#[derive(Clone, Debug)]
pub enum Target {
    Queue(usize),
    Fan,
}

#[derive(Clone, Debug)]
pub struct Publish {
    pub to: Target,
    pub durable: bool,
    pub priority: u8,
    pub ttl: Option<u64>,
    pub delay: Option<u64>,
    pub len: usize,
}

/// Deliveries that are settled together: those from the `which`th on that belong together, at most `count`.
#[derive(Clone, Debug)]
pub struct Settle {
    pub which: usize,
    pub count: usize,
    pub how: Outcome,
}

#[derive(Clone, Debug)]
pub struct Consume {
    pub slot: usize,
    pub session: u32,
    pub prefetch: u32,
    pub takes: bool,
    pub exclusive: bool,
    pub priority: i32,
    pub shared: bool,
}

/// How the broker ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// It is closed.
    Clean,
    /// The process is killed: what was written is there.
    Killed,
    /// The power goes; what was not yet synced is torn.
    PowerCut,
}

#[derive(Clone, Debug)]
pub enum Op {
    Declare(usize, u32),
    Delete(usize),
    /// Only if it is (unused, empty).
    DeleteIf(usize, bool, bool),
    /// `dlx` or `fan`, and the queue.
    Bind(bool, usize),
    Unbind(bool, usize),
    Purge(usize),
    Publish(Publish),
    /// Several of the same.
    Burst(Publish, usize),
    /// So much that a queue lets go of memory, durable with transient ones in between.
    Flood(usize, usize),
    Consume(Consume),
    Cancel(usize),
    Settle(Settle),
    /// Another session tries to settle what it does not hold.
    Meddle(usize),
    Get(usize, u32, bool),
    Peek(usize, usize),
    Advance(u64),
    /// A connection ends, having settled nothing: what it holds has failed.
    Disconnect(u32),
    /// A connection is gone with what it never saw: that comes back, not failed.
    Vanish(u32),
    Grant(u32),
    Transact(u32, Vec<Settle>, Vec<Publish>),
    /// The broker stops and comes back.
    Restart(End),
}

impl Op {
    /// Its kind, for counting what the cases reach.
    pub fn kind(&self) -> String {
        let text = format!("{self:?}");
        text[..text.find('(').unwrap_or(text.len())].to_owned()
    }
}
