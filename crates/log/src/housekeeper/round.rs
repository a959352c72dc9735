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
use crate::states::Written;
use crate::varint;
use narumq_model::{Lsn, ObjectId, Time};
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::atomic::Ordering;

/// A round whose end has been appended.
pub(super) struct Round {
    /// LSN of its `RoundDone`.
    pub(super) done: Lsn,
    /// The last file it covers.
    file: u64,
    /// The State entries it brought, in order.
    states: Vec<Written>,
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
        let Some(asked) = self.ask(listener.as_ref(), objects) else { return };
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
        let wrote: HashSet<ObjectId> = states.iter().map(|written| written.object).collect();
        let gone =
            asked.into_iter().filter(|object| !wrote.contains(object) && self.states.contains(*object)).collect();
        self.running = Some(Round { done, file, states, gone });
    }

    /// A round is durable.
    pub(super) fn end_round(&mut self, round: Round) {
        self.sealed.range(..=round.file).for_each(|(_, f)| {
            let _ = f.round_done.compare_exchange(0, round.done.0, Ordering::AcqRel, Ordering::Acquire);
        });
        round.states.into_iter().for_each(|w| self.states.take(w.object, w.placed, &w.listed));
        round.gone.into_iter().for_each(|object| self.states.remove(object));
    }

    /// Asks the objects that changed for their States, and carries States forward out of files that hold nothing else that
    /// is wanted, the oldest first. What is carried is paid for by four times its bytes of changes, so that a log that
    /// nobody writes to comes to rest.
    /// Returns the objects asked, `None` if nobody knows of them any more.
    fn ask(&mut self, listener: &dyn Listener, changed: BTreeSet<ObjectId>) -> Option<Vec<ObjectId>> {
        let mut worn = self.worn();
        let mut asked = Vec::with_capacity(changed.len());
        for object in &changed {
            let from = worn.remove(object).map_or(Lsn(0), |(_, from)| from);
            self.ask_one(listener, *object, from).then_some(())?;
            asked.push(*object);
        }
        let mut worn: Vec<_> = worn.into_iter().map(|(object, (file, from))| (file, object, from)).collect();
        worn.sort_unstable();
        for (_, object, from) in worn {
            if !self.may_carry() {
                break;
            }
            self.ask_one(listener, object, from).then_some(())?;
            asked.push(object);
        }
        Some(asked)
    }

    fn ask_one(&mut self, listener: &dyn Listener, object: ObjectId, from: Lsn) -> bool {
        let from = if self.may_carry() { from } else { Lsn(0) };
        let before = self.shared.latch().state_bytes;
        let known = listener.checkpoint(object, from);
        if from > Lsn(0) {
            self.carried += self.shared.latch().state_bytes - before;
        }
        known
    }

    fn may_carry(&self) -> bool {
        self.carried.saturating_mul(4) <= self.shared.latch().change_bytes
    }

    /// Objects with State entries in files that hold nothing else that is wanted: the first such file, and the LSN that
    /// lies behind all of them.
    fn worn(&self) -> BTreeMap<ObjectId, (u64, Lsn)> {
        let idle = |f: &FileUse| f.live() <= 0 && f.round_done.load(Ordering::Acquire) != 0;
        let mut worn = BTreeMap::new();
        for (object, placed) in self.states.iter().filter(|(_, placed)| idle(&placed.file)) {
            let (file, from) = worn.entry(object).or_insert((u64::MAX, Lsn(0)));
            *file = placed.file.number().min(*file);
            *from = placed.lsn.next().max(*from);
        }
        worn
    }
}
