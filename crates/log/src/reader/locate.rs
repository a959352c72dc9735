//! Where wanted messages lie: by the index of the open file, of one that is being sealed, or of a sealed one.

use super::ReadRequest;
use crate::files::LogFile;
use crate::index::{ChunkAt, FileIndex, Position, Walk};
use crate::shared::Shared;
use std::io;

/// What was located: positions, the walk behind each, the file's chunks, and whether the run ended.
pub(super) type Located = (Vec<Position>, Vec<Walk>, Vec<ChunkAt>, bool);

/// Messages located at once.
const LOCATED_MAX: usize = 4096;
/// Smallest message assumed when it is guessed how many to locate.
const MESSAGE_BYTES_MIN: u64 = 64;

/// `None` if the file has not even been made.
pub(super) fn locate(shared: &Shared, request: &ReadRequest) -> io::Result<Option<(LogFile, Located)>> {
    let number = request.file;
    let of = |index: &FileIndex, written: u64| {
        let (found, walks, ended) = positions(index, request, written);
        (found, walks, index.chunks.clone(), ended)
    };
    let latch = shared.latch();
    let written = latch.chunks_written(number);
    // The open file's positions are taken under the latch, those of a file that is being sealed need no lock.
    let open = (latch.place.file.number() == number).then(|| of(&latch.index, written));
    let left = latch.left(number).map(|(_, index)| index.clone());
    drop(latch);
    let file = shared.files.get(number);
    let located = match (open, left) {
        (Some(located), _) => located,
        (None, Some(index)) => of(&index, written),
        (None, None) => {
            let file = file.as_ref().ok_or_else(|| io::Error::other("the file is gone"))?;
            of(&*shared.files.index(file)?, u64::MAX)
        }
    };
    Ok(file.map(|file| (file, located)))
}

/// Positions of what is wanted, as far as the chunks are written.
fn positions(index: &FileIndex, request: &ReadRequest, written: u64) -> (Vec<Position>, Vec<Walk>, bool) {
    let (mut found, mut walks) = (Vec::new(), Vec::new());
    let mut wanted = request.wanted.iter().peekable();
    let most = ((request.bytes_max / MESSAGE_BYTES_MIN) as usize).clamp(1, LOCATED_MAX);
    for run in index.runs_of(request.object) {
        while wanted.peek().is_some_and(|r| r.last < run.first) {
            wanted.next();
        }
        let mut walk = request.walk.over(run);
        if wanted.peek().is_none_or(|r| r.first > run.last) {
            continue;
        }
        while let Some(position) = run.next(&mut walk) {
            while wanted.peek().is_some_and(|r| r.last < position.seq) {
                wanted.next();
            }
            match wanted.peek() {
                None => return (found, walks, true),
                Some(_) if u64::from(position.chunk) >= written => return (found, walks, false),
                Some(range) if range.contains(position.seq) => {
                    found.push(position);
                    walks.push(walk);
                    if found.len() == most {
                        return (found, walks, false);
                    }
                }
                Some(_) => {}
            }
        }
    }
    (found, walks, true)
}
