//! Starting from what is on the disk: where the log ends, what is torn, what is damaged.
//!
//! 1. Rounds tell the last file `R` of which no head is needed: files up to `R` are known by footer alone, runs and newest
//!    States. Footers of sealed files name rounds, and so do the files behind the last one that a footer names.
//! 2. The chain of `EpochStart`s tells where earlier epochs ended: what lies behind such an end is never looked at.
//! 3. In the last epoch the first bad chunk ends the log if it lies past the last committed LSN that any valid chunk names
//!    (looked for behind the bad chunk and in later files too); otherwise it is damage and the start is refused.
//! 4. Chunks past the last committed LSN have their bodies checked and are written and synced again.

mod end;
mod footers;
mod rounded;
mod survivors;
mod walk;

use crate::chunk::{BLOCK, ChunkHeader, ChunkKind};
use crate::disk::File;
use crate::entry::Kind;
use crate::entry::head::Head;
use crate::files::indexes::read_footer;
use crate::files::{FileUse, Files, LogFile, name, number_of};
use crate::index::FileIndex;
use crate::opening::{Ended, EpochStart, Found, OpenError, Recover};
use crate::states::{Placed, States};
use crate::varint;
use end::before_gap;
use footers::is_sealed;
use narumq_model::{Lsn, WriterId};
use std::collections::{BTreeMap, HashMap};
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use walk::Scan;

pub(crate) struct Recovery<'a> {
    files: &'a Files,
    writer: WriterId,
}

impl<'a> Recovery<'a> {
    pub(crate) fn new(files: &'a Files, writer: WriterId) -> Self {
        Self { files, writer }
    }

    pub(crate) fn run(
        &self,
        to: &mut dyn Recover,
        write_footer: &dyn Fn(&LogFile, &FileIndex, u64) -> io::Result<()>,
    ) -> Result<Found, OpenError> {
        let (present, stray, next_file) = self.present()?;
        let mut footers: BTreeMap<u64, FileIndex> = BTreeMap::new();
        for (number, file) in &present {
            if let Some(index) = read_footer(file.file.as_ref(), file.used.generation())? {
                footers.insert(*number, index);
            }
        }
        let by_footers = footers.values().flat_map(|f| &f.rounds).map(|(_, file)| *file).max();
        let ends = self.epoch_ends(&present)?;
        let (mut scans, mut committed) = self.scan_tail(&present, by_footers, &ends)?;
        if let Some((_, named)) = stray {
            committed = committed.max(named);
        }
        if let Some(number) = present.keys().last().filter(|_| scans.is_empty()) {
            let what = "a round is said to cover the last file".into();
            return Err(OpenError::Damaged { file: name(*number), offset: 0, what });
        }
        let before = before_gap(&mut scans);
        let (mut scans, mut ended) = self.find_end(scans, committed, &ends, &footers, stray)?;
        let rounded = by_footers.max(scans.iter().flat_map(|s| self.rounds(s)).max());
        if let Some(scan) = before.iter().find(|s| Some(s.file.used.number()) > rounded) {
            let what = "a chunk is unreadable, and entries behind it are there".into();
            return Err(OpenError::Damaged { file: name(scan.file.used.number()), offset: scan.stopped, what });
        }
        let last = scans.last().map_or(0, |s| s.file.used.number());
        // Files that a round in the open file covers are known by footer alone, as are those of earlier rounds.
        scans.retain(|s| Some(s.file.used.number()) > rounded);
        let rebuilt = self.rebuild_footers(&present, &mut footers, rounded, &ends)?;
        let survivors = survivors::find(self)?;
        let mut states = rounded::tell(self, present.range(..=rounded.unwrap_or(0)), &footers, to)?;
        survivors.iter().for_each(|(file, index)| survivors::tell(file, index, to));
        let mut found = Vec::new();
        for scan in scans {
            let index = self.apply(&scan, &mut states, &mut ended, to)?;
            scan.file.used.measured(index.copies(), scan.stopped);
            scan.file.used.sealed.store(true, Ordering::Release);
            found.push((scan, Arc::new(index)));
        }
        // All is judged: only now is anything written.
        for (scan, index) in found.iter().filter(|(s, _)| !footers.contains_key(&s.file.used.number())) {
            self.write_again(scan, committed)?;
            write_footer(&scan.file, index, scan.stopped)?;
        }
        for (file, offset) in rebuilt {
            write_footer(&file, &footers[&file.used.number()], offset)?;
        }
        self.drop_unwritten(present.range(last + 1..).map(|(n, _)| *n).chain(stray.map(|(n, _)| n)))?;
        let kept = present.into_iter().filter(|(number, _)| *number <= last).map(|(_, file)| file);
        let sealed: Vec<LogFile> = kept.chain(survivors.into_iter().map(|(file, _)| file)).collect();
        sealed.iter().for_each(|file| self.files.enter(file.clone()));
        let sealed = sealed.into_iter().map(|file| file.used).collect();
        Ok(Found {
            ended,
            sealed,
            states,
            unrounded: found.into_iter().map(|(scan, index)| (scan.file.used, index)).collect(),
            next_file,
        })
    }

    /// Removes files in which nothing has ever become durable.
    fn drop_unwritten(&self, numbers: impl Iterator<Item = u64>) -> io::Result<()> {
        let mut any = false;
        for number in numbers {
            self.files.disk.remove(&name(number))?;
            any = true;
        }
        if any { self.files.disk.sync_names() } else { Ok(()) }
    }

