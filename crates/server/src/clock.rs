//! Broker time: the wall clock's reading at the start, carried on by the monotonic clock.

use crate::system;
use narumq_model::Time;
use narumq_net::Clock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

/// Broker time. It never runs backwards: not when the wall clock is set, and not over a restart once it was raised to
/// the last instant that the log has seen.
#[derive(Debug)]
pub(crate) struct BrokerClock {
    origin: Instant,
    /// Broker time at `origin`, in milliseconds.
    base: AtomicU64,
}

impl BrokerClock {
    /// A clock that starts at the wall clock's reading.
    pub(crate) fn start() -> Self {
        Self::starting(system::wall_clock())
    }

    fn starting(wall: Time) -> Self {
        Self { origin: system::instant(), base: AtomicU64::new(wall.0) }
    }

    /// It is at least `last` now: the machine's clock may have been set back while the broker was down.
    pub(crate) fn raise(&self, last: Time) {
        self.base.fetch_max(last.0.saturating_sub(self.elapsed()), Ordering::SeqCst);
    }

    fn elapsed(&self) -> u64 {
        self.origin.elapsed().as_millis() as u64
    }
}

impl Clock for BrokerClock {
    fn now(&self) -> Time {
        Time(self.base.load(Ordering::Relaxed).saturating_add(self.elapsed()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_goes_on_from_the_last_instant_seen() {
        let clock = BrokerClock::starting(Time(1_000));
        let first = clock.now();
        assert!(first >= Time(1_000) && first < Time(100_000));
        clock.raise(Time(500));
        assert!(clock.now() >= first, "an earlier instant changes nothing");
        clock.raise(Time(5_000_000));
        assert!(clock.now() >= Time(5_000_000));
    }
}
