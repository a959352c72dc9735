//! The indexes of files that were used last, and the footers that they come from.

use super::{FileUse, Files, LogFile, locked, name};
use crate::chunk::{BLOCK, ChunkHeader, ChunkKind, HEADER, crc32c};
use crate::disk::{File, read_exact_at};
use crate::index::FileIndex;
use crate::index::footer::Trailer;
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// Indexes of sealed files kept in memory.
const INDEXES_KEPT: usize = 3;

impl Files {
    /// Keeps the index of a file that was just sealed, as it will soon be wanted.
    pub(crate) fn keep_index(&self, number: u64, index: Arc<FileIndex>) {
        let mut kept = locked(&self.indexes);
        kept.retain(|(n, _)| *n != number);
        keep(&mut kept, number, index);
    }

    /// The index of a sealed file, from memory or from its footer.
    pub(crate) fn index(&self, file: &LogFile) -> io::Result<Arc<FileIndex>> {
        let number = file.used.number();
        if let Some((_, index)) = locked(&self.indexes).iter().find(|(n, _)| *n == number) {
            return Ok(index.clone());
        }
        let footer = file.used.footer.load(Ordering::Acquire);
        let found = match footer {
            0 => read_footer(file.file.as_ref(), file.used.generation())?,
            at => read_footer_at(file.file.as_ref(), file.used.generation(), at)?,
        };
        let index = Arc::new(found.ok_or_else(|| {
            io::Error::new(io::ErrorKind::InvalidData, format!("file {} has no valid footer", name(number)))
        })?);
        self.keep_read(&file.used, footer, index.clone());
        Ok(index)
    }

    /// Keeps an index that was read from this footer, unless the file has got a newer one meanwhile.
    fn keep_read(&self, used: &FileUse, footer: u64, index: Arc<FileIndex>) {
        let mut kept = locked(&self.indexes);
        // Whoever writes a footer says where it lies before it keeps its index.
        if used.footer.load(Ordering::Acquire) == footer && kept.iter().all(|(number, _)| *number != used.number()) {
            keep(&mut kept, used.number(), index);
        }
    }
}

/// Keeps an index; the one that was kept first goes.
fn keep(kept: &mut Vec<(u64, Arc<FileIndex>)>, number: u64, index: Arc<FileIndex>) {
    kept.push((number, index));
    let surplus = kept.len().saturating_sub(INDEXES_KEPT);
    kept.drain(..surplus);
}

/// The footer of a sealed file. `None` if there is none or it is damaged.
pub(crate) fn read_footer(file: &dyn File, generation: u64) -> io::Result<Option<FileIndex>> {
    let len = file.len()?;
    if len < 2 * BLOCK as u64 {
        return Ok(None);
    }
    let Some(trailer) = Trailer::decode(&read_exact_at(file, BLOCK, len - BLOCK as u64)?) else { return Ok(None) };
    if trailer.generation != generation {
        return Ok(None);
    }
    read_footer_at(file, generation, trailer.footer)
}

/// The footer that lies at `offset`. `None` if there is none or it is damaged.
pub(crate) fn read_footer_at(file: &dyn File, generation: u64, offset: u64) -> io::Result<Option<FileIndex>> {
    let len = file.len()?;
    if offset.checked_add(BLOCK as u64).is_none_or(|end| end > len) {
        return Ok(None);
    }
    let Some(header) = ChunkHeader::read(&read_exact_at(file, BLOCK, offset)?) else { return Ok(None) };
    if header.kind != ChunkKind::Footer || header.generation != generation || offset + u64::from(header.len) > len {
        return Ok(None);
    }
    let chunk = read_exact_at(file, header.len as usize, offset)?;
    if !header.verify(&chunk) || header.head_len != 4 {
        return Ok(None);
    }
    let bodies = &chunk[header.bodies_off as usize..][..header.body_len as usize];
    let crc = u32::from_le_bytes([chunk[HEADER], chunk[HEADER + 1], chunk[HEADER + 2], chunk[HEADER + 3]]);
    Ok((crc32c(bodies) == crc).then(|| FileIndex::decode(bodies)).flatten())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::memory::MemoryDisk;
    use crate::files::SURVIVOR;
    use narumq_model::{ObjectId, Seq};

    #[test]
    fn an_index_that_was_read_takes_the_place_of_no_newer_one() {
        let files = Files::new(Arc::new(MemoryDisk::default()), (8 << 20, 64 << 20)).expect("an empty disk");
        let used = FileUse::new(SURVIVOR | 1, 7, 1 << 20);
        let with = |messages: u64| {
            let mut index = FileIndex::default();
            (0..messages).for_each(|n| index.push(ObjectId(1), Seq(n + 1), 0, n as u32));
            Arc::new(index)
        };
        let kept = || locked(&files.indexes).iter().map(|(_, index)| index.copies()).collect::<Vec<_>>();
        // A reader has read the footer at 4096; before it keeps that, more is copied into the file.
        used.footer.store(8192, Ordering::Release);
        files.keep_read(&used, 4096, with(1));
        assert_eq!(kept(), []);
        files.keep_index(used.number(), with(2));
        files.keep_read(&used, 8192, with(1));
        assert_eq!(kept(), [2]);
    }
}
