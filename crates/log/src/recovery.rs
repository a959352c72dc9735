//! Starting from what is on the disk: where the log ends, what is torn, what is damaged.
//!
//! 1. Footers of sealed files tell the last file `R` whose round is done. Files up to `R` are known by footer alone: runs
//!    and newest States. Heads are read from the files behind `R` only.
//! 2. The chain of `EpochStart`s tells where earlier epochs ended: what lies behind such an end is never looked at.
//! 3. In the last epoch the first bad chunk ends the log if it lies past the last committed LSN that any valid chunk names
//!    (looked for behind the bad chunk and in later files too); otherwise it is damage and the start is refused.
//! 4. Chunks past the last committed LSN have their bodies checked and are written and synced again.

use crate::chunk::{BLOCK, ChunkHeader, ChunkKind, HEADER, crc32c};
use crate::disk::{File, read_exact_at};
use crate::entry::{Head, Kind};
use crate::files::{FileUse, Files, LogFile, name, number_of, read_footer};
use crate::index::{ChunkAt, FileIndex, Run};
use crate::varint;
use narumq_model::{Epoch, Lsn, ObjectId, Time, WriterId};
use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// Who is told what the log holds. States come first (lowest object id first), then runs, then entries in order.
pub trait Recover {
    /// An object's newest State below the entries that follow.
    fn state(&mut self, object: ObjectId, lsn: Lsn, data: &[u8]);
    /// An object's messages in a file whose entries do not follow: where they lie, not whether they live.
    fn run(&mut self, object: ObjectId, file: &Arc<FileUse>, run: &Run);
    /// An entry. One that an object's State already covers tells only where a message lies.
    fn entry(&mut self, file: &Arc<FileUse>, lsn: Lsn, head: &Head<'_>);
}

/// Why a log does not open.
#[derive(Debug)]
pub enum OpenError {
    /// The disk refuses.
    Io(io::Error),
    /// Something that had been committed is damaged. Nothing has been changed.
    Damaged {
        /// The file's name.
        file: String,
        /// Where in the file, in bytes.
        offset: u64,
        /// What is wrong.
        what: String,
    },
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => error.fmt(f),
            Self::Damaged { file, offset, what } => write!(f, "log file {file} is damaged at byte {offset}: {what}"),
        }
    }
}

impl std::error::Error for OpenError {}

impl From<io::Error> for OpenError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// Where and how the log was found to end.
#[derive(Clone, Copy, Debug)]
pub struct Ended {
    /// The last entry.
    pub lsn: Lsn,
    /// The epoch that wrote it.
    pub epoch: Epoch,
    /// Whether it had been closed in order.
    pub clean: bool,
    /// The latest broker time that an entry carries.
    pub time: Time,
    pub(crate) file: u64,
    pub(crate) generation: u64,
    pub(crate) offset: u64,
}

pub(crate) struct Found {
    pub(crate) ended: Ended,
    pub(crate) sealed: Vec<Arc<FileUse>>,
    pub(crate) newest: HashMap<ObjectId, Arc<FileUse>>,
    /// Files behind the last round, to be covered by the first one.
    pub(crate) unrounded: Vec<(Arc<FileUse>, Arc<FileIndex>)>,
    pub(crate) next_file: u64,
}

/// The data of an `EpochStart`.
pub(crate) struct EpochStart {
    pub(crate) epoch: Epoch,
    pub(crate) file: u64,
    pub(crate) generation: u64,
    pub(crate) end_offset: u64,
    pub(crate) end_lsn: Lsn,
    pub(crate) clean: bool,
}

