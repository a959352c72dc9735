//! One producing connection: keeps its requests in flight, reads the answers, notes how long each took.

use std::collections::VecDeque;
use std::io::{ErrorKind, Write};
use std::net::TcpStream;
use std::ops::Range;
use std::sync::atomic::Ordering;

use super::answer;
use super::client::Client;
use super::load::Load;
use super::template::Template;
use crate::error::{Error, Result};
use crate::histogram::Histogram;
use crate::producer::{Source, Waits};
use crate::schedule::Schedule;
use crate::shared::Shared;

/// A producer and its connection. It counts requests, of one batch each.
pub(crate) struct Sender {
    client: Client,
    template: Template,
    window: usize,
    /// When each request that is not answered yet was sent, or was due.
    in_flight: VecDeque<u64>,
    schedule: Option<Schedule>,
    quota: u64,
    sent: u64,
    answered: u64,
    slot: usize,
    unwritten: Range<usize>,
    pub(crate) latency: Histogram,
    /// When the last answer came, nanoseconds since the epoch.
    pub(crate) last: u64,
}

impl Sender {
    /// A producer that sends `quota` batches.
    pub(crate) fn new(mut client: Client, load: &Load, template: Template, quota: u64) -> Result<Sender> {
        client.stream_mode(0)?;
        Ok(Sender {
            client,
            template,
            window: load.in_flight,
            in_flight: VecDeque::with_capacity(load.in_flight),
            schedule: None,
            quota,
            sent: 0,
            answered: 0,
            slot: 0,
            unwritten: 0..0,
            latency: Histogram::new(),
            last: 0,
        })
    }

    /// Sends so many batches, no more and no less.
    pub(crate) fn set_quota(&mut self, quota: u64) {
        self.quota = quota;
    }

    /// Batches that were answered.
    pub(crate) fn batches(&self) -> u64 {
        self.answered
    }

    /// Octets of all answered batches.
    pub(crate) fn octets(&self) -> u64 {
        self.answered * self.template.batch as u64
    }

    /// Records in all answered batches.
    pub(crate) fn records(&self) -> u64 {
        self.answered * self.template.records as u64
    }

    /// Numbers the next requests and notes when they left.
    fn begin(&mut self, count: usize, now: u64) {
        let slots = self.slot..self.slot + count;
        self.template.correlate(slots.clone(), self.sent as i32);
        for nth in 0..count as u64 {
            self.in_flight.push_back(self.schedule.map_or(now, |schedule| schedule.due(self.sent + nth)));
        }
        self.sent += count as u64;
        self.slot = slots.end % self.template.slots();
        self.unwritten = self.template.octets(slots);
    }

    fn write(&mut self, shared: &Shared) -> Result<Waits> {
        match self.client.stream.write(&self.template.bytes()[self.unwritten.clone()]) {
            Ok(written) => {
                self.unwritten.start += written;
                Ok(if self.unwritten.is_empty() { Waits::Nothing } else { Waits::Room })
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(Waits::Room),
            Err(error) if error.kind() == ErrorKind::Interrupted => Ok(Waits::Nothing),
            Err(error) => {
                // An answer, if there is one, says more than the broken pipe.
                self.read(shared)?;
                Err(Error::io("producing", error))
            }
        }
    }
}

impl Source for Sender {
    fn stream(&self) -> &TcpStream {
        &self.client.stream
    }

    fn follow(&mut self, schedule: Schedule) {
        self.schedule = Some(schedule);
    }

    fn finish(&mut self) {
        self.quota = self.sent;
    }

    fn pump(&mut self, shared: &Shared) -> Result<Waits> {
        if !self.unwritten.is_empty() {
            return self.write(shared);
        }
        if self.sent == self.quota {
            return Ok(if self.in_flight.is_empty() { Waits::Done } else { Waits::Confirms });
        }
        let mut count = (self.template.slots() - self.slot).min(self.window - self.in_flight.len());
        count = count.min(usize::try_from(self.quota - self.sent).unwrap_or(usize::MAX));
        if count == 0 {
            return Ok(Waits::Confirms);
        }
        let now = shared.clock.now();
        if let Some(schedule) = self.schedule {
            count = count.min(schedule.due_by(now).saturating_sub(self.sent) as usize);
            if count == 0 {
                return Ok(Waits::Due(schedule.due(self.sent)));
            }
        }
        self.begin(count, now);
        self.write(shared)
    }

    fn awaits_confirms(&self) -> bool {
        !self.in_flight.is_empty()
    }

    fn read(&mut self, shared: &Shared) -> Result<bool> {
        match self.client.input.fill(&mut self.client.stream) {
            Ok(0) => return Err(Error::new("the broker closed a producer's connection")),
            Ok(_) => {}
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => return Ok(false),
            Err(error) => return Err(Error::io("reading answers", error)),
        }
        let now = shared.clock.now();
        let before = self.answered;
        while let Some(frame) = self.client.input.next()? {
            let (correlation, mut fields) = answer::open(frame)?;
            let sent = self.in_flight.pop_front().filter(|_| correlation == self.answered as i32);
            let sent =
                sent.ok_or_else(|| Error::new(format!("answer {correlation} came, {} was due", self.answered)))?;
            answer::produce(&mut fields)?;
            self.latency.record(now.saturating_sub(sent));
            self.answered += 1;
        }
        let news = self.answered - before;
        if news > 0 {
            self.last = now;
            shared.published.fetch_add(news * self.template.batch as u64, Ordering::Relaxed);
        }
        Ok(news > 0)
    }
}
