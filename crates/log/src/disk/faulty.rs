//! A disk that fails as disks do: power cuts that drop, tear and reorder unsynced writes, errors, a full device.
//!
//! Each file keeps its durable bytes and the writes since the last sync. At a power cut every unsynced write is, by seed,
//! kept, dropped or torn at a sector, independently of the others; of the changes of names since they were synced, the
//! first ones are kept, in order, as a journalling file system does. A sync that failed leaves what it dropped dropped.

mod file;

use super::{Disk, File};
use file::FaultyFile;
use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

const SECTOR: usize = 512;

/// What goes wrong, counted in operations from the disk's beginning, from 1.
#[derive(Clone, Copy, Debug, Default)]
pub struct Plan {
    /// The power goes in this operation (write, sync or change of names): it takes no effect for sure.
    pub power_cut_at: Option<u64>,
    /// This operation, if a write, fails with EIO.
    pub write_error_at: Option<u64>,
    /// This operation, if a sync, fails with EIO once; what was unsynced is dropped, as kernels do.
    pub sync_error_at: Option<u64>,
    /// Bytes the device holds.
    pub capacity: Option<u64>,
}

/// A disk with a plan of faults.
#[derive(Clone, Debug)]
pub struct FaultyDisk {
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct Content {
    durable: Vec<u8>,
    current: Vec<u8>,
    pending: Vec<Change>,
}

/// A change of a file that is not synced.
#[derive(Debug)]
enum Change {
    /// These bytes at this offset.
    Write(u64, Vec<u8>),
    /// Cut off, or filled up with zeros.
    Truncate(u64),
}

#[derive(Debug, Default)]
struct State {
    plan: Plan,
    operations: u64,
    off: bool,
    contents: Vec<Content>,
    names: BTreeMap<String, usize>,
    /// The names as of the last sync and after each change since.
    older_names: Vec<BTreeMap<String, usize>>,
    sync_gate: bool,
}

impl FaultyDisk {
    /// An empty disk with this plan.
    pub fn new(plan: Plan) -> Self {
        Self { state: Arc::new(Mutex::new(State { plan, ..State::default() })) }
    }

    /// Operations so far.
    pub fn operations(&self) -> u64 {
        self.locked().operations
    }

    /// Whether the power has gone.
    pub fn is_off(&self) -> bool {
        self.locked().off
    }

    /// Pulls the plug now: every further operation fails.
    pub fn cut_power(&self) {
        self.locked().off = true;
    }

    /// Whether syncs that come now are to wait, failing nothing: they return once the gate opens.
    pub fn hold_syncs(&self, hold: bool) {
        self.locked().sync_gate = hold;
    }