impl EpochStart {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        let fields = [self.epoch.0, self.file, self.generation, self.end_offset, self.end_lsn.0, u64::from(self.clean)];
        fields.iter().for_each(|n| varint::put(&mut out, *n));
        out
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let mut at = 0;
        let mut next = || varint::get(bytes, &mut at);
        Some(Self {
            epoch: Epoch(next()?),
            file: next()?,
            generation: next()?,
            end_offset: next()?,
            end_lsn: Lsn(next()?),
            clean: next()? == 1,
        })
    }
}

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
        let (present, strays, next_file) = self.present()?;
        let mut footers: BTreeMap<u64, FileIndex> = BTreeMap::new();
        for (number, file) in &present {
            if let Some(index) = read_footer(file.file.as_ref(), file.used.generation())? {
                footers.insert(*number, index);
            }
        }
        let rounded = footers.values().flat_map(|f| &f.rounds).map(|(_, file)| *file).max();
        let ends = self.epoch_ends(&present)?;
        let (scans, committed) = self.scan_tail(&present, rounded, &ends)?;
        let (scans, ended) = self.find_end(scans, committed, &ends)?;
        let rounded = rounded.max(scans.iter().flat_map(|s| self.rounds(s)).max());
        let mut newest = self.tell_rounded(&present, &footers, rounded, to)?;
        let mut ended = ended;
        let mut unrounded = Vec::new();
        for scan in &scans {
            let number = scan.file.used.number();
            let index = self.apply(scan, &footers, rounded, &mut newest, &mut ended, to)?;
            if !footers.contains_key(&number) {
                self.write_again(scan, committed)?;
                write_footer(&scan.file, &index, scan.stopped)?;
            }
            scan.file.used.sealed.store(true, Ordering::Release);
            unrounded.push((scan.file.used.clone(), Arc::new(index)));
        }
        for file in strays {
            self.files.disk.remove(&name(file))?;
        }
        let last = scans.last().map_or(0, |s| s.file.used.number());
        let sealed: Vec<_> = present.range(..=last).map(|(_, f)| f.used.clone()).collect();
        present.range(..=last).for_each(|(_, f)| self.files.enter(f.clone()));
        for (_, stray) in present.range(last + 1..) {
            self.files.disk.remove(&name(stray.used.number()))?;
        }
        Ok(Found {
            ended,
            sealed,
            newest: newest.into_iter().map(|(o, (_, f))| (o, f)).collect(),
            unrounded,
            next_file,
        })
    }

    /// Files whose first chunk is valid, the numbers of those whose is not, and the first free number.
    #[expect(clippy::type_complexity, reason = "three plain results of one walk")]
    fn present(&self) -> Result<(BTreeMap<u64, LogFile>, Vec<u64>, u64), OpenError> {
        let mut numbers: Vec<u64> = self.files.disk.list()?.iter().filter_map(|n| number_of(n)).collect();
        numbers.sort_unstable();
        let next = numbers.last().map_or(1, |n| n + 1);
        let (mut present, mut strays) = (BTreeMap::new(), Vec::new());
        for number in numbers {
            let file = self.files.disk.open(&name(number), false)?;
            match self.first_header(file.as_ref(), number)? {
                Some(header) => {
                    let len = file.len()?;
                    let used = Arc::new(FileUse::new(number, header.generation, len));
                    present.insert(number, LogFile { file, used });
                }
                None => strays.push(number),
            }
        }
        // A file without a valid first chunk may only be the last one: it was made and never written.
        if let (Some(stray), Some(last)) = (strays.first(), present.keys().last())
            && stray < last
        {
            return Err(OpenError::Damaged {
                file: name(*stray),
                offset: 0,
                what: "its first chunk is unreadable and later files exist".into(),
            });
        }
        Ok((present, strays, next))
    }

    fn first_header(&self, file: &dyn File, number: u64) -> io::Result<Option<ChunkHeader>> {
        Ok(self.chunk_at(file, 0)?.map(|(header, _)| header).filter(|h| h.file == number))
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
            let mut scan = Scan { file: file.clone(), chunks: Vec::new(), stopped: 0 };
            while end.is_none_or(|end| scan.stopped < end) {
                let Some((header, _)) = self.chunk_at(file.file.as_ref(), scan.stopped)? else { break };
                let expected = header.generation == generation && header.number == scan.chunks.len() as u64;
                if !expected || header.kind != ChunkKind::Data {
                    break;
                }
                committed = committed.max(header.committed);
                scan.chunks.push(Chunk { offset: scan.stopped, header });
                scan.stopped += u64::from(header.len);
            }
            if end.is_none() {
                committed = committed.max(self.committed_behind(file, scan.stopped)?);
            }
            scans.push(scan);
        }
        Ok((scans, committed))
    }

    /// The highest committed LSN named by a valid chunk of this file behind `from`, in steps of 4 KiB.
    fn committed_behind(&self, file: &LogFile, from: u64) -> io::Result<Lsn> {
        let len = file.file.len()?;
        let mut best = Lsn(0);
        let mut offset = from;
        let mut window = vec![0; 256 * BLOCK];
        while offset < len {
            let got = file.file.read_at(&mut window, offset)?;
            for at in (0..got / BLOCK * BLOCK).step_by(BLOCK) {
                let header = ChunkHeader::read(&window[at..at + BLOCK]);
                if header.is_some_and(|h| h.generation == file.used.generation() && h.kind == ChunkKind::Data)
                    && let Some((header, _)) = self.chunk_at(file.file.as_ref(), offset + at as u64)?
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
    ) -> Result<(Vec<Scan>, Ended), OpenError> {
        let mut ended =
            Ended { lsn: Lsn(0), epoch: Epoch(0), clean: false, time: Time(0), file: 0, generation: 0, offset: 0 };
        let mut kept = 0;
        let mut cut: Option<(String, u64, &str)> = None;
        'files: for scan in &mut scans {
            let known_end = ends.contains_key(&scan.file.used.number());
            kept += 1;
            for at in 0..scan.chunks.len() {
                let Chunk { offset, header } = &scan.chunks[at];
                let (offset, header) = (*offset, *header);
                let last = Lsn(header.first_lsn.0 + u64::from(header.entries) - 1);
                let follows = ended.lsn == Lsn(0) || header.first_lsn == ended.lsn.next();
                let what = if !follows {
                    Some("an LSN is missing before it")
                } else if last > committed && !known_end && !self.bodies_hold(&scan.file, offset, &header)? {
                    Some("a body is torn")
                } else {
                    None
                };
                if let Some(what) = what {
                    cut = Some((name(scan.file.used.number()), offset, what));
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
        }
        if ended.lsn < committed {
            let (file, offset, what) = cut.unwrap_or_else(|| {
                let last = scans.iter().rfind(|s| s.file.used.number() == ended.file);
                (name(ended.file), last.map_or(0, |s| s.stopped), "a chunk is unreadable")
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
            if let Some(body) = head.body {
                let start = u64::from(header.bodies_off) + body.offset;
                let range = start as usize..(start + body.len) as usize;
                if chunk.get(range).is_none_or(|b| crc32c(b) != body.crc) {
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

    /// Tells newest States and runs of the files that a round covers.
    fn tell_rounded(
        &self,
        present: &BTreeMap<u64, LogFile>,
        footers: &BTreeMap<u64, FileIndex>,
        rounded: Option<u64>,
        to: &mut dyn Recover,
    ) -> Result<HashMap<ObjectId, (Lsn, Arc<FileUse>)>, OpenError> {
        let mut newest = BTreeMap::new();
        let covered = present.range(..=rounded.unwrap_or(0));
        for (number, file) in covered.clone() {
            let index = footers.get(number).ok_or_else(|| OpenError::Damaged {
                file: name(*number),
                offset: 0,
                what: "its footer is unreadable".into(),
            })?;
            file.used.sealed.store(true, Ordering::Release);
            file.used.round_done.store(1, Ordering::Release);
            for state in &index.states {
                let slot = newest.entry(state.object).or_insert((*state, file, index));
                if slot.0.lsn <= state.lsn {
                    *slot = (*state, file, index);
                }
            }
        }
        for (object, (state, file, index)) in &newest {
            let at = u64::from(index.chunks[state.chunk as usize].block) * BLOCK as u64;
            let damaged = || OpenError::Damaged {
                file: name(file.used.number()),
                offset: at,
                what: format!("the State of object {object} is unreadable"),
            };
            let (header, heads) = self.chunk_at(file.file.as_ref(), at)?.ok_or_else(damaged)?;
            let head = Head::read(&heads, &mut (state.head as usize), header.base_time).ok_or_else(damaged)?;
            to.state(*object, state.lsn, head.entry.data);
        }
        for (number, file) in covered {
            footers[number].objects().filter(|(_, r)| r.count > 0).for_each(|(o, r)| to.run(o, &file.used, r));
        }
        let newest = newest.into_iter().map(|(object, (state, file, _))| {
            file.used.states.fetch_add(1, Ordering::AcqRel);
            (object, (state.lsn, file.used.clone()))
        });
        Ok(newest.collect())
    }

    /// Tells the entries of a file, builds its index, notes the newest States in it.
    fn apply(
        &self,
        scan: &Scan,
        footers: &BTreeMap<u64, FileIndex>,
        rounded: Option<u64>,
        newest: &mut HashMap<ObjectId, (Lsn, Arc<FileUse>)>,
        ended: &mut Ended,
        to: &mut dyn Recover,
    ) -> Result<FileIndex, OpenError> {
        let used = &scan.file.used;
        let mut index = FileIndex::default();
        for chunk in &scan.chunks {
            let damaged =
                |what: &str| OpenError::Damaged { file: name(used.number()), offset: chunk.offset, what: what.into() };
            let (header, heads) = self
                .chunk_at(scan.file.file.as_ref(), chunk.offset)?
                .ok_or_else(|| damaged("it changed while read"))?;
            let (mut at, mut lsn) = (0, header.first_lsn);
            while at < heads.len() {
                let head_at = at as u32;
                let head =
                    Head::read(&heads, &mut at, header.base_time).ok_or_else(|| damaged("a head is malformed"))?;
                index.note(&head, lsn, index.chunks.len() as u32, head_at);
                if head.entry.kind == Kind::State {
                    used.states.fetch_add(1, Ordering::AcqRel);
                    if let Some((_, old)) = newest.insert(head.entry.object, (lsn, used.clone())) {
                        old.states.fetch_sub(1, Ordering::AcqRel);
                    }
                }
                ended.clean = head.entry.kind == Kind::EpochEnd;
                ended.time = ended.time.max(head.entry.time);
                to.entry(used, lsn, &head);
                lsn = lsn.next();
            }
            let block = (chunk.offset / BLOCK as u64) as u32;
            index.chunks.push(ChunkAt { block, bodies_off: header.bodies_off });
        }
        if footers.contains_key(&used.number()) && rounded.is_some_and(|r| used.number() <= r) {
            used.round_done.store(1, Ordering::Release);
        }
        Ok(index)
    }

    /// Writes and syncs the chunks past the last committed LSN again.
    fn write_again(&self, scan: &Scan, committed: Lsn) -> io::Result<()> {
        for chunk in &scan.chunks {
            if chunk.header.first_lsn.0 + u64::from(chunk.header.entries) > committed.0 + 1 {
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
