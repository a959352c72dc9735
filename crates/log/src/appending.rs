//! Appending: an entry, or several that are one, into the open chunk under the latch; nothing here waits for the disk.

use crate::Log;
use crate::body::BodyPlace;
use crate::chunk::crc32c;
use crate::entry::Entry;
use crate::latch::Latch;
use bytes::Bytes;
use narumq_model::Lsn;
use std::sync::atomic::Ordering;

/// Bodies from this size on are lent. Of smaller ones the ends, which are copied, and what fills up their blocks weigh too much.
const LENT_MIN: usize = 32 << 10;

/// Where an entry went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Appended {
    /// Its LSN, or the last one of a group.
    pub lsn: Lsn,
    /// The file it lies in.
    pub file: u64,
}

impl Log {
    /// Appends one entry. Its object's lock is held by the caller, so that LSN order is apply order.
    pub fn append(&self, entry: &Entry<'_>) -> Appended {
        let crc = if entry.body.is_empty() { 0 } else { crc32c(entry.body) };
        let mut latch = self.shared.latch();
        latch.reserve(entry.size_bound(), entry.body.len());
        let lsn = latch.push(entry, crc);
        self.appended(&mut latch, lsn)
    }

    /// As [`append`](Self::append), of a body that stays as it is: a large one is written from where it lies. `entry` has none.
    pub fn append_lent(&self, entry: &Entry<'_>, body: &Bytes) -> Appended {
        if body.len() < LENT_MIN {
            return self.append(&Entry { body, ..*entry });
        }
        let crc = crc32c(body);
        let mut latch = self.shared.latch();
        let lsn = latch.lend(entry, body, crc);
        self.appended(&mut latch, lsn)
    }

    /// Appends entries that take effect together or not at all: they never lie in two chunks.
    pub fn append_group(&self, entries: &[Entry<'_>]) -> Appended {
        self.append_sharing(entries, &mut None)
    }

    /// As [`append_group`](Self::append_group), for one of several groups that all carry the same body: what does not lie
    /// in the open file yet is appended, and `body` says where it lies. `None` at first.
    pub fn append_sharing(&self, entries: &[Entry<'_>], body: &mut Option<BodyPlace>) -> Appended {
        let same = |at: usize| at > 0 && std::ptr::eq(entries[at].body, entries[at - 1].body);
        let new = |at: usize| !entries[at].body.is_empty() && !same(at);
        let mut crcs: Vec<u32> = Vec::with_capacity(entries.len());
        for (at, entry) in entries.iter().enumerate() {
            crcs.push(match body {
                Some(known) if !entry.body.is_empty() => known.crc,
                _ if new(at) => crc32c(entry.body),
                _ => crcs.last().copied().unwrap_or_default(),
            });
        }
        let bodies: usize = (0..entries.len()).filter(|at| new(*at)).map(|at| entries[at].body.len()).sum();
        let bound = entries.iter().map(Entry::head_bound).sum::<usize>() + bodies;
        let mut latch = self.shared.latch();
        latch.reserve(bound, bodies);
        let mut place = body.filter(|known| known.file == latch.place.file.id());
        let mut lsn = Lsn(0);
        for (at, entry) in entries.iter().enumerate() {
            if entry.body.is_empty() {
                lsn = latch.push_head(entry, None);
                continue;
            }
            let known = place.filter(|_| same(at) || body.is_some());
            let lies = known.unwrap_or_else(|| latch.push_body(entry.body, crcs[at]));
            place = Some(lies);
            lsn = latch.push_head(entry, place);
        }
        *body = place;
        self.appended(&mut latch, lsn)
    }

    fn appended(&self, latch: &mut Latch, lsn: Lsn) -> Appended {
        let file = latch.place.file.number();
        self.shared.pending.store(latch.queued, Ordering::Relaxed);
        if !latch.work.is_empty() || latch.queued > 0 && latch.writer_waits && latch.wakes_idle() {
            self.shared.wake_writer(latch);
        }
        Appended { lsn, file }
    }
}
