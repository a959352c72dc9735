//! The walk over a file's chunks: from the first on, as long as each is valid and of the file's generation.

use super::Recovery;
use crate::chunk::{BLOCK, ChunkHeader, ChunkKind};
use crate::disk::File;
use crate::files::LogFile;
use crate::reader::read_heads;
use narumq_model::Lsn;
use std::collections::{BTreeMap, HashMap};
use std::io;

/// A data chunk that was found valid, header and heads.
pub(super) struct Chunk {
    pub(super) offset: u64,
    pub(super) header: ChunkHeader,
}

/// What a walk over a file's chunks found.
pub(super) struct Scan {
    pub(super) file: LogFile,
    pub(super) chunks: Vec<Chunk>,
    /// Where the first byte that is no valid chunk lies.
    pub(super) stopped: u64,
}

impl Recovery<'_> {
    /// Walks the files behind the last round; also the highest committed LSN that any valid chunk names.
    pub(super) fn scan_tail(
        &self,
        present: &BTreeMap<u64, LogFile>,
        rounded: Option<u64>,
        ends: &HashMap<u64, (u64, u64)>,
    ) -> io::Result<(Vec<Scan>, Lsn)> {
        let (mut scans, mut committed) = (Vec::new(), Lsn(0));
        for file in present.range(rounded.map_or(0, |r| r + 1)..).map(|(_, f)| f) {
            let generation = file.used.generation();
            let end = ends.get(&file.used.number()).filter(|(g, _)| *g == generation).map(|(_, offset)| *offset);
            let scan = self.scan_file(file, end)?;
            committed = scan.chunks.iter().map(|c| c.header.committed).fold(committed, Lsn::max);
            if end.is_none() {
                let number = file.used.number();
                let named = self.named_behind(file.file.as_ref(), number, Some(generation), scan.stopped)?;
                committed = committed.max(named);
            }
            scans.push(scan);
        }
        Ok((scans, committed))
    }

    /// Walks a file's chunks to `end`, or to the first that is not valid.
    pub(super) fn scan_file(&self, file: &LogFile, end: Option<u64>) -> io::Result<Scan> {
        let mut scan = Scan { file: file.clone(), chunks: Vec::new(), stopped: 0 };
        while end.is_none_or(|end| scan.stopped < end) {
            let Some((header, _)) = self.chunk_at(file.file.as_ref(), scan.stopped)? else { break };
            let expected = header.generation == file.used.generation() && header.number == scan.chunks.len() as u64;
            if !expected || header.kind != ChunkKind::Data {
                break;
            }
            scan.chunks.push(Chunk { offset: scan.stopped, header });
            scan.stopped += u64::from(header.len);
        }
        Ok(scan)
    }

    /// The highest committed LSN named by a valid chunk of file `number` behind `from`, in steps of 4 KiB.
    pub(super) fn named_behind(
        &self,
        file: &dyn File,
        number: u64,
        generation: Option<u64>,
        from: u64,
    ) -> io::Result<Lsn> {
        let len = file.len()?;
        let mut best = Lsn(0);
        let mut offset = from;
        let mut window = vec![0; 256 * BLOCK];
        let ours = |h: &ChunkHeader| {
            h.file == number && h.kind == ChunkKind::Data && generation.is_none_or(|g| h.generation == g)
        };
        while offset < len {
            let got = file.read_at(&mut window, offset)?;
            for at in (0..got / BLOCK * BLOCK).step_by(BLOCK) {
                if ChunkHeader::read(&window[at..at + BLOCK]).is_some_and(|h| ours(&h))
                    && let Some((header, _)) = self.chunk_at(file, offset + at as u64)?
                {
                    best = best.max(header.committed);
                }
            }
            if got < window.len() {
                break;
            }
            offset += got as u64;
        }
        Ok(best)
    }

    /// This writer's valid chunk at `offset` and its heads, if there is one.
    pub(super) fn chunk_at(&self, file: &dyn File, offset: u64) -> io::Result<Option<(ChunkHeader, Vec<u8>)>> {
        Ok(read_heads(file, offset)?.filter(|(header, _)| header.writer == self.writer))
    }
}
