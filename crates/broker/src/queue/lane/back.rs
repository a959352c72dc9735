//! What comes back into a lane: messages that were handed over, and cold ones that have been read.

use super::{Lane, Ready, Stretch, extend};
use narumq_model::{Seq, SeqRange};
use std::collections::VecDeque;

impl Lane {
    /// Puts a message back to its original place. Before a block of a scratch file is near enough: it cannot be opened.
    pub(crate) fn put_back(&mut self, ready: Ready) {
        self.ready += 1;
        self.memory += ready.message.memory();
        let seq = ready.seq;
        let at = self.stretches.partition_point(|stretch| stretch.is_before(seq));
        if let Some(Stretch::Ram(ram)) = self.stretches.get_mut(at) {
            return ram.insert(ram.partition_point(|r| r.seq < seq), ready);
        }
        let at = self.part(at, seq);
        match at.checked_sub(1).and_then(|before| self.stretches.get_mut(before)) {
            Some(Stretch::Ram(ram)) => ram.push_back(ready),
            _ => self.stretches.insert(at, Stretch::Ram(VecDeque::from([ready]))),
        }
    }

    /// Puts a message back to its original place whose bytes lie in the log alone.
    pub(crate) fn put_back_cold(&mut self, seq: Seq) {
        self.ready += 1;
        let at = self.stretches.partition_point(|stretch| stretch.is_before(seq));
        if let Some(Stretch::Cold(cold)) = self.stretches.get_mut(at) {
            return insert(cold, seq);
        }
        let at = self.part(at, seq);
        match at.checked_sub(1).and_then(|before| self.stretches.get_mut(before)) {
            Some(Stretch::Cold(cold)) => extend(cold, SeqRange::one(seq)),
            _ => self.stretches.insert(at, Stretch::Cold(VecDeque::from([SeqRange::one(seq)]))),
        }
    }

    /// Parts the stretch at `at`, if there is one, before `seq`; returns the place between its parts.
    fn part(&mut self, at: usize, seq: Seq) -> usize {
        let before = match self.stretches.get_mut(at) {
            None => return at,
            Some(Stretch::Ram(ram)) => Stretch::Ram(part(ram, |r| r.seq < seq)),
            Some(Stretch::Cold(cold)) => Stretch::Cold(cold_before(cold, seq)),
            Some(Stretch::Spilled(blocks)) => Stretch::Spilled(part(blocks, |b| b.last < seq)),
        };
        if matches!(&before, Stretch::Ram(r) if r.is_empty())
            || matches!(&before, Stretch::Cold(c) if c.is_empty())
            || matches!(&before, Stretch::Spilled(b) if b.is_empty())
        {
            return at;
        }
        self.stretches.insert(at, before);
        at + 1
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

    /// Replaces of what was `wanted`, up to `through`, what was read of it. Messages that are no longer wanted are
    /// dropped; wanted ones that were not read are returned. `came` hears of those that are in memory again.
    pub(crate) fn warm(
        &mut self,
        read: Vec<Ready>,
        wanted: &[SeqRange],
        through: Seq,
        came: &mut dyn FnMut(Seq),
    ) -> Vec<Seq> {
        let Some(first) = wanted.first().map(|range| range.first) else { return Vec::new() };
        let at = self.stretches.partition_point(|stretch| stretch.is_before(first));
        if !matches!(self.stretches.get(at), Some(Stretch::Cold(_))) {
            return Vec::new();
        }
        // What came back before it meanwhile stays cold.
        let at = self.part(at, first);
        let Some(Stretch::Cold(cold)) = self.stretches.get_mut(at) else { return Vec::new() };
        let (mut read, mut wanted) = (read.into_iter().peekable(), wanted.iter().peekable());
        let (mut warm, mut missing) = (VecDeque::new(), Vec::new());
        while let Some(range) = cold.front_mut()
            && range.first <= through
        {
            let seq = range.first;
            while wanted.next_if(|r| r.last < seq).is_some() {}
            if !wanted.peek().is_some_and(|r| r.contains(seq)) {
                // It came back meanwhile and was not looked for; what is behind it is read again.
                break;
            }
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
}

/// Takes what comes first, as long as `before` says so, out of `all`.
fn part<T>(all: &mut VecDeque<T>, before: impl Fn(&T) -> bool) -> VecDeque<T> {
    let at = all.partition_point(before);
    if at <= all.len() / 2 {
        return all.drain(..at).collect();
    }
    let behind = all.split_off(at);
    std::mem::replace(all, behind)
}

/// Takes the sequences below `seq` out of `cold`.
fn cold_before(cold: &mut VecDeque<SeqRange>, seq: Seq) -> VecDeque<SeqRange> {
    let mut before = part(cold, |range| range.last < seq);
    if let Some(range) = cold.front_mut().filter(|r| r.first < seq) {
        before.push_back(SeqRange { first: range.first, last: Seq(seq.0 - 1) });
        range.first = seq;
    }
    before
}

/// Adds a sequence that is not in `cold` yet.
fn insert(cold: &mut VecDeque<SeqRange>, seq: Seq) {
    let at = cold.partition_point(|range| range.last < seq);
    let joins_behind = cold.get(at).is_some_and(|range| range.first == seq.next());
    match at.checked_sub(1).and_then(|before| cold.get_mut(before)).filter(|range| range.last.next() == seq) {
        Some(before) if !joins_behind => before.last = seq,
        Some(_) => {
            if let Some(range) = cold.remove(at) {
                cold[at - 1].last = range.last;
            }
        }
        None if joins_behind => cold[at].first = seq,
        None => cold.insert(at, SeqRange::one(seq)),
    }
}
