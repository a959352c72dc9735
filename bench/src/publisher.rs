//! One producer: fills its window or keeps its schedule, writes runs of messages, reads confirms.

use std::io::{ErrorKind, Write};
use std::net::TcpStream;
use std::ops::Range;
use std::sync::atomic::Ordering;

use crate::connection::{Connection, refusal};
use crate::encode::id;
use crate::error::{Error, Result};
use crate::frame::Fields;
use crate::histogram::Histogram;
use crate::load::Load;
use crate::producer::{Source, Waits};
use crate::schedule::Schedule;
use crate::shared::Shared;
use crate::template::{Shape, Template};
use crate::window::Window;

/// One producer and its connection.
pub(crate) struct Publisher {
    pub(crate) connection: Connection,
    template: Template,
    window: Option<Window>,
    schedule: Option<Schedule>,
    quota: u64,
    sent: u64,
    slot: usize,
    unwritten: Range<usize>,
    pub(crate) confirm_latency: Histogram,
    pub(crate) confirmed: u64,
    pub(crate) refused: u64,
    /// Answers that settled something: one for each sync, if the broker gathers what one sync made durable.
    pub(crate) answers: u64,
    /// When the last message left or, with confirms, was confirmed.
    pub(crate) last: u64,
}

impl Publisher {
    /// A producer on an open connection (confirm.select done) that publishes `quota` messages.
    pub(crate) fn new(connection: Connection, load: &Load, shape: &Shape<'_>, index: usize, quota: u64) -> Publisher {
        Publisher {
            connection,
            template: Template::new(shape, index as u16),
            window: (load.confirm > 0).then(|| Window::new(load.confirm)),
            schedule: None,
            quota,
            sent: 0,
            slot: 0,
            unwritten: 0..0,
            confirm_latency: Histogram::new(),
            confirmed: 0,
            refused: 0,
            answers: 0,
            last: 0,
        }
    }

    /// How many messages were published so far.
    pub(crate) fn sent(&self) -> u64 {
        self.sent
    }

    /// Stamps the next messages and notes them in the window.
    fn begin(&mut self, count: usize, now: u64) {
        let slots = self.slot..self.slot + count;
        let first = self.sent;
        match self.schedule {
            Some(schedule) => self.template.stamp(slots.clone(), first, |nth| schedule.due(first + nth)),
            None => self.template.stamp(slots.clone(), first, |_| now),
        }
        if let Some(window) = &mut self.window {
            for nth in 0..count as u64 {
                window.published(self.schedule.map_or(now, |schedule| schedule.due(first + nth)));
            }
        }
        self.sent += count as u64;
        self.slot = slots.end % self.template.slots();
        self.unwritten = self.template.octets(slots);
    }

    fn write(&mut self, shared: &Shared) -> Result<Waits> {
        match self.connection.stream.write(&self.template.bytes()[self.unwritten.clone()]) {
            Ok(written) => {
                self.unwritten.start += written;
                if self.unwritten.is_empty() && self.sent == self.quota && self.window.is_none() {
                    self.last = shared.clock.now();
                }
                Ok(if self.unwritten.is_empty() { Waits::Nothing } else { Waits::Room })
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(Waits::Room),
            Err(error) if error.kind() == ErrorKind::Interrupted => Ok(Waits::Nothing),
            Err(error) => {
                // The broker's reason, if it sent one, says more than the broken pipe.
                self.read(shared)?;
                Err(Error::io("publishing", error))
            }
        }
    }
}

impl Source for Publisher {
    fn stream(&self) -> &TcpStream {
        &self.connection.stream
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
            if self.awaits_confirms() {
                return Ok(Waits::Confirms);
            }
            if self.last == 0 {
                self.last = shared.clock.now();
            }
            return Ok(Waits::Done);
        }
        let mut count = (self.template.slots() - self.slot) as u64;
        count = count.min(self.quota - self.sent);
        if let Some(window) = &self.window {
            count = count.min(window.room());
            if count == 0 {
                return Ok(Waits::Confirms);
            }
        }
        let now = shared.clock.now();
        if let Some(schedule) = self.schedule {
            count = count.min(schedule.due_by(now).saturating_sub(self.sent));
            if count == 0 {
                return Ok(Waits::Due(schedule.due(self.sent)));
            }
        }
        self.begin(count as usize, now);
        shared.published.fetch_add(count, Ordering::Relaxed);
        self.write(shared)
    }

    fn awaits_confirms(&self) -> bool {
        self.window.as_ref().is_some_and(|window| !window.is_empty())
    }

    fn read(&mut self, shared: &Shared) -> Result<bool> {
        match self.connection.input.fill(&mut self.connection.stream) {
            Ok(0) => return Err(Error::new("the broker closed a producer's connection")),
            Ok(_) => {}
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => return Ok(false),
            Err(error) => return Err(Error::io("reading confirms", error)),
        }
        let now = shared.clock.now();
        let before = (self.confirmed, self.refused);
        while let Some(frame) = self.connection.input.next()? {
            let refused = match frame.method() {
                id::BASIC_ACK => false,
                id::BASIC_NACK => true,
                _ => {
                    refusal(&frame)?;
                    continue;
                }
            };
            let mut fields = Fields(&frame.payload[4..]);
            let (tag, multiple) = (fields.u64()?, fields.u8()? & 1 != 0);
            if let Some(window) = &mut self.window {
                let settled = window.settle(tag, multiple, now, &mut self.confirm_latency);
                self.answers += u64::from(settled > 0);
                *(if refused { &mut self.refused } else { &mut self.confirmed }) += settled;
            }
        }
        let news = self.confirmed - before.0 + (self.refused - before.1);
        if news > 0 {
            self.last = now;
            shared.confirmed.fetch_add(self.confirmed - before.0, Ordering::Relaxed);
        }
        Ok(news > 0)
    }
}
