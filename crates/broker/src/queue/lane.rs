//! The ready messages of one priority, in order: stretches in memory and stretches on the disk.
//!
//! ```text
//! front ─► [Ram: seq 7, 9, 10] [Cold: 11..=90_000] [Ram: 90_001, 90_002] ◄─ back
//! ```
//! A cold stretch costs 16 bytes whatever it spans. What comes back goes to its original place, which is the front.

mod cool;
#[cfg(test)]
mod tests;

use super::scratch::Block;
use narumq_model::{Lsn, Message, Seq, SeqRange};
use std::collections::VecDeque;

/// A ready message in memory.
#[derive(Clone, Debug)]
pub(crate) struct Ready {
    pub(crate) seq: Seq,
    /// Its entry in the log; `Lsn(0)` if it is in none.
    pub(crate) lsn: Lsn,
    pub(crate) message: Message,
}

#[derive(Debug)]
enum Stretch {
    Ram(VecDeque<Ready>),
    Cold(VecDeque<SeqRange>),
    /// Transient messages in scratch files.
    Spilled(VecDeque<Block>),
}

/// What comes next from the disk.
pub(crate) enum NextCold<'a> {
    Log(&'a VecDeque<SeqRange>),
    Scratch(&'a Block),
}

/// Ready messages of one priority.
#[derive(Debug, Default)]
pub(crate) struct Lane {
    stretches: VecDeque<Stretch>,
    ready: u64,
    /// Memory of the messages in it, in bytes.
    memory: usize,
}

/// What stands at the front.
pub(crate) enum Front {
    Empty,
    Ram,
    Cold,
}

impl Lane {
    pub(crate) fn len(&self) -> u64 {
        self.ready
    }

    pub(crate) fn memory(&self) -> usize {
        self.memory
    }

    pub(crate) fn front(&self) -> Front {
        match self.stretches.front() {
            None => Front::Empty,
            Some(Stretch::Ram(ram)) if ram.is_empty() => Front::Empty,
            Some(Stretch::Ram(_)) => Front::Ram,
            Some(Stretch::Cold(_) | Stretch::Spilled(_)) => Front::Cold,
        }
    }

    pub(crate) fn peek(&self) -> Option<&Ready> {
        match self.stretches.front() {
            Some(Stretch::Ram(ram)) => ram.front(),
            _ => None,
        }
    }

    /// Puts a new message at the back.
    #[inline]
    pub(crate) fn push(&mut self, ready: Ready) {
        self.ready += 1;
        self.memory += ready.message.memory();
        match self.stretches.back_mut() {
            Some(Stretch::Ram(ram)) => ram.push_back(ready),
            _ => self.stretches.push_back(Stretch::Ram(VecDeque::from([ready]))),
        }
    }

    /// Takes the message at the front, if it is in memory.
    #[inline]
    pub(crate) fn pop(&mut self) -> Option<Ready> {
        let Some(Stretch::Ram(ram)) = self.stretches.front_mut() else { return None };
        let ready = ram.pop_front()?;
        if ram.is_empty() {
            // An empty stretch stays only alone, warm for the next message, and not if a backlog made it large.
            if ram.capacity() > 1024 {
                *ram = VecDeque::new();
            }
            if self.stretches.len() > 1 {
                self.stretches.pop_front();
            }
        }
        self.ready -= 1;
        self.memory -= ready.message.memory();
        Some(ready)
    }

    /// Puts a message back to its original place. Before a block of a scratch file is near enough: it cannot be opened.
    pub(crate) fn put_back(&mut self, ready: Ready) {
        self.ready += 1;
        self.memory += ready.message.memory();
        let seq = ready.seq;
        let at = self.stretches.iter().position(|stretch| match stretch {
            Stretch::Ram(ram) => ram.back().is_some_and(|last| last.seq > seq),
            Stretch::Cold(cold) => cold.back().is_some_and(|last| last.last > seq),
            Stretch::Spilled(blocks) => blocks.back().is_some_and(|last| last.last > seq),
        });
        let at = match at.map(|at| (at, &mut self.stretches[at])) {
            None => self.stretches.len(),
            Some((_, Stretch::Ram(ram))) => return ram.insert(ram.partition_point(|r| r.seq < seq), ready),
            Some((at, Stretch::Cold(cold))) => match cold_before(cold, seq) {
                before if before.is_empty() => at,
                before => {
                    self.stretches.insert(at, Stretch::Cold(before));
                    at + 1
                }
            },
            Some((at, Stretch::Spilled(blocks))) => {
                let behind = blocks.split_off(blocks.partition_point(|b| b.last < seq));
                let before = std::mem::replace(blocks, behind);
                if before.is_empty() {
                    at
                } else {
                    self.stretches.insert(at, Stretch::Spilled(before));
                    at + 1
                }
            }
        };
        match at.checked_sub(1).and_then(|before| self.stretches.get_mut(before)) {
            Some(Stretch::Ram(ram)) => ram.push_back(ready),
            _ => self.stretches.insert(at, Stretch::Ram(VecDeque::from([ready]))),
        }
    }

    /// Adds a stretch that lies on the disk, behind everything; recovery builds lanes so.
    pub(crate) fn push_cold(&mut self, range: SeqRange) {
        self.ready += range.span();
        if matches!(self.stretches.back(), Some(Stretch::Ram(ram)) if ram.is_empty()) {
            self.stretches.pop_back();
        }
        match self.stretches.back_mut() {
            Some(Stretch::Cold(cold)) => extend(cold, range),
            _ => self.stretches.push_back(Stretch::Cold(VecDeque::from([range]))),
        }
    }

    /// What comes next from the disk, if nothing but `near` bytes in memory stand before it, taking all for as large as the
    /// first: asked at every step, so nothing is summed up.
    pub(crate) fn next_cold(&self, near: usize) -> Option<NextCold<'_>> {
        let next = match (self.stretches.front()?, self.stretches.get(1)) {
            (Stretch::Ram(ram), Some(next))
                if ram.len() <= 16
                    || (self.memory <= near.saturating_mul(8)
                        && ram.front().is_some_and(|r| ram.len() * r.message.memory() <= near)) =>
            {
                next
            }
            (Stretch::Ram(_), _) => return None,
            (first, _) => first,
        };
        match next {
            Stretch::Cold(cold) => Some(NextCold::Log(cold)),
            Stretch::Spilled(blocks) => blocks.front().map(NextCold::Scratch),
            Stretch::Ram(_) => None,
        }
    }

    /// The block at `offset` has been read: its messages take its place. False if it is not wanted any more.
    pub(crate) fn unspill(&mut self, offset: u64, mut read: VecDeque<Ready>) -> bool {
        let at = usize::from(matches!(self.stretches.front(), Some(Stretch::Ram(_))));
        let Some(Stretch::Spilled(blocks)) = self.stretches.get_mut(at) else { return false };
        if blocks.front().is_none_or(|b| b.offset != offset) {
            return false;
        }
        let lost = blocks.pop_front().map_or(0, |b| b.count) - read.len() as u64;
        self.ready -= lost;
        if blocks.is_empty() {
            self.stretches.remove(at);
        }
        self.memory += read.iter().map(|r| r.message.memory()).sum::<usize>();
        match at.checked_sub(1).and_then(|before| self.stretches.get_mut(before)) {
            Some(Stretch::Ram(ram)) => ram.append(&mut read),
            _ => self.stretches.insert(at, Stretch::Ram(read)),
        }
        self.join();
        true
    }

    /// Replaces the front of the first cold stretch, up to `through`, by what was read of it. Messages that are no longer
    /// wanted are dropped; wanted ones that were not read are returned. `came` hears of those that are in memory again.
    pub(crate) fn warm(&mut self, read: Vec<Ready>, through: Seq, came: &mut dyn FnMut(Seq)) -> Vec<Seq> {
        let at = match (self.stretches.front(), self.stretches.get(1)) {
            (Some(Stretch::Cold(_)), _) => 0,
            (_, Some(Stretch::Cold(_))) => 1,
            _ => return Vec::new(),
        };
        let Some(Stretch::Cold(cold)) = self.stretches.get_mut(at) else { return Vec::new() };
        let mut read = read.into_iter().peekable();
        let (mut warm, mut missing) = (VecDeque::new(), Vec::new());
        while let Some(range) = cold.front_mut()
            && range.first <= through
        {
            let seq = range.first;
            if range.first == range.last {
                cold.pop_front();
            } else {
                range.first = seq.next();
            }
            while read.next_if(|r| r.seq < seq).is_some() {}
            match read.next_if(|r| r.seq == seq) {
                Some(ready) => {
                    self.memory += ready.message.memory();
                    came(seq);
                    warm.push_back(ready);
                }
                None => {
                    self.ready -= 1;
                    missing.push(seq);
                }
            }
        }
        if cold.is_empty() {
            self.stretches.remove(at);
        }
        if !warm.is_empty() {
            match at.checked_sub(1).and_then(|before| self.stretches.get_mut(before)) {
                Some(Stretch::Ram(ram)) => ram.append(&mut warm),
                _ => self.stretches.insert(at, Stretch::Ram(warm)),
            }
        }
        self.join();
        missing
    }

    /// Two stretches in memory that have become neighbours are one.
    fn join(&mut self) {
        if let (Some(Stretch::Ram(_)), Some(Stretch::Ram(_))) = (self.stretches.front(), self.stretches.get(1))
            && let Some(Stretch::Ram(mut first)) = self.stretches.pop_front()
            && let Some(Stretch::Ram(second)) = self.stretches.front_mut()
        {
            first.append(second);
            *second = first;
        }
    }

    /// Every sequence in it: those in memory with what `of` makes of them, cold ones as ranges.
    pub(crate) fn visit(&self, ram: &mut dyn FnMut(&Ready), cold: &mut dyn FnMut(SeqRange)) {
        for stretch in &self.stretches {
            match stretch {
                Stretch::Ram(ready) => ready.iter().for_each(&mut *ram),
                Stretch::Cold(ranges) => ranges.iter().for_each(|r| cold(*r)),
                Stretch::Spilled(_) => {}
            }
        }
    }

    /// Body bytes of the messages in it that are in no log.
    pub(crate) fn transient_bytes(&self) -> u64 {
        let of = |stretch: &Stretch| match stretch {
            Stretch::Ram(ram) => {
                ram.iter().filter(|r| r.lsn == Lsn(0)).map(|r| r.message.payload_len() as u64).sum::<u64>()
            }
            Stretch::Cold(_) => 0,
            Stretch::Spilled(blocks) => blocks.iter().map(|b| b.payload).sum(),
        };
        self.stretches.iter().map(of).sum()
    }

    /// Messages in memory, in order, up to the first cold stretch: what `peek` may show.
    pub(crate) fn in_memory(&self) -> impl Iterator<Item = &Ready> {
        let front = match self.stretches.front() {
            Some(Stretch::Ram(ram)) => Some(ram.iter()),
            _ => None,
        };
        front.into_iter().flatten()
    }
}

/// Takes the sequences below `seq` out of `cold`.
fn cold_before(cold: &mut VecDeque<SeqRange>, seq: Seq) -> VecDeque<SeqRange> {
    let behind = cold.split_off(cold.partition_point(|r| r.last < seq));
    let mut before = std::mem::replace(cold, behind);
    if let Some(range) = cold.front_mut().filter(|r| r.first < seq) {
        before.push_back(SeqRange { first: range.first, last: Seq(seq.0 - 1) });
        range.first = seq.next();
    }
    before
}

/// Appends a range, joining it to the last one where it continues it.
pub(crate) fn extend(ranges: &mut VecDeque<SeqRange>, range: SeqRange) {
    match ranges.back_mut() {
        Some(last) if last.last.next() == range.first => last.last = range.last,
        _ => ranges.push_back(range),
    }
}
