//! The files of the least server: filled with zeros a little ahead of their use, written past the page cache.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread::Builder;

use crate::error::{Error, Result};

/// Octets of a file.
pub(crate) const FILE: usize = 64 << 20;
/// What writes past the page cache begin at, in the file and in memory.
pub(crate) const ALIGNED: usize = 4096;
/// Files that are ready before they are needed.
const AHEAD: usize = 2;
/// `O_DSYNC` of Linux: the flag of this name in `rustix` is `O_SYNC` there.
const DSYNC: i32 = 0o10000;

/// Octets that begin where a direct write may begin.
pub(crate) struct Aligned {
    octets: Vec<u8>,
    start: usize,
    length: usize,
}

impl Aligned {
    /// Room for this many octets; memory is taken as they are used.
    pub(crate) fn new(room: usize) -> Aligned {
        let octets = vec![0u8; room + ALIGNED];
        let start = octets.as_ptr().align_offset(ALIGNED);
        Aligned { octets, start, length: 0 }
    }

    /// Octets that still fit.
    pub(crate) fn room(&self) -> usize {
        self.octets.len() - ALIGNED - self.length
    }

    pub(crate) fn len(&self) -> usize {
        self.length
    }

    pub(crate) fn clear(&mut self) {
        self.length = 0;
    }

    /// Appends octets that fit; where they begin.
    pub(crate) fn append(&mut self, octets: &[u8]) -> usize {
        let at = self.length;
        let place = self.start + at;
        self.octets[place..place + octets.len()].copy_from_slice(octets);
        self.length += octets.len();
        at
    }

    /// Appends zeros up to the next place where a direct write may begin.
    pub(crate) fn pad(&mut self) {
        let padded = self.length.next_multiple_of(ALIGNED);
        self.octets[self.start + self.length..self.start + padded].fill(0);
        self.length = padded;
    }

    pub(crate) fn octets(&self) -> &[u8] {
        &self.octets[self.start..self.start + self.length]
    }

    pub(crate) fn octets_mut(&mut self) -> &mut [u8] {
        &mut self.octets[self.start..self.start + self.length]
    }
}

/// A file that has no name any more, so that nothing is left of it once it is closed.
pub(crate) struct Piece {
    /// Through the page cache.
    pub(crate) reads: File,
    /// Past it, durable when a write returns; where the file system cannot do that, a write and a sync.
    writes: File,
    direct: bool,
}

impl Piece {
    /// Creates a file full of zeros, which are on the disk.
    fn create(path: &Path, zeros: &Aligned) -> io::Result<Piece> {
        let reads = OpenOptions::new().read(true).write(true).create(true).truncate(true).open(path)?;
        let flags = rustix::fs::OFlags::DIRECT.bits() as i32;
        let direct = OpenOptions::new().write(true).custom_flags(flags | DSYNC).open(path);
        let plain = OpenOptions::new().write(true).custom_flags(flags).open(path);
        std::fs::remove_file(path)?;
        let (writes, filler, direct) = match (direct, plain) {
            (Ok(writes), Ok(filler)) => (writes, filler, true),
            _ => (reads.try_clone()?, reads.try_clone()?, false),
        };
        for at in (0..FILE).step_by(zeros.len()) {
            filler.write_all_at(zeros.octets(), at as u64)?;
        }
        filler.sync_all()?;
        Ok(Piece { reads, writes, direct })
    }

    /// Writes octets that begin and end at multiples of [`ALIGNED`]; they are durable when this returns.
    pub(crate) fn write(&self, octets: &[u8], at: usize) -> io::Result<()> {
        self.writes.write_all_at(octets, at as u64)?;
        if self.direct { Ok(()) } else { self.writes.sync_data() }
    }
}

/// Starts the thread that prepares files; the first is ready when this returns.
pub(crate) fn prepare(directory: &Path) -> Result<Receiver<io::Result<Arc<Piece>>>> {
    let stem: PathBuf = directory.join(format!("narumq-bench-kafka-limit-{}", std::process::id()));
    let mut zeros = Aligned::new(1 << 20);
    zeros.append(&vec![0; 1 << 20]);
    let first = Piece::create(&stem, &zeros).map_err(|error| Error::io(stem.display(), error))?;
    // The one that waits to be handed over is ready as well.
    let (sender, pieces) = sync_channel(AHEAD - 1);
    // There is room for one.
    let _ = sender.send(Ok(Arc::new(first)));
    Builder::new().name("prefill".to_owned()).spawn(move || {
        // When nobody takes them any more the process ends.
        while sender.send(Piece::create(&stem, &zeros).map(Arc::new)).is_ok() {}
    })?;
    Ok(pieces)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn octets_begin_where_a_direct_write_may() {
        let mut buffer = Aligned::new(3 * ALIGNED);
        assert_eq!((buffer.append(b"abc"), buffer.append(b"de")), (0, 3));
        buffer.pad();
        assert_eq!((buffer.len(), buffer.room()), (ALIGNED, 2 * ALIGNED));
        assert_eq!(buffer.append(b"f"), ALIGNED);
        assert_eq!((&buffer.octets()[..6], buffer.octets()[ALIGNED]), (&b"abcde\0"[..], b'f'));
        assert_eq!(buffer.octets().as_ptr().align_offset(ALIGNED), 0);
        buffer.clear();
        buffer.append(b"x");
        buffer.pad();
        assert!(buffer.octets()[1..].iter().all(|&octet| octet == 0), "nothing of before is left");
    }

    #[test]
    fn what_is_written_is_read_and_no_name_is_left() {
        let directory = std::env::temp_dir().join(format!("narumq-bench-limit-test-{}", std::process::id()));
        std::fs::create_dir_all(&directory).unwrap();
        let pieces = prepare(&directory).unwrap();
        let piece = pieces.recv().unwrap().unwrap();
        let mut octets = Aligned::new(ALIGNED);
        octets.append(b"written");
        octets.pad();
        piece.write(octets.octets(), ALIGNED).unwrap();
        let mut read = [1; 9];
        piece.reads.read_exact_at(&mut read, ALIGNED as u64 - 1).unwrap();
        assert_eq!(&read, b"\0written\0");
        assert_eq!(piece.reads.metadata().unwrap().len(), FILE as u64);
        drop((pieces.recv().unwrap().unwrap(), pieces));
        while std::fs::read_dir(&directory).unwrap().count() > 0 {
            std::thread::yield_now();
        }
        std::fs::remove_dir(&directory).unwrap();
    }
}
