//! The consumer thread: all consumers of a run, in turn.

use std::sync::mpsc::Sender;
use std::time::Duration;

use super::drainer::{Drained, Drainer};
use crate::error::{Error, Result};
use crate::shared::{LOOK, STALL, Shared};
use crate::wait::{Sockets, has_input, wait, want_room};

/// When consumers are done; each also when it has read its partitions to their end, unless it begins again.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Goal {
    /// Octets of batches of all of them.
    pub(crate) octets: Option<u64>,
    pub(crate) seconds: Option<f64>,
}

/// Consumes until the goal is reached or the run stops; tells `first` once something has come; returns when it began.
pub(crate) fn drain(
    drainers: &mut [Drainer],
    goal: Goal,
    mut first: Option<Sender<()>>,
    shared: &Shared,
) -> Result<u64> {
    let sockets = Sockets::of(drainers.iter().map(Drainer::stream))?;
    let mut set = sockets.set();
    let mut blocked = vec![false; drainers.len()];
    let began = shared.clock.now();
    let end = goal.seconds.map_or(u64::MAX, |seconds| began + (seconds * 1e9) as u64);
    let mut active = began;
    let mut octets = 0;
    loop {
        let now = shared.clock.now();
        for (index, drainer) in drainers.iter_mut().enumerate() {
            if drainer.is_done() && !drainer.is_waiting() {
                continue;
            }
            let full = drainer.ask(now)?;
            if full != blocked[index] {
                want_room(&mut set, &sockets, index, full);
                blocked[index] = full;
            }
        }
        let before = octets;
        octets = drainers.iter().map(|drainer| drainer.drained.octets).sum();
        let reached = goal.octets.is_some_and(|goal| octets >= goal) || now >= end;
        if reached || shared.stopped() || drainers.iter().all(Drainer::is_done) {
            return Ok(began);
        }
        if octets > before {
            active = now;
            if let Some(first) = first.take() {
                // Who waited for it may have gone meanwhile.
                let _ = first.send(());
            }
        } else if now - active > STALL.as_nanos() as u64 {
            return Err(Error::new(format!("consuming stood still for {} s", STALL.as_secs())));
        }
        wait(&mut set, LOOK.min(Duration::from_nanos(end.saturating_sub(now))))?;
        for (index, drainer) in drainers.iter_mut().enumerate() {
            if has_input(&set, index) {
                drainer.read(shared)?;
            }
        }
    }
}

/// What all consumers together saw.
pub(crate) fn sum(drainers: &[Drainer]) -> Drained {
    let mut all = Drained::new();
    drainers.iter().for_each(|drainer| all.merge(&drainer.drained));
    all
}
