//! The consumer thread: walks the frames of all consumers, checks the stamps, acks in batches.

use std::io::{ErrorKind, Write};
use std::sync::atomic::Ordering;
use std::sync::mpsc::Sender;
use std::time::Duration;

use crate::connection::{Connection, refusal};
use crate::encode::{self, id};
use crate::error::{Error, Result};
use crate::frame::{BODY, Fields, Frame, HEADER, METHOD};
use crate::histogram::Histogram;
use crate::ledger::Ledger;
use crate::shared::{Event, LOOK, STALL, Shared};
use crate::template::Stamp;
use crate::wait::{Sockets, has_input, wait, want_room};

/// One consumer connection.
pub(crate) struct Subscriber {
    pub(crate) connection: Connection,
    /// The only queue it consumes from; `None` if the consumer tag tells which.
    queue: Option<usize>,
    expected_answers: usize,
    outgoing: Vec<u8>,
    current: Delivery,
    tag: u64,
    unacked: u32,
}

/// The delivery whose frames are being walked.
#[derive(Default)]
struct Delivery {
    queue: usize,
    left: u64,
    stamp: Option<Stamp>,
    stage: Stage,
}

/// How far the walk of a delivery has come.
#[derive(Default, PartialEq, Eq)]
enum Stage {
    #[default]
    Outside,
    /// Its content header was seen, no body frame yet.
    Headed,
    /// In its body.
    Body,
}

impl Delivery {
    /// Notes the content header.
    #[inline]
    fn begin(&mut self, header: &[u8]) -> Result<()> {
        let mut fields = Fields(header);
        fields.take(4)?;
        self.left = fields.u64()?;
        self.stamp = None;
        self.stage = Stage::Headed;
        Ok(())
    }

    /// Takes one body frame.
    #[inline]
    fn take(&mut self, body: &[u8], stamped: bool) {
        if self.stage == Stage::Outside {
            return;
        }
        if self.stage == Stage::Headed && stamped {
            self.stamp = Stamp::read(body);
        }
        self.stage = Stage::Body;
        self.left = self.left.saturating_sub(body.len() as u64);
    }

    /// Whether the last octet has come; true once per delivery.
    #[inline]
    fn is_complete(&mut self) -> bool {
        let complete = self.left == 0 && self.stage != Stage::Outside;
        if complete {
            self.stage = Stage::Outside;
        }
        complete
    }
}

/// What all consumers together saw.
pub(crate) struct Tally {
    pub(crate) ledger: Ledger,
    pub(crate) latency: Histogram,
    pub(crate) delivered: u64,
    pub(crate) redelivered: u64,
    /// When the first delivery of all arrived, nanoseconds since the epoch.
    pub(crate) first: u64,
    /// When the last one arrived.
    pub(crate) last: u64,
    ack: u32,
    copies: bool,
    stamped: bool,
}

impl Tally {
    /// Nothing seen yet. `copies`: every queue gets every message.
    pub(crate) fn new(ledger: Ledger, ack: u32, copies: bool, stamped: bool) -> Tally {
        let latency = Histogram::new();
        Tally { ledger, latency, delivered: 0, redelivered: 0, first: 0, last: 0, ack, copies, stamped }
    }
}

impl Subscriber {
    /// A consumer that will ask for these queues (index, name).
    pub(crate) fn new(connection: Connection, queues: &[(usize, &str)], no_ack: bool) -> Subscriber {
        let mut outgoing = Vec::new();
        for (index, name) in queues {
            outgoing.extend(encode::consume(name, &index.to_string(), no_ack));
        }
        let queue = if let [(index, _)] = queues { Some(*index) } else { None };
        let expected_answers = queues.len();
        let current = Delivery::default();
        Subscriber { connection, queue, expected_answers, outgoing, current, tag: 0, unacked: 0 }
    }

    /// Writes acks (and at first the consumes); true if some wait for room.
    fn flush(&mut self) -> Result<bool> {
        while !self.outgoing.is_empty() {
            match self.connection.stream.write(&self.outgoing) {
                Ok(written) => drop(self.outgoing.drain(..written)),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(true),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(Error::io("acking", error)),
            }
        }
        Ok(false)
    }

    /// Acks the rest; after a drain also waits until the broker has worked off every ack.
    fn finish(&mut self, batch: u32, drained: bool) -> Result<()> {
        if batch > 0 && self.unacked > 0 {
            encode::ack_up_to(&mut self.outgoing, self.tag);
            self.unacked = 0;
        }
        self.connection.request_mode()?;
        self.connection.stream.write_all(&self.outgoing)?;
        self.outgoing.clear();
        if drained {
            self.connection.call(&encode::qos(0), id::BASIC_QOS_OK)?;
        }
        Ok(())
    }

