//! Where the log ends: at the first bad chunk, unless what has been committed lies behind it.

use super::Recovery;
use super::walk::{Chunk, Scan};
use crate::chunk::{ChunkHeader, HEADER, crc32c};
use crate::disk::read_exact_at;
use crate::entry::head::Head;
use crate::files::{LogFile, name};
use crate::index::FileIndex;
use crate::opening::{Ended, OpenError};
use narumq_model::{Epoch, Lsn, Time};
use std::collections::{BTreeMap, HashMap};
use std::io;

/// Takes out the files before the last gap in the LSNs: between two files it is left by files that were dead, which a
/// round found further on must cover, or by damage.
pub(super) fn before_gap(scans: &mut Vec<Scan>) -> Vec<Scan> {
    let last = |scan: &Scan| scan.chunks.last().map(|c| c.header.last_lsn().next());
    let first = |scan: &Scan| scan.chunks.first().map(|c| c.header.first_lsn);
    let gap = (1..scans.len()).rev().find(|at| last(&scans[at - 1]) != first(&scans[*at]));
    let behind = scans.split_off(gap.unwrap_or(0));
    std::mem::replace(scans, behind)
}

impl Recovery<'_> {
    /// Cuts the scans at the end of the log, or refuses.
    pub(super) fn find_end(
        &self,
        mut scans: Vec<Scan>,
        committed: Lsn,
        ends: &HashMap<u64, (u64, u64)>,
        footers: &BTreeMap<u64, FileIndex>,
        stray: Option<(u64, Lsn)>,
    ) -> Result<(Vec<Scan>, Ended), OpenError> {
        let mut ended =
            Ended { lsn: Lsn(0), epoch: Epoch(0), clean: false, time: Time(0), file: 0, generation: 0, offset: 0 };
        let mut kept = 0;
        let mut cut: Option<(String, u64, &str)> = None;
        'files: for scan in &mut scans {
            let number = scan.file.used.number();
            let footer = footers.get(&number);
            // Where an epoch ended, or a footer was written, everything before has been synced.
            let synced = ends.contains_key(&number) || footer.is_some();
            kept += 1;
            for at in 0..scan.chunks.len() {
                let Chunk { offset, header } = &scan.chunks[at];
                let (offset, header) = (*offset, *header);
                let last = header.last_lsn();
                let follows = ended.lsn == Lsn(0) || header.first_lsn == ended.lsn.next();
                let what = if !follows {
                    Some("an LSN is missing before it")
                } else if last > committed && !synced && !self.bodies_hold(&scan.file, offset, &header)? {
                    Some("a body is torn")
                } else {
                    None
                };
                if let Some(what) = what {
                    cut = Some((name(number), offset, what));
                    scan.chunks.truncate(at);
                    scan.stopped = offset;
                    if at == 0 {
                        kept -= 1;
                    }
                    break 'files;
                }
                ended = Ended {
                    lsn: last,
                    epoch: header.epoch,
                    file: header.file,
                    generation: header.generation,
                    offset: offset + u64::from(header.len),
                    ..ended
                };
            }
            if let Some(lists) = footer.map(|f| f.chunks.len()).filter(|n| *n != scan.chunks.len()) {
                let what = format!("a chunk is unreadable: it is the {}th of {lists}", scan.chunks.len() + 1);
                return Err(OpenError::Damaged { file: name(number), offset: scan.stopped, what });
            }
        }
        if ended.lsn < committed {
            let (file, offset, what) = cut.unwrap_or_else(|| {
                let last = scans.iter().rfind(|s| s.file.used.number() == ended.file);
                match stray.filter(|(_, named)| *named > ended.lsn) {
                    Some((number, _)) => (name(number), 0, "its first chunk is unreadable"),
                    None => {
                        let at = last.or(scans.first()).map_or((0, 0), |s| (s.file.used.number(), s.stopped));
                        (name(at.0), at.1, "a chunk is unreadable")
                    }
                }
            });
            let what = format!("{what}, yet entry {committed} had been committed (found up to {})", ended.lsn);
            return Err(OpenError::Damaged { file, offset, what });
        }
        scans.truncate(kept);
        Ok((scans, ended))
    }

    fn bodies_hold(&self, file: &LogFile, offset: u64, header: &ChunkHeader) -> io::Result<bool> {
        let chunk = read_exact_at(file.file.as_ref(), header.len as usize, offset)?;
        let heads = &chunk[HEADER..HEADER + header.head_len as usize];
        let mut at = 0;
        while at < heads.len() {
            let Some(head) = Head::read(heads, &mut at, header.base_time) else { return Ok(false) };
            // A body of an earlier chunk was checked with the head that brought it.
            if let Some(body) = head.body.filter(|body| !body.in_file) {
                let bodies = &chunk[header.bodies_off as usize..];
                let range = body.offset as usize..(body.offset + body.len) as usize;
                if bodies.get(range).is_none_or(|b| crc32c(b) != body.crc) {
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }
}
