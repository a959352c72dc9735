//! Rounds: objects changed in sealed files write their State into the log, so that those heads are never read again.
//!
//! A *round* for one or more sealed files: each object changed in them appends its State under its own lock, then
//! `RoundDone{last file}` is appended. Once that is durable, recovery reads no head of those files, and the States that the
//! round replaced are dead. One round runs at a time, and the next begins when four times its bytes have been written
//! otherwise, so that States never take more than a fifth of what is written.

use super::Housekeeper;
use crate::config::Listener;
use crate::entry::{Entry, Kind};
use crate::files::FileUse;
use crate::varint;
use narumq_model::{Lsn, ObjectId, Time};
use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// A round whose end has been appended.
pub(super) struct Round {
    /// LSN of its `RoundDone`.
    pub(super) done: Lsn,
    /// The last file it covers.
    file: u64,
    /// The States it brought and the file each lies in.
    states: Vec<(ObjectId, Arc<FileUse>)>,
    /// Objects that were asked and wrote none: they are gone, and so are their earlier States.
    gone: Vec<ObjectId>,
}

impl Housekeeper {
    /// Begins a round over all files that none covers, if it is time.
    pub(super) fn begin_round(&mut self) {
        let Some((&file, _)) = self.unrounded.last_key_value() else { return };
        let Some(listener) = self.shared.listener.get().cloned() else { return };
        let (states, changes) = {
            let latch = self.shared.latch();
            (latch.state_bytes, latch.change_bytes)
        };
        let (bytes, since) = self.last_round;
        let paid = changes - since >= bytes.saturating_mul(4) || self.shared.low_on_disk.load(Ordering::Acquire);
        if self.running.is_some() || !paid {
            return;
        }
        let objects: BTreeSet<ObjectId> = std::mem::take(&mut self.unrounded).into_values().flatten().collect();
        if !objects.iter().all(|object| listener.checkpoint(*object)) {
            return;
        }
        let Some(mut asked) = self.carry(listener.as_ref(), &objects) else { return };
        asked.extend(&objects);
        let mut data = Vec::new();
        varint::put(&mut data, file);
        let entry = Entry::new(Kind::RoundDone, ObjectId(0), Time(0)).with_data(&data);
        let mut latch = self.shared.latch();
        if latch.stop {
            // The log is ending without order: some State may be missing, so the round is not done.
            return;
        }
        latch.reserve(entry.size_bound(), 0);
        let done = latch.push(&entry, 0);
        self.last_round = (latch.state_bytes - states, changes);
        let states = std::mem::take(&mut latch.states);
        latch.wanted = latch.wanted.max(done);
        self.shared.wake_writer(&mut latch);
        drop(latch);
        let wrote: HashSet<ObjectId> = states.iter().map(|(object, _)| *object).collect();
        asked.retain(|object| !wrote.contains(object) && self.newest.contains_key(object));
        self.running = Some(Round { done, file, states, gone: asked });
    }

    /// A round is durable.
    pub(super) fn end_round(&mut self, round: Round) {
        self.sealed.range(..=round.file).for_each(|(_, f)| {
            let _ = f.round_done.compare_exchange(0, round.done.0, Ordering::AcqRel, Ordering::Acquire);
        });
        for (object, file) in round.states {
            if let Some(old) = self.newest.insert(object, file) {
                old.states.fetch_sub(1, Ordering::AcqRel);
            }
        }
        for object in round.gone {
            if let Some(old) = self.newest.remove(&object) {
                old.states.fetch_sub(1, Ordering::AcqRel);
            }
        }
    }

    /// Carries States forward out of files that hold nothing else that is wanted, the oldest first. What is carried is
    /// paid for by four times its bytes of changes, so that a log that nobody writes to comes to rest.
    /// Returns the objects asked, `None` if nobody knows of them any more.
    fn carry(&mut self, listener: &dyn Listener, done: &BTreeSet<ObjectId>) -> Option<Vec<ObjectId>> {
        let idle = |f: &FileUse| f.live() <= 0 && f.round_done.load(Ordering::Acquire) != 0;
        let mut idle: Vec<_> = self
            .newest
            .iter()
            .filter(|(object, file)| idle(file) && !done.contains(object))
            .map(|(object, file)| (file.number(), *object))
            .collect();
        idle.sort_unstable();
        let mut before = self.shared.latch().state_bytes;
        let mut asked = Vec::new();
        for (_, object) in idle {
            if self.carried.saturating_mul(4) > self.shared.latch().change_bytes {
                break;
            }
            asked.push(object);
            if !listener.checkpoint(object) {
                return None;
            }
            let after = self.shared.latch().state_bytes;
            self.carried += after - before;
            before = after;
        }
        Some(asked)
    }
}
