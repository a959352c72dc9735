//! A lane lets go of memory: what can be read again, and transient messages into scratch files.

use super::{Lane, Ready, Stretch, extend};
use crate::queue::scratch::Block;
use narumq_model::{Lsn, SeqRange};
use std::collections::VecDeque;

/// A stretch between transient messages that takes less memory is not worth a read.
const COOL_BYTES_MIN: usize = 1 << 10;

/// Memory of the messages that go into one block of a scratch file, about.
const BLOCK_BYTES: usize = 256 << 10;

impl Lane {
    /// Lets go of messages in memory that can be read again, until at most `keep` bytes stand at the front and what is
    /// behind them is cold, transient or not yet written, or about `most` bytes are freed. `gone` sees each message
    /// before it goes. Returns the bytes freed.
    pub(crate) fn chill(&mut self, keep: usize, written: Lsn, most: usize, gone: &mut dyn FnMut(&Ready)) -> usize {
        let before = self.memory;
        if self.stretches.len() == 1
            && let Some(Stretch::Ram(ram)) = self.stretches.front_mut()
        {
            let mut kept = 0;
            let at = ram.iter().position(|r| {
                kept += r.message.memory();
                kept > keep
            });
            if let Some(at) = at {
                let rest = ram.split_off(at);
                self.stretches.push_back(Stretch::Ram(rest));
                if at == 0 {
                    // Nothing is kept, yet the front stays a stretch of its own: what is behind it may go.
                    self.stretches[0] = Stretch::Ram(VecDeque::new());
                }
            }
        }
        if self.stretches.len() > 1
            && let Some(Stretch::Ram(ram)) = self.stretches.pop_back_if(|last| matches!(last, Stretch::Ram(_)))
        {
            self.chill_back(ram, written, most, gone);
        }
        if self.stretches.len() > 1 && matches!(self.stretches.front(), Some(Stretch::Ram(ram)) if ram.is_empty()) {
            self.stretches.pop_front();
        }
        before - self.memory
    }

    /// Puts `ram` back behind everything: stretches that can be read again as cold ones.
    fn chill_back(&mut self, mut ram: VecDeque<Ready>, written: Lsn, most: usize, gone: &mut dyn FnMut(&Ready)) {
        let before = self.memory;
        let looked_at = loop {
            let left = most.saturating_sub(before - self.memory);
            if left == 0 {
                break 0;
            }
            let (stays, goes) = match coolable(&ram, written, left) {
                (stays, 0) => break stays,
                found => found,
            };
            let apart = ram.drain(..stays).collect();
            self.set_apart(apart);
            if !matches!(self.stretches.back(), Some(Stretch::Cold(_))) {
                self.stretches.push_back(Stretch::Cold(VecDeque::new()));
            }
            for ready in ram.drain(..goes) {
                gone(&ready);
                self.memory -= ready.message.memory();
                if let Some(Stretch::Cold(cold)) = self.stretches.back_mut() {
                    extend(cold, SeqRange::one(ready.seq));
                }
            }
        };
        let apart = ram.drain(..looked_at).collect();
        self.set_apart(apart);
        if !ram.is_empty() || matches!(self.stretches.back(), Some(Stretch::Ram(_))) {
            shrink(&mut ram);
            self.stretches.push_back(Stretch::Ram(ram));
        }
    }

    /// Messages that stay in memory become a stretch that is not looked at again: new ones go behind it.
    fn set_apart(&mut self, mut stay: VecDeque<Ready>) {
        if stay.is_empty() {
            return;
        }
        let alone = self.stretches.len() < 2;
        match self.stretches.back_mut() {
            Some(Stretch::Ram(ram)) if !alone => ram.append(&mut stay),
            _ => {
                stay.shrink_to_fit();
                self.stretches.push_back(Stretch::Ram(stay));
            }
        }
    }

    /// Lets go of transient messages behind the front stretch, until about `most` bytes are freed: `write` gets each run of
    /// them and says where it went. Returns false if it could not.
    pub(crate) fn spill(&mut self, most: usize, write: &mut dyn FnMut(&[Ready]) -> Option<Block>) -> bool {
        let mut accepts = true;
        let least = self.memory.saturating_sub(most);
        for (at, stretch) in std::mem::take(&mut self.stretches).into_iter().enumerate() {
            match stretch {
                Stretch::Ram(ram) if at > 0 && accepts => accepts = self.spill_back(ram, least, write),
                other => self.stretches.push_back(other),
            }
        }
        accepts
    }

    /// Puts `ram` back behind everything, the transient messages that it begins with as blocks as long as more than `least`
    /// bytes are in memory.
    fn spill_back(
        &mut self,
        mut ram: VecDeque<Ready>,
        least: usize,
        write: &mut dyn FnMut(&[Ready]) -> Option<Block>,
    ) -> bool {
        while self.memory > least && ram.front().is_some_and(|r| r.lsn == Lsn(0)) {
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
            shrink(&mut ram);
            self.stretches.push_back(Stretch::Ram(ram));
        }
        true
    }
}

/// Gives back room that is mostly empty; not at every step, as that moves all that stays.
fn shrink(ram: &mut VecDeque<Ready>) {
    if ram.capacity() / 2 > ram.len() {
        ram.shrink_to_fit();
    }
}

/// How many messages at the front of `ram` stay, and how many behind them can be read again and are worth it, about `most`
/// bytes of them. Where the second is 0, the first says how many need not be looked at again.
fn coolable(ram: &VecDeque<Ready>, written: Lsn, most: usize) -> (usize, usize) {
    let (mut start, mut bytes) = (0, 0);
    for (at, ready) in ram.iter().enumerate() {
        if bytes >= most.max(COOL_BYTES_MIN) {
            return (start, at - start);
        }
        if ready.lsn > written {
            return (start, if bytes >= COOL_BYTES_MIN { at - start } else { 0 });
        }
        if ready.lsn != Lsn(0) {
            bytes += ready.message.memory();
        } else if bytes >= COOL_BYTES_MIN {
            return (start, at - start);
        } else {
            (start, bytes) = (at + 1, 0);
        }
    }
    (start, if bytes >= COOL_BYTES_MIN { ram.len() - start } else { 0 })
}
