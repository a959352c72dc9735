//! A group's State, and how a group comes back from it and from what was logged behind it.
//!
//! ```text
//! root:     u8 kind and version = 0x21 | u8 there is an image, varint length, image | varint count, (varint length, record) each
//! part:     a record of commits
//! ```
//! Many commits stand in parts, whose numbers count from 1.

use super::{Coordinated, GroupCell};
use crate::codec::{Reader, put_option};
use crate::core::Core;
use crate::group::{CommitRecord, Group, GroupSettings, Offsets};
use crate::parts::{FoundParts, INLINE_MAX, PART_MAX, Parts, state_of};
use narumq_log::{Head, varint};
use narumq_model::{Lsn, Time};
use std::sync::Arc;

/// What a State of a group begins with: the low half is the version.
pub(crate) const STATE: u8 = 0x21;

impl GroupCell {
    /// Appends the group's State to the log, parts from before `from` anew; the group's lock is held.
    pub(crate) fn checkpoint(&mut self, of: &Coordinated, core: &Core, now: Time, from: Lsn) {
        let mut root = vec![STATE];
        put_option(&mut root, self.group.image(), |out, image| varint::put_bytes(out, image));
        let records: Vec<Vec<u8>> =
            self.group.offsets().records(PART_MAX - 64).iter().map(CommitRecord::encode).collect();
        let inline = records.iter().map(Vec::len).sum::<usize>() <= INLINE_MAX;
        let (inline, parts) = if inline { (records, Vec::new()) } else { (Vec::new(), records) };
        varint::put(&mut root, inline.len() as u64);
        inline.iter().for_each(|record| varint::put_bytes(&mut root, record));
        let parts: Vec<(u64, Vec<u8>)> = (1..).zip(parts).collect();
        self.parts.write(&core.log, &state_of(of.definition.id, now), from, &root, &parts);
    }
}

/// What the log told of a group.
#[derive(Debug, Default)]
pub(crate) struct Restoring {
    image: Option<Vec<u8>>,
    offsets: Offsets,
    covered: Lsn,
    found: FoundParts,
    parts: Parts,
}

impl Restoring {
    /// A part of a State.
    pub(crate) fn part(&mut self, lsn: Lsn, head: &Head<'_>) {
        self.found.take(head.entry.part, lsn, head.entry.data);
    }

    /// A State's root. `None` if it cannot be read.
    pub(crate) fn state(&mut self, lsn: Lsn, head: &Head<'_>) -> Option<()> {
        let mut reader = Reader::new(head.entry.data);
        if reader.u8()? != STATE {
            return None;
        }
        self.image = reader.option(Reader::bytes)?.map(<[u8]>::to_vec);
        self.offsets = Offsets::default();
        for record in reader.list(|r| CommitRecord::decode(r.bytes()?))? {
            self.offsets.apply(&record);
        }
        let (parts, data) = self.found.listed(lsn, &head.parts);
        for data in data {
            self.offsets.apply(&CommitRecord::decode(data)?);
        }
        self.parts = parts;
        self.covered = lsn;
        Some(())
    }

    /// An image was appended.
    pub(crate) fn image(&mut self, lsn: Lsn, data: &[u8]) {
        if lsn > self.covered {
            self.image = Some(data.to_vec());
        }
    }

    /// A commit was appended. `None` if it cannot be read.
    pub(crate) fn commit(&mut self, lsn: Lsn, data: &[u8]) -> Option<()> {
        let record = CommitRecord::decode(data)?;
        if lsn > self.covered {
            self.offsets.apply(&record);
        }
        Some(())
    }

    /// A part that the newest State lists is missing: the State's entry.
    pub(crate) fn incomplete(&self) -> Option<Lsn> {
        self.found.missing()
    }

    /// The group; `None` if its image cannot be read.
    pub(crate) fn finish(self, settings: &Arc<GroupSettings>, now: Time) -> Option<(Group, Parts)> {
        let group = Group::restore(self.image.as_deref(), self.offsets, settings.clone(), now)?;
        Some((group, self.parts))
    }
}
