//! Starting from what is on the disk: where the log ends, what is torn, what is damaged.
//!
//! 1. Rounds tell the last file `R` of which no head is needed: files up to `R` are known by footer alone, runs and newest
//!    States. Footers of sealed files name rounds, and so do the files behind the last one that a footer names.
//! 2. The chain of `EpochStart`s tells where earlier epochs ended: what lies behind such an end is never looked at.
//! 3. In the last epoch the first bad chunk ends the log if it lies past the last committed LSN that any valid chunk names
//!    (looked for behind the bad chunk and in later files too); otherwise it is damage and the start is refused.
//! 4. Chunks past the last committed LSN have their bodies checked and are written and synced again.

mod rounded;
mod survivors;

use crate::chunk::{BLOCK, ChunkHeader, ChunkKind, HEADER, crc32c};
use crate::disk::{File, read_exact_at};
use crate::entry::{Head, Kind};
use crate::files::{FileUse, Files, LogFile, name, number_of, read_footer};
use crate::index::{ChunkAt, FileIndex, Trailer};
use crate::opening::{Ended, EpochStart, Found, OpenError, Recover};
use crate::states::{Placed, States};
use crate::varint;
use narumq_model::{Epoch, Lsn, Time, WriterId};
use std::collections::{BTreeMap, HashMap};
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// A data chunk that was found valid, header and heads.
struct Chunk {
    offset: u64,
    header: ChunkHeader,
}

/// What a walk over a file's chunks found.
struct Scan {
    file: LogFile,
    chunks: Vec<Chunk>,
    /// Where the first byte that is no valid chunk lies.
    stopped: u64,
}

/// Takes out the files before the last gap in the LSNs: between two files it is left by files that were dead, which a
/// round found further on must cover, or by damage.
fn before_gap(scans: &mut Vec<Scan>) -> Vec<Scan> {
    let last = |scan: &Scan| scan.chunks.last().map(|c| c.header.last_lsn().next());
    let first = |scan: &Scan| scan.chunks.first().map(|c| c.header.first_lsn);
    let gap = (1..scans.len()).rev().find(|at| last(&scans[at - 1]) != first(&scans[*at]));
    let behind = scans.split_off(gap.unwrap_or(0));
    std::mem::replace(scans, behind)
}

/// Whether a whole footer of file `number` stands where a trailer says.
fn is_sealed(file: &dyn File, number: u64) -> io::Result<bool> {
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

    /// The valid chunk at `offset` and its heads, if there is one.
    fn chunk_at(&self, file: &dyn File, offset: u64) -> io::Result<Option<(ChunkHeader, Vec<u8>)>> {
        let mut block = vec![0; BLOCK];
        if file.read_at(&mut block, offset)? < BLOCK {
            return Ok(None);
        }
        let Some(header) = ChunkHeader::read(&block).filter(|h| h.writer == self.writer) else { return Ok(None) };
        let front = HEADER + header.head_len as usize;
        if offset + u64::from(header.len) > file.len()? {
            return Ok(None);
        }
        if front > BLOCK {
            let rest = read_exact_at(file, front - BLOCK, offset + BLOCK as u64)?;
            block.extend_from_slice(&rest);
        }
        Ok(header.verify(&block).then(|| (header, block[HEADER..front].to_vec())))
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

    /// Walks the files behind the last round; also the highest committed LSN that any valid chunk names.
    fn scan_tail(
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
    fn scan_file(&self, file: &LogFile, end: Option<u64>) -> io::Result<Scan> {
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
    fn named_behind(&self, file: &dyn File, number: u64, generation: Option<u64>, from: u64) -> io::Result<Lsn> {
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

    /// Cuts the scans at the end of the log, or refuses.
    fn find_end(
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

    /// Builds the unreadable footers of files that a round covers from their heads, if it is certain where they end.
    /// Returns the files and where their chunks end.
    fn rebuild_footers(
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

    /// Builds a file's index from its heads, each of which is shown to `each`.
    fn index(&self, scan: &Scan, index: &mut FileIndex, each: &mut dyn FnMut(Lsn, &Head<'_>)) -> Result<(), OpenError> {
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
