//! The head of an entry in its chunk: written from an entry, read back.
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

use super::{Entry, Kind};
use crate::body::BodyAt;
use crate::varint;
use narumq_model::{FormatId, Lsn, ObjectId, Seq, Slot, Time};

impl Entry<'_> {
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
mod tests;
