//! Entries and their heads: what happened to which object, never what was asked for.
//!
//! ```text
//! head:  u8 kind | u16 presence, little endian | varint object | the fields whose bit is set, in bit order
//!   bit 0  seq          varint
//!       1  more         varint count, then (varint object, varint seq) each: further queues of one message
//!       2  time         varint, milliseconds after the chunk's base time
//!       3  priority     u8
//!       4  expires_at   varint, milliseconds since the epoch
//!       5  visible_at   varint, milliseconds since the epoch
//!       6  key          varint length, bytes (lease key, record key)
//!       7  dedup        u64, hash of the deduplication id
//!       8  producer     varint id, u16 epoch, u32 sequence
//!       9  format       u8 format id, varint length of the property bytes at the body's start
//!       10 body         varint place, varint length, u32 CRC32C of the body; place = offset × 2 from the chunk's first body
//!                       byte, or offset × 2 + 1 from the file's start: a body of an earlier chunk that several heads share
//!       11 data         varint length, bytes: what the kind wants (names and envelope, ranges, definitions, State)
//!       12 slot         u16
//!       13 lsn          varint: the entry's LSN where its chunk does not tell it (survivor files)
//!       14 part         State only: varint part number, 0 = the root; varint count, (varint part, varint LSN)* = the valid parts
//! ```
//! A State is a root and, if it is large, parts: entries of their own that later roots list as long as they hold.
//! An enqueue without options costs 21 to 26 bytes beside its names.

use crate::body::BodyAt;
use crate::varint;
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
    /// Record batches of a partition (reserved).
    Batch = 11,
    /// A lease that outlives its connection (reserved).
    Lease = 12,
    /// A keyspace value (reserved).
    Keyspace = 13,
    /// Something owed to an object of another writer (reserved).
    FollowUp = 14,
    /// The clean end of an epoch.
    EpochEnd = 15,
}

impl Kind {
    fn from_u8(byte: u8) -> Option<Self> {
        use Kind::*;
        [
            EpochStart, Enqueue, Remove, Count, Define, Delete, State, RoundDone, Body, Batch, Lease, Keyspace,
            FollowUp, EpochEnd,
        ]
        .into_iter()
        .find(|kind| *kind as u8 == byte)
    }

    /// Whether its body is a message's: recovery reads no such body below the last committed LSN.
    pub fn has_message_body(self) -> bool {
        matches!(self, Kind::Enqueue | Kind::Body)
    }
}

/// An entry to be appended, or one that was read (then `body` is empty and [`Head::body`] says where it lies).
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

    fn presence(&self, base: Time, body: bool) -> u16 {
        u16::from(self.seq != Seq(0))
            | u16::from(!self.more.is_empty()) << 1
            | u16::from(self.time != base) << 2
            | u16::from(self.priority != 0) << 3
            | u16::from(self.expires_at != Time::NEVER) << 4
            | u16::from(self.visible_at != Time(0)) << 5
            | u16::from(self.key.is_some()) << 6
            | u16::from(self.dedup != 0) << 7
            | u16::from(self.producer.is_some()) << 8
            | u16::from(self.format != FormatId(0)) << 9
            | u16::from(body) << 10
            | u16::from(!self.data.is_empty()) << 11
            | u16::from(self.slot != Slot(0)) << 12
            | u16::from(self.lsn != Lsn(0)) << 13
            | u16::from(self.part != 0 || !self.parts.is_empty()) << 14
    }

    /// Appends the head. `base` is the chunk's base time (not after `self.time`), `body` tells where the body lies.
    pub fn put_head(&self, out: &mut Vec<u8>, base: Time, body: Option<BodyAt>) {
        let bits = self.presence(base, body.is_some());
        let set = |bit: u16| bits & (1 << bit) != 0;
        out.push(self.kind as u8);
        out.extend_from_slice(&bits.to_le_bytes());
        varint::put(out, self.object.0);
        if set(0) {
            varint::put(out, self.seq.0);
        }
        if set(1) {
            varint::put(out, self.more.len() as u64);
            for (object, seq) in self.more {
                varint::put(out, object.0);
                varint::put(out, seq.0);
            }
        }
        if set(2) {
            varint::put(out, self.time.since(base));
        }
        if bits & 0b1_1111_1000 | bits & (1 << 12) != 0 {
            self.put_options(out, bits);
        }
        if set(9) {
            out.push(self.format.0);
            varint::put(out, u64::from(self.props_len));
        }
        if let Some(body) = body {
            varint::put(out, body.offset << 1 | u64::from(body.in_file));
            varint::put(out, body.len);
            out.extend_from_slice(&body.crc.to_le_bytes());
        }
        if set(11) {
            varint::put_bytes(out, self.data);
        }
        if set(12) {
            out.extend_from_slice(&self.slot.0.to_le_bytes());
        }
        if set(13) {
            varint::put(out, self.lsn.0);
        }
        if set(14) {
            varint::put(out, self.part);
            varint::put(out, self.parts.len() as u64);
            for (part, lsn) in self.parts {
                varint::put(out, *part);
                varint::put(out, lsn.0);
            }
        }
    }

    fn put_options(&self, out: &mut Vec<u8>, bits: u16) {
        if bits & (1 << 3) != 0 {
            out.push(self.priority);
        }
        if bits & (1 << 4) != 0 {
            varint::put(out, self.expires_at.0);
        }
        if bits & (1 << 5) != 0 {
            varint::put(out, self.visible_at.0);
        }
        if let Some(key) = self.key {
            varint::put_bytes(out, key);
        }
        if bits & (1 << 7) != 0 {
            out.extend_from_slice(&self.dedup.to_le_bytes());
        }
        if let Some((id, epoch, sequence)) = self.producer {
            varint::put(out, id);
            out.extend_from_slice(&epoch.to_le_bytes());
            out.extend_from_slice(&sequence.to_le_bytes());
        }
    }
}

