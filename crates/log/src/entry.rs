//! Entries and their heads: what happened to which object, never what was asked for.

pub(crate) mod head;

use narumq_model::{FormatId, Lsn, ObjectId, Seq, Slot, Time};

/// What an entry says. The numbers are the format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Kind {
    /// First entry of the first file of a start: `data` = epoch, predecessor's generation, end position and LSN, clean or not.
    EpochStart = 1,
    /// A message was put into one or more queues.
    Enqueue = 2,
    /// Messages left a queue for good: `data` = ranges.
    Remove = 3,
    /// Counts of hand-overs and failures of messages of a queue changed: `data` = (seq, hand-overs, failures)*.
    Count = 4,
    /// A catalog object was made or changed: `data` = its definition.
    Define = 5,
    /// A catalog object was deleted for good.
    Delete = 6,
    /// A part of an object's State, or its root: `data` = the part.
    State = 7,
    /// All objects changed in a file have written their State: `data` = the file's number.
    RoundDone = 8,
    /// A body without owner that later entries of the same file refer to (reserved).
    Body = 9,
    /// A batch of records was put into a partition: `seq` = its first offset + 1, the body is the batch.
    Batch = 11,
    /// A lease that outlives its connection (reserved).
    Lease = 12,
    /// A keyspace value (reserved).
    Keyspace = 13,
    /// Something owed to an object of another writer (reserved).
    FollowUp = 14,
    /// The clean end of an epoch.
    EpochEnd = 15,
    /// Records of a partition below an offset are gone: `data` = the offset, then the State of the partition as of then.
    Trim = 16,
    /// The members of a group and what they share out: `data` = the group's image.
    Group = 17,
    /// Offsets that a group has committed or forgotten: `data` = these.
    Commit = 18,
}

impl Kind {
    fn from_u8(byte: u8) -> Option<Self> {
        use Kind::*;
        [
            EpochStart, Enqueue, Remove, Count, Define, Delete, State, RoundDone, Body, Batch, Lease, Keyspace,
            FollowUp, EpochEnd, Trim, Group, Commit,
        ]
        .into_iter()
        .find(|kind| *kind as u8 == byte)
    }

    /// Whether its body is looked for by object and sequence: a message or a batch. Recovery reads no such body below the
    /// last committed LSN.
    pub fn has_message_body(self) -> bool {
        matches!(self, Kind::Enqueue | Kind::Body | Kind::Batch)
    }
}

/// An entry to be appended, or one that was read (then `body` is empty and [`Head::body`](crate::Head::body) says where it lies).
#[derive(Clone, Copy, Debug)]
pub struct Entry<'a> {
    /// What happened.
    pub kind: Kind,
    /// To which object.
    pub object: ObjectId,
    /// The object's slot.
    pub slot: Slot,
    /// The message's number in its queue; 0 where it means nothing.
    pub seq: Seq,
    /// Further queues that got the same message.
    pub more: &'a [(ObjectId, Seq)],
    /// Broker time.
    pub time: Time,
    /// Priority.
    pub priority: u8,
    /// When it dies of age, [`Time::NEVER`] if never.
    pub expires_at: Time,
    /// When it becomes visible, `Time(0)` = at once.
    pub visible_at: Time,
    /// Lease or record key.
    pub key: Option<&'a [u8]>,
    /// Hash of the deduplication id, 0 = none.
    pub dedup: u64,
    /// Producer id, epoch, sequence.
    pub producer: Option<(u64, u16, u32)>,
    /// Whose property bytes the body begins with.
    pub format: FormatId,
    /// How many property bytes.
    pub props_len: u32,
    /// Its LSN, where that does not follow from its place; else `Lsn(0)`.
    pub lsn: Lsn,
    /// Which part of a State it is, 0 = the root.
    pub part: u64,
    /// Of a State's root: the parts that hold, and the LSN of the entry that each is.
    pub parts: &'a [(u64, Lsn)],
    /// What the kind wants.
    pub data: &'a [u8],
    /// The body. Entries of a group that are given the same bytes (the same slice) one after the other share them.
    pub body: &'a [u8],
}

impl<'a> Entry<'a> {
    /// An entry of this kind about this object, all else absent.
    pub fn new(kind: Kind, object: ObjectId, time: Time) -> Self {
        Self {
            kind,
            object,
            slot: Slot(0),
            seq: Seq(0),
            more: &[],
            time,
            priority: 0,
            expires_at: Time::NEVER,
            visible_at: Time(0),
            key: None,
            dedup: 0,
            producer: None,
            format: FormatId(0),
            props_len: 0,
            lsn: Lsn(0),
            part: 0,
            parts: &[],
            data: &[],
            body: &[],
        }
    }

    /// The same with this data.
    pub fn with_data(mut self, data: &'a [u8]) -> Self {
        self.data = data;
        self
    }

    /// Bytes it will take in a chunk, at most, its body left out.
    pub fn head_bound(&self) -> usize {
        96 + (self.more.len() + self.parts.len()) * 20 + self.key.map_or(0, <[u8]>::len) + self.data.len()
    }

    /// Bytes it will take in a chunk, at most.
    pub fn size_bound(&self) -> usize {
        self.head_bound() + self.body.len()
    }
}
