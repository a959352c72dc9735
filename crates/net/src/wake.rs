//! The bell of a worker: wakes it from its wait, and costs one atomic swap when it does not sleep.
//!
//! ```text
//!            about to wait                    ring: system call
//!  RUNNING ────────────────► SLEEPING ─────────────────────────► RUNG
//!     │  ▲                       │ woke by itself                 │
//!     │  └───────────────────────┴──────────── after the wait ◄───┤
//!     └── ring: no system call, and the next wait returns at once ┘
//! ```

use narumq_door::Wake;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

const RUNNING: u8 = 0;
const SLEEPING: u8 = 1;
const RUNG: u8 = 2;

/// The bell of one worker.
#[derive(Debug)]
pub(crate) struct Bell {
    state: AtomicU8,
    waker: mio::Waker,
}

impl Bell {
    pub(crate) fn new(waker: mio::Waker) -> Self {
        Self { state: AtomicU8::new(RUNNING), waker }
    }

    /// Makes the worker come round once more.
    pub(crate) fn ring(&self) {
        if self.state.swap(RUNG, Ordering::SeqCst) == SLEEPING {
            // The event counter of the kernel cannot be full: a worker that was rung is not rung again before it ran.
            let _ = self.waker.wake();
        }
    }

    /// The worker is about to wait. False: it was rung meanwhile and must not.
    pub(crate) fn try_sleep(&self) -> bool {
        self.state.compare_exchange(RUNNING, SLEEPING, Ordering::SeqCst, Ordering::SeqCst).is_ok()
    }

    /// The worker runs again. True: it was rung.
    pub(crate) fn awake(&self) -> bool {
        self.state.swap(RUNNING, Ordering::SeqCst) == RUNG
    }
}

/// The bells of all workers, as the broker sees them.
#[derive(Clone, Debug)]
pub(crate) struct Bells(pub(crate) Arc<[Bell]>);

impl Wake for Bells {
    fn wake(&self, worker: u16) {
        if let Some(bell) = self.0.get(worker as usize) {
            bell.ring();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mio::{Events, Poll, Token};
    use std::time::Duration;

    fn rings(poll: &mut Poll) -> usize {
        let mut events = Events::with_capacity(8);
        poll.poll(&mut events, Some(Duration::ZERO)).unwrap();
        events.iter().count()
    }

    #[test]
    fn only_a_sleeper_costs_a_system_call() {
        let mut poll = Poll::new().unwrap();
        let bell = Bell::new(mio::Waker::new(poll.registry(), Token(0)).unwrap());
        bell.ring();
        assert_eq!(rings(&mut poll), 0, "it runs: nothing to do but to remember");
        assert!(!bell.try_sleep(), "rung while it ran: it may not sleep");
        assert!(bell.awake());
        assert!(bell.try_sleep());
        bell.ring();
        bell.ring();
        assert_eq!(rings(&mut poll), 1);
        assert!(bell.awake());
        assert!(!bell.awake(), "one ring is heard once");
    }
}
