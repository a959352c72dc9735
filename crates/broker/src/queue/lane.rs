//! The ready messages of one priority, in order: stretches in memory and stretches on the disk.
//!
//! ```text
//! front ─► [Ram: seq 7, 9, 10] [Cold: 11..=90_000] [Ram: 90_001, 90_002] ◄─ back
//! ```
//! A cold stretch costs 16 bytes whatever it spans. What comes back goes to its original place, which is the front.

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

    /// Puts a message back to its original place.
    pub(crate) fn put_back(&mut self, ready: Ready) {
        self.ready += 1;
        self.memory += ready.message.memory();
        match self.stretches.front_mut() {
            Some(Stretch::Ram(ram)) => {
                let at = ram.partition_point(|r| r.seq < ready.seq);
                ram.insert(at, ready);
            }
            _ => self.stretches.push_front(Stretch::Ram(VecDeque::from([ready]))),
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

    /// Lets go of messages in memory that can be read again, until at most `keep` bytes stand at the front and what is
    /// behind them is cold or not yet written. Returns the bytes freed.
    pub(crate) fn chill(&mut self, keep: usize, written: Lsn) -> usize {
        let before = self.memory;
        if let [Stretch::Ram(_)] = self.stretches.make_contiguous()
            && let Some(Stretch::Ram(ram)) = self.stretches.front_mut()
        {
            let mut kept = 0;
            let at = ram.iter().position(|r| {
                kept += r.message.memory();
                kept > keep
            });
            if let Some(at) = at {
                let rest = ram.split_off(at);
                if !rest.is_empty() {
                    self.stretches.push_back(Stretch::Ram(rest));
                }
                if at == 0 {
                    self.stretches.pop_front();
                }
            }
        }
        self.chill_back(written);
        before - self.memory
    }

    fn chill_back(&mut self, written: Lsn) {
        let alone = self.stretches.len() < 2;
        let Some(Stretch::Ram(ram)) = self.stretches.back_mut() else { return };
        if alone {
            return;
        }
        let mut cooled: VecDeque<SeqRange> = VecDeque::new();
        while let Some(ready) = ram.front()
            && ready.lsn != Lsn(0)
            && ready.lsn <= written
        {
            self.memory -= ready.message.memory();
            extend(&mut cooled, SeqRange::one(ready.seq));
            ram.pop_front();
        }
        if cooled.is_empty() {
            return;
        }
        let rest = match self.stretches.pop_back() {
            Some(Stretch::Ram(mut rest)) if !rest.is_empty() => {
                rest.shrink_to_fit();
                Some(Stretch::Ram(rest))
            }
            _ => None,
        };
        match self.stretches.back_mut() {
            Some(Stretch::Cold(cold)) => cooled.into_iter().for_each(|range| extend(cold, range)),
            _ => self.stretches.push_back(Stretch::Cold(cooled)),
        }
        self.stretches.extend(rest);
    }

    /// What comes next from the disk, if nothing but `near` bytes in memory stand before it.
    pub(crate) fn next_cold(&self, near: usize) -> Option<NextCold<'_>> {
        let next = match (self.stretches.front()?, self.stretches.get(1)) {
            (Stretch::Ram(ram), Some(next))
                if ram.len() <= 16 || ram.iter().map(|r| r.message.memory()).take(4096).sum::<usize>() <= near =>
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

    /// Lets go of transient messages behind the first `keep` bytes: `write` gets each run of them and says where it went.
    /// Returns false if it could not.
    pub(crate) fn spill(&mut self, write: &mut dyn FnMut(&[Ready]) -> Option<Block>) -> bool {
        if self.stretches.len() < 2 {
            return true;
        }
        let Some(Stretch::Ram(mut ram)) = self.stretches.pop_back() else { return true };
        while ram.front().is_some_and(|r| r.lsn == Lsn(0)) {
            let mut bytes = 0;
            let count = ram
                .iter()
                .take_while(|r| {
                    bytes += r.message.memory();
                    r.lsn == Lsn(0) && bytes <= BLOCK_BYTES + r.message.memory()
                })
                .count();
            let run: Vec<Ready> = ram.drain(..count).collect();
            let Some(block) = write(&run) else {
                run.into_iter().rev().for_each(|r| ram.push_front(r));
                self.stretches.push_back(Stretch::Ram(ram));
                return false;
            };
            self.memory -= run.iter().map(|r| r.message.memory()).sum::<usize>();
            match self.stretches.back_mut() {
                Some(Stretch::Spilled(blocks)) => blocks.push_back(block),
                _ => self.stretches.push_back(Stretch::Spilled(VecDeque::from([block]))),
            }
        }
        if !ram.is_empty() {
            ram.shrink_to_fit();
            self.stretches.push_back(Stretch::Ram(ram));
        }
        true
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
    /// wanted are dropped; wanted ones that were not read are returned.
    pub(crate) fn warm(&mut self, read: Vec<Ready>, through: Seq) -> Vec<Seq> {
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

    /// Messages in memory, in order, up to the first cold stretch: what `peek` may show.
    pub(crate) fn in_memory(&self) -> impl Iterator<Item = &Ready> {
        let front = match self.stretches.front() {
            Some(Stretch::Ram(ram)) => Some(ram.iter()),
            _ => None,
        };
        front.into_iter().flatten()
    }
}

/// Memory of the messages that go into one block of a scratch file, about.
const BLOCK_BYTES: usize = 256 << 10;

/// Appends a range, joining it to the last one where it continues it.
pub(crate) fn extend(ranges: &mut VecDeque<SeqRange>, range: SeqRange) {
    match ranges.back_mut() {
        Some(last) if last.last.next() == range.first => last.last = range.last,
        _ => ranges.push_back(range),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use narumq_model::{FormatId, MessageBuilder, MessageParts};

    fn ready(seq: u64) -> Ready {
        let parts = MessageParts { payload: &[7; 100], ..Default::default() };
        Ready { seq: Seq(seq), lsn: Lsn(seq), message: MessageBuilder::default().build(&parts, FormatId(1)) }
    }

    /// Takes everything out, cold messages as if they had been read.
    fn drain(lane: &mut Lane) -> Vec<u64> {
        let mut seqs = Vec::new();
        while lane.len() > 0 {
            if let Some(ready) = lane.pop() {
                seqs.push(ready.seq.0);
            } else if let Some(NextCold::Log(cold)) = lane.next_cold(0) {
                let range = cold[0];
                lane.warm((range.first.0..=range.last.0).map(ready).collect(), range.last);
            }
        }
        seqs
    }

    #[test]
    fn order_holds_through_cold_and_back() {
        let mut lane = Lane::default();
        (1..=100).for_each(|n| lane.push(ready(n)));
        let freed = lane.chill(1000, Lsn(90));
        assert!(freed > 80 * 100);
        (101..=110).for_each(|n| lane.push(ready(n)));
        assert_eq!(lane.len(), 110);
        let first = lane.pop().expect("the window at the head");
        lane.put_back(first);
        while lane.pop().is_some() {}
        assert!(matches!(lane.front(), Front::Cold));
        let Some(NextCold::Log(cold)) = lane.next_cold(0) else { panic!("cold") };
        let cold = cold[0];
        assert_eq!(cold.last, Seq(90));
        let read = (cold.first.0..=50).filter(|n| *n != 20).map(ready).collect();
        assert_eq!(lane.warm(read, Seq(50)), [Seq(20)]);
        lane.put_back(ready(3));
        let expected: Vec<u64> = std::iter::once(3).chain((cold.first.0..=110).filter(|n| *n != 20)).collect();
        assert_eq!(drain(&mut lane), expected);
        assert_eq!((lane.len(), lane.memory()), (0, 0));
    }

    #[test]
    fn transient_messages_stay_in_memory_and_in_order() {
        let mut lane = Lane::default();
        for n in 1..=40 {
            let mut message = ready(n);
            if n % 10 == 0 {
                message.lsn = Lsn(0);
            }
            lane.push(message);
        }
        lane.chill(0, Lsn(100));
        lane.chill(0, Lsn(100));
        assert_eq!(drain(&mut lane), (1..=40).collect::<Vec<_>>());
    }
}
