//! The open channels of one connection, by number.

use crate::channel::Channel;
use foldhash::fast::RandomState;
use std::collections::HashMap;

/// Numbers below this have a place of their own; clients count from 1.
const LOW: u16 = 64;

/// Channels by number. Low numbers are found without a hash; high ones cost no more than they use.
#[derive(Debug, Default)]
pub(crate) struct Channels {
    low: Vec<Option<Box<Channel>>>,
    high: HashMap<u16, Box<Channel>, RandomState>,
}

impl Channels {
    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.low.iter().flatten().count() + self.high.len()
    }

    /// The channel of this number.
    pub(crate) fn get(&self, number: u16) -> Option<&Channel> {
        if number < LOW { self.low.get(usize::from(number))?.as_deref() } else { self.high.get(&number).map(|c| &**c) }
    }

    /// The channel of this number.
    #[inline]
    pub(crate) fn get_mut(&mut self, number: u16) -> Option<&mut Channel> {
        if number < LOW {
            return self.low.get_mut(usize::from(number))?.as_deref_mut();
        }
        self.high.get_mut(&number).map(|channel| &mut **channel)
    }

    /// A new channel, in place of the one of its number, if any.
    pub(crate) fn insert(&mut self, channel: Channel) {
        let number = channel.number;
        if number >= LOW {
            self.high.insert(number, Box::new(channel));
            return;
        }
        if self.low.len() <= usize::from(number) {
            self.low.resize_with(usize::from(number) + 1, || None);
        }
        self.low[usize::from(number)] = Some(Box::new(channel));
    }

    /// Takes a channel out.
    pub(crate) fn remove(&mut self, number: u16) -> Option<Box<Channel>> {
        if number < LOW { self.low.get_mut(usize::from(number))?.take() } else { self.high.remove(&number) }
    }

    /// All of them.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Channel> {
        self.low.iter().flatten().chain(self.high.values()).map(|channel| &**channel)
    }

    /// Takes all of them out, in the order of their numbers.
    pub(crate) fn take_all(&mut self) -> Vec<Channel> {
        let boxes = self.low.drain(..).flatten().chain(self.high.drain().map(|(_, channel)| channel));
        let mut all: Vec<Channel> = boxes.map(|channel| *channel).collect();
        all.sort_unstable_by_key(|channel| channel.number);
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn low_and_high_numbers_are_alike() {
        let mut channels = Channels::default();
        for number in [1, 63, 64, 65_535, 2] {
            channels.insert(Channel::new(number));
            channels.insert(Channel::new(number));
        }
        assert_eq!(channels.len(), 5);
        assert!(channels.get(3).is_none() && channels.get_mut(66).is_none() && channels.get(0).is_none());
        assert_eq!(channels.get(64).map(|c| c.number), Some(64));
        assert_eq!(channels.get_mut(63).map(|c| c.number), Some(63));
        assert_eq!(channels.remove(65_535).map(|c| c.number), Some(65_535));
        assert!(channels.remove(65_535).is_none() && channels.remove(9).is_none());
        assert_eq!(channels.iter().count(), 4);
        assert_eq!(channels.take_all().iter().map(|c| c.number).collect::<Vec<_>>(), [1, 2, 63, 64]);
        assert_eq!(channels.len(), 0);
    }
}
