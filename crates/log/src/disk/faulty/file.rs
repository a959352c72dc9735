//! One file of a disk that fails.

use super::{Change, FaultyDisk, apply};
use crate::disk::File;
use std::io;

/// The file whose content is the disk's number `at`.
#[derive(Debug)]
pub(super) struct FaultyFile {
    pub(super) disk: FaultyDisk,
    pub(super) at: usize,
}

impl File for FaultyFile {
    fn len(&self) -> io::Result<u64> {
        Ok(self.disk.locked().contents[self.at].current.len() as u64)
    }

    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        let state = self.disk.locked();
        if state.off {
            return Err(io::Error::other("no power"));
        }
        let bytes = &state.contents[self.at].current;
        let start = (offset as usize).min(bytes.len());
        let n = buf.len().min(bytes.len() - start);
        buf[..n].copy_from_slice(&bytes[start..start + n]);
        Ok(n)
    }

    fn write_at(&self, buf: &[u8], offset: u64) -> io::Result<()> {
        let mut state = self.disk.locked();
        let was_off = state.off;
        let operation = state.operate();
        if let Err(error) = operation {
            // The write under way when the power goes may have reached the disk in part.
            if !was_off {
                state.contents[self.at].pending.push(Change::Write(offset, buf.to_vec()));
            }
            return Err(error);
        }
        if state.plan.write_error_at == operation.ok() {
            return Err(io::Error::from_raw_os_error(5));
        }
        let grown = (offset + buf.len() as u64).saturating_sub(state.contents[self.at].current.len() as u64);
        if state.plan.capacity.is_some_and(|capacity| state.used() + grown > capacity) {
            return Err(io::Error::from_raw_os_error(28));
        }
        let content = &mut state.contents[self.at];
        apply(&mut content.current, offset, buf);
        content.pending.push(Change::Write(offset, buf.to_vec()));
        Ok(())
    }

    fn truncate(&self, len: u64) -> io::Result<()> {
        let mut state = self.disk.locked();
        state.operate()?;
        let content = &mut state.contents[self.at];
        content.current.resize(len as usize, 0);
        content.pending.push(Change::Truncate(len));
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        loop {
            let mut state = self.disk.locked();
            if !state.off && state.sync_gate {
                drop(state);
                std::thread::yield_now();
                continue;
            }
            let operation = state.operate()?;
            let fails = state.plan.sync_error_at == Some(operation);
            let content = &mut state.contents[self.at];
            if fails {
                content.pending.clear();
                return Err(io::Error::from_raw_os_error(5));
            }
            for change in std::mem::take(&mut content.pending) {
                match change {
                    Change::Write(offset, write) => apply(&mut content.durable, offset, &write),
                    Change::Truncate(len) => content.durable.resize(len as usize, 0),
                }
            }
            return Ok(());
        }
    }
}
