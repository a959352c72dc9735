//! The reader thread: brings messages back from the files, outside every lock, and tells the listener.

mod locate;
mod piece;

use crate::body::BodyAt;
use crate::chunk::{BLOCK, ChunkHeader, HEADER, crc32c};
use crate::disk::{File, read_exact_at};
use crate::entry::head::Head;
use crate::files::LogFile;
use crate::index::{ChunkAt, Position, Walk};
use crate::shared::Shared;
use bytes::Bytes;
use locate::locate;
use narumq_model::{FormatId, ObjectId, Seq, SeqRange, Time};
use piece::OpenFiles;
pub use piece::PieceRead;
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::Receiver;

/// A wish for messages of one queue out of one file.
#[derive(Clone, Debug)]
pub struct ReadRequest {
    /// The queue.
    pub object: ObjectId,
    /// The file.
    pub file: u64,
    /// What is wanted, ascending, not overlapping.
    pub wanted: Vec<SeqRange>,
    /// Body bytes after which to stop, at least one message is read.
    pub bytes_max: u64,
    /// Where the last read of this queue in this file stopped.
    pub walk: Walk,
}

/// A wish for a piece of a scratch file.
#[derive(Clone)]
pub struct ScratchRead {
    /// The queue.
    pub object: ObjectId,
    /// The file.
    pub file: Arc<dyn File>,
    /// Where the piece begins.
    pub offset: u64,
    /// How long it is.
    pub len: usize,
}

/// What the reader thread is asked for.
pub(crate) enum Request {
    Messages(ReadRequest),
    Scratch(ScratchRead),
    Piece(PieceRead),
    /// These files are no more.
    Removed(Vec<String>),
}

/// A message as the log keeps it.
#[derive(Clone, Debug)]
pub struct StoredMessage {
    /// Its number in the queue.
    pub seq: Seq,
    /// When it was put there.
    pub time: Time,
    /// Priority.
    pub priority: u8,
    /// When it dies of age.
    pub expires_at: Time,
    /// When it becomes visible.
    pub visible_at: Time,
    /// Whose property bytes it carries.
    pub format: FormatId,
    /// How many property bytes stand before the payload.
    pub props_len: u32,
    /// The kind's data: names and envelope.
    pub data: Vec<u8>,
    /// Property bytes and payload; `None` if they are damaged on the disk. If the head is, the fields above mean nothing.
    pub body: Option<Bytes>,
}

/// How a read ended.
#[derive(Debug)]
pub struct ReadDone {
    /// The queue.
    pub object: ObjectId,
    /// The file.
    pub file: u64,
    /// The messages, ascending. Those of `wanted` up to `through` that are missing are not in the file.
    pub messages: Vec<StoredMessage>,
    /// Everything wanted up to here has been looked for; `None` if nothing was.
    pub through: Option<Seq>,
    /// Where to go on.
    pub walk: Walk,
    /// Why nothing more can be read from this file, if so.
    pub error: Option<String>,
}

/// Bodies nearer to each other than this are read in one go.
const GAP: u64 = 16 << 10;
/// What one read of bodies takes at most, unless one body is larger.
const SPAN: u64 = 1 << 20;

/// Serves requests until all senders are gone.
pub(crate) fn run(shared: &Shared, requests: &Receiver<Request>) {
    let mut open = OpenFiles::default();
    while let Ok(request) = requests.recv() {
        let Some(listener) = shared.listener.get() else { continue };
        match request {
            Request::Messages(request) => listener.read_done(read(shared, &request)),
            Request::Scratch(read) => {
                let bytes = read_exact_at(read.file.as_ref(), read.len, read.offset).map(Bytes::from);
                listener.scratch_done(read.object, read.offset, bytes.map_err(|e| e.to_string()));
            }
            Request::Piece(read) => {
                let bytes = open.read(shared, &read).map_err(|e| e.to_string());
                listener.piece_done(read.object, (read.tag, read.offset), bytes);
            }
            Request::Removed(names) => {
                open.close(&names);
                continue;
            }
        }
        shared.reading.fetch_sub(1, Ordering::AcqRel);
    }
}

/// Reads now, on the caller's thread.
pub(crate) fn read(shared: &Shared, request: &ReadRequest) -> ReadDone {
    let mut done = ReadDone {
        object: request.object,
        file: request.file,
        messages: Vec::new(),
        through: None,
        walk: request.walk,
        error: None,
    };
    if let Err(error) = fill(shared, request, &mut done) {
        done.error = Some(error.to_string());
    }
    done
}

