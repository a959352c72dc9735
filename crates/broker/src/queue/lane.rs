//! The ready messages of one priority, in order: stretches in memory and stretches on the disk.
//!
//! ```text
//! front ─► [Ram: seq 7, 9, 10] [Cold: 11..=90_000] [Ram: 90_001, 90_002] ◄─ back
//! ```
//! A cold stretch costs 16 bytes whatever it spans. What comes back goes to its original place, which is the front.

mod back;
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

impl Stretch {
    /// Whether all of it comes before `seq`. An empty stretch in memory stands behind everything.
    fn is_before(&self, seq: Seq) -> bool {
        match self {
            Self::Ram(ram) => ram.back().is_some_and(|last| last.seq < seq),
            Self::Cold(cold) => cold.back().is_some_and(|last| last.last < seq),
            Self::Spilled(blocks) => blocks.back().is_some_and(|last| last.last < seq),
        }
    }
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

    /// The first message, or of a block on the disk the last.
    pub(crate) fn first(&self) -> Option<Seq> {
        self.stretches.iter().find_map(|stretch| match stretch {
            Stretch::Ram(ram) => ram.front().map(|ready| ready.seq),
            Stretch::Cold(cold) => cold.front().map(|range| range.first),
            Stretch::Spilled(blocks) => blocks.front().map(|block| block.last),
        })
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

/// Appends a range, joining it to the last one where it continues it.
pub(crate) fn extend(ranges: &mut VecDeque<SeqRange>, range: SeqRange) {
    match ranges.back_mut() {
        Some(last) if last.last.next() == range.first => last.last = range.last,
        _ => ranges.push_back(range),
    }
}
