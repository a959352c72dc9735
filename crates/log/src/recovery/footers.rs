//! Footers of sealed files: whether one stood there, and its index built again from the heads of the file's chunks.

use super::Recovery;
use super::walk::Scan;
use crate::chunk::{BLOCK, ChunkHeader, ChunkKind};
use crate::disk::{File, read_exact_at};
use crate::entry::head::Head;
use crate::files::{LogFile, name};
use crate::index::footer::Trailer;
use crate::index::{ChunkAt, FileIndex};
use crate::opening::OpenError;
use narumq_model::Lsn;
use std::collections::{BTreeMap, HashMap};
use std::io;

/// Whether a whole footer of file `number` stands where a trailer says.
pub(super) fn is_sealed(file: &dyn File, number: u64) -> io::Result<bool> {
    let len = file.len()?;
    if len < 2 * BLOCK as u64 {
        return Ok(false);
    }
    let Some(trailer) = Trailer::decode(&read_exact_at(file, BLOCK, len - BLOCK as u64)?) else { return Ok(false) };
    let mut block = vec![0; BLOCK];
    let got = file.read_at(&mut block, trailer.footer)?;
    let header = ChunkHeader::read(&block[..got]).filter(|h| h.file == number && h.kind == ChunkKind::Footer);
    Ok(header.is_some_and(|h| h.generation == trailer.generation && h.verify(&block)))
}

impl Recovery<'_> {
    /// Builds the unreadable footers of files that a round covers from their heads, if it is certain where they end.
    /// Returns the files and where their chunks end.
    pub(super) fn rebuild_footers(
        &self,
        present: &BTreeMap<u64, LogFile>,
        footers: &mut BTreeMap<u64, FileIndex>,
        rounded: Option<u64>,
        ends: &HashMap<u64, (u64, u64)>,
    ) -> Result<Vec<(LogFile, u64)>, OpenError> {
        let mut rebuilt = Vec::new();
        for (number, file) in present.range(..=rounded.unwrap_or(0)) {
            if footers.contains_key(number) {
                continue;
            }
            let scan = self.scan_file(file, None)?;
            let generation = file.used.generation();
            let end = ends.get(number).filter(|(g, _)| *g == generation).map(|(_, end)| *end);
            if end != Some(scan.stopped) && !self.footer_stood_at(file, scan.stopped)? {
                let what = "neither its footer nor all of its chunks can be read".into();
                return Err(OpenError::Damaged { file: name(*number), offset: scan.stopped, what });
            }
            let mut index = FileIndex::default();
            self.index(&scan, &mut index, &mut |_, _| {})?;
            footers.insert(*number, index);
            rebuilt.push((file.clone(), scan.stopped));
        }
        Ok(rebuilt)
    }

    /// Whether the trailer or what is left of the footer itself tells that the file's chunks end at `offset`.
    fn footer_stood_at(&self, file: &LogFile, offset: u64) -> io::Result<bool> {
        let (len, generation) = (file.file.len()?, file.used.generation());
        if let Some(at) = len.checked_sub(BLOCK as u64)
            && let Some(trailer) = Trailer::decode(&read_exact_at(file.file.as_ref(), BLOCK, at)?)
            && trailer.generation == generation
        {
            return Ok(trailer.footer == offset);
        }
        let chunk = self.chunk_at(file.file.as_ref(), offset)?;
        Ok(chunk.is_some_and(|(h, _)| h.kind == ChunkKind::Footer && h.generation == generation))
    }

    /// Builds a file's index from its heads, each of which is shown to `each`.
    pub(super) fn index(
        &self,
        scan: &Scan,
        index: &mut FileIndex,
        each: &mut dyn FnMut(Lsn, &Head<'_>),
    ) -> Result<(), OpenError> {
        for chunk in &scan.chunks {
            let file = || name(scan.file.used.number());
            let damaged = |what: &str| OpenError::Damaged { file: file(), offset: chunk.offset, what: what.into() };
            let (header, heads) = self
                .chunk_at(scan.file.file.as_ref(), chunk.offset)?
                .ok_or_else(|| damaged("it changed while read"))?;
            let (mut at, mut lsn) = (0, header.first_lsn);
            while at < heads.len() {
                let head_at = at as u32;
                let head =
                    Head::read(&heads, &mut at, header.base_time).ok_or_else(|| damaged("a head is malformed"))?;
                index.note(&head, lsn, index.chunks.len() as u32, head_at);
                each(lsn, &head);
                lsn = lsn.next();
            }
            if lsn != header.last_lsn().next() {
                return Err(damaged("it has not as many entries as it says"));
            }
            let block = (chunk.offset / BLOCK as u64) as u32;
            index.chunks.push(ChunkAt { block, bodies_off: header.bodies_off });
        }
        Ok(())
    }
}
