//! Heartbeats: when we owe one, and when the peer has been silent for too long.

use narumq_model::Time;

/// The state of one connection's heartbeats. Any bytes count, in either direction.
#[derive(Debug)]
pub(crate) struct Heartbeat {
    /// The negotiated interval in milliseconds; 0 = none are sent, none expected.
    interval: u64,
    received: Time,
    sent: Time,
}

impl Heartbeat {
    /// None yet.
    pub(crate) fn new(now: Time) -> Self {
        Self { interval: 0, received: now, sent: now }
    }

    /// The interval has been negotiated.
    pub(crate) fn set(&mut self, seconds: u16, now: Time) {
        *self = Self { interval: u64::from(seconds) * 1000, received: now, sent: now };
    }

    /// The peer was heard, or cannot be blamed for what we did not hear.
    pub(crate) fn heard(&mut self, now: Time) {
        self.received = now;
    }

    /// Something was written.
    pub(crate) fn spoke(&mut self, now: Time) {
        self.sent = now;
    }

    /// Whether one must be sent now: half the interval has gone by in silence.
    pub(crate) fn owed(&self, now: Time) -> bool {
        self.interval > 0 && now.since(self.sent) >= self.interval / 2
    }

    /// Whether two intervals have gone by without a sign of the peer.
    pub(crate) fn missed(&self, now: Time) -> bool {
        self.interval > 0 && now.since(self.received) >= 2 * self.interval
    }

    /// When to look again.
    pub(crate) fn next(&self) -> Time {
        if self.interval == 0 {
            return Time::NEVER;
        }
        self.sent.plus(self.interval / 2).min(self.received.plus(2 * self.interval))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_an_interval_to_send_two_to_miss() {
        let mut heartbeat = Heartbeat::new(Time(0));
        assert!(!heartbeat.owed(Time(1 << 40)) && !heartbeat.missed(Time(1 << 40)) && heartbeat.next() == Time::NEVER);
        heartbeat.set(10, Time(1000));
        assert_eq!(heartbeat.next(), Time(6000));
        assert!(!heartbeat.owed(Time(5999)) && heartbeat.owed(Time(6000)));
        heartbeat.spoke(Time(20_500));
        assert!(!heartbeat.missed(Time(20_999)) && heartbeat.missed(Time(21_000)));
        assert_eq!(heartbeat.next(), Time(21_000));
        heartbeat.heard(Time(20_900));
        assert_eq!(heartbeat.next(), Time(25_500));
    }
}
