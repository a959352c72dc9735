//! The producer thread: all producers of a run, in turn.

use std::time::Duration;

use crate::error::{Error, Result};
use crate::load::Load;
use crate::publisher::{Publisher, Schedule, Waits};
use crate::shared::{LOOK, STALL, Shared};
use crate::wait::{Sockets, has_input, wait, want_room};

/// Publishes everything (or until the time is over), awaits the confirms, returns when it began.
pub(crate) fn produce(publishers: &mut [Publisher], load: &Load, shared: &Shared) -> Result<u64> {
    let sockets = Sockets::of(publishers.iter().map(|publisher| &publisher.connection.stream))?;
    let mut set = sockets.set();
    let began = shared.clock.now();
    if let Some(rate) = load.rate {
        // A timer may fire late by its slack; an open loop wants it as exact as it comes.
        let exact = rustix::thread::set_current_timer_slack(std::num::NonZeroU64::new(1));
        exact.map_err(|error| Error::io("timer slack", error.into()))?;
        let count = publishers.len();
        for (index, publisher) in publishers.iter_mut().enumerate() {
            publisher.follow(Schedule::new(rate, index, count, began));
        }
    }
    let end = load.seconds.map(|seconds| began + (seconds * 1e9) as u64);
    let mut done = vec![false; publishers.len()];
    let mut blocked = vec![false; publishers.len()];
    let mut ended = false;
    let mut active = began;
    while !shared.stopped() {
        if !ended && end.is_some_and(|end| shared.clock.now() >= end) {
            publishers.iter_mut().for_each(Publisher::finish);
            ended = true;
        }
        let mut pause = LOOK;
        for (index, publisher) in publishers.iter_mut().enumerate() {
            if done[index] {
                continue;
            }
            let waits = step(publisher, shared)?;
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
        if heard || load.rate.is_some() && !publishers.iter().any(Publisher::awaits_confirms) {
            active = now;
        } else if now - active > STALL.as_nanos() as u64 {
            return Err(Error::new(format!("publishing stood still for {} s", STALL.as_secs())));
        }
    }
    Ok(began)
}

/// Publishes a run and, while more may follow, reads the confirms so that none waits unread.
fn step(publisher: &mut Publisher, shared: &Shared) -> Result<Waits> {
    let waits = publisher.pump(shared)?;
    if matches!(waits, Waits::Nothing) && publisher.awaits_confirms() {
        publisher.read(shared)?;
    }
    Ok(waits)
}
