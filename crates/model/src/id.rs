//! Ids, log positions and time: the small numbers that travel everywhere.

use std::fmt;

macro_rules! number {
    ($(#[$doc:meta])* $name:ident($inner:ty)) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub $inner);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

number! {
    /// Log sequence number: counts the entries of one writer log, from 1; 0 means "nothing".
    Lsn(u64)
}
number! {
    /// The incarnation of a writer: one more at each start or take-over, from 1.
    Epoch(u64)
}
number! {
    /// Which writer log an entry belongs to. A process may own several.
    WriterId(u32)
}
number! {
    /// An object of the catalog (queue, partition, catalog root); never reused. 0 = no owner, 1 = the catalog.
    ObjectId(u64)
}
number! {
    /// The placement slot of an object, fixed at its creation; chunks are indexed by slot.
    Slot(u16)
}
number! {
    /// The number of a message in its queue, given once and never twice: `epoch << 40` or more after each start.
    Seq(u64)
}
number! {
    /// Which door's bytes a body holds. 0 = none; the core knows no other value.
    FormatId(u8)
}
number! {
    /// Broker time: milliseconds since the Unix epoch, never running backwards, not even over restarts.
    Time(u64)
}

impl Lsn {
    /// The LSN after this one.
    pub fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl Seq {
    /// The sequence after this one.
    pub fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl Time {
    /// No deadline: later than every instant.
    pub const NEVER: Self = Self(u64::MAX);

    /// This instant plus `millis`, saturating.
    pub fn plus(self, millis: u64) -> Self {
        Self(self.0.saturating_add(millis))
    }

    /// Milliseconds since `earlier`, 0 if it lies ahead.
    pub fn since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

/// An inclusive range of message sequences of one queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SeqRange {
    /// The first sequence.
    pub first: Seq,
    /// The last sequence, not below `first`.
    pub last: Seq,
}

impl SeqRange {
    /// The range of one sequence.
    pub fn one(seq: Seq) -> Self {
        Self { first: seq, last: seq }
    }

    /// How many sequences it spans.
    pub fn span(&self) -> u64 {
        self.last.0 - self.first.0 + 1
    }

    /// Whether `seq` lies within.
    pub fn contains(&self, seq: Seq) -> bool {
        self.first <= seq && seq <= self.last
    }
}

/// What must be durable before an answer may leave: everything of `writer` up to `lsn`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ticket {
    /// The writer log.
    pub writer: WriterId,
    /// The last entry that the answer speaks of.
    pub lsn: Lsn,
}

/// What a positive answer to a durable write promises.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Durability {
    /// The bytes are on the disk: they survive power loss.
    #[default]
    Fsync,
    /// The bytes are in the page cache: they survive the process, not the machine.
    Os,
}

/// A connection's session: the worker thread that owns it, its place there, and a generation against reuse.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionId {
    /// The worker thread, from 0.
    pub worker: u16,
    /// The place in the worker's table.
    pub index: u32,
    /// Counts the sessions that had this place.
    pub generation: u32,
}
