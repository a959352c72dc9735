//! When the messages of an open loop are due, whatever the broker answers.

/// When the messages of one producer are due (open loop).
#[derive(Clone, Copy)]
pub(crate) struct Schedule {
    /// When message 0 is due, nanoseconds since the epoch.
    start: u64,
    /// Nanoseconds from one message to the next.
    every: f64,
}

impl Schedule {
    /// The part of producer `index` in a common rate, `producers` taking turns.
    pub(crate) fn new(rate: f64, index: usize, producers: usize, now: u64) -> Schedule {
        let between = 1e9 / rate;
        Schedule { start: now + (index as f64 * between) as u64, every: between * producers as f64 }
    }

    /// When a message is due.
    #[inline]
    pub(crate) fn due(self, message: u64) -> u64 {
        self.start + (message as f64 * self.every) as u64
    }

    /// How many messages are due by now.
    pub(crate) fn due_by(self, now: u64) -> u64 {
        if now < self.start { 0 } else { ((now - self.start) as f64 / self.every) as u64 + 1 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_schedule_is_kept_however_late_one_looks() {
        let first = Schedule::new(1000.0, 0, 2, 5_000_000);
        let second = Schedule::new(1000.0, 1, 2, 5_000_000);
        assert_eq!((first.due(0), first.due(3), second.due(0)), (5_000_000, 11_000_000, 6_000_000));
        assert_eq!(first.due_by(4_999_999), 0);
        assert_eq!(first.due_by(5_000_000), 1);
        assert_eq!(first.due_by(11_000_000), 4);
        assert_eq!(first.due_by(1_005_000_000), 501);
    }
}
