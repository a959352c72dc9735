//! One record at a time: from the moment a producer sends it until the consumer that waits for it has it.
//!
//! ```text
//! consumer   fetch ........................ batch | fetch ..............
//! producer             produce ..... answer            produce ....
//!                      |<--- latency ------>|
//! ```
//!
//! One thread serves both connections: what the generator would spend on waking another is no part of the figure.

use std::time::{Duration, Instant};

use rustix::event::PollFd;

use super::client::Client;
use super::consume::WAIT_MS_MAX;
use super::crew::Crew;
use super::drainer::{Cursor, Drainer};
use super::load::Load;
use super::produce::{PRODUCE, verify};
use super::request::FetchLimits;
use super::sender::Sender;
use super::template::Template;
use super::topics::Topics;
use crate::error::{Error, Result};
use crate::histogram::Histogram;
use crate::outcome::{LATENCY, Outcome, Unit};
use crate::producer::{Source, Waits};
use crate::shared::{LOOK, STALL, Shared};
use crate::wait::{Sockets, has_input, wait, want_room};

/// Records before those that count: what is done once is done then.
const WARM_UP: u64 = 200;
/// From a round to the next: the fetch is at the broker by then and waits there, as a consumer's does. It is time alone
/// that tells, as a broker says nothing of a fetch that it holds.
const PAUSE: Duration = Duration::from_micros(100);

/// The two ends.
struct Ends {
    sender: Sender,
    drainer: Drainer,
}

/// Sends the records of the load one after the other.
pub(crate) fn run(load: &Load, topics: &Topics, control: &mut Client, crew: &mut Crew<'_>) -> Result<Outcome> {
    let rounds = load.records + WARM_UP;
    let load = &Load { in_flight: 1, connections: 1, ..load.clone() };
    let limits = FetchLimits { wait_ms_max: WAIT_MS_MAX, bytes_min: 1, partition_bytes_max: load.fetch as i32 };
    let cursors = vec![Cursor::new(0, i64::MAX)];
    let mut ends = Ends {
        sender: Sender::new(crew.broker.connect()?, load, Template::new(load, topics, 0), rounds)?,
        drainer: Drainer::new(crew.broker.connect()?, limits, &topics.names[0], cursors, false)?,
    };
    crew.begin();
    let mut latency = Histogram::new();
    let (mut began, mut ended) = (0, 0);
    let job = |shared: &Shared| {
        let exact = rustix::thread::set_current_timer_slack(std::num::NonZeroU64::new(1));
        exact.map_err(|error| Error::io("timer slack", error.into()))?;
        let sockets = Sockets::of([ends.sender.stream(), ends.drainer.stream()].into_iter())?;
        let mut set = sockets.set();
        for number in 0..rounds {
            if number == WARM_UP {
                ends.sender.latency = Histogram::new();
                began = shared.clock.now();
            }
            let took = ends.round(number + 1, &sockets, &mut set, shared)?;
            if number >= WARM_UP {
                latency.record(took);
            }
        }
        ended = shared.clock.now();
        Ok(())
    };
    crew.work(vec![("both ends", Box::new(job))])?;
    let bill = crew.bill();
    let mut outcome = Outcome::default();
    outcome.put_quantiles(&LATENCY, &latency);
    outcome.put_quantiles(&PRODUCE, &ends.sender.latency);
    bill.put(&mut outcome, ends.sender.octets(), ends.sender.records());
    outcome.put("records", "records", Unit::Count, load.records as f64);
    outcome.put("seconds", "time", Unit::Seconds, (ended - began) as f64 / 1e9);
    verify(&mut outcome, topics.held(control)?, rounds);
    Ok(outcome)
}

impl Ends {
    /// One record to the consumer, which has `total` then; how long that took, nanoseconds.
    fn round<'a>(&mut self, total: u64, sockets: &'a Sockets, set: &mut [PollFd<'a>], shared: &Shared) -> Result<u64> {
        self.drainer.ask(shared.clock.now())?;
        std::thread::sleep(PAUSE);
        let sent = shared.clock.now();
        let mut full = self.write(shared)?;
        let begun = Instant::now();
        let mut took = None;
        while took.is_none() || self.sender.awaits_confirms() {
            want_room(set, sockets, 0, full);
            wait(set, LOOK)?;
            if full {
                full = self.write(shared)?;
            }
            // The consumer first: it is what is measured.
            if has_input(set, 1) && self.drainer.read(shared)? {
                if self.drainer.drained.records == total {
                    took = Some(shared.clock.now() - sent);
                } else {
                    // A wait that ended without a record.
                    self.drainer.ask(shared.clock.now())?;
                }
            }
            if has_input(set, 0) {
                self.sender.read(shared)?;
            }
            if begun.elapsed() > STALL {
                return Err(Error::new(format!("record {total} did not come within {} s", STALL.as_secs())));
            }
        }
        took.ok_or_else(|| Error::new("no record came"))
    }

    /// Writes what the producer may write; whether the rest of it waits for room.
    fn write(&mut self, shared: &Shared) -> Result<bool> {
        loop {
            match self.sender.pump(shared)? {
                Waits::Nothing => {}
                waits => return Ok(matches!(waits, Waits::Room)),
            }
        }
    }
}
