//! Bytes on their way to the peer: the open run, and lanes that wait for the disk.
//!
//! ```text
//!              main()  ──────────────►  [Vec][Bytes][Vec]…  ──►  socket, one vectored write a turn
//!  lane(3) ─ held? ─┐                        ▲
//!                   └► (lsn 17, bytes)(lsn 21, bytes) ─ release(durable) ─┘   in order within the lane
//! ```
//! A *lane* is one ordered stream of answers (one channel, or the whole connection). `hold_until` makes what is written to
//! that lane from now on wait; other lanes and `main` do not.

use bytes::Bytes;
use narumq_model::Lsn;
use std::collections::VecDeque;

/// A piece of output.
#[derive(Clone, Debug)]
pub enum Chunk {
    /// Bytes encoded for this connection.
    Owned(Vec<u8>),
    /// Bytes shared with others, written without a copy.
    Shared(Bytes),
}

impl Chunk {
    /// The bytes.
    pub fn bytes(&self) -> &[u8] {
        match self {
            Chunk::Owned(bytes) => bytes,
            Chunk::Shared(bytes) => bytes,
        }
    }
}

#[derive(Debug)]
struct Held {
    lane: u32,
    until: Lsn,
    /// What is written before `bytes`.
    chunks: Vec<Chunk>,
    bytes: Vec<u8>,
}

/// The output of one connection.
#[derive(Debug, Default)]
pub struct Outbox {
    sealed: VecDeque<Chunk>,
    open: Vec<u8>,
    sealed_bytes: usize,
    held: Vec<Held>,
    closing: bool,
}

impl Outbox {
    /// Where bytes go that wait for nothing.
    pub fn main(&mut self) -> &mut Vec<u8> {
        &mut self.open
    }

    /// Appends shared bytes behind what `main` holds, without copying them.
    pub fn push_shared(&mut self, bytes: Bytes) {
        self.seal();
        self.sealed_bytes += bytes.len();
        self.sealed.push_back(Chunk::Shared(bytes));
    }

    /// Where a lane's next bytes go: behind what it holds, or into `main`.
    pub fn lane(&mut self, lane: u32) -> &mut Vec<u8> {
        match self.held.iter().rposition(|h| h.lane == lane) {
            Some(at) => &mut self.held[at].bytes,
            None => &mut self.open,
        }
    }

    /// What is written to `lane` from now on leaves only once `until` is durable. `Lsn(0)` holds nothing.
    pub fn hold_until(&mut self, lane: u32, until: Lsn) {
        if until > Lsn(0) {
            self.held.push(Held { lane, until, chunks: Vec::new(), bytes: Vec::new() });
        }
    }

    /// The last hold of `lane` lasts until `until` is durable, if that is later; without one it is as
    /// [`hold_until`](Self::hold_until). For answers of one turn, which wait for one sync in any case.
    pub fn hold_on(&mut self, lane: u32, until: Lsn) {
        match self.held.iter_mut().rfind(|held| held.lane == lane) {
            Some(held) => held.until = held.until.max(until),
            None => self.hold_until(lane, until),
        }
    }

    /// Appends shared bytes behind what `lane` holds, without copying them.
    pub fn push_shared_to(&mut self, lane: u32, bytes: Bytes) {
        match self.held.iter_mut().rfind(|held| held.lane == lane) {
            Some(held) => {
                if !held.bytes.is_empty() {
                    held.chunks.push(Chunk::Owned(std::mem::take(&mut held.bytes)));
                }
                held.chunks.push(Chunk::Shared(bytes));
            }
            None => self.push_shared(bytes),
        }
    }

    /// Whether something written to `lane` would wait.
    pub fn is_held(&self, lane: u32) -> bool {
        self.held.iter().any(|h| h.lane == lane)
    }

    /// The highest LSN that a lane waits for.
    pub fn held_until(&self) -> Option<Lsn> {
        self.held.iter().map(|h| h.until).max()
    }

    /// Moves what waited for `durable` or less into `main`, each lane in its order.
    pub fn release(&mut self, durable: Lsn) {
        let mut stuck: Vec<u32> = Vec::new();
        let mut at = 0;
        while at < self.held.len() {
            let held = &self.held[at];
            if held.until > durable || stuck.contains(&held.lane) {
                stuck.push(held.lane);
                at += 1;
            } else {
                let held = self.held.remove(at);
                for chunk in held.chunks {
                    self.seal();
                    self.sealed_bytes += chunk.bytes().len();
                    self.sealed.push_back(chunk);
                }
                self.open.extend_from_slice(&held.bytes);
            }
        }
    }

