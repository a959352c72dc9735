//! One thread that writes what has gathered into a file filled with zeros before, syncs it once,
//! and then confirms everything that waited for it.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::Builder;

use crate::encode::{self, CHANNEL, id};
use crate::error::Result;
use crate::limit::queues::Outlet;
use crate::probe::prefilled;

/// Size of the file; it is overwritten from the start again and again.
const FILE: usize = 64 << 20;
/// A publisher waits while more than this has gathered.
const GATHERED: usize = 32 << 20;

/// The hand-over to the disk thread.
pub(crate) struct Disk {
    gathered: Mutex<Gathered>,
    changed: Condvar,
}

#[derive(Default)]
struct Gathered {
    bytes: Vec<u8>,
    waiting: Vec<(Arc<Outlet>, u64)>,
}

impl Disk {
    /// Prepares the file and starts the thread.
    pub(crate) fn start(directory: &Path) -> Result<Arc<Disk>> {
        let file = prefilled(directory, "limit", FILE)?;
        let disk = Arc::new(Disk { gathered: Mutex::default(), changed: Condvar::new() });
        let its = Arc::clone(&disk);
        Builder::new().name("disk".to_owned()).spawn(move || its.run(&file))?;
        Ok(disk)
    }

    /// Hands over bodies; `waiting` is confirmed up to the tag once they are on the disk.
    pub(crate) fn append(&self, bodies: &[u8], waiting: Option<(Arc<Outlet>, u64)>) {
        let mut gathered = self.lock();
        while gathered.bytes.len() > GATHERED {
            gathered = self.changed.wait(gathered).unwrap_or_else(PoisonError::into_inner);
        }
        gathered.bytes.extend_from_slice(bodies);
        gathered.waiting.extend(waiting);
        drop(gathered);
        self.changed.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, Gathered> {
        self.gathered.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn run(&self, file: &File) {
        let mut at = 0;
        let mut taken = Gathered::default();
        let mut answer = Vec::new();
        loop {
            taken.bytes.clear();
            taken.waiting.clear();
            let mut gathered = self.lock();
            while gathered.bytes.is_empty() && gathered.waiting.is_empty() {
                gathered = self.changed.wait(gathered).unwrap_or_else(PoisonError::into_inner);
            }
            std::mem::swap(&mut *gathered, &mut taken);
            drop(gathered);
            self.changed.notify_all();
            if let Err(error) = write(file, &mut at, &taken.bytes) {
                eprintln!("the least server cannot write: {error}");
                std::process::exit(1);
            }
            // The last tag of each connection covers its earlier ones.
            let mut rest = &taken.waiting[..];
            while let Some(((outlet, tag), earlier)) = rest.split_last() {
                let superseded = taken.waiting[earlier.len() + 1..].iter().any(|(later, _)| Arc::ptr_eq(later, outlet));
                rest = earlier;
                if !superseded {
                    confirm(&mut answer, outlet, *tag);
                }
            }
        }
    }
}

/// Writes and syncs, wrapping at the end of the file.
fn write(file: &File, at: &mut usize, bytes: &[u8]) -> std::io::Result<()> {
    for piece in bytes.chunks(FILE / 4) {
        if *at + piece.len() > FILE {
            *at = 0;
        }
        file.write_all_at(piece, *at as u64)?;
        *at += piece.len();
    }
    file.sync_data()
}

/// basic.ack of everything up to a tag.
pub(crate) fn confirm(buffer: &mut Vec<u8>, outlet: &Outlet, tag: u64) {
    buffer.clear();
    encode::method(buffer, CHANNEL, id::BASIC_ACK, |arguments| {
        arguments.extend(tag.to_be_bytes());
        arguments.push(1);
    });
    outlet.write(buffer);
}
