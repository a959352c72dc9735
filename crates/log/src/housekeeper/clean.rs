//! Which files are worth emptying: mostly dead, and not about to die by themselves.
//!
//! A consumer that keeps up kills each file soon after it is sealed, and who settles in large steps some files at once: copying
//! out of them would be waste. So a file must look mostly dead again and again, with little change between, while a number of
//! others is sealed, or once when [`Options::settle_ms`] have passed. The emptiest goes first. As the disk gets short of space
//! fuller files are emptied too, and the next look decides.
//!
//! [`Options::settle_ms`]: crate::Options::settle_ms

use super::Housekeeper;
use crate::empty::Plan;
use crate::files::FileUse;
use narumq_model::Lsn;
use std::collections::{HashMap, VecDeque};
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// A file with more than this share wanted is not emptied while there is space.
const SHARE_MOST: f64 = 0.5;
/// A file with more than this share wanted is never emptied: what that frees is not worth the copy.
const SHARE_MAX: f64 = 0.875;

/// Files sealed while another one looks mostly dead, at which it is emptied.
const SEALS: u32 = 4;

/// Why files are looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Occasion {
    /// Another one was sealed.
    Sealed,
    /// Time has passed.
    Settled,
}

#[derive(Default)]
pub(super) struct Cleaning {
    /// Files that look mostly dead, how many messages were wanted of each at first, and how many files were sealed since.
    seen: HashMap<u64, (i64, u32)>,
    /// Files that were looked into and are fuller than they seemed, or cannot be emptied wholly; how many were wanted then.
    judged: HashMap<u64, i64>,
    due: VecDeque<u64>,
    /// What is to be copied once all up to this LSN is on the disk.
    planned: Option<(Lsn, u64, Plan)>,
}

impl Cleaning {
    /// Whether a file can be looked into now.
    pub(super) fn is_due(&self) -> bool {
        !self.due.is_empty() && self.planned.is_none()
    }

    /// What must be on the disk before the next file can be emptied.
    pub(super) fn waits_for(&self) -> Option<Lsn> {
        self.planned.as_ref().map(|(lsn, ..)| *lsn)
    }

    pub(super) fn has_seen(&self) -> bool {
        !self.seen.is_empty()
    }
}

/// The share of a file's room that is wanted, if its messages are all alike.
fn share(file: &FileUse) -> f64 {
    let wanted = file.live().max(0) as f64 / file.copies.load(Ordering::Relaxed).max(1) as f64;
    wanted * file.filled.load(Ordering::Relaxed) as f64 / file.limit() as f64
}

impl Housekeeper {
    /// Looks for files that are worth emptying.
    pub(super) fn observe(&mut self, occasion: Occasion) {
        let most = self.share_max();
        let enough = if occasion == Occasion::Sealed && most <= SHARE_MOST { SEALS } else { 1 };
        let mut due = Vec::new();
        let cleaning = &mut self.cleaning;
        let mut seen = HashMap::new();
        for (number, file) in &self.sealed {
            let (live, share) = (file.live(), share(file));
            let rounded = file.round_done.load(Ordering::Acquire) != 0;
            let known = cleaning.judged.get(number).is_some_and(|then| live * 4 > then * 3);
            if !rounded || live <= 0 || share >= most || known {
                continue;
            }
            match cleaning.seen.get(number) {
                Some((before, looks)) if live * 8 >= before * 7 => match looks + 1 {
                    looks if looks >= enough => due.push((share, *number)),
                    looks => drop(seen.insert(*number, (*before, looks))),
                },
                _ => drop(seen.insert(*number, (live, 0))),
            }
        }
        cleaning.seen = seen;
        cleaning.judged.retain(|number, _| self.sealed.contains_key(number));
        due.sort_by(|a, b| a.0.total_cmp(&b.0));
        cleaning.due = due.into_iter().map(|(_, number)| number).collect();
    }

    /// Up to which share files are emptied: a half, and more as free space nears the reserve.
    fn share_max(&self) -> f64 {
        let reserve = self.reserve();
        match self.shared.files.disk.free_bytes() {
            Ok(free) if reserve > 0 && free < 2 * reserve => {
                let short = 1.0 - (free.saturating_sub(reserve) as f64 / reserve as f64).min(1.0);
                SHARE_MOST + (SHARE_MAX - SHARE_MOST) * short
            }
            _ => SHARE_MOST,
        }
    }

    /// Plans what is copied out of the next file that is due. What is not wanted any more is not copied, yet the survivor's
    /// runs span it: so its removal must be on the disk before, or a power cut could bring it back and have it looked for in
    /// the survivor.
    pub(super) fn empty_next(&mut self) -> io::Result<()> {
        let Some(number) = self.cleaning.due.pop_front() else { return Ok(()) };
        let Some(file) = self.sealed.get(&number).cloned() else { return Ok(()) };
        let Some(listener) = self.shared.listener.get().cloned() else { return Ok(()) };
        if self.shared.ending.load(Ordering::Acquire) || file.live() <= 0 || !self.has_room()? {
            return Ok(());
        }
        let Some(plan) = Plan::make(&self.shared, listener.as_ref(), &file)? else { return Ok(()) };
        self.cleaning.judged.insert(number, file.live());
        if plan.bytes as f64 > self.share_max() * file.limit() as f64 {
            return Ok(());
        }
        let last = Lsn(self.shared.latch().next_lsn.0 - 1);
        self.cleaning.planned = Some((last, number, plan));
        Ok(())
    }

    /// Empties the file that was planned, if it is still there and all is on the disk that its plan is made of.
    pub(super) fn empty_planned(&mut self, durable: Lsn) -> io::Result<()> {
        let Some((_, number, plan)) = self.cleaning.planned.take_if(|(lsn, ..)| *lsn <= durable) else { return Ok(()) };
        let Some(listener) = self.shared.listener.get().cloned() else { return Ok(()) };
        if !self.sealed.contains_key(&number) || self.shared.ending.load(Ordering::Acquire) {
            return Ok(());
        }
        let mut full = Vec::new();
        let result = plan.carry_out(&self.shared, listener.as_ref(), &mut self.survivor, &mut full);
        self.sealed.extend(full.into_iter().map(|file| (file.number(), file)));
        match result {
            // Nothing has been given up yet, so that a full disk only ends the copying.
            Err(error) if error.kind() == io::ErrorKind::StorageFull => self.give_up_survivor(),
            other => return other,
        }
        Ok(())
    }

    fn give_up_survivor(&mut self) {
        self.cleaning.due.clear();
        if let Some(survivor) = self.survivor.take() {
            let used: Arc<FileUse> = survivor.file.used;
            self.sealed.insert(used.number(), used);
        }
    }

    /// Whether the copies can go anywhere.
    fn has_room(&self) -> io::Result<bool> {
        let files = &self.shared.files;
        let needed = 2 * self.shared.options.file_bytes;
        Ok(self.survivor.is_some() || files.spares() > 0 || files.disk.free_bytes()? >= needed)
    }
}