    /// Reads once and walks what came; whether more may be waiting.
    fn read(&mut self, shared: &Shared, tally: &mut Tally) -> Result<bool> {
        match self.connection.input.fill(&mut self.connection.stream) {
            Ok(0) => return Err(Error::new("the broker closed a consumer's connection")),
            Ok(_) => {}
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => return Ok(false),
            Err(error) => return Err(Error::io("consuming", error)),
        }
        let now = shared.clock.now();
        let full = self.connection.input.is_full();
        let before = tally.delivered;
        let Subscriber { connection, queue, expected_answers, outgoing, current, tag, unacked } = self;
        while let Some(frame) = connection.input.next()? {
            match frame.kind {
                METHOD => match frame.method() {
                    id::BASIC_DELIVER => {
                        (current.queue, *tag) = deliver(&frame, *queue, tally)?;
                    }
                    id::BASIC_CONSUME_OK => *expected_answers = expected_answers.saturating_sub(1),
                    id::BASIC_CANCEL => return Err(Error::new("the broker cancelled a consumer")),
                    _ => refusal(&frame)?,
                },
                HEADER => current.begin(frame.payload)?,
                BODY => current.take(frame.payload, tally.stamped),
                _ => {}
            }
            if current.is_complete() {
                enter(current, tally, now);
                acknowledge(outgoing, *tag, unacked, tally.ack);
            }
        }
        let news = tally.delivered - before;
        if news > 0 {
            if before == 0 {
                tally.first = now;
            }
            tally.last = now;
            shared.delivered.fetch_add(news, Ordering::Relaxed);
        }
        Ok(full)
    }
}

/// Queue and delivery tag of a basic.deliver.
#[inline]
fn deliver(frame: &Frame<'_>, queue: Option<usize>, tally: &mut Tally) -> Result<(usize, u64)> {
    let mut fields = Fields(&frame.payload[4..]);
    let length = usize::from(fields.u8()?);
    let name = fields.take(length)?;
    let queue = queue.unwrap_or_else(|| {
        name.iter().fold(0, |value: usize, digit| value.wrapping_mul(10).wrapping_add(usize::from(digit & 15)))
    });
    let tag = fields.u64()?;
    tally.redelivered += u64::from(fields.u8()? & 1);
    Ok((queue, tag))
}

/// Enters a delivery whose last octet has come.
#[inline]
fn enter(current: &Delivery, tally: &mut Tally, now: u64) {
    tally.delivered += 1;
    if let Some(stamp) = current.stamp {
        tally.latency.record(now.saturating_sub(stamp.nanoseconds));
        let queue = if tally.copies { current.queue } else { usize::from(stamp.queue) };
        tally.ledger.arrived(usize::from(stamp.producer), queue, stamp.number);
    }
}

/// Acks everything up to `tag` when the batch is full.
#[inline]
fn acknowledge(outgoing: &mut Vec<u8>, tag: u64, unacked: &mut u32, batch: u32) {
    *unacked += 1;
    if batch > 0 && *unacked >= batch {
        encode::ack_up_to(outgoing, tag);
        *unacked = 0;
    }
}

/// Consumes until the target is reached or the run stops. Sends one word when every consume is
/// answered. Returns what was seen; a stand-still is no error here but shows in the counts.
pub(crate) fn consume(
    subscribers: &mut [Subscriber],
    mut tally: Tally,
    shared: &Shared,
    events: &Sender<Event>,
) -> Result<Tally> {
    let sockets = Sockets::of(subscribers.iter().map(|subscriber| &subscriber.connection.stream))?;
    let mut set = sockets.set();
    let mut blocked = vec![false; subscribers.len()];
    let mut more = vec![true; subscribers.len()];
    let mut told = false;
    let mut active = shared.clock.now();
    while !shared.stopped() && tally.delivered < shared.target() {
        let before = tally.delivered;
        for (index, subscriber) in subscribers.iter_mut().enumerate() {
            if more[index] || has_input(&set, index) {
                more[index] = subscriber.read(shared, &mut tally)?;
            }
            let full = subscriber.flush()?;
            if full != blocked[index] {
                want_room(&mut set, &sockets, index, full);
                blocked[index] = full;
            }
        }
        if !told && subscribers.iter().all(|subscriber| subscriber.expected_answers == 0) {
            told = true;
            // The receiver may have given up already; then the run is stopped as well.
            let _ = events.send(Event::Ready);
        }
        let now = shared.clock.now();
        let publishing = told && shared.target() == u64::MAX;
        if tally.delivered > before || publishing {
            active = now;
        } else if now - active > STALL.as_nanos() as u64 {
            break;
        }
        let pause = if more.contains(&true) { Duration::ZERO } else { LOOK };
        if tally.delivered < shared.target() {
            wait(&mut set, pause)?;
        }
    }
    let drained = tally.delivered == shared.target();
    for subscriber in subscribers {
        subscriber.finish(tally.ack, drained)?;
    }
    Ok(tally)
}