/// A head that was read. Further targets stand in `more`.
#[derive(Clone, Debug)]
pub struct Head<'a> {
    /// All fields but `more`, `parts` and `body`.
    pub entry: Entry<'a>,
    /// Further queues that got the same message.
    pub more: Vec<(ObjectId, Seq)>,
    /// Of a State's root: the parts that hold, and the LSN of the entry that each is.
    pub parts: Vec<(u64, Lsn)>,
    /// Its body, if it has one.
    pub body: Option<BodyAt>,
}

impl<'a> Head<'a> {
    /// Reads the head at `*at`, moving behind it. `None` if the bytes are no head: nothing is allocated by a number in them.
    pub fn read(bytes: &'a [u8], at: &mut usize, base: Time) -> Option<Self> {
        let kind = Kind::from_u8(*bytes.get(*at)?)?;
        let bits = u16::from_le_bytes(bytes.get(*at + 1..*at + 3)?.try_into().ok()?);
        *at += 3;
        let set = |bit: u16| bits & (1 << bit) != 0;
        let mut entry = Entry::new(kind, ObjectId(varint::get(bytes, at)?), base);
        let (mut more, mut parts, mut body) = (Vec::new(), Vec::new(), None);
        if set(0) {
            entry.seq = Seq(varint::get(bytes, at)?);
        }
        if set(1) {
            let count = varint::get(bytes, at)?;
            for _ in 0..count {
                more.push((ObjectId(varint::get(bytes, at)?), Seq(varint::get(bytes, at)?)));
            }
        }
        if set(2) {
            entry.time = base.plus(varint::get(bytes, at)?);
        }
        Self::read_options(bytes, at, bits, &mut entry)?;
        if set(9) {
            entry.format = FormatId(*bytes.get(*at)?);
            *at += 1;
            entry.props_len = u32::try_from(varint::get(bytes, at)?).ok()?;
        }
        if set(10) {
            let (place, len) = (varint::get(bytes, at)?, varint::get(bytes, at)?);
            let crc = u32::from_le_bytes(take(bytes, at)?);
            body = Some(BodyAt { offset: place >> 1, in_file: place & 1 != 0, len, crc });
            len.checked_add(place >> 1)?;
        }
        if set(11) {
            entry.data = varint::get_bytes(bytes, at)?;
        }
        if set(12) {
            entry.slot = Slot(u16::from_le_bytes(take(bytes, at)?));
        }
        if set(13) {
            entry.lsn = Lsn(varint::get(bytes, at)?);
        }
        if set(14) {
            entry.part = varint::get(bytes, at)?;
            for _ in 0..varint::get(bytes, at)? {
                parts.push((varint::get(bytes, at)?, Lsn(varint::get(bytes, at)?)));
            }
        }
        (bits >> 15 == 0).then_some(Self { entry, more, parts, body })
    }

