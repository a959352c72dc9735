//! The disk as an argument: files by name in one flat directory, with real, in-memory, faulty and watched twins.

#[cfg(feature = "twins")]
pub mod faulty;
pub mod file;
pub mod memory;
#[cfg(feature = "twins")]
pub mod watched;

use std::io::{self, IoSlice};
use std::sync::Arc;

/// A flat directory of files.
pub trait Disk: Send + Sync {
    /// Names of all files.
    fn list(&self) -> io::Result<Vec<String>>;
    /// Opens a file for reading and writing; `create` makes it, empty, and fails if it is there.
    fn open(&self, name: &str, create: bool) -> io::Result<Arc<dyn File>>;
    /// As `open`, for a file that is written in large pieces and synced now and then: a write is not durable by itself.
    fn open_bulk(&self, name: &str, create: bool) -> io::Result<Arc<dyn File>> {
        self.open(name, create)
    }
    /// As `open`, through the page cache whatever else the disk does: for small writes at any offset, durable after a sync.
    fn open_cached(&self, name: &str, create: bool) -> io::Result<Arc<dyn File>> {
        self.open(name, create)
    }
    /// Renames; what was at `to` is replaced.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;
    /// Removes a file.
    fn remove(&self, name: &str) -> io::Result<()>;
    /// Makes creations, renames and removals durable.
    fn sync_names(&self) -> io::Result<()>;
    /// Bytes that may still be written.
    fn free_bytes(&self) -> io::Result<u64>;
    /// A file without a name: gone when it is dropped or the process ends.
    fn scratch(&self) -> io::Result<Arc<dyn File>>;
}

/// A file. Log writes are aligned to 4 KiB in offset, length and memory.
pub trait File: Send + Sync {
    /// Length in bytes.
    fn len(&self) -> io::Result<u64>;
    /// Whether it has no bytes.
    fn is_empty(&self) -> io::Result<bool> {
        Ok(self.len()? == 0)
    }
    /// Fills `buf` from `offset`; fewer bytes only at the end of the file.
    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize>;
    /// The same past the page cache where the file can: address, length and offset of what is read are multiples of 4 KiB.
    fn read_past_cache(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        self.read_at(buf, offset)
    }
    /// Writes all of `buf` at `offset`.
    fn write_at(&self, buf: &[u8], offset: u64) -> io::Result<()>;
    /// Writes all of these, one behind the other, from `offset` on.
    fn write_vectored_at(&self, slices: &mut [IoSlice<'_>], mut offset: u64) -> io::Result<()> {
        for slice in slices {
            self.write_at(slice, offset)?;
            offset += slice.len() as u64;
        }
        Ok(())
    }
    /// Cuts the file off at `len` bytes, or fills it up with zeros; durable after a sync. Whoever cannot, says so.
    fn truncate(&self, _len: u64) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }
    /// Makes everything written so far durable.
    fn sync(&self) -> io::Result<()>;
}

/// Reads exactly `len` bytes at `offset`.
pub fn read_exact_at(file: &dyn File, len: usize, offset: u64) -> io::Result<Vec<u8>> {
    let mut buf = vec![0; len];
    let got = file.read_at(&mut buf, offset)?;
    if got < len {
        return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "file is shorter than its index says"));
    }
    Ok(buf)
}
