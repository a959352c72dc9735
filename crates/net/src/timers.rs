//! When which connection wants to be looked at: a lazy heap, where an entry that was overtaken is skipped.

use narumq_model::Time;
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// Wishes of connections, named by index and generation.
#[derive(Debug, Default)]
pub(crate) struct Timers {
    heap: BinaryHeap<Reverse<(Time, u32, u32)>>,
}

impl Timers {
    /// Looks at a connection at `due`.
    pub(crate) fn set(&mut self, due: Time, index: u32, generation: u32) {
        self.heap.push(Reverse((due, index, generation)));
    }

    /// The earliest wish, perhaps of a connection that is gone.
    pub(crate) fn next(&self) -> Time {
        self.heap.peek().map_or(Time::NEVER, |Reverse((due, ..))| *due)
    }

    /// Takes one wish that is due: (due, index, generation).
    pub(crate) fn pop(&mut self, now: Time) -> Option<(Time, u32, u32)> {
        (self.next() <= now).then(|| self.heap.pop().map(|Reverse(wish)| wish)).flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wishes_come_in_order_and_not_early() {
        let mut timers = Timers::default();
        assert_eq!(timers.next(), Time::NEVER);
        assert_eq!(timers.pop(Time(u64::MAX - 1)), None);
        timers.set(Time(20), 1, 0);
        timers.set(Time(10), 2, 7);
        assert_eq!(timers.next(), Time(10));
        assert_eq!(timers.pop(Time(9)), None);
        assert_eq!(timers.pop(Time(15)), Some((Time(10), 2, 7)));
        assert_eq!(timers.pop(Time(15)), None);
        assert_eq!(timers.pop(Time(20)), Some((Time(20), 1, 0)));
    }
}