    fn read_options(bytes: &'a [u8], at: &mut usize, bits: u16, entry: &mut Entry<'a>) -> Option<()> {
        if bits & (1 << 3) != 0 {
            [entry.priority] = take(bytes, at)?;
        }
        if bits & (1 << 4) != 0 {
            entry.expires_at = Time(varint::get(bytes, at)?);
        }
        if bits & (1 << 5) != 0 {
            entry.visible_at = Time(varint::get(bytes, at)?);
        }
        if bits & (1 << 6) != 0 {
            entry.key = Some(varint::get_bytes(bytes, at)?);
        }
        if bits & (1 << 7) != 0 {
            entry.dedup = u64::from_le_bytes(take(bytes, at)?);
        }
        if bits & (1 << 8) != 0 {
            let id = varint::get(bytes, at)?;
            entry.producer = Some((id, u16::from_le_bytes(take(bytes, at)?), u32::from_le_bytes(take(bytes, at)?)));
        }
        Some(())
    }

    /// Every queue that got the message: the first one and the further ones.
    pub fn targets(&self) -> impl Iterator<Item = (ObjectId, Seq)> + '_ {
        std::iter::once((self.entry.object, self.entry.seq)).chain(self.more.iter().copied())
    }
}

fn take<const N: usize>(bytes: &[u8], at: &mut usize) -> Option<[u8; N]> {
    let taken = bytes.get(*at..*at + N)?.try_into().ok()?;
    *at += N;
    Some(taken)
}

#[cfg(test)]
mod tests {
    use super::*;

    const BODY: BodyAt = BodyAt { offset: 4_096, in_file: true, len: 15, crc: 0x1234_5678 };

    fn full() -> (Vec<u8>, Vec<(ObjectId, Seq)>) {
        let more = vec![(ObjectId(9), Seq(1 << 40)), (ObjectId(10), Seq(3))];
        let mut entry = Entry::new(Kind::Enqueue, ObjectId(7), Time(1_005));
        entry.seq = Seq(5 << 40 | 77);
        entry.more = &more;
        entry.priority = 4;
        entry.expires_at = Time(99_999);
        entry.visible_at = Time(5_000);
        entry.key = Some(b"key");
        entry.dedup = 0xdead_beef;
        entry.producer = Some((12, 3, 400));
        entry.format = FormatId(1);
        entry.props_len = 3;
        entry.data = b"names";
        entry.body = b"propsandpayload";
        entry.slot = Slot(513);
        entry.lsn = Lsn(1 << 33);
        entry.part = 6;
        entry.parts = &[(1, Lsn(5)), (1 << 40, Lsn(6))];
        let mut out = Vec::new();
        entry.put_head(&mut out, Time(1_000), Some(BODY));
        (out, more)
    }

    #[test]
    fn every_field_comes_back() {
        let (bytes, more) = full();
        let mut at = 0;
        let head = Head::read(&bytes, &mut at, Time(1_000)).expect("a head");
        assert_eq!(at, bytes.len());
        let e = head.entry;
        assert_eq!((e.kind, e.object, e.seq, e.time), (Kind::Enqueue, ObjectId(7), Seq(5 << 40 | 77), Time(1_005)));
        assert_eq!((e.priority, e.expires_at, e.visible_at), (4, Time(99_999), Time(5_000)));
        assert_eq!((e.key, e.dedup, e.producer), (Some(&b"key"[..]), 0xdead_beef, Some((12, 3, 400))));
        assert_eq!((e.format, e.props_len, e.data), (FormatId(1), 3, &b"names"[..]));
        assert_eq!((e.slot, e.lsn), (Slot(513), Lsn(1 << 33)));
        assert_eq!((e.part, head.parts.as_slice()), (6, &[(1, Lsn(5)), (1 << 40, Lsn(6))][..]));
        assert_eq!(head.more, more);
        assert_eq!(head.body, Some(BODY));
    }

    #[test]
    fn a_plain_message_costs_few_bytes() {
        let mut entry = Entry::new(Kind::Enqueue, ObjectId(300), Time(1_000));
        entry.seq = Seq(5 << 40 | 123_456);
        entry.format = FormatId(1);
        entry.props_len = 15;
        entry.body = &[0; 1_039];
        let mut out = Vec::new();
        let body = BodyAt { offset: 900_000, in_file: false, len: 1_039, crc: 1 };
        entry.put_head(&mut out, Time(1_000), Some(body));
        assert!(out.len() <= 24, "{} bytes", out.len());
    }

    #[test]
    fn truncated_and_mutated_heads_never_panic() {
        let (bytes, _) = full();
        for cut in 0..bytes.len() {
            assert!(Head::read(&bytes[..cut], &mut 0, Time(0)).is_none(), "cut at {cut}");
        }
        for at in 0..bytes.len() {
            for flip in [1u8, 0x80, 0xff] {
                let mut broken = bytes.clone();
                broken[at] ^= flip;
                let _ = Head::read(&broken, &mut 0, Time(0));
            }
        }
    }
}
