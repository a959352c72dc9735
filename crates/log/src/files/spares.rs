//! Spares: files that are dead or filled with zeros beforehand, kept to become the next ones.
//!
//! ```text
//! names:  16 hexadecimal digits ".spare"    a spare, by the order in which they came
//!         "prefill.tmp"                     a file while it is being filled with zeros: worth nothing after a restart
//! ```

use super::{FileUse, Files, locked, name, numbered};
use crate::chunk::BLOCK;
use crate::disk::Disk;
use std::io;
use std::sync::atomic::Ordering;

/// Dead or prefilled files kept for reuse: consumers that keep up let several files die at once.
const SPARES_KEPT: usize = 6;
/// The name of a file while it is being filled with zeros.
const PREFILLING: &str = "prefill.tmp";

/// A file to be reused.
#[derive(Debug)]
pub(super) struct Spare {
    name: String,
    len: u64,
}

/// The spares among the files of these names, and the number of the next one.
pub(super) fn find(disk: &dyn Disk, names: Vec<String>) -> io::Result<(Vec<Spare>, u64)> {
    let spares: Vec<String> = names.into_iter().filter(|n| numbered(n, ".spare").is_some()).collect();
    let next = spares.iter().filter_map(|s| numbered(s, ".spare")).max();
    let measured = spares.into_iter().map(|name| {
        let len = disk.open(&name, false)?.len()?;
        Ok(Spare { name, len })
    });
    Ok((measured.collect::<io::Result<Vec<Spare>>>()?, next.map_or(1, |n| n + 1)))
}

impl Files {
    /// The next file: a spare is set aside for it if one is large enough, else it gets `new` bytes, at least `need`.
    pub(crate) fn next(&self, number: u64, generation: u64, new: u64, need: u64) -> FileUse {
        let mut spares = locked(&self.spares);
        let fitting = spares.iter().enumerate().filter(|(_, spare)| spare.len >= need);
        let at = fitting.max_by_key(|(_, spare)| spare.len).map(|(at, _)| at);
        let spare = at.map(|at| spares.swap_remove(at));
        let used = FileUse::new(number, generation, spare.as_ref().map_or(new.max(need), |s| s.len));
        *locked(&used.spare) = spare.map(|s| s.name);
        used
    }

    /// How many files wait for reuse.
    pub(crate) fn spares(&self) -> usize {
        locked(&self.spares).len()
    }

    /// Fills a new file with zeros and keeps it as a spare.
    pub(crate) fn prefill(&self, bytes: u64, stop: &dyn Fn() -> bool) -> io::Result<()> {
        if self.disk.list()?.iter().any(|name| name == PREFILLING) {
            self.disk.remove(PREFILLING)?;
        }
        let file = self.disk.open(PREFILLING, true)?;
        let mut zeros = vec![0u8; (256 << 10) + BLOCK];
        let start = zeros.as_ptr().align_offset(BLOCK);
        let zeros = &mut zeros[start..start + (256 << 10)];
        let mut offset = 0;
        while offset < bytes {
            if stop() {
                return self.disk.remove(PREFILLING);
            }
            let len = zeros.len().min((bytes - offset) as usize);
            match file.write_at(&zeros[..len], offset) {
                // A device that fills up meanwhile ends this, not the log.
                Err(error) if error.kind() == io::ErrorKind::StorageFull => return self.disk.remove(PREFILLING),
                written => written?,
            }
            offset += len as u64;
        }
        file.sync()?;
        self.keep_spare(PREFILLING, bytes)
    }

    /// Takes a dead file out of use and keeps it as a spare, or removes it if there are enough or its size is odd.
    pub(crate) fn retire(&self, dead: &FileUse) -> io::Result<()> {
        let file = locked(&self.map).remove(&dead.number());
        locked(&self.indexes).retain(|(number, _)| *number != dead.number());
        let (smallest, largest) = self.sizes;
        let len = file.and_then(|f| f.file.len().ok()).filter(|len| (smallest..=largest).contains(len));
        if let Some(len) = len.filter(|_| self.spares() < SPARES_KEPT) {
            self.keep_spare(&name(dead.number()), len)
        } else {
            self.disk.remove(&name(dead.number()))?;
            self.disk.sync_names()
        }
    }

    fn keep_spare(&self, from: &str, len: u64) -> io::Result<()> {
        let spare = format!("{:016x}.spare", self.next_spare.fetch_add(1, Ordering::Relaxed));
        self.disk.rename(from, &spare)?;
        self.disk.sync_names()?;
        locked(&self.spares).push(Spare { name: spare, len });
        Ok(())
    }

    /// Removes all spares but one: the disk is short of space.
    pub(crate) fn drop_spares(&self) -> io::Result<()> {
        // The writer may take spares at any time: there may be none left.
        let surplus: Vec<Spare> = {
            let mut spares = locked(&self.spares);
            let first = spares.len().min(1);
            spares.drain(first..).collect()
        };
        for spare in &surplus {
            self.disk.remove(&spare.name)?;
        }
        if surplus.is_empty() { Ok(()) } else { self.disk.sync_names() }
    }
}