    /// The disk as it is found after the power cut, with a new plan. `seed` decides what became of unsynced writes.
    pub fn after_power_cut(&self, seed: u64, plan: Plan) -> Self {
        let old = self.locked();
        let mut random = seed;
        let mut next = || {
            random = random.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mixed = (random ^ (random >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb) >> 16
        };
        let mut state = State { plan, ..State::default() };
        for content in &old.contents {
            let mut bytes = content.durable.clone();
            let mut order: Vec<usize> = (0..content.pending.len()).collect();
            (1..order.len()).rev().for_each(|i| order.swap(i, (next() % (i as u64 + 1)) as usize));
            for i in order {
                let (offset, write) = match &content.pending[i] {
                    Change::Write(offset, write) => (offset, write),
                    Change::Truncate(len) => {
                        if next() % 2 == 0 {
                            bytes.resize(*len as usize, 0);
                        }
                        continue;
                    }
                };
                let sectors = write.len().div_ceil(SECTOR) as u64;
                match next() % 4 {
                    0 => {}
                    1 => apply(&mut bytes, *offset, write),
                    2 => {
                        let keep = ((next() % (sectors + 1)) as usize * SECTOR).min(write.len());
                        apply(&mut bytes, *offset, &write[..keep]);
                    }
                    _ => {
                        for (n, sector) in write.chunks(SECTOR).enumerate() {
                            if next() % 2 == 0 {
                                apply(&mut bytes, offset + (n * SECTOR) as u64, sector);
                            }
                        }
                    }
                }
            }
            state.contents.push(Content { durable: bytes.clone(), current: bytes, pending: Vec::new() });
        }
        let changes = old.older_names.len();
        state.names = old.older_names.get(next() as usize % (changes + 1)).unwrap_or(&old.names).clone();
        Self { state: Arc::new(Mutex::new(state)) }
    }

    /// The disk as it is found after the process was killed, with a new plan: everything written is there, synced or not.
    pub fn after_kill(&self, plan: Plan) -> Self {
        let old = self.locked();
        let keep =
            |c: &Content| Content { durable: c.current.clone(), current: c.current.clone(), pending: Vec::new() };
        let state = State {
            contents: old.contents.iter().map(keep).collect(),
            plan,
            names: old.names.clone(),
            ..State::default()
        };
        Self { state: Arc::new(Mutex::new(state)) }
    }

    /// Flips one bit of a file's durable bytes.
    pub fn flip_bit(&self, name: &str, byte: u64, bit: u8) {
        let mut state = self.locked();
        let at = state.names[name];
        let content = &mut state.contents[at];
        content.durable[byte as usize] ^= 1 << bit;
        content.current[byte as usize] ^= 1 << bit;
    }

    /// A file's bytes as a reader sees them.
    pub fn bytes(&self, name: &str) -> Vec<u8> {
        let state = self.locked();
        state.contents[state.names[name]].current.clone()
    }

    /// Whether all that was written to files whose names end so is durable.
    pub fn is_synced(&self, suffix: &str) -> bool {
        let state = self.locked();
        state
            .names
            .iter()
            .filter(|(name, _)| name.ends_with(suffix))
            .all(|(_, at)| state.contents[*at].pending.is_empty())
    }

    fn locked(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn apply(bytes: &mut Vec<u8>, offset: u64, write: &[u8]) {
    let end = offset as usize + write.len();
    if bytes.len() < end {
        bytes.resize(end, 0);
    }
    bytes[offset as usize..end].copy_from_slice(write);
}

impl State {
    /// Counts an operation; an error if the power is, or now goes, off.
    fn operate(&mut self) -> io::Result<u64> {
        if self.off {
            return Err(io::Error::other("no power"));
        }
        self.operations += 1;
        if self.plan.power_cut_at == Some(self.operations) {
            self.off = true;
            return Err(io::Error::other("power cut"));
        }
        Ok(self.operations)
    }

    /// The names are about to change.
    fn rename(&mut self) {
        self.older_names.push(self.names.clone());
    }

    fn used(&self) -> u64 {
        self.names.values().map(|&at| self.contents[at].current.len() as u64).sum()
    }
}

impl Disk for FaultyDisk {
    fn list(&self) -> io::Result<Vec<String>> {
        Ok(self.locked().names.keys().cloned().collect())
    }

    fn open(&self, name: &str, create: bool) -> io::Result<Arc<dyn File>> {
        let mut state = self.locked();
        let at = match (state.names.get(name).copied(), create) {
            (Some(_), true) => return Err(io::ErrorKind::AlreadyExists.into()),
            (None, false) => return Err(io::ErrorKind::NotFound.into()),
            (Some(at), false) => at,
            (None, true) => {
                state.operate()?;
                state.contents.push(Content::default());
                let at = state.contents.len() - 1;
                state.rename();
                state.names.insert(name.to_owned(), at);
                at
            }
        };
        Ok(Arc::new(FaultyFile { disk: self.clone(), at }))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let mut state = self.locked();
        state.operate()?;
        state.rename();
        let at = state.names.remove(from).ok_or(io::ErrorKind::NotFound)?;
        state.names.insert(to.to_owned(), at);
        Ok(())
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        let mut state = self.locked();
        state.operate()?;
        state.rename();
        state.names.remove(name).map(drop).ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn sync_names(&self) -> io::Result<()> {
        let mut state = self.locked();
        state.operate()?;
        state.older_names.clear();
        Ok(())
    }

    fn free_bytes(&self) -> io::Result<u64> {
        let state = self.locked();
        Ok(state.plan.capacity.map_or(u64::MAX, |capacity| capacity.saturating_sub(state.used())))
    }

    fn scratch(&self) -> io::Result<Arc<dyn File>> {
        let mut state = self.locked();
        state.contents.push(Content::default());
        Ok(Arc::new(FaultyFile { disk: self.clone(), at: state.contents.len() - 1 }))
    }
}

#[cfg(test)]
mod tests;
