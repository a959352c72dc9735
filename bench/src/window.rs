//! The confirm window of one producer: what was published and not yet confirmed, and since when.

use crate::histogram::Histogram;

/// Publishes in flight on one channel. Slot `tag % slots` holds the time of publish plus one, 0
/// once confirmed, so that confirms may come in any order.
pub(crate) struct Window {
    limit: u64,
    times: Vec<u64>,
    lowest: u64,
    next: u64,
    outstanding: u64,
}

impl Window {
    /// A window of at most `limit` unconfirmed messages. Delivery tags count from 1.
    pub(crate) fn new(limit: u32) -> Window {
        let slots = (limit.max(1) as usize * 4).next_power_of_two();
        Window { limit: u64::from(limit), times: vec![0; slots], lowest: 1, next: 1, outstanding: 0 }
    }

    /// How many messages may be published now.
    pub(crate) fn room(&self) -> u64 {
        let slots = self.times.len() as u64;
        (self.limit - self.outstanding).min(slots - (self.next - self.lowest))
    }

    /// Notes one publish at `now` (nanoseconds). Call it at most [`Window::room`] times.
    #[inline]
    pub(crate) fn published(&mut self, now: u64) {
        let slot = self.slot(self.next);
        self.times[slot] = now + 1;
        self.next += 1;
        self.outstanding += 1;
    }

    /// Settles `tag`, or everything up to it; returns how many messages that settled. How long
    /// each took goes into `latency`. A tag never published or settled before counts for none.
    pub(crate) fn settle(&mut self, tag: u64, multiple: bool, now: u64, latency: &mut Histogram) -> u64 {
        if tag >= self.next {
            return 0;
        }
        let first = if multiple { self.lowest } else { tag.max(self.lowest) };
        let mut settled = 0;
        for tag in first..=tag {
            let slot = self.slot(tag);
            let time = std::mem::take(&mut self.times[slot]);
            if time != 0 {
                latency.record((now + 1).saturating_sub(time));
                settled += 1;
            }
        }
        while self.lowest < self.next && self.times[self.slot(self.lowest)] == 0 {
            self.lowest += 1;
        }
        self.outstanding -= settled;
        settled
    }

    /// Whether nothing awaits its confirm.
    pub(crate) fn is_empty(&self) -> bool {
        self.outstanding == 0
    }

    fn slot(&self, tag: u64) -> usize {
        (tag as usize) & (self.times.len() - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn confirms_in_any_order_free_their_room_once() {
        let (mut window, mut latency) = (Window::new(4), Histogram::new());
        (0..4).for_each(|time| window.published(time * 10));
        assert_eq!(window.room(), 0);
        assert_eq!(window.settle(3, false, 100, &mut latency), 1);
        assert_eq!(window.settle(3, false, 100, &mut latency), 0, "twice");
        assert_eq!(window.settle(9, true, 100, &mut latency), 0, "never published");
        assert_eq!(window.room(), 1);
        assert_eq!(window.settle(4, true, 130, &mut latency), 3);
        assert!(window.is_empty());
        assert_eq!((latency.count(), latency.max()), (4, 130));
        assert_eq!(latency.quantile(0.25), Some(80));
    }

    #[test]
    fn one_late_confirm_holds_the_window_at_four_times_its_limit() {
        let (mut window, mut latency) = (Window::new(2), Histogram::new());
        window.published(0);
        let mut published = 1;
        while window.room() > 0 {
            window.published(0);
            published += 1;
            assert_eq!(window.settle(published, false, 1, &mut latency), 1);
        }
        assert_eq!(published, 8);
        assert_eq!(window.settle(1, false, 1, &mut latency), 1);
        assert_eq!(window.room(), 2);
    }
}
