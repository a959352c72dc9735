//! Which messages arrived: per producer and queue the next number, what is missing before it, and
//! what came twice or out of order.

use std::collections::BTreeSet;

/// Gaps are remembered one by one up to this many messages; further ones count as missing for good.
const REMEMBERED: usize = 1_000_000;

/// What arrived, checked against the stamps.
pub(crate) struct Ledger {
    lanes: Vec<Lane>,
    queues: usize,
    remembered: usize,
    duplicates: u64,
    late: u64,
    foreign: u64,
}

#[derive(Clone, Default)]
struct Lane {
    next: u64,
    missing: BTreeSet<u64>,
    lost: u64,
}

/// What a [`Ledger`] found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Findings {
    /// Published, never delivered.
    pub(crate) missing: u64,
    /// Delivered again.
    pub(crate) duplicates: u64,
    /// Delivered after a later message of the same producer and queue.
    pub(crate) late: u64,
    /// Stamped with a producer or queue that does not exist.
    pub(crate) foreign: u64,
}

impl Ledger {
    /// A ledger of `producers * queues` empty lanes.
    pub(crate) fn new(producers: usize, queues: usize) -> Ledger {
        let lanes = vec![Lane::default(); producers * queues];
        Ledger { lanes, queues, remembered: 0, duplicates: 0, late: 0, foreign: 0 }
    }

    /// Enters one delivery.
    #[inline]
    pub(crate) fn arrived(&mut self, producer: usize, queue: usize, number: u32) {
        let number = u64::from(number);
        match self.lanes.get_mut(producer * self.queues + queue) {
            Some(lane) if queue < self.queues && lane.next == number => lane.next += 1,
            Some(_) if queue < self.queues => self.out_of_turn(producer * self.queues + queue, number),
            _ => self.foreign += 1,
        }
    }

    fn out_of_turn(&mut self, lane: usize, number: u64) {
        let lane = &mut self.lanes[lane];
        if number > lane.next {
            let gap = number - lane.next;
            if self.remembered as u64 + gap <= REMEMBERED as u64 {
                lane.missing.extend(lane.next..number);
                self.remembered += gap as usize;
            } else {
                lane.lost += gap;
            }
            lane.next = number + 1;
        } else if lane.missing.remove(&number) {
            self.remembered -= 1;
            self.late += 1;
        } else {
            self.duplicates += 1;
        }
    }

    /// What is to be found once `published(producer, queue)` messages should have arrived.
    pub(crate) fn findings(&self, published: impl Fn(usize, usize) -> u64) -> Findings {
        let mut missing = 0;
        for (index, lane) in self.lanes.iter().enumerate() {
            let expected = published(index / self.queues, index % self.queues);
            missing += lane.missing.len() as u64 + lane.lost + expected.saturating_sub(lane.next);
        }
        Findings { missing, duplicates: self.duplicates, late: self.late, foreign: self.foreign }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn in_order_is_clean_and_the_tail_is_missing() {
        let mut ledger = Ledger::new(2, 3);
        for number in 0..10 {
            (0..6).for_each(|lane| ledger.arrived(lane / 3, lane % 3, number));
        }
        assert_eq!(ledger.findings(|_, _| 10), Findings::default());
        assert_eq!(ledger.findings(|producer, _| 10 + producer as u64).missing, 3);
    }

    #[test]
    fn gaps_duplicates_latecomers_and_strangers_are_told_apart() {
        let mut ledger = Ledger::new(1, 1);
        for number in [0, 1, 5, 3, 3, 5, 6] {
            ledger.arrived(0, 0, number);
        }
        ledger.arrived(1, 0, 0);
        ledger.arrived(0, 1, 0);
        let expected = Findings { missing: 2, duplicates: 2, late: 1, foreign: 2 };
        assert_eq!(ledger.findings(|_, _| 7), expected);
    }

    #[test]
    fn an_absurd_number_costs_no_memory() {
        let mut ledger = Ledger::new(1, 1);
        ledger.arrived(0, 0, u32::MAX);
        assert!(ledger.lanes[0].missing.is_empty());
        assert_eq!(ledger.findings(|_, _| 1 << 32).missing, u64::from(u32::MAX));
    }
}
