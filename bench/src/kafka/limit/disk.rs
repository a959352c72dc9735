//! The thread that writes what has gathered, then answers everybody who waited for it.

use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::thread::Builder;

use super::answers;
use super::files::{FILE, Piece, prepare};
use super::store::{Gathered, Parked, Store};
use crate::error::Result;

type Pieces = Receiver<std::io::Result<Arc<Piece>>>;

/// Prepares the first file and starts the thread.
pub(crate) fn start(store: &Arc<Store>, directory: &Path) -> Result<()> {
    let (store, pieces) = (Arc::clone(store), prepare(directory)?);
    Builder::new().name("disk".to_owned()).spawn(move || {
        let error = run(&store, &pieces);
        eprintln!("the least server cannot write: {error}");
        std::process::exit(1);
    })?;
    Ok(())
}

/// Runs until the disk fails.
fn run(store: &Store, pieces: &Pieces) -> std::io::Error {
    let mut taken = Gathered::new();
    // The file that is written, and up to where.
    let mut open: Option<(Arc<Piece>, usize)> = None;
    loop {
        let mut state = store.lock();
        while state.gathered.batches.is_empty() {
            state = store.wait(state);
        }
        std::mem::swap(&mut state.gathered, &mut taken);
        drop(state);
        store.notify();
        taken.octets.pad();
        let fits = open.take().filter(|(_, at)| at + taken.octets.len() <= FILE);
        let (piece, at) = match fits {
            Some(open) => open,
            None => match pieces.recv() {
                Ok(Ok(piece)) => (piece, 0),
                Ok(Err(error)) => return error,
                Err(gone) => return std::io::Error::other(gone),
            },
        };
        if let Err(error) = piece.write(taken.octets.octets(), at) {
            return error;
        }
        let parked = settle(store, &taken, &piece, at);
        for (outlet, frames) in taken.answers.drain(..) {
            outlet.write(&frames);
        }
        for (parked, batch, high) in parked {
            let records = &taken.octets.octets()[batch.0..batch.0 + batch.1];
            let mut frame = answers::fetched(&parked, high, Some(records.len()));
            frame.extend_from_slice(records);
            answers::end_fetched(&mut frame);
            parked.outlet.write(&frame);
        }
        open = Some((piece, at + taken.octets.len()));
        taken.octets.clear();
        taken.batches.clear();
    }
}

/// Where a batch lies in what was written: begin and length.
type Place = (usize, usize);

/// Notes where the batches lie; returns the fetches that waited for one, each with it and with the end of its partition.
fn settle(store: &Store, taken: &Gathered, piece: &Arc<Piece>, at: usize) -> Vec<(Parked, Place, i64)> {
    let mut woken = Vec::new();
    let mut state = store.lock();
    for number in &taken.batches {
        // A topic may have been deleted meanwhile.
        let Some(partition) = state.partitions.get_mut(number) else { continue };
        let high = partition.next();
        let Some(extent) = partition.extents.get_mut(partition.durable) else { continue };
        let place = (extent.at, extent.length);
        extent.at += at;
        extent.piece = Some(Arc::clone(piece));
        partition.durable += 1;
        woken.extend(partition.parked.drain(..).map(|parked| (parked, place, high)));
    }
    woken
}