    /// Files whose first chunk is valid; the last one if its first chunk is not, with the highest committed LSN that a
    /// later chunk in it names; and the first free number.
    #[expect(clippy::type_complexity, reason = "three plain results of one walk")]
    fn present(&self) -> Result<(BTreeMap<u64, LogFile>, Option<(u64, Lsn)>, u64), OpenError> {
        let mut numbers: Vec<u64> = self.files.disk.list()?.iter().filter_map(|n| number_of(n)).collect();
        numbers.sort_unstable();
        let (mut present, mut stray) = (BTreeMap::new(), None);
        let last = numbers.last().copied();
        for number in numbers {
            let file = self.files.disk.open(&name(number), false)?;
            let generation = match self.first_header(file.as_ref(), number)? {
                Some(header) => header.generation,
                // A file without a valid first chunk may only be the last one: it was made and nothing in it synced.
                None if Some(number) == last => {
                    self.refuse_foreign(file.as_ref(), number)?;
                    stray = Some((number, self.named_behind(file.as_ref(), number, None, 0)?));
                    continue;
                }
                None => {
                    let what = "its first chunk is unreadable and later files exist".into();
                    return Err(OpenError::Damaged { file: name(number), offset: 0, what });
                }
            };
            let used = Arc::new(FileUse::new(number, generation, file.len()?));
            present.insert(number, LogFile { file, used });
        }
        Ok((present, stray, last.map_or(1, |n| n + 1)))
    }

    fn rounds(&self, scan: &Scan) -> Vec<u64> {
        let mut rounds = Vec::new();
        for chunk in &scan.chunks {
            let Ok(Some((header, heads))) = self.chunk_at(scan.file.file.as_ref(), chunk.offset) else { continue };
            let mut at = 0;
            while let Some(head) = Head::read(&heads, &mut at, header.base_time) {
                if head.entry.kind == Kind::RoundDone {
                    rounds.extend(varint::get(head.entry.data, &mut 0));
                }
            }
        }
        rounds
    }

    fn first_header(&self, file: &dyn File, number: u64) -> io::Result<Option<ChunkHeader>> {
        let is_first = |h: &ChunkHeader| h.file == number && h.number == 0 && h.kind == ChunkKind::Data;
        Ok(self.chunk_at(file, 0)?.map(|(header, _)| header).filter(is_first))
    }

    /// What another writer, a later version or a sealed file left is nothing that may be removed.
    fn refuse_foreign(&self, file: &dyn File, number: u64) -> Result<(), OpenError> {
        let refuse = |what: &str| Err(OpenError::Damaged { file: name(number), offset: 0, what: what.into() });
        let mut block = vec![0; BLOCK];
        let got = file.read_at(&mut block, 0)?;
        match ChunkHeader::read(&block[..got]) {
            Some(header) if header.file == number && header.writer != self.writer => {
                refuse("it belongs to another writer")
            }
            None if ChunkHeader::is_later_version(&block[..got]) => refuse("a later version wrote it"),
            _ if is_sealed(file, number)? => refuse("its first chunk is unreadable, yet it was sealed"),
            _ => Ok(()),
        }
    }

    /// Where earlier epochs ended: file number → (generation, offset).
    fn epoch_ends(&self, present: &BTreeMap<u64, LogFile>) -> io::Result<HashMap<u64, (u64, u64)>> {
        let mut ends = HashMap::new();
        for file in present.values() {
            if let Some((header, heads)) = self.chunk_at(file.file.as_ref(), 0)?
                && let Some(head) = Head::read(&heads, &mut 0, header.base_time)
                && head.entry.kind == Kind::EpochStart
                && let Some(start) = EpochStart::decode(head.entry.data)
            {
                ends.insert(start.file, (start.generation, start.end_offset));
            }
        }
        Ok(ends)
    }

    /// Tells the entries of a file, builds its index, notes the newest States in it.
    fn apply(
        &self,
        scan: &Scan,
        states: &mut States,
        ended: &mut Ended,
        to: &mut dyn Recover,
    ) -> Result<FileIndex, OpenError> {
        let used = &scan.file.used;
        let mut index = FileIndex::default();
        self.index(scan, &mut index, &mut |lsn, head| {
            if head.entry.kind == Kind::State {
                used.states.fetch_add(1, Ordering::AcqRel);
                let placed = Placed { part: head.entry.part, lsn, file: used.clone() };
                states.take(head.entry.object, placed, &head.parts);
            }
            ended.clean = head.entry.kind == Kind::EpochEnd;
            ended.time = ended.time.max(head.entry.time);
            to.entry(used, lsn, head);
        })?;
        Ok(index)
    }

    /// Writes and syncs the chunks past the last committed LSN again.
    fn write_again(&self, scan: &Scan, committed: Lsn) -> io::Result<()> {
        for chunk in &scan.chunks {
            if chunk.header.last_lsn() > committed {
                let len = chunk.header.len as usize;
                let mut buffer = vec![0; len + BLOCK];
                let start = buffer.as_ptr().align_offset(BLOCK);
                scan.file.file.read_at(&mut buffer[start..start + len], chunk.offset)?;
                scan.file.file.write_at(&buffer[start..start + len], chunk.offset)?;
            }
        }
        scan.file.file.sync()
    }
}
