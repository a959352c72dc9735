//! Deadlines by name that move often and are seldom met: one that moves away is found out when it is due.

use narumq_model::{Name, Time};
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// Entries beyond twice the living ones that are let be before the dead ones are thrown out.
const SLACK: usize = 64;

/// A heap of instants at which names are to be looked at. It may know a name more than once, and names that are gone.
#[derive(Debug, Default)]
pub(super) struct Deadlines(BinaryHeap<Reverse<(Time, Name)>>);

impl Deadlines {
    /// The earliest instant.
    pub(super) fn next(&self) -> Option<Time> {
        self.0.peek().map(|Reverse((at, _))| *at)
    }

    pub(super) fn push(&mut self, at: Time, name: Name) {
        self.0.push(Reverse((at, name)));
    }

    /// The earliest one, if it is due.
    pub(super) fn pop(&mut self, now: Time) -> Option<(Time, Name)> {
        if self.next()? > now {
            return None;
        }
        self.0.pop().map(|Reverse(entry)| entry)
    }

    /// Throws out what does not live, if that is worth the while; all, if nothing does.
    pub(super) fn prune(&mut self, living: usize, mut lives: impl FnMut(Time, &str) -> bool) {
        if living == 0 {
            self.0.clear();
        } else if self.0.len() > 2 * living + SLACK {
            self.0.retain(|Reverse((at, name))| lives(*at, name));
        }
    }

    #[cfg(test)]
    fn len(&self) -> usize {
        self.0.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_come_in_order_and_not_before_they_are_due() {
        let mut deadlines = Deadlines::default();
        [(30, "c"), (10, "a"), (20, "b")].into_iter().for_each(|(at, name)| deadlines.push(Time(at), name.into()));
        assert_eq!(deadlines.next(), Some(Time(10)));
        assert_eq!(deadlines.pop(Time(9)), None);
        assert_eq!(deadlines.pop(Time(25)), Some((Time(10), "a".into())));
        assert_eq!(deadlines.pop(Time(25)), Some((Time(20), "b".into())));
        assert_eq!(deadlines.pop(Time(25)), None);
        assert_eq!(deadlines.next(), Some(Time(30)));
    }

    #[test]
    fn what_is_gone_does_not_pile_up() {
        let mut deadlines = Deadlines::default();
        for n in 0..10_000 {
            deadlines.push(Time(n), "gone".into());
            deadlines.prune(1, |at, _| at == Time(5));
        }
        assert!(deadlines.len() <= 2 + SLACK + 1, "{}", deadlines.len());
        assert_eq!(deadlines.next(), Some(Time(5)));
        deadlines.prune(0, |_, _| true);
        assert_eq!(deadlines.next(), None);
    }
}
