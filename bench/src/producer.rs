//! The producer thread: all producers of a run, in turn, whatever protocol they speak.

use std::net::TcpStream;
use std::time::Duration;

use crate::error::{Error, Result};
use crate::schedule::Schedule;
use crate::shared::{LOOK, STALL, Shared};
use crate::wait::{Sockets, has_input, wait, want_room};

/// What a producer waits for.
pub(crate) enum Waits {
    /// Nothing: it wrote and can go on.
    Nothing,
    /// Room in the socket.
    Room,
    /// Confirms.
    Confirms,
    /// The time of its next message, nanoseconds since the epoch.
    Due(u64),
    /// All is published, and confirmed where confirms are asked for.
    Done,
}

/// One producer on its connection.
pub(crate) trait Source {
    /// Its socket, which neither reads nor writes wait for.
    fn stream(&self) -> &TcpStream;
    /// Publishes by a schedule from now on.
    fn follow(&mut self, schedule: Schedule);
    /// Publishes no message beyond those begun.
    fn finish(&mut self);
    /// Writes what may be written, one run at most.
    fn pump(&mut self, shared: &Shared) -> Result<Waits>;
    /// Whether confirms are to be read.
    fn awaits_confirms(&self) -> bool;
    /// Reads the confirms that have arrived; returns whether there were any.
    fn read(&mut self, shared: &Shared) -> Result<bool>;
}

/// How fast and how long a load publishes.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Pace {
    /// Messages per second of all producers together; `None` is as fast as it goes.
    pub(crate) rate: Option<f64>,
    /// No longer than that; `None` is until each has published its share.
    pub(crate) seconds: Option<f64>,
}

/// Publishes everything (or until the time is over, or the run is to end), awaits the confirms, returns when it began.
pub(crate) fn produce(publishers: &mut [impl Source], pace: Pace, shared: &Shared) -> Result<u64> {
    let sockets = Sockets::of(publishers.iter().map(Source::stream))?;
    let mut set = sockets.set();
    let began = shared.clock.now();
    if let Some(rate) = pace.rate {
        // A timer may fire late by its slack; an open loop wants it as exact as it comes.
        let exact = rustix::thread::set_current_timer_slack(std::num::NonZeroU64::new(1));
        exact.map_err(|error| Error::io("timer slack", error.into()))?;
        let count = publishers.len();
        for (index, publisher) in publishers.iter_mut().enumerate() {
            publisher.follow(Schedule::new(rate, index, count, began));
        }
    }
    let end = pace.seconds.map(|seconds| began + (seconds * 1e9) as u64);
    let mut done = vec![false; publishers.len()];
    let mut blocked = vec![false; publishers.len()];
    let mut idle = vec![false; publishers.len()];
    let mut ended = false;
    let mut active = began;
    while !shared.stopped() {
        if !ended && (shared.ending() || end.is_some_and(|end| shared.clock.now() >= end)) {
            publishers.iter_mut().for_each(Source::finish);
            ended = true;
        }
        let mut pause = LOOK;
        for (index, publisher) in publishers.iter_mut().enumerate() {
            if done[index] {
                continue;
            }
            let waits = step(publisher, shared)?;
            idle[index] = matches!(waits, Waits::Confirms);
            match waits {
                Waits::Nothing => pause = Duration::ZERO,
                Waits::Room | Waits::Confirms => {}
                Waits::Due(due) => pause = pause.min(Duration::from_nanos(due.saturating_sub(shared.clock.now()))),
                Waits::Done => done[index] = true,
            }
            let full = matches!(waits, Waits::Room);
            if blocked[index] != full {
                want_room(&mut set, &sockets, index, full);
                blocked[index] = full;
            }
        }
        if done.iter().all(|&done| done) {
            return Ok(began);
        }
        if pause.is_zero() {
            // Who only waits for its confirms is not to wait for those who can go on.
            for (index, publisher) in publishers.iter_mut().enumerate() {
                if !done[index] && idle[index] {
                    publisher.read(shared)?;
                }
            }
            active = shared.clock.now();
            continue;
        }
        wait(&mut set, pause)?;
        let mut heard = blocked.iter().enumerate().any(|(index, &full)| full && !set[index].revents().is_empty());
        for (index, publisher) in publishers.iter_mut().enumerate() {
            if has_input(&set, index) {
                heard |= publisher.read(shared)?;
            }
        }
        let now = shared.clock.now();
        if heard || pace.rate.is_some() && !publishers.iter().any(Source::awaits_confirms) {
            active = now;
        } else if now - active > STALL.as_nanos() as u64 {
            return Err(Error::new(format!("publishing stood still for {} s", STALL.as_secs())));
        }
    }
    Ok(began)
}

/// Publishes a run and, while more may follow, reads the confirms so that none waits unread.
fn step(publisher: &mut impl Source, shared: &Shared) -> Result<Waits> {
    let waits = publisher.pump(shared)?;
    if matches!(waits, Waits::Nothing) && publisher.awaits_confirms() {
        publisher.read(shared)?;
    }
    Ok(waits)
}
