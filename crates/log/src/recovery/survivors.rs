//! Survivor files at the start: the last valid footer of each tells where copied messages lie.

use super::Recovery;
use super::footers::is_sealed;
use crate::chunk::ChunkKind;
use crate::files::indexes::{read_footer, read_footer_at};
use crate::files::{FileUse, LogFile, name, survivor_of};
use crate::index::FileIndex;
use crate::opening::{OpenError, Recover};
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// All survivor files, ascending, with what they hold.
pub(super) fn find(recovery: &Recovery<'_>) -> Result<Vec<(LogFile, FileIndex)>, OpenError> {
    let disk = &recovery.files.disk;
    let mut numbers: Vec<u64> = disk.list()?.iter().filter_map(|n| survivor_of(n)).collect();
    numbers.sort_unstable();
    let mut found = Vec::with_capacity(numbers.len());
    for number in numbers {
        let file = disk.open(&name(number), false)?;
        let generation = match recovery.first_header(file.as_ref(), number)? {
            Some(header) => header.generation,
            None => {
                // Nothing in it was ever synced: what it was to hold lies where it lay.
                recovery.refuse_foreign(file.as_ref(), number)?;
                0
            }
        };
        let used = Arc::new(FileUse::new(number, generation, file.len()?));
        used.round_done.store(1, Ordering::Release);
        used.sealed.store(true, Ordering::Release);
        let file = LogFile { file, used };
        let index = newest_footer(recovery, &file)?;
        found.push((file, index));
    }
    Ok(found)
}

fn newest_footer(recovery: &Recovery<'_>, file: &LogFile) -> Result<FileIndex, OpenError> {
    let (disk, generation, number) = (file.file.as_ref(), file.used.generation(), file.used.number());
    let mut end = 0;
    let mut found = read_footer(disk, generation)?;
    if found.is_none() {
        (found, end) = walk(recovery, file)?;
        if is_sealed(disk, number)? {
            let what = "its footer is unreadable".into();
            return Err(OpenError::Damaged { file: name(number), offset: end, what });
        }
    }
    let index = found.unwrap_or_default();
    let filled = index.chunks.last().map_or(0, |c| u64::from(c.block) * crate::chunk::BLOCK as u64);
    file.used.measured(index.copies(), filled.max(end));
    file.used.footer.store(end, Ordering::Release);
    Ok(index)
}

/// The last valid footer and its offset.
fn walk(recovery: &Recovery<'_>, file: &LogFile) -> io::Result<(Option<FileIndex>, u64)> {
    let (mut offset, mut chunks) = (0, 0);
    let (mut found, mut at) = (None, 0);
    while let Some((header, _)) = recovery.chunk_at(file.file.as_ref(), offset)? {
        if header.generation != file.used.generation() || header.number != chunks {
            break;
        }
        match header.kind {
            ChunkKind::Data => chunks += 1,
            ChunkKind::Footer => {
                if let Some(index) = read_footer_at(file.file.as_ref(), header.generation, offset)? {
                    (found, at) = (Some(index), offset);
                }
            }
        }
        offset += u64::from(header.len);
    }
    Ok((found, at))
}

pub(super) fn tell(file: &LogFile, index: &FileIndex, to: &mut dyn Recover) {
    let runs = index.objects().filter(|(_, run)| run.count > 0);
    runs.for_each(|(object, run)| to.run(object, &file.used, run));
}
