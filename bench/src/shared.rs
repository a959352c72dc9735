//! What the producer thread, the consumer thread and the main thread tell each other.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::Sender;
use std::time::{Duration, Instant};

use crate::error::Result;

/// Nanoseconds of CLOCK_MONOTONIC since the generator's epoch: one clock for both ends.
#[derive(Clone, Copy)]
pub(crate) struct Clock(Instant);

impl Clock {
    /// A clock whose epoch is now.
    pub(crate) fn start() -> Clock {
        Clock(Instant::now())
    }

    /// Nanoseconds since the epoch.
    #[inline]
    pub(crate) fn now(self) -> u64 {
        self.0.elapsed().as_nanos() as u64
    }
}

/// Counters of a run in progress.
pub(crate) struct Shared {
    pub(crate) clock: Clock,
    pub(crate) published: AtomicU64,
    pub(crate) confirmed: AtomicU64,
    pub(crate) delivered: AtomicU64,
    /// Deliveries after which the consumers are done; unknown (the maximum) while publishing.
    target: AtomicU64,
    /// Producers begin nothing more.
    ending: AtomicBool,
    /// Nobody goes on.
    stop: AtomicBool,
}

impl Shared {
    /// All counters at 0.
    pub(crate) fn new() -> Shared {
        Shared {
            clock: Clock::start(),
            published: AtomicU64::new(0),
            confirmed: AtomicU64::new(0),
            delivered: AtomicU64::new(0),
            target: AtomicU64::new(u64::MAX),
            ending: AtomicBool::new(false),
            stop: AtomicBool::new(false),
        }
    }

    /// Makes producers finish what they have begun and return.
    pub(crate) fn end(&self) {
        self.ending.store(true, Ordering::Release);
    }

    /// Whether producers are to begin nothing more.
    pub(crate) fn ending(&self) -> bool {
        self.ending.load(Ordering::Acquire)
    }

    /// Makes both threads return as they are.
    pub(crate) fn stop(&self) {
        self.stop.store(true, Ordering::Release);
    }

    /// Whether to return as it is.
    pub(crate) fn stopped(&self) -> bool {
        self.stop.load(Ordering::Acquire)
    }

    /// Tells the consumers how many deliveries there are to be.
    pub(crate) fn set_target(&self, deliveries: u64) {
        self.target.store(deliveries, Ordering::Release);
    }

    /// Deliveries after which the consumers are done.
    pub(crate) fn target(&self) -> u64 {
        self.target.load(Ordering::Acquire)
    }
}

/// What a thread tells the main thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    /// Every consumer is answered.
    Ready,
    /// The thread ends.
    Ended,
}

/// Stops the other thread when this one ends by an error; tells the main thread.
pub(crate) fn guarded<T>(shared: &Shared, events: &Sender<Event>, body: impl FnOnce() -> Result<T>) -> Result<T> {
    let result = body();
    if result.is_err() {
        shared.stop();
    }
    // The main thread may have failed first; then nobody listens.
    let _ = events.send(Event::Ended);
    result
}

/// How long a thread waits at most before it looks at the counters again.
pub(crate) const LOOK: Duration = Duration::from_millis(50);
/// How long nothing may happen before a run is given up.
pub(crate) const STALL: Duration = Duration::from_secs(60);