fn fill(shared: &Shared, request: &ReadRequest, done: &mut ReadDone) -> io::Result<()> {
    let Some((file, (positions, walks, chunks, ended))) = locate(shared, request)? else { return Ok(()) };
    let mut at = 0;
    let mut bytes = 0;
    while at < positions.len() && bytes < request.bytes_max {
        let outside = || io::Error::new(io::ErrorKind::InvalidData, "the index names a chunk that is not there");
        let chunk = *chunks.get(positions[at].chunk as usize).ok_or_else(outside)?;
        let same = positions[at..].iter().take_while(|p| p.chunk == positions[at].chunk).count();
        bytes += read_chunk(&file, chunk, &positions[at..at + same], request.bytes_max - bytes, done)?;
        at = positions.len().min(at + same);
    }
    // A file that was emptied meanwhile may have been written over: nothing that was read of it is believed.
    if shared.files.get(request.file).is_none_or(|f| f.used.generation() != file.used.generation()) {
        done.messages.clear();
        return Err(io::Error::other("the file is gone"));
    }
    if let Some(last) = done.messages.last().map(|m| m.seq) {
        done.through = Some(last);
        done.walk = walks[done.messages.len() - 1];
    }
    if ended && done.messages.len() == positions.len() {
        done.through = request.wanted.last().map(|r| r.last);
    }
    Ok(())
}

/// Reads the messages at `positions`, all in one chunk, until `bytes_max` is passed; returns the body bytes read.
///
/// Nothing that the heads say is believed before their CRC holds: most were never read since they were written.
fn read_chunk(
    file: &LogFile,
    chunk: ChunkAt,
    positions: &[Position],
    bytes_max: u64,
    done: &mut ReadDone,
) -> io::Result<u64> {
    let start = u64::from(chunk.block) * BLOCK as u64;
    let Some((header, heads)) = read_heads(file.file.as_ref(), start)? else {
        done.messages.extend(positions.iter().map(|p| damaged(p.seq)));
        return Ok(0);
    };
    if header.generation != file.used.generation() {
        return Err(io::Error::other("the file is gone"));
    }
    let bodies = start + u64::from(header.bodies_off);
    let mut bytes = 0;
    let mut metas = Vec::new();
    for position in positions {
        if bytes >= bytes_max {
            break;
        }
        let head = Head::read(&heads, &mut (position.head as usize), header.base_time);
        let body = head.as_ref().and_then(|h| h.body.unwrap_or_default().in_file(bodies, header.body_len));
        match (head, body) {
            (Some(head), Some(body)) => {
                bytes += body.len;
                metas.push((stored(position.seq, &head), body));
            }
            _ => metas.push((damaged(position.seq), BodyAt::NOWHERE)),
        }
    }
    read_bodies(file, metas, &mut |mut message, body| {
        message.body = body;
        done.messages.push(message);
        Ok(())
    })?;
    Ok(bytes)
}

/// A chunk's header and its heads. `None` if no chunk begins at `start`, or it is damaged.
pub(crate) fn read_heads(file: &dyn File, start: u64) -> io::Result<Option<(ChunkHeader, Vec<u8>)>> {
    let mut front = vec![0; BLOCK];
    let got = file.read_at(&mut front, start)?;
    let Some(header) = ChunkHeader::read(&front[..got]) else { return Ok(None) };
    if start + u64::from(header.len) > file.len()? {
        return Ok(None);
    }
    let len = HEADER + header.head_len as usize;
    if len > BLOCK {
        front.extend(read_exact_at(file, len - BLOCK, start + BLOCK as u64)?);
    }
    front.truncate(len);
    Ok(header.verify(&front).then(|| (header, front.split_off(HEADER))))
}

/// A message of which nothing can be believed.
fn damaged(seq: Seq) -> StoredMessage {
    StoredMessage {
        seq,
        time: Time(0),
        priority: 0,
        expires_at: Time::NEVER,
        visible_at: Time(0),
        format: FormatId(0),
        props_len: 0,
        data: Vec::new(),
        body: None,
    }
}

fn stored(seq: Seq, head: &Head<'_>) -> StoredMessage {
    StoredMessage {
        seq,
        time: head.entry.time,
        priority: head.entry.priority,
        expires_at: head.entry.expires_at,
        visible_at: head.entry.visible_at,
        format: head.entry.format,
        props_len: head.entry.props_len,
        data: head.entry.data.to_vec(),
        body: None,
    }
}

/// Reads bodies, all placed from the file's start, neighbours in one go, and checks each one's CRC; gives them to `each` in
/// order, damaged ones as `None`.
pub(crate) fn read_bodies<T>(
    file: &LogFile,
    metas: Vec<(T, BodyAt)>,
    each: &mut dyn FnMut(T, Option<Bytes>) -> io::Result<()>,
) -> io::Result<()> {
    let mut metas = metas.into_iter().peekable();
    while let Some(first) = metas.next() {
        let (from, mut to) = (first.1.offset, first.1.offset + first.1.len);
        let mut group = vec![first];
        while let Some((_, body)) = metas.peek() {
            let end = body.offset + body.len;
            if body.offset < from || body.offset > to + GAP || end.max(to) - from > SPAN {
                break;
            }
            to = to.max(end);
            group.extend(metas.next());
        }
        let bytes = Bytes::from(read_exact_at(file.file.as_ref(), (to - from) as usize, from)?);
        for (meta, body) in group {
            let at = (body.offset - from) as usize;
            let slice = bytes.slice(at..at + body.len as usize);
            each(meta, (crc32c(&slice) == body.crc).then_some(slice))?;
        }
    }
    Ok(())
}
