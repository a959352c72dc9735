//! The threads of a load on one broker, watched until they end: progress, memory, what the broker spent.

use std::sync::atomic::Ordering;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread::{Builder, scope};
use std::time::{Duration, Instant};

use super::broker::Broker;
use crate::error::{Error, Result};
use crate::load::grouped;
use crate::meter::{Calm, Meter, Spent};
use crate::outcome::{Outcome, Unit};
use crate::procfs;
use crate::screen::Screen;
use crate::shared::{Event, Shared, guarded};

/// How often the progress line and the memory are looked at.
const TICK: Duration = Duration::from_millis(250);
/// A broker on a virtual machine of its own ticks even when nobody calls, and notes that it is alive.
pub(crate) const CALM: Calm = Calm { cpu_share: 0.04, written: 64 * 1024 };

/// What a thread does.
pub(crate) type Job<'a> = (&'static str, Box<dyn FnOnce(&Shared) -> Result<()> + Send + 'a>);

/// Watches the threads and the broker.
pub(crate) struct Crew<'a> {
    pub(crate) broker: &'a Broker,
    pub(crate) screen: &'a Screen,
    pub(crate) meter: Option<Meter>,
    /// Time and counters at the last progress line.
    shown: (u64, u64, u64),
}

/// What a load cost, and whether the broker came to rest after it.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Bill {
    pub(crate) spent: Option<Spent>,
    /// CPU until the last answer, microseconds.
    pub(crate) cpu_at_end: u64,
    pub(crate) settled: bool,
    /// From the last answer until it came to rest, seconds.
    pub(crate) settle_seconds: f64,
}

impl<'a> Crew<'a> {
    /// Nobody works yet.
    pub(crate) fn new(broker: &'a Broker, screen: &'a Screen) -> Result<Crew<'a>> {
        Ok(Crew { broker, screen, meter: broker.meter()?, shown: (0, 0, 0) })
    }

    /// Waits until the broker is at rest, however it came to be at work.
    pub(crate) fn await_rest(&mut self) -> bool {
        self.screen.show("waiting for the broker's work to end");
        self.meter.as_mut().is_none_or(|meter| meter.settle_as(CALM))
    }

    /// Waits until the broker is at rest and puts what others wrote on the disk, so that neither weighs on what follows;
    /// then begins the bill.
    pub(crate) fn begin(&mut self) {
        // One that never rests is told of at the end.
        let _ = self.await_rest();
        rustix::fs::sync();
        if let Some(meter) = &mut self.meter {
            meter.restart();
        }
    }

    /// Begins the bill as [`Crew::begin`] does, but with every byte that a process started for this run has written: also
    /// what it prepared before the load came.
    pub(crate) fn begin_since_birth(&mut self) {
        self.begin();
        if self.broker.fresh {
            self.meter = self.meter.take().map(Meter::since_birth);
        }
    }

    /// Runs the jobs at once, each on a thread; the first failure is told, and stops the others. Returns the CPU that the
    /// generator itself spent on it, microseconds.
    pub(crate) fn work(&mut self, jobs: Vec<Job<'_>>) -> Result<u64> {
        let own = || procfs::cpu_by_ticks(std::process::id()).unwrap_or(0);
        let before = own();
        let (sender, events) = channel();
        let shared = Shared::new();
        self.shown = (0, 0, 0);
        scope(|scope| {
            let mut threads = Vec::with_capacity(jobs.len());
            for (name, job) in jobs {
                let (shared, events) = (&shared, sender.clone());
                let body = move || guarded(shared, &events, || job(shared));
                threads.push(Builder::new().name(name.to_owned()).spawn_scoped(scope, body)?);
            }
            let mut running = threads.len();
            while running > 0 {
                match events.recv_timeout(TICK) {
                    Ok(Event::Ended) => running -= 1,
                    Ok(Event::Ready) => {}
                    Err(RecvTimeoutError::Timeout) if threads.iter().all(|thread| thread.is_finished()) => break,
                    Err(RecvTimeoutError::Timeout) => self.tick(&shared),
                    Err(RecvTimeoutError::Disconnected) => break,
                }
            }
            let mut done = Ok(());
            for thread in threads {
                let result = thread.join().map_err(|_| Error::new("a thread of the generator panicked"));
                done = done.and(result.and_then(|result| result));
            }
            done
        })?;
        Ok(own().saturating_sub(before))
    }

    /// Waits until the broker's later work is over; what all cost.
    pub(crate) fn bill(&mut self) -> Bill {
        let cpu_at_end = self.meter.as_mut().map_or(0, |meter| meter.spent().cpu);
        let asked = Instant::now();
        let settled = self.await_rest();
        let settle_seconds = (asked.elapsed().as_secs_f64() - 1.0).max(0.0);
        self.screen.clear();
        Bill { spent: self.meter.as_mut().map(Meter::spent), cpu_at_end, settled, settle_seconds }
    }

    fn tick(&mut self, shared: &Shared) {
        let resident = self.meter.as_mut().map(Meter::look);
        let now = shared.clock.now();
        let (sent, taken) = (shared.published.load(Ordering::Relaxed), shared.delivered.load(Ordering::Relaxed));
        let (then, sent_then, taken_then) = std::mem::replace(&mut self.shown, (now, sent, taken));
        let rate = |octets: u64, before: u64| {
            let seconds = (now - then).max(1) as f64 / 1e9;
            grouped((octets.saturating_sub(before) as f64 / seconds) as u64 >> 20)
        };
        let mut line = format!(
            "{:6.1} s  in {} MiB/s  out {} MiB/s  produced {} MiB  consumed {} MiB",
            now as f64 / 1e9,
            rate(sent, sent_then),
            rate(taken, taken_then),
            grouped(sent >> 20),
            grouped(taken >> 20)
        );
        if let Some(resident) = resident {
            line += &format!("  RSS {} MiB", resident >> 20);
        }
        self.screen.show(&line);
    }
}

impl Bill {
    /// A fault if the broker did not come to rest.
    pub(crate) fn put_rest(&self, outcome: &mut Outcome) {
        if !self.settled {
            outcome.faults.push("the broker was still at work a minute after the load".to_owned());
        }
    }

    /// CPU, memory and bytes of a load that moved so many octets and records.
    pub(crate) fn put(&self, outcome: &mut Outcome, octets: u64, records: u64) {
        self.put_rest(outcome);
        let Some(spent) = self.spent else { return };
        let mebibytes = octets as f64 / f64::from(1 << 20);
        let cpu = spent.cpu.max(1) as f64;
        outcome.put("mib_per_cpu_s", "MiB / CPU s", Unit::Mebibytes, mebibytes / (cpu / 1e6));
        outcome.put("cpu_us_per_record", "CPU us / record", Unit::Cost, cpu / records.max(1) as f64);
        let later = spent.cpu.saturating_sub(self.cpu_at_end) as f64;
        outcome.put("later_cpu_us", "CPU after the last answer", Unit::Microseconds, later);
        outcome.put("settle_seconds", "at rest after", Unit::Seconds, self.settle_seconds);
        outcome.put("rss_peak_bytes", "RSS peak", Unit::Bytes, spent.resident_peak as f64);
        outcome.put("rss_after_bytes", "RSS after", Unit::Bytes, spent.resident_after as f64);
        if let Some(written) = spent.written {
            outcome.put("written_per_byte", "bytes written / byte", Unit::Times, written as f64 / octets.max(1) as f64);
        }
        if let Some(read) = spent.read {
            outcome.put("read_per_byte", "bytes read / byte", Unit::Times, read as f64 / octets.max(1) as f64);
        }
    }
}