    /// The connection is to be closed once everything, held lanes too, has been written.
    pub fn close(&mut self) {
        self.closing = true;
    }

    /// Whether it is to be closed once written.
    pub fn is_closing(&self) -> bool {
        self.closing
    }

    /// Bytes ready to be written.
    pub fn ready_len(&self) -> usize {
        self.sealed_bytes + self.open.len()
    }

    /// Nothing to write and nothing held.
    pub fn is_empty(&self) -> bool {
        self.ready_len() == 0 && self.held.is_empty()
    }

    /// The ready chunks, first to last, for a vectored write.
    pub fn chunks(&self) -> impl Iterator<Item = &[u8]> {
        self.sealed.iter().map(Chunk::bytes).chain(std::iter::once(self.open.as_slice())).filter(|c| !c.is_empty())
    }

    /// Drops `written` bytes from the front.
    pub fn advance(&mut self, mut written: usize) {
        while let Some(front) = self.sealed.front_mut() {
            let len = front.bytes().len();
            if written < len {
                self.sealed_bytes -= written;
                match front {
                    Chunk::Owned(bytes) => drop(bytes.drain(..written)),
                    Chunk::Shared(bytes) => drop(bytes.split_to(written)),
                }
                return;
            }
            written -= len;
            self.sealed_bytes -= len;
            self.sealed.pop_front();
        }
        if written >= self.open.len() {
            self.open.clear();
        } else {
            let rest = self.open.split_off(written);
            self.sealed_bytes += rest.len();
            self.sealed.push_back(Chunk::Owned(rest));
            self.open.clear();
        }
    }

    /// Swaps the buffer behind `main` when nothing is ready: `net` lends a warm one for a turn and takes it back after.
    pub fn swap_buffer(&mut self, buffer: &mut Vec<u8>) {
        if self.ready_len() == 0 {
            std::mem::swap(&mut self.open, buffer);
        }
    }

    fn seal(&mut self) {
        if !self.open.is_empty() {
            self.sealed_bytes += self.open.len();
            self.sealed.push_back(Chunk::Owned(std::mem::take(&mut self.open)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ready(out: &Outbox) -> Vec<u8> {
        out.chunks().flatten().copied().collect()
    }

    #[test]
    fn a_held_lane_keeps_its_order_and_delays_no_other() {
        let mut out = Outbox::default();
        out.lane(1).push(b'a');
        out.hold_until(1, Lsn(5));
        out.lane(1).push(b'b');
        out.hold_until(1, Lsn(3));
        out.lane(1).push(b'c');
        out.lane(2).push(b'x');
        assert_eq!(ready(&out), b"ax");
        out.release(Lsn(4));
        assert_eq!(ready(&out), b"ax", "c may not overtake b");
        out.release(Lsn(5));
        assert_eq!(ready(&out), b"axbc");
        assert!(!out.is_held(1));
    }

    #[test]
    fn shared_bytes_wait_in_their_lane() {
        let mut out = Outbox::default();
        out.hold_on(1, Lsn(5));
        out.lane(1).extend_from_slice(b"ab");
        out.push_shared_to(1, Bytes::from_static(b"cd"));
        out.hold_on(1, Lsn(7));
        out.lane(1).push(b'e');
        out.push_shared_to(2, Bytes::from_static(b"x"));
        assert_eq!(ready(&out), b"x");
        out.release(Lsn(6));
        assert_eq!(ready(&out), b"x", "the hold lasts until the later one");
        out.release(Lsn(7));
        assert_eq!((ready(&out), out.ready_len()), (b"xabcde".to_vec(), 6));
    }

    #[test]
    fn advance_crosses_chunks() {
        let mut out = Outbox::default();
        out.main().extend_from_slice(b"abc");
        out.push_shared(Bytes::from_static(b"defg"));
        out.main().extend_from_slice(b"hi");
        assert_eq!(out.ready_len(), 9);
        out.advance(5);
        assert_eq!(ready(&out), b"fghi");
        out.advance(3);
        assert_eq!(ready(&out), b"i");
        out.main().push(b'j');
        assert_eq!(ready(&out), b"ij");
        out.advance(2);
        assert!(out.is_empty());
    }
}
